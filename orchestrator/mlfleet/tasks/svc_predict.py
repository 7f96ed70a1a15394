"""Decisions of a fitted C-SVC, a batch at a time: the right answers are the first rows of its fit's golden."""

from collections.abc import Mapping
from functools import partial

from mlfleet.datasets import Dataset
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.batch import BATCH, batch_rows
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


def batch_bound(case: Case) -> Bound:
    """Each number of the batch is multiplied and added once, as by a linear machine."""
    return Bound(2.0 * int(case.params["batch"]) * case.inputs["x_test"].shape[1], "F64")


def _task(name: str) -> Task:
    return Task(
        name=name,
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes",),
        params={**PARAMS, "batch": BATCH},
        make=partial(_predict, name),
        metrics=judged,
        decides="f1_macro",
        direction=1,
        criteria=CRITERIA,
        golden=True,
        bound=batch_bound,
        # As many products as the fit left support vectors.
        value_dependent=True,
    )


TASKS = tuple(_task(f"{machines}.predict") for machines in ("svc", "svc_ovo"))
