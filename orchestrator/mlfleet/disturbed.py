"""Whether the machine disturbed a trial: coarser limits than a turn's, over all its own turns. Pure.

A disturbed trial is kept and counted, not estimated, and measured again. That, too, reads the environment only.
"""

from collections.abc import Sequence

from mlfleet.model import Turn
from mlfleet.names import Name
from mlfleet.noise import GAP_NS, TICK_NS, TICKS, Limits, cpu_wait_ns, value_of, window_ns
from mlfleet.verdict import Flag

# Of MemTotal, and of a GPU's memory: with less to spare once all services of a block are prepared, they disturb each
# other.
LEAST_FREE = 0.10


def disturbances(turns: Sequence[Turn], cpus: int, limits: Limits) -> dict[Flag, str]:
    """What disturbed these turns, each with a sentence that says how much; what is null proves nothing.

    `cpus`: how many the CPU set has.
    """
    if not turns:
        return {}
    window = sum(window_ns(turn) for turn in turns) * cpus
    stolen = _total(turns, Name.SET_STEAL)
    found: dict[Flag, str] = {}
    if periods := _total(turns, Name.THROTTLED_PERIODS):
        found["throttled"] = f"throttled in {periods} periods, though no quota was asked for"
    if contended := _contended(turns, cpus, limits):
        found["contended"] = contended
    if stolen is not None and stolen > max(TICKS * TICK_NS, limits.trial_stolen * window):
        found["stolen"] = f"the hypervisor took {stolen / window:.0%} of the CPU set"
    if slowed := _total(turns, Name.CORE_THROTTLES):
        found["hot"] = f"cores of the CPU set were slowed down {slowed} times for their heat"
    gap = max((value_of(turn.readings, Name.SAMPLER_GAP) or 0 for turn in turns), default=0)
    if gap > GAP_NS:
        found["gap"] = f"the sampler was silent for {gap / 1e9:.1f} s"
    return found


def _contended(turns: Sequence[Turn], cpus: int, limits: Limits) -> str:
    """Both must be: the service waited for a CPU, and others used the CPUs that it was to have."""
    busy, own = _total(turns, Name.SET_BUSY), _total(turns, Name.CPU)
    waits = [cpu_wait_ns(turn.readings) for turn in turns]
    waited = [wait for wait in waits if wait is not None]
    if busy is None or not own or len(waited) < len(turns):
        return ""
    window = sum(window_ns(turn) for turn in turns) * cpus
    wait, foreign = sum(waited) / own, busy - own
    if wait <= limits.trial_wait or foreign <= max(TICKS * TICK_NS * cpus, limits.trial_foreign * window):
        return ""
    return f"others used {foreign / window:.0%} of the CPU set, and it waited {wait:.2g} times its CPU time for a CPU"


def _total(turns: Sequence[Turn], name: Name) -> int | None:
    """Over all turns; None if it is not known of one of them."""
    values = [value_of(turn.readings, name) for turn in turns]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
