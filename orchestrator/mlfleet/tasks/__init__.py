"""Tasks: inputs, outputs, parity and quality, a file per family."""

from mlfleet.errors import unknown
from mlfleet.tasks import (
    bert,
    boosting,
    control,
    dqn_update,
    env_step,
    gd_regression,
    gpt2,
    kmeans,
    knn,
    knn_folds,
    logistic,
    networks,
    pca,
    ridge,
    rl_train,
    sums,
    svc,
    tree,
)
from mlfleet.tasks.base import Case, Task

__all__ = ["Case", "Task", "get", "names"]

_FAMILIES = (
    control.TASKS,
    kmeans.TASKS,
    ridge.TASKS,
    knn.TASKS,
    knn_folds.TASKS,
    logistic.TASKS,
    pca.TASKS,
    tree.TASKS,
    boosting.TASKS,
    svc.TASKS,
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
