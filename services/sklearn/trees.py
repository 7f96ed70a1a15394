"""Trees, one and many."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job, require
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeRegressor

CRITERIA = ("squared_error", "absolute_error")


@service.task("tree.fit", origin="stock", kernels="cython")
def tree_fit(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, criterion: str, depth: int
) -> Job[DecisionTreeRegressor]:
    """Greedy cuts; of equal ones the same at each fit."""
    require(criterion in CRITERIA, f"criterion is {criterion!r}, awaited one of {', '.join(CRITERIA)}")
    require(depth >= 1, f"depth is {depth}, awaited at least 1")
    _check(x_train, len(y_train), x_test)
    model = DecisionTreeRegressor(criterion=criterion, max_depth=depth, random_state=0)
    # The type that its trees hold: else each fit would convert the rows.
    single = x_train.astype(np.float32)
    return Job(
        step=lambda: model.fit(single, y_train),
        outputs=lambda fitted: {
            "pred": fitted.predict(x_test),
            "fitted": fitted.predict(single),
            "receipt.rows": len(x_train),
            "receipt.leaves": int(fitted.get_n_leaves()),
            "receipt.depth": int(fitted.get_depth()),
        },
    )


@service.task("gradient_boosting.fit", origin="stock", kernels="cython")
def gradient_boosting_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, trees: int
) -> Job[HistGradientBoostingClassifier]:
    """So many trees on histograms, none left out by early stopping, all else as the library has it."""
    classes = np.unique(y_train)
    require(trees >= 1, f"trees is {trees}, awaited at least 1")
    _check(x_train, len(y_train), x_test)
    require(
        classes.tolist() == [0, 1],
        f"y_train has {len(classes)} classes, {', '.join(map(str, classes[:9]))}; awaited 2, 0 and 1",
    )
    model = HistGradientBoostingClassifier(max_iter=trees, early_stopping=False, random_state=0)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "labels": fitted.predict(x_test),
            "scores": fitted.decision_function(x_test),
            "receipt.rows": len(x_train),
            "receipt.classes": len(fitted.classes_),
            "receipt.trees": fitted.n_iter_,
        },
    )


def _check(x_train: F64Matrix, targets: int, x_test: F64Matrix) -> None:
    columns = x_train.shape[1]
    require(targets == len(x_train), f"y_train has {targets} rows, x_train {len(x_train)}")
    require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
