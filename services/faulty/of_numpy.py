"""NumPy's service, stopped early: as LeNet was, which trained three steps of 315 and was reported as five epochs."""

from functools import cache
from typing import Any

from mlfleet_sdk import F64Matrix, F64Vector, Job
from spoil import Adapter, honest, instead, spoilt

HONEST = honest("numpy")
DESCEND = HONEST.tasks["gd_regression.fit"].adapter
STEPS = 3


def stopped(*, lying: bool) -> Adapter:
    """Three steps, whatever was asked for; lying, the receipt claims all of them."""

    def adapter(x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str) -> Job[Any]:
        del schedule
        # The honest service's own steps, which lie beside it.
        from descent import fused  # noqa: PLC0415

        claimed = iterations if lying else STEPS
        return Job(
            step=lambda: fused(x_train, y_train, lr, STEPS),
            outputs=lambda found: {
                "coef": found.coef,
                "intercept": found.intercept,
                "last_loss": found.last_loss,
                "receipt.steps": claimed,
                "receipt.rows_read": claimed * len(x_train),
            },
        )

    return adapter


def memoised(x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str) -> Job[Any]:
    """Takes all steps once; every further iteration answers from memory."""
    job = DESCEND(x_train, y_train, lr=lr, iterations=iterations, schedule=schedule)
    return Job(cache(job.step), job.outputs)


FAULTS = {
    "memoised": instead("gd_regression.fit", memoised),
    "stopped": instead("gd_regression.fit", stopped(lying=False)),
    "stopped_lying": instead("gd_regression.fit", stopped(lying=True)),
}
service = spoilt(HONEST, FAULTS)
