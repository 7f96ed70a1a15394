"""What an audit's records say: one outcome a gate. Pure.

A gate on times fails only where the whole 97 % interval lies beyond its threshold, and passes only where all of it lies
within; else it is undecided, as it often is on a busy host.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet import stats
from mlfleet.audits import Outcome
from mlfleet.gates import LINEAR_UNJUDGED, per_iteration_ns
from mlfleet.model import Record
from mlfleet.stats import Estimate
from mlfleet.verdict import Group, Verdict

# Time on data that differ unseen may differ by this share; by the larger one where an iteration is shorter than that.
PERTURBED_SHARE = 0.05
PERTURBED_SHARE_SHORT = 0.20
SHORT_NS = 200_000
# What was seen before, or is one row many times, may not be faster by more than this share.
SEEN_SHARE = 0.10
# A first iteration of at least so long may take so many times a later one.
MEMOISED_NS = 1_000_000
MEMOISED_FACTOR = 30.0
MEMOISED_SAID = 3.0
# time(2n) / time(n) over what its exponent awaits.
SIZED_LOW, SIZED_HIGH = 0.85, 1.15
# Of a gradient after one step, over the norm of the float64 reference: what float32 may lose. Fused operations have
# dropped whole gradients silently (candle, issues 2168 and 3011).
GRADIENT_ERROR = 1e-3
# What says nothing of a service.
_NOT_ITS_OWN = (Group.LOST, Group.OURS)
# What an answer to the data before is called on these.
_STALE = (Verdict.WRONG_PAYLOAD, Verdict.BAD_OUTPUT, Verdict.OUTSIDE_TOLERANCE)


@dataclass(frozen=True)
class Audited:
    """One cell's variants, measured. `absent`: why a variant is missing."""

    records: Mapping[str, Sequence[Record]]
    absent: Mapping[str, str]
    size_factor: float | None
    trains: bool
    value_dependent: bool
    first_call: bool
    nondeterministic: bool


def judge(audited: Audited) -> tuple[Outcome, ...]:
    """Every gate, in the order of the rules."""
    return (
        _own_trials(audited),
        _every_turn(audited),
        *_perturbed(audited),
        *_seen_before(audited),
        _memoised(audited),
        _sized(audited),
        _same(audited),
        _gradients(audited),
    )


def _own_trials(audited: Audited) -> Outcome:
    """The gates of every trial and of a first one: work, quality, T1, T2, linear in k, background work."""
    gate = "linear in k, background work, gates of a trial"
    for record in audited.records.get("original", ()):
        if record.verdict is not Verdict.OK and record.verdict.group not in _NOT_ITS_OWN:
            if record.verdict.group is Group.INVALID:
                return Outcome(gate, "failed", record.verdict.value, record.reason)
            return _none(gate, f"{record.verdict.value}: {record.reason}")
    fine = _seen(audited, "original")
    if not fine:
        return _none(gate, "no trial reached its end")
    asked = [record for record in fine if record.linear]
    if asked and all(LINEAR_UNJUDGED in record.labels for record in asked):
        return _none(gate, "the machine was too busy to judge linear in k, all others passed")
    return Outcome(gate, "passed", "", f"{len(fine)} trials")


def _every_turn(audited: Audited) -> Outcome:
    gate = "outputs of every turn"
    found = [record for records in audited.records.values() for record in records if record.turn_outputs]
    if not found:
        return _none(gate, "no turn was collected")
    if audited.nondeterministic:
        return _none(gate, "the task declares that iterations may differ in their last bits")
    for record in found:
        differing = set(record.turn_outputs) | ({record.outputs_sha256} if record.outputs_sha256 else set())
        if len(differing) > 1:
            text = f"equal iterations left {len(differing)} different outputs in {len(record.turns)} turns of one trial"
            return _failed(gate, Verdict.OUTSIDE_TOLERANCE, text)
    return Outcome(gate, "passed", "", f"{sum(len(record.turn_outputs) for record in found)} turns, equal bit for bit")


def _perturbed(audited: Audited) -> tuple[Outcome, Outcome]:
    outputs, times = "perturbed sample, outputs", "perturbed sample, time"
    if why := audited.absent.get("perturbed"):
        return _none(outputs, why), _none(times, why)
    return _other_outputs(audited, outputs), _time_on_other_data(audited, times)


def _other_outputs(audited: Audited, gate: str) -> Outcome:
    before = {record.outputs_sha256 for record in _seen(audited, "original")}
    for record in audited.records.get("perturbed", ()):
        if record.verdict.group is Group.INVALID:
            code = Verdict.CACHED if record.verdict in _STALE else record.verdict
            return _failed(gate, code, f"on data it had not seen: {record.verdict.value}, {record.reason}")
    after = {record.outputs_sha256 for record in _seen(audited, "perturbed")}
    if not before or not after:
        return _none(gate, "no trial reached its end")
    if before & after:
        return _failed(gate, Verdict.CACHED, "other data, the same outputs")
    return Outcome(gate, "passed", "", "other outputs, of the same quality")


def _time_on_other_data(audited: Audited, gate: str) -> Outcome:
    if audited.value_dependent:
        return _none(gate, "time depends on values")
    found = _factor(audited, "original", "perturbed", _time)
    if found is None:
        return _few(gate)
    short = median(_time(record) for record in _fine(audited, "original")) < SHORT_NS
    share = PERTURBED_SHARE_SHORT if short else PERTURBED_SHARE
    text = f"other data take {_text(found)} as long, within {share:.0%} awaited"
    return _timed(gate, Verdict.CACHED, text, found, -math.log1p(share), math.log1p(share))


