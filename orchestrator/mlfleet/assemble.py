"""From what the user asked for to run.json: services, payloads, cells and the order of blocks."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from mlfleet import __version__, datasets, errors, host, payload, quiet, sizing, tasks
from mlfleet.bench import Bench
from mlfleet.build import Builder, BuildState
from mlfleet.catalogue import Suite
from mlfleet.codec import canonical
from mlfleet.constants import constants
from mlfleet.contestants import contestants
from mlfleet.datasets import DataUnavailable
from mlfleet.launch.surroundings import Surroundings
from mlfleet.model import SCHEMA, Environment, Runtime, Service, Workload
from mlfleet.resolution import load as known_resolution
from mlfleet.runfile import Contestant, PlannedWorkload, RunFile
from mlfleet.setting import environment_of, of_workload
from mlfleet.tasks.control import TASKS as CONTROLS
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.tasks.sized import sizes

PROTO = Path("proto/mlfleet/v1/benchmark.proto")


@dataclass(frozen=True)
class Request:
    """What `mlfleet run` was asked for, names checked."""

    run: str
    suite: Suite
    services: tuple[Service, ...]
    workloads: tuple[Workload, ...]
    baseline: str | None
    blocks: int
    seed: int
    # Services that the user named: it is an error if one of them is not built.
    named: frozenset[str]
    # Images that the user named, each already found.
    pins: Mapping[Service, BuildState] = field(default_factory=dict)
    # As Environment.device.
    device: str = "cpu"
    # Numbers of blocks at which a workload may stop, `blocks` being the most; empty: all of them are measured.
    looks: tuple[int, ...] = ()
    # What all of it may take, in seconds, beside the suite's own limit.
    limit_s: float | None = None
    # The number of blocks is the user's own: no limit makes it smaller.
    exact: bool = False


def choose_services(services: Sequence[Service], globs: Sequence[str]) -> tuple[Service, ...]:
    """The services that the globs name, and every control; all of them where there is no glob. Raises UsageError."""
    contestants = [service for service in services if not service.control]
    for glob in globs:
        if not any(fnmatchcase(service.key, glob) for service in contestants):
            raise errors.unknown("framework", glob, [service.key for service in contestants])
    return tuple(s for s in services if s.control or not globs or any(fnmatchcase(s.key, glob) for glob in globs))


def choose_workloads(suite: Suite, globs: Sequence[str]) -> tuple[Workload, ...]:
    """The suite's workloads that the globs name, and the control. Raises UsageError."""
    for glob in globs:
        if not any(fnmatchcase(workload.name, glob) for workload in suite.workloads):
            raise errors.unknown("workload", glob, [workload.name for workload in suite.workloads])
    chosen = [w for w in suite.workloads if not globs or any(fnmatchcase(w.name, glob) for glob in globs)]
    return (*chosen, CONTROL)


def planned_workload(
    workload: Workload, taking_part: Sequence[Contestant], environment: Environment, seed: int
) -> PlannedWorkload:
    """Dataset, payload and cells of one workload; a dataset or model that is not here leaves it without cells."""
    task = tasks.get(workload.task)
    is_control = workload.task in {control.name for control in CONTROLS}
    entry = datasets.entry(workload.dataset)
    try:
        dataset = datasets.load(workload.dataset)
        case = task.case(dataset, workload.params, seed)
    except DataUnavailable as error:
        return PlannedWorkload(
            workload, {}, entry.version, entry.licence, entry.label, "", "", 0, "", "", task.title_time, task.unit,
            task.unit_key, is_control, str(error), {},
        )  # fmt: skip
    stored = payload.store(case.inputs)
    able = [
        contestant
        for contestant in taking_part
        if contestant.identity is not None
        and contestant.service.control == is_control
        and contestant.identity.task(workload.task) is not None
    ]
    return PlannedWorkload(
        workload=workload,
        params=case.params,
        dataset_version=dataset.version,
        dataset_licence=dataset.licence,
        dataset_label=dataset.label,
        dataset_sha256=dataset.decoded_sha256,
        payload_sha256=stored.sha256,
        payload_bytes=stored.size_bytes,
        tensors_sha256=stored.tensors_sha256,
        # Where pairs are judged over blocks a case has no class of its own.
        parity=case.parity or task.parity,
        title_time=task.title_time,
        unit=task.unit,
        unit_key=task.unit_key,
        control=is_control,
        unavailable="",
        cells={
            contestant.service.key: cell_id(workload, stored.sha256, contestant, environment, seed)
            for contestant in able
        },
        weights=case.weights,
        bound=task.bound(case),
        trivial=task.trivial,
        direction=task.direction,
        floor=task.spread.floor if task.spread else None,
        alone=case.alone,
        sizes=sizes(task, workload.params, len(dataset.train)),
    )


