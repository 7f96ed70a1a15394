"""What a record is made of, gathered while the trial runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlfleet import charged, gates
from mlfleet.bench import Cell
from mlfleet.classify import Evidence, classify
from mlfleet.model import Calibration, Finding, Phase, Quality, Reading, Record, Sample, Trial, Turn
from mlfleet.payload import Receipt, read_outputs
from mlfleet.verdict import Flag


@dataclass
class Parts:
    """As far as the trial got."""

    phases: list[Phase] = field(default_factory=list)
    calibration: Calibration | None = None
    steady: bool | None = None
    cold: Sample | None = None
    warm_up: tuple[Sample, ...] = ()
    turns: list[Turn] = field(default_factory=list)
    # The latency turn, where one was taken.
    latency: list[Turn] = field(default_factory=list)
    receipt: Receipt = field(default_factory=dict)
    quality: Quality | None = None
    outputs_sha256: str | None = None
    recipe: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    labels: tuple[str, ...] = ()
    linear: tuple[Sample, ...] = ()
    linear_waited_ns: tuple[int | None, ...] = ()
    linear_cpu_ns: tuple[int, ...] = ()
    idle_cpu: Reading | None = None
    turn_outputs: list[str] = field(default_factory=list)
    log_tail: str = ""
    # Of a bug of our own.
    trace: str = ""

    def after(self, phase: str) -> Mapping[str, Reading]:
        """The edge that was read after a phase that is over."""
        return next(one.readings for one in self.phases if one.name == phase)

    def record(self, trial: Trial, image_id: str | None, evidence: Evidence) -> Record:
        """The finished record, with the verdict that the evidence gives."""
        verdict, reason = classify(evidence)
        return Record(
            trial=trial,
            verdict=verdict,
            reason=reason,
            phase=evidence.phase,
            findings=evidence.findings,
            image_id=image_id,
            identity=evidence.identity,
            clock=evidence.clock,
            prepared=evidence.prepared,
            calibration=self.calibration,
            steady=self.steady,
            phases=tuple(self.phases),
            cold=self.cold,
            warm_up=self.warm_up,
            turns=tuple(self.turns),
            latency=self.latency[0] if self.latency else None,
            receipt=self.receipt,
            quality=self.quality,
            outputs_sha256=self.outputs_sha256,
            recipe=self.recipe,
            log_tail=self.log_tail + self.trace,
            flags=(*self.flags, *evidence.disturbed),
            labels=self.labels,
            linear=self.linear,
            linear_waited_ns=self.linear_waited_ns,
            linear_cpu_ns=self.linear_cpu_ns,
            idle_cpu=self.idle_cpu,
            turn_outputs=tuple(self.turn_outputs),
        )


def judged(cell: Cell, parts: Parts, data: bytes) -> list[Finding]:
    """Score a trial's outputs, and hold its receipt and its times against what the task can be; gives what failed.

    Raises OutputsRefused where `data` is no file of outputs.
    """
    outputs, parts.receipt = read_outputs(data)
    task, case = cell.task, cell.case
    findings = list(task.check_receipt(case, parts.receipt))
    flaws = task.check_outputs(case, outputs)
    if not flaws:
        findings += task.check_work(case, outputs)
        parts.quality = task.score(case, outputs)
        findings += parts.quality.findings
    parts.labels = (
        *gates.labels(parts.turns, parts.steady, cell.environment.device),
        *gates.unjudged(parts.linear, parts.linear_waited_ns, parts.linear_cpu_ns),
        *charged.labels(parts.phases, cell.payload.size_bytes),
    )
    return [*flaws, *findings, *gates.beyond_light(parts.turns, cell.least_ns)]
