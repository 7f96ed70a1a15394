"""NumPy behind the contract: one function per task, its signature the schema."""

from dataclasses import dataclass

# Three files are imported for what they register.
import linear
import neighbours
import numpy as np
import scaling
from descent import Descent, fused, gram, two_pass
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, Rotation, require

__all__ = ["linear", "neighbours", "scaling", "service"]
# n (n + 1) fits 64 bits.
MOST_TERMS = 3_000_000_000
# 8 GB of numbers at once.
MOST_ELEMENTS = 1_000_000_000
# Numbers of a range of `sum.chunked`.
CHUNK = 1_000_000
SCHEDULES = {"two_pass": two_pass, "fused": fused, "gram": gram}


@dataclass
class Written:
    """The sum of ranges that were made, and what was made."""

    total: int = 0
    elements: int = 0
    ranges: int = 0

    def add(self, numbers: I64Vector) -> None:
        """Count in the numbers of one range."""
        self.total += int(numbers.sum())
        self.elements += numbers.size
        self.ranges += 1

    def outputs(self) -> dict[str, int]:
        """The sum and its receipt."""
        return {"sum": self.total, "receipt.elements_written": self.elements, "receipt.ranges": self.ranges}


@service.task("sum.loop", origin="stock", kernels="numpy")
def sum_loop(buffers: I64Matrix) -> Job[None]:
    """The sum of the next buffer."""
    require(buffers.size > 0, f"buffers is {buffers.shape}, awaited at least one buffer and number")
    turns = Rotation(buffers, lambda buffer: (buffer.sum(), buffer.size))
    return Job(turns.step, lambda _: {"sum": turns.first[0], "receipt.additions": turns.first[1]})


@service.task("sum.chunked", origin="stock", kernels="numpy")
def sum_chunked(*, n: int) -> Job[Written]:
    """1 + ... + n by ranges that are made one after the other."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")

    def step() -> Written:
        found = Written()
        for start in range(1, n + 1, CHUNK):
            found.add(np.arange(start, min(start + CHUNK, n + 1)))
        return found

    return Job(step, Written.outputs)


@service.task("sum.arange", origin="stock", kernels="numpy")
def sum_arange(*, n: int) -> Job[Written]:
    """1 + ... + n, all of them made before the first is added."""
    require(1 <= n <= MOST_ELEMENTS, f"n is {n}, awaited 1 to {MOST_ELEMENTS}")

    def step() -> Written:
        found = Written()
        found.add(np.arange(1, n + 1))
        return found

    return Job(step, Written.outputs)


@service.task("sum.formula", origin="in_repo", kernels="numpy")
def sum_formula(*, n: int) -> Job[np.int64]:
    """1 + ... + n by one multiplication."""
    require(1 <= n <= MOST_TERMS, f"n is {n}, awaited 1 to {MOST_TERMS}")
    terms = np.int64(n)
    return Job(lambda: terms * (terms + 1) // 2, lambda found: {"sum": found, "receipt.multiplications": 1})


@service.task("gd_regression.fit", origin="in_repo", kernels="openblas")
def gd_regression_fit(
    x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str
) -> Job[Descent]:
    """Full steps from zero: by two products with all rows, by blocks of rows, or by the Gram matrix."""
    require(schedule in SCHEDULES, f"schedule is {schedule!r}, awaited one of {', '.join(SCHEDULES)}")
    require(lr > 0, f"lr is {lr}, awaited a number above 0")
    require(iterations >= 1, f"iterations is {iterations}, awaited at least 1")
    require(x_train.size > 0, f"x_train is {x_train.shape}, awaited at least one row and column")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    descend = SCHEDULES[schedule]
    return Job(
        step=lambda: descend(x_train, y_train, lr, iterations),
        outputs=lambda found: {
            "coef": found.coef,
            "intercept": found.intercept,
            "last_loss": found.last_loss,
            "receipt.steps": found.steps,
            "receipt.rows_read": found.rows_read,
        },
    )
