"""The Python control with the lies that `mlfleet validate` must see through."""

import threading
import time

import numpy as np
from mlfleet_sdk import F64Matrix, F64Vector, Job
from spoil import Adapter, answers, debug_build, honest, instead, spoilt

Model = tuple[F64Vector, float, float, int]
honest_service = honest("null")
_honest_delay = honest_service.tasks["control.delay"].adapter
# Longer than the second that a service is watched after a reply.
WORKS_ON_S = 2.0


def half(start: np.ndarray, *, units: int, percent: int) -> Job[tuple[int, int]]:
    """Every other unit, and a receipt for all of them."""
    job = _honest_delay(start, units=units // 2, percent=percent)
    return Job(job.step, lambda found: {**job.outputs(found), "receipt.units": units})


def memoised(start: np.ndarray, *, units: int, percent: int) -> Job[tuple[int, int]]:
    """The first answer, given again."""
    job, kept = _honest_delay(start, units=units, percent=percent), []

    def step() -> tuple[int, int]:
        if not kept:
            kept.append(job.step())
        return kept[0]

    return Job(step, job.outputs)


def nothing(start: np.ndarray, *, units: int, percent: int) -> Job[None]:
    """No work in a step; the right answer is found when it is asked for."""
    job = _honest_delay(start, units=units, percent=percent)
    return Job(lambda: None, lambda _: job.outputs(job.step()))


def background(start: np.ndarray, *, units: int, percent: int) -> Job[tuple[int, int]]:
    """Honest work, and other work that goes on behind the reply."""
    job, until = _honest_delay(start, units=units, percent=percent), [0.0]

    def work_on() -> None:
        while True:
            if time.monotonic() > until[0]:
                time.sleep(0.001)

    def step() -> tuple[int, int]:
        until[0] = time.monotonic() + WORKS_ON_S
        return job.step()

    threading.Thread(target=work_on, daemon=True).start()
    return Job(step, job.outputs)


def descending(taken: float) -> Adapter:
    """Gradient descent from zero, of which each step takes that share: with 0 the model stays what it began as."""

    def adapter(x_train: F64Matrix, y_train: F64Vector, *, lr: float, iterations: int, schedule: str) -> Job[Model]:
        del schedule

        def step() -> Model:
            coef, intercept, loss, steps = np.zeros(x_train.shape[1]), 0.0, 0.0, 0
            for _ in range(iterations):
                error = x_train @ coef + intercept - y_train
                loss = float((error**2).mean() / 2)
                coef -= taken * lr * (x_train.T @ error) / len(x_train)
                intercept -= taken * lr * float(error.mean())
                steps += 1
            return coef, intercept, loss, steps

        def outputs(found: Model) -> dict[str, object]:
            receipt = {"receipt.steps": found[3], "receipt.rows_read": found[3] * len(x_train)}
            return {"coef": found[0], "intercept": found[1], "last_loss": found[2], **receipt}

        return Job(step, outputs)

    return adapter


# No task of the honest control, which trains nothing: here the twin does, so that somebody can leave it out.
honest_service.task("gd_regression.fit", origin="in_repo", kernels="numpy")(descending(1.0))
service = spoilt(
    honest_service,
    {
        "debug": debug_build,
        "constant": answers("control.delay", lambda outputs: {**outputs, "state": 0}),
        "half": instead("control.delay", half),
        "memoised": instead("control.delay", memoised),
        "nothing": instead("control.delay", nothing),
        "background": instead("control.delay", background),
        "untrained": instead("gd_regression.fit", descending(0.0)),
    },
)
