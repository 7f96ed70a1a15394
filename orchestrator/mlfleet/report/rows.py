"""A workload's cells as rows of text in the order of their rank: what the terminal and the page both print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from mlfleet import tasks
from mlfleet.cells import CellRow
from mlfleet.compare import QUALITY_UNDECIDED, Comparison
from mlfleet.kept import kept
from mlfleet.model import Metric, Record
from mlfleet.names import Name
from mlfleet.report.sentences import amount
from mlfleet.report.throughput import throughput
from mlfleet.report.undefined import why_undefined
from mlfleet.report.units import count, duration, duration_span, number, rate_span, size, size_span
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table
from mlfleet.values import phase, value
from mlfleet.verdict import Group, Verdict


@dataclass(frozen=True)
class Figure:
    """A value as text, with what qualifies it (its interval, or why there is none) and the value itself."""

    text: str
    note: str
    exact: float | None


@dataclass(frozen=True)
class Row:
    """One cell as it is printed. `rank` is None for cells that are not ranked, and `unranked` says why."""

    cell: CellRow
    rank: int | None
    shared: bool
    unranked: str
    verdict: str
    time: Figure
    throughput: Figure
    # p95 of single iterations, and p99.
    latency: Figure
    quality: Figure
    anonymous: Figure
    charged: Figure
    cpu: Figure
    # CPU time per wall time: "0.98".
    cpus: str
    cold: Figure


def rows(table: Table, planned: PlannedWorkload) -> tuple[Row, ...]:
    """The cells of a workload: ranked ones first, then the others in the order of the run."""
    return _all(table)[planned.workload.name]


@kept
def _all(table: Table) -> dict[str, tuple[Row, ...]]:
    return {planned.workload.name: _rows(table, planned) for planned in table.run.workloads}


def _rows(table: Table, planned: PlannedWorkload) -> tuple[Row, ...]:
    cells = {name: table.cell(planned.workload.name, name) for name in planned.cells}
    ranks, reasons = _ranks(table, planned, cells)
    shared = {rank for rank in ranks.values() if list(ranks.values()).count(rank) > 1}
    order = sorted(cells, key=lambda name: ranks.get(name, len(cells) + 1))
    return tuple(
        _row(planned, cells[name], ranks.get(name), ranks.get(name) in shared, reasons.get(name, "")) for name in order
    )


@kept
def peak_charged(record: Record) -> tuple[float | None, str]:
    """The highest charged memory of a trial's turns in bytes, or None and the reason."""
    if not record.turns:
        return None, "not_measured"
    found = []
    for turn in record.turns:
        reading = turn.readings.get(Name.PEAK_CHARGED)
        if reading is None or reading.value is None:
            return None, reading.reason or "lost" if reading else "lost"
        found.append(float(reading.value))
    return max(found), ""


def level_after_prepare(record: Record, name: str) -> float | None:
    """A memory level in bytes once the job was built: what was there before any work."""
    prepare = phase(record, "prepare")
    reading = prepare.readings.get(name) if prepare else None
    return None if reading is None or reading.value is None else float(reading.value)


def verdict_text(verdict: Verdict) -> str:
    """A verdict with its group, where the group is the message: "INVALID outside_tolerance"."""
    if verdict.group in {Group.INVALID, Group.FAILED, Group.LOST}:
        return f"{verdict.group.value.upper()} {verdict.value}"
    return verdict.value


def spread(values: Sequence[float]) -> str:
    """One value if all print alike, else the range."""
    low, high = number(min(values)), number(max(values))
    return low if low == high else f"{low} to {high}"


def _ranks(
    table: Table, planned: PlannedWorkload, cells: Mapping[str, CellRow]
) -> tuple[dict[str, int], dict[str, str]]:
    """Rank = 1 + the number of cells known to be faster, so that what is not known to differ shares a rank."""
    baseline = table.run.baselines.get(planned.workload.name)
    times = {
        one.contestant: one
        for one in table.comparisons
        if one.workload == planned.workload.name and one.metric == "time"
    }
    reasons = {name: _unranked(cell, baseline, times.get(name)) for name, cell in cells.items()}
    fit = [name for name, reason in reasons.items() if not reason]
    if len(fit) < 2:  # noqa: PLR2004 - a rank needs somebody to be ranked against
        return {}, reasons | dict.fromkeys(fit, "nothing to rank it against")
    ranks = {
        name: 1 + sum(_faster(cells[other], cells[name], baseline, times) for other in fit if other != name)
        for name in fit
    }
    return ranks, reasons


def _unranked(cell: CellRow, baseline: str | None, time: Comparison | None) -> str:
    if cell.verdict is not Verdict.OK:
        return verdict_text(cell.verdict)
    if cell.estimates.get("time") is None:
        return cell.absent.get("time", "no interval")
    if cell.framework == baseline:
        return ""
    if time is None:
        return "not compared"
    if QUALITY_UNDECIDED in time.reasons:
        return QUALITY_UNDECIDED
    # An order is a ratio by another name: a pair without the one has not the other.
    return f"REFUSED against {baseline}" if time.outcome == "refused" else ""


