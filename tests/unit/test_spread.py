"""Rule S: where services draw for themselves, quality is judged over blocks."""

from dataclasses import replace

import pytest
from mlfleet.report import summary
from mlfleet.report.rows import rows
from mlfleet.report.sentences import refused_pairs, sentence
from mlfleet.stats import mean_interval
from mlfleet.table import fold
from samples import Cell, record, run_file

NAME = "dqn.train-cartpole"
# Mean returns of ten seeds: far apart within a framework, and alike in the mean.
LEARNED = (140.0, 210.0, 95.0, 180.0, 160.0, 250.0, 130.0, 170.0, 120.0, 200.0)


def table(ours, theirs):
    cells = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6)}}
    records = []
    for key, returns in (("sklearn", ours), ("linfa", theirs)):
        for block, found in enumerate(returns, 1):
            one = record(NAME, key, cells[NAME][key], block)
            quality = replace(one.quality, metrics={"mean_return": found}, decides="mean_return")
            records.append(replace(one, quality=quality))
    return fold(run_file(cells, len(ours)), records)


def time_of(found):
    return next(one for one in found.comparisons if one.metric == "time")


def said(found):
    return sentence(found.run.workloads[0], time_of(found), found.run.margin)


def shifted(by):
    return tuple(value + by + (-1) ** number for number, value in enumerate(LEARNED))


def test_five_blocks_decide_no_quality():
    found = table(LEARNED[:5], shifted(5)[:5])
    one = time_of(found)
    assert (one.outcome, one.reasons, one.ratio, one.estimate) == ("inconclusive", ("quality_undecided",), None, None)
    assert said(found) == (
        "inconclusive: quality_undecided: mean_return is 162.2 against 157 on average over 5 blocks; equality is "
        "judged from 10 blocks on; median time: linfa 2.00 ms, sklearn 1.00 ms"
    )


def test_ten_equal_blocks_have_a_ratio():
    one = time_of(table(LEARNED, shifted(5)))
    assert (one.outcome, one.undecided) == ("different", "")
    assert one.ratio[0] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("by", [90, -60])
def test_ten_blocks_of_another_quality_are_refused_better_or_worse(by):
    found = table(LEARNED, shifted(by))
    one = time_of(found)
    assert (one.outcome, one.reasons, one.ratio) == ("refused", ("outside_tolerance",), None)
    (refused,) = refused_pairs(found, [one])
    assert f"mean_return differs by {by} on average" in refused.reasons[0].detail
    assert refused.reasons[0].where == "10 blocks"
    assert "quality" not in refused.passed


def test_ten_blocks_that_scatter_decide_nothing():
    scattered = tuple(value + (150 if number % 2 else -140) for number, value in enumerate(LEARNED))
    one = time_of(table(LEARNED, scattered))
    assert (one.outcome, one.reasons, one.ratio) == ("inconclusive", ("quality_undecided",), None)
    assert "90 % interval, within ± 34 awaited" in one.undecided


@pytest.mark.parametrize("blocks", [1, 5, 10])
def test_a_mean_below_the_floor_is_refused_at_once(blocks):
    found = table(LEARNED[:blocks], (9.3,) * blocks)
    one = time_of(found)
    assert (one.outcome, one.reasons) == ("refused", ("outside_tolerance",))
    assert one.refusals[0].detail == "mean_return is 9.3 on average, at least 75 awaited"
    assert one.refusals[0].where == f"linfa: {blocks} blocks"


def test_a_single_bad_seed_is_no_failure():
    bad = (9.3, *LEARNED[1:5])
    assert time_of(table(bad, LEARNED[:5])).reasons == ("quality_undecided",)


def test_the_report_shows_the_mean_quality_and_no_order():
    found = table(LEARNED[:5], shifted(5)[:5])
    printed = rows(found, found.run.workloads[0])
    assert [row.quality.text for row in printed] == ["157", "162.2"]
    assert printed[0].quality.note == "mean_return, mean of 5: 95 to 210"
    assert [row.rank for row in printed] == [None, None]
    assert "quality_undecided" in summary(found)


def test_an_interval_of_the_plain_mean():
    low, mean, high = mean_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.10)
    assert mean == 3
    # t(0.95, 4) = 2.1318, sd = 1.5811.
    assert (high - mean, mean - low) == pytest.approx((1.5075, 1.5075), abs=1e-3)
