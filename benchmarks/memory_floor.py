"""How near gradient descent and sums come to what they must do at least: memory that is read, one product of matrices.

.venv/bin/python benchmarks/memory_floor.py [docker|process] [1|all] [SERVICE...]

All is measured in turns within one run, since a neighbour slows memory for everybody; ratios are medians over rounds,
by wall time, and by CPU time, which waiting for a busy CPU is not in. SERVICE: whose descent, else rust and numpy.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal

import numpy as np
from mlfleet import build as builds
from mlfleet import datasets, host, payload, tasks
from mlfleet.client import connect
from mlfleet.commands.common import ROOT, services
from mlfleet.interrupt import Stop
from mlfleet.launch.base import Launcher, LaunchSpec
from mlfleet.launch.docker import DockerLauncher
from mlfleet.launch.engine import connect as connect_engine
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import RunFolder
from mlfleet.model import Environment, Runtime
from threadpoolctl import threadpool_limits

ROUNDS = 7
STEPS = 200
# X of gd-syn, and as many bytes of whole numbers.
ROWS, COLUMNS = 200_000, 40
READING = ("sum.loop", "integers-syn", {"m": ROWS * COLUMNS, "buffers": 1})
LOOP = ("sum.loop", "integers-syn", {"m": 10_000_000, "buffers": 2})
# Times that a step reads X.
READS = {"fused": 1, "two_pass": 2}
GRAM_STEPS = 1000
MEMORY = 4 << 30
CALL_S = 300.0

Work = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True)
class Took:
    """Seconds of a piece of work, and of all CPUs."""

    wall: float
    cpu: float


# What so many iterations took.
Timed = Callable[[int], Took]
Bench = Callable[[str, Work], Timed]


def main() -> None:
    """Print every ratio, with the quartiles of its rounds."""
    runtime: Runtime = "docker" if "docker" in sys.argv[1:] else "process"
    threads: Literal["1", "all"] = "all" if "all" in sys.argv[1:] else "1"
    keys = [word for word in sys.argv[1:] if word not in {"docker", "process", "1", "all"}] or ["rust", "numpy"]
    cpus = host.cpu_sets(threads)
    environment = Environment("cpu", cpus, len(cpus), MEMORY, runtime, "mapped")
    print(f"runtime {runtime}, {len(cpus)} thread(s), medians of {ROUNDS} rounds; by wall time, by CPU time")
    for schedule in READS:
        with bench(environment) as prepared:
            against_reading(prepared, keys, schedule)
    with bench(environment) as prepared, threadpool_limits(len(cpus)):
        against_product(prepared, keys, cpus)
    with bench(environment) as prepared:
        works = {"rust": prepared("rust", LOOP), "numpy": prepared("numpy", LOOP)}
        show("sum.loop-1e7, of rust", in_turns({key: lambda timed=timed: timed(20) for key, timed in works.items()}))


def against_reading(prepared: Bench, keys: list[str], schedule: str) -> None:
    """Descent beside a loop that only reads as many bytes."""
    reading, reads = prepared("rust", READING), READS[schedule]
    fits = {key: prepared(key, descent(schedule, STEPS)) for key in keys}
    calls: dict[str, Callable[[], Took]] = {"floor": lambda: reading(STEPS * reads)}
    calls |= {key: lambda fit=fit: fit(1) for key, fit in fits.items()}
    found = in_turns(calls)
    gigabytes = reads * ROWS * COLUMNS * 8 * STEPS / 1e9
    best = median(one.cpu for one in found["floor"])
    show(f"{schedule}, {STEPS} steps, of {gigabytes:.1f} GB read at {gigabytes / best:.1f} GB/s", found)


def against_product(prepared: Bench, keys: list[str], cpus: tuple[int, ...]) -> None:
    """Descent by the Gram matrix beside X'Z, which BLAS does not know to be symmetric."""
    x = np.ascontiguousarray(datasets.load("gd-syn").x[:ROWS])
    other = x.copy()
    fits = {key: prepared(key, descent("gram", GRAM_STEPS)) for key in keys}
    calls: dict[str, Callable[[], Took]] = {"product": lambda: own(lambda: x.T @ other, cpus)}
    calls |= {key: lambda fit=fit: fit(1) for key, fit in fits.items()}
    show(f"gram, {GRAM_STEPS} steps, of one product", in_turns(calls))


def descent(schedule: str, steps: int) -> Work:
    """The workload of that schedule."""
    return "gd_regression.fit", "gd-syn", {"rows": ROWS, "lr": 0.05, "iterations": steps, "schedule": schedule}


def own(work: Callable[[], object], cpus: tuple[int, ...]) -> Took:
    """What work of this process takes on the CPUs of the services."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    start, cpu = time.monotonic(), time.process_time()
    work()
    took = Took(time.monotonic() - start, time.process_time() - cpu)
    os.sched_setaffinity(0, before)
    return took


def in_turns(calls: Mapping[str, Callable[[], Took]]) -> dict[str, list[Took]]:
    """What each took, a round after the other, the first of which warms up."""
    rounds = [{name: call() for name, call in calls.items()} for _ in range(ROUNDS + 1)][1:]
    return {name: [one[name] for one in rounds] for name in calls}


def show(title: str, found: Mapping[str, list[Took]]) -> None:
    """The first of them, and each other as a multiple of it."""
    (name, first), *others = found.items()
    print(f"{title}\n  {name:<10}{median(one.wall for one in first) * 1e3:9.1f} ms")
    for key, mine in others:
        wall = ratio([a.wall / b.wall for a, b in zip(mine, first, strict=True)])
        cpu = ratio([a.cpu / b.cpu for a, b in zip(mine, first, strict=True)])
        print(f"  {key:<10}{median(one.wall for one in mine) * 1e3:9.1f} ms, {wall}, CPU {cpu}")


def ratio(quotients: list[float]) -> str:
    """The median of the quotients of each round, with their quartiles."""
    low, middle, high = quantiles(quotients, n=4)
    return f"{middle:.2f} x ({low:.2f} to {high:.2f})"


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process; finer than the ticks of its `stat`."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def bench(environment: Environment) -> Iterator[Bench]:
    """Gives a function that launches a service with a prepared workload, and times its iterations."""
    builder, known = builds.builder(environment.runtime, ROOT), {service.key: service for service in services()}
    launcher: Launcher = (
        DockerLauncher(connect_engine())
        if environment.runtime == "docker"
        else ProcessLauncher(lambda service: builds.process_command(service, ROOT))
    )
    numbers = count()
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        folder = stack.enter_context(RunFolder("floor000"))

        def prepared(key: str, work: Work) -> Timed:
            task, dataset, params = work
            case = tasks.get(task).case(datasets.load(dataset), params, 1)
            stored = payload.store(case.inputs)
            name, image = f"mlf-floor-{next(numbers)}", builder.state(known[key]).image_id
            spec = LaunchSpec(known[key], image, environment, stored.path, name, folder.fresh(), {})
            running = stack.enter_context(launcher.launch(spec))
            await_socket(running, stop)
            client = stack.enter_context(connect(running.socket, stop))
            client.await_serving(60)
            client.prepare(
                task, case.params, stored.path, stored.sha256,
                seed=1, device="cpu", transport="mapped", timeout_s=CALL_S,
            )  # fmt: skip

            def timed(iterations: int) -> Took:
                before = cpu_seconds(running.pid)
                (sample,) = client.measure((iterations,), CALL_S).samples
                return Took(sample.ns_per_iteration * iterations / 1e9, cpu_seconds(running.pid) - before)

            return timed

        yield prepared


if __name__ == "__main__":
    main()
