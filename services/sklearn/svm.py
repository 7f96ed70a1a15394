"""Support vector machines."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, I64Vector, Job, require
from sklearn.svm import SVC


@service.task("svc_ovo.fit", origin="stock", kernels="libsvm")
def svc_ovo_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[SVC]:
    """One-vs-one machines; shrinking is off, as on the other side."""
    require(kernel == "rbf", f"kernel is {kernel!r}, awaited 'rbf'")
    require(min(c, gamma, tol) > 0, f"c, gamma and tol are {c}, {gamma}, {tol}; awaited numbers above 0")
    classes = np.unique(y_train)
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(len(classes) > 1, f"y_train holds {len(classes)} class, awaited at least 2")
    require(x_test.shape[1] == x_train.shape[1], f"x_test has {x_test.shape[1]} columns, x_train {x_train.shape[1]}")
    model = SVC(C=c, kernel=kernel, gamma=gamma, tol=tol, shrinking=False, decision_function_shape="ovo")

    def outputs(fitted: SVC) -> dict[str, object]:
        decision = fitted.decision_function(x_test)
        return {
            "labels": fitted.predict(x_test),
            # With two classes scikit-learn gives one column, and the other sign.
            "decision": decision if decision.ndim > 1 else -decision[:, np.newaxis],
            "receipt.rows": fitted.shape_fit_[0],
            "receipt.machines": len(classes) * (len(classes) - 1) // 2,
            "receipt.n_iter": int(fitted.n_iter_.sum()),
            "receipt.n_support": len(fitted.support_),
            "receipt.converged": fitted.fit_status_ == 0,
        }

    return Job(step=lambda: model.fit(x_train, y_train), outputs=outputs)
