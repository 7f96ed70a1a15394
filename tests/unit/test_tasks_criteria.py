"""Each parity class at its edge: what is just inside passes, what is just outside says so."""

import numpy as np
import pytest
from mlfleet.tasks.criteria import Answer, Close, Criterion, Equal, Objective, Partition, Share, Within, class_text

ROWS = np.arange(200) % 2


def failure(criterion: Criterion, found: Answer, reference: Answer) -> str | None:
    return criterion.judge(found, reference).failure


def labels(wrong: int, rows: int = 200) -> Answer:
    changed = ROWS[:rows].copy()
    changed[:wrong] = 1 - changed[:wrong]
    return Answer({"labels": changed}, {})


def value(number: float | None) -> Answer:
    return Answer({}, {"value": number})


def array(*numbers: float) -> Answer:
    return Answer({"out": np.array(numbers)}, {})


def test_equal_allows_nothing() -> None:
    assert failure(Equal("labels"), labels(0), labels(0)) is None
    assert failure(Equal("labels"), labels(1), labels(0)) == "labels agree on 0.995 of 200 rows, 1 awaited"


def test_share_allows_its_share_and_always_one_row() -> None:
    assert failure(Share("labels", 0.99), labels(2), labels(0)) is None
    assert failure(Share("labels", 0.99), labels(3), labels(0)) == "labels agree on 0.985 of 200 rows, 0.990 awaited"
    assert failure(Share("labels", 0.99), labels(1, rows=20), labels(0, rows=20)) is None
    assert failure(Share("labels", 0.99), labels(2, rows=20), labels(0, rows=20)) is not None


def test_a_row_of_neighbours_counts_once() -> None:
    table = np.arange(12).reshape(4, 3)
    other = table.copy()
    other[1] = 0
    judgement = Equal("out").judge(Answer({"out": other}, {}), Answer({"out": table}, {}))
    assert judgement.distance == 0.75


def test_a_partition_may_be_numbered_otherwise() -> None:
    renamed = Answer({"labels": 1 - ROWS}, {})
    assert failure(Partition("labels", 0.99), renamed, labels(0)) is None
    assert failure(Partition("labels", 0.99), labels(1), labels(0)) is None
    words = failure(Partition("labels", 0.99), labels(2), labels(0))
    assert words is not None
    assert "adjusted Rand index of 0.960 over 200 rows" in words


def test_close_is_relative_to_the_norm_of_the_reference() -> None:
    assert failure(Close("out", 1e-2), array(1000, 9), array(1000, 0)) is None
    words = failure(Close("out", 1e-2), array(1000, 11), array(1000, 0))
    assert words == "out lie 0.011 of the reference's norm apart, 0.01 awaited"
    assert failure(Close("out", 1e-2), array(0, 0), array(1e-9, 0)) is not None


def test_close_bounds_the_largest_element_too() -> None:
    # One of a thousand: the norm of the difference is 1e-3 of the reference's, the element 0.3 of the largest.
    reference = np.full(100_000, 1.0)
    found = reference.copy()
    found[0] = 1.3
    answer = Answer({"out": found}, {})
    assert failure(Close("out", 1e-2), answer, Answer({"out": reference}, {})) is not None


def test_close_to_zeros_is_zeros() -> None:
    assert failure(Close("out", 1e-2), array(0, 0), array(0, 0)) is None
    assert failure(Close("out", 1e-2), array(0, 1e-300), array(0, 0)) is not None


def test_a_better_objective_is_unequal_too() -> None:
    objective = Objective("value", 1e-4)
    for inside in (10_000.9, 9_999.1):
        assert failure(objective, value(inside), value(10_000)) is None
    for outside in (10_001.1, 9_998.9):
        assert failure(objective, value(outside), value(10_000)) is not None
    assert failure(objective, value(None), value(10_000)) == "value is undefined, 10000 within 0.0001 awaited"


def test_within_is_absolute_and_may_allow_one_row() -> None:
    assert failure(Within("value", 0.01), value(0.509), value(0.5)) is None
    assert failure(Within("value", 0.01), value(0.511), value(0.5)) == "value is 0.511, 0.5 ± 0.01 awaited"
    assert failure(Within("value", 0.01), value(None), value(0.5)) is not None
    assert failure(Within("value", 0.01), value(None), value(None)) is None
    allowing = Within("value", 0.01, rows="labels")
    reference = Answer(labels(0).outputs, {"value": 0.5})
    assert failure(allowing, Answer(labels(1).outputs, {"value": 0.4}), reference) is None
    assert failure(allowing, Answer(labels(2).outputs, {"value": 0.4}), reference) is not None


@pytest.mark.parametrize("criterion", [Close("out", 1e-2), Equal("out")])
def test_what_is_no_number_never_agrees(criterion: Criterion) -> None:
    assert failure(criterion, array(float("nan"), 0), array(1, 0)) is not None
    assert failure(criterion, array(float("inf"), 0), array(1, 0)) is not None


def test_classes_are_named_once() -> None:
    assert class_text((Close("a", 1e-8), Close("b", 1e-8), Within("r2", 1e-8))) == "C(1e-08)"
