"""What a trial of a run's first block is asked beside its turns; `gates.py` judges it."""

from collections.abc import Callable, Mapping

from mlfleet import gates
from mlfleet.model import Calibration, Reading, Sample
from mlfleet.names import Name
from mlfleet.schedule import Measure


def linear_samples(measure: Measure, calibration: Calibration) -> tuple[Sample, ...]:
    """Pairs of k and 2k iterations: one try, and further ones where it failed. None of iterations of a second."""
    if calibration.iterations * calibration.iteration_ns >= gates.LINEAR_LONGEST_NS:
        return ()
    samples: tuple[Sample, ...] = ()
    for _ in range(gates.LINEAR_TRIES):
        samples += measure(gates.linear_schedule(calibration.iterations))
        if not gates.not_linear(samples):
            break
    return samples


def idle_cpu(edge: Callable[[], Mapping[str, Reading]], wait: Callable[[float], object]) -> Reading | None:
    """CPU time of the second half of a second after a reply, while nothing is asked; None where it cannot be read."""
    wait(gates.IDLE_HALF_S)
    before = edge().get(Name.CPU)
    wait(gates.IDLE_HALF_S)
    after = edge().get(Name.CPU)
    if before is None or after is None or before.value is None or after.value is None:
        return after if before is None or before.value is not None else before
    return Reading(max(after.value - before.value, 0), after.unit, after.source)
