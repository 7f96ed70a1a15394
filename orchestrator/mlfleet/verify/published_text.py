"""What was published as text: each sentence of the summary with an interval, and each exact number of the page.

A sentence is held to its own precision: its numbers must be what the trials give, rounded.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, median

from mlfleet.verify import numbers
from mlfleet.verify.findings import Findings
from mlfleet.verify.outcomes import METRICS, CellNumbers, Decided
from mlfleet.verify.plan import Run
from mlfleet.verify.published_csv import published
from mlfleet.verify.rate import per_second
from mlfleet.verify.trials import Trial

SUMMARY, PAGE = "benchmark_summary.txt", "report.html"
_KIND = "published numbers"
_UNITS = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9, "B": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3}
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_INTERVAL = re.compile(rf"{_NUMBER} % interval {_NUMBER} to {_NUMBER}(?: (ns|µs|ms|s|B|KiB|MiB|GiB))?(?!\w)")
_POINT = re.compile(rf"(?:takes|uses) {_NUMBER}(x| (?:ns|µs|ms|s|B|KiB|MiB|GiB)) (?:the|(less|more)) ")
_COUNTS = re.compile(r"(\d[\d,]*) of (\d[\d,]*) ratios? refused")
_OPENINGS = {"inconclusive": "inconclusive:", "equivalent": "no difference above"}


def check_summary(folder: Path, run: Run, pairs: Sequence[Decided], findings: Findings) -> None:
    """The first line's counts, and every sentence with an interval."""
    text = published(folder / SUMMARY, findings)
    if text is None:
        return
    lines = text.splitlines()
    refused = sum(one.outcome == "refused" for one in pairs)
    found = _COUNTS.match(lines[0] if lines else "")
    counts = [int(part.replace(",", "")) for part in found.groups()] if found else None
    findings.held(SUMMARY, 1, "ratios refused", [*counts] if counts else None, [refused, len(pairs)], kind=_KIND)
    left = {(one.pair.workload, one.pair.metric, one.pair.contestant): one for one in pairs if one.shown}
    for number, workload, sentence in _sentences(lines, [work.name for work in run.workloads]):
        if not _INTERVAL.search(sentence):
            continue
        mine = [one for one in left.values() if one.pair.workload == workload and _is_of(one, sentence)]
        if len(mine) != 1:
            findings.differs(SUMMARY, number, f"{workload}, sentence", sentence, "one comparison that it is about")
            continue
        del left[workload, mine[0].pair.metric, mine[0].pair.contestant]
        _sentence(number, sentence, mine[0], findings)
    for key in left:
        findings.differs(SUMMARY, None, f"sentence of {' '.join(key)}", "none", "one with its interval")


def check_page(
    folder: Path, run: Run, cells: Mapping[tuple[str, str], CellNumbers], pairs: Sequence[Decided], findings: Findings
) -> None:
    """Every exact number in the page is one that the trials give."""
    text = published(folder / PAGE, findings)
    if text is None:
        return
    reader = _Exact()
    reader.feed(text)
    mine = sorted(
        {*_of_cells(run, cells), *(one.shown.ratio[1] for one in pairs if one.shown and not one.pair.absolute)}
    )
    for line, found in reader.values:
        near = min(mine, key=lambda one: abs(one - found), default=math.nan)
        findings.rule(
            PAGE,
            line,
            "number",
            found,
            f"a number of its trials, such as {near!r}",
            holds=math.isclose(found, near, rel_tol=1e-9, abs_tol=1e-12),
            kind=_KIND,
        )


def _sentences(lines: Sequence[str], workloads: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Line, workload and text of every item under a workload's name, wrapped lines joined."""
    workload, item, start = "", "", 0
    for number, line in enumerate([*lines, ""], start=1):
        if item and line.startswith("  "):
            item += " " + line.strip()
            continue
        if item:
            yield start, workload, item
        item = ""
        if line.startswith("- ") and workload:
            item, start = line[2:].strip(), number
        elif line.strip():
            workload = line.strip() if line.strip() in workloads else ""


def _is_of(one: Decided, sentence: str) -> bool:
    """Whether a sentence is about this comparison: its metric, and its contestant by name."""
    metric = "memory" if "peak anonymous memory" in sentence else "cpu" if "CPU time" in sentence else "time"
    named = re.search(rf"(?<![\w.:-]){re.escape(one.pair.contestant)}(?![\w:-]|\.\d)", sentence)
    return one.pair.metric == metric and named is not None


def _sentence(number: int, sentence: str, one: Decided, findings: Findings) -> None:
    shown, place = one.shown, f"{one.pair.contestant} / {one.pair.baseline}, {one.pair.workload}, {one.pair.metric}"
    interval = _INTERVAL.search(sentence)
    if shown is None or interval is None:
        return
    opening = _OPENINGS.get(one.outcome)
    said = next((name for name, text in _OPENINGS.items() if sentence.startswith(text)), "different")
    findings.held(SUMMARY, number, f"{place}, outcome", said, one.outcome if opening else "different", kind=_KIND)
    level, low, high, unit = interval.groups()
    ends = (shown.low, shown.point, shown.high) if one.pair.absolute else shown.ratio
    point = _POINT.search(sentence)
    if point and point[3] == "less":
        ends = (-ends[2], -ends[1], -ends[0])
    scale = _UNITS.get(unit or "", 1.0)
    printed = [("level", level, 100 * shown.level), ("low", low, ends[0] / scale), ("high", high, ends[2] / scale)]
    if point:
        printed.append(("point", point[1], ends[1] / _UNITS.get(point[2].strip(), 1.0)))
    for name, text, value in printed:
        findings.rule(SUMMARY, number, f"{place}, {name}", text, f"{value:.6g}", holds=_rounds(text, value), kind=_KIND)


def _rounds(text: str, value: float) -> bool:
    """Whether a printed number is the value, rounded to the digits that are printed."""
    mantissa, _, exponent = text.partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return abs(float(text) - value) <= 0.5 * 10.0**-decimals * (1 + 1e-6) + 1e-12


def _of_cells(run: Run, cells: Mapping[tuple[str, str], CellNumbers]) -> Iterator[float]:
    """Every number that a row of a cell may show: estimates, else medians; throughput, peaks, cold starts, quality."""
    for (workload, _), cell in cells.items():
        yield from per_second(run, workload, cell)[0] or ()
        yield from (interval.ratio[1] for interval in cell.intervals.values() if interval)
        # Of a cell that is ok those that count stand for it.
        trials = [one for one in cell.trials if one.verdict == "ok" or cell.verdict != "ok"]
        columns = [[numbers.value(one, metric)[0] for one in trials] for metric in METRICS]
        columns.append([numbers.peak(one, numbers.CHARGED_PEAK)[0] for one in trials])
        columns.append([one.cold.per_iteration if one.cold else None for one in trials])
        columns.append([_quality(one) for one in trials])
        for column in columns:
            known = [value for value in column if value is not None]
            yield from (median(known), fmean(known)) if known else ()


def _quality(trial: Trial) -> float | None:
    judged = trial.body.get("quality")
    found = judged["metrics"].get(judged["decides"].text()) if judged else None
    return found.number() if found else None


class _Exact(HTMLParser):
    """Collects the values of all `data` elements with their lines."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[tuple[int, float]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A `data` element has its exact value as an attribute."""
        value = dict(attrs).get("value")
        if tag == "data" and value is not None:
            self.values.append((self.getpos()[0], float(value)))