def cell_id(workload: Workload, sha256: str, contestant: Contestant, environment: Environment, seed: int) -> str:
    """The content address of a cell: whatever would make its figures another cell's is in it."""
    identity = contestant.identity
    facts = {
        "schema": SCHEMA,
        "task": workload.task,
        "params": dict(workload.params),
        "payload": sha256,
        "framework": contestant.service.key,
        "version": identity.version if identity else None,
        "image": contestant.image_id,
        "environment": asdict(environment) | {"cpus": list(environment.cpus)},
        "seed": seed,
    }
    return hashlib.sha256(canonical(facts)).hexdigest()


def make_run(
    request: Request,
    builder: Builder,
    runtime: Runtime,
    engine: str | None,
    bench: Bench,
    root: Path,
    around: Surroundings | None = None,
) -> RunFile:
    """Everything that is decided before the first trial. `engine`: version of the docker engine, if it is used."""
    setting, environment = environment_of(request.suite, runtime, around, request.device)
    facts = host.facts()
    fingerprint = host.fingerprint(facts, {"docker_engine": engine})
    taking_part = contestants(request.services, request.named, request.pins, builder, environment, bench)
    found = [_planned(workload, taking_part, environment, request) for workload in request.workloads]
    request, able, sized = _fitted(request, found, taking_part)
    workloads = tuple(planned for planned in able if planned.workload.name not in sized.left_out)
    return RunFile(
        schema_version=SCHEMA,
        run=request.run,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        mlfleet_version=__version__,
        suite=request.suite.name,
        schedule=request.suite.schedule,
        seed=request.seed,
        blocks=request.blocks,
        margin=request.suite.margin,
        metrics=request.suite.metrics,
        baselines=_baselines(workloads, request.baseline),
        setting=setting,
        environment=environment,
        contestants=taking_part,
        workloads=workloads,
        plan=sizing.every_block(workloads, request.suite, request.blocks, request.looks, request.seed),
        host=facts,
        host_fingerprint=fingerprint,
        proto_sha256=hashlib.sha256((root / PROTO).read_bytes()).hexdigest(),
        commit=_commit(root),
        constants=constants() | quiet.limits(fingerprint, runtime, setting).constants(),
        forecast_s=sized.seconds,
        first_look_s=sized.first_look_s if request.looks else None,
        left_out=sized.left_out,
        looks=request.looks,
        latency=request.suite.latency,
        budget_s=request.suite.budget_seconds,
        resolution=known_resolution(fingerprint),
        roof=bench.roof(environment.cpus, environment.device, fingerprint),
    )


def _fitted(
    request: Request, found: Sequence[PlannedWorkload], taking_part: Sequence[Contestant]
) -> tuple[Request, list[PlannedWorkload], sizing.Fit]:
    """The most of each workload for which none is left out; the least of each, and what of it fits, where none is."""
    limits = [limit for limit in (request.suite.limit_seconds, request.limit_s) if limit is not None]
    limit_s = min(limits) if limits else None
    suites = [request.suite]
    if request.limit_s is not None and not request.exact:
        suites += sizing.narrower(request.suite)
    for suite in suites:
        if suite is not request.suite:
            request = replace(request, suite=suite, blocks=suite.blocks, looks=suite.looks)
        able = [sizing.with_own(planned, suite) for planned in found]
        costs = sizing.costs(able, taking_part, suite, request.blocks, request.looks)
        sized = sizing.fit(costs, request.looks[0] if request.looks else request.blocks, limit_s)
        if limit_s is None or (not sized.left_out and sized.seconds <= limit_s):
            break
    return request, able, sized


def _planned(
    workload: Workload, taking_part: Sequence[Contestant], environment: Environment, request: Request
) -> PlannedWorkload:
    own = of_workload(environment, request.suite, workload.name)
    planned = planned_workload(workload, taking_part, own, request.seed)
    return planned if own == environment else replace(planned, memory_bytes=own.memory_bytes)


def run_id(suite: str, seed: int) -> str:
    """Sorts by time; the last part keeps two runs of one second apart."""
    now = datetime.now(UTC)
    tail = hashlib.sha256(f"{now.isoformat()} {seed}".encode()).hexdigest()[:4]
    return f"{now:%Y%m%d-%H%M%S}-{suite}-{tail}"


def run8(run: str) -> str:
    """Eight digits that stand for the run in names of containers and folders."""
    return hashlib.sha256(run.encode()).hexdigest()[:8]


def _baselines(workloads: Sequence[PlannedWorkload], chosen: str | None) -> dict[str, str]:
    """By workload: the one asked for, else the first service in compose.yaml that takes part."""
    found = {}
    for planned in workloads:
        if chosen in planned.cells or (planned.cells and chosen is None):
            found[planned.workload.name] = chosen or next(iter(planned.cells))
    return found


def _commit(root: Path) -> str | None:
    if shutil.which("git") is None:
        return None
    asked = subprocess.run(  # noqa: S603 - our own argument list
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
