"""Each task once: a trial as a run makes it, under the short rules, scored against the reference."""

import time

from mlfleet.assemble import cell_id
from mlfleet.bench import Bench, Cell
from mlfleet.block import measure_block
from mlfleet.check.line import OK, Line
from mlfleet.check.workloads import SEED, Honest, honest
from mlfleet.datasets import DataUnavailable
from mlfleet.errors import MlfleetError
from mlfleet.model import Environment, Record, Trial, Workload
from mlfleet.plan import plan_blocks
from mlfleet.report.units import duration, number
from mlfleet.runfile import Contestant
from mlfleet.schedule import RULES
from mlfleet.values import value
from mlfleet.verdict import Verdict

NO_WORKLOAD = "no_workload"


def try_task(
    name: str, workload: Workload | None, contestant: Contestant, environment: Environment, bench: Bench
) -> Line:
    """One trial of the task on the workload; a task without a workload or without its data has not passed."""
    start = time.monotonic()
    if workload is None:
        return Line("task", name, NO_WORKLOAD, "no suite has a workload of it, so nothing was tried", 0.0)
    try:
        record = _trial(honest(workload), contestant, environment, bench)
    except DataUnavailable as error:
        return Line("task", name, Verdict.DATA_UNAVAILABLE.value, str(error), 0.0, workload.name)
    bench.stop.check()
    return _line(name, record, time.monotonic() - start)


def _trial(case: Honest, contestant: Contestant, environment: Environment, bench: Bench) -> Record:
    service, workload, rules = contestant.service, case.workload, RULES["short"]
    cell = Cell(
        id=cell_id(workload, case.payload.sha256, contestant, environment, SEED),
        service=service,
        image_id=contestant.image_id,
        version=contestant.version,
        workload=workload.name,
        task=case.task,
        case=case.case,
        payload=case.payload,
        environment=environment,
        seed=SEED,
        rules=rules,
    )
    trial = Trial(cell.id, workload.name, "1 thread", service.key, block=1, attempt=1)
    block = plan_blocks({workload.name: [service.key]}, 1, {workload.name: rules.turns}, SEED)[0]
    return measure_block(block, {service.key: cell}, {service.key: trial}, {}, bench, lambda _: None)[0]


def _line(name: str, record: Record, seconds: float) -> Line:
    quality = record.quality
    if record.verdict is not Verdict.OK or quality is None:
        detail = f"{record.reason} (phase {record.phase})"
        return Line("task", name, record.verdict.value, detail, seconds, record.trial.workload)
    iteration_ns, absent = value(record, "time")
    if iteration_ns is None:
        raise MlfleetError(f"{name}: the trial is ok, but has no time ({absent})")
    agreement = ", ".join(f"{key} {number(found)}" for key, found in quality.agreement.items())
    decides = quality.metrics[quality.decides]
    shown = "undefined" if decides is None else number(decides)
    detail = f"{duration(iteration_ns)} an iteration; {quality.decides} {shown}; against the reference: {agreement}"
    return Line(
        "task",
        name,
        OK,
        detail,
        seconds,
        record.trial.workload,
        iteration_ns,
        dict(quality.metrics),
        dict(quality.agreement),
    )
