"""What a validation found, as a page and for the terminal: counts, canaries, what the host can resolve, every pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlfleet.errors import printable
from mlfleet.report.html import page
from mlfleet.report.units import percent, plural
from mlfleet.resolution import Limit
from mlfleet.validate.result import Canary, PairSeen, Validation

_FAILED = ("off", "not shown")
_MINUTE_S = 60


@dataclass(frozen=True)
class _Sheet:
    """One table: its heading, what it says, its columns and rows; `off` marks rows that are not as they must be."""

    heading: str
    words: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    off: tuple[bool, ...] = ()


def first_line(found: Validation) -> str:
    """Whether the harness is right on this host, in one line."""
    states = [*(one.state for one in found.canaries), *(one.state for one in found.counts)]
    if "off" in states or "not shown" in states:
        off, not_shown = states.count("off"), states.count("not shown")
        return f"{off} OFF, {not_shown} NOT SHOWN of {plural(len(states), 'check')}: {'; '.join(found.failed)}"
    rest = states.count("not judged")
    return f"ok: {plural(len(states) - rest, 'check')} as expected" + (f", {rest} not judged" if rest else "")


def render_html(found: Validation) -> str:
    """The page."""
    return page(
        "validation.html.j2",
        found=found,
        first_line=first_line(found),
        took=_span(found.seconds),
        sheets=(*_summary(found), _pairs(found.pairs)),
    )


def render_terminal(found: Validation, console: Console) -> None:
    """The same without the single pairs."""
    _say(console, first_line(found), "bold")
    _say(
        console,
        f"{found.validation}: {found.kind}, {found.setting}, {found.environment.runtime}, {_span(found.seconds)}",
    )
    for left in found.left_out:
        _say(console, f"left out: {left}")
    for sheet in _summary(found):
        console.print()
        _say(console, sheet.heading, "bold")
        grid = Grid(box=box.SIMPLE, pad_edge=False)
        for column in sheet.columns:
            grid.add_column(column, overflow="fold")
        for row, off in zip(sheet.rows, sheet.off or [False] * len(sheet.rows), strict=True):
            grid.add_row(*(Text(printable(text), style="bold" if off else "") for text in row))
        console.print(grid)


def _summary(found: Validation) -> tuple[_Sheet, ...]:
    sheets = (_canaries(found.canaries), _counts(found), _limits(found.limits))
    return tuple(sheet for sheet in sheets if sheet.rows)


def _canaries(canaries: Sequence[Canary]) -> _Sheet:
    return _Sheet(
        "Canaries",
        "What is known of a control beforehand, and what was read of it.",
        ("canary", "service", "expected", "found", "state"),
        tuple((one.name, one.service, one.expected, one.found, one.state) for one in canaries),
        tuple(one.state in _FAILED for one in canaries),
    )


def _counts(found: Validation) -> _Sheet:
    words = (
        "Equal services under two names, and services that do a counted share more, through the whole pipeline. An "
        "honest harness fails each limit in about 1 of 60 validations: two failures in a row count."
    )
    return _Sheet(
        "Counts",
        words,
        ("what", "found", "expected", "state"),
        tuple((one.name, f"{one.found} of {one.of}", one.expected, one.state) for one in found.counts),
        tuple(one.state in _FAILED for one in found.counts),
    )


def _limits(limits: Sequence[Limit]) -> _Sheet:
    return _Sheet(
        "What this host can resolve",
        "95 % of equal pairs seemed to differ by less than this; a smaller ratio is inconclusive in every report.",
        ("bound by", "metric", "A/A resolution", "pairs", "setting"),
        tuple(
            (
                one.bound,
                one.metric,
                percent(one.share),
                f"{one.pairs} of {one.services} services",
                f"{one.setting}, {one.schedule} turns",
            )
            for one in limits
        ),
    )


def _pairs(pairs: Sequence[PairSeen]) -> _Sheet:
    return _Sheet(
        "Every pair",
        "Ratios of contestant to baseline with 95 % intervals; counted: what both receipts say was done.",
        ("bound by", "metric", "contestant / baseline", "counted", "ratio", "95 % interval", "outcome"),
        tuple(
            (
                one.bound,
                one.metric,
                f"{one.contestant} / {one.baseline}",
                f"{one.truth:.4g}",
                _ratio(one.point),
                f"{_ratio(one.low)} to {_ratio(one.high)}",
                ", ".join((one.outcome, *one.reasons)),
            )
            for one in pairs
        ),
    )


def _ratio(log: float | None) -> str:
    return "none" if log is None else f"{math.exp(log):.4f}"


def _span(seconds: float) -> str:
    return f"{seconds / _MINUTE_S:.0f} min" if seconds >= _MINUTE_S else f"{seconds:.0f} s"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text, len(text) + 1), style=style))
