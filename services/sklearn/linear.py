"""Linear models with an exact answer, and one that descends by single rows."""

from typing import TypeVar

import numpy as np
from folds import split
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job, Seed, require
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.model_selection import cross_val_predict

Model = TypeVar("Model", LinearRegression, Ridge, SGDRegressor)


@service.task("linear.fit", origin="stock", kernels="scipy's lstsq (LAPACK gelsd, an SVD) on centred columns")
def linear_fit(x_train: F64Matrix, y_train: F64Vector) -> Job[LinearRegression]:
    """Least squares; column-major, which spares the copy that LAPACK would need."""
    _check_rank(x_train, y_train)
    return _fit(LinearRegression(), np.asfortranarray(x_train), y_train)


@service.task("linear.predict", origin="stock", kernels="openblas")
def linear_predict(x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, batch: int) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    _check_rank(x_train, y_train)
    return _predict(LinearRegression(), x_train, y_train, x_test, batch)


@service.task("ridge.fit", origin="stock", kernels="openblas+lapack")
def ridge_fit(x_train: F64Matrix, y_train: F64Vector, *, alpha: float) -> Job[Ridge]:
    """Closed form by Cholesky on centred data; the intercept is not penalised."""
    return _fit(_ridge(x_train, y_train, alpha), x_train, y_train)


@service.task("ridge.predict", origin="stock", kernels="openblas")
def ridge_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, batch: int
) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    return _predict(_ridge(x_train, y_train, alpha), x_train, y_train, x_test, batch)


@service.task("ridge.cross_validate", origin="stock", kernels="openblas+lapack")
def ridge_cross_validate(x_train: F64Matrix, y_train: F64Vector, folds: I64Vector, *, alpha: float) -> Job[F64Vector]:
    """Each row predicted by the fit that held its fold out."""
    model, splits = _ridge(x_train, y_train, alpha), split(folds, len(x_train))
    return Job(
        step=lambda: cross_val_predict(model, x_train, y_train, cv=splits),
        outputs=lambda pred: {"pred": pred, "receipt.rows": len(pred), "receipt.fits": splits.get_n_splits()},
    )


@service.task("sgd_regression.fit", origin="stock", kernels="cython")
def sgd_regression_fit(
    x_train: F64Matrix, y_train: F64Vector, *, until: str, tol: float, max_iter: int, seed: Seed
) -> Job[SGDRegressor]:
    """Every default of 1.9.1 written out, so that another version does the same; the seed draws the order of rows."""
    require(until in ("tol", "limit"), f"until is {until!r}, awaited 'tol' or 'limit'")
    require(tol > 0, f"tol is {tol}, awaited a number above 0")
    require(max_iter >= 2, f"max_iter is {max_iter}, awaited at least 2")  # noqa: PLR2004 - one to stop before
    _check_rows(x_train, y_train)
    model = SGDRegressor(
        loss="squared_error",
        penalty="l2",
        alpha=1e-4,
        learning_rate="invscaling",
        eta0=0.01,
        power_t=0.25,
        tol=tol if until == "tol" else None,
        max_iter=max_iter,
        n_iter_no_change=5,
        shuffle=True,
        random_state=seed % 2**32,
    )
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_,
            "intercept": float(fitted.intercept_[0]),
            "receipt.rows": len(x_train),
            "receipt.epochs": int(fitted.n_iter_),
            # It counts from 1.
            "receipt.updates": int(fitted.t_) - 1,
        },
    )


def _fit(model: Model, x_train: F64Matrix, y_train: F64Vector) -> Job[Model]:
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_,
            "intercept": float(fitted.intercept_),
            "receipt.rows": len(x_train),
        },
    )


def _predict(model: Model, x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, batch: int) -> Job[F64Vector]:
    turns = rotation(x_train, x_test, batch, model.fit(x_train, y_train).predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first,
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
        },
    )


def _ridge(x_train: F64Matrix, y_train: F64Vector, alpha: float) -> Ridge:
    require(alpha >= 0, f"alpha is {alpha}, awaited 0 or above")
    _check_rows(x_train, y_train)
    return Ridge(alpha=alpha, solver="cholesky")


def _check_rows(x_train: F64Matrix, y_train: F64Vector) -> None:
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")


def _check_rank(x_train: F64Matrix, y_train: F64Vector) -> None:
    """Least squares of less than full rank has many answers, of which each library takes its own."""
    _check_rows(x_train, y_train)
    rank, width = np.linalg.matrix_rank(x_train - x_train.mean(axis=0)), x_train.shape[1]
    require(rank == width, f"x_train has rank {rank} once its columns are centred, awaited {width}")
