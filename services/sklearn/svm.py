"""C-SVC: two classes, pairs of classes, each class against the rest."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from library import rotation, service
from machines import c_svc, classes_of, require_columns, require_two
from mlfleet_sdk import F64Matrix, I64Vector, Job, Rotation, require
from numpy.typing import NDArray
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

# Labels i64[m] and decision values f64[m,machines].
Decided = tuple[NDArray[np.int64], NDArray[np.float64]]


@service.task("svc.fit", origin="stock", kernels="libsvm")
def svc_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[SVC]:
    """One machine, positive for class 1."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    require_two(x_train, y_train)
    require_columns(x_train, x_test)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "labels": fitted.predict(x_test),
            "decision": fitted.decision_function(x_test)[:, np.newaxis],
            **_receipt([fitted], machines=1),
        },
    )


@service.task("svc_ovo.fit", origin="stock", kernels="libsvm")
def svc_ovo_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[SVC]:
    """One machine for each pair of classes, positive for the first of them."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    classes = classes_of(x_train, y_train)
    require_columns(x_train, x_test)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "labels": fitted.predict(x_test),
            "decision": _pairs(fitted, x_test),
            **_receipt([fitted], machines=classes * (classes - 1) // 2),
        },
    )


@service.task("svc_ovr.fit", origin="stock", kernels="libsvm")
def svc_ovr_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[OneVsRestClassifier]:
    """One machine for each class against the rest; the largest decision value wins."""
    model = OneVsRestClassifier(c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol))
    classes = classes_of(x_train, y_train)
    # With two, scikit-learn fits one.
    require(classes > 2, f"y_train holds {classes} classes, awaited at least 3, each against the rest")  # noqa: PLR2004
    require_columns(x_train, x_test)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "labels": fitted.predict(x_test),
            "decision": fitted.decision_function(x_test),
            **_receipt(fitted.estimators_, machines=len(fitted.estimators_)),
        },
    )


@service.task("svc.predict", origin="stock", kernels="libsvm")
def svc_predict(
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    kernel: str,
    gamma: float,
    tol: float,
    batch: int,
) -> Job[None]:
    """Decision values of one batch and their signs; fitted while preparing."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    require_two(x_train, y_train)
    model.fit(x_train, y_train)

    def decide(queries: F64Matrix) -> Decided:
        decision = model.decision_function(queries)
        return (decision > 0).astype(np.int64), decision[:, np.newaxis]

    return _predictions(rotation(x_train, x_test, batch, decide), rows=len(x_train), machines=1)


@service.task("svc_ovo.predict", origin="in_repo", kernels="libsvm")
def svc_ovo_predict(
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    kernel: str,
    gamma: float,
    tol: float,
    batch: int,
) -> Job[None]:
    """Stock decision values of one batch, and a vote written here: `predict` would compute them again."""
    model = c_svc(c=c, kernel=kernel, gamma=gamma, tol=tol)
    classes = classes_of(x_train, y_train)
    model.fit(x_train, y_train)
    vote = _vote(classes)

    def decide(queries: F64Matrix) -> Decided:
        decision = _pairs(model, queries)
        return vote(decision), decision

    pairs = classes * (classes - 1) // 2
    return _predictions(rotation(x_train, x_test, batch, decide), rows=len(x_train), machines=pairs)


def _pairs(model: SVC, x: F64Matrix) -> NDArray[np.float64]:
    """Decision values f64[m,pairs], positive for the first class."""
    decision = model.decision_function(x)
    # With two classes scikit-learn gives one column, and the other sign.
    return decision if decision.ndim > 1 else -decision[:, np.newaxis]


def _vote(classes: int) -> Callable[[NDArray[np.float64]], NDArray[np.int64]]:
    """Of each row the class that most machines speak for, the lowest of several."""
    pairs = np.array(list(combinations(range(classes), 2)))
    first, second = np.eye(classes)[pairs[:, 0]], np.eye(classes)[pairs[:, 1]]

    def vote(decision: NDArray[np.float64]) -> NDArray[np.int64]:
        wins = decision > 0
        return (wins @ first + ~wins @ second).argmax(axis=1)

    return vote


def _predictions(turns: Rotation[F64Matrix, Decided], *, rows: int, machines: int) -> Job[None]:
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "labels": turns.first[0],
            "decision": turns.first[1],
            "receipt.rows": rows,
            "receipt.machines": machines,
            "receipt.rows_predicted": len(turns.first[0]),
        },
    )


def _receipt(fitted: list[SVC], *, machines: int) -> dict[str, Any]:
    return {
        "receipt.rows": fitted[0].shape_fit_[0],
        "receipt.machines": machines,
        "receipt.n_iter": int(sum(model.n_iter_.sum() for model in fitted)),
        # Distinct rows that support at least one machine.
        "receipt.n_support": len(np.unique(np.concatenate([model.support_ for model in fitted]))),
        "receipt.converged": all(model.fit_status_ == 0 for model in fitted),
    }
