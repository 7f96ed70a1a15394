"""k-means by Lloyd's algorithm from delivered centres, until stable, and the nearest centre of further rows.

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
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.criteria import Criterion, Equal, Metrics, Objective, Partition, Share
from mlfleet.tasks.metrics import clustering
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

# Draws of a start before the dataset is called unfit for this k.
_DRAWS = 100
_CRITERIA = (Objective("inertia", 1e-4), Partition("labels", 0.99))
_PREDICT = "kmeans.predict"
# Fixed points of two libraries differ by rounding; centres so nearly as far from a row may swap.
_TIE = 1e-9
_CERTAIN: tuple[Criterion, ...] = (Equal("pred"),)
_TIED: tuple[Criterion, ...] = (Share("pred", 0.995),)
_K = ParamSpec(int, low=2, wire=False)
_MAX_ITER = ParamSpec(int, low=1)


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
    start, labels, centres = delivered_start("kmeans.fit", x, k, max_iter, seed, dataset.name)
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


def delivered_start(
    task: str, x: Floats, k: int, max_iter: int, seed: int, name: str
) -> tuple[Floats, Integers, Floats]:
    """A start f64[k,d], and the labels i64[n] and centres it ends in. Raises UsageError if there is none.

    The first k rows of the first permutation by the run's seed from which no cluster empties (what an empty cluster
    gets is each library's own choice) and both ways of taking a new centre end in one partition: from other starts
    each library is right at its own fixed point, and the seed would decide whether there is a ratio.
    Draws that fail are skipped in order, so the start depends on the seed alone.
    """
    if k > len(x):
        raise UsageError(f"{task}: k is {k}, dataset {name!r} has {len(x)} training rows")
    for order in islice(permutations(len(x), seed), _DRAWS):
        start = np.ascontiguousarray(x[order[:k]])
        fitted = lloyd(x, start, max_iter)
        other = lloyd(x, start, max_iter, weight=1) if fitted else None
        if fitted and other and (fitted[0] == other[0]).all():
            return start, *fitted
    raise UsageError(
        f"{task} on {name!r} with k = {k}: of {_DRAWS} starts each emptied a cluster, was not stable after "
        f"{max_iter} iterations, or ended in a partition that depends on the update; try another k or a larger max_iter"
    )


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    x, x_test = dataset.standardised()
    batch = batch_rows(_PREDICT, params["batch"], len(x_test))
    k, max_iter = int(params["k"]), int(params["max_iter"])
    start, _, centres = delivered_start(_PREDICT, x, k, max_iter, seed, dataset.name)
    distances = np.sqrt(np.stack([((x_test[:batch] - centre) ** 2).sum(axis=1) for centre in centres], axis=1))
    tied = (np.diff(np.sort(distances, axis=1)[:, :2], axis=1) < _TIE).any()
    return Case(
        task=_PREDICT,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "start": start, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={"pred": Output("I64", (batch,), below=k)},
        planned={"rows": len(x), "rows_predicted": batch},
        criteria=_TIED if tied else _CERTAIN,
        truth={"centres": centres} | ({"classes": dataset.y_test[:batch]} if dataset.target == "classes" else {}),
        guess={"pred": np.zeros(batch, np.int64)},
        reference={"pred": distances.argmin(axis=1)},
    )


def _bound(case: Case) -> Bound:
    """Each row is added into the mean of its cluster once, however distances are avoided (Elkan, Hamerly)."""
    rows, width = case.inputs["x_train"].shape
    return Bound(float(rows - len(case.inputs["start"])) * width, "F64")


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return clustering(case.inputs["x_train"], outputs["labels"], outputs["centres"], case.truth.get("classes"))


def _predict_metrics(case: Case, outputs: Arrays) -> Metrics:
    pred = outputs["pred"]
    return clustering(case.inputs["x_test"][: len(pred)], pred, case.truth["centres"], case.truth.get("classes"))


def _predict_bound(case: Case) -> Bound:
    """Each number of the batch is used once, however many centres are left out."""
    return Bound(float(case.params["batch"]) * case.inputs["x_test"].shape[1], "F64")


TASKS = (
    Task(
        name="kmeans.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={"k": _K, "max_iter": _MAX_ITER, "rows": ROWS},
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
    Task(
        name=_PREDICT,
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes", "real"),
        params={"k": _K, "max_iter": _MAX_ITER, "batch": BATCH},
        make=_predict,
        metrics=_predict_metrics,
        decides="inertia",
        direction=-1,
        criteria=_CERTAIN,
        bound=_predict_bound,
    ),
)
