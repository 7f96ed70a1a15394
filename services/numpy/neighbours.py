"""Nearest neighbours, found among all rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, Rotation, batches, require
from mlfleet_sdk.errors import UnknownTask
from numpy.typing import NDArray

# Of other services: NumPy has none of them.
TREES = ("kd_tree", "ball_tree")


@service.task("knn_classify.predict", origin="in_repo", kernels="openblas")
def knn_classify_predict(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """The label most of the k nearest rows have, the smallest of several."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(y_train.min() >= 0, f"y_train holds the label {y_train.min()}, awaited 0 and above")
    one_hot = np.eye(y_train.max() + 1)[y_train]
    # argmax takes the first of equal counts: the smallest label.
    return _predict(
        x_train, x_test, lambda rows: one_hot[rows].sum(axis=1).argmax(axis=1), k=k, index=index, batch=batch
    )


@service.task("knn_regress.predict", origin="in_repo", kernels="openblas")
def knn_regress_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """The mean target of the k nearest rows."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return _predict(x_train, x_test, lambda rows: y_train[rows].mean(axis=1), k=k, index=index, batch=batch)


def _predict(
    x_train: F64Matrix,
    x_test: F64Matrix,
    decide: Callable[[I64Matrix], NDArray[Any]],
    *,
    k: int,
    index: str,
    batch: int,
) -> Job[None]:
    """Neighbours of one batch at each step, and what `decide` makes of their row numbers i64[m,k]."""
    rows = len(x_train)
    if index in TREES:
        message = f"numpy searches by brute force alone, not by {index}"
        raise UnknownTask(message)
    require(index == "brute", f"index is {index!r}, awaited 'brute'")
    require(1 <= k <= rows, f"k is {k}, awaited 1 to {rows} (rows of x_train)")
    require(x_test.shape[1] == x_train.shape[1], f"x_test has {x_test.shape[1]} columns, x_train {x_train.shape[1]}")
    half_squares = (x_train**2).sum(axis=1) / 2

    def predict(queries: F64Matrix) -> tuple[NDArray[Any], I64Matrix]:
        # Half the squared distance, less the query's own share, which is the same for every row.
        neighbours = nearest(half_squares - queries @ x_train.T, k)
        return decide(neighbours), neighbours

    turns = Rotation([x_test[part] for part in batches("x_test", len(x_test), batch)], predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first[0],
            "neighbours": turns.first[1],
            "receipt.rows": rows,
            "receipt.rows_predicted": len(turns.first[0]),
            "receipt.distances": rows * len(turns.first[0]),
        },
    )


def nearest(apart: F64Matrix, k: int) -> I64Matrix:
    """Of each row of distances the k least, least first, the lowest place of equal ones first: i64[m,k]."""
    places = np.argpartition(apart, k - 1, axis=1)[:, :k]
    places.sort(axis=1)
    order = np.take_along_axis(apart, places, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)
