"""What a cell is compared with in its audit: the same work on other data, of another size, or after other work."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mlfleet import datasets, payload
from mlfleet.audit.data import one_row, perturbed
from mlfleet.bench import Cell, Job
from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Param, Workload
from mlfleet.schedule import RULES
from mlfleet.tasks import Task

Variant = Literal["original", "perturbed", "again", "sized", "same"]
# Outputs of several turns are compared.
TURNS = 3
# The short rules: an audit asks for factors, not for percents.
_RULES = replace(RULES["short"], turns=TURNS)


@dataclass(frozen=True)
class Variants:
    """The cells of one block. `size_factor`: the awaited time(sized) / time(original), None where there is none."""

    cells: Mapping[Variant, Cell]
    size_factor: float | None
    # Why one is missing.
    absent: Mapping[Variant, str]


def variants(cell: Cell, workload: Workload, seed: int) -> Variants:
    """Every variant of the cell that its task and dataset allow."""
    task, dataset, absent = cell.task, datasets.load(workload.dataset), dict[Variant, str]()
    plain = replace(
        cell,
        environment=replace(cell.environment, transport="streamed"),
        rules=_RULES,
        every_turn=True,
        least_ns=None,
        idle=False,
    )
    original = Job(cell.case, cell.payload)
    jobs: dict[Variant, tuple[tuple[Job, ...], Job]] = {"original": ((), original)}
    other = _job(task, perturbed(dataset), _nudged(task, workload.params), seed)
    if isinstance(other, Job) and other.payload.sha256 == original.payload.sha256 and not task.nudged:
        other = "its payload does not depend on the dataset"
    if isinstance(other, Job):
        jobs["perturbed"] = ((original,), other)
        jobs["again"] = ((original, other), original)
    else:
        absent["perturbed"] = absent["again"] = other
    sized, factor = _sized(task, dataset, workload.params, seed)
    if isinstance(sized, Job):
        jobs["sized"] = ((), sized)
    else:
        absent["sized"] = sized
    same = _same(task, dataset, workload.params, seed)
    if isinstance(same, Job):
        jobs["same"] = ((), same)
    else:
        absent["same"] = same
    cells = {name: _cell(plain, name, before, job) for name, (before, job) in jobs.items()}
    return Variants(cells, factor, absent)


def _cell(plain: Cell, name: Variant, before: tuple[Job, ...], job: Job) -> Cell:
    tail = hashlib.sha256(f"{plain.id}/{name}".encode()).hexdigest()
    return replace(plain, id=tail, case=job.case, payload=job.payload, before=before)


def _job(task: Task, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Job | str:
    """The task on those data; or why it cannot be judged there."""
    try:
        case = task.case(dataset, params, seed)
    except UsageError as error:
        return str(error)
    if case.golden:
        return "its right answers are goldens, which are known for the delivered data alone"
    return Job(case, payload.store(case.inputs))


def _nudged(task: Task, params: Mapping[str, Param]) -> dict[str, Param]:
    return {**params, task.nudged: int(params[task.nudged]) + 1} if task.nudged else dict(params)


def _sized(task: Task, dataset: Dataset, params: Mapping[str, Param], seed: int) -> tuple[Job | str, float | None]:
    """Twice as much, or half where there is not twice as much; and how much longer that must take."""
    size = task.size(params)
    if size is None:
        return "its time follows from no single parameter", None
    value = params[size.param]
    if not isinstance(value, int):
        return f"its parameter {size.param} is {value!r}", None
    why = ""
    for factor in (2.0, 0.5):
        job = _job(task, dataset, {**params, size.param: int(value * factor)}, seed)
        if isinstance(job, Job):
            return job, factor**size.exponent
        why = why or job
    return why, None


def _same(task: Task, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Job | str:
    copies = one_row(dataset) if task.stage == "infer" and not task.value_dependent else None
    return "it answers no rows" if copies is None else _job(task, copies, params, seed)
