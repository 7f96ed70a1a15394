"""`mlfleet bisect`: the release of a framework that a change came in with."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import click

from mlfleet import assemble, audits, stats
from mlfleet import build as builds
from mlfleet import report as reports
from mlfleet.across import known as kept
from mlfleet.across.bisect import Found, most_steps
from mlfleet.across.bisection import Bisection, Site, contestant, lines
from mlfleet.across.known import Known, Question
from mlfleet.builders.versions.kinds import known_releases, package
from mlfleet.builders.versions.releases import Release, between, released
from mlfleet.catalogue import Suite
from mlfleet.commands.common import (
    RESULTS,
    ROOT,
    choose_runtime,
    complete_services,
    complete_suites,
    complete_workloads,
    device_option,
    json_option,
    named_services,
    print_json,
    say,
)
from mlfleet.commands.planning import Options
from mlfleet.commands.report import read_table
from mlfleet.commands.run import begun_in, measure_new, measure_on
from mlfleet.commands.versions import build_release
from mlfleet.errors import MlfleetError, UsageError, printable
from mlfleet.images import Asked
from mlfleet.interrupt import Stop
from mlfleet.ledger_lines import RUN, read_records, read_stops
from mlfleet.locks import host_lock
from mlfleet.model import Metric, Service
from mlfleet.runfile import RunFile
from mlfleet.table import Table, fold

# Draws every order; the same in all runs, so that their payloads are the same.
SEED = 1
_LIMIT = 2000
_MINUTE_S = 60


def _range(_context: object, _parameter: object, text: str) -> tuple[str, str]:
    old, _, new = text.partition("..")
    if not old or not new or new.startswith("."):
        raise click.BadParameter(f"{text!r} is no pair of releases; awaited OLD..NEW, such as 1.5.2..1.9.1")
    return old, new


@click.command()
@click.argument("service", shell_complete=complete_services)
@click.argument("ends", metavar="OLD..NEW", callback=_range)
@click.option(
    "--workload", required=True, metavar="NAME", shell_complete=complete_workloads, help="What is measured: one."
)
@click.option("--suite", default="smoke", show_default=True, shell_complete=complete_suites, help="The suite it is of.")
@click.option(
    "--metric", type=click.Choice(get_args(Metric)), default="time", show_default=True, help="What has changed."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 10_000),
    default=0.0,
    metavar="PERCENT",
    help="Only a change by over so much, all of its interval; by default any that is called different.",
)
@click.option("--threads", type=click.Choice(("1", "all")), default="1", show_default=True, help="The thread setting.")
@click.option(
    "--blocks", type=click.IntRange(stats.MIN_BLOCKS, 100), help="Blocks of each run; by default the suite's."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of it; with the same question it goes on there.")
@device_option
@json_option
def bisect(out: Path | None, as_json: bool, **asked: object) -> int:
    """Find the release of SERVICE's framework in which a change came in, with the fewest builds.

    OLD and NEW are built and measured in one run; where they differ, the release in the middle is measured beside both,
    until two neighbours are left. What does not build, or what nothing can be told of, is skipped and named. Where the
    ends do other work, there is no ratio, and it is found since when. All runs are kept. Exit 1: not found.
    """
    question = Question(**asked)  # type: ignore[arg-type]
    service = _service(question)
    options = _options(question)
    suite = _suite(options, question)
    choose_runtime("docker")
    index = known_releases(service, ROOT)
    folder = out or RESULTS / assemble.run_id(f"bisect-{service.key}", SEED)
    known = kept.read(folder, question) or _begun(question, service, index)
    _say_size(known, service, suite)
    with Stop() as stop, host_lock(folder.name):
        kept.keep(folder, known)
        site = _Live(question, service, options, suite, index, folder, stop).site()
        bisection = Bisection(known, site)
        try:
            found = bisection.run()
        except MlfleetError:
            say(f"what is known is kept. To go on: {_command(question, folder)}")
            raise
    _print(bisection.known, found, folder, as_json=as_json)
    return 0 if found and not found.between else 1


def _service(question: Question) -> Service:
    (service,) = named_services([question.service])
    return service


def _options(question: Question) -> Options:
    return Options(
        suite=question.suite,
        runtime="docker",
        frameworks=(question.service,),
        workloads=(question.workload,),
        baseline=None,
        blocks=question.blocks,
        threads=question.threads,
        seed=SEED,
        images=(),
        device=question.device,
    )


def _suite(options: Options, question: Question) -> Suite:
    (suite,) = options.suites()
    names = [workload.name for workload in suite.workloads]
    if names != [question.workload]:
        raise UsageError(f"--workload names {', '.join(names)}; awaited one")
    metrics = suite.metrics_of(question.workload)
    if question.metric not in metrics:
        raise UsageError(f"suite {suite.name} decides {', '.join(metrics)}; --metric {question.metric} awaits it")
    return suite


def _begun(question: Question, service: Service, index: Sequence[Release]) -> Known:
    name = package(service, ROOT)
    old, new = (released(name, version, index) for version in question.ends)
    return Known(question, tuple(one.version for one in between(index, old, new)))


def _say_size(known: Known, service: Service, suite: Suite) -> None:
    """How many builds and runs there are at most, and about how long they take."""
    steps = most_steps(known.releases)
    # A run ends with its budget, of the workload and of the control; a block may end a little later.
    budget = suite.own_of(known.question.workload).budget_seconds or suite.budget_seconds
    running = 2.0 * budget * (steps + 1)
    took = builds.builder("docker", ROOT).state(service).built.seconds
    span = f"{_minutes(running)} of runs, and the builds" if took is None else _minutes(running + took * (steps + 2))
    old, new = known.question.ends
    there = f" ({len(known.sides)} of these are known already)" if known.sides else ""
    say(
        f"{len(known.releases)} releases from {old} to {new}: at most {steps + 2} builds (both ends, {steps} between)"
        f"{there} and {steps + 1} runs, about {span}. Releases that must be skipped come on top"
    )


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / _MINUTE_S))} min"


@dataclass(frozen=True)
class _Live:
    """Builds and measures, on this host."""

    question: Question
    service: Service
    options: Options
    suite: Suite
    index: Sequence[Release]
    folder: Path
    stop: Stop

    def site(self) -> Site:
        return Site(self._build, self._measure, lambda known: kept.keep(self.folder, known), say)

    def _build(self, version: str) -> str:
        result = build_release(self.service, version, self.index, "docker", self.stop)
        # A signal ends a build, too: that says nothing of the release.
        self.stop.check()
        return result.reason if result.state == "failed" else ""

    def _measure(self, part: str, versions: Sequence[str]) -> tuple[Table, Table]:
        """A run that was begun before goes on."""
        folder = self.folder / part
        if (folder / RUN).exists():
            measure_on(begun_in(folder), folder, None, self.stop)
        else:
            asked = replace(self.options, images=tuple(Asked(self.service.key, version) for version in versions))
            name = assemble.run_id(f"{self.suite.name}-{part}", SEED)
            measure_new(asked, self.suite, name, folder, None, self.stop)
        by_old = read_table(folder)
        reports.write(by_old, folder)
        return by_old, self._by_new(by_old.run, folder)

    def _by_new(self, run: RunFile, folder: Path) -> Table:
        """As a report with the new end as its baseline."""
        new = contestant(self.question, self.question.ends[1])
        turned = replace(run, baselines={**run.baselines, self.question.workload: new})
        return fold(turned, read_records(folder), audits.read((RESULTS, folder.parent)), read_stops(folder))


def _print(known: Known, found: Found | None, folder: Path, *, as_json: bool) -> None:
    runs = sorted(str(path.parent) for path in folder.glob(f"*/{RUN}"))
    if as_json:
        answer = {"last": found.last, "first": found.first, "between": list(found.between)} if found else None
        print_json({**asdict(known), "found": answer, "runs": runs})
        return
    for line in lines(known, found):
        print(printable(line, _LIMIT))
    print(f"runs: {', '.join(runs)}")


def _command(question: Question, folder: Path) -> str:
    words = ["mlfleet", "bisect", question.service, "..".join(question.ends), "--workload", question.workload]
    words += ["--suite", question.suite, "--metric", question.metric, "--threads", question.threads]
    words += ["--threshold", f"{question.threshold:g}"] if question.threshold else []
    words += ["--blocks", str(question.blocks)] if question.blocks is not None else []
    words += ["--device", question.device] if question.device != "cpu" else []
    return shlex.join([*words, "--out", str(folder)])
