"""Pairs and families: what is paired, what the flagged turns may do, and at what level each pair is tested."""

import math
from dataclasses import replace

import pytest
import samples
from mlfleet import stats
from mlfleet.model import Reading, Sample, Sentinel
from mlfleet.names import Name
from mlfleet.resolution import Limit, Resolution
from mlfleet.table import fold
from mlfleet.values import percentile
from mlfleet.verdict import Verdict
from samples import CELLS, Cell, record, run_file

NAME = "ridge.fit-diabetes"
PLAIN = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
TENTH = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(1.1e6)}}
DRIFT = (1.0, 1.9, 0.6, 1.4, 0.8)


def fold_of(cells, change=None, blocks=5, **run):
    """The sample run over these cells, each of linfa's records changed first."""
    found = samples.records(cells, blocks)
    if change is not None:
        found = [change(one) if one.trial.framework == "linfa" else one for one in found]
    return fold(replace(run_file(cells, blocks), **run), found)


def only(table, metric="time", contestant="linfa"):
    (found,) = (one for one in table.comparisons if (one.metric, one.contestant) == (metric, contestant))
    return found


def turns(*factors, flags=()):
    """Makes a record have one turn per factor of its time; the turns of the given numbers are flagged."""

    def change(one):
        (turn,) = one.turns
        made = []
        for number, factor in enumerate(factors, 1):
            longer = tuple(
                Sample(s.iterations, s.start_ns, s.start_ns + round((s.end_ns - s.start_ns) * factor))
                for s in turn.samples
            )
            flagged = ("pressure",) if number in flags else ()
            made.append(replace(turn, number=number, samples=longer, flags=flagged))
        return replace(one, turns=tuple(made))

    return change


def test_values_are_paired_within_blocks_so_that_drift_cancels():
    """Means of each side apart would drown a tenth in the drift of the blocks."""
    cells = {NAME: {"sklearn": Cell(1e6, noise=DRIFT), "linfa": Cell(1.1e6, noise=DRIFT)}}
    found = only(fold_of(cells))
    assert found.outcome == "different"
    assert found.ratio == pytest.approx((1.1, 1.1, 1.1), rel=0.01)


def test_the_block_is_what_is_repeated_not_the_sample():
    """Equal services whose processes differ from start to start: all samples pooled would tell them apart."""
    ours, theirs = (1.0, 1.04, 0.97, 1.05, 1.0), (1.06, 1.03, 1.02, 1.04, 1.06)
    found = only(fold_of({NAME: {"sklearn": Cell(1e6, noise=ours), "linfa": Cell(1e6, noise=theirs)}}))
    assert (found.outcome, found.estimate.blocks, found.estimate.degrees) == ("inconclusive", 5, 4)
    logs = [math.log(b / a) for a, b in zip(ours, theirs, strict=True)]
    assert found.estimate.point == pytest.approx(sum(logs) / 5, abs=1e-4)
    # Each block's four samples as if they were blocks of their own.
    assert stats.estimate(logs * 4).p < 0.03


def test_flagged_turns_stay_in_the_estimate():
    plain, flagged = fold_of(PLAIN, turns(1, 1.2, 1)), fold_of(PLAIN, turns(1, 1.2, 1, flags=(2,)))
    assert only(flagged).estimate == only(plain).estimate
    assert flagged.cell(NAME, "linfa").estimates == plain.cell(NAME, "linfa").estimates
    assert only(flagged, "memory").estimate == only(plain, "memory").estimate


def test_flagged_turns_that_move_the_point_make_it_inconclusive_for_noise():
    found = only(fold_of(PLAIN, turns(1, 1.5, 1.5, flags=(2, 3))))
    assert (found.outcome, found.reasons, found.marks) == ("inconclusive", ("noise",), ())
    assert found.ratio is None
    assert math.exp(found.second.point) == pytest.approx(2, rel=0.01)
    assert found.estimate.level == pytest.approx(0.97)


def test_flagged_turns_that_change_nothing_leave_the_outcome():
    found = only(fold_of(PLAIN, turns(1, 1, 1, flags=(2,))))
    assert (found.outcome, found.reasons, found.marks, found.second_blocks) == ("different", (), (), 5)


@pytest.mark.parametrize(("blocks", "marks"), [(5, ("noisy",)), (6, ())])
def test_with_fewer_than_five_unflagged_blocks_the_outcome_is_marked_noisy(blocks, marks):
    def change(one):
        return turns(1, flags=(1,) if one.trial.block == 1 else ())(one)

    found = only(fold_of(PLAIN, change, blocks))
    assert (found.outcome, found.marks, found.second_blocks) == ("different", marks, blocks - 1)


