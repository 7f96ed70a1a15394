"""The folds of every `*.cross_validate`: delivered, so that no library's splitter decides which rows are held out."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.dataset import SPLIT_SEED, Floats, Integers, permutations
from mlfleet.errors import UsageError
from mlfleet.tasks.metrics import Metrics
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


def out_of_fold(ids: Integers, answer: Callable[[Integers, Integers], Floats]) -> Floats:
    """Predictions f64[n], each row's by the fold that holds it out; `answer` gets the fitted and the held-out rows."""
    found = np.empty(len(ids))
    for fold in np.unique(ids):
        fitted, held = np.flatnonzero(ids != fold), np.flatnonzero(ids == fold)
        found[held] = answer(fitted, held)
    return found


def per_fold(ids: Integers, score: Callable[[Integers], Mapping[str, float | None]]) -> Metrics:
    """Metrics of each fold's rows as `<name>_fold_<number>`, their mean as `<name>`, their population std as `_std`.

    None where a fold has none.
    """
    by_fold = [score(np.flatnonzero(ids == fold)) for fold in np.unique(ids)]
    metrics: Metrics = {}
    for name in by_fold[0]:
        values = [found[name] for found in by_fold]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        metrics[name] = float(np.mean(known)) if whole else None
        metrics[f"{name}_std"] = float(np.std(known)) if whole else None
        metrics |= {f"{name}_fold_{fold}": value for fold, value in enumerate(values)}
    return metrics
