"""The geometric mean over workloads: only over those in which every framework has a defended ratio."""

import math
from dataclasses import replace

import numpy as np
import pytest
import samples
from mlfleet.stats import bca, estimate
from mlfleet.summary import summaries
from samples import Cell
from scipy import stats as scipy_stats

POOR = samples.UNTRAINED
LOGS = [0.1, 0.2, -0.3, 0.05, 0.9, 0.4, 0.33, -0.1, 0.25]


def run(ratios, *, linfa=None, candle=None):
    """Workloads in which linfa takes that many times sklearn's time; candle takes 2x in all but those changed."""
    cells = {}
    for number, ratio in enumerate(ratios):
        name = f"ridge.fit-d{number}"
        cells[name] = {"sklearn": Cell(1e6), "linfa": Cell(1e6 * ratio), "candle": Cell(2e6)}
        cells[name] |= {"linfa": linfa[number]} if linfa and number in linfa else {}
        if candle and number in candle:
            cells[name]["candle"] = candle[number]
            if candle[number] is None:
                del cells[name]["candle"]
    return samples.table(cells)


def of_time(table):
    (found,) = (one for one in summaries(table) if one.metric == "time")
    return found


def test_the_mean_is_geometric_over_workloads():
    found = of_time(run([2, 0.5, 8, 0.125]))
    assert {one.framework: one.ratio for one in found.means} == pytest.approx({"linfa": 1.0, "candle": 2.0}, rel=1e-3)
    assert (found.baseline, found.reason, found.count("defended")) == ("sklearn", "", 4)
    # Below 8 workloads there is no interval.
    assert {(one.low, one.high) for one in found.means} == {(None, None)}


def test_fewer_than_three_defended_workloads_have_no_mean():
    found = of_time(run([2, 0.5]))
    assert (found.means, found.reason) == ((), "few_workloads")


def test_a_workload_where_one_framework_is_refused_counts_for_none():
    table = run([2, 2, 2, 8], candle={3: Cell(2e6, **POOR)})
    found = of_time(table)
    assert found.standing["ridge.fit-d3"] == "refused"
    assert {one.framework: one.ratio for one in found.means} == pytest.approx({"linfa": 2.0, "candle": 2.0}, rel=1e-3)


def test_a_workload_that_one_framework_lacks_counts_for_none():
    found = of_time(run([2, 2, 2, 8], candle={3: None}))
    assert (found.standing["ridge.fit-d3"], found.count("defended")) == ("partial", 3)
    assert {one.framework: one.ratio for one in found.means} == pytest.approx({"linfa": 2.0, "candle": 2.0}, rel=1e-3)


def test_more_than_a_quarter_inconclusive_leaves_no_mean():
    wide = Cell(2e6, noise=samples.RESTLESS)
    one_of_four = of_time(run([2, 2, 2, 2], linfa={3: wide}))
    assert (one_of_four.reason, one_of_four.count("inconclusive")) == ("", 1)
    two_of_six = of_time(run([2] * 6, linfa={4: wide, 5: wide}))
    assert (two_of_six.reason, two_of_six.means) == ("many_inconclusive", ())


def test_refused_workloads_are_no_part_of_the_quarter():
    wide = Cell(2e6, noise=samples.RESTLESS)
    found = of_time(run([2] * 6, linfa={3: wide, 4: Cell(2e6, **POOR), 5: Cell(2e6, **POOR)}))
    assert (found.reason, found.count("refused")) == ("", 2)


def test_a_difference_in_bytes_is_no_ratio_and_enters_no_mean():
    cells = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6, 100), "linfa": Cell(1e6, 2 if n else 50)} for n in range(4)}
    (found,) = (one for one in summaries(samples.table(cells)) if one.metric == "memory")
    assert (found.count("absolute"), found.reason) == (3, "few_workloads")


def test_work_that_is_no_more_than_a_call_enters_no_mean():
    table = run([2, 2, 2, 500])
    workloads = [replace(one, trivial=one.workload.name == "ridge.fit-d3") for one in table.run.workloads]
    found = of_time(replace(table, run=replace(table.run, workloads=tuple(workloads))))
    assert (found.standing["ridge.fit-d3"], found.count("trivial"), found.count("defended")) == ("trivial", 1, 3)
    assert {one.framework: one.ratio for one in found.means} == pytest.approx({"linfa": 2.0, "candle": 2.0}, rel=1e-3)


def test_eight_workloads_have_an_interval():
    found = of_time(run([2, 0.5, 8, 0.125, 2, 1.5, 3, 4]))
    linfa = found.means[0]
    assert linfa.low < linfa.ratio < linfa.high


def test_the_bootstrap_is_that_of_scipy():
    awaited = scipy_stats.bootstrap(
        (LOGS,), np.mean, confidence_level=0.97, n_resamples=50_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert bca(LOGS) == pytest.approx((awaited.low, awaited.high), abs=0.01)
    assert bca(LOGS) == bca(LOGS)


def test_equal_workloads_have_an_interval_without_width():
    assert bca([0.5] * 8) == (0.5, 0.5)


def test_a_skewed_sample_has_a_skewed_interval():
    skewed = [0.0] * 7 + [1.0]
    low, high = bca(skewed)
    assert high - np.mean(skewed) > np.mean(skewed) - low


def test_the_mean_uses_the_points_of_the_estimates():
    table = run([2, 3, 5])
    logs = [one.estimate.point for one in table.comparisons if (one.metric, one.contestant) == ("time", "linfa")]
    shifted = tuple(replace(one, estimate=one.estimate and estimate([1.0] * 5)) for one in table.comparisons)
    assert of_time(table).means[0].ratio == pytest.approx(math.exp(sum(logs) / 3))
    assert of_time(replace(table, comparisons=shifted)).means[0].ratio == pytest.approx(math.e)
