"""Logistic regression."""

import numpy as np
from library import RELEASE, service
from mlfleet_sdk import F64Matrix, I64Vector, Job, require
from sklearn.linear_model import LogisticRegression

# The first release that minimises the mean over the rows; those before minimise the sum, whose gradient is as many
# times as large.
MEAN_SINCE = (1, 4)


def stop(tol: float, rows: int, release: tuple[int, ...]) -> float:
    """What that release is to be told, so that it stops where no element of the mean's gradient exceeds tol."""
    return tol if release >= MEAN_SINCE else tol * rows


@service.task("logistic.fit", origin="stock", kernels="openblas+cython")
def logistic_fit(
    x_train: F64Matrix, y_train: I64Vector, *, c: float, tol: float, max_iter: int
) -> Job[LogisticRegression]:
    """L-BFGS until no element of the gradient of the mean objective exceeds tol."""
    classes = np.unique(y_train)
    require(min(c, tol) > 0, f"c and tol are {c}, {tol}; awaited numbers above 0")
    require(max_iter >= 2, f"max_iter is {max_iter}, awaited at least 2")  # noqa: PLR2004 - as the task has it
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(x_train.shape[1] > 0, f"x_train is {x_train.shape}, awaited at least one column")
    require(
        classes.tolist() == [0, 1],
        f"y_train has {len(classes)} classes, {', '.join(map(str, classes[:9]))}; awaited 2, 0 and 1",
    )
    model = LogisticRegression(C=c, solver="lbfgs", tol=stop(tol, len(x_train), RELEASE), max_iter=max_iter)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_[0],
            "intercept": float(fitted.intercept_[0]),
            "receipt.rows": len(x_train),
            "receipt.classes": len(fitted.classes_),
            "receipt.n_iter": int(fitted.n_iter_[0]),
            "receipt.converged": bool(fitted.n_iter_[0] < max_iter),
        },
    )
