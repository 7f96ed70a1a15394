"""Support vector regression, and machines of a share nu."""

from itertools import combinations
from typing import Any

import numpy as np
from library import rotation, service
from machines import classes_of, require_columns, require_two, settings
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job, require
from numpy.typing import NDArray
from sklearn.svm import SVR, NuSVC


@service.task("svr.fit", origin="stock", kernels="libsvm")
def svr_fit(
    x_train: F64Matrix,
    y_train: F64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    epsilon: float,
    kernel: str,
    gamma: float,
    tol: float,
) -> Job[SVR]:
    """A tube of epsilon; predictions of x_test."""
    model = _svr(x_train, y_train, x_test, c=c, epsilon=epsilon, kernel=kernel, gamma=gamma, tol=tol)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {"pred": fitted.predict(x_test), **_receipt(fitted, machines=1)},
    )


@service.task("svr.predict", origin="stock", kernels="libsvm")
def svr_predict(  # noqa: PLR0913 - the signature is the schema
    x_train: F64Matrix,
    y_train: F64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    epsilon: float,
    kernel: str,
    gamma: float,
    tol: float,
    batch: int,
) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    model = _svr(x_train, y_train, x_test, c=c, epsilon=epsilon, kernel=kernel, gamma=gamma, tol=tol)
    turns = rotation(x_train, x_test, batch, model.fit(x_train, y_train).predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first,
            "receipt.rows": len(x_train),
            "receipt.machines": 1,
            "receipt.rows_predicted": len(turns.first),
        },
    )


@service.task("nu_svc.fit", origin="stock", kernels="libsvm")
def nu_svc_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, nu: float, kernel: str, gamma: float, tol: float
) -> Job[NuSVC]:
    """One machine, positive for class 1."""
    require_two(x_train, y_train)
    model = _nu_svc(y_train, nu=nu, kernel=kernel, gamma=gamma, tol=tol)
    require_columns(x_train, x_test)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "labels": fitted.predict(x_test),
            "decision": fitted.decision_function(x_test)[:, np.newaxis],
            **_receipt(fitted, machines=1),
        },
    )


@service.task("nu_svc_ovo.fit", origin="stock", kernels="libsvm")
def nu_svc_ovo_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, nu: float, kernel: str, gamma: float, tol: float
) -> Job[NuSVC]:
    """One machine for each pair of classes, positive for the first of them."""
    classes = classes_of(x_train, y_train)
    model = _nu_svc(y_train, nu=nu, kernel=kernel, gamma=gamma, tol=tol)
    require_columns(x_train, x_test)

    def outputs(fitted: NuSVC) -> dict[str, Any]:
        decision = fitted.decision_function(x_test)
        return {
            "labels": fitted.predict(x_test),
            # With two classes scikit-learn gives one column, and the other sign.
            "decision": decision if decision.ndim > 1 else -decision[:, np.newaxis],
            **_receipt(fitted, machines=classes * (classes - 1) // 2),
        }

    return Job(step=lambda: model.fit(x_train, y_train), outputs=outputs)


@service.task("nu_svc.predict", origin="stock", kernels="libsvm")
def nu_svc_predict(
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    *,
    nu: float,
    kernel: str,
    gamma: float,
    tol: float,
    batch: int,
) -> Job[None]:
    """Decision values of one batch and their signs; fitted while preparing."""
    require_two(x_train, y_train)
    model = _nu_svc(y_train, nu=nu, kernel=kernel, gamma=gamma, tol=tol).fit(x_train, y_train)

    def decide(queries: F64Matrix) -> tuple[I64Vector, NDArray[np.float64]]:
        decision = model.decision_function(queries)
        return (decision > 0).astype(np.int64), decision[:, np.newaxis]

    turns = rotation(x_train, x_test, batch, decide)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "labels": turns.first[0],
            "decision": turns.first[1],
            "receipt.rows": len(x_train),
            "receipt.machines": 1,
            "receipt.rows_predicted": len(turns.first[0]),
        },
    )


def _svr(
    x_train: F64Matrix,
    y_train: F64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    epsilon: float,
    kernel: str,
    gamma: float,
    tol: float,
) -> SVR:
    require(min(c, epsilon) > 0, f"c and epsilon are {c} and {epsilon}, awaited numbers above 0")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require_columns(x_train, x_test)
    return SVR(C=c, epsilon=epsilon, **settings(kernel=kernel, gamma=gamma, tol=tol))


def _nu_svc(y_train: I64Vector, *, nu: float, kernel: str, gamma: float, tol: float) -> NuSVC:
    """Refuses a share that one side of a pair cannot carry: its weights add up to half of nu n, and none is above 1."""
    require(nu > 0, f"nu is {nu}, awaited a number above 0")
    counts = [float(count) for count in np.bincount(y_train)]
    for (first, one), (second, other) in combinations(enumerate(counts), 2):
        limit = 2 * min(one, other) / (one + other)
        require(
            nu * (one + other) / 2 <= min(one, other),
            f"nu is {nu:g}, awaited above 0 and at most {limit:.6f}: "
            f"2 min(n+, n-) / n of the classes {first} and {second}",
        )
    return NuSVC(nu=nu, decision_function_shape="ovo", **settings(kernel=kernel, gamma=gamma, tol=tol))


def _receipt(fitted: SVR | NuSVC, *, machines: int) -> dict[str, Any]:
    return {
        "receipt.rows": fitted.shape_fit_[0],
        "receipt.machines": machines,
        "receipt.n_iter": int(np.sum(fitted.n_iter_)),
        "receipt.n_support": len(fitted.support_),
        "receipt.converged": fitted.fit_status_ == 0,
    }
