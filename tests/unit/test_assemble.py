"""From a suite to run.json: what was asked for stands there, and the plan holds all blocks that may be measured."""

from collections import Counter
from dataclasses import replace

import pytest
import samples
from fakes import Fleet
from mlfleet import assemble
from mlfleet.catalogue import Own, load_suite
from mlfleet.commands.common import ROOT
from mlfleet.model import Workload

SUITE = replace(load_suite("defend"), threads=("1",), budget_seconds=100)
WORKLOADS = ("kmeans.fit-iris", "ridge.predict-boston_housing", "control.noop")


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """The run of a request, nothing asked and no payload made: two frameworks, in one workload only the first."""
    cells = {
        WORKLOADS[0]: {"sklearn": samples.Cell(1e6), "linfa": samples.Cell(1e6)},
        WORKLOADS[1]: {"sklearn": samples.Cell(1e6)},
        WORKLOADS[2]: {"null-rust": samples.Cell(1e6)},
    }
    taking_part = tuple(replace(samples.contestant(key), start_s=1.0) for key in ("sklearn", "linfa", "null-rust"))
    monkeypatch.setattr(assemble, "contestants", lambda *_: taking_part)
    monkeypatch.setattr(assemble, "planned_workload", lambda one, *_: samples.planned(one.name, cells[one.name]))

    def make(blocks, looks, suite=SUITE, **limits):
        services = tuple(one.service for one in taking_part)
        asked = tuple(Workload(name, "ridge.fit", "iris") for name in WORKLOADS)
        request = assemble.Request("r", suite, services, asked, None, blocks, 1, frozenset(), looks=looks, **limits)
        return assemble.make_run(request, None, "process", None, Fleet(tmp_path).bench(), ROOT)

    return make


def blocks_of(run):
    return Counter(block.workload for block in run.plan)


def test_the_plan_of_a_workload_that_looks_holds_40_blocks_and_that_of_one_without_a_pair_the_first_looks(planned):
    run = planned(SUITE.blocks, SUITE.looks)
    assert (run.blocks, run.looks, run.budget_s) == (40, (10, 15, 20, 30, 40), 100)
    assert blocks_of(run) == {WORKLOADS[0]: 40, WORKLOADS[1]: 10, WORKLOADS[2]: 10}
    assert run.blocks_text == "10 to 40 blocks"


def test_fixed_blocks_are_as_many_for_every_workload(planned):
    run = planned(7, ())
    assert (run.blocks, run.looks, run.first_look_s) == (7, (), None)
    assert set(blocks_of(run).values()) == {7}
    assert run.blocks_text == "7 blocks"


@pytest.mark.parametrize(("blocks", "looks"), [(SUITE.blocks, SUITE.looks), (7, ())])
def test_a_workloads_own_blocks_are_planned_be_they_more_or_fewer(planned, blocks, looks):
    own = {WORKLOADS[0]: Own(blocks=12), WORKLOADS[1]: Own(blocks=5)}
    run = planned(blocks, looks, replace(SUITE, own=own))
    assert blocks_of(run) == {WORKLOADS[0]: 12, WORKLOADS[1]: 5, WORKLOADS[2]: 10 if looks else 7}
    assert run.looks_of(WORKLOADS[0]) == ()
    assert run.looks_of(WORKLOADS[2]) == looks
    assert run.blocks_text.endswith(f" blocks ({WORKLOADS[0]} 12, {WORKLOADS[1]} 5)")


def test_own_blocks_leave_the_orders_of_all_others_as_they_are(planned):
    plain = planned(7, ())
    own = planned(7, (), replace(SUITE, own={WORKLOADS[0]: Own(blocks=12)}))
    rest = [block for block in own.plan if block.number <= 7]
    assert rest == list(plain.plan)


def test_a_budget_and_a_margin_of_its_own_are_in_the_plan_and_in_the_forecast(planned):
    own = {WORKLOADS[0]: Own(budget_seconds=40, margin=0.1)}
    run, plain = planned(SUITE.blocks, SUITE.looks, replace(SUITE, own=own)), planned(SUITE.blocks, SUITE.looks)
    assert (run.budget_of(WORKLOADS[0]), run.budget_of(WORKLOADS[1])) == (40, 100)
    assert (run.margin_of(WORKLOADS[0]), run.margin_of(WORKLOADS[1])) == (0.1, 0.03)
    assert run.forecast_s == pytest.approx(plain.forecast_s - 60)


def test_schedule_memory_and_metrics_of_its_own_are_in_the_plan_and_leave_the_others_alone(planned):
    own = {WORKLOADS[0]: Own(schedule="short", memory_bytes=1 << 30, metrics=("cpu",))}
    run, plain = planned(5, (), replace(SUITE, own=own)), planned(5, ())
    first, second = WORKLOADS[:2]
    assert (run.schedule_of(first), run.schedule_of(second)) == ("short", "standard")
    assert (run.metrics_of(first), run.metrics_of(second)) == (("cpu",), run.metrics)
    assert run.environment_of(first) == replace(run.environment, memory_bytes=1 << 30)
    assert run.environment_of(second) == run.environment
    assert {(block.workload, len(block.turns)) for block in run.plan} == {(first, 1), (second, 3), (WORKLOADS[2], 3)}
    rest = [block for block in run.plan if block.workload != first]
    assert rest == [block for block in plain.plan if block.workload != first]
    assert run.forecast_s < plain.forecast_s


def test_a_limit_that_wants_short_trials_takes_a_schedule_of_its_own_too(planned):
    own = replace(SUITE, schedule="short", own={WORKLOADS[0]: Own(schedule="standard")})
    run = planned(5, (), own, limit_s=planned(5, (), own).forecast_s - 1)
    assert (run.schedule_of(WORKLOADS[0]), run.left_out) == ("short", ())


def test_the_forecast_is_known_to_the_first_look_and_at_most(planned):
    run = planned(SUITE.blocks, SUITE.looks)
    assert run.first_look_s == pytest.approx(planned(10, ()).forecast_s)
    # The one workload that is compared ends with its budget of 100 s, the others with ten blocks.
    assert run.first_look_s < run.forecast_s < planned(40, ()).forecast_s


def test_a_limit_takes_blocks_before_it_takes_workloads(planned):
    looking, ten, five = planned(40, SUITE.looks), planned(10, ()), planned(5, ())
    short = planned(5, (), replace(SUITE, schedule="short", latency=False))
    found = [
        planned(40, SUITE.looks, limit_s=limit_s)
        for limit_s in (looking.forecast_s, ten.forecast_s, ten.forecast_s - 1, five.forecast_s - 1)
    ]
    assert [(run.blocks, run.looks, run.schedule) for run in found] == [
        (40, SUITE.looks, "standard"),
        (10, (), "standard"),
        (5, (), "standard"),
        (5, (), "short"),
    ]
    assert [run.left_out for run in found] == [()] * 4
    assert {len(blocks_of(run)) for run in found} == {3}
    least = planned(40, SUITE.looks, limit_s=short.forecast_s - 1)
    assert (least.blocks, least.schedule, least.left_out) == (5, "short", (WORKLOADS[1],))


def test_blocks_that_the_user_named_are_not_made_fewer(planned):
    run = planned(7, (), limit_s=planned(7, ()).forecast_s - 1, exact=True)
    assert (run.blocks, run.schedule, run.left_out) == (7, "standard", (WORKLOADS[1],))


def test_every_constant_of_the_rules_is_in_the_plan(planned):
    found = planned(5, ()).constants
    assert (found["stats.ALPHA"], found["looks.PRECISION"], found["schedule.RULES.short.turns"]) == (0.03, 0.02, 1)
