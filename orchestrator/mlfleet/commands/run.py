"""`mlfleet run` and `mlfleet plan`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click
from rich.console import Console

from mlfleet import assemble, host
from mlfleet import build as builds
from mlfleet import report as reports
from mlfleet.bench import Bench
from mlfleet.catalogue import Suite
from mlfleet.codec import encode
from mlfleet.commands.benches import engine_version, open_bench
from mlfleet.commands.common import RESULTS, ROOT, complete_runs, complete_suites, json_option, print_json, say
from mlfleet.commands.named import check_named, keep_named_locks
from mlfleet.commands.planning import Options, max_time_option, planned, planning, say_absent, say_size
from mlfleet.commands.report import read_table
from mlfleet.errors import HostError, InterruptedRun, StorageError, UsageError
from mlfleet.interrupt import Stop
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import RUN, read_lines
from mlfleet.live import LiveProgress
from mlfleet.locks import LOCK, host_lock, run_lock
from mlfleet.runfile import RunFile, read_run
from mlfleet.runner import cells_of, go_on, measure_run
from mlfleet.setting import SETTINGS
from mlfleet.verdict import Group


@click.command()
@click.argument("suite", default="smoke", shell_complete=complete_suites)
@planning
@max_time_option
@json_option
def plan(suite: str, as_json: bool, **options: object) -> None:
    """Show what a run of SUITE would measure: cells, payloads, and the order of blocks. Measures nothing."""
    asked = Options(suite=suite, **options)  # type: ignore[arg-type]
    suites = asked.suites()
    if as_json and len(suites) > 1:
        raise UsageError("each thread setting is a run of its own, JSON shows one; try: --threads 1 or --threads all")
    with Stop() as stop:
        for one in suites:
            limit_s = None if asked.max_time is None else asked.max_time / len(suites)
            with planned(asked, one, assemble.run_id(one.name, asked.seed), stop, limit_s, probes=False) as (run, _):
                _show(run, as_json=as_json)


def _show(run: RunFile, *, as_json: bool) -> None:
    if as_json:
        print_json({"run": run.run, "blocks": [[b.workload, b.number, list(b.launch)] for b in run.plan]})
        return
    most = "at most " if run.looks else ""
    where = f"runtime {run.environment.runtime}, {run.setting}, seed {run.seed}"
    print(f"{run.suite}: {most}{len(run.plan)} blocks on {where}")
    for workload in run.workloads:
        cells = ", ".join(workload.cells) or workload.unavailable or "no service here can do it"
        print(f"  {workload.workload.name:<42} payload {workload.payload_bytes:>8} bytes  {cells}")
    say_absent(run)
    say_size(run)


@click.command()
@click.argument("suite", required=False, shell_complete=complete_suites)
@planning
@max_time_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder of this run; by default one under results/.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    shell_complete=complete_runs,
    help="Go on with the run in this folder.",
)
def run(suite: str | None, out: Path | None, resume: Path | None, **options: object) -> int:
    """Measure SUITE and report. Stop it with Ctrl-C; the command that goes on with it is printed."""
    if (suite is None) == (resume is None):
        raise UsageError("run needs a suite, such as `mlfleet run smoke`, or --resume with the folder of a run")
    asked = Options(suite=suite or "", **options)  # type: ignore[arg-type]
    with Stop() as stop:
        if resume is not None:
            return _resume(resume, asked.max_time, stop)
        suites = asked.suites()
        with host_lock(assemble.run_id(suites[0].name, asked.seed)):
            return _each_setting(asked, suites, out, stop)


def _each_setting(asked: Options, suites: tuple[Suite, ...], out: Path | None, stop: Stop) -> int:
    """A run for each thread setting, one after the other, in equal parts of the time; the worst exit code of all."""
    deadline = None if asked.max_time is None else time.monotonic() + asked.max_time
    worst = 0
    for number, suite in enumerate(suites):
        part = "" if len(suites) == 1 else SETTINGS[suite.threads[0]].replace(" ", "-")
        name = assemble.run_id(f"{suite.name}-{part}" if part else suite.name, asked.seed)
        folder = (out / part if part else out) if out else RESULTS / name
        left = None if deadline is None else deadline - time.monotonic()
        if number and left is not None and left <= 0:
            _say_not_begun(asked, suites[number:])
            break
        try:
            share = None if left is None else left / (len(suites) - number)
            worst = max(worst, _begin(asked, suite, name, folder, share, stop))
        except InterruptedRun:
            _say_not_begun(asked, suites[number + 1 :])
            raise
    return worst


def _say_not_begun(asked: Options, suites: tuple[Suite, ...]) -> None:
    for suite in suites:
        (threads,) = suite.threads
        say(f"{SETTINGS[threads]} was not begun. To measure it: mlfleet run {asked.suite} --threads {threads}")


def _begin(asked: Options, suite: Suite, name: str, folder: Path, max_time: float | None, stop: Stop) -> int:
    with _resumable(folder):
        measure_new(asked, suite, name, folder, max_time, stop)
    return _reported(folder)


def _resume(folder: Path, max_time: float | None, stop: Stop) -> int:
    run = begun_in(folder)
    with host_lock(run.run):
        with _resumable(folder):
            measure_on(run, folder, max_time, stop)
        return _reported(folder)


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    try:
        yield
    except InterruptedRun as error:
        # While it was planned there was nothing yet to go on with.
        if (folder / RUN).exists():
            say(f"{error}; finished blocks are kept. To go on: mlfleet run --resume {folder}")
        raise


def measure_new(asked: Options, suite: Suite, name: str, folder: Path, max_time: float | None, stop: Stop) -> None:
    """Plan a run of that name and measure it into that folder. The lock of this host is the caller's."""
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(_claimed(folder, name))
        begun, bench = stack.enter_context(planned(asked, suite, name, stop, max_time))
        say_absent(begun)
        say_size(begun)
        ledger = stack.enter_context(Ledger.create(folder, encode(begun)))
        keep_named_locks(begun.contestants, folder, bench.labels)
        # To plan has taken time, too.
        left = None if max_time is None else max_time - (time.monotonic() - began)
        _measure(begun, folder, ledger, bench, left)


