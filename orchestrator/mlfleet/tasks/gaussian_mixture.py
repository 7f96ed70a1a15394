"""Mixtures of Gaussians, full covariances: steps from a delivered start, predictions, and fits from an own start.

A start is what k-means from the run's seed gives: its shares, means and precisions. Matrices are stacked, f64[k*d,d].
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import SPLIT_SEED, Floats
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.bounds import product
from mlfleet.tasks.criteria import Close, Criterion, Equal, Metrics, Share, Within
from mlfleet.tasks.gaussians import Mixture, em, log_joint, log_likelihood, parts_of, responsibilities
from mlfleet.tasks.kmeans import delivered_start
from mlfleet.tasks.metrics import clustering
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_EM, _PREDICT, _FIT = "gaussian_mixture.em", "gaussian_mixture.predict", "gaussian_mixture.fit"
_RATIO = 1e-6
_STEPS: tuple[Criterion, ...] = (
    *(Close(name, _RATIO) for name in ("weights", "means", "covariances", "proba")),
    Share("labels", 0.995),
    Within("mean_log_likelihood", 1e-6),
)
_CERTAIN: tuple[Criterion, ...] = (Close("proba", _RATIO), Equal("pred"))
_CLOSE: tuple[Criterion, ...] = (Close("proba", _RATIO), Share("pred", 0.995))
# Iterations of the k-means that the start is taken from.
_START_ITER = 300
_PARAMS = {
    "k": ParamSpec(int, low=2, wire=False),
    "iterations": ParamSpec(int, low=1),
    "floor": ParamSpec(float, above=0.0),
}


@dataclass(frozen=True)
class _Fitted:
    """The delivered start, the mixture it ends in and the responsibilities f64[n,k] under that."""

    inputs: dict[str, Floats]
    mixture: Mixture
    shares: Floats


def _fitted(task: str, dataset: Dataset, x: Floats, params: Mapping[str, Param], seed: int) -> _Fitted:
    k, floor = int(params["k"]), float(params["floor"])
    labels = delivered_start(task, x, k, _START_ITER, seed, dataset.name)[1]
    start = parts_of(x, labels, floor)
    inputs: dict[str, Floats] = {
        "x_train": x,
        "weights": start.weights,
        "means": start.means,
        "precisions": np.asarray(np.linalg.inv(start.covariances), np.float64).reshape(-1, x.shape[1]),
    }
    return _Fitted(inputs, *em(x, start, int(params["iterations"]), floor))


def _em(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    x, _ = dataset.standardised()
    found = _fitted(_EM, dataset, x, params, seed)
    (rows, width), k = x.shape, len(found.mixture.weights)
    whole = parts_of(x, np.zeros(rows, np.int64), float(params["floor"]))
    return Case(
        task=_EM,
        dataset=dataset.name,
        label=dataset.label,
        inputs=found.inputs,
        params=params,
        outputs={
            "weights": Output("F64", (k,)),
            "means": Output("F64", (k, width)),
            "covariances": Output("F64", (k * width, width)),
            "proba": Output("F64", (rows, k)),
            "labels": Output("I64", (rows,), below=k),
        },
        planned={"rows": rows, "n_iter": int(params["iterations"])},
        criteria=_STEPS,
        truth={"classes": dataset.y_train} if dataset.target == "classes" else {},
        # One Gaussian for all rows, k times.
        guess={
            "weights": np.full(k, 1 / k),
            "means": np.tile(whole.means, (k, 1)),
            "covariances": np.tile(whole.covariances[0], (k, 1)),
            "proba": np.full((rows, k), 1 / k),
            "labels": np.zeros(rows, np.int64),
        },
        reference={
            "weights": found.mixture.weights,
            "means": found.mixture.means,
            "covariances": found.mixture.covariances.reshape(-1, width),
            "proba": found.shares,
            "labels": found.shares.argmax(axis=1),
        },
    )


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """The reference takes as many steps as the limit; what it ends in is one of several honest ends."""
    del seed
    steps = {"k": params["k"], "iterations": params["max_iter"], "floor": params["floor"]}
    case = _em(dataset, steps, SPLIT_SEED)
    best, chance = (_metrics(case, outputs)["mean_log_likelihood"] for outputs in (case.reference, case.guess))
    return replace(
        case,
        task=_FIT,
        inputs={"x_train": case.inputs["x_train"]},
        params=params,
        planned={"rows": case.planned["rows"]},
        criteria=(),
        # A quarter of the way to a single Gaussian: from other starts one ends in other optima.
        floor=None if best is None or chance is None else best - 0.25 * (best - chance),
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    """CLU of the labels, and the mean log-likelihood of the training rows, recomputed from the outputs."""
    x, width = case.inputs["x_train"], case.inputs["x_train"].shape[1]
    covariances = outputs["covariances"].reshape(-1, width, width)
    mean = float(log_likelihood(log_joint(Mixture(outputs["weights"], outputs["means"], covariances), x)).mean())
    likely: Metrics = {"mean_log_likelihood": mean if np.isfinite(mean) else None}
    return {**likely, **clustering(x, outputs["labels"], outputs["means"], case.truth.get("classes"))}


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    x, x_test = dataset.standardised()
    batch = batch_rows(_PREDICT, params["batch"], len(x_test))
    found = _fitted(_PREDICT, dataset, x, params, seed)
    joint = log_joint(found.mixture, x_test[:batch])
    least, most = np.sort(joint, axis=1)[:, -2:].T
    return Case(
        task=_PREDICT,
        dataset=dataset.name,
        label=dataset.label,
        inputs={**found.inputs, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={"proba": Output("F64", joint.shape), "pred": Output("I64", (batch,), below=joint.shape[1])},
        planned={"rows": len(x), "rows_predicted": batch},
        # Parts that are as likely within the tolerance of a fit may swap.
        criteria=_CERTAIN if (most - least).min() > _RATIO else _CLOSE,
        truth={
            "joint": joint,
            "means": found.mixture.means,
            **({"classes": dataset.y_test[:batch]} if dataset.target == "classes" else {}),
        },
        guess={"proba": np.full(joint.shape, 1 / joint.shape[1]), "pred": np.zeros(batch, np.int64)},
        reference={"proba": responsibilities(joint), "pred": joint.argmax(axis=1)},
    )


def _predict_metrics(case: Case, outputs: Arrays) -> Metrics:
    pred, joint = outputs["pred"], case.truth["joint"]
    chosen: Metrics = {"mean_log_joint": float(joint[np.arange(len(pred)), pred].mean())}
    x = case.inputs["x_test"][: len(pred)]
    return {**chosen, **clustering(x, pred, case.truth["means"], case.truth.get("classes"))}


def _em_bound(case: Case) -> Bound:
    """In each step each covariance is a product of the rows with themselves; densities are left out."""
    rows, width = case.inputs["x_train"].shape
    steps = int(case.params["iterations"]) * len(case.inputs["weights"])
    # Half of a symmetric product.
    return Bound(steps * product(width, rows, width) / 2, "F64")


def _predict_bound(case: Case) -> Bound:
    """Each number of the batch is used once for each part at least."""
    return Bound(float(case.params["batch"]) * case.inputs["means"].size, "F64")


def _fit_bound(case: Case) -> Bound:
    """As above, of one step."""
    rows, width = case.inputs["x_train"].shape
    return Bound(int(case.params["k"]) * product(width, rows, width) / 2, "F64")


TASKS = (
    Task(
        name=_EM,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={**_PARAMS, "rows": ROWS},
        make=_em,
        metrics=_metrics,
        decides="mean_log_likelihood",
        direction=1,
        criteria=_STEPS,
        bound=_em_bound,
    ),
    Task(
        name=_PREDICT,
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes", "real"),
        params={**_PARAMS, "batch": BATCH},
        make=_predict,
        metrics=_predict_metrics,
        decides="mean_log_joint",
        direction=1,
        criteria=_CERTAIN,
        bound=_predict_bound,
    ),
    Task(
        name=_FIT,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={
            "k": ParamSpec(int, low=2),
            "tol": ParamSpec(float, above=0.0),
            "floor": ParamSpec(float, above=0.0),
            "max_iter": ParamSpec(int, low=1),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="mean_log_likelihood",
        direction=1,
        criteria=(),
        alone="each draws its own start, linfa by ten runs of k-means",
        reached={"converged": Reached(bool, "printed", must=True)},
        bound=_fit_bound,
        value_dependent=True,
    ),
)
