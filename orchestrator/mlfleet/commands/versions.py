"""`mlfleet build SERVICE --version V`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from mlfleet import assemble, host
from mlfleet.bench import Bench
from mlfleet.build import BuildResult, build, builder
from mlfleet.builders.state import BuildState
from mlfleet.builders.versions.build import Tools, build_version, locker
from mlfleet.builders.versions.kinds import known_releases, package
from mlfleet.builders.versions.releases import Release, released
from mlfleet.builders.versions.tree import Tree
from mlfleet.commands.benches import open_bench
from mlfleet.commands.common import ROOT, named_services, print_json, say
from mlfleet.errors import HostError, UsageError
from mlfleet.identify import identify
from mlfleet.interrupt import Stop
from mlfleet.locks import check_lock
from mlfleet.model import Environment, Runtime, Service

Say = Callable[[str], None]


def build_versions(keys: Sequence[str], versions: Sequence[str], runtime: Runtime, *, as_json: bool) -> int:
    """Build each version of the one service; what fails is told, and the others are built all the same."""
    service = _subject(keys, runtime)
    known = known_releases(service, ROOT)
    name = assemble.run_id(f"build-{service.key}", 0)
    results = []
    with Stop() as stop, check_lock(name), open_bench(name, runtime, stop) as bench:
        for version in dict.fromkeys(versions):
            results.append(_build(service, version, known, bench, runtime))
            stop.check()
    if as_json:
        print_json([asdict(one) for one in results])
    for one in results if not as_json else ():
        print(f"{one.key}  {one.state}  {one.seconds:.0f} s  {one.reason}")
    return 3 if any(one.state == "failed" for one in results) else 0


def build_release(
    service: Service, version: str, known: Sequence[Release], runtime: Runtime, stop: Stop
) -> BuildResult:
    """Build one version of a service, or see that it is built; what fails is told in the result."""
    name = assemble.run_id(f"build-{service.key}", 0)
    with check_lock(name), open_bench(name, runtime, stop) as bench:
        return _build(service, version, known, bench, runtime)


def _subject(keys: Sequence[str], runtime: Runtime) -> Service:
    if len(keys) != 1:
        raise UsageError("--version is of one service; try: mlfleet build sklearn --version 1.5.2")
    if runtime != "docker":
        raise UsageError(f"other versions are docker images, the runtime is {runtime}; try: --runtime docker")
    (service,) = named_services(keys)
    return service


def _build(service: Service, version: str, known: Sequence[Release], bench: Bench, runtime: Runtime) -> BuildResult:
    key = f"{service.key}:{version}"
    if version == service.tag:
        # Today's is built from the repository itself, so that it stays the image of these sources.
        (today,) = build([service], builder(runtime, ROOT), say)
        return replace(today, key=key)
    try:
        release = released(package(service, ROOT), version, known)
        say(f"{key}: building")
        built = build_version(service, release, ROOT, _tools(bench, runtime), say)
    except HostError as error:
        return BuildResult(key, "failed", 0.0, None, str(error))
    how = f"as of {built.resolved_by[:10]}" if built.resolved_by else "beside today's packages"
    reason = f"resolved {how}, lock {built.lock}; try: mlfleet run smoke --image {service.key}={version}"
    return BuildResult(key, built.state.state, built.seconds, built.state.size_bytes, reason)


def _tools(bench: Bench, runtime: Runtime) -> Tools:
    cpus = host.cpu_sets("1")

    def probe(service: Service, state: BuildState) -> str:
        environment = Environment("cpu", cpus, len(cpus), service.memory_bytes, runtime, "mapped")
        met = identify(service, state.image_id, environment, bench)
        if isinstance(met, str):
            return met
        return "" if met.identity.version == service.tag else f"says that it is {met.identity.version}"

    def made(root: Path, service: Service, report: Say) -> BuildState:
        chosen = builder(runtime, root)
        state = chosen.state(service)
        if state.state == "current":
            return state
        chosen.prepare([service], report)
        return chosen.build(service, report)

    def locked(tree: Tree) -> None:
        # A host without cargo resolves with that of the base image.
        builder(runtime, tree.root).prepare([tree.service], say)
        locker(ROOT / ".venv/bin/uv")(tree)

    return Tools(build=made, probe=probe, lock=locked)
