"""The folds of every `*.cross_validate`: delivered, so that no library's splitter decides which rows are held out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.dataset import SPLIT_SEED, Integers, permutations
from mlfleet.errors import UsageError
from mlfleet.tasks.params import ParamSpec

FOLDS = ParamSpec(int, low=2, wire=False)


def fold_ids(task: str, y: NDArray[Any], folds: int, *, classes: bool) -> Integers:
    """Of each row the fold that holds it out, i64[n] in 0 .. folds - 1: equal shares, of every class where there are.

    Raises UsageError if a fold would be empty, or lack a class.
    """
    order = next(permutations(len(y), SPLIT_SEED))
    groups = y[order] if classes else np.zeros(len(y), np.int64)
    found = np.empty(len(y), np.int64)
    place = 0
    for group in np.unique(groups):
        members = order[groups == group]
        if len(members) < folds:
            of = f" of class {group}" if classes else ""
            raise UsageError(f"parameter 'folds' of {task} is {folds}, the data have {len(members)} training rows{of}")
        # Each class goes on where the last one ended, so that no fold gets the odd row of all of them.
        found[members] = (np.arange(len(members)) + place) % folds
        place += len(members)
    return found
