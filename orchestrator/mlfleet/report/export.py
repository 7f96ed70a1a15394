"""The report for programs: one CSV row a trial, one JSON object a run. Numbers are exact, absent ones null or empty."""

import csv
import io
from collections.abc import Callable, Mapping
from statistics import median

from mlfleet.cells import CellRow
from mlfleet.codec import canonical
from mlfleet.compare import Comparison
from mlfleet.model import Metric, Param, Record
from mlfleet.report.compared import compared
from mlfleet.report.notes import sides
from mlfleet.report.rows import ANONYMOUS, CHARGED, level_after_prepare, peak_charged
from mlfleet.report.sentences import edges
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.stats import Estimate
from mlfleet.table import Table
from mlfleet.values import value

Json = bool | int | float | str | None | list["Json"] | dict[str, "Json"]
UNITS: Mapping[Metric, str] = {"time": "ns", "cpu": "ns", "memory": "bytes"}
# A spreadsheet takes a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

# Every column, with how it is filled; results/README.md says what each means.
COLUMNS: dict[str, Callable[[RunFile, PlannedWorkload, Record], Json]] = {
    "run": lambda run, _, __: run.run,
    "suite": lambda run, _, __: run.suite,
    "workload": lambda _, planned, __: planned.workload.name,
    "task": lambda _, planned, __: planned.workload.task,
    "dataset": lambda _, planned, __: planned.workload.dataset,
    "dataset_label": lambda _, planned, __: planned.dataset_label,
    "params": lambda _, planned, __: _json(planned.params),
    "setting": lambda run, _, __: run.setting,
    "runtime": lambda run, _, __: run.environment.runtime,
    "framework": lambda _, __, record: record.trial.framework,
    "language": lambda run, _, record: run.contestant(record.trial.framework).service.language,
    "version": lambda _, __, record: record.identity.version if record.identity else None,
    "image": lambda run, _, record: run.contestant(record.trial.framework).service.image,
    "image_id": lambda _, __, record: record.image_id,
    "cell": lambda _, __, record: record.trial.cell,
    "block": lambda _, __, record: record.trial.block,
    "attempt": lambda _, __, record: record.trial.attempt,
    "verdict": lambda _, __, record: record.verdict.value,
    "group": lambda _, __, record: record.verdict.group.value,
    "phase": lambda _, __, record: record.phase,
    "reason": lambda _, __, record: record.reason,
    "findings": lambda _, __, record: "; ".join(f"{one.gate} {one.code}: {one.detail}" for one in record.findings),
    "flags": lambda _, __, record: " ".join(record.flags),
    "time_ns": lambda _, __, record: value(record, "time")[0],
    "time_absent": lambda _, __, record: value(record, "time")[1],
    "cpu_ns": lambda _, __, record: value(record, "cpu")[0],
    "cpu_absent": lambda _, __, record: value(record, "cpu")[1],
    "peak_anonymous_bytes": lambda _, __, record: value(record, "memory")[0],
    "peak_anonymous_absent": lambda _, __, record: value(record, "memory")[1],
    "peak_charged_bytes": lambda _, __, record: peak_charged(record)[0],
    "peak_charged_absent": lambda _, __, record: peak_charged(record)[1],
    "prepared_anonymous_bytes": lambda _, __, record: level_after_prepare(record, ANONYMOUS),
    "prepared_charged_bytes": lambda _, __, record: level_after_prepare(record, CHARGED),
    "cold_ns": lambda _, __, record: record.cold.ns_per_iteration if record.cold else None,
    "launch_ns": lambda _, __, record: _phase(record, "launch"),
    "import_ns": lambda _, __, record: _phase(record, "import"),
    "prepare_ns": lambda _, __, record: _phase(record, "prepare"),
    "warm_up_ns": lambda _, __, record: _phase(record, "warm-up"),
    "steady": lambda _, __, record: record.steady,
    "iterations_per_sample": lambda _, __, record: record.calibration.iterations if record.calibration else None,
    "turns": lambda _, __, record: len(record.turns),
    "timed_samples": lambda _, __, record: sum(len(turn.timed) for turn in record.turns),
    "quality_metric": lambda _, __, record: record.quality.decides if record.quality else None,
    "quality_value": lambda _, __, record: _deciding(record),
    "quality": lambda _, __, record: _json(record.quality.metrics) if record.quality else None,
    "agreement": lambda _, __, record: _json(record.quality.agreement) if record.quality else None,
    "receipt": lambda _, __, record: _json(record.receipt),
    "payload_sha256": lambda _, planned, __: planned.payload_sha256,
    "outputs_sha256": lambda _, __, record: record.outputs_sha256,
}


