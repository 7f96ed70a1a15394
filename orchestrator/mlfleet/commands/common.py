"""What the commands share: where the repository is, which runtime there is, how to speak."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from mlfleet import compose
from mlfleet.errors import HostError, UsageError, unknown
from mlfleet.launch.attached import required_folder, sockets_folder
from mlfleet.launch.engine import EngineAbsent, connect
from mlfleet.model import Runtime, Service
from mlfleet.verdict import Verdict

# The checkout that this package is installed from, in place.
ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "results"
RUNTIMES = ("auto", "docker", "process", "attach")

runtime_option = click.option(
    "--runtime",
    type=click.Choice(RUNTIMES),
    default="auto",
    show_default=True,
    help="auto: docker where an engine answers, otherwise local processes; attach under compose.",
)
_DEVICE = re.compile(r"cpu|cuda(:\d{1,2})?")


def _device(_context: object, _parameter: object, text: str) -> str:
    if not _DEVICE.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no device; awaited cpu, cuda, or cuda: and a number, such as cuda:1")
    return text


device_option = click.option(
    "--device",
    default="cpu",
    show_default=True,
    callback=_device,
    metavar="DEVICE",
    help="cpu, cuda, or one GPU by the driver's number: cuda:1. A service that has it not takes no part.",
)


def check_device(device: str, runtime: Runtime, there: tuple[int, ...] | None) -> None:
    """Raises HostError for a GPU that this host has not; `there`: what it has, None where nothing tells."""
    if device == "cpu" or runtime == "attach" or there is None:
        return
    if int(device.partition(":")[2] or 0) not in there:
        has = ", ".join(f"cuda:{number}" for number in there)
        found = f"this host has {has}" if there else "this host shows no NVIDIA GPU (no /dev/nvidia0)"
        try_ = f"--device {has.partition(',')[0]}" if there else "--device cpu, or the driver's installation"
        raise HostError(f"{Verdict.DEVICE_UNAVAILABLE.value}: {device} was asked for, {found}; try: {try_}")


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")


def say(text: str) -> None:
    """A line of progress, on stderr: stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, allow_nan=False))


def services() -> tuple[Service, ...]:
    """All services of compose.yaml."""
    return compose.load(ROOT / "compose.yaml")


def named_services(keys: Sequence[str]) -> tuple[Service, ...]:
    """The services of those keys, all where none is given. Raises UsageError."""
    known = services()
    for key in keys:
        if key not in {service.key for service in known}:
            raise unknown("service", key, [service.key for service in known])
    return tuple(service for service in known if not keys or service.key in keys)


def choose_runtime(asked: str) -> Runtime:
    """The runtime to use; says in one line when no engine answers. Raises HostError where docker was asked for."""
    if sockets_folder() is not None:
        if asked in ("auto", "attach"):
            return "attach"
        raise HostError(f"--runtime {asked} is not for this container, which has no engine and no builds; try: attach")
    if asked == "attach":
        required_folder()
    if asked == "process":
        return "process"
    try:
        connect().close()
    except EngineAbsent as error:
        if asked == "docker":
            raise HostError(f"{error}; start the engine, or try: --runtime process") from error
        say(f"{error}: measuring with the process runtime (local processes, nothing sealed)")
        return "process"
    return "docker"


def complete_services(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Services, for the shell. Like all that it asks, of what is cheap to read, and silent where that fails."""
    with suppress(UsageError):
        return _beginning(incomplete, (service.key for service in services()))
    return []


def complete_suites(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Suites of the package, or a file of the user's."""
    if os.sep in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return _beginning(incomplete, _suites()) or [CompletionItem(incomplete, type="file")]


def complete_workloads(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Workloads of the suite that was typed before, else of all suites."""
    suites = _suites()
    # Behind an option without its value click leaves what was typed in `args`.
    named = [word for word in (*context.args, context.params.get("suite")) if word in suites]
    return _beginning(incomplete, (name for suite in named[:1] or suites for name in suites[suite]))


def complete_runs(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders of runs under results/, the latest first; else any folder."""
    found = sorted((os.path.relpath(path.parent) for path in RESULTS.glob("*/run.json")), reverse=True)
    return _beginning(incomplete, found) or [CompletionItem(incomplete, type="dir")]


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _suites() -> dict[str, list[str]]:
    """Names of workloads by suite. Read without the catalogue, which takes a second to import."""
    found = {}
    for item in files("mlfleet.suites").iterdir():
        if item.name.endswith(".toml"):
            rows = tomllib.loads(item.read_text(encoding="utf-8"))["workload"]
            found[item.name.removesuffix(".toml")] = [str(row["name"]) for row in rows]
    return dict(sorted(found.items()))
