"""`mlfleet check`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase

import click

from mlfleet import assemble, host
from mlfleet import build as builds
from mlfleet.bench import Bench
from mlfleet.check.basics import Basics
from mlfleet.check.line import Line
from mlfleet.check.overheard import Overheard
from mlfleet.check.trials import try_task
from mlfleet.check.workloads import workloads
from mlfleet.commands.benches import open_bench
from mlfleet.commands.common import (
    ROOT,
    check_device,
    choose_runtime,
    complete_services,
    device_option,
    json_option,
    named_services,
    print_json,
    runtime_option,
    say,
)
from mlfleet.commands.named import image_option, substituted
from mlfleet.errors import HostError, UsageError, printable, unknown
from mlfleet.images import Asked
from mlfleet.interrupt import Stop
from mlfleet.locks import check_lock
from mlfleet.model import Environment, Service
from mlfleet.runfile import Contestant

DETAIL_CHARACTERS = 400
LOG_CHARACTERS = 400


@dataclass(frozen=True)
class Subject:
    """The one service that is checked, as it was built."""

    service: Service
    image_id: str | None
    environment: Environment

    @property
    def heading(self) -> str:
        """What is checked, and where."""
        pinned = f" ({self.image_id[:19]})" if self.image_id else ""
        where = self.environment
        return f"{self.service.image}{pinned} on runtime {where.runtime}, {where.device}, {where.threads} thread"


@click.command()
@click.argument("service", shell_complete=complete_services)
@click.option("--task", "globs", multiple=True, metavar="GLOB", help="Only these of its tasks; repeatable.")
@image_option
@click.option("--logs", is_flag=True, help="Print what the service wrote, also where nothing went wrong.")
@device_option
@runtime_option
@json_option
def check(
    service: str,
    globs: tuple[str, ...],
    images: tuple[Asked, ...],
    logs: bool,
    device: str,
    runtime: str,
    as_json: bool,
) -> int:
    """Check SERVICE alone: the contract, then each of its tasks once, with quality against the reference.

    No other service has to be built. Times are of one short trial: they show that it works, not how fast it is. With
    --image it is another release, or an image of your own.
    """
    subject = _subject(service, images, runtime, device)
    if not as_json:
        print(subject.heading)
    lines = []
    name = assemble.run_id(f"check-{service}", 0)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        stack.enter_context(check_lock(name))
        bench = stack.enter_context(open_bench(name, subject.environment.runtime, stop))
        for line in _lines(subject, globs, bench):
            lines.append(line)
            if not as_json:
                _print(line, logs=logs)
    failed = [line for line in lines if not line.ok]
    if as_json:
        print_json(_json(subject, lines, logs=logs))
    elif failed:
        named = "".join(f" --image {one.key}={one.text}" for one in images)
        hint = "" if logs else f"; try: mlfleet check {service}{named} --logs"
        print(f"FAILED: {len(failed)} of {len(lines)} checks ({', '.join(line.name for line in failed)}){hint}")
    else:
        print(f"ok: {len(lines)} checks passed")
    return 1 if failed else 0


def _subject(key: str, images: Sequence[Asked], asked: str, device: str) -> Subject:
    """Raises HostError if the service is not built from its present source, or the image is not here; UsageError."""
    if len(images) > 1:
        raise UsageError("check takes one --image; try: one after the other")
    runtime = choose_runtime(asked)
    check_device(device, runtime, host.gpus())
    if runtime == "attach":
        raise HostError(f"a check starts its service itself; try on the host: mlfleet check {key}")
    (service,), pins = substituted(named_services([key]), images, runtime)
    state = pins.get(service) or builds.builder(runtime, ROOT).state(service)
    if state.state in {"missing", "not_built", "stale"}:
        raise HostError(state.told(key, runtime))
    cpus = host.cpu_sets("1")
    return Subject(
        service, state.image_id, Environment(device, cpus, len(cpus), service.memory_bytes, runtime, "mapped")
    )


def _lines(subject: Subject, globs: tuple[str, ...], bench: Bench) -> Iterator[Line]:
    heard = Overheard(bench.launcher)
    bench = replace(bench, launcher=heard, progress=lambda _service, _phase: None)
    known = workloads()
    service, environment = subject.service, subject.environment
    basics = Basics(service, subject.image_id, environment, bench, known)
    last = None
    for line in basics.lines():
        if last is not None:
            yield last
        last = line
    # Only now has the service been removed and its log been read.
    if last is not None:
        yield replace(last, log=heard.log)
    if basics.identity is None:
        return
    names = [task.name for task in basics.identity.tasks]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise unknown(f"task of {service.key}", glob, names)
    contestant = Contestant(service, subject.image_id, None, None, "", basics.identity)
    for name in names:
        if not globs or any(fnmatchcase(name, glob) for glob in globs):
            heard.log = ""
            line = try_task(name, known.get(name), contestant, environment, bench)
            yield replace(line, log=heard.log)


def _print(line: Line, *, logs: bool) -> None:
    where = f"  [{line.workload}]" if line.workload else ""
    detail = printable(line.detail.splitlines()[0] if line.detail else "", DETAIL_CHARACTERS)
    print(f"  {line.kind:<9}{line.name:<24}{line.seconds:>6.1f} s  {line.verdict:<18}{detail}{where}", flush=True)
    if logs:
        for text in line.log.splitlines():
            say("    | " + printable(text, LOG_CHARACTERS))


def _json(subject: Subject, lines: list[Line], *, logs: bool) -> dict[str, object]:
    checks = [asdict(line) | {"ok": line.ok, "log": line.log if logs else None} for line in lines]
    return {
        "service": subject.service.key,
        "image": subject.service.image,
        "image_id": subject.image_id,
        "runtime": subject.environment.runtime,
        "ok": all(line.ok for line in lines),
        "checks": checks,
    }
