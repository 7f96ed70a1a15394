"""The Python language alone: loops as the interpreter runs them, over objects that were made while preparing."""

import platform
import sys
import sysconfig

from cartpole import Steps
from mlfleet_sdk import F64Matrix, I64Matrix, I64Vector, Job, Rotation, Service, require

service = Service(
    "cpython",
    f"{sys.version_info.major}.{sys.version_info.minor}",
    facts={
        "patch": platform.python_version(),
        "compiler": platform.python_compiler(),
        "configure": sysconfig.get_config_var("CONFIG_ARGS") or "not known",
    },
)
# n (n + 1) fits 64 bits, as everybody else needs it.
MOST_TERMS = 3_000_000_000


@service.task("sum.loop", origin="in_repo", kernels="none")
def sum_loop(buffers: I64Matrix) -> Job[None]:
    """A loop over a list; the built-in `sum` would be C's loop."""
    require(buffers.size > 0, f"buffers is {buffers.shape}, awaited at least one buffer and number")

    def work(numbers: list[int]) -> tuple[int, int]:
        total = 0
        for number in numbers:
            total += number
        return total, len(numbers)

    turns = Rotation(buffers.tolist(), work)
    return Job(turns.step, lambda _: {"sum": turns.first[0], "receipt.additions": turns.first[1]})


@service.task("sum.range", origin="in_repo", kernels="none")
def sum_range(*, n: int) -> Job[tuple[int, int]]:
    """1 + ... + n, term by term."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")

    def step() -> tuple[int, int]:
        total = term = 0
        for term in range(1, n + 1):
            total += term
        # The last term is how many there were.
        return total, term

    return Job(step, lambda found: {"sum": found[0], "receipt.additions": found[1]})


@service.task("sum.formula", origin="in_repo", kernels="none")
def sum_formula(*, n: int) -> Job[int]:
    """1 + ... + n by one multiplication."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")
    return Job(lambda: n * (n + 1) // 2, lambda found: {"sum": found, "receipt.multiplications": 1})


@service.task("env.step", origin="in_repo", kernels="none")
def env_step(actions: I64Vector, resets: F64Matrix, *, limit: int) -> Job[None]:
    """CartPole-v1, in the interpreter's own numbers."""
    steps = Steps(actions.tolist(), resets.tolist(), limit)
    return Job(steps.step, lambda _: steps.outputs())
