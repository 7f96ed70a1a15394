"""The rows that a task is given, and the folds that hold them out."""

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.folds import fold_ids


def test_the_first_rows_are_given_and_the_test_part_stays():
    task, diabetes = tasks.get("ridge.fit"), datasets.load("diabetes")
    whole, part = (task.case(diabetes, {"alpha": 1.0, "rows": rows}, seed=1) for rows in ("all", 50))
    assert part.planned == {"rows": 50}
    assert part.params == {"alpha": 1.0}
    assert (part.inputs["y_train"] == whole.inputs["y_train"][:50]).all()
    assert (part.truth["y_test"] == whole.truth["y_test"]).all()
    assert task.case(diabetes, {"alpha": 1.0}, seed=1).planned == whole.planned


def test_more_rows_than_there_are_is_an_error():
    with pytest.raises(UsageError, match=r"'rows' of ridge\.fit is 355, dataset 'diabetes' has 354 training rows"):
        tasks.get("ridge.fit").case(datasets.load("diabetes"), {"alpha": 1.0, "rows": 355}, seed=1)


def test_folds_share_rows_and_classes_equally():
    y = np.array([0] * 7 + [1] * 13 + [2] * 5)
    ids = fold_ids("ridge.cross_validate", y, 5, classes=True)
    assert ids.dtype == np.int64
    assert np.bincount(ids).tolist() == [5] * 5
    for group in range(3):
        counts = np.bincount(ids[y == group], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(fold_ids("ridge.cross_validate", y * 0.5, 4, classes=False))) <= 1


def test_a_fold_without_a_class_is_an_error():
    with pytest.raises(
        UsageError, match=r"'folds' of svc\.cross_validate is 3, the data have 2 training rows of class 1"
    ):
        fold_ids("svc.cross_validate", np.array([0, 0, 0, 1, 1]), 3, classes=True)
    with pytest.raises(UsageError, match=r"'folds' of ridge\.cross_validate is 6, the data have 5 training rows$"):
        fold_ids("ridge.cross_validate", np.zeros(5), 6, classes=False)
