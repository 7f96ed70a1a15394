"""Where and from what a run was made: all that somebody needs to judge it or to make it again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from mlfleet.report.notes import build_size, build_time, identity, own_layers, receipt_value
from mlfleet.report.units import number, plural, size
from mlfleet.runfile import Contestant, PlannedWorkload
from mlfleet.table import Table

# A service may state as many facts as it likes; the page shows these, run.json has them all.
_MOST_FACTS = 60


@dataclass(frozen=True)
class Group:
    """Facts under one heading, as (name, text)."""

    heading: str
    facts: tuple[tuple[str, str], ...]


def provenance(table: Table) -> tuple[Group, ...]:
    """The run, the host, every service and workload, and every constant that decided something."""
    run, environment = table.run, table.run.environment
    groups = [
        Group(
            "Run",
            (
                ("run", run.run),
                ("created", run.created),
                ("suite", f"{run.suite}, schedule {run.schedule}, {run.blocks_text} planned"),
                ("mlfleet", f"{run.mlfleet_version}, commit {run.commit or 'unknown: no git checkout'}"),
                ("contract", f"benchmark.proto sha256 {run.proto_sha256}"),
                ("seed", str(run.seed)),
                ("setting", f"{run.setting}: CPUs {', '.join(map(str, environment.cpus))}, {environment.device}"),
                ("threads", str(environment.threads)),
                ("memory limit", size(environment.memory_bytes)),
                ("runtime", environment.runtime),
                ("transport", environment.transport),
            ),
        ),
        Group("Host", tuple(_host(run.host))),
    ]
    groups += [Group(f"Service {one.service.key}", tuple(_service(table, one))) for one in run.contestants]
    groups += [Group(f"Workload {one.workload.name}", tuple(_workload(one))) for one in run.workloads]
    constants = tuple((name, number(value)) for name, value in sorted(run.constants.items()))
    return (*groups, Group("Constants", constants))


def _host(facts: Mapping[str, str | int | float | bool | None]) -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        if value is None:
            yield name, f"unknown: {facts.get(f'{name}.reason') or 'no reason given'}"
        elif not (name.endswith(".reason") and facts.get(name.removesuffix(".reason"), 0) is None):
            yield name, receipt_value(value)


def _service(table: Table, contestant: Contestant) -> Iterator[tuple[str, str]]:
    service = contestant.service
    attached = table.run.environment.runtime == "attach" and contestant.identity
    yield "image", f"{service.image}, {contestant.image_id or ('id not visible' if attached else 'not built')}"
    if contestant.size_bytes is not None:
        yield "size", build_size(table.run.environment, contestant)
        yield "own layers", own_layers(contestant)
    if contestant.identity is not None:
        yield "last build", build_time(contestant)
    if contestant.stand_in:
        yield "base image", f"a stand-in made on the host ({contestant.stand_in}), no registry answered"
    if contestant.reason:
        yield "note", contestant.reason
    known = identity(table, service.key)
    if known is not None:
        build = "optimised" if known.optimised else "debug"
        yield "identity", f"{known.framework} {known.version}, {known.language}, {build}"
        for task in islice(known.tasks, _MOST_FACTS):
            yield f"task {task.name}", f"{task.origin}, kernels {task.kernels}"
        for pool in islice(known.thread_pools, _MOST_FACTS):
            threads = f"{plural(pool.effective, 'thread')}, {pool.asked} asked"
            yield f"pool {pool.pool}", f"{pool.library} {pool.version}, {threads}"
        for name, text in islice(known.facts.items(), _MOST_FACTS):
            yield name, text
    recipe = next((r.recipe for c in table.cells if c.framework == service.key for r in c.records if r.recipe), {})
    for name, text in islice(recipe.items(), _MOST_FACTS):
        yield f"recipe {name}", text


def _workload(planned: PlannedWorkload) -> Iterator[tuple[str, str]]:
    work = planned.workload
    if planned.unavailable:
        yield "unavailable", planned.unavailable
        return
    params = ", ".join(f"{name} = {receipt_value(value)}" for name, value in planned.params.items())
    yield "task", f"{work.task} ({params or 'no parameters'}), parity {planned.parity}"
    version = f"{work.dataset} {planned.dataset_version}, {planned.dataset_label}, licence {planned.dataset_licence}"
    yield "dataset", f"{version}, sha256 {planned.dataset_sha256}"
    if weights := planned.weights:
        yield "weights", f"{weights.name}, {weights.kind}, licence {weights.licence}, sha256 {weights.sha256}"
    own = [f"{planned.schedule} trials"] if planned.schedule else []
    own += [f"memory limit {size(planned.memory_bytes)}"] if planned.memory_bytes else []
    own += [f"compared in {', '.join(planned.metrics)}"] if planned.metrics else []
    if own:
        yield "of its own", ", ".join(own)
    yield "payload", f"{size(planned.payload_bytes)}, sha256 {planned.payload_sha256}"
    yield "tensors", f"sha256 {planned.tensors_sha256}"
