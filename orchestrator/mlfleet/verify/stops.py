"""Where each workload stopped, a second time: at a look on precision, on its budget, or because nothing was left.

A run that was stopped when it looked best would have the right numbers and the wrong error rate.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mlfleet.verify import estimates
from mlfleet.verify.chain import LEDGER, Line
from mlfleet.verify.findings import Findings
from mlfleet.verify.numbers import value
from mlfleet.verify.view import Run, Trial, Workload

_KIND = "stops"
LOOKS = (10, 15, 20, 30, 40)
PRECISION = 0.02
PRECISION_OF_EFFECT = 0.05
_SHUTTING = ("not_run", "failed", "invalid")


@dataclass(frozen=True)
class _Course:
    """A workload's blocks in the order in which they were closed, and the trials that count."""

    work: Workload
    baseline: str | None
    blocks: Sequence[Line]
    trials: Sequence[Trial]
    budget_s: float
    # Contestants that a gate between the two refused in the end: when it began to is not asked here.
    refused: Collection[str]

    def reason(self, closed: int) -> str | None:
        """Why the workload is not measured on after so many blocks; None: it is."""
        done = [line.body["block"].integer() for line in self.blocks[:closed]]
        spent = sum(line.body["spent_ns"].integer() for line in self.blocks[:closed]) / 1e9
        over = "budget" if spent >= self.budget_s else None
        if self.work.control or self.baseline is None or len(self.work.cells) == 1:
            return over
        trials = [trial for trial in self.trials if trial.block in done]
        pairs = self._pairs(trials)
        if not pairs:
            return "none_left"
        now = min(len(found) for found in pairs.values())
        before = min(len(found) - (done[-1] in found) for found in pairs.values())
        if now in LOOKS and now > before:
            judged = [list(found.values()) for key, found in pairs.items() if key not in self.refused]
            if all(_precise(found) for found in judged):
                return "precision" if judged else "none_left"
        return over

    def _pairs(self, trials: Sequence[Trial]) -> dict[str, dict[int, float]]:
        """Logarithms of ratios of times by contestant and block, where both cells are open."""
        shut = {
            trial.framework
            for trial in trials
            if trial.group in _SHUTTING or (trial.group == "lost" and trial.verdict != "disturbed")
        }
        times: dict[str, dict[int, float]] = {}
        for trial in trials:
            found = value(trial, "time")[0]
            if trial.verdict == "ok" and found:
                times.setdefault(trial.framework, {})[trial.block] = math.log(found)
        base = times.get(self.baseline or "", {})
        return {
            key: {block: time - base[block] for block, time in times.get(key, {}).items() if block in base}
            for key in self.work.cells
            if key != self.baseline and not shut & {key, self.baseline}
        }


def check_stops(
    run: Run, lines: Sequence[Line], counted: Sequence[Trial], refused: Collection[tuple[str, str]], findings: Findings
) -> None:
    """Every stop, and every block after which there was none. `refused`: workload and contestant of refused pairs."""
    looks = run.body.get("looks")
    stops = [line for line in lines if line.kind == "stop"]
    if looks is None or not looks.items():
        for line in stops:
            findings.differs(LEDGER, line.number, "stop", line.body["reason"].text(), "none: blocks are fixed")
        return
    findings.held("run.json", None, "looks", [one.integer() for one in looks.items()], list(LOOKS), kind=_KIND)
    last = lines[-1] if lines else None
    done = last is not None and last.kind == "close" and last.body["reason"].text() == "done"
    for work in (work for work in run.workloads if work.cells):
        mine = [line for line in stops if line.body["workload"].text() == work.name]
        course = _Course(
            work,
            run.baselines.get(work.name),
            [line for line in lines if line.kind == "block" and line.body["workload"].text() == work.name],
            [trial for trial in counted if trial.workload == work.name],
            run.body["budget_s"].number(),
            {key for name, key in refused if name == work.name},
        )
        if len(mine) > 1 or (done and not mine):
            findings.differs(LEDGER, None, f"stops of {work.name}", len(mine), 1)
        _replay(run, course, mine[0] if mine else None, findings)


def _replay(run: Run, course: _Course, stop: Line | None, findings: Findings) -> None:
    closed = len(course.blocks)
    for number in range(1, closed if stop else closed + 1):
        found = course.reason(number)
        # One that a refused pair may have kept from stopping is not known to have gone on wrongly.
        holds = found is None or (bool(course.refused) and found != "budget") or number == closed
        what, awaited = f"{course.work.name} after block {number}", f"a stop: {found}"
        findings.rule(LEDGER, course.blocks[number - 1].number, what, "went on", awaited, holds=holds, kind=_KIND)
    if stop is None:
        return
    said, name = stop.body["reason"].text(), course.work.name
    findings.held(LEDGER, stop.number, f"blocks of {name}", stop.body["blocks"].integer(), closed, kind=_KIND)
    late = [line.number for line in course.blocks if line.number > stop.number]
    findings.rule(LEDGER, stop.number, name, f"blocks after it: {late}", "none", holds=not late, kind=_KIND)
    # An audit may have refused a pair since.
    reasons = [one.reason(closed) or "max_blocks" for one in (course, replace(course, refused=()))] if closed else []
    text = " or ".join(dict.fromkeys(reasons)) or "none: no block was closed"
    findings.rule(LEDGER, stop.number, f"stop of {name}", said, text, holds=said in reasons, kind=_KIND)
    if said == "max_blocks":
        planned = sum(one["workload"].text() == name for one in run.body["plan"].items())
        text = f"at least the {planned} that were planned"
        findings.rule(LEDGER, stop.number, f"blocks of {name}", closed, text, holds=closed >= planned, kind=_KIND)


def _precise(differences: Sequence[float]) -> bool:
    found = estimates.trimmed(differences)
    return math.exp(found.high - found.point) - 1 <= max(PRECISION, PRECISION_OF_EFFECT * abs(found.point))
