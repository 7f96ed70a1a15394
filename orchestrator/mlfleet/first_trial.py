"""What the first trial of a cell is asked beside its turns; `gates.py` judges what can fail.

It is a trial of the first block, but where that was lost or disturbed: every cell that is compared has passed.
"""

from collections.abc import Callable, Mapping

from mlfleet import gates
from mlfleet.bench import Bench
from mlfleet.launch.base import Running
from mlfleet.model import Calibration, Phase, Reading, Sample
from mlfleet.names import Name
from mlfleet.schedule import IDLE_NS, Measure, S

Edge = Callable[[], Mapping[str, Reading]]
# Samples, what each try of them waited, and CPU times where all waited too long.
Linear = tuple[tuple[Sample, ...], tuple[int | None, ...], tuple[int, ...]]


def at_rest(serving_ns: int, bench: Bench, running: Running, edge: Edge) -> Phase:
    """What a service holds a while after SERVING, before it is given any data; read while every thread stands still."""
    start_ns = bench.clock()
    bench.stop.wait(max(serving_ns + IDLE_NS - start_ns, 0) / S)
    bench.stop.check()
    running.freeze()
    readings = edge()
    running.thaw()
    return Phase("idle", start_ns, bench.clock(), readings)


def linear_samples(measure: Measure, edge: Edge, calibration: Calibration) -> Linear:
    """Pairs of k and 2k iterations: one try, and further ones where it failed. None of iterations of a second."""
    samples: tuple[Sample, ...] = ()
    waited: tuple[int | None, ...] = ()
    if calibration.iterations * calibration.iteration_ns >= gates.LINEAR_LONGEST_NS:
        return samples, waited, ()
    for _ in range(gates.LINEAR_TRIES):
        before = gates.service_waited_ns(edge())
        samples += measure(gates.linear_schedule(calibration.iterations))
        after = gates.service_waited_ns(edge())
        waited += (None if before is None or after is None else max(after - before, 0),)
        if not (gates.not_linear(samples, waited) or gates.unjudged(samples, waited)):
            break
    return samples, waited, _cpu_times(measure, edge, calibration) if gates.unjudged(samples, waited) else ()


def _cpu_times(measure: Measure, edge: Edge, calibration: Calibration) -> tuple[int, ...]:
    """Of each sample of a try, called for by itself; none where they cannot be read."""
    found = []
    for iterations in gates.linear_schedule(calibration.iterations):
        before = edge().get(Name.CPU)
        measure((iterations,))
        after = edge().get(Name.CPU)
        if before is None or after is None or before.value is None or after.value is None:
            return ()
        found.append(after.value - before.value)
    return tuple(found)


def idle_cpu(edge: Edge, wait: Callable[[float], object], ask: Callable[[], object]) -> Reading | None:
    """CPU time of the second half of a second after a reply, while nothing is asked; None where it cannot be read.

    Where it was too much `ask` brings about another reply, and it is read again: who works on after a reply does so
    after each, while an interpreter tidies up once.
    """
    found = None
    for number in range(gates.IDLE_TRIES):
        if number:
            ask()
        found = _silence(edge, wait)
        if not gates.works_on(found):
            break
    return found


def _silence(edge: Edge, wait: Callable[[float], object]) -> Reading | None:
    wait(gates.IDLE_HALF_S)
    before = edge().get(Name.CPU)
    wait(gates.IDLE_HALF_S)
    after = edge().get(Name.CPU)
    if before is None or after is None or before.value is None or after.value is None:
        return after if before is None or before.value is not None else before
    return Reading(max(after.value - before.value, 0), after.unit, after.source)
