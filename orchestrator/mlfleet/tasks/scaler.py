"""Standardisation of raw columns: their mean and population std; a constant column is divided by 1."""

from collections.abc import Mapping
from math import fsum, sqrt

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Close, Metrics
from mlfleet.tasks.rows import ROWS

_FIT = (Close("mean", 1e-12), Close("std", 1e-12))
_TRANSFORM = (Close("z", 1e-12),)


def scales(x: Floats) -> tuple[Floats, Floats]:
    """Mean and std of each column, f64[d] each, by exactly rounded sums."""
    mean = np.array([fsum(column) / len(x) for column in x.T])
    std = np.array([sqrt(fsum((column - centre) ** 2) / len(x)) for column, centre in zip(x.T, mean, strict=True)])
    constant = x.min(axis=0) == x.max(axis=0)
    # Of a constant column the mean is its value, which a rounded sum may miss.
    return np.where(constant, x[0], mean), np.where(constant, 1.0, std)


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x = _raw(dataset)
    mean, std = scales(x)
    return Case(
        task="scaler.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"mean": Output("F64", mean.shape), "std": Output("F64", std.shape)},
        planned={"rows": len(x)},
        criteria=_FIT,
        guess={"mean": np.zeros_like(mean), "std": np.ones_like(std)},
        reference={"mean": mean, "std": std},
    )


def _transform(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x = _raw(dataset)
    mean, std = scales(x)
    return Case(
        task="scaler.transform",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"z": Output("F64", x.shape)},
        planned={"rows": len(x)},
        criteria=_TRANSFORM,
        guess={"z": np.zeros_like(x)},
        reference={"z": (x - mean) / std},
    )


def _raw(dataset: Dataset) -> Floats:
    return np.ascontiguousarray(dataset.x[dataset.train].reshape(len(dataset.train), -1), np.float64)


def _fit_metrics(case: Case, outputs: Arrays) -> Metrics:
    """By how much scaled columns miss mean 0 and variance 1 at most."""
    x = case.inputs["x_train"]
    with np.errstate(all="ignore"):
        z = (x - outputs["mean"]) / outputs["std"]
    return _scaled(case, z)


def _transform_metrics(case: Case, outputs: Arrays) -> Metrics:
    return _scaled(case, outputs["z"])


def _scaled(case: Case, z: Floats) -> Metrics:
    """Largest absolute mean of a column, and how far its std is from 1; constant columns have a std of 0."""
    varies = case.inputs["x_train"].min(axis=0) < case.inputs["x_train"].max(axis=0)
    with np.errstate(all="ignore"):
        mean, std = np.abs(z.mean(axis=0)).max(), np.abs(z.std(axis=0) - varies).max()
    return {"off_mean": _number(mean), "off_std": _number(std)}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _fit_bound(case: Case) -> Bound:
    """A sum and a sum of squares: every number is added twice. It is read once at least."""
    x = case.inputs["x_train"]
    return Bound(2.0 * x.size, "F64", float(x.nbytes), float(x.nbytes))


def _transform_bound(case: Case) -> Bound:
    """A subtraction, and a multiplication that may come with it in one instruction of two."""
    x = case.inputs["x_train"]
    return Bound(2.0 * x.size, "F64", float(x.nbytes), 2.0 * x.nbytes)


TASKS = (
    Task(
        name="scaler.fit",
        stage="feature",
        unit_key="rows",
        unit="row",
        targets=("real", "classes"),
        params={"rows": ROWS},
        make=_fit,
        metrics=_fit_metrics,
        decides="off_std",
        direction=-1,
        criteria=_FIT,
        bound=_fit_bound,
    ),
    Task(
        name="scaler.transform",
        stage="feature",
        unit_key="rows",
        unit="row",
        targets=("real", "classes"),
        params={"rows": ROWS},
        make=_transform,
        metrics=_transform_metrics,
        decides="off_std",
        direction=-1,
        criteria=_TRANSFORM,
        bound=_transform_bound,
    ),
)
