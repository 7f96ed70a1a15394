"""How many alarms equal services may raise, how often an interval must cover the truth: counts and their limits."""

import math
from collections.abc import Sequence

# Not scipy.stats: it takes seconds to import.
from scipy.special import bdtrc

from mlfleet.model import Metric, Setting
from mlfleet.resolution import Limit, Schedule, limit_of
from mlfleet.validate.plan import BLOCKS, BOUNDS, FOUND_SHARE, SHARES
from mlfleet.validate.result import Count, PairSeen, State

# Of single 95 % intervals.
MISS_RATE = 0.05
# Of equal pairs that a run calls different at a = 0.03, looks and all: at most this in simulation.
DECIDED_RATE = 0.059
# Honest harnesses that a limit fails: 3 of 20, as the rule has it, fails 1.6 % of them.
HONEST_FAILS = 0.016
# A slow-down of 5 % must be found so often; fewer experiments say nothing of a share found.
FOUND_OF, FOUND = 40, 35
FEWEST_EXPERIMENTS = 20
# Pairs of which a busy machine may have spoilt blocks: with more of them nothing has been shown.
SPOILT_SHARE = 0.5
_METRICS: tuple[Metric, ...] = ("time", "cpu", "memory")
# The slow-downs of what waits for memory are recorded: a cache that holds the buffer makes the count no truth of time.
_JUDGED = ("interpreter", "compute")


def most_misses(of: int, rate: float = MISS_RATE) -> int:
    """The most of so many independent pairs that may miss, where each does at that rate."""
    return next(misses for misses in range(of + 1) if bdtrc(misses, of, rate) <= HONEST_FAILS)


def counts(pairs: Sequence[PairSeen]) -> tuple[Count, ...]:
    """Every count: of times, pooled over what services wait for."""
    times = [pair for pair in pairs if pair.metric == "time"]
    if not times:
        return ()
    counted = [pair for pair in times if pair.independent]
    found = [_measured(times), _refused(times), _counted_work(times), _false_alarms(counted), _decided(counted)]
    for share in SHARES:
        mine = [pair for pair in counted if pair.share == share]
        found.append(_coverage(share, [pair for pair in mine if pair.bound in _JUDGED]))
    for bound in BOUNDS:
        mine = [pair for pair in counted if pair.bound == bound]
        found += [_found(bound, share, [pair for pair in mine if pair.share == share]) for share in SHARES]
    return tuple(count for count in found if count.of)


def limits(pairs: Sequence[PairSeen], setting: Setting, schedule: Schedule) -> tuple[Limit, ...]:
    """The host's A/A resolution by bound and metric, where there were pairs enough."""
    found = []
    for bound in BOUNDS:
        for metric in _METRICS:
            equal = [p for p in pairs if (p.bound, p.metric, p.share) == (bound, metric, 0) and p.blocks >= BLOCKS]
            points = [pair.point for pair in equal if pair.point is not None]
            share = limit_of(points)
            if share is not None:
                services = len({(pair.experiment, key) for pair in equal for key in (pair.baseline, pair.contestant)})
                found.append(Limit(setting, schedule, metric, bound, share, len(points), services, BLOCKS))
    return tuple(found)


def _measured(pairs: Sequence[PairSeen]) -> Count:
    """Blocks that the machine disturbed are measured again, within limits; what is still missing shows nothing."""
    whole = sum(pair.blocks >= BLOCKS for pair in pairs if pair.outcome != "refused")
    of = sum(pair.outcome != "refused" for pair in pairs)
    shown = whole >= (1 - SPOILT_SHARE) * of
    return Count(f"pairs with {BLOCKS} undisturbed blocks", whole, of, "at least half", "ok" if shown else "not shown")


def _refused(pairs: Sequence[PairSeen]) -> Count:
    """Services of one build that do the work they say: no gate may refuse them."""
    refused = sum(pair.outcome == "refused" for pair in pairs)
    return Count("pairs of honest controls refused", refused, len(pairs), "0", _state(refused == 0))


def _counted_work(pairs: Sequence[PairSeen]) -> Count:
    """An injection that was rounded away would make every interval cover the wrong truth."""
    slowed = [pair for pair in pairs if pair.share]
    right = sum(math.isclose(pair.truth, 1 + pair.share / 100, rel_tol=1e-9) for pair in slowed)
    name = "injected shares that were counted as they were asked for"
    return Count(name, right, len(slowed), "all", _state(right == len(slowed)))


def _false_alarms(pairs: Sequence[PairSeen]) -> Count:
    equal = [pair for pair in pairs if pair.share == 0 and pair.low is not None]
    alarms = sum(not _covers(pair, 0.0) for pair in equal)
    return _limited("equal services whose 95 % interval excludes 1", alarms, len(equal), hits=False)


def _decided(pairs: Sequence[PairSeen]) -> Count:
    equal = [pair for pair in pairs if pair.share == 0 and pair.low is not None]
    alarms = sum(pair.outcome == "different" for pair in equal)
    return _limited("equal services that a run calls different", alarms, len(equal), hits=False, rate=DECIDED_RATE)


def _coverage(share: int, pairs: Sequence[PairSeen]) -> Count:
    known = [pair for pair in pairs if pair.low is not None]
    missed = sum(not _covers(pair, math.log(pair.truth)) for pair in known)
    name = f"95 % intervals that cover the counted +{share} %"
    return _limited(name, missed, len(known), hits=True)


def _limited(name: str, misses: int, of: int, *, hits: bool, rate: float = MISS_RATE) -> Count:
    """Misses, or their opposite, against the most that may be; where all may miss, nothing could fail: recorded."""
    most = most_misses(of, rate)
    found, limit = (of - misses, f"at least {of - most}") if hits else (misses, f"at most {most}")
    if most >= of:
        return Count(name, found, of, "recorded", "not judged")
    return Count(name, found, of, limit, _state(misses <= most))


def _found(bound: str, share: int, pairs: Sequence[PairSeen]) -> Count:
    """Found: the 97 % interval lies above 1, as a run decides it."""
    lows = [pair.decided_low for pair in pairs if pair.decided_low is not None]
    found, least = sum(low > 0 for low in lows), -(-FOUND * len(lows) // FOUND_OF)
    name = f"+{share} % found at {BLOCKS} blocks, {bound}"
    if share != FOUND_SHARE or bound not in _JUDGED or len(lows) < FEWEST_EXPERIMENTS:
        return Count(name, found, len(lows), "recorded", "not judged")
    return Count(name, found, len(lows), f"at least {least}", _state(found >= least))


def _covers(pair: PairSeen, truth: float) -> bool:
    return pair.low is not None and pair.high is not None and pair.low <= truth <= pair.high


def _state(right: bool) -> State:
    return "ok" if right else "off"
