"""NumPy behind the contract: one function per task, its signature the schema."""

# Imported for what it registers.
import neighbours
import numpy as np
from descent import Descent, fused, gram
from library import service
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, Job, Rotation, require

__all__ = ["neighbours", "service"]
# n (n + 1) fits 64 bits.
MOST_TERMS = 3_000_000_000
SCHEDULES = {"fused": fused, "gram": gram}


@service.task("sum.loop", origin="stock", kernels="numpy")
def sum_loop(buffers: I64Matrix) -> Job[None]:
    """The sum of the next buffer."""
    require(buffers.size > 0, f"buffers is {buffers.shape}, awaited at least one buffer and number")
    turns = Rotation(buffers, lambda buffer: (buffer.sum(), buffer.size))
    return Job(turns.step, lambda _: {"sum": turns.first[0], "receipt.additions": turns.first[1]})


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
    """Full steps from zero, by blocks of rows (`fused`) or by the Gram matrix (`gram`)."""
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