def test_where_every_turn_is_flagged_there_is_no_second_estimate():
    found = only(fold_of(PLAIN, turns(1, 1, flags=(1, 2))))
    assert (found.outcome, found.marks, found.second, found.second_blocks) == ("different", ("noisy",), None, 0)


def test_a_cell_counts_its_flagged_turns():
    cell = fold_of(PLAIN, turns(1, 1, 1, flags=(1, 3))).cell(NAME, "linfa")
    assert (cell.turns, cell.flagged_turns, dict(cell.flagged)) == (15, 10, {"pressure": 10})
    assert fold_of(PLAIN).cell(NAME, "linfa").flagged_turns == 0


def test_disturbed_trials_are_kept_and_counted_but_not_estimated():
    def change(one):
        return replace(one, verdict=Verdict.DISTURBED) if one.trial.block == 2 else one

    table = fold_of(PLAIN, change, 6)
    cell = table.cell(NAME, "linfa")
    assert (cell.verdict, cell.trials) == (Verdict.OK, 6)
    assert dict(cell.verdicts) == {Verdict.OK: 5, Verdict.DISTURBED: 1}
    assert (only(table).outcome, only(table).blocks) == ("different", 5)


def test_families_are_pairs_of_one_workload_and_metric():
    table = samples.table()
    # Memory and time of three workloads that passed; the fourth is refused.
    assert (table.levels.families, table.levels.comparisons) == (6, 8)
    assert {one.tested is None for one in table.comparisons if one.outcome == "refused"} == {True}
    assert all(0 < one.tested <= 0.03 for one in table.comparisons if one.outcome != "refused")


def test_one_pair_alone_is_tested_at_three_percent_and_many_at_less():
    alone = fold_of({NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6)}}, metrics=("time",))
    assert only(alone).tested == pytest.approx(0.03)
    wide = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(1e6, noise=DRIFT)} for n in range(9)}
    crowd = fold_of({**PLAIN, **wide}, metrics=("time",))
    (found,) = (one for one in crowd.comparisons if one.workload == NAME)
    assert found.tested == pytest.approx(0.03 / 10)
    assert found.estimate.level == pytest.approx(1 - 0.003)
    assert crowd.levels.selected == 1


def test_a_weak_difference_alone_is_none_among_many_restless_pairs():
    weak = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(1.05e6, noise=(1.03, 0.98, 1.01, 1.04, 0.99))}}
    assert only(fold_of(weak, metrics=("time",))).outcome == "different"
    wide = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(1e6, noise=DRIFT)} for n in range(9)}
    crowd = fold_of({**weak, **wide}, metrics=("time",))
    assert [one.reasons for one in crowd.comparisons if one.workload == NAME] == [("wide",)]


def test_a_family_in_which_all_pairs_were_refused_is_no_family():
    table = samples.table({"ridge.predict-boston_housing": CELLS["ridge.predict-boston_housing"]})
    assert {one.outcome for one in table.comparisons} == {"refused"}
    assert (table.levels.families, table.levels.selected, table.levels.comparisons) == (0, 0, 0)


def test_a_baseline_that_was_never_measured_is_a_stated_outcome():
    records = [record(NAME, "linfa", PLAIN[NAME]["linfa"], block) for block in range(1, 6)]
    found = only(fold(run_file(PLAIN), records))
    assert (found.outcome, found.reasons, found.values) == ("inconclusive", ("few_blocks",), (None, None))


def test_a_baseline_that_is_not_in_the_plan_compares_nothing():
    table = fold_of(PLAIN, baselines={NAME: "tch"})
    assert (table.comparisons, len(table.cells)) == ((), 2)


def test_a_trial_without_raw_samples_has_no_number():
    found = only(fold_of(PLAIN, lambda one: replace(one, turns=())))
    assert (found.outcome, found.reasons, found.estimate) == ("refused", ("meter", "not_measured"), None)


def test_a_value_of_zero_is_compared_by_its_difference_and_never_by_a_quotient():
    def change(one):
        readings = {**one.turns[0].readings, Name.CPU.value: replace(one.turns[0].readings[Name.CPU.value], value=0)}
        return replace(one, turns=(replace(one.turns[0], readings=readings),))

    table = fold_of(PLAIN, change, metrics=("cpu",))
    found = only(table, "cpu")
    assert (found.outcome, found.ratio, found.absolute) == ("different", None, True)
    assert found.estimate.point == pytest.approx(-1e6, rel=0.02)
    assert table.cell(NAME, "linfa").absent["cpu"] == "not_positive"


def read_with(name, **changes):
    """Makes a record's reading of that name be taken otherwise."""

    def change(one):
        readings = {**one.turns[0].readings, name.value: replace(one.turns[0].readings[name.value], **changes)}
        return replace(one, turns=(replace(one.turns[0], readings=readings),))

    return change


