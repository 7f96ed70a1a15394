"""Which block comes next, which workload stops and why, and what is measured again at the end."""

from collections import Counter
from dataclasses import replace
from itertools import count

import pytest
import samples
from mlfleet.course import S, appended_most, block_of, blocks_left, course, seconds_left
from mlfleet.ledger_lines import BlockBody, StopBody
from mlfleet.looks import LOOKS
from mlfleet.plan import Block
from mlfleet.state import State
from mlfleet.verdict import Verdict
from samples import RESTLESS, STEADY, Cell

QUIET, LOUD = Cell(1e6), Cell(1.1e6, noise=RESTLESS)
ONE = "ridge.fit-diabetes"
TWO = "knn_classify.predict-wine"
CONTROL = "control.noop"
# Beside them the noise of a pair: every block the same factor on both sides, and 1 % between them.
NEAR = Cell(1.05e6, noise=tuple(factor * other for factor, other in zip(STEADY, reversed(STEADY), strict=True)))


def looking(cells, blocks=40, budget_s=900.0):
    """A run that looks, its controls and lone cells as long as the first look."""
    run = samples.run_file(cells, blocks)
    alone = {name for name, mine in cells.items() if len(mine) < 2}
    plan = tuple(block for block in run.plan if block.workload not in alone or block.number <= LOOKS[0])
    return replace(run, plan=plan, looks=LOOKS, budget_s=budget_s)


def fixed(cells, blocks=5):
    return samples.run_file(cells, blocks)


def walk(run, cells, *, alter=None, seconds=1.0, state=None, most=None):
    """Take the course as a run would; gives what was measured and what stopped. `alter`: of each record."""
    state, measured, stops, seqs = state or State(), [], [], count()
    for step in course(run, state):
        if isinstance(step, StopBody):
            stops.append((step.workload, step.reason, step.blocks))
            state.stop(step)
            continue
        if most is not None and len(measured) == most:
            break
        mine = {key: cell for key, cell in cells[step.workload].items() if f"{step.workload}/{key}" not in state.shut}
        found = [samples.record(step.workload, key, cell, step.number) for key, cell in mine.items()]
        found = [alter(record) for record in found] if alter else found
        for record in found:
            state.note(record)
        body = BlockBody(step.workload, step.number, tuple(next(seqs) for _ in found), round(seconds * S))
        state.close(body, found)
        measured.append((step.workload, step.number))
    return measured, stops


def disturb(*places):
    """A record's verdict is disturbed in these (framework, block)."""
    return lambda record: (
        replace(record, verdict=Verdict.DISTURBED, reason="contended")
        if (record.trial.framework, record.trial.block) in places
        else record
    )


def numbers(measured, workload=ONE):
    return [number for name, number in measured if name == workload]


def test_a_precise_workload_stops_at_its_first_look_and_a_wide_one_goes_on_to_the_last():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": LOUD}}
    measured, stops = walk(looking(cells), cells)
    assert Counter(name for name, _ in measured) == {ONE: 10, TWO: 40}
    assert sorted(stops) == [(TWO, "max_blocks", 40), (ONE, "precision", 10)]


def test_block_1_of_every_workload_comes_before_block_2_of_any():
    cells = {ONE: {"sklearn": QUIET, "linfa": LOUD}, TWO: {"sklearn": QUIET, "linfa": LOUD}}
    measured, _ = walk(looking(cells), cells)
    assert [number for _, number in measured] == sorted(number for _, number in measured)


def test_a_spent_budget_stops_a_workload_and_no_other():
    cells = {ONE: {"sklearn": QUIET, "linfa": LOUD}, TWO: {"sklearn": QUIET, "linfa": NEAR}}
    measured, stops = walk(looking(cells, budget_s=12.5), cells)
    assert Counter(name for name, _ in measured) == {ONE: 13, TWO: 10}
    assert sorted(stops) == [(TWO, "precision", 10), (ONE, "budget", 13)]


def having(run, **own):
    """The run with ONE otherwise."""
    return replace(run, workloads=tuple(replace(w, **own) if w.workload.name == ONE else w for w in run.workloads))


