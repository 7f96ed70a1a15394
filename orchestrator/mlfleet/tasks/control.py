"""The harness's own controls, never compared: one that does nothing, in every run, and those of `counted.py`."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.model import Param, Workload
from mlfleet.tasks import counted
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Equal, Metrics

WORKLOAD = Workload(name="control.noop", task="control.noop", dataset="control")
_CRITERIA = (Equal("x"),)


def _noop(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x = np.ascontiguousarray(dataset.x)
    return Case(
        task="control.noop",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x": x},
        params=params,
        outputs={"x": Output("F64", x.shape)},
        planned={"rows": len(x)},
        criteria=_CRITERIA,
        guess={"x": np.zeros_like(x)},
        reference={"x": x},
    )


def _equal(case: Case, outputs: Arrays) -> Metrics:
    return {"equal": float((outputs["x"] == case.reference["x"]).mean())}


TASKS = (
    Task(
        name="control.noop",
        stage="infer",
        unit_key="rows",
        unit="row",
        targets=("classes", "real", "none"),
        params={},
        make=_noop,
        metrics=_equal,
        decides="equal",
        direction=1,
        criteria=_CRITERIA,
    ),
    *counted.TASKS,
)
