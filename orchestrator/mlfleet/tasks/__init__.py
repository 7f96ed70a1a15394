"""Tasks: inputs, outputs, parity and quality, a file per family."""

from mlfleet.errors import unknown
from mlfleet.tasks import (
    agglomerative,
    bert,
    boosting,
    control,
    dbscan,
    dqn_update,
    env_step,
    gaussian_mixture,
    gd_regression,
    gpt2,
    kmeans,
    kmeans_own,
    knn,
    knn_folds,
    lasso,
    linear,
    linear_svc,
    logistic,
    networks,
    nu_svc,
    pca,
    ridge,
    rl_train,
    scaler,
    sgd_regression,
    spectral,
    sums,
    svc,
    svc_folds,
    svc_predict,
    svr,
    tree,
)
from mlfleet.tasks.base import Case, Task

__all__ = ["Case", "Task", "get", "names"]

_FAMILIES = (
    control.TASKS,
    kmeans.TASKS,
    scaler.TASKS,
    linear.TASKS,
    kmeans_own.TASKS,
    dbscan.TASKS,
    agglomerative.TASKS,
    gaussian_mixture.TASKS,
    spectral.TASKS,
    ridge.TASKS,
    lasso.TASKS,
    sgd_regression.TASKS,
    knn.TASKS,
    knn_folds.TASKS,
    logistic.TASKS,
    pca.TASKS,
    tree.TASKS,
    boosting.TASKS,
    svc.TASKS,
    svc_predict.TASKS,
    svc_folds.TASKS,
    linear_svc.TASKS,
    nu_svc.TASKS,
    svr.TASKS,
    sums.TASKS,
    gd_regression.TASKS,
    networks.TASKS,
    bert.TASKS,
    gpt2.TASKS,
    env_step.TASKS,
    dqn_update.TASKS,
    rl_train.TASKS,
)
_TASKS = {task.name: task for family in _FAMILIES for task in family}


def get(name: str) -> Task:
    """The task of that name. Raises UsageError that names the nearest one."""
    if name not in _TASKS:
        raise unknown("task", name, _TASKS)
    return _TASKS[name]


def names() -> tuple[str, ...]:
    """Every task."""
    return tuple(_TASKS)
