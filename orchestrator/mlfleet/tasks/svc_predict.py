"""Decisions of a fitted C-SVC, a batch at a time: the right answers are the first rows of its fit's golden."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from mlfleet.datasets import Dataset
from mlfleet.model import Param
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.batch import batch_rows, predicts
from mlfleet.tasks.svc import CRITERIA, PARAMS, decided, gamma_of, golden_name, judged


def _predict(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    batch = batch_rows(task, params["batch"], len(x_test))
    gamma = gamma_of(params, x)
    outputs, guess = decided(task, dataset, batch)
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": dataset.y_train, "x_test": x_test},
        params={**params, "gamma": gamma, "batch": batch},
        outputs=outputs,
        planned={"rows": len(x), "machines": outputs["decision"].shape[1], "rows_predicted": batch},
        criteria=CRITERIA,
        truth={"y_test": dataset.y_test[:batch]},
        guess=guess,
        golden=golden_name(task.replace(".predict", ".fit"), dataset, params, gamma),
    )


def by_machines(task: Task) -> Task:
    """That task as one of kernel machines: as many products as the fit left support vectors, right by its golden."""
    return replace(task, golden=True, value_dependent=True)


def _task(name: str) -> Task:
    task = predicts(
        name,
        params=PARAMS,
        make=partial(_predict, name),
        target="classes",
        decides="f1_macro",
        metrics=judged,
        criteria=CRITERIA,
    )
    return by_machines(task)


TASKS = tuple(_task(f"{machines}.predict") for machines in ("svc", "svc_ovo"))
