"""Nearest neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, require
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors


@service.task("knn_classify.predict", origin="in_repo", kernels="cython+openblas")
def knn_classify_predict(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock brute-force neighbours and a uniform vote written here, since `predict` does not give the neighbours."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(y_train.min() >= 0, f"y_train holds the label {y_train.min()}, awaited 0 and above")
    one_hot = np.eye(y_train.max() + 1)[y_train]
    # argmax takes the first of equal counts: the smallest label.
    return _knn(x_train, x_test, lambda rows: one_hot[rows].sum(axis=1).argmax(axis=1), k=k, index=index, batch=batch)


@service.task("knn_regress.predict", origin="in_repo", kernels="cython+openblas")
def knn_regress_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock brute-force neighbours and their mean, as above."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return _knn(x_train, x_test, lambda rows: y_train[rows].mean(axis=1), k=k, index=index, batch=batch)


def _knn(
    x_train: F64Matrix,
    x_test: F64Matrix,
    decide: Callable[[I64Matrix], NDArray[Any]],
    *,
    k: int,
    index: str,
    batch: int,
) -> Job[None]:
    """Neighbours by the stock search, and what `decide` makes of their row numbers i64[m,k]."""
    rows = len(x_train)
    require(index == "brute", f"index is {index!r}, awaited 'brute'")
    require(1 <= k <= rows, f"k is {k}, awaited 1 to {rows} (rows of x_train)")
    model = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="euclidean").fit(x_train)

    def predict(queries: F64Matrix) -> tuple[NDArray[Any], I64Matrix]:
        neighbours = model.kneighbors(queries, return_distance=False)
        return decide(neighbours), neighbours

    turns = rotation(x_train, x_test, batch, predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first[0],
            "neighbours": turns.first[1],
            "receipt.rows": model.n_samples_fit_,
            "receipt.rows_predicted": len(turns.first[0]),
            "receipt.distances": model.n_samples_fit_ * len(turns.first[0]),
        },
    )
