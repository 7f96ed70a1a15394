"""`mlfleet validate`."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import click
from rich.console import Console

from mlfleet import assemble, host, resolution, roofline
from mlfleet import build as builds
from mlfleet.catalogue import Suite, load_suite
from mlfleet.codec import encode
from mlfleet.commands.benches import engine_version, local_command, open_bench
from mlfleet.commands.common import ROOT, choose_runtime, json_option, runtime_option, say, services
from mlfleet.errors import HostError, InterruptedRun, StorageError, UsageError
from mlfleet.interrupt import Stop
from mlfleet.ledger_lines import RUN
from mlfleet.live import LiveProgress
from mlfleet.locks import host_lock
from mlfleet.model import Runtime, Service
from mlfleet.report import validation as report
from mlfleet.resolution import Resolution
from mlfleet.setting import environment_of
from mlfleet.validate import neighbour, planted, whole
from mlfleet.validate.begun import Begun, begin, read_begun
from mlfleet.validate.live import Site
from mlfleet.validate.plan import BOUNDS, FULL, QUICK, Plan, control_of
from mlfleet.validate.planted import command_of
from mlfleet.validate.result import Canary, PairSeen, Validation
from mlfleet.validate.whole import Asked

RESULTS = ROOT / "results"
SUITE = "validate"
CANARIES = "canaries"
NEIGHBOUR = "neighbour"
PARTS = (CANARIES, NEIGHBOUR, *BOUNDS)
JSON, PAGE = "validation.json", "report.html"
MINUTE_S, HOUR_S = 60, 3600


@click.command()
@click.option(
    "--quick", is_flag=True, help="About 10 minutes on 2 cores instead of hours: fewer experiments, short turns."
)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this part; repeatable.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Draws every order.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the result; by default one under results/.")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the validation in this folder.")
@runtime_option
@json_option
def validate(
    quick: bool, parts: tuple[str, ...], seed: int, out: Path | None, resume: Path | None, runtime: str, as_json: bool
) -> int:
    """Hold the harness itself against truths on this host: equal services, counted slow-downs, canaries.

    Measures what this host can resolve, which every later run takes along. Exit 1 if a canary or a count is off.
    """
    if resume and (quick or parts or out):
        raise UsageError("--resume goes on with what was begun there; leave out --quick, --part and --out")
    if resume:
        begun, folder = read_begun(resume), resume
        host.check_same(begun.host_fingerprint, _fingerprint(begun.runtime), folder)
    else:
        begun = _begun("quick" if quick else "full", parts, choose_runtime(runtime), seed)
        folder = out or RESULTS / begun.validation
    asked = _asked(begun)
    docker = begun.runtime == "docker"
    span = asked.plan.seconds(docker=docker, canaries=asked.canaries) + neighbour.seconds(asked.neighbours, docker)
    say(f"{begun.kind} validation on runtime {begun.runtime}: about {_span(span)} on a quiet host")
    with Stop() as stop, host_lock(begun.validation):
        if resume:
            _say_there(folder, asked.plan)
        else:
            begin(folder, begun)
        try:
            found = _measured(folder, asked, begun, stop)
        except InterruptedRun:
            say(f"what was measured is kept. To go on: mlfleet validate --resume {folder}")
            raise
    _keep(found, folder)
    if as_json:
        print(encode(found).decode())
    else:
        report.render_terminal(found, Console())
        print(folder / PAGE)
    return 1 if found.failed else 0


def _begun(kind: Literal["quick", "full"], parts: tuple[str, ...], runtime: Runtime, seed: int) -> Begun:
    if runtime == "attach":
        raise HostError("a validation starts its services itself; try on the host: mlfleet validate")
    return Begun(assemble.run_id(f"{SUITE}-{kind}", seed), kind, parts, runtime, seed, _fingerprint(runtime))


def _fingerprint(runtime: Runtime) -> dict[str, str | int | None]:
    return host.fingerprint(host.facts(), {"docker_engine": engine_version(runtime)})


def _say_there(folder: Path, plan: Plan) -> None:
    there = sum(
        (folder / f"{bound}-{n}" / RUN).exists() for bound, most in plan.experiments.items() for n in range(1, most + 1)
    )
    say(f"{there} of {sum(plan.experiments.values())} experiments are there already")


def _asked(begun: Begun) -> Asked:
    """The plan, less what was not asked for and what needs a control that is not built."""
    known, quick, parts = services(), begun.kind == "quick", begun.parts
    controls, left_out = _built([service for service in known if service.control], begun.runtime)
    whole_plan = QUICK if quick else FULL
    experiments = {
        bound: count
        for bound, count in whole_plan.experiments.items()
        if (not parts or bound in parts) and control_of(known, bound) in controls
    }
    plan = replace(whole_plan, experiments=experiments)
    trials = neighbour.QUICK_TRIALS if quick else neighbour.TRIALS
    # The minutes of the quick one are spent on what it must show.
    beside = NEIGHBOUR in parts or (not parts and not quick)
    return Asked(begun.kind, plan, controls, left_out, not parts or CANARIES in parts, trials if beside else 0)


def _built(controls: Sequence[Service], runtime: Runtime) -> tuple[tuple[Service, ...], tuple[str, ...]]:
    """Controls that are built, and why others are left out. Raises HostError if none is, or one is stale."""
    builder, found, left_out = builds.builder(runtime, ROOT), [], []
    for control in controls:
        state = builder.state(control)
        if state.state == "stale":
            raise HostError(state.told(control.key, runtime))
        if state.state == "current":
            found.append(control)
        else:
            left_out.append(f"all that needs {control.key}: {state.reason}")
            say(f"left out: {left_out[-1]}")
    if not found:
        keys = " ".join(control.key for control in controls)
        raise HostError(f"no control is built; try: mlfleet build {keys} --runtime {runtime}")
    return tuple(found), tuple(left_out)


def _measured(folder: Path, asked: Asked, begun: Begun, stop: Stop) -> Validation:
    started, suite = time.monotonic(), load_suite(SUITE)
    seen: tuple[Canary, ...] = ()
    pairs: tuple[PairSeen, ...] = ()
    # The orchestrator keeps off the measured CPUs, where there are others, as in a run.
    with host.kept_off(environment_of(suite, begun.runtime, None)[1].cpus):
        if asked.canaries:
            seen += _lies(folder, suite, begun, stop)
        with site_of(begun.validation, folder, suite, begun.runtime, begun.seed, stop) as site:
            if asked.canaries:
                seen += whole.canaries(site, asked.controls)
            if asked.neighbours:
                seen += (neighbour.neighbour_run(site, asked.controls[-1], asked.neighbours),)
            pairs += whole.experiments(site, asked.plan)
            return whole.validation(site, asked, started, seen, pairs)


def _lies(folder: Path, suite: Suite, begun: Begun, stop: Stop) -> tuple[Canary, ...]:
    """Spoilt services have no images: they are local processes, whatever the rest is measured on."""
    control = next(service for service in services() if service.control and service.language == "python")
    state = builds.builder("process", ROOT).state(control)
    if state.state != "current":
        hint = state.told(control.key, "process")
        return (Canary("services that lie", control.key, "each is seen", hint, "not judged"),)
    # What an audit found is in no ledger: gone on with, a validation asks the liars again.
    shutil.rmtree(folder / planted.FOLDER, ignore_errors=True)
    with site_of(f"{begun.validation}-lies", folder, suite, "process", begun.seed, stop) as site:
        return whole.lies(site, control)


@contextmanager
def site_of(name: str, folder: Path, suite: Suite, runtime: Runtime, seed: int, stop: Stop) -> Iterator[Site]:
    """Where a validation's runs are made, for as long as the context lasts."""

    @contextmanager
    def watched(part: str) -> Iterator[LiveProgress]:
        say(part)
        with LiveProgress(Console(stderr=True), at_most=False) as progress:
            yield progress

    def command(service: Service) -> Sequence[str] | None:
        return command_of(local_command(replace(service, key=service.key.partition(":")[0])), service, ROOT)

    engine, builder = engine_version(runtime), builds.builder(runtime, ROOT)
    with open_bench(name, runtime, stop, command, roofline.once(roofline.roof)) as bench:
        yield Site(name, folder, ROOT, suite, services(), runtime, engine, builder, bench, seed, watched)


def _keep(found: Validation, folder: Path) -> None:
    """The result beside its runs, and what this host can resolve where later runs look for it."""
    try:
        (folder / JSON).write_bytes(encode(found))
        (folder / PAGE).write_text(report.render_html(found), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write into {folder}: {error.strerror}") from error
    if found.limits:
        path = resolution.store(found.host_fingerprint, Resolution(found.validation, found.created, found.limits))
        say(f"what this host can resolve is kept in {path}")


def _span(seconds: float) -> str:
    return f"{seconds / HOUR_S:.1f} h" if seconds >= HOUR_S else f"{max(1, round(seconds / MINUTE_S))} min"
