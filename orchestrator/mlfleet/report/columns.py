"""What programs are told of a trial, column by column: what all trials of a cell share, and what is a trial's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlfleet.cells import CellRow
from mlfleet.codec import canonical
from mlfleet.model import Param, Record
from mlfleet.names import Name
from mlfleet.report.lifecycle_read import idle_anonymous, idle_charged
from mlfleet.report.rows import level_after_prepare, peak_charged
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.table import Table
from mlfleet.values import phase, units, value

Field = bool | int | float | str | None


@dataclass(frozen=True)
class OfCell:
    """A column that follows from the run, the workload and the framework: found once for all trials of a cell."""

    fill: Callable[[RunFile, PlannedWorkload, str], Field]


@dataclass(frozen=True)
class OfWork:
    """A column that follows from the workload and the record."""

    fill: Callable[[PlannedWorkload, Record], Field]


@dataclass(frozen=True)
class OfTrial:
    """A column that follows from the record."""

    fill: Callable[[Record], Field]


def _json(values: Mapping[str, Param] | Mapping[str, float | None] | Mapping[str, float]) -> str:
    return canonical(dict(values)).decode()


def _deciding(record: Record) -> float | None:
    return record.quality.metrics.get(record.quality.decides) if record.quality else None


def _phase(record: Record, name: str) -> int | None:
    found = phase(record, name)
    return found.end_ns - found.start_ns if found else None


# Every column, with how it is filled; results/README.md says what each means.
COLUMNS: Mapping[str, OfCell | OfWork | OfTrial] = {
    "run": OfCell(lambda run, _, __: run.run),
    "suite": OfCell(lambda run, _, __: run.suite),
    "workload": OfCell(lambda _, planned, __: planned.workload.name),
    "task": OfCell(lambda _, planned, __: planned.workload.task),
    "dataset": OfCell(lambda _, planned, __: planned.workload.dataset),
    "dataset_label": OfCell(lambda _, planned, __: planned.dataset_label),
    "params": OfCell(lambda _, planned, __: _json(planned.params)),
    "setting": OfCell(lambda run, _, __: run.setting),
    "runtime": OfCell(lambda run, _, __: run.environment.runtime),
    "framework": OfCell(lambda _, __, framework: framework),
    "language": OfCell(lambda run, _, framework: run.contestant(framework).service.language),
    "version": OfTrial(lambda record: record.identity.version if record.identity else None),
    "image": OfCell(lambda run, _, framework: run.contestant(framework).service.image),
    "image_id": OfTrial(lambda record: record.image_id),
    "cell": OfTrial(lambda record: record.trial.cell),
    "block": OfTrial(lambda record: record.trial.block),
    "attempt": OfTrial(lambda record: record.trial.attempt),
    "verdict": OfTrial(lambda record: record.verdict.value),
    "group": OfTrial(lambda record: record.verdict.group.value),
    "phase": OfTrial(lambda record: record.phase),
    "reason": OfTrial(lambda record: record.reason),
    "findings": OfTrial(lambda record: "; ".join(f"{one.gate} {one.code}: {one.detail}" for one in record.findings)),
    "flags": OfTrial(lambda record: " ".join(record.flags)),
    "time_ns": OfTrial(lambda record: value(record, "time")[0]),
    "time_absent": OfTrial(lambda record: value(record, "time")[1]),
    "cpu_ns": OfTrial(lambda record: value(record, "cpu")[0]),
    "cpu_absent": OfTrial(lambda record: value(record, "cpu")[1]),
    "peak_anonymous_bytes": OfTrial(lambda record: value(record, "memory")[0]),
    "peak_anonymous_absent": OfTrial(lambda record: value(record, "memory")[1]),
    "peak_charged_bytes": OfTrial(lambda record: peak_charged(record)[0]),
    "peak_charged_absent": OfTrial(lambda record: peak_charged(record)[1]),
    "idle_anonymous_bytes": OfTrial(lambda record: idle_anonymous(record)[0]),
    "idle_anonymous_absent": OfTrial(lambda record: idle_anonymous(record)[1]),
    "idle_charged_bytes": OfTrial(lambda record: idle_charged(record)[0]),
    "idle_charged_absent": OfTrial(lambda record: idle_charged(record)[1]),
    "prepared_anonymous_bytes": OfTrial(lambda record: level_after_prepare(record, Name.ANONYMOUS)),
    "prepared_charged_bytes": OfTrial(lambda record: level_after_prepare(record, Name.CHARGED)),
    "cold_ns": OfTrial(lambda record: record.cold.ns_per_iteration if record.cold else None),
    "launch_ns": OfTrial(lambda record: _phase(record, "launch")),
    "import_ns": OfTrial(lambda record: _phase(record, "import")),
    "prepare_ns": OfTrial(lambda record: _phase(record, "prepare")),
    "warm_up_ns": OfTrial(lambda record: _phase(record, "warm-up")),
    "steady": OfTrial(lambda record: record.steady),
    "iterations_per_sample": OfTrial(lambda record: record.calibration.iterations if record.calibration else None),
    "turns": OfTrial(lambda record: len(record.turns)),
    "flagged_turns": OfTrial(lambda record: sum(bool(turn.flags) for turn in record.turns)),
    "turn_flags": OfTrial(lambda record: " ".join(dict.fromkeys(flag for turn in record.turns for flag in turn.flags))),
    "labels": OfTrial(lambda record: "; ".join(record.labels)),
    "clock": OfTrial(lambda record: record.clock),
    "timed_samples": OfTrial(lambda record: sum(len(turn.timed) for turn in record.turns)),
    "unit": OfCell(lambda _, planned, __: planned.unit),
    "units": OfWork(lambda planned, record: units(record, planned.unit_key)),
    "quality_metric": OfTrial(lambda record: record.quality.decides if record.quality else None),
    "quality_value": OfTrial(_deciding),
    "quality": OfTrial(lambda record: _json(record.quality.metrics) if record.quality else None),
    "agreement": OfTrial(lambda record: _json(record.quality.agreement) if record.quality else None),
    "receipt": OfTrial(lambda record: _json(record.receipt)),
    "payload_sha256": OfCell(lambda _, planned, __: planned.payload_sha256),
    "outputs_sha256": OfTrial(lambda record: record.outputs_sha256),
}


def column(name: str, table: Table, cell: CellRow) -> Sequence[Field]:
    """A column of all trials of a cell, in their order."""
    of = COLUMNS[name]
    if isinstance(of, OfTrial):
        return [of.fill(record) for record in cell.records]
    planned = table.run.planned(cell.workload)
    if isinstance(of, OfWork):
        return [of.fill(planned, record) for record in cell.records]
    return [of.fill(table.run, planned, cell.framework)] * len(cell.records)