def test_a_workload_with_blocks_of_its_own_is_measured_to_its_end_where_others_look():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": NEAR}}
    run = having(looking(cells), blocks=12)
    run = replace(run, plan=tuple(block for block in run.plan if block.workload != ONE or block.number <= 12))
    measured, stops = walk(run, cells)
    assert Counter(name for name, _ in measured) == {ONE: 12, TWO: 10}
    assert stops == [(TWO, "precision", 10)]


def test_a_budget_of_its_own_stops_that_workload_alone():
    cells = {ONE: {"sklearn": QUIET, "linfa": LOUD}, TWO: {"sklearn": QUIET, "linfa": LOUD}}
    measured, stops = walk(having(looking(cells), budget_s=12.5), cells)
    assert Counter(name for name, _ in measured) == {ONE: 13, TWO: 40}
    assert sorted(stops) == [(TWO, "max_blocks", 40), (ONE, "budget", 13)]


def test_a_budget_of_its_own_limits_its_appended_blocks():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": NEAR}}
    measured, _ = walk(having(fixed(cells), budget_s=5.0), cells, alter=disturb(("linfa", 2)))
    assert Counter(name for name, _ in measured) == {ONE: 5, TWO: 6}


def test_a_workload_whose_only_pair_is_invalid_stops_at_once():
    cells = {ONE: {"sklearn": QUIET, "linfa": replace(NEAR, **samples.UNTRAINED)}}
    assert walk(looking(cells), cells) == ([(ONE, 1)], [(ONE, "none_left", 1)])


def test_without_its_baseline_no_pair_is_left():
    cells = {ONE: {"sklearn": replace(QUIET, **samples.UNTRAINED), "linfa": NEAR, "candle": NEAR}}
    assert walk(looking(cells), cells) == ([(ONE, 1)], [(ONE, "none_left", 1)])


def test_a_pair_that_is_left_is_measured_on():
    cells = {ONE: {"sklearn": QUIET, "linfa": replace(NEAR, **samples.UNTRAINED), "candle": NEAR}}
    assert walk(looking(cells), cells)[1] == [(ONE, "precision", 10)]


def test_where_nothing_is_compared_there_are_as_many_blocks_as_up_to_the_first_look():
    cells = {CONTROL: {"null-rust": QUIET}, ONE: {"sklearn": QUIET}}
    measured, stops = walk(looking(cells), cells)
    assert Counter(name for name, _ in measured) == {CONTROL: 10, ONE: 10}
    assert sorted(stops) == [(CONTROL, "max_blocks", 10), (ONE, "max_blocks", 10)]


@pytest.mark.parametrize("after", [1, 7, 9, 10, 11, 14, 15, 30])
def test_a_run_that_was_interrupted_decides_as_one_that_was_not(after):
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": LOUD}}
    run = looking(cells, budget_s=22.0)
    whole = walk(run, cells)
    state = State()
    first = walk(run, cells, state=state, most=after)
    second = walk(run, cells, state=state)
    assert (first[0] + second[0], first[1] + second[1]) == whole


def test_fixed_blocks_are_all_measured_and_nothing_stops():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}}
    assert walk(replace(fixed(cells, 12), budget_s=3.0), cells) == ([(ONE, number) for number in range(1, 13)], [])


def test_a_disturbed_block_is_measured_again_in_one_that_is_appended_at_the_end():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": NEAR}}
    state = State()
    measured, _ = walk(fixed(cells), cells, alter=disturb(("linfa", 2)), state=state)
    assert Counter(name for name, _ in measured) == {ONE: 6, TWO: 6}
    assert [number for _, number in measured[-2:]] == [6, 6]
    (pair,) = state.pairs(fixed(cells).workloads[0], "sklearn")
    assert sorted(pair.differences) == [1, 3, 4, 5, 6], "the disturbed block has no estimate"
    assert len(state.trials[ONE, "linfa"]) == 6, "and its trial is kept"


