"""A writer that breaks a rule is found by verify: the rules are broken here on purpose, one by one."""

import math
import os
import random
from dataclasses import replace
from statistics import fmean

import mlfleet.stats
import mlfleet.table
import pytest
from mlfleet import compare, multiplicity, parity, values
from mlfleet.model import Finding, Quality, Reading, Sample, ThreadPool, Turn
from mlfleet.names import Name
from mlfleet.verdict import Verdict
from mlfleet.verify import bootstrap, estimates, levels
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

NAME = "ridge.fit-diabetes"
# Restless enough that pooling, trimming and pairing matter.
NOISE = (1.0, 1.06, 0.95, 1.02, 0.97, 1.3, 1.01, 0.99, 1.03, 0.98)
PAIR = {NAME: {"sklearn": Cell(1e6, 100, NOISE), "linfa": Cell(1.05e6, 50, tuple(reversed(NOISE)))}}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def differences(folder):
    return verify(folder, Progress(lambda _: None)).findings.differences


def fields(folder, file):
    return {one.field.rpartition(", ")[2] for one in differences(folder) if one.file == file}


def published(folder):
    return fields(folder, "report.json")


def with_samples(record, samples, flags=()):
    """Other samples in its one turn, all of it spent computing."""
    turn = record.turns[0]
    claimed = sum(sample.end_ns - sample.start_ns for sample in samples)
    end = samples[-1].end_ns
    readings = dict(turn.readings) | {Name.CPU.value: Reading(claimed, "ns", "x")}
    turn = replace(turn, samples=tuple(samples), received_ns=end, flags=flags, readings=readings)
    return replace(record, turns=(turn,))


def test_an_honest_writer_passes(tmp_path):
    assert differences(write_run(tmp_path / "run", PAIR, blocks=10)) == []


def test_samples_pooled_over_blocks_are_found(tmp_path, monkeypatch):
    def pooled(by_block, metric, *, absolute):
        one, other = ([math.log(side) for side in sides] for sides in zip(*by_block, strict=True))
        return mlfleet.stats.estimate([b - fmean(one) for b in other])

    monkeypatch.setattr(compare, "_estimate", pooled)
    found = published(write_run(tmp_path / "run", PAIR, blocks=10))
    assert {"low", "high"} <= found


def test_a_trim_that_is_dropped_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(mlfleet.stats, "TRIM_FROM", 1000)
    found = differences(write_run(tmp_path / "run", PAIR, blocks=10))
    assert {"estimates.time.point", "low", "high"} <= {one.field.rpartition(", ")[2] for one in found}


def test_an_interval_of_winsorised_values_by_the_wrong_degrees_is_found(tmp_path, monkeypatch):
    honest = mlfleet.stats.estimate
    monkeypatch.setattr(mlfleet.stats, "estimate", lambda *a, **k: replace(honest(*a, **k), degrees=9).at(0.03))
    assert {"low", "high"} <= published(write_run(tmp_path / "run", PAIR, blocks=10))


def test_a_mean_in_place_of_the_median_of_samples_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "median", fmean)
    folder = write_run(tmp_path / "run", PAIR)
    assert "time_ns" in fields(folder, "benchmark_results_complete.csv")
    assert "values.baseline" in published(folder)


def test_a_discarded_sample_that_counts_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(Turn, "timed", property(lambda turn: turn.samples))
    folder = write_run(tmp_path / "run", PAIR)
    assert {"time_ns", "timed_samples"} <= fields(folder, "benchmark_results_complete.csv")


def test_cpu_time_that_is_shared_among_the_timed_iterations_alone_is_found(tmp_path, monkeypatch):
    honest = values._values

    def shared(turns):
        timed = sum(sample.iterations for turn in turns for sample in turn.timed)
        return {**honest(turns), "cpu": (sum(turn.readings[Name.CPU].value for turn in turns) / timed, "")}

    monkeypatch.setattr(values, "_values", shared)
    assert "cpu_ns" in fields(write_run(tmp_path / "run", PAIR), "benchmark_results_complete.csv")


