"""Re-enactments by services: a spoilt one and its honest twin beside a third, through the pipeline of every run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from mlfleet import assemble
from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Audit
from mlfleet.bench import Bench, Cell
from mlfleet.build import Builder
from mlfleet.catalogue import load_suite
from mlfleet.codec import encode
from mlfleet.demos.shown import Shown, distinct
from mlfleet.errors import HostError
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.model import Record, Service
from mlfleet.parity import Refusal
from mlfleet.plan import Block
from mlfleet.report.sentences import sentence
from mlfleet.runfile import RunFile
from mlfleet.runner import cells_of, measure_run
from mlfleet.table import Table, fold
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.verdict import Verdict

SUITE = "demos.toml"
# The mark of a twin: `sklearn:twin`, beside `sklearn:false_svm`.
TWIN = "twin"
# Where the spoilt services lie, each beside its honest one.
SPOILT = Path("services/faulty")
SEED = 1


@dataclass(frozen=True)
class Stage:
    """What live re-enactments need of a host: a checkout with local builds, and a bench to measure on."""

    root: Path
    services: Mapping[str, Service]
    builder: Builder
    # The run's name, and the command of each contestant.
    bench: Callable[[str, Callable[[Service], Sequence[str] | None]], AbstractContextManager[Bench]]
    # The command of a service that is built, as a run starts it.
    command: Callable[[Service], Sequence[str] | None]
    # Where a ledger goes.
    folder: Path
    blocks: int
    say: Callable[[str], None]


@dataclass(frozen=True)
class LiveDemo:
    """A fault of a service in `services/faulty`. `audited`: no trial shows it, an audit does."""

    name: str
    shows: str
    title: str
    # In demos.toml.
    workload: str
    # The service that others are divided by, and the one that is spoilt.
    baseline: str
    service: str
    fault: str
    # Codes that must refuse it.
    awaited: frozenset[str]
    # The honest twin, where it is not the spoilt service itself.
    twin: str = ""
    controls: tuple[str, ...] = ("null-python",)
    audited: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Services that must be built."""
        return tuple(dict.fromkeys((*self.controls, self.baseline, self.service, self.honest)))

    @property
    def honest(self) -> str:
        """The service that its twin is."""
        return self.twin or self.service

    @property
    def faulty_key(self) -> str:
        """The contestant: the service, marked with its fault."""
        return f"{self.service}:{self.fault}"

    @property
    def twin_key(self) -> str:
        """The contestant that differs from the faulty one in nothing else."""
        return f"{self.honest}:{TWIN}"

    @property
    def together(self) -> tuple[object, ...]:
        """Those that agree in this are measured in the same blocks."""
        return self.workload, self.baseline, self.twin_key, self.controls, self.audited


class _Silent:
    """Progress that nobody watches."""

    def block(self, block: Block, number: int, total: int) -> None:
        """Nothing is shown."""

    def done(self, block: Block, records: list[Record]) -> None:
        """Nothing is shown."""


def faults_together(demos: Sequence[LiveDemo]) -> list[list[LiveDemo]]:
    """Those that can be measured in the same blocks, together."""
    groups: dict[object, list[LiveDemo]] = {}
    for demo in demos:
        groups.setdefault(demo.together, []).append(demo)
    return list(groups.values())


def replay(demos: Sequence[LiveDemo], stage: Stage) -> tuple[Shown, ...]:
    """Measure faults of one workload, their twin and baseline in blocks, fold, and read what a report would print.

    Raises HostError that names what is not built.
    """
    if demos[0].audited:
        return tuple(_audited(demos, stage))
    table = _measured(demos, stage)
    return tuple(_shown(demo, table) for demo in demos)


def _audited(demos: Sequence[LiveDemo], stage: Stage) -> Iterator[Shown]:
    """As `mlfleet audit` does it, each faulty cell and the twin."""
    with staged(demos, stage) as (run, cells, bench):
        workload = next(one.workload for one in run.workloads if one.workload.name == demos[0].workload)

        def audit(key: str) -> Audit:
            return audit_cell(run, workload, cells[workload.name, key], stage.blocks, bench, lambda _: None)

        twin = audit(demos[0].twin_key)
        passed = [f"{one.gate}: {one.detail}" for one in twin.outcomes if one.state == "passed"]
        for demo in demos:
            yield Shown(
                name=demo.name,
                title=f"{demo.title}: {demo.faulty_key} in its audit, {demo.workload}",
                awaited=demo.awaited,
                refused=_failures(audit(demo.faulty_key)),
                twin=tuple(passed),
                against=_failures(twin),
            )


