"""Linear models: least squares by LAPACK, and predictions of them and of gradient descent."""

import numpy as np
from descent import gram
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, Job, Rotation, batches, require


@service.task("linear.fit", origin="stock", kernels="LAPACK gelsd (an SVD) beside a column of ones")
def linear_fit(x_train: F64Matrix, y_train: F64Vector) -> Job[F64Vector]:
    """Least squares with an intercept, as the weight of a column of ones."""
    _check_rank(x_train, y_train)
    return Job(
        step=lambda: _solved(x_train, y_train),
        outputs=lambda weights: {
            "coef": weights[1:],
            "intercept": float(weights[0]),
            "receipt.rows": len(x_train),
        },
    )


@service.task("linear.predict", origin="stock", kernels="openblas")
def linear_predict(x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, batch: int) -> Job[None]:
    """Predictions of one batch; fitted while preparing."""
    _check_rank(x_train, y_train)
    weights = _solved(x_train, y_train)
    return _predict(weights[1:], float(weights[0]), x_train, x_test, batch)


@service.task("gd_regression.predict", origin="in_repo", kernels="openblas")
def gd_regression_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, lr: float, iterations: int, batch: int
) -> Job[None]:
    """Predictions of one batch; fitted while preparing."""
    require(lr > 0, f"lr is {lr}, awaited a number above 0")
    require(iterations >= 1, f"iterations is {iterations}, awaited at least 1")
    _check_rows(x_train, y_train)
    found = gram(x_train, y_train, lr, iterations)
    return _predict(found.coef, found.intercept, x_train, x_test, batch)


def _solved(x: F64Matrix, y: F64Vector) -> F64Vector:
    """Intercept and coefficients, f64[d + 1]."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y)[0]


def _predict(coef: F64Vector, intercept: float, x_train: F64Matrix, x_test: F64Matrix, batch: int) -> Job[None]:
    require(x_test.shape[1] == len(coef), f"x_test has {x_test.shape[1]} columns, x_train {len(coef)}")
    parts = [x_test[part] for part in batches("x_test", len(x_test), batch)]
    turns = Rotation(parts, lambda queries: queries @ coef + intercept)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first,
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
        },
    )


def _check_rows(x_train: F64Matrix, y_train: F64Vector) -> None:
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")


def _check_rank(x_train: F64Matrix, y_train: F64Vector) -> None:
    """Least squares of less than full rank has many answers, of which each library takes its own."""
    _check_rows(x_train, y_train)
    rank, width = np.linalg.matrix_rank(x_train - x_train.mean(axis=0)), x_train.shape[1]
    require(rank == width, f"x_train has rank {rank} once its columns are centred, awaited {width}")