def begun_in(folder: Path) -> RunFile:
    """The run that was begun there, if it may go on: nothing in it was edited, and this is its host."""
    run = read_run(folder)
    # An edited run.json is refused before anything in it is believed: the first line knows its digest.
    next(read_lines(folder), None)
    here = host.fingerprint(host.facts(), {"docker_engine": engine_version(run.environment.runtime)})
    host.check_same(run.host_fingerprint, here, folder)
    return run


def measure_on(run: RunFile, folder: Path, max_time: float | None, stop: Stop) -> None:
    """Measure what that run has left; of one that is complete nothing. The lock of this host is the caller's."""
    with ExitStack() as stack:
        stack.enter_context(run_lock(folder, run.run))
        _same_builds(run)
        bench = stack.enter_context(open_bench(run.run, run.environment.runtime, stop))
        ledger = stack.enter_context(Ledger.open(folder))
        go_on(ledger)
        _measure(run, folder, ledger, bench, max_time)


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


def _measure(run: RunFile, folder: Path, ledger: Ledger, bench: Bench, max_time: float | None) -> None:
    progress = LiveProgress(Console(stderr=True), at_most=bool(run.looks))
    with host.kept_off(run.environment.cpus), progress:
        watched = bench.watched_by(progress.phase, ledger.blob)
        ended = measure_run(run, cells_of(run), ledger, watched, progress, max_time)
    if ended == "max_time":
        say(f"--max-time is spent. To go on: mlfleet run --resume {folder}")


def _reported(folder: Path) -> int:
    """Print and write the report; 1 where a cell failed."""
    table = read_table(folder)
    paths = reports.write(table, folder)
    reports.show(table)
    for path in paths:
        print(path)
    failed = any(cell.verdict.group not in {Group.OK, Group.NOT_RUN} for cell in table.cells)
    return 1 if failed else 0
