"""The Python language alone: loops as the interpreter runs them, over objects that were made while preparing."""

import platform
import sys
import sysconfig

import numpy as np
from cartpole import Steps
from descent import Data, Descent, fused, gram, two_pass
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, Rotation, Service, require
from mlfleet_sdk.errors import UnknownTask

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
# Numbers of a range of `sum.chunked`.
CHUNK = 1_000_000
SCHEDULES = {"two_pass": two_pass, "fused": fused, "gram": gram}
# Of `gd_regression.fit`: a thousand steps with a hundred times as many take a quarter of an hour.
MOST_ROWS = 2_000


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


@service.task("sum.chunked", origin="stock", kernels="cpython")
def sum_chunked(*, n: int) -> Job[tuple[int, int, int]]:
    """1 + ... + n by the built-in `sum`, which is C's loop: the range makes an object of each term."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")

    def step() -> tuple[int, int, int]:
        total = elements = ranges = 0
        for start in range(1, n + 1, CHUNK):
            terms = range(start, min(start + CHUNK, n + 1))
            total += sum(terms)
            elements += len(terms)
            ranges += 1
        return total, elements, ranges

    return Job(
        step,
        lambda found: {"sum": found[0], "receipt.elements_written": found[1], "receipt.ranges": found[2]},
    )


@service.task("sum.formula", origin="in_repo", kernels="none")
def sum_formula(*, n: int) -> Job[int]:
    """1 + ... + n by one multiplication."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")
    return Job(lambda: n * (n + 1) // 2, lambda found: {"sum": found, "receipt.multiplications": 1})


@service.task("gd_regression.fit", origin="in_repo", kernels="none")
def gd_regression_fit(
    x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str
) -> Job[Descent]:
    """Full steps from zero: by two passes through all rows, row by row, or by the Gram matrix."""
    require(schedule in SCHEDULES, f"schedule is {schedule!r}, awaited one of {', '.join(SCHEDULES)}")
    require(lr > 0, f"lr is {lr}, awaited a number above 0")
    require(iterations >= 1, f"iterations is {iterations}, awaited at least 1")
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    if len(x_train) > MOST_ROWS:
        message = f"cpython has gd_regression.fit up to {MOST_ROWS} rows; x_train has {len(x_train)}"
        raise UnknownTask(message)
    rows = x_train.tolist()
    data, descend = Data(rows, list(zip(*rows, strict=True)), y_train.tolist()), SCHEDULES[schedule]
    return Job(
        step=lambda: descend(data, lr, iterations),
        outputs=lambda found: {
            "coef": np.array(found.coef),
            "intercept": found.intercept,
            "last_loss": found.last_loss,
            "receipt.steps": found.steps,
            "receipt.rows_read": found.rows_read,
        },
    )


@service.task("env.step", origin="in_repo", kernels="none")
def env_step(actions: I64Vector, resets: F64Matrix, *, limit: int) -> Job[None]:
    """CartPole-v1, in the interpreter's own numbers."""
    steps = Steps(actions.tolist(), resets.tolist(), limit)
    return Job(steps.step, lambda _: steps.outputs())
