"""Nearest neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
from folds import split
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, require
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

TREES = ("kd_tree", "ball_tree")
Decide = Callable[[I64Matrix], NDArray[Any]]


@service.task("knn_classify.predict", origin="in_repo", kernels="cython+openblas")
def knn_classify_predict(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock neighbours and a uniform vote written here, since `predict` does not give the neighbours."""
    return _predict(x_train, x_test, _vote(x_train, y_train), k=k, index=index, batch=batch)


@service.task("knn_regress.predict", origin="in_repo", kernels="cython+openblas")
def knn_regress_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock neighbours and their mean, as above."""
    return _predict(x_train, x_test, _mean(x_train, y_train), k=k, index=index, batch=batch)


@service.task("knn_classify.fit", origin="stock", kernels="cython")
def knn_classify_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, k: int, index: str
) -> Job[NearestNeighbors]:
    """The index of the rows, shown by what it finds."""
    return _fit(x_train, x_test, _vote(x_train, y_train), k=k, index=index)


@service.task("knn_regress.fit", origin="stock", kernels="cython")
def knn_regress_fit(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, k: int, index: str
) -> Job[NearestNeighbors]:
    """The index of the rows, as above."""
    return _fit(x_train, x_test, _mean(x_train, y_train), k=k, index=index)


@service.task("knn_classify.cross_validate", origin="stock", kernels="cython+openblas")
def knn_classify_cross_validate(
    x_train: F64Matrix, y_train: I64Vector, folds: I64Vector, *, k: int, index: str
) -> Job[I64Vector]:
    """Predictions of each fold's rows by the rows of all others."""
    _check_labels(x_train, y_train)
    parts = split(folds, len(x_train))
    fewest = len(x_train) - int(np.bincount(folds).max())
    require(index in ("brute", *TREES), f"index is {index!r}, awaited one of brute, {', '.join(TREES)}")
    require(1 <= k <= fewest, f"k is {k}, awaited 1 to {fewest} (rows of x_train, {len(x_train)}, less a fold's)")
    model = KNeighborsClassifier(k, algorithm=index)
    return Job(
        step=lambda: cross_val_predict(model, x_train, y_train, cv=parts),
        outputs=lambda pred: {
            "pred": pred,
            "receipt.rows": len(pred),
            "receipt.fits": parts.get_n_splits(),
        },
    )


def _check_labels(x_train: F64Matrix, y_train: I64Vector) -> None:
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(y_train.min() >= 0, f"y_train holds the label {y_train.min()}, awaited 0 and above")


def _vote(x_train: F64Matrix, y_train: I64Vector) -> Decide:
    """The label of most of the neighbours."""
    _check_labels(x_train, y_train)
    one_hot = np.eye(y_train.max() + 1)[y_train]
    # argmax takes the first of equal counts: the smallest label.
    return lambda rows: one_hot[rows].sum(axis=1).argmax(axis=1)


def _mean(x_train: F64Matrix, y_train: F64Vector) -> Decide:
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return lambda rows: y_train[rows].mean(axis=1)


def _index(x_train: F64Matrix, k: int, index: str, words: tuple[str, ...]) -> NearestNeighbors:
    rows = len(x_train)
    require(index in words, f"index is {index!r}, awaited one of {', '.join(words)}")
    require(1 <= k <= rows, f"k is {k}, awaited 1 to {rows} (rows of x_train)")
    return NearestNeighbors(n_neighbors=k, algorithm=index, metric="euclidean")


def _nearest(model: NearestNeighbors, queries: F64Matrix) -> I64Matrix:
    return np.asarray(model.kneighbors(queries, return_distance=False))


def _predict(x_train: F64Matrix, x_test: F64Matrix, decide: Decide, *, k: int, index: str, batch: int) -> Job[None]:
    """Neighbours by the stock search, and what `decide` makes of their row numbers i64[m,k]."""
    model = _index(x_train, k, index, ("brute", *TREES)).fit(x_train)

    def predict(queries: F64Matrix) -> tuple[NDArray[Any], I64Matrix]:
        neighbours = _nearest(model, queries)
        return decide(neighbours), neighbours

    turns = rotation(x_train, x_test, batch, predict)

    def outputs(_: None) -> dict[str, object]:
        rows, predicted = model.n_samples_fit_, len(turns.first[0])
        every = {"receipt.distances": rows * predicted} if index == "brute" else {}
        return {
            "pred": turns.first[0],
            "neighbours": turns.first[1],
            "receipt.rows": rows,
            "receipt.rows_predicted": predicted,
            **every,
        }

    return Job(step=turns.step, outputs=outputs)


def _fit(x_train: F64Matrix, x_test: F64Matrix, decide: Decide, *, k: int, index: str) -> Job[NearestNeighbors]:
    columns = x_train.shape[1]
    require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
    model = _index(x_train, k, index, TREES)

    def outputs(fitted: NearestNeighbors) -> dict[str, object]:
        neighbours = _nearest(fitted, x_test)
        return {
            "pred": decide(neighbours),
            "neighbours": neighbours,
            "receipt.rows": fitted.n_samples_fit_,
            "receipt.rows_predicted": len(x_test),
        }

    return Job(step=lambda: model.fit(x_train), outputs=outputs)
