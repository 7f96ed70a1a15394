"""The lasso and the elastic net by coordinate descent, on data that come centred."""

import warnings

import numpy as np
from folds import split
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job, require
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import cross_val_predict

# A coefficient beyond it counts as one.
NONZERO = 1e-6


@service.task("lasso.fit", origin="stock", kernels="cython+openblas")
def lasso_fit(x_train: F64Matrix, y_train: F64Vector, *, alpha: float, tol: float, max_iter: int) -> Job[ElasticNet]:
    """Cyclic descent from zero; column-major, in which columns are walked."""
    return _fit(_model(alpha, 1.0, tol, max_iter), x_train, y_train)


@service.task("elastic_net.fit", origin="stock", kernels="cython+openblas")
def elastic_net_fit(
    x_train: F64Matrix, y_train: F64Vector, *, alpha: float, l1_ratio: float, tol: float, max_iter: int
) -> Job[ElasticNet]:
    """As the lasso, with part of the penalty on the squares."""
    return _fit(_model(alpha, l1_ratio, tol, max_iter), x_train, y_train)


@service.task("lasso.predict", origin="stock", kernels="openblas")
def lasso_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, tol: float, max_iter: int, batch: int
) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    return _predict(_model(alpha, 1.0, tol, max_iter), x_train, y_train, x_test, batch)


@service.task("elastic_net.predict", origin="stock", kernels="openblas")
def elastic_net_predict(
    x_train: F64Matrix,
    y_train: F64Vector,
    x_test: F64Matrix,
    *,
    alpha: float,
    l1_ratio: float,
    tol: float,
    max_iter: int,
    batch: int,
) -> Job[F64Vector]:
    """As above."""
    return _predict(_model(alpha, l1_ratio, tol, max_iter), x_train, y_train, x_test, batch)


@service.task("lasso.cross_validate", origin="stock", kernels="cython+openblas")
def lasso_cross_validate(
    x_train: F64Matrix, y_train: F64Vector, folds: I64Vector, *, alpha: float, tol: float, max_iter: int
) -> Job[tuple[F64Vector, bool]]:
    """Each row predicted by the fit that held its fold out; each fit centres its own rows."""
    _check_rows(x_train, y_train)
    model = _model(alpha, 1.0, tol, max_iter).set_params(fit_intercept=True)
    splits = split(folds, len(x_train))

    def step() -> tuple[F64Vector, bool]:
        # Of its fits it gives the predictions alone; that one of them ended at the limit is a warning.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            pred = cross_val_predict(model, x_train, y_train, cv=splits)
        return pred, not caught

    return Job(
        step=step,
        outputs=lambda found: {
            "pred": found[0],
            "receipt.rows": len(found[0]),
            "receipt.fits": splits.get_n_splits(),
            "receipt.converged": found[1],
        },
    )


def _fit(model: ElasticNet, x_train: F64Matrix, y_train: F64Vector) -> Job[ElasticNet]:
    _check_rows(x_train, y_train)
    x = np.asfortranarray(x_train)
    return Job(
        step=lambda: model.fit(x, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_,
            "receipt.rows": len(x),
            "receipt.n_iter": int(fitted.n_iter_),
            "receipt.gap": float(fitted.dual_gap_),
            "receipt.nonzero": int((np.abs(fitted.coef_) > NONZERO).sum()),
            "receipt.column_major": x.flags.f_contiguous,
            "receipt.converged": _converged(fitted, y_train),
        },
    )


def _predict(
    model: ElasticNet, x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, batch: int
) -> Job[F64Vector]:
    _check_rows(x_train, y_train)
    fitted = model.fit(x_train, y_train)
    turns = rotation(x_train, x_test, batch, fitted.predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first,
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
            "receipt.converged": _converged(fitted, y_train),
        },
    )


def _model(alpha: float, l1_ratio: float, tol: float, max_iter: int) -> ElasticNet:
    require(alpha > 0, f"alpha is {alpha}, awaited a number above 0")
    require(0 < l1_ratio <= 1, f"l1_ratio is {l1_ratio}, awaited a number above 0 and at most 1")
    require(tol > 0, f"tol is {tol}, awaited a number above 0")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    # The lasso is scikit-learn's elastic net with all of the penalty on the first norm, in its own code too.
    return ElasticNet(alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False, tol=tol, max_iter=max_iter)


def _converged(fitted: ElasticNet, y_train: F64Vector) -> bool:
    """By its own rule, on the gap before it is divided by the rows."""
    return bool(fitted.dual_gap_ * len(y_train) <= fitted.tol * (y_train @ y_train))


def _check_rows(x_train: F64Matrix, y_train: F64Vector) -> None:
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
