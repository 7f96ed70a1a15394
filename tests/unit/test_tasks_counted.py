"""The counted controls: the right answer, and that a share cannot be lost."""

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.catalogue import load_suite
from mlfleet.errors import UsageError
from mlfleet.tasks import counted

# By the last word of their names: interpreter, compute, memory, 20ms, ...
WORKLOADS = {workload.name.partition("-control-")[2]: workload for workload in load_suite("validate").workloads}


def case_of(name, **changes):
    workload = WORKLOADS[name]
    task = tasks.get(workload.task)
    return task, task.case(datasets.load(workload.dataset), {**workload.params, **changes}, 1)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_right_answer_passes_and_those_who_did_nothing_fail(name):
    task, case = case_of(name)
    assert task.score(case, case.reference).findings == ()
    assert task.check_outputs(case, case.reference) == ()
    for wrong in (0, 1):
        outputs = {key: np.full_like(value, wrong) for key, value in case.reference.items()}
        assert [finding.code for finding in task.score(case, outputs).findings] == ["outside_tolerance"] * 2


def test_the_generator_is_walked_as_it_is_jumped():
    state = 16
    for units in range(1, 40):
        state = (state * counted.MULTIPLIER + counted.INCREMENT) % counted.MODULUS
        assert counted.state_after(16, units) == state


@pytest.mark.parametrize("percent", [0, 2, 5, 10])
@pytest.mark.parametrize("name", ["interpreter", "compute", "memory"])
def test_every_share_is_more_work_and_more_of_another_answer(name, percent):
    (_, base), (_, more) = case_of(name), case_of(name, percent=percent)
    ((key, count),) = base.planned.items()
    assert more.planned[key] * 100 == count * (100 + percent)
    assert (more.reference == base.reference) is (percent == 0)


def test_a_sum_over_the_buffer_and_a_part_again():
    _, case = case_of("memory", chunks=20, percent=5)
    numbers = 16 + np.arange(20 * counted.CHUNK)
    assert case.reference["sum"] == numbers.sum() + numbers[: counted.CHUNK].sum()
    assert case.planned == {"chunks": 21}


@pytest.mark.parametrize(("units", "percent"), [(10, 5), (99, 2), (1, 10)])
def test_a_share_that_would_be_rounded_is_refused(units, percent):
    with pytest.raises(UsageError, match=f"{percent} % of units {units} is not whole"):
        case_of("compute", units=units, percent=percent)


def test_who_claims_another_count_is_found():
    task, case = case_of("compute", percent=5)
    (finding,) = task.check_receipt(case, {"units": 4_000_000})
    assert (finding.code, finding.detail) == ("short_work", "receipt units is 4000000, 4200000 awaited")