@pytest.mark.parametrize(
    ("change", "metric"),
    [
        (read_with(Name.PEAK_ANONYMOUS, method="lifetime_mark"), "memory"),
        (read_with(Name.PEAK_ANONYMOUS, source="smaps"), "memory"),
        (read_with(Name.CPU, source="cpu.stat"), "cpu"),
    ],
)
def test_readings_from_another_source_or_by_another_method_refuse_their_metric_alone(change, metric):
    table = fold_of(PLAIN, change, metrics=("time", "cpu", "memory"))
    found = only(table, metric)
    assert (found.outcome, found.reasons, found.ratio, found.tested) == ("refused", ("meter",), None, None)
    assert (found.refusals[0].gate, found.refusals[0].where) == ("meter", "5 of 5 blocks")
    assert " from " in found.refusals[0].detail
    assert {one.outcome for one in table.comparisons if one.metric != metric} == {"different"}


@pytest.mark.parametrize(("count", "reasons"), [(39, ("few_samples",) * 2), (40, ("", "few_samples")), (200, ("", ""))])
def test_percentiles_need_enough_single_iterations(count, reasons):
    one = record(NAME, "linfa", PLAIN[NAME]["linfa"], 1)
    lasting = tuple(Sample(1, 0, 1000 + number) for number in range(count))
    turn = replace(one.turns[0], samples=(Sample(1, 0, 10**9), *lasting))
    found = [percentile(replace(one, turns=(turn,)), name) for name in ("p95", "p99")]
    assert tuple(reason for _, reason in found) == reasons
    if count == 200:
        assert [value for value, _ in found] == pytest.approx([1189.05, 1197.01])
    # Where there is a latency turn, it alone is asked.
    assert percentile(replace(one, latency=turn), "p95")[0] == (found[0][0])
    # A mean over many iterations hides the slowest of them.
    pooled = replace(turn, samples=tuple(replace(sample, iterations=5) for sample in turn.samples))
    assert percentile(replace(one, turns=(pooled,)), "p95") == (None, "few_samples")


def test_a_cell_has_percentiles_with_an_interval_over_its_trials():
    def change(one):
        lasting = tuple(Sample(1, 0, 1000 + one.trial.block + number) for number in range(41))
        return replace(one, turns=(replace(one.turns[0], samples=lasting),))

    table = fold_of(PLAIN, change)
    p95, reason = table.cell(NAME, "linfa").percentiles["p95"]
    assert (p95.blocks, reason) == (5, "")
    assert p95.low < p95.point < p95.high
    assert table.cell(NAME, "linfa").percentiles["p99"] == (None, "few_samples")
    assert table.cell(NAME, "sklearn").percentiles["p95"] == (None, "few_samples")


def resolution(*limits):
    return Resolution("v", "2026-01-02T03:04:05+00:00", tuple(Limit("1 thread", *one, 20, 4, 10) for one in limits))


def test_a_difference_below_the_resolution_of_the_host_is_none():
    known = resolution(("short", "time", "compute", 0.2), ("short", "memory", "compute", 0.1))
    found = only(fold_of(TENTH, resolution=known))
    assert (found.outcome, found.reasons, found.ratio) == ("inconclusive", ("below_resolution",), None)
    assert only(fold_of(PLAIN, resolution=known)).outcome == "different"
    # In bytes it is a share of the larger side.
    small = {NAME: {"sklearn": Cell(1e6, 7.9), "linfa": Cell(1e6, 6.7)}}
    assert only(fold_of(small, resolution=known), "memory").outcome == "different"
    coarser = resolution(("short", "memory", "compute", 0.1), ("short", "memory", "interpreter", 0.2))
    assert only(fold_of(small, resolution=coarser), "memory").reasons == ("below_resolution",)


def test_without_a_resolution_the_rule_is_skipped_and_known_ones_hold_for_their_own_metric():
    assert only(fold_of(TENTH)).resolution is None
    other = resolution(("short", "memory", "compute", 0.2), ("short", "time", "gpu", 0.2))
    assert (only(fold_of(TENTH, resolution=other)).outcome, only(fold_of(TENTH)).outcome) == ("different",) * 2


def test_the_sentinel_flag_is_added_from_the_whole_run():
    def sentinel(ns):
        return Sentinel(Reading(ns, "ns", "sha256"), Reading(ns, "ns", "copy"))

    def change(one):
        slow = 2000 if one.trial.block == 3 else 1000
        return replace(one, turns=(replace(one.turns[0], sentinel=(sentinel(1000), sentinel(slow))),))

    table = fold_of(PLAIN, change, 6)
    assert dict(table.cell(NAME, "linfa").flagged) == {"sentinel": 1}
    assert only(table).second_blocks == 5
