"""C-SVC by delivered folds."""

import numpy as np
from folds import split
from library import rotation, service
from machines import c_svc, require_columns, require_two
from mlfleet_sdk import F64Matrix, I64Vector, Job, require
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import PredefinedSplit, cross_val_predict


@service.task("svc.cross_validate", origin="stock", kernels="libsvm")
def svc_cross_validate(
    x_train: F64Matrix, y_train: I64Vector, folds: I64Vector, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[NDArray[np.float64]]:
    """Out-of-fold decisions of a machine for each fold, fitted on the rows of the others."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    splits = _splits(x_train, y_train, folds)
    return Job(
        step=lambda: cross_val_predict(model, x_train, y_train, cv=splits, method="decision_function"),
        outputs=lambda decision: {
            "labels": (decision > 0).astype(np.int64),
            "decision": decision[:, np.newaxis],
            "receipt.rows": len(decision),
            "receipt.machines": splits.get_n_splits(),
            "receipt.fits": splits.get_n_splits(),
        },
    )


@service.task("svc.calibrate", origin="stock", kernels="libsvm")
def svc_calibrate(
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    folds: I64Vector,
    *,
    c: float,
    kernel: str,
    gamma: float,
    tol: float,
) -> Job[CalibratedClassifierCV]:
    """Platt's sigmoid on out-of-fold decisions, and a machine on all rows."""
    model = _calibrated(x_train, y_train, folds, c=c, kernel=kernel, gamma=gamma, tol=tol)
    require_columns(x_train, x_test)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "proba": fitted.predict_proba(x_test),
            **_receipt(fitted, len(x_train)),
        },
    )


@service.task("svc.predict_proba", origin="stock", kernels="libsvm")
def svc_predict_proba(  # noqa: PLR0913 - the tensors and parameters of the task
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    folds: I64Vector,
    *,
    c: float,
    kernel: str,
    gamma: float,
    tol: float,
    batch: int,
) -> Job[None]:
    """Probabilities of one batch; fitted and calibrated while preparing."""
    model = _calibrated(x_train, y_train, folds, c=c, kernel=kernel, gamma=gamma, tol=tol).fit(x_train, y_train)
    turns = rotation(x_train, x_test, batch, model.predict_proba)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "proba": turns.first,
            "receipt.rows_predicted": len(turns.first),
            **_receipt(model, len(x_train)),
        },
    )


def _calibrated(
    x_train: F64Matrix, y_train: I64Vector, folds: I64Vector, *, c: float, kernel: str, gamma: float, tol: float
) -> CalibratedClassifierCV:
    """`SVC(probability=True)` would draw folds of its own."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    splits = _splits(x_train, y_train, folds)
    return CalibratedClassifierCV(model, method="sigmoid", cv=splits, ensemble=False)


def _splits(x_train: F64Matrix, y_train: I64Vector, folds: I64Vector) -> PredefinedSplit:
    require_two(x_train, y_train)
    splits = split(folds, len(x_train))
    for fold in np.unique(folds):
        classes = len(np.unique(y_train[folds != fold]))
        require(classes > 1, f"folds: the rows outside fold {fold} hold {classes} class, awaited 2")
    return splits


def _receipt(fitted: CalibratedClassifierCV, rows: int) -> dict[str, int]:
    # One fit for each fold, and one for each calibrated classifier: with ensemble off, of all rows.
    fits = fitted.cv.get_n_splits() + len(fitted.calibrated_classifiers_)
    return {"receipt.rows": rows, "receipt.machines": fits, "receipt.fits": fits}