def test_levels_without_adjustment_are_found(tmp_path, monkeypatch):
    cells = {
        "ridge.fit-diabetes": {key: Cell(1e6 + index, 100, NOISE) for index, key in enumerate(("sklearn", "linfa"))},
        "kmeans.fit-iris": {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50), "candle": Cell(3e6, 50)},
    }
    assert differences(write_run(tmp_path / "honest", cells, blocks=10)) == []
    honest = multiplicity.adjusted_levels

    def flat(families, alpha):
        found = honest(families, alpha)
        return replace(found, tested=tuple(tuple(alpha for _ in family) for family in families))

    monkeypatch.setattr(multiplicity, "adjusted_levels", flat)
    assert {"level", "low", "high"} <= published(write_run(tmp_path / "flat", cells, blocks=10))


def test_a_dropped_gate_is_found(tmp_path, monkeypatch):
    poor = Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "accuracy is 0.1")

    def untrained(record):
        if record.trial.framework == "sklearn":
            return record
        return replace(record, verdict=Verdict.OUTSIDE_TOLERANCE, reason=poor.detail, findings=(poor,))

    assert differences(write_run(tmp_path / "honest", PAIR, change=untrained)) == []
    monkeypatch.setattr(parity, "refusals", lambda *_: ())
    assert {"outcome", "reasons"} <= published(write_run(tmp_path / "run", PAIR, change=untrained))


def test_a_verdict_that_was_turned_to_ok_is_found(tmp_path):
    def acquitted(record):
        found = (Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "accuracy is 0.1"),)
        quality = Quality({"accuracy": 0.1}, "accuracy", {}, found)
        return replace(record, findings=found, quality=quality) if record.trial.block == 3 else record

    assert fields(write_run(tmp_path / "run", PAIR, change=acquitted), "ledger.jsonl") == {
        "findings",
        "quality.findings",
    }


def test_flagged_turns_that_are_deleted_are_found(tmp_path, monkeypatch):
    def busy(record):
        return replace(record, turns=(replace(record.turns[0], flags=("pressure",)),))

    def some(record):
        return busy(record) if record.trial.block in (1, 2, 6) else record

    assert differences(write_run(tmp_path / "honest", PAIR, blocks=10, change=some)) == []
    monkeypatch.setattr(values, "value", values.unflagged_value)
    assert published(write_run(tmp_path / "run", PAIR, blocks=10, change=some))


def test_a_second_estimate_that_is_not_asked_is_found(tmp_path, monkeypatch):
    def far(record):
        """Most blocks are flagged, and without them the answer is another."""
        if record.trial.framework == "sklearn" or record.trial.block <= 5:
            return record
        at, slow = record.turns[0].sent_ns, []
        for sample in record.turns[0].samples:
            slow.append(Sample(sample.iterations, at, at + 3 * (sample.end_ns - sample.start_ns)))
            at = slow[-1].end_ns
        return with_samples(record, slow, flags=("load",))

    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
    assert differences(write_run(tmp_path / "honest", cells, blocks=20, change=far)) == []
    decide = compare.decide
    monkeypatch.setattr(compare, "decide", lambda first, _, left, *rest: decide(first, first, left, *rest))
    assert {"outcome", "reasons"} <= published(write_run(tmp_path / "run", cells, blocks=20, change=far))


def test_another_margin_than_the_one_in_the_plan_is_found(tmp_path, monkeypatch):
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(1.005e6, 99.5)}}
    assert differences(write_run(tmp_path / "honest", cells)) == []
    honest = compare.ratio_limits
    monkeypatch.setattr(compare, "ratio_limits", lambda _, resolution: honest(1e-6, resolution))
    assert "outcome" in published(write_run(tmp_path / "run", cells))


def changed(**parts):
    return lambda record: replace(record, **{key: make(record) for key, make in parts.items()})


def turn_of(**parts):
    return changed(turns=lambda r: (replace(r.turns[0], **{key: make(r.turns[0]) for key, make in parts.items()}),))


def identity_of(**parts):
    return changed(identity=lambda r: replace(r.identity, **parts))


