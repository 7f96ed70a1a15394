"""A second implementation of the stops: what holds, and that every stop that should not have been is named."""

import os
from dataclasses import replace
from itertools import count

import pytest
import samples
from mlfleet.codec import encode
from mlfleet.course import course
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import BlockBody, CloseBody, StopBody
from mlfleet.looks import LOOKS
from mlfleet.state import State
from mlfleet.verdict import Verdict
from mlfleet.verify.chain import read_chain, read_run
from mlfleet.verify.findings import Findings
from mlfleet.verify.looks import check_looks
from mlfleet.verify.order import read_trials
from mlfleet.verify.plan import run_view
from samples import RESTLESS, Cell

S = 1_000_000_000
NAME, WIDE, CONTROL = "ridge.fit-diabetes", "knn_classify.predict-wine", "control.noop"
CELLS = {
    NAME: {"sklearn": Cell(1e6), "linfa": Cell(1.05e6, noise=(0.995, 1.015, 0.985, 1.0, 1.0))},
    WIDE: {"sklearn": Cell(1e6), "linfa": Cell(1.1e6, noise=RESTLESS)},
    CONTROL: {"null-rust": Cell(1e6)},
}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def planned(cells=CELLS, budget_s=900.0):
    run = samples.run_file(cells, 40)
    plan = tuple(block for block in run.plan if block.workload != CONTROL or block.number <= 10)
    return replace(run, plan=plan, looks=LOOKS, budget_s=budget_s)


def write(folder, run, *, cells=CELLS, change=lambda step: step, alter=lambda record: record, closed="done"):
    """A run as its writer would have made it. `change`: of each step of its course, None to leave it out."""
    state, numbers = State(), count()
    with Ledger.create(folder, encode(run)) as ledger:
        for step in course(run, state):
            if next(numbers) > 300:
                break
            step = change(step)  # noqa: PLW2901 - the altered one
            if step is None:
                break
            if isinstance(step, StopBody):
                state.stop(step)
                ledger.append("stop", step)
                continue
            found = []
            for key, cell in cells[step.workload].items():
                if f"{step.workload}/{key}" not in state.shut:
                    found.append(alter(samples.record(step.workload, key, cell, step.number)))
                    ledger.append("start", found[-1].trial)
            seqs = tuple(ledger.append("record", record) for record in found)
            for record in found:
                state.note(record)
            body = BlockBody(step.workload, step.number, seqs, S)
            ledger.append("block", body)
            state.close(body, found)
        ledger.append("close", CloseBody(closed))
    return folder


def check(folder):
    findings = Findings()
    body, digest = read_run(folder)
    chain = read_chain(folder, digest, findings, lambda _: None)
    _, counted = read_trials(chain.lines, findings)
    check_looks(run_view(body), chain.lines, counted, findings)
    return findings


def found(folder):
    return [(one.field, one.found, one.recomputed) for one in check(folder).differences]


@pytest.mark.parametrize("budget_s", [900.0, 23.0])
def test_what_the_runner_does_holds(tmp_path, budget_s):
    findings = check(write(tmp_path / "run", planned(budget_s=budget_s)))
    assert findings.differences == []
    assert findings.checked["looks"] > 9


def test_disturbed_lost_and_invalid_trials_hold_too(tmp_path):
    def alter(record):
        place = (record.trial.workload, record.trial.framework, record.trial.block)
        verdicts = {(NAME, "linfa", 3): Verdict.DISTURBED, (WIDE, "linfa", 4): Verdict.TRANSPORT_FAILED}
        return replace(record, verdict=verdicts.get(place, record.verdict))

    assert found(write(tmp_path / "run", planned(), alter=alter)) == []


def stopped_early(step):
    """As if somebody had stopped when it looked best."""
    early = getattr(step, "workload", "") == WIDE and getattr(step, "number", 0) == 13
    return StopBody(WIDE, "precision", 12) if early else step


