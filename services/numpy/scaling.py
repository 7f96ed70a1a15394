"""Standardisation."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, Job, require


@service.task("scaler.fit", origin="in_repo", kernels="numpy")
def scaler_fit(x_train: F64Matrix) -> Job[tuple[F64Vector, F64Vector]]:
    """Mean and population std of each column."""
    x = _columns(x_train)
    return Job(
        step=lambda: scales(x),
        outputs=lambda found: {"mean": found[0], "std": found[1], "receipt.rows": len(x)},
    )


@service.task("scaler.transform", origin="in_repo", kernels="numpy")
def scaler_transform(x_train: F64Matrix) -> Job[F64Matrix]:
    """The training rows on one scale; fitted while preparing."""
    x = _columns(x_train)
    mean, std = scales(x)
    factor = 1 / std

    def step() -> F64Matrix:
        z = x - mean
        z *= factor
        return z

    return Job(step, lambda z: {"z": np.ascontiguousarray(z), "receipt.rows": len(z)})


def scales(x: F64Matrix) -> tuple[F64Vector, F64Vector]:
    """Mean and std f64[d]; a column that does not vary beyond rounding gets a std of 1.

    As scikit-learn tells one, by the error of a variance in two passes: Chan, Golub, LeVeque 1983, "Algorithms for
    Computing the Sample Variance", table 2.
    """
    rows, mean = len(x), x.mean(axis=0)
    apart = x - mean
    apart *= apart
    variance = apart.sum(axis=0) / rows
    least = np.finfo(np.float64).eps * rows
    constant = variance <= least * variance + (least * mean) ** 2
    return mean, np.where(constant, 1.0, np.sqrt(variance))


def _columns(x_train: F64Matrix) -> F64Matrix:
    """Column-major, in which columns are summed."""
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    return np.asfortranarray(x_train)
