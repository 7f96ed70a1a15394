"""`mlfleet run` and `mlfleet plan`."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from mlfleet import assemble, host
from mlfleet import build as builds
from mlfleet import report as reports
from mlfleet.able import able
from mlfleet.bench import Bench
from mlfleet.catalogue import load_suite
from mlfleet.codec import encode
from mlfleet.commands.benches import engine_version, found_around, open_bench
from mlfleet.commands.common import (
    ROOT,
    check_device,
    choose_runtime,
    device_option,
    json_option,
    print_json,
    runtime_option,
    say,
    services,
)
from mlfleet.commands.named import check_named, image_option, substituted
from mlfleet.commands.report import read_table
from mlfleet.errors import HostError, InterruptedRun, StorageError, UsageError
from mlfleet.images import Asked
from mlfleet.interrupt import Stop
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import RUN, closed_blocks, read_lines
from mlfleet.live import LiveProgress
from mlfleet.locks import LOCK, host_lock, run_lock
from mlfleet.runfile import RunFile, read_run
from mlfleet.runner import cells_of, go_on, measure_run
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.verdict import Group

F = TypeVar("F", bound=Callable[..., object])
RESULTS = ROOT / "results"
_SPANS = {"s": 1, "m": 60, "h": 3600}
# Room that the measured containers' limits leave to everybody else.
SPARE_BYTES = 1 << 30


@dataclass(frozen=True)
class Options:
    """What `run` and `plan` have in common, as typed."""

    suite: str
    runtime: str
    frameworks: tuple[str, ...]
    workloads: tuple[str, ...]
    baseline: str | None
    blocks: int | None
    seed: int
    images: tuple[Asked, ...]
    device: str


def _planning(function: F) -> F:
    for option in (
        click.option(
            "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Draws every order."
        ),
        click.option("--blocks", type=click.IntRange(1, 100), help="Blocks of each workload; by default the suite's."),
        click.option(
            "--baseline", help="The framework that others are divided by; by default the first in compose.yaml."
        ),
        click.option(
            "--workloads", multiple=True, metavar="GLOB", help="Only these workloads of the suite; repeatable."
        ),
        click.option("--frameworks", multiple=True, metavar="GLOB", help="Only these frameworks; repeatable."),
        image_option,
        device_option,
        runtime_option,
    ):
        function = option(function)
    return function


@click.command()
@click.argument("suite", default="smoke")
@_planning
@json_option
def plan(suite: str, as_json: bool, **options: object) -> None:
    """Show what a run of SUITE would measure: cells, payloads, and the order of blocks. Measures nothing."""
    asked = Options(suite=suite, **options)  # type: ignore[arg-type]
    with Stop() as stop, _planned(asked, assemble.run_id(suite, asked.seed), stop) as (run, _):
        if as_json:
            print_json({"run": run.run, "blocks": [[b.workload, b.number, list(b.launch)] for b in run.plan]})
            return
        print(
            f"{run.suite}: {len(run.plan)} blocks on runtime {run.environment.runtime}, {run.setting}, seed {run.seed}"
        )
        for planned in run.workloads:
            cells = ", ".join(planned.cells) or planned.unavailable or "no service here can do it"
            print(f"  {planned.workload.name:<42} payload {planned.payload_bytes:>8} bytes  {cells}")
        _say_absent(run)
        _say_size(run)


@click.command()
@click.argument("suite", required=False)
@_planning
@click.option(
    "--max-time", callback=lambda _c, _p, value: _seconds(value), metavar="SPAN", help="Such as 40m, 2h, 90s."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of this run; by default one under results/.")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder.")
def run(suite: str | None, max_time: float | None, out: Path | None, resume: Path | None, **options: object) -> int:
    """Measure SUITE and report. Stop it with Ctrl-C; the command that goes on with it is printed."""
    if (suite is None) == (resume is None):
        raise UsageError("run needs a suite, such as `mlfleet run smoke`, or --resume with the folder of a run")
    with Stop() as stop:
        if resume is not None:
            return _resume(resume, max_time, stop)
        asked = Options(suite=suite or "", **options)  # type: ignore[arg-type]
        name = assemble.run_id(load_suite(asked.suite).name, asked.seed)
        folder = out or RESULTS / name
        with ExitStack() as stack:
            stack.enter_context(host_lock(name))
            stack.enter_context(_claimed(folder, name))
            planned, bench = stack.enter_context(_planned(asked, name, stop))
            _say_absent(planned)
            _say_size(planned)
            ledger = stack.enter_context(Ledger.create(folder, encode(planned)))
            return _measure(planned, folder, ledger, bench, max_time)


def _resume(folder: Path, max_time: float | None, stop: Stop) -> int:
    run = read_run(folder)
    # An edited run.json is refused before anything in it is believed: the first line knows its digest.
    next(read_lines(folder), None)
    here = host.fingerprint(host.facts(), {"docker_engine": engine_version(run.environment.runtime)})
    if differing := host.differing(run.host_fingerprint, here):
        raise HostError(f"{folder} was begun on another host: {', '.join(differing)} differ; it cannot go on here")
    with ExitStack() as stack:
        stack.enter_context(host_lock(run.run))
        stack.enter_context(run_lock(folder, run.run))
        _same_builds(run)
        bench = stack.enter_context(open_bench(run.run, run.environment.runtime, stop))
        ledger = stack.enter_context(Ledger.open(folder))
        go_on(ledger)
        return _measure(run, folder, ledger, bench, max_time)


def _same_builds(run: RunFile) -> None:
    """A run is resumed with the very builds it was planned with."""
    check_named(run.contestants)
    builder = builds.builder(run.environment.runtime, ROOT)
    for contestant in [contestant for contestant in run.contestants if not contestant.named]:
        state = builder.state(contestant.service)
        if contestant.identity is not None and (state.state != "current" or state.image_id != contestant.image_id):
            raise HostError(
                f"service {contestant.service.key} is not the build that the run was planned with: {state.reason}"
            )


@contextmanager
def _claimed(folder: Path, run: str) -> Iterator[None]:
    """The run's folder is ours before anything is launched; one in which no run was begun is not left behind."""
    if (folder / RUN).exists():
        raise StorageError(f"{folder} holds a run already; try: mlfleet run --resume {folder}, or another --out")
    with run_lock(folder, run):
        try:
            yield
        finally:
            if not (folder / RUN).exists():
                (folder / LOCK).unlink()
                with suppress(OSError):  # It was there before, with files of the user's.
                    folder.rmdir()


