"""Gates that need the whole run: records whose own trial could not know are given their verdict where they are folded.

`too fast` is held against the control, whose blocks may come later, when the CPU's clock is another one: what the
control took is told at the clock that the sentinel found beside the judged turns. An audit may be made after the run.
What the ledger says stays as it is, and whoever folds it anew finds the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from mlfleet.audits import Audit
from mlfleet.gates import clock_ns, per_iteration_ns
from mlfleet.model import Finding, Record
from mlfleet.runfile import RunFile
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.verdict import Verdict

# An iteration takes at least so many times what one takes that does nothing (BackendBench, issue 108).
TOO_FAST_FACTOR = 1.4


@dataclass(frozen=True)
class _Control:
    """What an iteration that does nothing took in one trial, and the sentinel's hash beside it, both in ns."""

    iteration_ns: float
    clock_ns: float | None

    def at(self, clock_ns: float | None) -> float:
        """The iteration at another clock; as it was where either clock is not known."""
        return self.iteration_ns * clock_ns / self.clock_ns if clock_ns and self.clock_ns else self.iteration_ns


def judged(run: RunFile, records: Sequence[Record], audits: Sequence[Audit] = ()) -> list[Record]:
    """The records, those that are ok and fail a gate of the whole run with its verdict."""
    nothing = _controls(run, records)
    return [
        _with(record, [*_too_fast(run, record, nothing), *_audited(run, record, audits)])
        if record.verdict is Verdict.OK
        else record
        for record in records
    ]


def _controls(run: RunFile, records: Sequence[Record]) -> dict[str, list[_Control]]:
    """The trials that tell what nothing takes, by language: those that are ok; of none, the fastest disturbed one.

    A busy host makes an iteration longer, not shorter. Without any, a service that does nothing would pass on one.
    """
    found: dict[tuple[str, Verdict], list[_Control]] = {}
    for record in records:
        service = run.contestant(record.trial.framework).service
        if service.control and record.trial.workload == CONTROL.name and record.turns:
            control = _Control(per_iteration_ns(record.turns), clock_ns(record.turns))
            found.setdefault((service.language, record.verdict), []).append(control)
    disturbed = {
        language: [min(controls, key=lambda one: one.iteration_ns)]
        for (language, verdict), controls in found.items()
        if verdict is Verdict.DISTURBED
    }
    return disturbed | {language: controls for (language, verdict), controls in found.items() if verdict is Verdict.OK}


def _too_fast(run: RunFile, record: Record, nothing: Mapping[str, Sequence[_Control]]) -> list[Finding]:
    service = run.contestant(record.trial.framework).service
    planned = run.planned(record.trial.workload)
    controls = nothing.get(service.language)
    if service.control or planned.trivial or controls is None or not record.turns:
        return []
    clock = clock_ns(record.turns)
    control = median(one.at(clock) for one in controls)
    if (found := per_iteration_ns(record.turns)) >= TOO_FAST_FACTOR * control:
        return []
    text = f"an iteration took {found:.4g} ns, one that does nothing takes {control:.4g} ns in {service.language}"
    return [Finding("work", Verdict.SHORT_WORK.value, text)]


def _audited(run: RunFile, record: Record, audits: Sequence[Audit]) -> list[Finding]:
    image = run.contestant(record.trial.framework).image_id
    task = run.planned(record.trial.workload).workload.task
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
