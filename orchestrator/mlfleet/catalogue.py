"""Suites: named workloads, read strictly and checked in full before anything is built or launched."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, get_args

from mlfleet import datasets, tasks
from mlfleet.errors import UsageError, unknown
from mlfleet.looks import BUDGET_S, LOOKS
from mlfleet.model import Workload
from mlfleet.stats import MIN_BLOCKS
from mlfleet.suites.strict_toml import Document, read
from mlfleet.suites.table import Table
from mlfleet.suites.values import list_of, listed, quantity, word, words

Schedule = Literal["short", "standard"]
Threads = Literal["1", "all"]
Metric = Literal["time", "cpu", "memory"]

WORKLOADS = 1000
BLOCKS = 100
# Seconds: no iteration of a suite is told to take longer.
HOUR = 3600
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
THREADS: tuple[Threads, ...] = get_args(Threads)
METRICS: tuple[Metric, ...] = get_args(Metric)
SUITE_KEYS = ("name", "blocks", "schedule", "threads", "memory", "budget", "limit", "margin", "metrics", "latency")
WORKLOAD_KEYS = (
    *("name", "task", "dataset", "params", "seconds"),
    *("blocks", "budget", "margin", "schedule", "threads", "memory", "metrics"),
)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SIZE = re.compile(r"(\d{1,6}) (MiB|GiB)")
SPAN = re.compile(r"(\d{1,6}) (s|min|h)")
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30}
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_SUFFIX = ".toml"
_FIXED = f"a whole number from {MIN_BLOCKS} to {BLOCKS}; fewer than {MIN_BLOCKS} decide nothing"
_BLOCKS = f'"looks", or {_FIXED}'
_BUDGET, _MARGIN = 'a span such as "15 min"', "a number above 0 and at most 1"
_MEMORY = 'a size such as "2 GiB"'


@dataclass(frozen=True)
class Own:
    """What a workload has otherwise than its suite; None: as the suite has it. Its own `blocks` are all measured."""

    blocks: int | None = None
    budget_seconds: int | None = None
    margin: float | None = None
    threads: tuple[Threads, ...] | None = None
    schedule: Schedule | None = None
    memory_bytes: int | None = None
    metrics: tuple[Metric, ...] | None = None


@dataclass(frozen=True)
class Suite:
    """What a run measures and how: `memory_bytes` of each container, `budget_seconds` of each workload.

    `blocks` are fixed beforehand, or the most where a workload may stop at one of the `looks`; `margin` is the ratio
    below which two are called equivalent.
    """

    name: str
    blocks: int
    schedule: Schedule
    threads: tuple[Threads, ...]
    memory_bytes: int
    budget_seconds: int
    margin: float
    metrics: tuple[Metric, ...]
    workloads: tuple[Workload, ...]
    looks: tuple[int, ...] = ()
    # Whether each trial ends with single iterations, timed one by one.
    latency: bool = False
    # What all of it may take; the plan leaves out workloads that do not fit. None: as long as it takes.
    limit_seconds: int | None = None
    # By workload: what an iteration takes, on average over frameworks, where it is long enough to matter to a forecast.
    iteration_seconds: Mapping[str, float] = field(default_factory=dict)
    # By workload: what it has otherwise.
    own: Mapping[str, Own] = field(default_factory=dict)

    def own_of(self, workload: str) -> Own:
        """What that workload has otherwise."""
        return self.own.get(workload, Own())

    def threads_of(self, workload: str) -> tuple[Threads, ...]:
        """The settings in which that workload is measured."""
        return self.own_of(workload).threads or self.threads

    def metrics_of(self, workload: str) -> tuple[Metric, ...]:
        """What is compared of that workload."""
        return self.own_of(workload).metrics or self.metrics

    def shortened(self) -> "Suite":
        """Every workload in short trials that end with their turns."""
        own = {name: replace(one, schedule=None) for name, one in self.own.items()}
        return replace(self, schedule="short", latency=False, own=own)

    def fixed(self, blocks: int) -> "Suite":
        """Exactly so many blocks of every workload, no looks.

        A budget is of those: what a suite gives them must not keep a disturbed block from being measured again.
        """
        own = {name: replace(one, blocks=None, budget_seconds=None) for name, one in self.own.items()}
        return replace(self, blocks=blocks, looks=(), budget_seconds=BUDGET_S, own=own)

    def on(self, threads: Threads) -> "Suite":
        """Every workload in that setting alone."""
        own = {name: replace(one, threads=None) for name, one in self.own.items()}
        return replace(self, threads=(threads,), own=own)


def suite_names() -> list[str]:
    """The suites of this package."""
    found = (item.name for item in files("mlfleet.suites").iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def load_suite(name_or_path: str) -> Suite:
    """A suite by name, or a file of the user's: what holds a slash or ends in .toml. Raises UsageError."""
    if os.sep in name_or_path or name_or_path.endswith(_SUFFIX):
        return _suite(read(Path(name_or_path)))
    if name_or_path not in suite_names():
        raise unknown("suite", name_or_path, suite_names())
    with as_file(files("mlfleet.suites") / (name_or_path + _SUFFIX)) as path:
        return _suite(read(path))


