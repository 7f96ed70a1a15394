"""The batch of every `*.predict`: outputs answer batch 0, the first rows of x_test."""

from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.params import ParamSpec

BATCH = ParamSpec(int, low=1, words=("all",))


def batch_rows(task: str, batch: Param, rows: int) -> int:
    """The number that goes on the wire. Raises UsageError if x_test has fewer rows."""
    found = rows if batch == "all" else int(batch)
    if found > rows:
        raise UsageError(f"parameter 'batch' of {task} is {found}, the test part has {rows} rows")
    return found
