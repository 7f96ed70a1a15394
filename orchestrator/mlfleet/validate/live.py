"""Runs of a validation: planned, measured and kept as every other run, by the same functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mlfleet import assemble, datasets, tasks
from mlfleet.bench import Bench, Cell
from mlfleet.build import Builder
from mlfleet.catalogue import Suite
from mlfleet.codec import encode
from mlfleet.errors import HostError
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import RUN, CloseBody, read_records
from mlfleet.model import Record, Runtime, Service, Workload
from mlfleet.plan import Block
from mlfleet.resolution import Bound
from mlfleet.runfile import Contestant, RunFile, read_run
from mlfleet.runner import cells_of, go_on, measure_run
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.pairs import pairs_seen
from mlfleet.validate.plan import BLOCKS, Plan, canaries_of, control_of, share_of, workload_of
from mlfleet.validate.result import PairSeen


class Watcher(Protocol):
    """Shows how far a run is."""

    def phase(self, framework: str, phase: str) -> None:
        """A framework enters a phase."""

    def block(self, block: Block, number: int, total: int, left_s: float | None) -> None:
        """A block begins."""

    def done(self, block: Block, records: list[Record]) -> None:
        """A block has ended."""


@dataclass(frozen=True)
class Site:
    """Where a validation's runs are made and kept."""

    name: str
    folder: Path
    root: Path
    suite: Suite
    services: tuple[Service, ...]
    runtime: Runtime
    engine: str | None
    builder: Builder
    bench: Bench
    seed: int
    watched: Callable[[str], AbstractContextManager[Watcher]]
    # What trials are made on, where that is not the bench that services are asked on for the plan.
    measuring: Bench | None = None


def canary_run(site: Site, controls: Sequence[Service]) -> tuple[RunFile, tuple[Record, ...]]:
    """One short block of every canary on these controls."""
    workloads = (*canaries_of(site.suite), CONTROL)
    return measured(site, "canaries", tuple(controls), workloads, blocks=1, seed=site.seed, schedule="short")


def experiment(site: Site, plan: Plan, bound: Bound, number: int) -> tuple[PairSeen, ...]:
    """One build under many names: some do the same work, some a counted share more."""
    control = control_of(site.services, bound)
    services = tuple(replace(control, key=f"{control.key}:{name}") for name in plan.names(bound, number))
    run, records = measured(
        site,
        f"{bound}-{number}",
        services,
        (workload_of(site.suite, bound),),
        blocks=BLOCKS,
        seed=site.seed + number,
        schedule=plan.schedule,
    )
    return pairs_seen(bound, run, records)


def measured(
    site: Site,
    part: str,
    services: tuple[Service, ...],
    workloads: tuple[Workload, ...],
    *,
    blocks: int,
    seed: int,
    schedule: str,
) -> tuple[RunFile, tuple[Record, ...]]:
    """A run of these workloads on these services, in a folder of its own under the validation's.

    One that is there already is gone on with, or only read where nothing of it is missing.
    """
    folder = site.folder / part
    begun = (folder / RUN).exists()
    if begun:
        run = _same_builds(read_run(folder), site)
    else:
        run = _planned(site, part, services, workloads, blocks=blocks, seed=seed, schedule=schedule)
    with _kept(folder, run, begun=begun) as ledger:
        if not _ended(ledger):
            with site.watched(part) as watcher:
                watched = (site.measuring or site.bench).watched_by(watcher.phase, ledger.blob)
                measure_run(run, _slowed(cells_of(run), seed), ledger, watched, watcher, None)
    return run, tuple(read_records(folder))


def _planned(
    site: Site,
    part: str,
    services: tuple[Service, ...],
    workloads: tuple[Workload, ...],
    *,
    blocks: int,
    seed: int,
    schedule: str,
) -> RunFile:
    name = f"{site.name}-{part}"
    suite = replace(site.suite, schedule="short" if schedule == "short" else "standard")
    request = assemble.Request(
        run=name,
        suite=suite,
        services=services,
        workloads=workloads,
        baseline=None,
        blocks=blocks,
        seed=seed,
        named=frozenset(service.key for service in services),
        # A build has one key; its other names stand for the same build.
        pins={service: site.builder.state(_own(service, site.services)) for service in services},
    )
    planned = assemble.make_run(request, site.builder, site.runtime, site.engine, site.bench, site.root)
    takes_part(planned.contestants)
    return _compared(planned) if len(workloads) == 1 else planned


@contextmanager
def _kept(folder: Path, run: RunFile, *, begun: bool) -> Iterator[Ledger]:
    """The run's ledger, opened again or new."""
    with Ledger.open(folder) if begun else Ledger.create(folder, encode(run)) as ledger:
        if begun and not _ended(ledger):
            go_on(ledger)
        yield ledger


def _ended(ledger: Ledger) -> bool:
    """Whether nothing of the run is missing."""
    last = list(ledger.lines())[-1]
    return last.kind == "close" and last.read(CloseBody).reason == "done"


def _same_builds(run: RunFile, site: Site) -> RunFile:
    """The run. Raises HostError if a build is another one now: both would pass for one."""
    for one in run.contestants:
        state = site.builder.state(_own(one.service, site.services))
        if state.image_id != one.image_id:
            raise HostError(f"{run.run}: {one.service.key} is another build now; try: mlfleet validate")
    return run


def takes_part(contestants: tuple[Contestant, ...]) -> tuple[Contestant, ...]:
    """The contestants. Raises HostError if one does not: a pair less would look like an experiment less."""
    for one in contestants:
        if one.identity is None:
            raise HostError(f"{one.service.key} takes no part: {one.reason}")
    return contestants


def _compared(run: RunFile) -> RunFile:
    """Controls are compared here, and nowhere else; what this host showed earlier must not decide what it shows now."""
    workloads = tuple(replace(planned, control=False) for planned in run.workloads)
    return replace(run, workloads=workloads, resolution=None)


def _slowed(cells: Mapping[tuple[str, str], Cell], seed: int) -> dict[tuple[str, str], Cell]:
    """The same cells, of which those with a share in their name are asked for that much more work."""
    found = dict(cells)
    for (workload, key), cell in cells.items():
        if percent := share_of(key):
            task = tasks.get(cell.task.name)
            params = {**cell.case.params, "percent": percent}
            found[workload, key] = replace(cell, case=task.case(datasets.load(cell.case.dataset), params, seed))
    return found


def _own(service: Service, services: Sequence[Service]) -> Service:
    """The service of compose.yaml that a name stands for."""
    key = service.key.partition(":")[0]
    return next(one for one in services if one.key == key)
