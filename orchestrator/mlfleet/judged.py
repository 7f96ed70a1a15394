"""Gates that need the whole run: records whose own trial could not know are given their verdict where they are folded.

`too fast` is held against the control, whose blocks may come later; an audit may be made after the run. What the ledger
says stays as it is, and whoever folds it anew finds the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from mlfleet.audits import Audit
from mlfleet.gates import per_iteration_ns
from mlfleet.model import Finding, Record
from mlfleet.runfile import RunFile
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.verdict import Verdict

# An iteration takes at least so many times what one takes that does nothing (BackendBench, issue 108).
TOO_FAST_FACTOR = 1.4


def judged(run: RunFile, records: Sequence[Record], audits: Sequence[Audit] = ()) -> list[Record]:
    """The records, those that are ok and fail a gate of the whole run with its verdict."""
    nothing = _controls(run, records)
    return [
        _with(record, [*_too_fast(run, record, nothing), *_audited(run, record, audits)])
        if record.verdict is Verdict.OK
        else record
        for record in records
    ]


def _controls(run: RunFile, records: Sequence[Record]) -> dict[str, float]:
    """What an iteration of the control takes, by language."""
    found: dict[str, list[float]] = {}
    for record in records:
        service = run.contestant(record.trial.framework).service
        if service.control and record.trial.workload == CONTROL.name and record.verdict is Verdict.OK and record.turns:
            found.setdefault(service.language, []).append(per_iteration_ns(record.turns))
    return {language: median(values) for language, values in found.items()}


def _too_fast(run: RunFile, record: Record, nothing: dict[str, float]) -> list[Finding]:
    service = run.contestant(record.trial.framework).service
    planned = next(planned for planned in run.workloads if planned.workload.name == record.trial.workload)
    control = nothing.get(service.language)
    if service.control or planned.trivial or control is None or not record.turns:
        return []
    if (found := per_iteration_ns(record.turns)) >= TOO_FAST_FACTOR * control:
        return []
    text = f"an iteration took {found:.4g} ns, one that does nothing takes {control:.4g} ns in {service.language}"
    return [Finding("work", Verdict.SHORT_WORK.value, text)]


def _audited(run: RunFile, record: Record, audits: Sequence[Audit]) -> list[Finding]:
    image = run.contestant(record.trial.framework).image_id
    task = next(planned.workload.task for planned in run.workloads if planned.workload.name == record.trial.workload)
    return [
        Finding("work", failure.code, f"audit {audit.audit} of {audit.workload}, {failure.gate}: {failure.detail}")
        for audit in audits
        if (audit.image_id, audit.task) == (image, task)
        for failure in audit.failures
    ]


def _with(record: Record, findings: Sequence[Finding]) -> Record:
    if not findings:
        return record
    return replace(
        record,
        verdict=Verdict(findings[0].code),
        reason=findings[0].detail,
        findings=(*record.findings, *findings),
    )