def _seen_before(audited: Audited) -> tuple[Outcome, Outcome]:
    cold, steady = "seen before, cold", "seen before, steady"
    if why := audited.absent.get("again") or ("time depends on values" if audited.value_dependent else ""):
        return _none(cold, why), _none(steady, why)
    return _faster(audited, cold, "again", _cold), _faster(audited, steady, "again", _time)


def _faster(audited: Audited, gate: str, variant: str, of: Callable[[Record], float]) -> Outcome:
    against = "perturbed" if variant == "again" else "original"
    found = _factor(audited, against, variant, of)
    if found is None:
        return _few(gate)
    text = f"it takes {_text(found)} as long, at least {1 - SEEN_SHARE:.2f} awaited"
    return _timed(gate, Verdict.CACHED, text, found, math.log(1 - SEEN_SHARE), math.inf)


def _memoised(audited: Audited) -> Outcome:
    """The first iteration of a job that a warm process was given, against later ones."""
    gate = "memoised step"
    warm = [*_seen(audited, "perturbed"), *_seen(audited, "again")]
    if audited.first_call or not warm:
        why = "the task declares that first calls take long" if audited.first_call else "no warm process was measured"
        return _none(gate, why)
    cold, steady = median(map(_cold, warm)), median(map(_time, warm))
    if cold < MEMOISED_NS:
        return _none(gate, f"a first iteration takes {cold / 1e6:.3g} ms, at least 1 ms is needed")
    factor = cold / steady
    text = f"a first iteration takes {factor:.3g} times a later one, at most {MEMOISED_FACTOR:g} awaited"
    if factor > MEMOISED_FACTOR:
        return _failed(gate, Verdict.CACHED, text)
    said = "; first iterations are slow" if factor > MEMOISED_SAID else ""
    return Outcome(gate, "passed", "", text + said)


def _sized(audited: Audited) -> Outcome:
    gate = "linear in size"
    if audited.size_factor is None:
        return _none(gate, audited.absent.get("sized", "not measured"))
    found = _factor(audited, "original", "sized", _time)
    if found is None:
        return _few(gate)
    awaited = audited.size_factor
    span = f"{awaited * SIZED_LOW:.3g} to {awaited * SIZED_HIGH:.3g}"
    text = f"the other size takes {_text(found)} as long, {span} awaited"
    limits = math.log(awaited * SIZED_LOW), math.log(awaited * SIZED_HIGH)
    return _timed(gate, Verdict.SHORT_WORK, text, found, *limits)


def _same(audited: Audited) -> Outcome:
    gate = "same sample"
    if why := audited.absent.get("same"):
        return _none(gate, why)
    return _faster(audited, gate, "same", _time)


def _gradients(audited: Audited) -> Outcome:
    """Of every trial, whatever became of it: a gradient that was dropped is named, not only called a wrong answer."""
    gate = "gradient coverage"
    errors = [
        (error, name)
        for record in audited.records.get("original", ())
        if record.quality is not None
        for name, error in record.quality.agreement.items()
        if name.startswith("grad.")
    ]
    if not audited.trains or not errors:
        return _none(gate, "no gradient is among its outputs")
    error, name = max(errors)
    awaited = f"at most {GRADIENT_ERROR:g} of the float64 reference's norm awaited"
    if error > GRADIENT_ERROR:
        wrong = len({name for error, name in errors if error > GRADIENT_ERROR})
        return _failed(gate, Verdict.SHORT_WORK, f"{name} is wrong by {error:.3g}, {wrong} in all; {awaited}")
    parameters = len({name for _, name in errors})
    return Outcome(gate, "passed", "", f"{parameters} parameters, {name} the farthest by {error:.3g}; {awaited}")


def _fine(audited: Audited, variant: str) -> list[Record]:
    return [record for record in audited.records.get(variant, ()) if record.verdict is Verdict.OK]


def _seen(audited: Audited, variant: str) -> list[Record]:
    """Those, too, that a busy machine disturbed: what they answered is theirs, and a factor of 30 no neighbour's."""
    kept = (Verdict.OK, Verdict.DISTURBED)
    return [record for record in audited.records.get(variant, ()) if record.verdict in kept and record.outputs_sha256]


def _factor(audited: Audited, one: str, other: str, of: Callable[[Record], float]) -> Estimate | None:
    """The logarithm of other / one over blocks in which both are there; None of fewer than five."""
    first = {record.trial.block: of(record) for record in _fine(audited, one)}
    found = [
        math.log(of(record) / first[record.trial.block])
        for record in _fine(audited, other)
        if record.trial.block in first
    ]
    return stats.estimate(found) if len(found) >= stats.MIN_BLOCKS else None


def _time(record: Record) -> float:
    return per_iteration_ns(record.turns)


def _cold(record: Record) -> float:
    return record.cold.ns_per_iteration if record.cold else math.nan


def _text(found: Estimate) -> str:
    return f"{math.exp(found.point):.3g} (97 % interval {math.exp(found.low):.3g} to {math.exp(found.high):.3g}) times"


def _timed(gate: str, verdict: Verdict, text: str, found: Estimate, least: float, most: float) -> Outcome:
    """By the interval of a logarithm against its limits."""
    if found.high < least or found.low > most:
        return _failed(gate, verdict, text)
    return Outcome(gate, "passed" if least <= found.low and found.high <= most else "undecided", "", text)


def _failed(gate: str, verdict: Verdict, text: str) -> Outcome:
    return Outcome(gate, "failed", verdict.value, text)


def _none(gate: str, why: str) -> Outcome:
    return Outcome(gate, "not_applicable", "", why)


def _few(gate: str) -> Outcome:
    return _none(gate, f"fewer than {stats.MIN_BLOCKS} blocks in which both were ok")