@contextmanager
def _planned(asked: Options, name: str, stop: Stop) -> Iterator[tuple[RunFile, Bench]]:
    suite = load_suite(asked.suite)
    known = services()
    runtime = choose_runtime(asked.runtime)
    check_device(asked.device, runtime, host.gpus())
    workloads = assemble.choose_workloads(suite, asked.workloads)
    wanted = assemble.choose_services(known, asked.frameworks)
    if runtime != "attach" and not asked.frameworks:
        # An image that the user names may be of other sources than these.
        named = {image.key for image in asked.images}
        fit = able(wanted, {workload.task for workload in workloads}, ROOT)
        wanted = tuple(service for service in wanted if service in fit or service.key in named)
    chosen, pins = substituted(wanted, asked.images, runtime)
    if asked.baseline is not None:
        assemble.choose_services(chosen, [asked.baseline])
    request = assemble.Request(
        run=name,
        suite=suite,
        services=chosen,
        workloads=workloads,
        baseline=asked.baseline,
        blocks=asked.blocks or suite.blocks,
        seed=asked.seed,
        named=frozenset(s.key for s in chosen if s.key in asked.frameworks),
        pins=pins,
        device=asked.device,
    )
    around = found_around(chosen, runtime, stop)
    with open_bench(name, runtime, stop) as bench:
        builder, engine = builds.builder(runtime, ROOT), engine_version(runtime)
        planned = assemble.make_run(request, builder, runtime, engine, bench, ROOT, around)
        if around is None:
            _check_memory(max(len(workload.cells) for workload in planned.workloads) * suite.memory_bytes)
        yield planned, bench


def _measure(run: RunFile, folder: Path, ledger: Ledger, bench: Bench, max_time: float | None) -> int:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, host.orchestrator_cpus(run.environment.cpus))
    progress = LiveProgress(Console(stderr=True), run.plan, len(closed_blocks(ledger.lines())))
    try:
        with progress:
            watched = bench.watched_by(progress.phase, ledger.blob)
            ended = measure_run(run, cells_of(run), ledger, watched, progress, max_time)
    except InterruptedRun as error:
        say(f"{error}; finished blocks are kept. To go on: mlfleet run --resume {folder}")
        raise
    finally:
        os.sched_setaffinity(0, before)
    if ended == "max_time":
        say(f"--max-time is spent. To go on: mlfleet run --resume {folder}")
    table = read_table(folder)
    paths = reports.write(table, folder)
    reports.render_terminal(table, Console())
    for path in paths:
        print(path)
    failed = any(cell.verdict.group not in {Group.OK, Group.NOT_RUN} for cell in table.cells)
    return 1 if failed else 0


def _say_absent(run: RunFile) -> None:
    for contestant in run.contestants:
        if contestant.identity is None:
            say(f"{contestant.service.key} takes no part: {contestant.reason}")
    for planned in run.workloads:
        if planned.unavailable:
            say(f"{planned.workload.name} is not measured: {planned.unavailable}")
    asked = [planned for planned in run.workloads if planned.workload != CONTROL]
    if not any(planned.cells for planned in asked):
        device = run.environment.device
        there = "" if device == "cpu" else f" on {device}; try: mlfleet doctor, --device cpu, or else"
        raise HostError(f"no service here can do any of the workloads{there or '; try:'} mlfleet build, mlfleet data")


def _say_size(run: RunFile) -> None:
    if run.forecast_s is not None:
        say(f"{len(run.plan)} blocks, about {max(1, round(run.forecast_s / 60))} min on this host")
    if run.left_out:
        say(f"left out, to stay within the suite's limit: {', '.join(run.left_out)}; try: --workloads with their names")


def _check_memory(awaited: int) -> None:
    available = host.memory_available()
    if awaited > available - SPARE_BYTES:
        raise HostError(
            f"the limits of the largest block's containers sum to {awaited >> 20} MiB, {available >> 20} MiB are "
            f"available and {SPARE_BYTES >> 20} MiB must stay free; lower `memory` in the suite"
        )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([smh])", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no time span; awaited a number and s, m or h, such as 40m")
    return float(match[1]) * _SPANS[match[2]]
