"""`mlfleet compare`."""

import re
from collections.abc import Sequence
from math import expm1
from pathlib import Path

import click

from mlfleet.across.changes import compare_runs
from mlfleet.across.printed import as_plain, lines
from mlfleet.across.result import Change
from mlfleet.commands.common import complete_runs, json_option, print_json, say
from mlfleet.commands.report import read_table
from mlfleet.errors import UsageError, printable

_LIMIT = 2000
# A threshold was crossed.
CROSSED = 4
# Outcomes in which B needs more than A.
_WORSE = {"slower", "more"}
_THRESHOLD = re.compile(r"(time|cpu|memory):(\d+(?:\.\d+)?)%?")


@click.command()
@click.argument("run_a", type=click.Path(path_type=Path), shell_complete=complete_runs)
@click.argument("run_b", type=click.Path(path_type=Path), shell_complete=complete_runs)
@click.option(
    "--fail-on",
    multiple=True,
    metavar="METRIC:PERCENT",
    help="Exit 4 where B needs more than A by over so much, all of its interval: time:5, cpu:5, memory:10. Repeatable.",
)
@click.option("--fail-on-refused", is_flag=True, help="Exit 4 where a ratio is refused: other work, or other quality.")
@json_option
def compare(run_a: Path, run_b: Path, fail_on: tuple[str, ...], fail_on_refused: bool, as_json: bool) -> int:
    """What became of each cell from RUN_A to RUN_B: faster, slower, same, inconclusive, refused.

    RUN_A and RUN_B: folders of runs of the same suite, such as before and after a new version. Warns where the host or
    anything but an image has changed. Two versions in one run are held against each other more closely: mlfleet run
    SUITE --image KEY=A --image KEY=B.
    """
    limits = _limits(fail_on)
    if run_a.resolve() == run_b.resolve():
        raise UsageError(f"{run_a} is both runs; awaited two")
    found = compare_runs(read_table(run_a), read_table(run_b))
    if as_json:
        print_json(as_plain(found))
    else:
        for line in lines(found):
            print(printable(line, _LIMIT))
    crossed = [one for one in found.changes if _crosses(one, limits, refused=fail_on_refused)]
    for one in crossed:
        say(f"crossed: {one.workload}, {one.framework}, {one.metric}: {one.outcome}")
    return CROSSED if crossed else 0


def _limits(texts: Sequence[str]) -> dict[str, float]:
    """Shares by metric. Raises UsageError."""
    found = {}
    for text in texts:
        match = _THRESHOLD.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--fail-on {printable(text)!r} is no threshold; awaited time, cpu or memory with per cent: time:5"
            )
        found[match[1]] = float(match[2]) / 100
    return found


def _crosses(change: Change, limits: dict[str, float], *, refused: bool) -> bool:
    if change.outcome == "refused":
        return refused
    limit = limits.get(change.metric)
    return (
        limit is not None
        and change.outcome in _WORSE
        and change.estimate is not None
        and expm1(change.estimate.low) > limit
    )