def _faster(a: CellRow, b: CellRow, baseline: str | None, times: Mapping[str, Comparison]) -> bool:
    if baseline in {a.framework, b.framework}:
        compared = times[b.framework if a.framework == baseline else a.framework]
        if compared.outcome != "different" or compared.ratio is None:
            return False
        return compared.ratio[0] > 1 if a.framework == baseline else compared.ratio[0] < 1
    # Two contestants are compared with the baseline, not with each other: their own intervals must keep apart.
    first, second = a.estimates["time"], b.estimates["time"]
    return first is not None and second is not None and first.high < second.low


def _row(planned: PlannedWorkload, cell: CellRow, rank: int | None, shared: bool, unranked: str) -> Row:
    return Row(
        cell=cell,
        rank=rank,
        shared=shared,
        unranked=unranked,
        verdict=verdict_text(cell.verdict),
        time=_estimate(cell, "time"),
        throughput=_throughput(planned, cell),
        latency=_latency(cell),
        quality=_quality(cell, over_blocks=tasks.get(planned.workload.task).spread is not None),
        anonymous=_with_work(_estimate(cell, "memory"), cell, Name.ANONYMOUS),
        charged=_with_work(_charged(cell), cell, Name.CHARGED),
        cpu=_estimate(cell, "cpu"),
        cpus="" if cell.cpus_used is None else f"{cell.cpus_used:.2f}",
        cold=_cold(cell),
    )


def _estimate(cell: CellRow, metric: Metric) -> Figure:
    """The estimate with its interval; without one, the median of what was seen, said to be one."""
    estimate = cell.estimates.get(metric)
    if estimate is not None:
        shown = (size_span if metric == "memory" else duration_span)(estimate.point, estimate.low, estimate.high)
        return Figure(shown.value, shown.interval, estimate.point)
    seen = [found for record in cell.shown if (found := value(record, metric)[0]) is not None]
    reason = cell.absent.get(metric, "")
    if not seen:
        return Figure("none", reason or "not_measured", None)
    note = f"median of {count(len(seen))}, no interval"
    return Figure(amount(metric, median(seen)), note, median(seen))


def _throughput(planned: PlannedWorkload, cell: CellRow) -> Figure:
    found, why = throughput(planned, cell)
    if found is None:
        return Figure("none", why, None)
    shown = rate_span(found.point, found.low, found.high, found.unit)
    return Figure(shown.value, shown.interval, found.point)


def _latency(cell: CellRow) -> Figure:
    """p95, with its interval and p99 beside it."""
    (p95, why), (p99, _) = cell.percentiles["p95"], cell.percentiles["p99"]
    if p95 is None:
        return Figure("none", why, None)
    shown = duration_span(p95.point, p95.low, p95.high)
    return Figure(f"p95 {shown.value}", shown.interval + (f"; p99 {duration(p99.point)}" if p99 else ""), p95.point)


def _charged(cell: CellRow) -> Figure:
    found = [peak_charged(record) for record in cell.shown if record.turns]
    known = [number for number, _ in found if number is not None]
    if not known:
        return Figure("none", next((reason for _, reason in found if reason), "not_measured"), None)
    return Figure(amount("memory", median(known)), f"median of {count(len(known))}", median(known))


def _with_work(figure: Figure, cell: CellRow, level: str) -> Figure:
    """The figure with what the work itself needed: the peak less the level after prepare, median over the trials."""
    peak = peak_charged if level == Name.CHARGED else lambda record: value(record, "memory")
    both = [(peak(record)[0], level_after_prepare(record, level)) for record in cell.shown]
    work = [high - before for high, before in both if high is not None and before is not None]
    if not work:
        return figure
    return replace(figure, note=f"{figure.note}; {size(median(work))} above prepare")


def _quality(cell: CellRow, *, over_blocks: bool) -> Figure:
    judged = [record.quality for record in cell.shown if record.quality]
    if not judged:
        return Figure("none", "not scored", None)
    decides = judged[0].decides
    values = [found for quality in judged if (found := quality.metrics.get(decides)) is not None]
    if not values:
        return Figure("undefined", f"{decides}: {why_undefined(decides)}", None)
    if over_blocks:
        return Figure(
            number(fmean(values)), f"{decides}, mean of {count(len(values))}: {spread(values)}", fmean(values)
        )
    return Figure(spread(values), decides, median(values))


def _cold(cell: CellRow) -> Figure:
    found = [record.cold.ns_per_iteration for record in cell.shown if record.cold]
    if not found:
        return Figure("none", "not_measured", None)
    # One value per process: too few for an interval, so the median and the worst are shown.
    return Figure(duration(median(found)), f"max {duration(max(found))}", median(found))
