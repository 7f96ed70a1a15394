"""Trials beside a neighbour: where he is, and what his being seen or overlooked comes to."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from calm import turn
from fakes import ENVIRONMENT, Fleet, Launcher
from mlfleet.launch.base import LaunchSpec
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.neighbour import QUICK_TRIALS, TRIALS, Crowded, crowded_blocks, judge
from mlfleet.verdict import Verdict

SERVICE = samples.contestant("null-rust").service


@pytest.mark.parametrize("trials", [QUICK_TRIALS, TRIALS])
def test_half_of_the_blocks_is_crowded_by_the_seed_and_the_first_never(trials):
    drawn = crowded_blocks(trials, 1)
    assert len(drawn) == trials // 2
    assert drawn <= set(range(2, trials + 1))
    assert drawn == crowded_blocks(trials, 1)
    assert drawn != crowded_blocks(trials, 2)


def spec(labels, cpus):
    environment = replace(ENVIRONMENT, cpus=cpus)
    return LaunchSpec(SERVICE, None, environment, None, "name", Path("/nowhere"), labels)


@pytest.mark.parametrize(
    ("labels", "beside"),
    [({"dev.mlfleet.block": "3"}, True), ({"dev.mlfleet.block": "4"}, False), ({}, False)],
)
def test_a_neighbour_on_each_cpu_is_there_before_the_service_and_leaves_after_it(tmp_path, labels, beside):
    fleet = Fleet(tmp_path)

    @contextmanager
    def neighbour(cpu):
        fleet.log("busy", cpu)
        yield
        fleet.log("gone", cpu)

    with Crowded(Launcher(fleet), frozenset({3}), neighbour).launch(spec(labels, (0, 1))):
        fleet.log("measured")
    inside = ["launch null-rust", "measured", "remove null-rust"]
    assert fleet.events == (["busy 0", "busy 1", *inside, "gone 1", "gone 0"] if beside else inside)


BLOCKS = frozenset(range(13, 25))
QUIET = turn()
SEEN = replace(QUIET, flags=("foreign",))


def records(overlooked=0, alarms=0, verdict=Verdict.DISTURBED):
    """24 trials and two more that were appended, all of them flagged."""
    made = []
    for block in range(1, 27):
        beside = block in BLOCKS
        is_flagged = block > 24 or (block >= 13 + overlooked if beside else block <= alarms)
        made.append(
            replace(
                samples.record(CONTROL.name, "null-rust", samples.Cell(1e6), block),
                verdict=verdict if is_flagged and beside else Verdict.OK,
                turns=(SEEN if is_flagged else QUIET,),
            )
        )
    return made


@pytest.mark.parametrize("verdict", [Verdict.DISTURBED, Verdict.OK])
@pytest.mark.parametrize(
    ("overlooked", "alarms", "state"),
    [(0, 0, "ok"), (1, 1, "ok"), (2, 0, "off"), (0, 2, "not shown"), (2, 2, "off")],
)
def test_how_often_he_may_be_overlooked_and_a_quiet_trial_be_flagged(overlooked, alarms, state, verdict):
    found = judge(SERVICE, records(overlooked, alarms, verdict), BLOCKS, 24)
    assert found.state == state
    assert found.found == f"{12 - overlooked} of 12 flagged, {alarms} of 12 without a neighbour"
    assert found.expected == "at least 11 of 12 flagged, at most 1 without one"


def test_of_sixty_two_quiet_ones_may_be_flagged():
    found = judge(SERVICE, [], frozenset(), TRIALS)
    assert found.expected == "at least 29 of 30 flagged, at most 2 without one"
    # Nothing measured shows nothing.
    assert found.state == "off"


def test_a_trial_that_failed_is_no_trial():
    made = records()
    made[4] = replace(made[4], verdict=Verdict.CRASHED, reason="died of SIGSEGV")
    found = judge(SERVICE, made, BLOCKS, 24)
    assert (found.state, found.found) == ("off", "crashed: died of SIGSEGV")
