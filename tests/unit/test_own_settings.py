"""Schedule, memory limit and metrics of a workload's own: from the plan to the trial, the report and verify."""

import os
from dataclasses import replace

import pytest
import samples
from mlfleet import runner
from mlfleet.assemble import cell_id
from mlfleet.catalogue import Own, load_suite
from mlfleet.course import block_of
from mlfleet.model import Environment
from mlfleet.report.html import render_html
from mlfleet.report.notes import how_to_narrow
from mlfleet.report.placed import unplaced
from mlfleet.resolution import Limit, Resolution
from mlfleet.schedule import RULES
from mlfleet.setting import of_workload
from mlfleet.table import fold
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import MIB, Cell

NAME, OTHER = "ridge.fit-diabetes", "ridge.fit-boston"
CELLS = {name: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)} for name in (NAME, OTHER)}
LARGER = 4096 * MIB


def having(run, **own):
    """The run with this of NAME's own."""
    return replace(run, workloads=tuple(replace(w, **own) if w.workload.name == NAME else w for w in run.workloads))


def folded(**own):
    return fold(having(samples.run_file(CELLS), **own), samples.records(CELLS))


def test_its_trials_have_its_rules_and_its_limit(monkeypatch):
    monkeypatch.setattr(runner, "_same_payload", lambda *_: None)
    run = having(samples.run_file(CELLS), schedule="standard", memory_bytes=LARGER)
    known = tuple(
        replace(one, workload=replace(one.workload, dataset="diabetes", params={"alpha": 1.0})) for one in run.workloads
    )
    cells = runner.cells_of(replace(run, workloads=known))
    found = {name: (cell.rules, cell.environment.memory_bytes) for (name, _), cell in cells.items()}
    assert found == {NAME: (RULES["standard"], LARGER), OTHER: (RULES["short"], 2048 * MIB)}


def test_its_appended_blocks_have_its_turns():
    run = having(samples.run_file(CELLS), schedule="standard")
    assert [len(block_of(run, name, 6).turns) for name in (NAME, OTHER)] == [3, 1]


def test_what_compose_has_started_keeps_its_limit():
    suite = replace(load_suite("smoke"), own={NAME: Own(memory_bytes=LARGER)})
    environment = Environment("cpu", (0,), 1, MIB, "docker", "mapped")
    assert of_workload(environment, suite, NAME) == replace(environment, memory_bytes=LARGER)
    assert of_workload(environment, suite, OTHER) == environment
    attached = replace(environment, runtime="attach")
    assert of_workload(attached, suite, NAME) == attached


def test_only_its_metrics_are_compared_of_it():
    found = folded(metrics=("cpu",))
    assert {(one.workload, one.metric) for one in found.comparisons} == {
        (NAME, "cpu"),
        (OTHER, "time"),
        (OTHER, "memory"),
    }
    mine, other = (found.cell(name, "sklearn") for name in (NAME, OTHER))
    assert unplaced(found, mine, ("time",)) == "time is not compared in this run"
    assert unplaced(found, other, ("time",)) == ""


def test_the_resolution_is_that_of_its_schedule():
    limits = tuple(
        Limit("1 thread", schedule, "time", "compute", share, 40, 4, 10)
        for schedule, share in (("short", 0.2), ("standard", 0.004))
    )
    run = replace(samples.run_file(CELLS), resolution=Resolution("validation-1", "2026-01-01", limits))
    found = fold(having(run, schedule="standard"), samples.records(CELLS))
    assert {one.workload: one.resolution for one in found.comparisons if one.metric == "time"} == {
        NAME: 0.004,
        OTHER: 0.2,
    }


def test_a_reader_is_told():
    page = render_html(folded(schedule="standard", memory_bytes=LARGER, metrics=("cpu",)))
    assert "standard trials, memory limit 4.00 GiB, compared in cpu" in page
    whole = [one for one in how_to_narrow(folded()) if "short schedule" in one]
    assert [one.partition(" used")[0] for one in whole] == ["This run"]
    rest = [one for one in how_to_narrow(folded(schedule="standard")) if "short schedule" in one]
    assert [one.partition(" used")[0] for one in rest] == [OTHER]


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def fields(folder, planned, change=lambda record: record):
    run = write_run(folder / "run", CELLS, planned=planned, change=change)
    found = verify(run, Progress(lambda _: None), (folder,)).findings.differences
    return {one.field for one in found}


def test_verify_holds_trials_against_their_workloads_schedule(tmp_path):
    # Made by the short rules.
    mixed = fields(tmp_path / "mixed", lambda run: having(run, schedule="standard"))
    assert "calibration: iterations, timed, discarded, turns" in mixed

    def both(run):
        own = having(replace(run, schedule="standard"), schedule="short")
        return replace(own, workloads=tuple(replace(one, schedule="short") for one in own.workloads))

    assert fields(tmp_path / "own", both) == set()


def limited(run):
    """The run with a limit of NAME's own, and the ids that its cells have then."""
    own = having(run, memory_bytes=LARGER)
    environment = own.environment_of(NAME)

    def ids(one):
        return {
            key: cell_id(one.workload, one.payload_sha256, run.contestant(key), environment, run.seed)
            for key in one.cells
        }

    return replace(
        own, workloads=tuple(replace(w, cells=ids(w)) if w.workload.name == NAME else w for w in own.workloads)
    )


@pytest.mark.parametrize(("limit", "named"), [(LARGER, set()), (2048 * MIB, {"recipe.mem_limit"})])
def test_verify_holds_cells_and_containers_against_their_workloads_limit(tmp_path, limit, named):
    ids = {}

    def planned(run):
        found = limited(run)
        ids.update(found.planned(NAME).cells)
        return found

    def change(record):
        if record.trial.workload != NAME:
            return record
        trial = replace(record.trial, cell=ids[record.trial.framework])
        return replace(record, trial=trial, recipe={"mem_limit": str(limit)})

    assert fields(tmp_path, planned, change) == named


def test_verify_names_a_limit_that_the_ids_of_its_cells_are_not_of(tmp_path):
    found = fields(tmp_path, lambda run: having(run, memory_bytes=LARGER))
    assert found == {f"{NAME}, cell of {key}" for key in CELLS[NAME]}


def test_verify_compares_in_its_metrics_alone(tmp_path):
    assert fields(tmp_path, lambda run: having(run, metrics=("cpu",))) == set()
