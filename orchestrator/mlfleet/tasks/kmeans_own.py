"""k-means from starts that each library draws for itself: to a fixed point by rule S, and with its own defaults.

Judged by compactness, ln(inertia of one cluster / inertia): of two clusterings the difference is that of their inertias
in relative terms, whatever the data; more is better and one cluster has 0.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import SPLIT_SEED, Floats
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Metrics, Spread
from mlfleet.tasks.kmeans import delivered_start
from mlfleet.tasks.metrics import clustering
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_FIT, _DEFAULTS = "kmeans_pp.fit", "kmeans_defaults.fit"
# Of the largest coordinate: linfa stops where all centres together move by less than 1e-9.
_STILL = 1e-6
# Iterations that find the reference of the defaults.
_MAX_ITER = 300


def _case(task: str, dataset: Dataset, x: Floats, params: Mapping[str, Param], reference: Arrays) -> Case:
    k = int(params["k"])
    if k > len(x):
        raise UsageError(f"{task}: k is {k}, dataset {dataset.name!r} has {len(x)} training rows")
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"labels": Output("I64", (len(x),), below=k), "centres": Output("F64", (k, x.shape[1]))},
        planned={"rows": len(x)},
        criteria=(),
        truth={"classes": dataset.y_train} if dataset.target == "classes" else {},
        guess={"labels": np.zeros(len(x), np.int64), "centres": np.tile(x.mean(axis=0), (k, 1))},
        reference=reference,
    )


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """Nothing is drawn here: services draw by Setup.seed."""
    del seed
    x, _ = dataset.standardised()
    case = _case(_FIT, dataset, x, params, {})
    return replace(case, planned={**case.planned, "starts": int(params["n_init"])})


def _defaults(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, _ = dataset.standardised()
    _, labels, centres = delivered_start(_DEFAULTS, x, int(params["k"]), _MAX_ITER, SPLIT_SEED, dataset.name)
    case = _case(_DEFAULTS, dataset, x, params, {"labels": labels, "centres": centres})
    # Halfway from chance, 0: a single start may end in a poor optimum.
    return replace(case, floor=(_metrics(case, case.reference)["compactness"] or 0.0) / 2)


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    x = case.inputs["x_train"]
    found = clustering(x, outputs["labels"], outputs["centres"], case.truth.get("classes"))
    inertia, whole = found["inertia"], float(((x - x.mean(axis=0)) ** 2).sum())
    compactness: Metrics = {"compactness": float(np.log(whole / inertia)) if inertia and whole else None}
    return {**compactness, **found}


def _moving(case: Case, outputs: Arrays) -> list[str]:
    """Why this is no fixed point: an empty part, a centre that is not its rows' mean, a row nearer to another one."""
    x, labels, centres = case.inputs["x_train"], outputs["labels"], outputs["centres"]
    sizes = np.bincount(labels, minlength=len(centres))
    if empty := int((sizes == 0).sum()):
        return [f"{empty} of {len(centres)} parts have no row"]
    means = np.stack([x[labels == number].mean(axis=0) for number in range(len(centres))])
    apart, scale = float(np.abs(means - centres).max()), float(np.abs(x).max())
    sentences = [f"a centre lies {apart:.3g} from the mean of its rows"] if apart > _STILL * scale else []
    distances = np.stack([((x - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    beyond = np.sqrt(distances[np.arange(len(x)), labels]) - np.sqrt(distances.min(axis=1))
    nearer = int((beyond > _STILL * scale).sum())
    return sentences + ([f"{nearer} of {len(x)} rows are nearer to another centre"] if nearer else [])


def _bound(case: Case) -> Bound:
    """Each row is added into the mean of its part once, in one start at least."""
    rows, width = case.inputs["x_train"].shape
    return Bound(float(rows - int(case.params["k"])) * width, "F64")


TASKS = (
    Task(
        name=_FIT,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={
            "k": ParamSpec(int, low=2),
            "init": ParamSpec(str, words=("k-means++", "random")),
            "n_init": ParamSpec(int, low=1),
            "max_iter": ParamSpec(int, low=1),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="compactness",
        direction=1,
        criteria=(),
        reached={"n_iter": Reached(int, "printed", low=1), "converged": Reached(bool, "printed", must=True)},
        undone=_moving,
        # 2 % of inertia. Untrained centres come far above the floor: what was not done, the fixed point tells.
        spread=Spread("compactness", blocks=20, margin=0.02, floor=0.1),
        bound=_bound,
        value_dependent=True,
    ),
    Task(
        name=_DEFAULTS,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={"k": ParamSpec(int, low=2), "rows": ROWS},
        make=_defaults,
        metrics=_metrics,
        decides="compactness",
        direction=1,
        criteria=(),
        alone="each takes its own number of starts and its own rule to stop",
        # A version with another default does other work.
        reached={"starts": Reached(int, "equal", low=1), "iterations": Reached(int, "equal", low=1)},
        bound=_bound,
        value_dependent=True,
    ),
)
