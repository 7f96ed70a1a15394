"""The report for programs: one JSON object a run. Numbers are exact, absent ones null."""

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median

from mlfleet.advice import advice
from mlfleet.cells import CellRow
from mlfleet.compare import Comparison
from mlfleet.model import Metric
from mlfleet.report.compared import compared
from mlfleet.report.lifecycle_read import idle_anonymous, idle_charged
from mlfleet.report.machine import labels
from mlfleet.report.notes import sides
from mlfleet.report.sentences import edges
from mlfleet.report.throughput import throughput
from mlfleet.report.undefined import why_undefined
from mlfleet.runfile import Contestant, PlannedWorkload, RunFile
from mlfleet.stats import ALPHA, Estimate
from mlfleet.summary import Summary, summaries
from mlfleet.table import Table

Json = bool | int | float | str | None | list["Json"] | dict[str, "Json"]
UNITS: Mapping[Metric, str] = {"time": "ns", "cpu": "ns", "memory": "bytes"}


def report_json(table: Table) -> dict[str, Json]:
    """The run, its cells and comparisons as plain values: null where there is none, reasons as codes."""
    return {
        "run": table.run.run,
        "contestants": [_contestant(table, one) for one in table.run.contestants],
        "cells": [_cell(table.run.planned(cell.workload), cell) for cell in table.cells],
        "comparisons": [_comparison(one) | {"compares": _compares(table, one)} for one in table.comparisons],
        "stops": [{"workload": one.workload, "reason": one.reason, "blocks": one.blocks} for one in table.stops],
        "multiplicity": {
            "alpha": ALPHA,
            "comparisons": table.levels.comparisons,
            "families": table.levels.families,
            "selected": table.levels.selected,
        },
        "resolution": _resolution(table.run),
        "summaries": [_summary(one) for one in summaries(table)],
        "advice": [
            {
                "workload": one.workload,
                "turns": one.turns,
                "reason": one.reason or None,
                "used": one.used,
                "sd_between_turns": one.between_turns,
                "sd_between_trials": one.between_trials,
                "trial_s": one.trial_s,
                "turn_s": one.turn_s,
            }
            for one in advice(table)
        ],
    }


def _contestant(table: Table, one: Contestant) -> dict[str, Json]:
    """What it takes up before any work."""
    key, own = one.service.key, one.own_size
    records = [record for cell in table.cells if cell.framework == key for record in cell.shown]
    read = {
        "anonymous": [idle_anonymous(record) for record in records],
        "charged": [idle_charged(record) for record in records],
    }
    levels = {name: _spread([value for value, _ in found if value is not None]) for name, found in read.items()}
    return {
        "framework": key,
        "image": one.service.image,
        "size_bytes": one.size_bytes,
        "own_bytes": own.value if own else None,
        "own_absent": own.reason if own else "not_recorded",
        "idle": levels,
        "idle_absent": {
            name: next((why for _, why in read[name]), "no_trial") for name, found in levels.items() if found is None
        },
    }


def _cell(planned: PlannedWorkload, cell: CellRow) -> dict[str, Json]:
    rate, why = throughput(planned, cell)
    return {
        "workload": cell.workload,
        "framework": cell.framework,
        "image": cell.image,
        "setting": cell.setting,
        "verdict": cell.verdict.value,
        "reasons": list(dict.fromkeys(refusal.code for refusal in cell.reasons)),
        "estimates": {metric: _estimate(metric, found) for metric, found in cell.estimates.items()},
        "absent": {str(metric): why for metric, why in cell.absent.items()},
        "percentiles": {name: _estimate("time", found) for name, (found, _) in cell.percentiles.items()},
        "percentiles_absent": {name: why for name, (_, why) in cell.percentiles.items() if why},
        "throughput": None if rate is None else dict(asdict(rate)),
        "throughput_absent": why or None,
        "cpus_used": cell.cpus_used,
        "version": cell.version,
        "trials": cell.trials,
        "verdicts": {verdict.value: number for verdict, number in cell.verdicts.items()},
        "labels": dict(labels(cell)),
        "turns": cell.turns,
        "flagged": {
            "turns": cell.flagged_turns,
            "share": cell.flagged_turns / cell.turns if cell.turns else None,
            "flags": {str(flag): number / cell.turns for flag, number in cell.flagged.items()},
        },
        "quality": _quality(cell),
    }


def _resolution(run: RunFile) -> Json:
    if run.resolution is None:
        return None
    return {
        "validation": run.resolution.validation,
        "created": run.resolution.created,
        "limits": [dict(asdict(limit)) for limit in run.resolution.limits],
    }


def _summary(one: Summary) -> Json:
    return {
        "metric": one.metric,
        "setting": one.setting,
        "baseline": one.baseline,
        "frameworks": list(one.frameworks),
        "workloads": dict(one.standing),
        "reason": one.reason or None,
        "means": [
            {"framework": mean.framework, "ratio": mean.ratio, "low": mean.low, "high": mean.high} for mean in one.means
        ],
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
    metrics = _spreads([one.metrics for one in judged])
    absent: dict[str, Json] = {name: why_undefined(name) for name, found in metrics.items() if found is None}
    return {
        "decides": judged[0].decides,
        "metrics": metrics,
        "absent": absent,
        "agreement": _spreads([one.agreement for one in judged]),
    }


def _spreads(maps: list[Mapping[str, float | None]] | list[Mapping[str, float]]) -> dict[str, Json]:
    """Median, lowest and highest over the trials; null where no trial has a value."""
    found: dict[str, Json] = {}
    for name in dict.fromkeys(name for one in maps for name in one):
        found[name] = _spread([known for one in maps if (known := one.get(name)) is not None])
    return found


def _spread(values: list[float]) -> Json:
    return {"median": median(values), "low": min(values), "high": max(values)} if values else None


def _compares(table: Table, one: Comparison) -> Json:
    planned = table.run.planned(one.workload)
    both = sides(table, planned, one.contestant, one.baseline)
    return compared(*both) if both else None


def _comparison(one: Comparison) -> dict[str, Json]:
    estimate = None if one.outcome == "refused" else one.estimate
    low, point, high = edges(one, estimate) if estimate else (None, None, None)
    # An interval too wide to name a winner has no point.
    known = None if one.outcome == "inconclusive" else point
    ratio = [None, None, None] if one.absolute else [known, low, high]
    second = edges(one, one.second) if one.second else (None, None, None)
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
        "half_width": (estimate.high - estimate.low) / 2 if estimate else None,
        "blocks": one.blocks,
        "reasons": list(one.reasons),
        "marks": list(one.marks),
        "p": estimate.p if estimate else None,
        "tested_level": one.tested,
        "unflagged": {
            "low": second[0],
            "point": None if known is None else second[1],
            "high": second[2],
            "blocks": one.second_blocks,
        }
        if estimate
        else None,
        "resolution": one.resolution,
        "difference": {"point": known, "low": low, "high": high, "unit": UNITS[one.metric]}
        if one.absolute and estimate
        else None,
        "values": {"baseline": one.values[0], "contestant": one.values[1], "unit": UNITS[one.metric]},
    }
