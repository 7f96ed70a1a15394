"""What each task is tried on: an honest case of the first workload that a suite has for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlfleet import datasets, payload, tasks
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.model import Workload
from mlfleet.tasks.control import WORKLOAD as CONTROL

SEED = 1


@dataclass(frozen=True)
class Honest:
    """A task with a workload's case and its payload."""

    workload: Workload
    task: tasks.Task
    case: tasks.Case
    payload: payload.Payload


def workloads() -> Mapping[str, Workload]:
    """By task: the first workload of any suite, and the control."""
    found: dict[str, Workload] = {CONTROL.task: CONTROL}
    for name in suite_names():
        for workload in load_suite(name).workloads:
            found.setdefault(workload.task, workload)
    return found


def honest(workload: Workload) -> Honest:
    """The workload's case. Raises DataUnavailable where its dataset is not here."""
    task = tasks.get(workload.task)
    case = task.case(datasets.load(workload.dataset), workload.params, SEED)
    return Honest(workload, task, case, payload.store(case.inputs))
