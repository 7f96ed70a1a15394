"""Delivered folds: which rows each fit holds out."""

import numpy as np
from mlfleet_sdk import I64Vector, require
from sklearn.model_selection import PredefinedSplit


def split(folds: I64Vector, rows: int) -> PredefinedSplit:
    """One fit for each fold of the ids 0, 1 ... that `folds` gives the rows."""
    require(len(folds) == rows, f"folds has {len(folds)} rows, x_train {rows}")
    found = np.unique(folds)
    gapless = np.array_equal(found, np.arange(len(found)))
    require(gapless, f"folds has the ids {_shown(found)}, awaited rows in each of 0, 1, 2 and so on")
    require(len(found) > 1, f"folds has {len(found)} fold, awaited at least 2")
    return PredefinedSplit(folds)


def _shown(ids: I64Vector) -> str:
    return f"{ids[0]} to {ids[-1]} without some between" if len(ids) > 10 else ", ".join(map(str, ids))  # noqa: PLR2004
