"""How near plain loops come to the memory they read: gradient descent and sums, beside a loop that only reads.

.venv/bin/python benchmarks/memory_floor.py [docker|process] [1|all]

All is measured in turns within one run, since a neighbour slows memory for everybody; ratios are medians over rounds.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from statistics import median, quantiles
from typing import Any, Literal

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

ROUNDS = 7
STEPS = 1000
# X of gd-syn, and as many bytes of whole numbers.
ROWS, COLUMNS = 200_000, 40
DESCENT = ("gd_regression.fit", "gd-syn", {"rows": ROWS, "lr": 0.05, "iterations": STEPS, "schedule": "fused"})
READING = ("sum.loop", "integers-syn", {"m": ROWS * COLUMNS, "buffers": 1})
ROTATING = ("sum.loop", "integers-syn", {"m": 1_000_000, "buffers": 17})
MEMORY = 4 << 30
CALL_S = 300.0

Work = tuple[str, str, dict[str, Any]]
# Seconds of so many iterations.
Timed = Callable[[int], float]
Bench = Callable[[str, Work], Timed]


def main() -> None:
    """Print every ratio, with the quartiles of its rounds."""
    runtime: Runtime = "docker" if "docker" in sys.argv[1:] else "process"
    threads: Literal["1", "all"] = "all" if "all" in sys.argv[1:] else "1"
    cpus = host.cpu_sets(threads)
    environment = Environment("cpu", cpus, len(cpus), MEMORY, runtime, "mapped")
    print(f"runtime {runtime}, {len(cpus)} thread(s), medians of {ROUNDS} rounds")
    with bench(environment) as prepared:
        reading, descent = prepared("rust", READING), prepared("rust", DESCENT)
        gigabytes = ROWS * COLUMNS * 8 * STEPS / 1e9
        floors, fits = in_turns(lambda: reading(STEPS), lambda: descent(1))
        floor = median(floors)
        print(f"  floor: {gigabytes:.0f} GB read and summed    {floor:6.2f} s, {gigabytes / floor:.1f} GB/s")
        print(f"  gradient descent, {STEPS} steps     {median(fits):6.2f} s, {ratio(fits, floors)} of the floor")
    with bench(environment) as prepared:
        ours, theirs = prepared("rust", ROTATING), prepared("numpy", ROTATING)
        rust, numpy = in_turns(lambda: ours(STEPS), lambda: theirs(STEPS))
        print(f"  sum.loop-1e6, rust               {median(rust) / STEPS * 1e6:6.0f} us")
        print(f"  sum.loop-1e6, numpy              {median(numpy) / STEPS * 1e6:6.0f} us, {ratio(numpy, rust)} of rust")


def in_turns(first: Callable[[], float], second: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Seconds of both, a round after the other, the first of which warms up."""
    rounds = [(first(), second()) for _ in range(ROUNDS + 1)][1:]
    return [a for a, _ in rounds], [b for _, b in rounds]


def ratio(numerators: list[float], denominators: list[float]) -> str:
    """The median of the quotients of each round, with their quartiles."""
    quotients = [a / b for a, b in zip(numerators, denominators, strict=True)]
    low, middle, high = quantiles(quotients, n=4)
    return f"{middle:.2f} x ({low:.2f} to {high:.2f})"


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

            def timed(iterations: int) -> float:
                (sample,) = client.measure((iterations,), CALL_S).samples
                return sample.ns_per_iteration * iterations / 1e9

            return timed

        yield prepared


if __name__ == "__main__":
    main()
