"""Re-enactments by services: a spoilt one and its honest twin beside a third, through the pipeline of every run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path

from mlfleet import assemble
from mlfleet.bench import Bench
from mlfleet.build import Builder
from mlfleet.catalogue import load_suite
from mlfleet.codec import encode
from mlfleet.demos.shown import Shown, distinct
from mlfleet.errors import HostError
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.model import Record, Service
from mlfleet.plan import Block
from mlfleet.report.sentences import sentence
from mlfleet.runner import cells_of, measure_run
from mlfleet.table import Table, fold
from mlfleet.tasks.control import WORKLOAD as CONTROL

SUITE = "demos.toml"
# Marks of the two contestants that are one service: `sklearn:twin`, `sklearn:faulty`.
TWIN, FAULTY = "twin", "faulty"
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
    """A fault of a service in `services/faulty`."""

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
    needs: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """What must be built follows from who takes part."""
        needed = dict.fromkeys((*self.controls, self.baseline, self.service, self.twin or self.service))
        object.__setattr__(self, "needs", tuple(needed))

    def replay(self, stage: Stage) -> Shown:
        """Measure all three in blocks, fold, and read what the report would print."""
        table = _measured(self, stage)
        faulty, twin = f"{self.service}:{FAULTY}", f"{self.twin or self.service}:{TWIN}"
        planned = next(one for one in table.run.workloads if one.workload.name == self.workload)
        mine = {key: [one for one in table.comparisons if one.contestant == key] for key in (faulty, twin)}
        margin = table.run.margin
        return Shown(
            name=self.name,
            title=f"{self.title}: {faulty} / {self.baseline}, {self.workload}",
            awaited=self.awaited,
            refused=distinct([refusal for one in mine[faulty] for refusal in one.refusals]),
            twin=tuple(sentence(planned, one, margin) for one in mine[twin] if one.outcome != "refused"),
            against=distinct([refusal for one in mine[twin] for refusal in one.refusals]),
        )


class _Silent:
    """Progress that nobody watches."""

    def block(self, block: Block, number: int, total: int) -> None:
        """Nothing is shown."""

    def done(self, block: Block, records: list[Record]) -> None:
        """Nothing is shown."""


def _measured(demo: LiveDemo, stage: Stage) -> Table:
    for key in demo.needs:
        if (state := stage.builder.state(stage.services[key])).state != "current":
            raise HostError(f"demo {demo.name} needs {', '.join(demo.needs)}: {state.reason}")
    with as_file(files("mlfleet.demos") / SUITE) as path:
        suite = load_suite(str(path))
    spoilt, twin = stage.services[demo.service], stage.services[demo.twin or demo.service]
    marked = (replace(twin, key=f"{twin.key}:{TWIN}"), replace(spoilt, key=f"{spoilt.key}:{FAULTY}"))
    request = assemble.Request(
        run=assemble.run_id(f"demo-{demo.name}", SEED),
        suite=suite,
        services=(*(stage.services[key] for key in demo.controls), stage.services[demo.baseline], *marked),
        workloads=(*(one for one in suite.workloads if one.name == demo.workload), CONTROL),
        baseline=demo.baseline,
        blocks=stage.blocks,
        seed=SEED,
        named=frozenset(),
        # Both are the build of the honest service, started by another file.
        pins={service: stage.builder.state(service) for service in marked},
    )
    stage.say(f"{demo.name}: {stage.blocks} blocks of {', '.join(service.key for service in request.services)}")
    with stage.bench(request.run, lambda service: _command(service, stage)) as bench:
        run = assemble.make_run(request, stage.builder, "process", None, bench, stage.root)
        cells = {
            key: replace(cell, fault=demo.fault if key[1] == marked[1].key else None)
            for key, cell in cells_of(run).items()
        }
        folder = stage.folder / run.run
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, cells, ledger, bench.watched_by(lambda *_: None, ledger.blob), _Silent(), None)
    return fold(run, read_records(folder))


def _command(service: Service, stage: Stage) -> Sequence[str] | None:
    """The service's own command; of a marked one, with the spoilt file in place of its service.py."""
    command = stage.command(service)
    key, _, mark = service.key.partition(":")
    if command is None or not mark:
        return command
    return [*command[:-1], str(stage.root / SPOILT / f"of_{key}.py")]