def _failures(found: Audit) -> tuple[Refusal, ...]:
    return tuple(Refusal("audit", one.code, f"{one.gate}: {one.detail}", found.framework) for one in found.failures)


def _shown(demo: LiveDemo, table: Table) -> Shown:
    planned = next(one for one in table.run.workloads if one.workload.name == demo.workload)
    faulty, twin = (
        [one for one in table.comparisons if one.contestant == key] for key in (demo.faulty_key, demo.twin_key)
    )
    found = [refusal for one in faulty for refusal in one.refusals]
    return Shown(
        name=demo.name,
        title=f"{demo.title}: {demo.faulty_key} / {demo.baseline}, {demo.workload}",
        awaited=demo.awaited,
        # What the baseline itself fails is no reason against the fault.
        refused=distinct([one for one in found if not one.where.startswith(f"{demo.baseline}: ")]),
        twin=_passed(
            table, demo, [sentence(planned, one, table.run.margin) for one in twin if one.outcome != "refused"]
        ),
        against=distinct([refusal for one in twin for refusal in one.refusals]),
    )


def _passed(table: Table, demo: LiveDemo, sentences: Sequence[str]) -> tuple[str, ...]:
    """What is said of a twin, of which at least one trial must have been scored: on a busy host all are disturbed."""
    scored = [one for one in table.cell(demo.workload, demo.twin_key).records if one.quality is not None]
    disturbed = sum(one.verdict is Verdict.DISTURBED for one in scored)
    told = (f"passed every gate; {disturbed} of {len(scored)} trials disturbed",) if disturbed else ()
    return (*told, *sentences) if scored else ()


def _measured(demos: Sequence[LiveDemo], stage: Stage) -> Table:
    with staged(demos, stage) as (run, cells, bench):
        folder = stage.folder / run.run
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, cells, ledger, bench.watched_by(lambda *_: None, ledger.blob), _Silent(), None)
    return fold(run, read_records(folder))


@contextmanager
def staged(demos: Sequence[LiveDemo], stage: Stage) -> Iterator[tuple[RunFile, dict[tuple[str, str], Cell], Bench]]:
    """A plan of them all, every cell with its fault, and a bench. Raises HostError that names what is not built."""
    names, first = ", ".join(demo.name for demo in demos), demos[0]
    needed = dict.fromkeys(key for demo in demos for key in demo.needs)
    for key in needed:
        if (state := stage.builder.state(stage.services[key])).state != "current":
            command = f"mlfleet build {' '.join(needed)} --runtime process"
            raise HostError(f"demo {names}: {state.reason}; try: {command}")
    request = _request(demos, stage)
    faults = {demo.faulty_key: demo.fault for demo in demos}
    stage.say(f"{names}: {stage.blocks} blocks of {', '.join((first.baseline, first.twin_key, *faults))}")
    with stage.bench(request.run, partial(_command, stage)) as bench:
        run = assemble.make_run(request, stage.builder, "process", None, bench, stage.root)
        for one in run.contestants:
            if one.identity is None:
                raise HostError(f"demo {names}: {one.service.key} takes no part: {one.reason}")
        yield run, {key: replace(cell, fault=faults.get(key[1])) for key, cell in cells_of(run).items()}, bench


def _request(demos: Sequence[LiveDemo], stage: Stage) -> assemble.Request:
    first = demos[0]
    with as_file(files("mlfleet.demos") / SUITE) as path:
        suite = load_suite(str(path))
    marked = {first.twin_key: first.honest, **{demo.faulty_key: demo.service for demo in demos}}
    # Each is the build of an honest service, started by another file.
    built = {replace(stage.services[key], key=name): stage.services[key] for name, key in marked.items()}
    return assemble.Request(
        run=assemble.run_id(f"demo-{first.name}", SEED),
        suite=suite,
        services=(*(stage.services[key] for key in first.controls), stage.services[first.baseline], *built),
        workloads=(*(one for one in suite.workloads if one.name == first.workload), CONTROL),
        baseline=first.baseline,
        blocks=stage.blocks,
        seed=SEED,
        named=frozenset(),
        pins={service: stage.builder.state(honest) for service, honest in built.items()},
    )


def _command(stage: Stage, service: Service) -> Sequence[str] | None:
    """The service's own command; of a marked one, with the spoilt file in place of its service.py."""
    key, _, mark = service.key.partition(":")
    command = stage.command(stage.services[key])
    if command is None or not mark:
        return command
    return [*command[:-1], str(stage.root / SPOILT / f"of_{key}.py")]
