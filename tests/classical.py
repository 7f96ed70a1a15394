"""The workloads of classical machine learning, of both suites that have them."""

from mlfleet.catalogue import load_suite
from mlfleet.model import Workload


def classical(*families: str) -> dict[str, Workload]:
    """By name, those whose tasks are of these algorithms."""
    found = (*load_suite("classical").workloads, *load_suite("classical-grid").workloads)
    return {workload.name: workload for workload in found if workload.task.partition(".")[0] in families}
