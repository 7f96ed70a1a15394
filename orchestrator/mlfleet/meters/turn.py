"""From two edges and the line between them to the readings of a turn: pure."""

from collections.abc import Mapping

from mlfleet.meters.reading import null, unit_of
from mlfleet.meters.sampler import Sampled, highest
from mlfleet.model import Reading
from mlfleet.names import COUNTERS, HOST_COUNTERS, HOST_LEVELS, LEVELS, Name

Edge = Mapping[str, Reading]


def turn_readings(before: Edge, after: Edge, sampled: Sampled, *, reset_ok: bool) -> dict[str, Reading]:
    """Differences of counters, levels at the end, and the turn's peaks.

    `reset_ok`: the high-water mark was reset between `before` and the turn.
    """
    readings: dict[str, Reading] = {name: _difference(name, before[name], after[name]) for name in COUNTERS}
    readings.update((name, after[name]) for name in LEVELS)
    if sampled.machine is not None:
        began, ended = sampled.machine
        readings.update((name, _difference(name, began[name], ended[name])) for name in HOST_COUNTERS)
        readings.update((name, ended[name]) for name in HOST_LEVELS)
    readings[Name.PEAK_CHARGED] = peak = _peak_charged(before, after, sampled, reset_ok=reset_ok)
    if peak.method == "sampled" and before[Name.MARK].value is not None:
        readings[Name.PEAK_BOUND] = before[Name.MARK]
    readings[Name.PEAK_ANONYMOUS] = _peak_anonymous(before, after, sampled)
    for name, value in (
        (Name.SAMPLER_CPU, sampled.own_cpu_ns),
        (Name.SAMPLER_SAMPLES, sampled.samples),
        (Name.SAMPLER_MISSED, sampled.missed),
        (Name.SAMPLER_GAP, sampled.gap_ns),
    ):
        readings[name] = Reading(value, unit_of(name), "sampler")
    return readings


def _difference(name: Name, before: Reading, after: Reading) -> Reading:
    if before.value is None or after.value is None:
        return before if before.value is None else after
    if after.value < before.value:
        return null(name, after.source, "counter_went_back")
    return Reading(after.value - before.value, after.unit, after.source)


def _peak_charged(before: Edge, after: Edge, sampled: Sampled, *, reset_ok: bool) -> Reading:
    old, mark = before[Name.MARK], after[Name.MARK]
    if mark.value is not None and reset_ok:
        return mark
    if mark.value is not None and old.value is not None and mark.value > old.value:
        # It rose in this turn, so the service's highest is this turn's.
        return Reading(mark.value, mark.unit, mark.source, method="lifetime_mark")
    level = after[Name.CHARGED]
    value = highest(sampled.charged_max, before[Name.CHARGED].value, level.value)
    if value is None:
        return null(Name.PEAK_CHARGED, level.source, level.reason or "lost")
    return Reading(value, level.unit, level.source, method="sampled")


def _peak_anonymous(before: Edge, after: Edge, sampled: Sampled) -> Reading:
    level = after[Name.ANONYMOUS]
    value = highest(sampled.anonymous_max, before[Name.ANONYMOUS].value, level.value)
    if value is None:
        return null(Name.PEAK_ANONYMOUS, level.source, level.reason or "lost")
    return Reading(value, level.unit, level.source, method="sampled")
