"""Quality of a run's trials, scored again from the outputs that it kept.

What a metric is has one definition, the task's. What this adds is that a record says of its outputs what they are: the
payload is made again, and every figure of quality with it.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlfleet import datasets, payload, tasks
from mlfleet.errors import MlfleetError
from mlfleet.ledger_lines import BLOBS, LEDGER, read_records
from mlfleet.model import Quality, Record
from mlfleet.runfile import PlannedWorkload, read_run
from mlfleet.tasks import Case, Task
from mlfleet.verify.findings import Findings
from mlfleet.verify.whole import Progress

_KIND = "figures of quality scored again"
# Another machine's arithmetic may differ so much from the one that wrote the run: references are sums of many terms.
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


def check_quality(folder: Path, findings: Findings, progress: Progress) -> None:
    """Hold each record's quality against its outputs. Data that are not here, or are no longer those, give a note."""
    try:
        run, records = read_run(folder), read_records(folder, closed_only=False)
    except MlfleetError:
        # Said by whoever checked the files.
        return
    for planned in run.workloads:
        mine = [one for one in records if one.trial.workload == planned.workload.name and one.quality is not None]
        if not mine:
            continue
        progress(f"quality of {planned.workload.name}")
        try:
            task, case = _case(planned, run.seed)
        except MlfleetError as error:
            findings.note(f"{planned.workload.name}: quality of {len(mine)} trials was not scored again: {error}")
            continue
        for record in mine:
            for what, found, awaited in _differing(folder, record, task, case, findings):
                place = f"{record.trial.framework}, block {record.trial.block}, {record.trial.workload}"
                findings.differs(LEDGER, None, f"quality.{what} of {place}", found, awaited)


def _case(planned: PlannedWorkload, seed: int) -> tuple[Task, Case]:
    """The workload as it was planned. Raises MlfleetError where its data are not here, or others than were sent."""
    task = tasks.get(planned.workload.task)
    case = task.case(datasets.load(planned.workload.dataset), planned.workload.params, seed)
    if payload.tensors_sha256(case.inputs) != planned.tensors_sha256:
        raise MlfleetError("its payload is not the one that this version of mlfleet makes")
    return task, case


def _differing(
    folder: Path, record: Record, task: Task, case: Case, findings: Findings
) -> Iterator[tuple[str, float | str | None, float | str | None]]:
    """Name, what the record says, and what its outputs give; of outputs that are not there, or altered, nothing."""
    scored, path = record.quality, folder / BLOBS / (record.outputs_sha256 or "none")
    data = path.read_bytes() if path.is_file() else b""
    if scored is None or hashlib.sha256(data).hexdigest() != record.outputs_sha256:
        return
    try:
        outputs, _ = payload.read_outputs(data)
    except payload.OutputsRefused as error:
        yield "outputs", "scored", str(error)
        return
    if flaws := task.check_outputs(case, outputs):
        yield "outputs", "scored", flaws[0].detail
        return
    again = _figures(task.score(case, outputs))
    said = _figures(scored)
    for name in sorted(said.keys() | again.keys()):
        findings.checked[_KIND] += 1
        if not _same(said.get(name), again.get(name)):
            yield name, said.get(name), again.get(name)


def _figures(quality: Quality) -> Mapping[str, float | str | None]:
    """Everything that is said of a trial's quality, by its field."""
    return {
        **{f"metrics.{name}": value for name, value in quality.metrics.items()},
        **{f"agreement.{name}": value for name, value in quality.agreement.items()},
        "decides": quality.decides,
        "floor": quality.floor,
        "findings": ", ".join(f"{one.gate} {one.code}" for one in quality.findings) or "none",
    }


def _same(found: float | str | None, awaited: float | str | None) -> bool:
    if isinstance(found, str) or isinstance(awaited, str) or found is None or awaited is None:
        return found == awaited
    return math.isclose(found, awaited, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
