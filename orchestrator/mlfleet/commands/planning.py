"""What `mlfleet run` and `mlfleet plan` have in common: the same options, the same plan, the same words about it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import click

from mlfleet import assemble, host, roofline, setting, sizing
from mlfleet import build as builds
from mlfleet.able import able
from mlfleet.bench import Bench
from mlfleet.catalogue import Suite, Threads, load_suite
from mlfleet.commands.benches import engine_version, found_around, open_bench
from mlfleet.commands.common import (
    ROOT,
    check_device,
    choose_runtime,
    complete_services,
    complete_workloads,
    device_option,
    runtime_option,
    say,
    services,
)
from mlfleet.commands.named import image_option, substituted
from mlfleet.errors import HostError
from mlfleet.images import Asked
from mlfleet.interrupt import Stop
from mlfleet.runfile import RunFile
from mlfleet.tasks.control import WORKLOAD as CONTROL

F = TypeVar("F", bound=Callable[..., object])
# Room that the measured containers' limits leave to everybody else.
SPARE_BYTES = 1 << 30
_MINUTE_S = 60
_SPANS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Options:
    """What `run` and `plan` have in common, as typed."""

    suite: str
    runtime: str
    frameworks: tuple[str, ...]
    workloads: tuple[str, ...]
    baseline: str | None
    blocks: int | None
    threads: Threads | None
    seed: int
    images: tuple[Asked, ...]
    device: str
    # What all thread settings may take together, in seconds.
    max_time: float | None = None

    def suites(self) -> tuple[Suite, ...]:
        """The suite once for each thread setting, with the workloads and blocks that were asked for.

        Raises UsageError.
        """
        suite = load_suite(self.suite)
        # Names are those of the whole suite: one of its settings may lack some of them.
        chosen = assemble.choose_workloads(suite, self.workloads)
        suite = replace(suite, workloads=tuple(workload for workload in chosen if workload != CONTROL))
        if self.threads is not None:
            suite = suite.on(self.threads)
        if self.blocks is not None:
            suite = suite.fixed(self.blocks)
        if said := setting.said_of(suite):
            say(said)
        return setting.one_by_one(suite)


def max_time_option(function: F) -> F:
    """Add --max-time to a command."""
    return click.option(
        "--max-time",
        callback=lambda _context, _option, value: _seconds(value),
        metavar="SPAN",
        help="What all of it may take, such as 40m, 2h, 90s: where that is little, fewer blocks are planned.",
    )(function)


def planning(function: F) -> F:
    """Add the options of a plan to a command."""
    for option in (
        click.option(
            "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Draws every order."
        ),
        click.option(
            "--threads", type=click.Choice(("1", "all")), help="One thread setting; by default each of the suite's."
        ),
        click.option(
            "--blocks",
            type=click.IntRange(1, 100),
            help="Exactly this many blocks of each workload, no looks; by default the suite's.",
        ),
        click.option(
            "--baseline",
            shell_complete=complete_services,
            help="The framework that others are divided by; by default the first in compose.yaml.",
        ),
        click.option(
            "--workloads",
            multiple=True,
            metavar="GLOB",
            shell_complete=complete_workloads,
            help="Only these workloads of the suite; repeatable.",
        ),
        click.option(
            "--frameworks",
            multiple=True,
            metavar="GLOB",
            shell_complete=complete_services,
            help="Only these frameworks; repeatable.",
        ),
        image_option,
        device_option,
        runtime_option,
    ):
        function = option(function)
    return function


@contextmanager
def planned(
    asked: Options, suite: Suite, name: str, stop: Stop, limit_s: float | None, *, probes: bool = True
) -> Iterator[tuple[RunFile, Bench]]:
    """The plan of a run of that name within that limit, in seconds, and the bench to measure it on.

    `probes`: the roof of the CPUs is asked, too.
    """
    known = services()
    runtime = choose_runtime(asked.runtime)
    check_device(asked.device, runtime, host.gpus())
    workloads = (*suite.workloads, CONTROL)
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
        blocks=suite.blocks,
        looks=suite.looks,
        seed=asked.seed,
        named=frozenset(s.key for s in chosen if s.key in asked.frameworks),
        pins=pins,
        device=asked.device,
        limit_s=None if limit_s is None else limit_s * sizing.PLANNED_SHARE,
        exact=asked.blocks is not None,
    )
    around = found_around(chosen, runtime, stop)
    with open_bench(name, runtime, stop) as bench:
        if not probes:
            bench = replace(bench, roof=roofline.unknown)  # noqa: PLW2901 - the same bench, asked for less
        builder, engine = builds.builder(runtime, ROOT), engine_version(runtime)
        run = assemble.make_run(request, builder, runtime, engine, bench, ROOT, around)
        if around is None:
            _check_memory(
                max(len(one.cells) * run.environment_of(one.workload.name).memory_bytes for one in run.workloads)
            )
        if (run.schedule, run.blocks, run.looks) != (suite.schedule, suite.blocks, suite.looks):
            say(f"to stay within --max-time: {run.blocks_text} of each workload, {run.schedule} trials")
        yield run, bench


def say_absent(run: RunFile) -> None:
    """Say who takes no part and what is not measured. Raises HostError where nothing can be."""
    for contestant in run.contestants:
        if contestant.identity is None:
            say(f"{contestant.service.key} takes no part: {contestant.reason}")
    for workload in run.workloads:
        if workload.unavailable:
            say(f"{workload.workload.name} is not measured: {workload.unavailable}")
    asked = [workload for workload in run.workloads if workload.workload != CONTROL]
    if not any(workload.cells for workload in asked):
        device = run.environment.device
        there = "" if device == "cpu" else f" on {device}; try: mlfleet doctor, --device cpu, or else"
        raise HostError(f"no service here can do any of the workloads{there or '; try:'} mlfleet build, mlfleet data")


def say_size(run: RunFile) -> None:
    """Say beforehand how long it takes, and what was left out."""
    if run.forecast_s is not None:
        say(forecast(run))
    if run.left_out:
        say(f"left out, to stay within the limit of time: {', '.join(run.left_out)}; try: --workloads with their names")


def forecast(run: RunFile) -> str:
    """How many blocks there are and how long they take on this host; up to the first look, and at most."""
    at_most = f"about {_minutes(run.forecast_s or 0.0)} on this host"
    if run.first_look_s is None:
        return f"{len(run.plan)} blocks, {at_most}"
    return (
        f"{run.setting}: {run.blocks_text} of each workload; first look after about {_minutes(run.first_look_s)}, "
        f"at most {at_most}"
    )


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / _MINUTE_S))} min"


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
