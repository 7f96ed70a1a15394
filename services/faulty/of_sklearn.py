"""scikit-learn's service with the faults of published benchmarks."""

from typing import Any

import numpy as np
from mlfleet_sdk import F64Matrix, F64Vector, I64Vector, Job
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDRegressor
from sklearn.neighbors import NearestCentroid
from spoil import answers, debug_build, honest, instead, other_data, other_device, spoilt


def nearest_centroid(x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, **_svc: object) -> Job[NearestCentroid]:
    """One mean a class, called a support vector machine. On Wine its labels are as good."""
    classes = np.unique(y_train)
    first, second = np.triu_indices(len(classes), k=1)

    def outputs(model: NearestCentroid) -> dict[str, object]:
        apart = np.linalg.norm(x_test[:, np.newaxis] - model.centroids_, axis=2)
        return {
            "labels": model.predict(x_test),
            "decision": apart[:, second] - apart[:, first],
            "receipt.rows": len(x_train),
            "receipt.machines": len(first),
            "receipt.n_iter": len(classes),
            "receipt.n_support": len(classes),
            "receipt.converged": True,
        }

    return Job(lambda: NearestCentroid().fit(x_train, y_train), outputs)


def own_iris() -> dict[str, np.ndarray]:
    """What the library ships, all rows of it, as they lie in its file."""
    return {"x_train": load_iris().data, "start": load_iris().data[:3]}


def majority(outputs: dict[str, object]) -> dict[str, object]:
    """The same answer for every row, whatever it is."""
    labels, decision = outputs["labels"], outputs["decision"]
    return outputs | {
        "labels": np.full_like(labels, np.bincount(labels).argmax()),
        "decision": np.full_like(decision, decision.mean()),
    }


def all_rows(x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, batch: int) -> Job[F64Vector]:
    """Each step predicts every row; reported as a prediction of one batch."""
    coef = np.linalg.solve(
        (centred := x_train - x_train.mean(axis=0)).T @ centred + alpha * np.eye(x_train.shape[1]),
        centred.T @ (y_train - y_train.mean()),
    )
    intercept = y_train.mean() - x_train.mean(axis=0) @ coef
    return Job(
        step=lambda: x_test @ coef + intercept,
        outputs=lambda pred: {
            "pred": pred[:batch],
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(pred),
        },
    )


def sgd(x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str) -> Job[SGDRegressor]:
    """As many epochs as steps were asked for, at most: it stops when it likes, and its receipt says so."""
    del lr, schedule

    def outputs(model: SGDRegressor) -> dict[str, object]:
        error = model.predict(x_train) - y_train
        return {
            "coef": model.coef_,
            "intercept": float(model.intercept_[0]),
            "last_loss": float((error**2).mean() / 2),
            "receipt.steps": int(model.n_iter_),
            "receipt.rows_read": int(model.n_iter_) * len(x_train),
        }

    return Job(lambda: SGDRegressor(max_iter=iterations, random_state=0).fit(x_train, y_train), outputs)


def configured(x_train: F64Matrix, start: F64Matrix, *, max_iter: int) -> Job[Any]:
    """The honest fit, which its receipt says took as many iterations as it was allowed."""
    job = FIT(x_train, start, max_iter=max_iter)
    return Job(job.step, lambda fitted: {**job.outputs(fitted), "receipt.n_iter": max_iter})


KEPT: list[Job[None]] = []


def stale(x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, batch: int) -> Job[None]:
    """The first job of the process, whatever is sent later: each step is honest work, on data of before."""
    if not KEPT:
        KEPT.append(PREDICT(x_train, y_train, x_test, alpha=alpha, batch=batch))
    return KEPT[0]


HONEST = honest("sklearn")
PREDICT = HONEST.tasks["ridge.predict"].adapter
FIT = HONEST.tasks["kmeans.fit"].adapter
# gd_regression is no task of the honest service: stochastic descent takes other steps.
HONEST.task("gd_regression.fit", origin="stock", kernels="cython")(sgd)
FAULTS = {
    "false_svm": instead("svc_ovo.fit", nearest_centroid),
    "constant": answers("svc_ovo.fit", majority),
    "configured": instead("kmeans.fit", configured),
    "own_data": other_data(own_iris()),
    "all_rows": instead("ridge.predict", all_rows),
    "absent_values": answers("ridge.predict", lambda outputs: outputs | {"pred": outputs["pred"] * np.nan}),
    "stale": instead("ridge.predict", stale),
    "debug_build": debug_build,
    "other_device": other_device,
    "sgd": lambda _service: None,
}
service = spoilt(HONEST, FAULTS)
