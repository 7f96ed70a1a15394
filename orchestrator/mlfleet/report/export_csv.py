"""The trials for programs: one CSV row each. Numbers are exact, absent ones empty."""

import csv
import io
from collections.abc import Callable, Mapping

from mlfleet.codec import canonical
from mlfleet.model import Param, Record
from mlfleet.names import Name
from mlfleet.report.lifecycle_read import idle_anonymous, idle_charged
from mlfleet.report.rows import level_after_prepare, peak_charged
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.table import Table
from mlfleet.values import value

Field = bool | int | float | str | None
# A spreadsheet takes a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

# Every column, with how it is filled; results/README.md says what each means.
COLUMNS: dict[str, Callable[[RunFile, PlannedWorkload, Record], Field]] = {
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
    "idle_anonymous_bytes": lambda _, __, record: idle_anonymous(record)[0],
    "idle_anonymous_absent": lambda _, __, record: idle_anonymous(record)[1],
    "idle_charged_bytes": lambda _, __, record: idle_charged(record)[0],
    "idle_charged_absent": lambda _, __, record: idle_charged(record)[1],
    "prepared_anonymous_bytes": lambda _, __, record: level_after_prepare(record, Name.ANONYMOUS),
    "prepared_charged_bytes": lambda _, __, record: level_after_prepare(record, Name.CHARGED),
    "cold_ns": lambda _, __, record: record.cold.ns_per_iteration if record.cold else None,
    "launch_ns": lambda _, __, record: _phase(record, "launch"),
    "import_ns": lambda _, __, record: _phase(record, "import"),
    "prepare_ns": lambda _, __, record: _phase(record, "prepare"),
    "warm_up_ns": lambda _, __, record: _phase(record, "warm-up"),
    "steady": lambda _, __, record: record.steady,
    "iterations_per_sample": lambda _, __, record: record.calibration.iterations if record.calibration else None,
    "turns": lambda _, __, record: len(record.turns),
    "flagged_turns": lambda _, __, record: sum(bool(turn.flags) for turn in record.turns),
    "turn_flags": lambda _, __, record: " ".join(dict.fromkeys(flag for turn in record.turns for flag in turn.flags)),
    "labels": lambda _, __, record: "; ".join(record.labels),
    "clock": lambda _, __, record: record.clock,
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


def _field(found: Field) -> Field:
    if isinstance(found, bool):
        return str(found).lower()
    return f"'{found}" if isinstance(found, str) and found.startswith(_FORMULA) else found


def _json(values: Mapping[str, Param] | Mapping[str, float | None] | Mapping[str, float]) -> str:
    return canonical(dict(values)).decode()


def _deciding(record: Record) -> float | None:
    return record.quality.metrics.get(record.quality.decides) if record.quality else None


def _phase(record: Record, name: str) -> int | None:
    return next((phase.end_ns - phase.start_ns for phase in record.phases if phase.name == name), None)
