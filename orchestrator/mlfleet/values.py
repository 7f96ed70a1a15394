"""One number of a trial for each metric, and both sides' numbers of each block; or why there is none."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np

from mlfleet.kept import kept
from mlfleet.model import Metric, Phase, Reading, Record, Turn
from mlfleet.names import Name
from mlfleet.verdict import Verdict

# Timed samples of one iteration that a trial needs for a percentile.
SAMPLES_P95 = 40
SAMPLES_P99 = 200
PERCENTILES = {"p95": (0.95, SAMPLES_P95), "p99": (0.99, SAMPLES_P99)}
FEW_SAMPLES = "few_samples"
# What a metric is read from; time is the service's own.
_NAMES: Mapping[Metric, Name] = {"cpu": Name.CPU, "memory": Name.PEAK_ANONYMOUS}
# A trial without raw samples has no value, whatever was read beside it.
NOT_MEASURED = "not_measured"
# In every turn something was wrong with the machine.
ALL_FLAGGED = "all_flagged"
Value = tuple[float | None, str]


def value(record: Record, metric: Metric) -> Value:
    """One number of a trial: ns per iteration, CPU ns per iteration, peak anonymous bytes; or None and the reason."""
    return _all_turns(record)[metric]


def unflagged_value(record: Record, metric: Metric) -> Value:
    """The same from those turns alone in which nothing was wrong with the machine."""
    return _unflagged(record)[metric]


def percentile(record: Record, name: str) -> Value:
    """p95 or p99 of single iterations in ns. A sample of many is a mean, and says nothing of its slowest."""
    share, needed = PERCENTILES[name]
    turns = record.turns if record.latency is None else (record.latency,)
    single = [one.ns_per_iteration for turn in turns for one in turn.timed if one.iterations == 1]
    return (float(np.quantile(single, share)), "") if len(single) >= needed else (None, FEW_SAMPLES)


def paired_values(
    baseline: Sequence[Record], contestant: Sequence[Record], metric: Metric
) -> tuple[tuple[tuple[float, float], ...], str]:
    """Values of both sides by block, for blocks in which both trials are ok; and the reason if one is unreadable."""
    found = []
    for ours, theirs in _blocks(baseline, contestant):
        (a, why_a), (b, why_b) = value(ours, metric), value(theirs, metric)
        if a is None or b is None:
            return (), why_a or why_b
        found.append((a, b))
    return tuple(found), ""


def unflagged_pairs(
    baseline: Sequence[Record], contestant: Sequence[Record], metric: Metric
) -> tuple[tuple[float, float], ...]:
    """The same without the flagged turns: a block remains if both cells keep a turn."""
    found = [
        (unflagged_value(ours, metric)[0], unflagged_value(theirs, metric)[0])
        for ours, theirs in _blocks(baseline, contestant)
    ]
    return tuple((a, b) for a, b in found if a is not None and b is not None)


def unequal_meters(baseline: Sequence[Record], contestant: Sequence[Record], metric: Metric) -> tuple[str, int, int]:
    """What both sides were read with, where that is not the same; in how many blocks, and of how many."""
    blocks = [] if metric == "time" else _blocks(baseline, contestant)
    found = [(meters_of(ours, metric), meters_of(theirs, metric)) for ours, theirs in blocks]
    unequal = [(ours, theirs) for ours, theirs in found if ours and theirs and ours != theirs]
    text = f"read from {unequal[0][1]}, the baseline from {unequal[0][0]}" if unequal else ""
    return text, len(unequal), len(found)


def meters_of(record: Record, metric: Metric) -> str:
    """Sources and methods of a trial's readings: "memory.stat, sampled"; empty where there are none, as of time."""
    if metric == "time":
        return ""
    taken = [reading for turn in record.turns if (reading := turn.readings.get(_NAMES[metric])) is not None]
    known = {", ".join(filter(None, (one.source, one.method))) for one in taken if one.value is not None}
    return " and ".join(sorted(known))


def units(record: Record, key: str) -> float | None:
    """Units of work in an iteration, as the receipt counts them under that key; None where it counts none."""
    found = record.receipt.get(key)
    return found if isinstance(found, int | float) and not isinstance(found, bool) and found > 0 else None


def phase(record: Record, name: str) -> Phase | None:
    """The first phase of that name, if the trial came so far."""
    return _phases(record).get(name)


def _blocks(baseline: Sequence[Record], contestant: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Both trials of each block in which both are ok."""
    other = {record.trial.block: record for record in baseline if record.verdict is Verdict.OK}
    fine = [record for record in contestant if record.verdict is Verdict.OK and record.trial.block in other]
    return [(other[record.trial.block], record) for record in fine]


@kept
def _phases(record: Record) -> dict[str, Phase]:
    return {one.name: one for one in reversed(record.phases)}


@kept
def _all_turns(record: Record) -> Mapping[Metric, Value]:
    return _values(record.turns)


@kept
def _unflagged(record: Record) -> Mapping[Metric, Value]:
    turns = tuple(turn for turn in record.turns if not turn.flags)
    if not turns:
        return _none(ALL_FLAGGED)
    return _all_turns(record) if len(turns) == len(record.turns) else _values(turns)


def _none(why: str) -> Mapping[Metric, Value]:
    return {"time": (None, why), "cpu": (None, why), "memory": (None, why)}


def _values(turns: Sequence[Turn]) -> Mapping[Metric, Value]:
    if not any(turn.timed for turn in turns):
        return _none(NOT_MEASURED)
    samples = [sample for turn in turns for sample in turn.samples]
    if any(sample.iterations < 1 or sample.end_ns <= sample.start_ns for sample in samples):
        return _none(Verdict.IMPOSSIBLE_TIME.value)
    time = median(sample.ns_per_iteration for turn in turns for sample in turn.timed)
    cpu, why_no_cpu = _readings(turns, "cpu")
    memory, why_no_memory = _readings(turns, "memory")
    return {
        "time": (time, ""),
        "cpu": (sum(cpu) / sum(sample.iterations for sample in samples) if cpu else None, why_no_cpu),
        "memory": (float(max(memory)) if memory else None, why_no_memory),
    }


def _readings(turns: Sequence[Turn], metric: Metric) -> tuple[list[int], str]:
    """A reading of every turn; or none, and why the first that is missing is."""
    readings = [turn.readings.get(_NAMES[metric]) for turn in turns]
    known = [reading.value for reading in readings if reading is not None and reading.value is not None]
    if len(known) < len(readings):
        return [], next(_why(reading) for reading in readings if reading is None or reading.value is None)
    return known, ""


def _why(reading: Reading | None) -> str:
    return "lost" if reading is None else reading.reason or "lost"