def report_csv(table: Table) -> str:
    """One row per trial as RFC 4180; text that a spreadsheet would run gets an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    workloads = {planned.workload.name: planned for planned in table.run.workloads}
    for cell in table.cells:
        for record in cell.records:
            found = (fill(table.run, workloads[cell.workload], record) for fill in COLUMNS.values())
            writer.writerow([_field(one) for one in found])
    return out.getvalue()


def report_json(table: Table) -> dict[str, Json]:
    """The run, its cells and comparisons as plain values: null where there is none, reasons as codes."""
    return {
        "run": table.run.run,
        "cells": [_cell(cell) for cell in table.cells],
        "comparisons": [_comparison(one) | {"compares": _compares(table, one)} for one in table.comparisons],
    }


def _field(found: Json) -> Json:
    if isinstance(found, bool):
        return str(found).lower()
    return f"'{found}" if isinstance(found, str) and found.startswith(_FORMULA) else found


def _json(values: Mapping[str, Param] | Mapping[str, float | None] | Mapping[str, float]) -> str:
    return canonical(dict(values)).decode()


def _deciding(record: Record) -> float | None:
    return record.quality.metrics.get(record.quality.decides) if record.quality else None


def _phase(record: Record, name: str) -> int | None:
    return next((phase.end_ns - phase.start_ns for phase in record.phases if phase.name == name), None)


def _cell(cell: CellRow) -> dict[str, Json]:
    return {
        "workload": cell.workload,
        "framework": cell.framework,
        "image": cell.image,
        "setting": cell.setting,
        "verdict": cell.verdict.value,
        "reasons": list(dict.fromkeys(refusal.code for refusal in cell.reasons)),
        "estimates": {metric: _estimate(metric, found) for metric, found in cell.estimates.items()},
        "absent": {str(metric): why for metric, why in cell.absent.items()},
        "version": cell.version,
        "trials": cell.trials,
        "quality": _quality(cell),
    }


def _estimate(metric: Metric, found: Estimate | None) -> Json:
    if found is None:
        return None
    return {
        "point": found.point,
        "low": found.low,
        "high": found.high,
        "level": found.level,
        "blocks": found.blocks,
        "unit": UNITS[metric],
    }


def _quality(cell: CellRow) -> Json:
    judged = [record.quality for record in cell.records if record.quality]
    if not judged:
        return None
    return {
        "decides": judged[0].decides,
        "metrics": _spreads([one.metrics for one in judged]),
        "agreement": _spreads([one.agreement for one in judged]),
    }


def _spreads(maps: list[Mapping[str, float | None]] | list[Mapping[str, float]]) -> dict[str, Json]:
    """Median, lowest and highest over the trials; null where no trial has a value."""
    found: dict[str, Json] = {}
    for name in dict.fromkeys(name for one in maps for name in one):
        values = [known for one in maps if (known := one.get(name)) is not None]
        found[name] = {"median": median(values), "low": min(values), "high": max(values)} if values else None
    return found


def _compares(table: Table, one: Comparison) -> Json:
    planned = next(planned for planned in table.run.workloads if planned.workload.name == one.workload)
    both = sides(table, planned, one.contestant, one.baseline)
    return compared(*both) if both else None


def _comparison(one: Comparison) -> dict[str, Json]:
    estimate = None if one.outcome == "refused" else one.estimate
    low, point, high = edges(one, estimate) if estimate else (None, None, None)
    # An interval too wide to name a winner has no point.
    known = None if one.outcome == "inconclusive" else point
    ratio = [None, None, None] if one.absolute else [known, low, high]
    return {
        "workload": one.workload,
        "setting": one.setting,
        "metric": one.metric,
        "baseline": one.baseline,
        "contestant": one.contestant,
        "outcome": one.outcome,
        "ratio": ratio[0],
        "low": ratio[1],
        "high": ratio[2],
        "level": estimate.level if estimate else None,
        "blocks": one.blocks,
        "reasons": list(one.reasons),
        "difference": {"point": known, "low": low, "high": high, "unit": UNITS[one.metric]}
        if one.absolute and estimate
        else None,
        "values": {"baseline": one.values[0], "contestant": one.values[1], "unit": UNITS[one.metric]},
    }
