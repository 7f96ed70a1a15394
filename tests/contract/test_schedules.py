"""A task that may be done by several schedules is the same task by each: same payload, same answer, its own receipt."""

import pytest
from contract.cases import SEED, collect, measure, prepare, setup_of
from mlfleet import datasets, payload

NAME = "schedule"


@pytest.fixture
def scheduled(offered):
    """Each offered case that has the choice, with the words to choose from."""
    return [(case, case.task.params[NAME].words) for case in offered if NAME in case.task.params]


def test_every_schedule_takes_the_same_steps_and_says_what_it_read(launched, scheduled, subtests):
    for case, words in scheduled:
        for word in words:
            with subtests.test(task=case.task.name, schedule=word):
                params = {**case.workload.params, NAME: word}
                other = case.task.case(datasets.load(case.workload.dataset), params, SEED)
                prepare(launched, setup_of(case, params=other.params), case.data)
                measure(launched, [2])
                outputs, receipt = payload.read_outputs(collect(launched))
                assert case.task.check_outputs(other, outputs) == ()
                assert case.task.check_receipt(other, receipt) == ()
                assert case.task.score(other, outputs).findings == ()
