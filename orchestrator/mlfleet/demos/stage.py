"""Where live re-enactments happen: what must be built, the plan of faults and twins, and how each is started."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from mlfleet import assemble
from mlfleet.bench import Bench, Cell
from mlfleet.build import Builder
from mlfleet.builders import steps
from mlfleet.catalogue import load_suite
from mlfleet.demos.fault import DEBUG, TWIN, LiveDemo
from mlfleet.errors import HostError
from mlfleet.model import Service
from mlfleet.runfile import RunFile
from mlfleet.runner import cells_of
from mlfleet.tasks.control import WORKLOAD as CONTROL

SUITE = "demos.toml"
# Where the spoilt services lie, each beside its honest one.
SPOILT = Path("services/faulty")
# Where the Rust services lie, and the crate of those that are spoilt.
RUST, SPOILT_RUST = Path("rust_services"), "mlfleet-fault"
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


@contextmanager
def staged(demos: Sequence[LiveDemo], stage: Stage) -> Iterator[tuple[RunFile, dict[tuple[str, str], Cell], Bench]]:
    """A plan of them all, every cell with its fault, and a bench. Raises HostError that names what is not built."""
    names, first = ", ".join(demo.name for demo in demos), demos[0]
    needed = dict.fromkeys(key for demo in demos for key in demo.needs)
    for key in needed:
        if (state := stage.builder.state(stage.services[key])).state != "current":
            command = f"mlfleet build {' '.join(needed)} --runtime process"
            raise HostError(f"demo {names}: {state.reason}; try: {command}")
    for demo in demos:
        if stage.services[demo.service].language == "rust":
            _build(demo, stage)
    request = _request(demos, stage)
    faults = {demo.faulty_key: demo.fault for demo in demos}
    stage.say(f"{names}: {stage.blocks} blocks of {', '.join((first.baseline, first.twin_key, *faults))}")
    with stage.bench(request.run, partial(_command, stage)) as bench:
        run = assemble.make_run(request, stage.builder, "process", None, bench, stage.root)
        for one in run.contestants:
            if one.identity is None:
                raise HostError(f"demo {names}: {one.service.key} takes no part: {one.reason}")
        for planned in run.workloads:
            if planned.unavailable:
                raise HostError(f"demo {names}: {planned.unavailable}")
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
    """The service's own command; of a marked one that of the spoilt file or of the spoilt binary in its place."""
    key, _, mark = service.key.partition(":")
    command = stage.command(stage.services[key])
    if command is None or not mark:
        return command
    if service.language == "rust":
        return command if mark == TWIN else [str(stage.root / RUST / _spoilt(key, mark).binary)]
    return [*command[:-1], str(stage.root / SPOILT / f"of_{key}.py")]


@dataclass(frozen=True)
class _Spoilt:
    """A Rust service with a fault: what cargo is told besides `build`, and where the binary then lies in RUST."""

    options: tuple[str, ...]
    binary: Path


def _spoilt(key: str, fault: str) -> _Spoilt:
    if fault == DEBUG:
        return _Spoilt(("-p", f"mlfleet-{key}"), Path("target/debug") / f"mlfleet-{key}")
    name = f"mlfleet-{key}-{fault}"
    return _Spoilt(("--release", "-p", SPOILT_RUST, "--bin", name), Path("target/release") / name)


def _build(demo: LiveDemo, stage: Stage) -> None:
    """Made here, for no command makes it: from nothing a minute or two, else at once. Raises HostError."""
    command = ["cargo", "build", "--locked", *_spoilt(demo.service, demo.fault).options]
    stage.say(f"{demo.faulty_key}: {' '.join(command)} (from nothing a minute or two)")
    # From inside: rust-toolchain.toml holds for where one stands.
    steps.run(f"building {demo.faulty_key}", command, stage.root / RUST, dict(os.environ))
