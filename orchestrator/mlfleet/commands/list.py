"""`mlfleet list`: suites, their workloads, and the services of compose.yaml."""

import click

from mlfleet import tasks
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.commands.common import json_option, print_json, services
from mlfleet.looks import blocks_text


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List suites with their workloads, and services. What a service can do, it says itself: see `mlfleet plan`."""
    suites = {name: load_suite(name) for name in suite_names()}
    if as_json:
        print_json(
            {
                "suites": {
                    name: [
                        {"name": w.name, "task": w.task, "dataset": w.dataset, "params": dict(w.params)}
                        for w in suite.workloads
                    ]
                    for name, suite in suites.items()
                },
                "services": [
                    {"key": s.key, "image": s.image, "language": s.language, "control": s.control} for s in services()
                ],
            }
        )
        return
    for name, suite in suites.items():
        blocks = blocks_text(suite.blocks, suite.looks)
        print(f"suite {name}: {len(suite.workloads)} workloads, {blocks}, schedule {suite.schedule}")
        for workload in suite.workloads:
            params = ", ".join(f"{key}={value}" for key, value in workload.params.items())
            print(f"  {workload.name:<42} {tasks.get(workload.task).parity:<22} {params}")
    print("services (compose.yaml)")
    for service in services():
        kind = "control" if service.control else "framework"
        print(f"  {service.key:<14} {service.language:<8} {kind:<10} {service.image}")