def backwards(turn):
    first, *rest = turn.samples
    return (*rest, first)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (turn_of(samples=backwards), "stamps"),
        (turn_of(received_ns=lambda turn: turn.samples[-1].end_ns - 1), "stamps"),
        (turn_of(sent_ns=lambda turn: turn.samples[0].start_ns + 1), "stamps"),
        (turn_of(samples=lambda turn: turn.samples[:-1]), "samples"),
        (turn_of(samples=lambda turn: tuple(Sample(1, s.start_ns, s.end_ns) for s in turn.samples)), "iterations"),
        (turn_of(discarded=lambda turn: 0), "discarded"),
        (turn_of(number=lambda turn: 2), "turn numbers"),
        (turn_of(position=lambda turn: 3 - turn.position), "sklearn"),
        (changed(calibration=lambda r: replace(r.calibration, iterations=1)), "calibration"),
        (changed(prepared=lambda r: replace(r.prepared, payload_sha256="0" * 64)), "prepared.payload_sha256"),
        (changed(prepared=lambda r: replace(r.prepared, tensors_sha256="0" * 64)), "prepared.tensors_sha256"),
        (identity_of(version="0.1"), "identity.version"),
        (identity_of(optimised=False), "identity.optimised"),
        (identity_of(debug_assertions=True), "identity.debug_assertions"),
        (identity_of(cpus=(0, 1)), "identity.cpus"),
        (identity_of(thread_pools=(ThreadPool("p", "openblas", "1", 2, 2),)), "identity.thread_pools.0"),
        (identity_of(thread_pools=(ThreadPool("p", "openblas", "1", 1, 0),)), "identity.thread_pools.0"),
        (identity_of(tasks=()), "identity.tasks"),
        (changed(image_id=lambda _: "sha256:" + "0" * 64), "image_id"),
        (changed(trial=lambda r: replace(r.trial, cell="0" * 64)), "trial.cell"),
        (changed(turns=lambda _: ()), "turns"),
    ],
)
def test_a_gate_that_was_not_kept_is_named_with_its_line(tmp_path, change, field):
    def once(record):
        return change(record) if (record.trial.framework, record.trial.block) == ("sklearn", 2) else record

    found = [one for one in differences(write_run(tmp_path / "run", PAIR, change=once)) if one.file == "ledger.jsonl"]
    assert any(field in one.field for one in found), found
    assert all(one.line is not None for one in found)


def test_work_that_differs_between_two_sides_is_no_ratio(tmp_path):
    def less(record):
        return replace(record, receipt={"rows": 60}) if record.trial.framework == "linfa" else record

    found = differences(write_run(tmp_path / "run", PAIR, change=less))
    refused = [one for one in found if one.file == "report.json" and one.field.endswith("outcome")]
    assert {(one.recomputed) for one in refused} == {"refused"}


def test_a_receipt_that_is_not_the_one_in_the_outputs_is_named(tmp_path):
    def other(record):
        return replace(record, receipt={"rows": 121})

    found = differences(write_run(tmp_path / "run", PAIR, change=other))
    assert {(one.file, one.field.partition(",")[0], one.found, one.recomputed) for one in found} == {
        ("ledger.jsonl", "receipt.rows", "121", "120")
    }


def test_a_run_without_raw_samples_is_an_error_and_gives_no_number(tmp_path):
    def emptied(record):
        return replace(record, turns=tuple(replace(turn, samples=()) for turn in record.turns))

    folder = write_run(tmp_path / "run", PAIR)
    found = verify(folder, Progress(lambda _: None))
    assert found.comparisons == 2

    def nothing(run, *_):
        return mlfleet.table.fold(run, [])

    folder = write_run(tmp_path / "empty", PAIR, change=emptied, folded=nothing)
    found = verify(folder, Progress(lambda _: None))
    said = [one for one in found.findings.differences if one.field == "samples"]
    assert [one.recomputed for one in said] == ["raw samples: without them no published number can be verified"]
    assert (found.comparisons, found.samples, found.widths) == (0, 0, ())


