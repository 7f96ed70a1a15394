"""What tasks of support vector machines share: kernels and labels."""

from typing import Any

import numpy as np
from mlfleet_sdk import F64Matrix, I64Vector, require
from sklearn.svm import SVC


def settings(*, kernel: str, gamma: float, tol: float) -> dict[str, Any]:
    """Arguments of every machine with a kernel; shrinking is off, as on the other side, whose is broken."""
    require(kernel in {"rbf", "linear", "poly"}, f"kernel is {kernel!r}, awaited 'rbf', 'linear' or 'poly'")
    require(min(gamma, tol) > 0, f"gamma and tol are {gamma}, {tol}; awaited numbers above 0")
    return {"kernel": kernel, "gamma": gamma, "degree": 3, "coef0": 1.0, "tol": tol, "shrinking": False}


def c_svc(*, c: float, kernel: str, gamma: float, tol: float) -> SVC:
    """C-SVC, one C for all classes; decision values of pairs."""
    require(c > 0, f"c is {c}, awaited a number above 0")
    return SVC(C=c, decision_function_shape="ovo", **settings(kernel=kernel, gamma=gamma, tol=tol))


def classes_of(x_train: F64Matrix, y_train: I64Vector) -> int:
    """How many classes there are, each from 0 on. Raises InvalidArgument."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    classes = np.unique(y_train)
    require(len(classes) > 1, f"y_train holds {len(classes)} class, awaited at least 2")
    gapless = bool((classes == np.arange(len(classes))).all())
    require(gapless, f"y_train holds the classes {classes.tolist()}, awaited 0, 1, 2 and so on")
    return len(classes)


def require_two(x_train: F64Matrix, y_train: I64Vector) -> None:
    """Raises InvalidArgument unless there are two classes."""
    classes = classes_of(x_train, y_train)
    require(classes == 2, f"y_train holds {classes} classes, awaited 2")  # noqa: PLR2004 - of a binary machine


def require_columns(x_train: F64Matrix, x_test: F64Matrix) -> None:
    """Raises InvalidArgument unless both have as many."""
    require(x_test.shape[1] == x_train.shape[1], f"x_test has {x_test.shape[1]} columns, x_train {x_train.shape[1]}")
