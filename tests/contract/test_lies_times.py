"""Services whose answers are right and whose times are not: each is caught by its gate, and the honest twin by none."""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from mlfleet import assemble, roofline
from mlfleet import build as builds
from mlfleet.audit import variants
from mlfleet.audit.measure import audit_cell
from mlfleet.bench import Bench
from mlfleet.catalogue import load_suite
from mlfleet.client import connect
from mlfleet.codec import encode
from mlfleet.commands.common import ROOT, services
from mlfleet.gates import LINEAR_UNJUDGED
from mlfleet.interrupt import Stop
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.sockets import RunFolder
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.meters import open_meters
from mlfleet.runner import cells_of, measure_run
from mlfleet.schedule import MS, Rules
from mlfleet.table import fold

LIAR = "cpython"
RANGE, LOOP = "sum.range-3e5", "sum.loop-1e5"
LIES = Path(__file__).parents[1] / "faults/python/lies.py"


class Silent:
    def block(self, block, number, total):
        pass

    def done(self, block, records):
        pass


def command(service):
    honest = builds.process_command(service, ROOT)
    return [*honest[:-1], str(LIES)] if service.key == LIAR else honest


@contextmanager
def planned(workload):
    """The plan of a run of the service that may lie, with the control, and the bench."""
    suite = load_suite(str(Path(__file__).parent / "lies.toml"))
    request = assemble.Request(
        run=f"times-{workload}",
        suite=suite,
        services=tuple(service for service in services() if service.key in {LIAR, "null-python"}),
        workloads=assemble.choose_workloads(suite, [workload]),
        baseline=None,
        blocks=1,
        seed=1,
        named=frozenset({LIAR, "null-python"}),
    )
    with Stop() as stop, RunFolder(f"t{os.getpid():07x}") as sockets:
        bench = Bench(
            run8="timetest",
            launcher=ProcessLauncher(command),
            stop=stop,
            connect=connect,
            open_meters=open_meters,
            socket_folder=sockets.fresh,
            progress=lambda *_: None,
            roof=roofline.roof,
        )
        run = assemble.make_run(request, builds.builder("process", ROOT), "process", None, bench, ROOT)
        yield run, bench


def measured(folder, workload, fault):
    """The liar's cell of a run of one block."""
    with planned(workload) as (run, bench):
        cells = {key: replace(cell, fault=fault if key[1] == LIAR else None) for key, cell in cells_of(run).items()}
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, cells, ledger, bench, Silent(), None)
    return fold(run, read_records(folder)).cell(workload, LIAR)


def audited(workload, fault):
    """Outcomes by gate of an audit of five blocks."""
    with planned(workload) as (run, bench):
        cell = replace(cells_of(run)[workload, LIAR], fault=fault)
        asked = next(one.workload for one in run.workloads if one.workload.name == workload)
        found = audit_cell(run, asked, cell, 5, bench, lambda _record: None)
    return {outcome.gate: outcome for outcome in found.outcomes}


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Audits with a warm-up of 100 ms: what they look for is larger than what that leaves."""
    monkeypatch.setattr(variants, "_RULES", Rules(5 * MS, 4, 2, 100 * MS, 100 * MS))


# What the trial says, and what its reason begins with: the gate that is meant.
CAUGHT = [
    ("folded", RANGE, "short_work", "an iteration took"),
    ("once", RANGE, "short_work", "twice the iterations take"),
    ("works_on", RANGE, "background_work", "from 0.5 to 1 s after a reply"),
    ("claims", RANGE, "unexplained_time", "turn 1 took"),
    ("claims", LOOP, "unexplained_time", "turn 1 took"),
]


@pytest.mark.parametrize(("fault", "workload", "verdict", "reason"), CAUGHT)
def test_a_lie_about_time_is_caught_by_its_gate(tmp_path, fault, workload, verdict, reason):
    cell = measured(tmp_path / "run", workload, fault)
    if LINEAR_UNJUDGED in cell.records[-1].labels:
        pytest.skip("this host is too busy to tell whether time grows with iterations, and the trial says so")
    assert cell.verdict.value == verdict, cell.reasons
    assert cell.records[-1].reason.startswith(reason)
    assert cell.estimates["time"] is None


@pytest.mark.parametrize("workload", [RANGE, LOOP])
def test_the_honest_twin_passes_every_gate_on_times(tmp_path, workload):
    cell = measured(tmp_path / "run", workload, None)
    assert cell.verdict.value == "ok", cell.reasons


def test_who_remembers_answers_is_cached_by_what_it_has_seen_and_by_its_first_iteration():
    found = audited(LOOP, "memoise")
    assert {gate for gate, outcome in found.items() if outcome.code == "cached"} >= {
        "seen before, cold",
        "memoised step",
    }, found


def test_a_folded_loop_does_not_grow_with_its_size():
    found = audited(RANGE, "folded")
    if found["linear in size"].state == "undecided":
        pytest.skip(f"this host is too busy to tell: {found['linear in size'].detail}")
    assert found["linear in size"].code == "short_work", found


@pytest.mark.parametrize("workload", [RANGE, LOOP])
def test_the_honest_twin_passes_every_audit(workload):
    found = audited(workload, None)
    assert [outcome for outcome in found.values() if outcome.state == "failed"] == []
    passed = {gate for gate, outcome in found.items() if outcome.state == "passed"}
    assert passed >= {"outputs of every turn", "perturbed sample, outputs", "memoised step"}
    assert found["linear in size"].state in {"passed", "undecided"}
