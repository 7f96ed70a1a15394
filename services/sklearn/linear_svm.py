"""Linear support vector machines by liblinear."""

import numpy as np
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job, require
from sklearn.svm import LinearSVC

_LOSSES = ("hinge", "squared_hinge")


@service.task("linear_svc.fit", origin="stock", kernels="liblinear")
def linear_svc_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, loss: str, tol: float, max_iter: int
) -> Job[LinearSVC]:
    """Dual coordinate descent; the intercept is penalised."""
    model = _linear_svc(x_train, y_train, c=c, loss=loss, tol=tol, max_iter=max_iter)
    columns = x_train.shape[1]
    require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_[0],
            "intercept": float(fitted.intercept_[0]),
            "decision": fitted.decision_function(x_test),
            "receipt.rows": len(x_train),
            "receipt.machines": len(fitted.coef_),
            "receipt.n_iter": int(fitted.n_iter_),
            "receipt.converged": bool(fitted.n_iter_ < max_iter),
        },
    )


@service.task("linear_svc.predict", origin="stock", kernels="openblas")
def linear_svc_predict(
    x_train: F64Matrix,
    y_train: I64Vector,
    x_test: F64Matrix,
    *,
    c: float,
    loss: str,
    tol: float,
    max_iter: int,
    batch: int,
) -> Job[None]:
    """Decision values of one batch and their signs; fitted while preparing."""
    model = _linear_svc(x_train, y_train, c=c, loss=loss, tol=tol, max_iter=max_iter).fit(x_train, y_train)

    def decide(queries: F64Matrix) -> tuple[I64Vector, F64Vector]:
        decision = model.decision_function(queries)
        return (decision > 0).astype(np.int64), decision

    turns = rotation(x_train, x_test, batch, decide)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "labels": turns.first[0],
            "decision": turns.first[1],
            "receipt.rows": len(x_train),
            "receipt.machines": len(model.coef_),
            "receipt.rows_predicted": len(turns.first[0]),
            "receipt.converged": bool(model.n_iter_ < max_iter),
        },
    )


def _linear_svc(x_train: F64Matrix, y_train: I64Vector, *, c: float, loss: str, tol: float, max_iter: int) -> LinearSVC:
    require(loss in _LOSSES, f"loss is {loss!r}, awaited 'hinge' or 'squared_hinge'")
    require(min(c, tol) > 0, f"c and tol are {c:g} and {tol:g}, awaited numbers above 0")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(x_train.shape[1] >= 1, "x_train has no columns, awaited at least 1")
    classes = np.unique(y_train)
    require(classes.tolist() == [0, 1], f"y_train holds {len(classes)} classes {classes}, awaited 2: 0 and 1")
    # The state is delivered to liblinear's own generator, which orders the rows: the same orders in every language.
    return LinearSVC(C=c, loss=loss, dual=True, tol=tol, max_iter=max_iter, random_state=0)
