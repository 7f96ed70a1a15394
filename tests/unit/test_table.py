"""From records to outcomes: what may have a ratio, and what may not."""

import math
from dataclasses import replace

import pytest
from mlfleet.model import Finding, Reading
from mlfleet.names import Name
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from samples import CELLS, MIB, Cell, record, run_file

NAME = "ridge.fit-diabetes"
PLAIN = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}


def records_of(cells, blocks=5):
    return [
        record(name, key, cell, block)
        for name, mine in cells.items()
        for key, cell in mine.items()
        for block in range(1, blocks + 1)
    ]


def compare(cells=PLAIN, blocks=5, change=None, metric="time"):
    records = records_of(cells, blocks)
    if change is not None:
        records = [change(r) if r.trial.framework == "linfa" else r for r in records]
    table = fold(run_file(cells, blocks), records)
    return next(c for c in table.comparisons if c.metric == metric)


def test_a_factor_of_two_is_different_with_its_ratio():
    found = compare()
    assert found.outcome == "different"
    assert found.ratio == pytest.approx((2, 2, 2), rel=0.01)
    assert (found.baseline, found.contestant, found.blocks) == ("sklearn", "linfa", 5)


def test_the_discarded_sample_enters_nothing():
    def slow_first(r):
        first = r.turns[0].samples[0]
        long = replace(first, end_ns=first.end_ns + 10**9)
        turn = replace(r.turns[0], samples=(long, *r.turns[0].samples[1:]))
        return replace(r, turns=(turn,))

    assert compare(change=slow_first).ratio == compare().ratio


def test_below_five_blocks_there_is_no_ratio_but_both_medians():
    found = compare(blocks=4)
    assert (found.outcome, found.reasons, found.ratio) == ("inconclusive", ("few_blocks",), None)
    assert found.values == pytest.approx((1e6, 2e6), rel=0.02)


def test_a_small_memory_is_compared_in_bytes():
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(1e6, 2)}}
    found = compare(cells, metric="memory")
    assert (found.outcome, found.ratio, found.absolute) == ("different", None, True)
    assert found.estimate.point == pytest.approx(-98 * MIB, rel=0.01)


def test_memory_of_equal_source_has_a_ratio():
    assert compare(metric="memory").ratio[0] == pytest.approx(0.5, rel=0.01)


def test_an_unreadable_meter_refuses_its_own_metric_and_no_other():
    def blind(r):
        readings = dict(r.turns[0].readings) | {Name.PEAK_ANONYMOUS.value: Reading(None, "bytes", "x", "no_permission")}
        return replace(r, turns=(replace(r.turns[0], readings=readings),))

    found = compare(change=blind, metric="memory")
    assert (found.outcome, found.reasons, found.ratio) == ("refused", ("meter", "no_permission"), None)
    assert compare(change=blind).outcome == "different"


@pytest.mark.parametrize(
    "finding",
    [
        Finding("payload", Verdict.WRONG_PAYLOAD.value, "answered another digest"),
        Finding("work", Verdict.SHORT_WORK.value, "rows is 10, 20 awaited"),
        Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "accuracy is 0.1"),
    ],
)
def test_one_bad_trial_of_five_refuses_every_metric_of_the_pair(finding):
    def bad(r):
        if r.trial.block != 3:
            return r
        return replace(r, verdict=Verdict(finding.code), reason=finding.detail, findings=(finding,))

    for metric in ("time", "memory"):
        found = compare(change=bad, metric=metric)
        assert (found.outcome, found.reasons, found.ratio, found.estimate) == ("refused", (finding.code,), None, None)
        assert found.refusals[0].where == "linfa: 1 of 5 trials"
        assert finding.gate not in found.passed


def test_every_reason_is_kept():
    found = (
        Finding("work", Verdict.SHORT_WORK.value, "rows"),
        Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "accuracy"),
    )
    bad = compare(change=lambda r: replace(r, verdict=Verdict.SHORT_WORK, reason="rows", findings=found))
    assert set(bad.reasons) == {"short_work", "outside_tolerance"}


def test_a_bad_baseline_refuses_too():
    cells = {NAME: {"linfa": Cell(1e6, 100), "sklearn": Cell(2e6, 50)}}
    bad = Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "accuracy")
    found = compare(cells, change=lambda r: replace(r, verdict=Verdict.OUTSIDE_TOLERANCE, reason="x", findings=(bad,)))
    assert found.baseline == "linfa"
    assert found.outcome == "refused"


def test_a_lost_trial_costs_its_block_and_nothing_else():
    found = compare(
        blocks=6, change=lambda r: replace(r, verdict=Verdict.TRANSPORT_FAILED) if r.trial.block == 2 else r
    )
    assert (found.outcome, found.blocks) == ("different", 5)


def test_controls_are_never_compared():
    table = fold(run_file(CELLS), records_of(CELLS))
    assert all(comparison.workload != "control.noop" for comparison in table.comparisons)


def test_a_value_is_the_median_over_blocks_of_medians_over_samples():
    table = fold(run_file(PLAIN), records_of(PLAIN))
    assert table.cell(NAME, "sklearn").estimates["time"].point == pytest.approx(1e6, rel=0.02)
    assert math.isclose(table.cell(NAME, "linfa").estimates["memory"].point, 50 * MIB, rel_tol=0.01)
