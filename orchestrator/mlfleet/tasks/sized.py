"""How much a workload has to do, by each of its parameters that says so: what its time may be drawn against."""

from collections.abc import Mapping

from mlfleet.model import Param, Sized
from mlfleet.tasks.base import Task
from mlfleet.tasks.rows import ROWS

_ROWS = "rows"


def sizes(task: Task, params: Mapping[str, Param], train_rows: int) -> tuple[Sized, ...]:
    """Its rows, and the parameter that the task says its work grows with; `train_rows`: how many all of them are."""
    found = []
    if task.params.get(_ROWS) == ROWS:
        rows = params[_ROWS]
        found.append(Sized(_ROWS, rows if isinstance(rows, int) else train_rows))
    grown = task.size(params)
    if grown is not None and isinstance(value := params.get(grown.param), int):
        found.append(Sized(grown.param, value, grown.beside))
    return tuple(found)
