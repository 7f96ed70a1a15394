"""k-means by Lloyd's algorithm from delivered centres, until stable.

Libraries stop by other rules and may take other steps (linfa counts the old centre as one more point), but share the
fixed points: compared is the time to the same objective.
"""

from collections.abc import Mapping
from itertools import islice

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers, permutations
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Metrics, Objective, Partition
from mlfleet.tasks.metrics import clustering
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

# Draws of a start before the dataset is called unfit for this k.
_DRAWS = 100
_CRITERIA = (Objective("inertia", 1e-4), Partition("labels", 0.99))


def lloyd(x: Floats, start: Floats, max_iter: int, weight: int = 0) -> tuple[Integers, Floats] | None:
    """Labels i64[n] and centres f64[k,d] once the labels stay, or None: a cluster became empty, or limit reached.

    `weight`: how many further points the old centre counts as when the new one is taken; 0 is Lloyd (1982), 1 is linfa.
    Distances are sums of squared differences: the matrix-product form cancels.
    """
    centres, labels = start, np.full(len(x), -1)
    for _ in range(max_iter):
        distances = np.stack([((x - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
        before, labels = labels, distances.argmin(axis=1)
        if (before == labels).all():
            return labels.astype(np.int64), centres
        if len(np.unique(labels)) < len(start):
            return None
        members = [x[labels == number] for number in range(len(start))]
        centres = np.stack(
            [
                (mine.sum(axis=0) + weight * old) / (len(mine) + weight)
                for mine, old in zip(members, centres, strict=True)
            ]
        )
    return None


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    x, _ = dataset.standardised()
    k, max_iter = int(params["k"]), int(params["max_iter"])
    if k > len(x):
        raise UsageError(f"kmeans.fit: k is {k}, dataset {dataset.name!r} has {len(x)} training rows")
    start, (labels, centres) = _start(x, k, max_iter, seed, dataset.name)
    return Case(
        task="kmeans.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "start": start},
        params=params,
        outputs={"labels": Output("I64", (len(x),), below=k), "centres": Output("F64", start.shape)},
        planned={"rows": len(x)},
        criteria=_CRITERIA,
        truth={"classes": dataset.y_train} if dataset.target == "classes" else {},
        guess={"labels": np.zeros(len(x), np.int64), "centres": np.tile(x.mean(axis=0), (k, 1))},
        reference={"labels": labels, "centres": centres},
        # Who took as many as he may has not shown that labels stay; who says the limit itself says what was asked for.
        most={"n_iter": max_iter - 1},
    )


def _start(x: Floats, k: int, max_iter: int, seed: int, name: str) -> tuple[Floats, tuple[Integers, Floats]]:
    # The first k rows of the first permutation by the run's seed from which no cluster empties (what an empty cluster
    # gets is each library's own choice) and both ways of taking a new centre end in one partition: from other starts
    # each library is right at its own fixed point, and the seed would decide whether there is a ratio.
    # Draws that fail are skipped in order, so the start depends on the seed alone.
    for order in islice(permutations(len(x), seed), _DRAWS):
        start = np.ascontiguousarray(x[order[:k]])
        fitted = lloyd(x, start, max_iter)
        other = lloyd(x, start, max_iter, weight=1) if fitted else None
        if fitted and other and (fitted[0] == other[0]).all():
            return start, fitted
    raise UsageError(
        f"kmeans.fit on {name!r} with k = {k}: of {_DRAWS} starts each emptied a cluster, was not stable after "
        f"{max_iter} iterations, or ended in a partition that depends on the update; try another k or a larger max_iter"
    )


def _bound(case: Case) -> Bound:
    """Each row is added into the mean of its cluster once, however distances are avoided (Elkan, Hamerly)."""
    rows, width = case.inputs["x_train"].shape
    return Bound(float(rows - len(case.inputs["start"])) * width, "F64")


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return clustering(case.inputs["x_train"], outputs["labels"], outputs["centres"], case.truth.get("classes"))


TASKS = (
    Task(
        name="kmeans.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={"k": ParamSpec(int, low=2, wire=False), "max_iter": ParamSpec(int, low=1), "rows": ROWS},
        make=_fit,
        metrics=_metrics,
        decides="inertia",
        direction=-1,
        criteria=_CRITERIA,
        reached={"n_iter": Reached(int, "printed", low=1), "converged": Reached(bool, "printed", must=True)},
        title_time="time to the same objective",
        bound=_bound,
        value_dependent=True,
    ),
)
