"""`mlfleet doctor`: what this host offers, and what an earlier run left behind."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator

import click

from mlfleet import build as builds
from mlfleet import host, quiet
from mlfleet.commands.benches import engine_version
from mlfleet.commands.calibrate import calibrate
from mlfleet.commands.common import ROOT, RUNTIMES, json_option, print_json, say, services
from mlfleet.commands.diagnosis import Check, diagnose
from mlfleet.errors import HostError
from mlfleet.launch.attached import sockets_folder
from mlfleet.launch.engine import connect, engine_socket
from mlfleet.launch.sweep import survey, sweep
from mlfleet.locks import HOST_LOCK, holder
from mlfleet.model import Runtime
from mlfleet.setting import SETTINGS

# All images, their build cache and the base images.
DISK_BYTES = 6 << 30


@click.command()
@click.option("--sweep", "with_sweep", is_flag=True, help="Remove what killed runs left, then check.")
@click.option(
    "--calibrate", "with_calibration", is_flag=True, help="See how quiet this host is, then check. Takes minutes."
)
@click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    default="auto",
    show_default=True,
    help="With --calibrate: where the control is measured; each runtime has limits of its own.",
)
@json_option
def doctor(with_sweep: bool, with_calibration: bool, runtime: str, as_json: bool) -> int:
    """Check this host, and say what to do: engine, tool chains, CPUs, load, clock, cgroups, GPU, memory, disk, builds.

    Exit 3 if something is bad; a note tells what makes figures worse.
    """
    if with_sweep:
        sweep(_engine_path(), say)
    if with_calibration:
        calibrate(runtime)
    checks = list(_checks())
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        for check in checks:
            print(f"{check.state:<5} {check.name:<14} {check.found}")
    return 3 if any(check.state == "bad" for check in checks) else 0


def _checks() -> Iterator[Check]:
    yield Check("python", "ok", sys.version.split()[0])
    runtime = yield from _engine()
    cargo = shutil.which("cargo")
    yield Check(
        "cargo", "ok" if cargo else "note", cargo or "absent: Rust services of the process runtime are not_built"
    )
    one, every = host.cpu_sets("1"), host.cpu_sets("all")
    yield Check("CPUs", "ok", f"1 thread: CPU {one[0]}; all cores: {', '.join(map(str, every))}")
    yield from diagnose(host.facts(), host.memory_available(), host.gpus())
    free = host.disk_free(ROOT)
    yield Check("disk", "ok" if free > DISK_BYTES else "bad", f"{free >> 20} MiB free, {DISK_BYTES >> 20} MiB awaited")
    results = ROOT / "results"
    writable = os.access(results, os.W_OK)
    yield Check("results", "ok" if writable else "bad", f"{results} is {'' if writable else 'not '}writable")
    builder = builds.builder(runtime, ROOT)
    for service in services():
        state = builder.state(service)
        yield Check(service.key, "ok" if state.state == "current" else "note", f"{state.state}: {state.reason}")
    held = holder(HOST_LOCK)
    yield Check("host lock", "note" if held else "ok", f"held by {held}" if held else "free")
    yield from _leftovers()
    yield from _quiet(runtime)


def _quiet(runtime: Runtime) -> Iterator[Check]:
    """Whether this host's limits of noise are its own."""
    fingerprint = host.fingerprint(host.facts(), {"docker_engine": engine_version(runtime)})
    for setting in SETTINGS.values():
        found = quiet.load(fingerprint, runtime, setting)
        own = f"{setting}: calibrated {found.created}, {found.turns} turns" if found else f"{setting}: start values"
        hint = "" if found else "; try, on a quiet host: mlfleet doctor --calibrate"
        yield Check("noise limits", "ok" if found else "note", own + hint)


def _leftovers() -> Iterator[Check]:
    """Whatever runs have on this host now, one line a run."""
    found = survey(_engine_path())
    for one in found:
        hint = "; try: mlfleet doctor --sweep" if one.state == "left" else f" ({one.why})"
        yield Check("leftovers", "ok" if one.state == "in use" else "note", f"{one.state}: {one.objects}{hint}")
    if not found:
        yield Check("leftovers", "ok", "none")


def _engine_path() -> str | None:
    try:
        connect().close()
    except HostError:
        return None
    return engine_socket()


def _engine() -> Generator[Check, None, Runtime]:
    if sockets_folder() is not None:
        yield Check("docker", "note", "none in this container; it attaches to services that compose started")
        return "attach"
    try:
        client = connect()
    except HostError as error:
        yield Check("docker", "note", f"{error}; the process runtime is used")
        return "process"
    version = client.version()
    client.close()
    found = f"engine {version['Version']}, API {version['ApiVersion']}; its group equals root on this host"
    yield Check("docker", "ok", found)
    return "docker"