def test_a_reading_without_value_and_reason_is_named(tmp_path):
    def blind(record):
        readings = dict(record.turns[0].readings) | {Name.CPU.value: Reading(None, "ns", "x")}
        return replace(record, turns=(replace(record.turns[0], readings=readings),))

    found = [one for one in differences(write_run(tmp_path / "run", PAIR, change=blind)) if one.file == "ledger.jsonl"]
    assert any("neither value nor reason" in one.found for one in found)


def test_two_turns_at_once_are_named(tmp_path):
    def early(record):
        long = 2000 * 10**9
        shift = -long if record.trial.block == 2 else 0
        turn = record.turns[0]
        moved = tuple(replace(s, start_ns=s.start_ns + shift, end_ns=s.end_ns + shift) for s in turn.samples)
        if turn.position == 1:
            return record
        turn = replace(turn, sent_ns=turn.sent_ns + shift, received_ns=turn.received_ns, samples=moved)
        return replace(record, turns=(turn,))

    found = differences(write_run(tmp_path / "run", PAIR, change=early))
    assert {one.recomputed for one in found if one.field.startswith("turn of")} == {"one turn at a time"}


# The golden values of the measurement rules.
GOLDEN = (0.010, 0.012, 0.008, 0.015, 0.011, 0.090, 0.009, 0.013, 0.007, 0.014)


def test_the_second_implementation_gives_the_golden_values():
    found = estimates.trimmed(GOLDEN)
    assert found.point == pytest.approx(0.0115)
    assert found.standard_error == pytest.approx(0.0011902, abs=1e-7)
    assert (found.degrees, found.p) == (5, pytest.approx(2.016e-4, rel=1e-3))
    assert found.ratio == pytest.approx((1.00796, 1.01157, 1.01519), abs=1e-5)
    first = estimates.trimmed(GOLDEN[:5])
    assert (first.point, first.degrees) == (pytest.approx(0.0112), 4)
    assert first.ratio == pytest.approx((1.00741, 1.01126, 1.01513), abs=1e-5)


def test_both_implementations_agree_where_they_may_differ():
    draw = random.Random(5)
    for blocks in range(2, 60):
        d = [draw.gauss(0.01, 0.05) for _ in range(blocks)]
        mine, theirs = estimates.trimmed(d), mlfleet.stats.estimate(d)
        assert (mine.low, mine.high, mine.p) == pytest.approx((theirs.low, theirs.high, theirs.p), rel=1e-9)
        assert mine.at(0.001).low == pytest.approx(theirs.at(0.001).low, rel=1e-9)


def test_both_implementations_test_at_the_same_levels():
    draw = random.Random(6)
    for _ in range(200):
        families = [[draw.random() ** 4 for _ in range(draw.randint(1, 6))] for _ in range(draw.randint(1, 8))]
        theirs = multiplicity.adjusted_levels(families, 0.03)
        named = {n: {str(i): p for i, p in enumerate(family)} for n, family in enumerate(families)}
        mine, selected = levels.tested(named)
        assert selected == theirs.selected
        assert [[mine[n, str(i)] for i in range(len(f))] for n, f in enumerate(families)] == [
            pytest.approx(list(one)) for one in theirs.tested
        ]


def test_a_width_that_the_samples_do_not_give_is_reported(tmp_path):
    folder = write_run(tmp_path / "run", PAIR, blocks=10)
    assert verify(folder, Progress(lambda _: None)).widths == ()

    def wild(record):
        """Each turn has samples that lie far apart, so that its median says little."""
        if record.trial.framework == "sklearn":
            return record
        at, found = record.turns[0].sent_ns, []
        for number, sample in enumerate(record.turns[0].samples):
            factor = (1, 0.2, 1.0, 1.0, 9.0)[number]
            end = at + round((sample.end_ns - sample.start_ns) * factor)
            found.append(Sample(sample.iterations, at, end))
            at = end
        return with_samples(record, found)

    steady = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
    found = verify(write_run(tmp_path / "wild", steady, blocks=10, change=wild), Progress(lambda _: None))
    assert [one.comparison for one in found.widths] == [f"linfa / sklearn, {NAME}, time"]
    assert found.widths[0].drawn > bootstrap.TWOFOLD * found.widths[0].published
    # A width is a doubt about the model, no altered number.
    assert found.holds
