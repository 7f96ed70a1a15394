"""`mlfleet demo`: the faults of published benchmarks, refused, each beside its honest twin."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from mlfleet import build as builds
from mlfleet import roofline
from mlfleet.commands.benches import local_command, open_bench
from mlfleet.commands.common import ROOT, json_option, print_json, say, services
from mlfleet.demos import DEMOS, Demo, LiveDemo, PlannedDemo, Shown, Stage, replay
from mlfleet.demos.fault import faults_together
from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.shown import as_json as shown_json
from mlfleet.demos.shown import say as show
from mlfleet.errors import HostError, unknown
from mlfleet.interrupt import Stop
from mlfleet.locks import host_lock

# Of all live ones together.
_ROOF = roofline.once(roofline.roof)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Only say what each one shows, and what it needs.")
@click.option(
    "--blocks", type=click.IntRange(1, 40), default=5, show_default=True, help="Of live ones; below 5 no outcome."
)
@json_option
def demo(names: tuple[str, ...], only_list: bool, blocks: int, as_json: bool) -> int:
    """Re-enact the faults named in NAMES, or all: each must be refused for its reasons, and its honest twin pass.

    Live ones launch local builds (process runtime); each says what to build. Exit 0 if all is as it must be, 1 if not.
    """
    for name in names:
        if name not in DEMOS:
            raise unknown("demo", name, DEMOS)
    chosen = [DEMOS[name] for name in names or DEMOS]
    if only_list:
        _list(chosen, as_json)
        return 0
    shown: list[Shown] = []
    absent: list[str] = []
    for replayed in _replays(chosen, blocks):
        try:
            found = replayed()
        except HostError as error:
            if names:
                raise
            # Of all, those that this host can show.
            absent.append(str(error))
            continue
        shown += found
        for one in () if as_json else found:
            show(one, Console())
    if as_json:
        print_json({"demos": [shown_json(one) for one in shown], "not_shown": absent})
    for text in absent:
        say(text)
    return 0 if all(one.as_awaited for one in shown) else 1


def _replays(chosen: Sequence[Demo], blocks: int) -> Iterator[Callable[[], Sequence[Shown]]]:
    """What needs no service first, each by itself; then live ones, those of one workload together."""
    live = [one for one in chosen if isinstance(one, LiveDemo)]
    for one in chosen:
        if not isinstance(one, LiveDemo):
            yield partial(_alone, one)
    for group in faults_together(live):
        yield partial(_launched, group, blocks)


def _alone(one: ImportedDemo | PlannedDemo) -> Sequence[Shown]:
    return (one.replay(),)


def _launched(group: Sequence[LiveDemo], blocks: int) -> Sequence[Shown]:
    with _stage(blocks) as stage:
        return replay(group, stage)


@contextmanager
def _stage(blocks: int) -> Iterator[Stage]:
    """One measuring run a host at a time, as for any run; what was measured is removed at the end."""
    with Stop() as stop, host_lock("demo"), tempfile.TemporaryDirectory(prefix="mlfleet-demo-") as folder:
        yield Stage(
            root=ROOT,
            services={service.key: service for service in services()},
            builder=builds.builder("process", ROOT),
            bench=lambda run, command: open_bench(run, "process", stop, command, _ROOF),
            command=local_command,
            folder=Path(folder),
            blocks=blocks,
            say=say,
        )


def _list(chosen: list[Demo], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"demo": one.name, "shows": one.shows, "awaited": sorted(one.awaited), "needs": list(one.needs)}
                for one in chosen
            ]
        )
        return
    for one in chosen:
        print(f"{one.name}: {one.shows}")
        print(f"  refused by: {', '.join(sorted(one.awaited))}")
        needs = " ".join(one.needs)
        print(f"  needs: {f'mlfleet build {needs} --runtime process' if needs else 'nothing'}")
