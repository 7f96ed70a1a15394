"""What the service says of itself: identity, build, threads, tasks."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
from mlfleet_stubs import benchmark_pb2 as pb

from mlfleet_sdk.service import Service

PROTOCOL = 1
ORIGINS = {"stock": pb.ORIGIN_STOCK, "in_repo": pb.ORIGIN_IN_REPO}


def describe(service: Service, threads: int) -> pb.DescribeResponse:
    """Identity and tasks; loads and computes nothing."""
    return pb.DescribeResponse(
        framework=service.framework,
        version=service.version,
        language="python",
        protocol=PROTOCOL,
        devices=service.devices,
        build=pb.Build(optimised=True, debug_assertions=False, facts=_facts(service)),
        thread_pools=_pools(service, threads),
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        cpus=sorted(os.sched_getaffinity(0)),
        tasks=[
            pb.Task(name=name, origin=ORIGINS[task.origin], kernels=task.kernels)
            for name, task in sorted(service.tasks.items())
        ],
    )


def _facts(service: Service) -> dict[str, str]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
    } | dict(service.facts)


def _pools(service: Service, threads: int) -> list[pb.ThreadPool]:
    loaded: list[dict[str, Any]] = threadpoolctl.threadpool_info()
    return [
        pb.ThreadPool(
            pool=info["user_api"],
            library=info["internal_api"],
            version=info["version"] or "",
            asked=threads,
            effective=info["num_threads"],
        )
        for info in loaded
    ] + [
        pb.ThreadPool(
            pool=pool.pool, library=pool.library, version=pool.version, asked=threads, effective=pool.effective
        )
        for pool in service.pools()
    ]
