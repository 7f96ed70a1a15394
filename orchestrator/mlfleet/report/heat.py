"""Workload by framework: what became of each time against the baseline's, and how strong a colour it has."""

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from mlfleet.compare import Comparison
from mlfleet.outcomes import Outcome
from mlfleet.report.rows import verdict_text
from mlfleet.report.sentences import span
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# An outcome; else the baseline itself, a cell that is compared with nothing, a framework that takes no part.
State = Literal["different", "equivalent", "inconclusive", "refused", "baseline", "alone", "absent"]
# Factors from which on a colour is one step stronger; page.css has as many of each hue.
STEPS = (1.0, 1.25, 2.0, 5.0)
# What an id may hold as it is, so that it needs no escape in an address.
_PLAIN = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class HeatCell:
    """`hue` is a class of page.css, empty where there is no colour; `anchor` the id of the cell's raw samples."""

    framework: str
    state: State
    text: str
    note: str
    hue: str = ""
    # The number itself, of a decided outcome alone.
    ratio: float | None = None
    anchor: str = ""

    @property
    def outcome(self) -> str:
        """What the filters know it by; empty where nothing was compared."""
        return self.state if self.state in get_args(Outcome) else ""


@dataclass(frozen=True)
class HeatRow:
    """One workload, a cell for each framework."""

    workload: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Heat:
    """The table, and where its colours get stronger, in words."""

    frameworks: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    steps: str


def cell_anchor(workload: str, framework: str) -> str:
    """The id of a cell in the page: the same in every run, no two alike, and an address as it stands."""
    return f"cell/{_plain(workload)}/{_plain(framework)}"


def heat(table: Table) -> Heat:
    """All workloads that are compared, by all frameworks that were asked for."""
    frameworks = tuple(one.service.key for one in table.run.contestants if not one.service.control)
    times = {(one.workload, one.contestant): one for one in table.comparisons if one.metric == "time"}
    rows = tuple(
        HeatRow(
            planned.workload.name,
            tuple(_cell(table, planned, key, times.get((planned.workload.name, key))) for key in frameworks),
        )
        for planned in table.run.workloads
        if not planned.control
    )
    darker = [f"{step:g}" for step in STEPS[1:]]
    return Heat(frameworks, rows, f"{', '.join(darker[:-1])} and {darker[-1]}")


def _plain(name: str) -> str:
    return _PLAIN.sub(lambda found: f"~{ord(found[0]):x}~", name)


def _cell(table: Table, planned: PlannedWorkload, key: str, time: Comparison | None) -> HeatCell:
    name = planned.workload.name
    if key not in planned.cells:
        return HeatCell(key, "absent", "–", "")  # noqa: RUF001 - a dash
    anchor = cell_anchor(name, key)
    if time is not None:
        text, note = _outcome(time)
        ratio = time.ratio[0] if time.ratio else None
        return HeatCell(key, time.outcome, text, note, _hue(time), ratio, anchor)
    verdict = table.cell(name, key).verdict
    note = "" if verdict is Verdict.OK else verdict_text(verdict)
    if key == table.run.baselines.get(name):
        return HeatCell(key, "baseline", "baseline", note, anchor=anchor)
    return HeatCell(key, "alone", "not compared", note, anchor=anchor)


def _outcome(one: Comparison) -> tuple[str, str]:
    """Text and note. What is refused has no number, what is inconclusive no point."""
    shown = span(one)
    if one.outcome == "refused":
        return "REFUSED", ""
    if one.outcome == "inconclusive" or shown is None:
        return "?", shown.interval if shown else ", ".join(one.reasons)
    if one.outcome == "equivalent":
        return "same", shown.interval
    return shown.value if one.absolute else f"{shown.point}x", shown.interval


def _hue(one: Comparison) -> str:
    """By the logarithm of the ratio, so that twice and half are equally strong; only a difference has one."""
    if one.outcome != "different" or one.absolute or one.estimate is None:
        return ""
    log = one.estimate.point
    step = sum(abs(log) >= math.log(factor) for factor in STEPS)
    return f"{'fast' if log < 0 else 'slow'}{step}"
