"""A run in which one service lies: under a name for each of its faults, beside its honest twin and other services.

`linfa:constant` is linfa's build started from the liar's file with the fault `constant`, `linfa:twin` with none. All
are measured in the same blocks: what they are held against is launched once.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlfleet import assemble, roofline
from mlfleet import build as builds
from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Outcome
from mlfleet.bench import Bench, Cell
from mlfleet.catalogue import load_suite
from mlfleet.client import connect
from mlfleet.codec import encode
from mlfleet.commands.benches import local_command
from mlfleet.commands.common import ROOT, services
from mlfleet.interrupt import Stop
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.sockets import RunFolder
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.meters import open_meters
from mlfleet.model import Service
from mlfleet.runfile import RunFile
from mlfleet.runner import cells_of, measure_run
from mlfleet.schedule import MS, Rules
from mlfleet.table import Table, fold
from mlfleet.tasks.control import WORKLOAD as CONTROL
from silent import Silent

TWIN = "twin"
# A warm-up of 100 ms: what is looked for is larger than what that leaves.
BRIEF = Rules(5 * MS, 4, 1, 100 * MS, 100 * MS)


@dataclass(frozen=True)
class Asked:
    """Of one workload: names of the liar, and how many blocks."""

    marks: tuple[str, ...]
    blocks: int = 1


@dataclass(frozen=True)
class Lies:
    """What is to be measured."""

    suite: str
    liar: str
    # What starts it: one file for all of its names.
    command: Callable[[Service], Sequence[str]]
    # By workload.
    asked: Mapping[str, Asked]
    # Keys of services that are measured beside the liar; the first of them that is no control is the baseline.
    beside: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """The plan of a run, and what it is measured on."""

    lies: Lies
    run: RunFile
    cells: Mapping[tuple[str, str], Cell]
    bench: Bench

    def measured(self, folder: Path, only: tuple[str, str] | None = None) -> Table:
        """The folded table; `only`: of one workload and mark alone, with the control."""
        run = self.run if only is None else self._restricted(only)
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, self.cells, ledger, self.bench, Silent(), None)
        return fold(run, read_records(folder))

    def audited(self, workload: str, mark: str, blocks: int) -> dict[str, Outcome]:
        """Outcomes by gate."""
        asked = next(one.workload for one in self.run.workloads if one.workload.name == workload)
        cell = self.cells[workload, f"{self.lies.liar}:{mark}"]
        found = audit_cell(self.run, asked, cell, blocks, self.bench, lambda _record: None)
        return {outcome.gate: outcome for outcome in found.outcomes}

    def _restricted(self, only: tuple[str, str]) -> RunFile:
        workload, mark = only
        return restricted(self.run, replace(self.lies, asked={workload: Asked((mark,))}))


@contextmanager
def planned(lies: Lies) -> Iterator[Planned]:
    """Everything up to the first trial."""
    known, builder = {service.key: service for service in services()}, builds.builder("process", ROOT)
    suite, honest = load_suite(lies.suite), known[lies.liar]
    marks = dict.fromkeys(mark for asked in lies.asked.values() for mark in asked.marks)
    named = [replace(honest, key=f"{lies.liar}:{mark}") for mark in marks]
    controls = [key for key in lies.beside if known[key].control]
    workloads = tuple(one for one in suite.workloads if one.name in lies.asked)
    request = assemble.Request(
        run=f"lies-{lies.suite}",
        suite=suite,
        services=(*(known[key] for key in lies.beside), *named),
        workloads=(*workloads, CONTROL) if controls else workloads,
        baseline=next((key for key in lies.beside if key not in controls), None),
        blocks=max(asked.blocks for asked in lies.asked.values()),
        seed=1,
        named=frozenset(lies.beside),
        pins=dict.fromkeys(named, builder.state(honest)),
    )

    def command(service: Service) -> Sequence[str] | None:
        return lies.command(honest) if service in named else local_command(service)

    with Stop() as stop, RunFolder(f"l{os.getpid():07x}") as sockets:
        bench = Bench(
            run8="liestest",
            launcher=ProcessLauncher(command),
            stop=stop,
            connect=connect,
            open_meters=open_meters,
            socket_folder=sockets.fresh,
            progress=lambda *_: None,
            roof=roofline.roof,
        )
        whole = assemble.make_run(request, builder, "process", None, bench, ROOT)
        run = restricted(whole, lies)
        yield Planned(lies, run, {key: _spoilt(cell) for key, cell in cells_of(run).items()}, bench)


def restricted(run: RunFile, lies: Lies) -> RunFile:
    """The run without what nobody asked for: other names in a workload, blocks beyond its own."""
    asked = {CONTROL.name: Asked(()), **lies.asked}

    def kept(workload: str, keys: Iterable[str]) -> tuple[str, ...]:
        wanted = {*lies.beside, *(f"{lies.liar}:{mark}" for mark in asked[workload].marks)}
        return tuple(key for key in keys if key in wanted)

    workloads = tuple(
        replace(one, cells={key: one.cells[key] for key in kept(one.workload.name, one.cells)})
        for one in run.workloads
        if one.workload.name in asked
    )
    plan = tuple(
        replace(
            block,
            launch=kept(block.workload, block.launch),
            turns=tuple(kept(block.workload, row) for row in block.turns),
        )
        for block in run.plan
        if block.workload in asked and block.number <= asked[block.workload].blocks
    )
    return replace(run, workloads=workloads, plan=plan)


def _spoilt(cell: Cell) -> Cell:
    mark = cell.service.key.partition(":")[2]
    return replace(cell, rules=BRIEF, fault=mark if mark not in ("", TWIN) else None)
