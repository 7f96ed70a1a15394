"""Linear models."""

from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, Job, require
from sklearn.linear_model import Ridge


@service.task("ridge.fit", origin="stock", kernels="openblas+lapack")
def ridge_fit(x_train: F64Matrix, y_train: F64Vector, *, alpha: float) -> Job[Ridge]:
    """Closed form by Cholesky on centred data; the intercept is not penalised."""
    model = _ridge(x_train, y_train, alpha)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_,
            "intercept": float(fitted.intercept_),
            "receipt.rows": len(x_train),
        },
    )


@service.task("ridge.predict", origin="stock", kernels="openblas")
def ridge_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, batch: int
) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    model = _ridge(x_train, y_train, alpha).fit(x_train, y_train)
    turns = rotation(x_train, x_test, batch, model.predict)
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
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return Ridge(alpha=alpha, solver="cholesky")
