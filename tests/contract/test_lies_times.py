"""Services whose answers are right and whose times are not: each is caught by its gate, and the honest twin by none.

The rules are judged by unit tests (test_gates.py, test_audit.py). A host may be too busy to hold a live service
against them, which its trial or audit says: those are measured again, and a host that stays so fails the test.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from liars import BRIEF, TWIN, Asked, Lies, planned
from mlfleet import build as builds
from mlfleet.audit import variants
from mlfleet.commands.common import ROOT
from mlfleet.gates import LINEAR_UNJUDGED

LIAR, CONTROL = "cpython", "null-python"
RANGE, LOOP = "sum.range-3e5", "sum.loop-1e5"
SUITE = str(Path(__file__).parent / "lies.toml")
# An interval needs so many.
BLOCKS = 5
TRIES = 4
# What the trial says, and what its reason begins with: the gate that is meant.
CAUGHT = [
    ("folded", RANGE, "short_work", "an iteration took"),
    ("once", RANGE, "short_work", "twice the iterations take"),
    ("works_on", RANGE, "background_work", "from 0.5 to 1 s after a reply"),
    ("claims", RANGE, "unexplained_time", "turn 1 took"),
    ("claims", LOOP, "unexplained_time", "turn 1 took"),
]


def command(service):
    return [*builds.process_command(service, ROOT)[:-1], str(ROOT / "tests/faults/python/lies.py")]


@pytest.fixture(scope="module")
def run():
    """One plan for all: its roof is probed once."""
    # Who memoises is audited alone; any workload of it takes the name along.
    marks = {RANGE: (TWIN, "folded", "once", "works_on", "claims"), LOOP: (TWIN, "claims", "memoise")}
    asked = {workload: Asked(names) for workload, names in marks.items()}
    with planned(Lies(SUITE, LIAR, command, asked, beside=(CONTROL,))) as run:
        yield run


@pytest.fixture(scope="module")
def table(run, tmp_path_factory):
    return run.measured(tmp_path_factory.mktemp("times") / "run")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(variants, "_RULES", replace(BRIEF, turns=2))


def until_told(found, again, unjudged):
    """What was found, or is again while the host is too busy to tell: `unjudged` says so, empty where it is judged."""
    for number in range(TRIES):
        found = again() if number else found
        if not (said := unjudged(found)):
            return found
    return pytest.fail(f"this host was {TRIES} times too busy to tell: {said}", pytrace=False)


@pytest.mark.parametrize(("fault", "workload", "verdict", "reason"), CAUGHT)
def test_a_lie_about_time_is_caught_by_its_gate(run, table, tmp_path, fault, workload, verdict, reason):
    def again():
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return run.measured(folder, only=(workload, fault)).cell(workload, f"{LIAR}:{fault}")

    def unjudged(cell):
        return LINEAR_UNJUDGED if cell.verdict.value == "ok" and LINEAR_UNJUDGED in cell.records[-1].labels else ""

    cell = until_told(table.cell(workload, f"{LIAR}:{fault}"), again, unjudged)
    assert cell.verdict.value == verdict, cell.reasons
    assert cell.records[-1].reason.startswith(reason)
    assert cell.estimates["time"] is None


@pytest.mark.parametrize("workload", [RANGE, LOOP])
def test_the_honest_twin_passes_every_gate_on_times(table, workload):
    cell = table.cell(workload, f"{LIAR}:{TWIN}")
    assert cell.verdict.value == "ok", cell.reasons


def test_who_remembers_answers_is_cached_by_what_it_has_seen_and_by_its_first_iteration(run):
    found = run.audited(LOOP, "memoise", BLOCKS)
    assert {gate for gate, outcome in found.items() if outcome.code == "cached"} >= {
        "seen before, cold",
        "memoised step",
    }, found


def test_a_folded_loop_does_not_grow_with_its_size(run):
    gate = "linear in size"

    def unjudged(found):
        return found[gate].detail if found[gate].state == "undecided" else ""

    def audited():
        return run.audited(RANGE, "folded", BLOCKS)

    found = until_told(audited(), audited, unjudged)
    assert found[gate].code == "short_work", found


@pytest.mark.parametrize("workload", [RANGE, LOOP])
def test_the_honest_twin_passes_every_audit(run, workload):
    found = run.audited(workload, TWIN, BLOCKS)
    assert [outcome for outcome in found.values() if outcome.state == "failed"] == []
    passed = {gate for gate, outcome in found.items() if outcome.state == "passed"}
    assert passed >= {"outputs of every turn", "perturbed sample, outputs", "memoised step"}
    assert found["linear in size"].state in {"passed", "undecided"}
