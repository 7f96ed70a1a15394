"""Standardisation."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, Job, require
from sklearn.preprocessing import StandardScaler


@service.task("scaler.fit", origin="stock", kernels="numpy")
def scaler_fit(x_train: F64Matrix) -> Job[StandardScaler]:
    """Mean and population std of each column; column-major, in which columns are summed."""
    x, model = _columns(x_train), StandardScaler()
    return Job(
        step=lambda: model.fit(x),
        outputs=lambda fitted: {
            "mean": fitted.mean_,
            "std": fitted.scale_,
            "receipt.rows": int(fitted.n_samples_seen_),
        },
    )


@service.task("scaler.transform", origin="stock", kernels="numpy")
def scaler_transform(x_train: F64Matrix) -> Job[F64Matrix]:
    """The training rows on one scale; fitted while preparing."""
    x = _columns(x_train)
    model = StandardScaler().fit(x)
    return Job(
        step=lambda: model.transform(x),
        outputs=lambda z: {"z": np.ascontiguousarray(z), "receipt.rows": len(z)},
    )


def _columns(x_train: F64Matrix) -> F64Matrix:
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    return np.asfortranarray(x_train)
