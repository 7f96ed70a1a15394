"""Principal components: the directions of largest variance about the mean, largest first, each up to its sign."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Answer, Close, Judgement, Metrics, Within
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

# What a receipt's `solver` counts: the decomposition that ran, whatever was asked for.
SOLVERS = ("svd of x", "eigenvalues of the covariance", "randomized svd", "arpack", "lobpcg")
_DEFAULT = "solver = default is another decomposition in each library and version; the receipt's solver says which"
# Singular values that lie closer, as a share of the largest, leave their directions to rounding.
_GAP = 1e-3


@dataclass(frozen=True)
class UpToSign:
    """C(r) of the rows of an output, each turned round if that brings it nearer to the reference's."""

    output: str
    ratio: float

    @property
    def text(self) -> str:
        """C(r)."""
        return f"C({self.ratio:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: as of `Close`."""
        mine, theirs = found.outputs[self.output], reference.outputs[self.output]
        with np.errstate(all="ignore"):
            signs = np.where((mine * theirs).sum(axis=1) < 0, -1.0, 1.0)
        turned = replace(found, outputs={**found.outputs, self.output: mine * signs[:, np.newaxis]})
        return Close(self.output, self.ratio).judge(turned, reference)


_CRITERIA = (UpToSign("components", 1e-6), Close("variance", 1e-6), Within("explained_variance", 1e-6))
# What a library chooses may be an approximation: the randomized SVD of scikit-learn until 1.4 ends 4e-3 off on
# blobs16-syn, and explains 6e-6 less.
_CHOSEN = (UpToSign("components", 1e-2), Close("variance", 1e-2), Within("explained_variance", 1e-4))


def decompose(x: Floats, components: int) -> tuple[Floats, Floats]:
    """Components f64[k,d] and their variances f64[k], by the SVD of the centred rows. Raises UsageError on a tie."""
    _, values, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    gaps = -np.diff(values)[:components]
    if (gaps < _GAP * values[0]).any():
        raise UsageError(
            f"pca.fit: singular values {gaps.argmin()} and {gaps.argmin() + 1} lie within {_GAP:g} of the largest, so "
            f"rounding turns their components; try fewer than {components} components"
        )
    return directions[:components], values[:components] ** 2 / (len(x) - 1)


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    k = int(params["components"])
    if k > min(x.shape):
        raise UsageError(
            f"pca.fit: components is {k}, dataset {dataset.name!r} has {len(x)} training rows of {x.shape[1]} columns"
        )
    components, variance = decompose(x, k)
    chosen = params["solver"] == "default"
    return Case(
        task="pca.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"components": Output("F64", components.shape), "variance": Output("F64", variance.shape)},
        planned={"rows": len(x), "components": k},
        criteria=_CHOSEN if chosen else _CRITERIA,
        truth={"x_test": x_test},
        # The first columns, and what they vary.
        guess={"components": np.eye(k, x.shape[1]), "variance": x[:, :k].var(axis=0, ddof=1)},
        reference={"components": components, "variance": variance},
        most={"solver": len(SOLVERS) - 1},
        alone=_DEFAULT if chosen else "",
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    """Shares of variance: what the components say of the training rows, and what they keep of the test rows."""
    x, x_test, components = case.inputs["x_train"], case.truth["x_test"], outputs["components"]
    mean = x.mean(axis=0)
    with np.errstate(all="ignore"):
        total = ((x - mean) ** 2).sum() / (len(x) - 1)
        kept = (((x_test - mean) @ components.T) @ components - (x_test - mean)) ** 2
        found = {
            "explained_variance": float(outputs["variance"].sum() / total),
            "explained_variance_test": float(1 - kept.sum() / ((x_test - mean) ** 2).sum()),
        }
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def _bound(case: Case) -> Bound:
    """One product with X at least, for the first direction: several may share theirs."""
    return Bound(2.0 * case.inputs["x_train"].size, "F64")


TASKS = (
    Task(
        name="pca.fit",
        stage="feature",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={
            "components": ParamSpec(int, low=1),
            "solver": ParamSpec(str, words=("default", "full")),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="explained_variance_test",
        direction=1,
        criteria=_CRITERIA,
        reached={"solver": Reached(int, "versions")},
        bound=_bound,
    ),
)