def test_an_appended_block_may_be_disturbed_too_but_there_is_a_limit():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}}
    always = disturb(*(("linfa", number) for number in range(1, 100)))
    assert numbers(walk(fixed(cells), cells, alter=always)[0]) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(walk(fixed(cells, 20), cells, alter=always)[0]) == list(range(1, 25))
    assert [appended_most(blocks) for blocks in (1, 5, 10, 15, 40)] == [2, 2, 2, 3, 8]


def test_no_block_is_appended_once_the_budget_is_spent():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}}
    run = replace(fixed(cells), budget_s=5.5)
    both = disturb(("linfa", 2), ("sklearn", 3))
    assert numbers(walk(run, cells, alter=both)[0]) == [1, 2, 3, 4, 5, 6]
    assert numbers(walk(run, cells, alter=both, seconds=2.0)[0]) == [1, 2, 3, 4, 5]


def test_a_disturbed_block_moves_the_look_and_nothing_is_appended_where_precision_was_reached():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}}
    assert walk(looking(cells), cells, alter=disturb(("linfa", 4)))[1] == [(ONE, "precision", 11)]


def test_the_last_look_may_be_reached_in_appended_blocks():
    cells = {ONE: {"sklearn": QUIET, "linfa": LOUD}}
    measured, stops = walk(looking(cells), cells, alter=disturb(("linfa", 4), ("sklearn", 9)))
    assert (len(measured), stops) == (42, [(ONE, "max_blocks", 42)])


def test_nothing_is_appended_for_a_control():
    cells = {CONTROL: {"null-rust": QUIET}}
    assert len(walk(fixed(cells), cells, alter=disturb(("null-rust", 2)))[0]) == 5


def test_what_is_lost_is_not_appended():
    cells = {ONE: {"sklearn": QUIET, "linfa": replace(NEAR, verdict=Verdict.TRANSPORT_FAILED)}}
    assert numbers(walk(fixed(cells), cells)[0]) == [1, 2, 3, 4, 5]


def test_an_appended_block_is_the_one_that_a_longer_plan_would_have():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR, "candle": NEAR}}
    longer = [block for block in fixed(cells, 9).plan if block.workload == ONE]
    assert [block_of(fixed(cells), ONE, number) for number in (6, 9)] == [longer[5], longer[8]]
    assert isinstance(longer[5], Block)


def test_what_is_left_does_not_count_workloads_that_stopped():
    cells = {ONE: {"sklearn": QUIET, "linfa": NEAR}, TWO: {"sklearn": QUIET, "linfa": LOUD}}
    state, run = State(), looking(cells)
    assert blocks_left(run, state) == 80
    walk(run, cells, state=state, most=21)
    assert blocks_left(run, state) == 40 - 11


PAIRS = {ONE: {"sklearn": QUIET, "linfa": LOUD}, TWO: {"sklearn": QUIET, "linfa": LOUD}}


def test_the_time_left_is_as_long_as_the_blocks_so_far():
    state, run = State(), fixed(PAIRS)
    assert seconds_left(run, state) is None
    walk(run, PAIRS, state=state, seconds=3.0, most=1)
    assert seconds_left(run, state) == 9 * 3.0
    state.spent_ns[ONE] = 4 * S
    walk(run, PAIRS, state=state, seconds=2.0, most=1)
    # Each workload's blocks are as long as its own.
    assert seconds_left(run, state) == 4 * 4.0 + 4 * 2.0
    walk(run, PAIRS, state=state)
    assert seconds_left(run, state) == 0.0


def test_the_time_left_is_no_more_than_the_budgets():
    state, run = State(), looking(PAIRS, budget_s=60.0)
    walk(run, PAIRS, state=state, seconds=10.0, most=4)
    # Both have spent 20 s; 38 blocks of 10 s would be left, but a budget ends with the block that spends it.
    assert seconds_left(run, state) == 2 * (40.0 + 10.0)
    walk(run, PAIRS, state=state, seconds=0.1, most=2)
    assert seconds_left(run, state) == pytest.approx(2 * (60.0 - 20.1 + 6.7))