def _suite(document: Document) -> Suite:
    top = Table(document, "", 0, document.data, ("suite", "workload"))
    table = Table(document, "suite", 0, top.take("suite", "a [suite] table", _table), SUITE_KEYS)
    rows = top.take("workload", f"1 to {WORKLOADS} [[workload]] tables", _rows)
    found = [_workload(document, number, row) for number, row in enumerate(rows)]
    blocks, looks = table.take("blocks", _BLOCKS, _blocks)
    suite = Suite(
        name=table.take("name", NAME.pattern, _name),
        blocks=blocks,
        schedule=table.take("schedule", listed(SCHEDULES), word(SCHEDULES), "standard"),
        threads=table.take("threads", list_of(THREADS), words(THREADS), ("1",)),
        memory_bytes=table.take("memory", _MEMORY, quantity(SIZE, _BYTES)),
        budget_seconds=table.take("budget", _BUDGET, quantity(SPAN, _SECONDS), BUDGET_S),
        margin=table.take("margin", _MARGIN, _margin, 0.03),
        metrics=table.take("metrics", list_of(METRICS), words(METRICS), ("time", "memory")),
        latency=table.take("latency", "true or false", lambda value: value if isinstance(value, bool) else None, False),
        workloads=tuple(workload for workload, _, _ in found),
        looks=looks,
        limit_seconds=table.take("limit", _BUDGET, quantity(SPAN, _SECONDS), 0) or None,
        iteration_seconds={workload.name: seconds for workload, seconds, _ in found if seconds},
        own={workload.name: own for workload, _, own in found if own != Own()},
    )
    _refuse_twins(document, [workload.name for workload in suite.workloads])
    return suite


def _workload(document: Document, number: int, row: object) -> tuple[Workload, float, Own]:
    """A workload, the seconds of an iteration (0: not worth telling), and what it has otherwise than the suite."""
    table = Table(document, "workload", number, row, WORKLOAD_KEYS)
    name = table.take("name", NAME.pattern, _name)
    task_name = table.take("task", "the name of a task", _text)
    dataset = table.take("dataset", "the name of a dataset", _text)
    seconds = table.take("seconds", "a number from 0 to 3600", _iteration, 0.0)
    own = _own(table)
    none: dict[str, object] = {}
    params = table.take("params", "a table of parameters", _table, none)
    try:
        task = tasks.get(task_name)
        task.check_target(dataset, datasets.entry(dataset).target)
        return Workload(name, task_name, dataset, task.check_params(params)), seconds, own
    except UsageError as error:
        table.refuse(str(error))


def _own(table: Table) -> Own:
    return Own(
        blocks=table.maybe("blocks", _FIXED, _fixed),
        budget_seconds=table.maybe("budget", _BUDGET, quantity(SPAN, _SECONDS)),
        margin=table.maybe("margin", _MARGIN, _margin),
        threads=table.maybe("threads", list_of(THREADS), words(THREADS)),
        schedule=table.maybe("schedule", listed(SCHEDULES), word(SCHEDULES)),
        memory_bytes=table.maybe("memory", _MEMORY, quantity(SIZE, _BYTES)),
        metrics=table.maybe("metrics", list_of(METRICS), words(METRICS)),
    )


def _refuse_twins(document: Document, names: list[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            document.refuse(f"workload {name!r}: the name stands twice", "workload", number)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and NAME.fullmatch(value) else None


def _table(value: object) -> dict[str, object] | None:
    return value if isinstance(value, dict) else None


def _blocks(value: object) -> tuple[int, tuple[int, ...]] | None:
    """The blocks of a suite and its looks: the last look is the most."""
    if value == "looks":
        return LOOKS[-1], LOOKS
    return (fixed, ()) if (fixed := _fixed(value)) else None


def _fixed(value: object) -> int | None:
    return value if type(value) is int and MIN_BLOCKS <= value <= BLOCKS else None


def _margin(value: object) -> float | None:
    return float(value) if type(value) in {int, float} and isinstance(value, int | float) and 0 < value <= 1 else None


def _iteration(value: object) -> float | None:
    found = float(value) if type(value) in {int, float} and isinstance(value, int | float) else -1.0
    return found if 0 <= found <= HOUR else None


def _rows(value: object) -> list[object] | None:
    return value if isinstance(value, list) and 1 <= len(value) <= WORKLOADS else None
