"""Canaries: what is known beforehand of a control, held against what the harness read of it. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet import gates
from mlfleet.model import Reading, Record
from mlfleet.names import Name
from mlfleet.validate.result import Canary, State
from mlfleet.values import value
from mlfleet.verdict import Verdict

# An iteration of nothing, in ns, by language.
NOOP_NS = {"python": 1000.0, "rust": 50.0}
# A sleep is never shorter than asked for; timer slack and waking up make 10 ms read 1 % more.
SLEEP_NS, SLEEP_SLACK = 20_000_000, 0.01
SPIN_NS, SPIN_ERROR = 1_000_000_000, 0.01
ALLOC_BYTES, ALLOC_ERROR = 300 << 20, 0.02


@dataclass(frozen=True)
class Seen:
    """What one trial is judged by: a number, or None and the reason."""

    number: float | None
    why: str = ""


@dataclass(frozen=True)
class _Truth:
    """A number must lie between two, both included."""

    name: str
    low: float
    high: float
    # Divides numbers for print, and the unit that is left.
    scale: float
    unit: str
    seen: Callable[[Record], Seen]
    # Whether it is a time, which others on the machine lengthen; what was used and held they do not change.
    is_time: bool = False

    def judge(self, service: str, records: Sequence[Record]) -> Canary:
        """The median of all trials is held against the truth."""
        state, found = self._found(records)
        expected = f"{self._text(self.low)} to {self._text(self.high)} {self.unit}"
        return Canary(self.name, service, expected, found, state)

    def _found(self, records: Sequence[Record]) -> tuple[State, str]:
        for record in records:
            if record.verdict not in (Verdict.OK, Verdict.DISTURBED):
                return "off", f"{record.verdict.value}: {record.reason}"
        quiet = [record for record in records if record.verdict is Verdict.OK or not self.is_time]
        if not quiet:
            return "not shown", records[0].reason if records else "no trial"
        seen = [self.seen(record) for record in quiet]
        numbers = [one.number for one in seen if one.number is not None]
        if len(numbers) < len(seen):
            return "not judged", f"not read: {next(one.why for one in seen if one.number is None)}"
        middle = median(numbers)
        return "ok" if self.low <= middle <= self.high else "off", f"{self._text(middle)} {self.unit}"

    def _text(self, number: float) -> str:
        return f"{number / self.scale:.5g}"


def judge(records: Mapping[tuple[str, str], Sequence[Record]], languages: Mapping[str, str]) -> Iterator[Canary]:
    """Canaries of trials that passed through the pipeline, by the last word of their workload and by service."""
    for (workload, service), mine in records.items():
        for truth in _truths(workload, languages[service]):
            yield truth.judge(service, mine)
        if workload == "control.sleep-control-20ms":
            yield _labelled(service, mine)


def _truths(workload: str, language: str) -> Iterator[_Truth]:
    kind, _, variant = workload.partition("-control-")
    if kind == "control.noop":
        yield _Truth("noop: an iteration", 0.0, NOOP_NS[language], 1.0, "ns", _time, is_time=True)
    elif kind == "control.sleep":
        yield _Truth("sleep of 20 ms", SLEEP_NS, SLEEP_NS * (1 + SLEEP_SLACK), 1e6, "ms", _time, is_time=True)
    elif kind == "control.spin":
        yield _near("spin of 1 CPU second", SPIN_NS, SPIN_ERROR, 1e9, "s of CPU time", _cpu)
    elif kind == "control.alloc" and variant.endswith("-20ms"):
        name = f"alloc of 300 MiB held 20 ms, {variant.partition('-')[0]}: peak charged less level"
        yield _near(name, ALLOC_BYTES, ALLOC_ERROR, 1 << 20, "MiB", _rise(Name.PEAK_CHARGED, Name.CHARGED))
    elif kind == "control.alloc":
        name = f"alloc of 300 MiB held 50 ms, {variant.partition('-')[0]}: peak anonymous less level"
        yield _near(name, ALLOC_BYTES, ALLOC_ERROR, 1 << 20, "MiB", _rise(Name.PEAK_ANONYMOUS, Name.ANONYMOUS))


def _near(name: str, truth: float, error: float, scale: float, unit: str, seen: Callable[[Record], Seen]) -> _Truth:
    return _Truth(name, truth * (1 - error), truth * (1 + error), scale, unit, seen)


def _time(record: Record) -> Seen:
    return Seen(*value(record, "time"))


def _cpu(record: Record) -> Seen:
    return Seen(*value(record, "cpu"))


def _rise(peak: Name, level: Name) -> Callable[[Record], Seen]:
    """The highest peak of any turn less the level after prepare: what the work itself needed."""

    def seen(record: Record) -> Seen:
        after_prepare = [phase.readings.get(level) for phase in record.phases if phase.name == "prepare"]
        peaks = [turn.readings.get(peak) for turn in record.turns]
        known = [reading.value for reading in peaks if reading is not None and reading.value is not None]
        before = after_prepare[0] if after_prepare else None
        if before is None or before.value is None or len(known) < len(peaks) or not known:
            return Seen(None, _why([before, *peaks]))
        return Seen(float(max(known) - before.value))

    return seen


def _why(readings: Sequence[Reading | None]) -> str:
    return next((one.reason or "lost" for one in readings if one is not None and one.value is None), "lost")


def _labelled(service: str, records: Sequence[Record]) -> Canary:
    labelled = sum(gates.WAITS in record.labels for record in records)
    found = f"{labelled} of {len(records)} trials"
    state: State = "ok" if labelled == len(records) > 0 else "off"
    return Canary("sleep: labelled as waiting", service, "all trials", found, state)
