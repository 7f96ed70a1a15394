"""How many of its training rows a task is given: the size that time is drawn against."""

from dataclasses import replace

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.params import ParamSpec

ROWS = ParamSpec(int, low=1, words=("all",), wire=False, default="all")


def first_rows(task: str, dataset: Dataset, rows: Param) -> Dataset:
    """The dataset with the first so many of its training rows, which lie in drawn order; its test part stays.

    Raises UsageError if it has fewer.
    """
    if rows == "all":
        return dataset
    if int(rows) > len(dataset.train):
        raise UsageError(
            f"parameter 'rows' of {task} is {rows}, dataset {dataset.name!r} has {len(dataset.train)} training rows"
        )
    return replace(dataset, train=dataset.train[: int(rows)])
