"""What report.json is, as types: its schema is made of them, and a test reads real reports by them."""

from collections.abc import Mapping
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet.ledger_lines import StopBody
from mlfleet.model import STRICT, Metric, Setting
from mlfleet.outcomes import Outcome
from mlfleet.report.compared import What
from mlfleet.report.throughput import Throughput
from mlfleet.resolution import Resolution
from mlfleet.summary import Standing
from mlfleet.verdict import TurnFlag, Verdict

Unit = Literal["ns", "bytes"]
Percentile = Literal["p95", "p99"]
Level = Literal["anonymous", "charged"]


@dataclass(frozen=True, config=STRICT)
class Interval:
    """A level with its interval at `level`; ns or bytes."""

    point: float
    low: float
    high: float
    level: float
    blocks: int
    unit: Unit


@dataclass(frozen=True, config=STRICT)
class Spread:
    """Over the trials of a cell."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, config=STRICT)
class Contestant:
    """A service of the run before any work: bytes of its image, of its own layers, and of memory at rest.

    What is null has its reason under `own_absent` or `idle_absent`.
    """

    framework: str
    image: str
    size_bytes: int | None
    own_bytes: int | None
    own_absent: str | None
    idle: Mapping[Level, Spread | None]
    idle_absent: Mapping[Level, str]


@dataclass(frozen=True, config=STRICT)
class Scored:
    """Quality and agreement of a cell; a metric that is null has its reason under `absent`."""

    decides: str
    metrics: Mapping[str, Spread | None]
    agreement: Mapping[str, Spread | None]
    absent: Mapping[str, str]


@dataclass(frozen=True, config=STRICT)
class Flagged:
    """Turns with a flag, their share of all, and the share of each flag."""

    turns: int
    share: float | None
    flags: Mapping[TurnFlag, float]


@dataclass(frozen=True, config=STRICT)
class Cell:
    """One framework in one workload."""

    workload: str
    framework: str
    image: str
    setting: Setting
    verdict: Verdict
    reasons: tuple[str, ...]
    estimates: Mapping[Metric, Interval | None]
    absent: Mapping[Metric, str]
    percentiles: Mapping[Percentile, Interval | None]
    percentiles_absent: Mapping[Percentile, str]
    throughput: Throughput | None
    # Why it is null.
    throughput_absent: str | None
    cpus_used: float | None
    version: str
    trials: int
    verdicts: Mapping[Verdict, int]
    labels: Mapping[str, int]
    turns: int
    flagged: Flagged
    quality: Scored | None


@dataclass(frozen=True, config=STRICT)
class Unflagged:
    """The estimate without the flagged turns, in the unit of the comparison's."""

    low: float | None
    point: float | None
    high: float | None
    blocks: int


@dataclass(frozen=True, config=STRICT)
class Difference:
    """Contestant less baseline, where there can be no ratio."""

    point: float | None
    low: float | None
    high: float | None
    unit: Unit


@dataclass(frozen=True, config=STRICT)
class Sides:
    """Medians of both sides over the blocks in which both are ok."""

    baseline: float | None
    contestant: float | None
    unit: Unit


@dataclass(frozen=True, config=STRICT)
class Comparison:
    """One metric of one pair. A refused one has no ratio, level or interval; an inconclusive one no point."""

    workload: str
    setting: Setting
    metric: Metric
    baseline: str
    contestant: str
    outcome: Outcome
    ratio: float | None
    low: float | None
    high: float | None
    level: float | None
    half_width: float | None
    blocks: int
    reasons: tuple[str, ...]
    marks: tuple[str, ...]
    p: float | None
    tested_level: float | None
    unflagged: Unflagged | None
    resolution: float | None
    difference: Difference | None
    values: Sides
    compares: What | None


@dataclass(frozen=True, config=STRICT)
class Multiplicity:
    """How many comparisons were tested, in how many families, and how many of these hold a small enough p."""

    alpha: float
    comparisons: int
    families: int
    selected: int


@dataclass(frozen=True, config=STRICT)
class Mean:
    """The geometric mean of one framework's ratios; no interval below 8 workloads."""

    framework: str
    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True, config=STRICT)
class Summary:
    """All workloads of one baseline in one metric; no means where `reason` says why."""

    metric: Metric
    setting: Setting
    baseline: str
    frameworks: tuple[str, ...]
    workloads: Mapping[str, Standing]
    reason: str | None
    means: tuple[Mean, ...]


@dataclass(frozen=True, config=STRICT)
class Advice:
    """Turns a trial for a workload; null where `reason` says why. Deviations are of ln(time)."""

    workload: str
    turns: int | None
    reason: str | None
    used: int
    sd_between_turns: float
    sd_between_trials: float
    trial_s: float
    turn_s: float


@dataclass(frozen=True, config=STRICT)
class Report:
    """report.json: a run's cells and comparisons with exact numbers. results/README.md says what each field means."""

    run: str
    contestants: tuple[Contestant, ...]
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    stops: tuple[StopBody, ...]
    multiplicity: Multiplicity
    resolution: Resolution | None
    summaries: tuple[Summary, ...]
    advice: tuple[Advice, ...]