def test_a_stop_between_two_looks_is_named(tmp_path):
    (one,) = found(write(tmp_path / "run", planned(), change=stopped_early))
    assert one == (f"stop of {WIDE}, reason", "precision", "max_blocks")


def test_a_budget_that_was_not_spent_is_named(tmp_path):
    def change(step):
        early = stopped_early(step)
        return early if early is step else replace(early, reason="budget")

    assert found(write(tmp_path / "run", planned(), change=change)) == [
        (f"stop of {WIDE}, reason", "budget", "max_blocks")
    ]


def test_a_run_that_measured_on_although_it_was_precise_is_named(tmp_path):
    # All forty blocks were measured as if they were fixed, and it was said afterwards that it had looked.
    folder = write(tmp_path / "run", replace(planned({NAME: CELLS[NAME]}), looks=()))
    text = (folder / "run.json").read_bytes()
    assert b'"looks":[]' in text
    (folder / "run.json").write_bytes(text.replace(b'"looks":[]', b'"looks":[10,15,20,30,40]'))
    fields = [field for field, _, _ in found(folder)]
    assert f"{NAME} behind block 10" in fields
    assert f"stop of {NAME}" in fields


def test_a_finished_run_without_its_stop_is_named(tmp_path):
    def change(step):
        return None if isinstance(step, StopBody) and step.workload == WIDE else step

    run = planned({WIDE: CELLS[WIDE]})
    assert found(write(tmp_path / "run", run, change=change)) == [
        (f"stop of {WIDE}", "none", "one, since the run came to its end")
    ]


def test_a_run_that_was_interrupted_needs_none(tmp_path):
    def change(step):
        return None if getattr(step, "number", 0) == 7 else step

    assert found(write(tmp_path / "run", planned(), change=change, closed="interrupted")) == []


def having(run, name, **own):
    return replace(run, workloads=tuple(replace(w, **own) if w.workload.name == name else w for w in run.workloads))


def of_its_own(blocks=12):
    """A run that looks, but for a workload with so many blocks of its own."""
    run = having(planned(), NAME, blocks=12)
    return replace(run, plan=tuple(block for block in run.plan if block.workload != NAME or block.number <= blocks))


def test_a_workload_with_blocks_or_a_budget_of_its_own_holds(tmp_path):
    findings = check(write(tmp_path / "run", having(of_its_own(), WIDE, budget_s=12.5)))
    assert findings.differences == []


def test_another_number_of_blocks_than_its_own_is_named(tmp_path):
    assert found(write(tmp_path / "run", of_its_own(11))) == [(f"plan, blocks of {NAME}", "11", "12")]


def test_a_look_at_a_workload_with_blocks_of_its_own_is_named(tmp_path):
    def change(step):
        return StopBody(NAME, "precision", 10) if getattr(step, "number", 0) == 11 else step

    folder = write(tmp_path / "run", of_its_own(), change=change)
    assert (f"stop of {NAME}", "a stop", "none: blocks are fixed") in found(folder)


def test_a_budget_that_is_not_the_workloads_own_is_named(tmp_path):
    folder = write(tmp_path / "run", having(planned(), WIDE, budget_s=12.5))
    text = (folder / "run.json").read_bytes()
    assert b'"budget_s":12.5' in text
    (folder / "run.json").write_bytes(text.replace(b'"budget_s":12.5', b'"budget_s":20.5'))
    assert (f"stop of {WIDE}, reason", "budget", "max_blocks") in found(folder)


def test_other_looks_are_named(tmp_path):
    run = replace(planned({NAME: CELLS[NAME]}), looks=(6, 7, 8, 9, 10))
    assert found(write(tmp_path / "run", run))[0][0] == "looks"


def test_a_stop_where_blocks_are_fixed_is_named(tmp_path):
    run = replace(samples.run_file({NAME: CELLS[NAME]}, 5))

    def change(step):
        return StopBody(NAME, "precision", 3) if getattr(step, "number", 0) == 4 else step

    folder = write(tmp_path / "run", run, change=change)
    assert (f"stop of {NAME}", "a stop", "none: blocks are fixed") in found(folder)
