"""Two runs held against each other: nothing that the host did may pass for a version's merit."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from mlfleet import cli, stats
from mlfleet.across.changes import compare_runs
from mlfleet.across.printed import lines
from mlfleet.errors import UsageError
from mlfleet.table import fold
from runs import write_run
from samples import UNTRAINED, Cell, contestant, record, run_file

NEWER = "sha256:" + "cd" * 32
NAME = "ridge.fit-diabetes"
BASE = {"sklearn": Cell(8.8e5, 99.0, metric="r2", quality=0.512), "linfa": Cell(7e5, 98.0, metric="r2", quality=0.512)}


def table(cells=None, *, swapped=(), blocks=5, alter=lambda run: run, records=lambda record: record):
    """A run of one workload; `swapped` services have another image."""
    chosen = {NAME: cells or BASE}
    run = run_file(chosen, blocks)
    contestants = tuple(replace(one, image_id=NEWER) if one.service.key in swapped else one for one in run.contestants)
    run = alter(replace(run, run=f"run-{len(swapped)}", contestants=contestants))
    found = [
        records(record(NAME, key, cell, block)) for block in range(1, blocks + 1) for key, cell in chosen[NAME].items()
    ]
    return fold(run, found)


def scaled(factor, key="sklearn"):
    return {**BASE, key: replace(BASE[key], ns=BASE[key].ns * factor)}


def outcome(before, after, framework="sklearn", metric="time"):
    found = compare_runs(before, after)
    return next(one for one in found.changes if (one.framework, one.metric) == (framework, metric))


@pytest.mark.parametrize(("factor", "awaited"), [(1.2, "slower"), (0.8, "faster"), (1.0, "same")])
def test_a_swapped_image_is_faster_slower_or_the_same(factor, awaited):
    found = outcome(table(), table(scaled(factor), swapped=("sklearn",)))
    assert found.outcome == awaited
    assert found.ratio[0] == pytest.approx(factor)
    assert found.trials == (5, 5)


def test_what_moved_without_a_change_takes_the_merit_from_what_was_changed():
    drifted = {key: replace(cell, ns=cell.ns * 1.2) for key, cell in BASE.items()}
    found = outcome(table(), table(drifted, swapped=("sklearn",)))
    assert (found.outcome, found.reasons) == ("inconclusive", ("below_resolution",))
    assert 0.2 < found.drift < 0.24
    assert found.ratio is None


def test_runs_of_two_hosts_name_no_winner():
    other = table(
        scaled(2.0), swapped=("sklearn",), alter=lambda run: replace(run, host_fingerprint={"cpu_model": "x"})
    )
    found = compare_runs(table(), other)
    assert {change.outcome for change in found.changes} == {"inconclusive"}
    assert any("other_host" in change.reasons for change in found.changes)
    assert "WARNING: another host: cpu_model" in "\n".join(lines(found))


@pytest.mark.parametrize(
    ("alter", "gate"),
    [
        (lambda run: replace(run, seed=run.seed + 1), "environment"),
        (lambda run: replace(run, environment=replace(run.environment, memory_bytes=1)), "environment"),
        (
            lambda run: replace(run, workloads=tuple(replace(w, payload_sha256="ef" * 32) for w in run.workloads)),
            "payload",
        ),
        (lambda run: replace(run, workloads=tuple(replace(w, memory_bytes=1) for w in run.workloads)), "environment"),
        (
            lambda run: replace(run, workloads=tuple(replace(w, schedule="standard") for w in run.workloads)),
            "environment",
        ),
    ],
)
def test_another_setting_or_payload_refuses_every_ratio(alter, gate):
    found = compare_runs(table(), table(scaled(2.0), swapped=("sklearn",), alter=alter))
    assert {change.outcome for change in found.changes} == {"refused"}
    assert {refusal.gate for change in found.changes for refusal in change.refusals} == {gate}
    assert all(change.ratio is None and change.estimate is None for change in found.changes)


def test_a_cell_that_failed_a_gate_in_one_run_is_refused_with_its_side_named():
    bad = {**BASE, "sklearn": Cell(1e5, 99.0, metric="r2", quality=-3.1, **UNTRAINED)}
    found = outcome(table(), table(bad, swapped=("sklearn",)))
    assert found.outcome == "refused"
    assert {refusal.where for refusal in found.refusals} == {"sklearn (B): 5 of 5 trials"}


def test_few_trials_or_flagged_ones_decide_nothing():
    few = outcome(table(blocks=4), table(scaled(2.0), swapped=("sklearn",)))
    assert (few.outcome, few.reasons) == ("inconclusive", ("few_blocks",))

    def flagged(one):
        return replace(one, turns=tuple(replace(turn, flags=("pressure",)) for turn in one.turns))

    noisy = outcome(table(), table(scaled(2.0), swapped=("sklearn",), records=flagged))
    assert (noisy.outcome, noisy.reasons) == ("inconclusive", ("noisy",))


def test_runs_with_nothing_in_common_are_a_usage_error_that_names_both():
    other = table({"candle": BASE["sklearn"]})
    with pytest.raises(UsageError, match=r"A has ridge.fit-diabetes \(sklearn\).*B has ridge.fit-diabetes \(candle\)"):
        compare_runs(table(), other)


def test_equal_versions_in_two_runs_are_called_different_no_more_often_than_the_level():
    random_ = random.Random(7)
    alarms = 0
    for _ in range(2000):
        sides = [[random_.gauss(0, 0.02) for _ in range(10)] for _ in range(2)]
        alarms += stats.unpaired(*sides, alpha=0.05).p <= 0.05
    assert 60 <= alarms <= 140


def test_the_unpaired_interval_is_welchs_below_eight_values():
    # scipy.stats.ttest_ind(a, b, equal_var=False): t = -3.2863, df = 6.94; here rounded down to 6.
    a, b = [1.0, 1.2, 0.9, 1.1, 1.05], [1.3, 1.25, 1.5, 1.2, 1.45]
    found = stats.unpaired(a, b, alpha=0.05)
    spread = math.sqrt(np.var(a, ddof=1) / 5 + np.var(b, ddof=1) / 5)
    assert found.point == pytest.approx(0.29)
    assert found.standard_error == pytest.approx(spread)
    assert found.blocks == 5
    assert found.low < 0.29 < found.high
    assert stats.unpaired(b, a).point == -found.point


@pytest.fixture
def folders(tmp_path):
    def planned(run):
        return replace(
            run,
            contestants=tuple(
                replace(one, image_id=NEWER) if one.service.key == "linfa" else one for one in run.contestants
            ),
        )

    cells = {NAME: BASE, "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)}}
    slower = {**cells, NAME: scaled(1.3, "linfa")}
    return write_run(tmp_path / "a", cells), write_run(tmp_path / "b", slower, planned=planned)


def test_the_command_prints_outcomes_and_exits_4_where_a_threshold_is_crossed(folders, capsys):
    a, b = map(str, folders)
    assert cli.status(["compare", a, b]) == 0
    said = capsys.readouterr().out
    assert "image: linfa" in said
    assert "time: slower: 1.3" in said
    assert cli.status(["compare", a, b, "--fail-on", "time:20"]) == 4
    assert "crossed: ridge.fit-diabetes, linfa, time: slower" in capsys.readouterr().err
    assert cli.status(["compare", a, b, "--fail-on", "time:40"]) == 0
    assert cli.status(["compare", b, a, "--fail-on", "time:0"]) == 0


def test_a_program_gets_ratios_only_where_there_are_outcomes(folders, capsys):
    a, b = map(str, folders)
    assert cli.status(["compare", a, b, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    by_outcome = {change["outcome"] for change in found["changes"]}
    assert "slower" in by_outcome
    for change in found["changes"]:
        assert (change["ratio"] is None) == (change["outcome"] in {"inconclusive", "refused"})


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["{a}", "{a}"], 2, "is both runs"),
        (["{a}", "{b}", "--fail-on", "time"], 2, "is no threshold; awaited time, cpu or memory with per cent"),
        (["{a}", "/nowhere"], 74, "awaited the folder of a run"),
    ],
)
def test_nonsense_is_told_in_one_line(folders, capsys, arguments, status, words):
    a, b = map(str, folders)
    assert cli.status(["compare", *(one.format(a=a, b=b) for one in arguments)]) == status
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_contestants_of_one_name_are_compared_though_their_versions_differ():
    newer = table(
        swapped=("sklearn",),
        alter=lambda run: replace(
            run, contestants=tuple(contestant(one.service.key, "2.0") for one in run.contestants)
        ),
    )
    assert compare_runs(table(), newer).changes[0].versions == ("1.9.1", "2.0")
