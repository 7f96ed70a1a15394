"""One row of somebody else's table, in our units; what it does not say is None or empty, never a guess."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlfleet.model import Metric, Param


@dataclass(frozen=True, slots=True)
class Quality:
    """A quality as the table has it: `value` as a share where the metric is one."""

    metric: str
    value: float
    # "7765 %".
    shown: str
    # Whether it lies where the metric can lie.
    in_range: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value of the row, such as `not_a_number` or `out_of_range`."""

    code: str
    detail: str
    # The metric it concerns; None: the quality, and so all of them.
    metric: Metric | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A row. `place`: "line 5" of a CSV, "record 3" of JSON."""

    place: str
    framework: str
    # What may be paired with what: the workload with the device and threads it ran on.
    cell: str
    workload: str
    # ns, ns, bytes.
    values: Mapping[Metric, float] = field(default_factory=dict)
    quality: Quality | None = None
    payload: str = ""
    receipt: Mapping[str, Param] = field(default_factory=dict)
    task: str = ""
    block: int | None = None
    # How many trials the row sums up; None: not said, so one.
    trials: int | None = None
    seed: int | None = None
    # Least and most rows that were trained on.
    train_rows: tuple[int, int] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    # What a metric's value is of several trials, such as their best or their mean; absent: the value of one.
    statistic: Mapping[Metric, str] = field(default_factory=dict)
    memory_scope: str = ""
    time_scope: str = ""
    verdict: str = ""
    group: str = ""
    # Blocks of different runs are different blocks.
    run: str = ""
    # Data set and model, where the table names them beside the workload.
    named: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
