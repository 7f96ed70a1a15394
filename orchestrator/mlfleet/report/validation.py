"""What a validation found, as a page and for the terminal: counts, canaries, what the host can resolve, every pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from mlfleet.errors import printable
from mlfleet.report.html import page
from mlfleet.report.units import percent, plural
from mlfleet.resolution import Limit
from mlfleet.validate.result import Canary, Count, PairSeen, Validation

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
    """The same without the single pairs, a line for each check: reads at 80 columns and in a pipe."""
    _say(console, first_line(found), "bold")
    head = f"{found.kind}, {found.setting}, {found.environment.runtime}, {_span(found.seconds)}"
    _say(console, f"{found.validation}: {head}")
    for left in found.left_out:
        _say(console, f"left out: {left}")
    for heading, checks in (("Canaries", found.canaries), ("Counts", found.counts)):
        _heading(console, heading, bool(checks))
        for check in checks:
            mark = check.state.upper() if check.state in _FAILED else check.state
            _say(console, f"  {mark:<12}{_line(check)}", "bold" if check.state in _FAILED else "")
    _heading(console, "What this host can resolve", bool(found.limits))
    for limit in found.limits:
        pairs = f"{limit.pairs} pairs of {limit.services} services, {limit.setting}, {limit.schedule} turns"
        _say(console, f"  {limit.bound:<12}{limit.metric:<8}{_share(limit):<9}{pairs}")


def _line(check: Canary | Count) -> str:
    if isinstance(check, Count):
        return f"{check.name}: {check.found} of {check.of}; {check.expected}"
    return f"{check.name}{f' ({check.service})' if check.service else ''}: {check.found}; expected: {check.expected}"


def _heading(console: Console, text: str, there: bool) -> None:
    if there:
        console.print()
        _say(console, text, "bold")


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
                _share(one),
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
                "none" if one.low is None else f"{_ratio(one.low)} to {_ratio(one.high)}",
                ", ".join((one.outcome, *one.reasons)),
            )
            for one in pairs
        ),
    )


def _share(limit: Limit) -> str:
    # Two digits: twenty pairs know no more.
    return percent(float(f"{limit.share:.2g}"))


def _ratio(log: float | None) -> str:
    return "none" if log is None else f"{math.exp(log):.4f}"


def _span(seconds: float) -> str:
    return f"{seconds / _MINUTE_S:.0f} min" if seconds >= _MINUTE_S else f"{seconds:.0f} s"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text, len(text) + 1), style=style))
