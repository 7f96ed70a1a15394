"""What is kept with a frozen object, and what must not see it."""

from dataclasses import asdict, replace

import samples
from mlfleet.codec import encode
from mlfleet.kept import kept
from mlfleet.values import phase, value

CELL = samples.Cell(8.8e5, 99.0)


def test_it_is_found_once_for_each_object():
    asked = []

    @kept
    def block(trial):
        asked.append(trial)
        return trial.block

    first, second = (samples.record("ridge.fit-diabetes", "linfa", CELL, number).trial for number in (1, 2))
    assert [block(one) for one in (first, first, second, first)] == [1, 1, 2, 1]
    assert asked == [first, second]


def test_what_is_kept_is_no_part_of_a_record():
    record, same = (samples.record("ridge.fit-diabetes", "linfa", CELL, 1) for _ in range(2))
    before = value(record, "time"), phase(record, "launch")
    assert before[0][0]
    assert record == same
    assert (encode(record), asdict(record), repr(record)) == (encode(same), asdict(same), repr(same))


def test_a_replaced_record_is_asked_anew():
    record = samples.record("ridge.fit-diabetes", "linfa", CELL, 1)
    assert value(record, "time")[0]
    assert value(replace(record, turns=()), "time") == (None, "not_measured")
