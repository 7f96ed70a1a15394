"""Every `*.predict` that takes a batch: outputs answer batch 0, the first rows of x_test."""

from collections.abc import Callable, Mapping

from mlfleet.datasets import Dataset
from mlfleet.datasets.manifest import Target
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Task
from mlfleet.tasks.criteria import Criterion, Metrics
from mlfleet.tasks.params import ParamSpec

BATCH = ParamSpec(int, low=1, words=("all",))


def batch_rows(task: str, batch: Param, rows: int) -> int:
    """The number that goes on the wire. Raises UsageError if x_test has fewer rows."""
    found = rows if batch == "all" else int(batch)
    if found > rows:
        raise UsageError(f"parameter 'batch' of {task} is {found}, the test part has {rows} rows")
    return found


def batch_bound(case: Case) -> Bound:
    """Each number of the batch is multiplied by a coefficient and added: a linear model's work, and the least."""
    return Bound(2.0 * int(case.params["batch"]) * case.inputs["x_test"].shape[1], "F64")


def predicts(
    name: str,
    *,
    params: Mapping[str, ParamSpec],
    make: Callable[[Dataset, Mapping[str, Param], int], Case],
    target: Target,
    decides: str,
    metrics: Callable[[Case, Arrays], Metrics],
    criteria: tuple[Criterion, ...],
) -> Task:
    """The task of that name: `params` and a batch. More of the metric that decides is better."""
    return Task(
        name=name,
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=(target,),
        params={**params, "batch": BATCH},
        make=make,
        metrics=metrics,
        decides=decides,
        direction=1,
        criteria=criteria,
        bound=batch_bound,
    )
