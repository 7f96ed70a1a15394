"""Suites: named workloads, read strictly and checked in full before anything is built or launched."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, NoReturn, TypeVar, get_args

from mlfleet import datasets, tasks
from mlfleet.errors import UsageError, printable, unknown
from mlfleet.looks import BUDGET_S, LOOKS
from mlfleet.model import Workload
from mlfleet.stats import MIN_BLOCKS
from mlfleet.suites.strict_toml import Document, read

Schedule = Literal["short", "standard"]
Threads = Literal["1", "all"]
Metric = Literal["time", "cpu", "memory"]

WORKLOADS = 1000
BLOCKS = 100
# Seconds: no iteration of a suite is told to take longer.
HOUR = 3600
_T = TypeVar("_T")
_SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
_THREADS: tuple[Threads, ...] = get_args(Threads)
_METRICS: tuple[Metric, ...] = get_args(Metric)
_SUITE_KEYS = ("name", "blocks", "schedule", "threads", "memory", "budget", "limit", "margin", "metrics", "latency")
_WORKLOAD_KEYS = ("name", "task", "dataset", "params", "seconds")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SIZE = re.compile(r"(\d{1,6}) (MiB|GiB)")
_SPAN = re.compile(r"(\d{1,6}) (s|min|h)")
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30}
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_SUFFIX = ".toml"
_BLOCKS = f'"looks", or a whole number from {MIN_BLOCKS} to {BLOCKS}; fewer than {MIN_BLOCKS} decide nothing'


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
    top = _Table(document, "", 0, document.data, ("suite", "workload"))
    table = _Table(document, "suite", 0, top.take("suite", "a [suite] table", _table), _SUITE_KEYS)
    rows = top.take("workload", f"1 to {WORKLOADS} [[workload]] tables", _rows)
    found = [_workload(document, number, row) for number, row in enumerate(rows)]
    blocks, looks = table.take("blocks", _BLOCKS, _blocks)
    suite = Suite(
        name=table.take("name", _NAME.pattern, _name),
        blocks=blocks,
        schedule=table.take("schedule", _listed(_SCHEDULES), _word(_SCHEDULES), "standard"),
        threads=table.take("threads", f"a list of {_listed(_THREADS)}", _words(_THREADS), ("1",)),
        memory_bytes=table.take("memory", 'a size such as "2 GiB"', _quantity(_SIZE, _BYTES)),
        budget_seconds=table.take("budget", 'a span such as "15 min"', _quantity(_SPAN, _SECONDS), BUDGET_S),
        margin=table.take("margin", "a number above 0 and at most 1", _margin, 0.03),
        metrics=table.take("metrics", f"a list of {_listed(_METRICS)}", _words(_METRICS), ("time", "memory")),
        latency=table.take("latency", "true or false", lambda value: value if isinstance(value, bool) else None, False),
        workloads=tuple(workload for workload, _ in found),
        looks=looks,
        limit_seconds=table.take("limit", 'a span such as "15 min"', _quantity(_SPAN, _SECONDS), 0) or None,
        iteration_seconds={workload.name: seconds for workload, seconds in found if seconds},
    )
    _refuse_twins(document, [workload.name for workload in suite.workloads])
    return suite


def _workload(document: Document, number: int, row: object) -> tuple[Workload, float]:
    """A workload, and the seconds of an iteration (0: not worth telling)."""
    table = _Table(document, "workload", number, row, _WORKLOAD_KEYS)
    name = table.take("name", _NAME.pattern, _name)
    task_name = table.take("task", "the name of a task", _text)
    dataset = table.take("dataset", "the name of a dataset", _text)
    seconds = table.take("seconds", "a number from 0 to 3600", _iteration, 0.0)
    none: dict[str, object] = {}
    params = table.take("params", "a table of parameters", _table, none)
    try:
        task = tasks.get(task_name)
        task.check_target(dataset, datasets.entry(dataset).target)
        return Workload(name, task_name, dataset, task.check_params(params)), seconds
    except UsageError as error:
        table.refuse(str(error))


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _refuse_twins(document: Document, names: list[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            document.refuse(f"workload {name!r}: the name stands twice", "workload", number)


class _Table:
    """One table of a document, whose keys are taken one by one; what is wrong is told with its line."""

    def __init__(self, document: Document, name: str, number: int, value: object, known: tuple[str, ...]) -> None:
        self._document, self._name, self._number, self._title = document, name, number, name
        if not isinstance(value, dict):
            self.refuse(f"{printable(repr(value))} is no table")
        self._values: dict[str, object] = value
        if name and "name" in value:
            self._title = f"{name} {printable(str(value['name']))!r}"
        for key in value:
            if key not in known:
                self.refuse(str(unknown("key", key, known)), key)

    def refuse(self, sentence: str, key: str = "") -> NoReturn:
        """Raise UsageError with file, line (of the key, where it is known) and place."""
        place = f"{self._title}: " if self._title else ""
        self._document.refuse(place + sentence, self._name, self._number, key)

    def take(self, key: str, awaited: str, parse: Callable[[object], _T | None], default: _T | None = None) -> _T:
        """The parsed value, or the default where the key is absent; `parse` answers None to what it refuses."""
        if key not in self._values:
            if default is not None:
                return default
            self.refuse(f"{key} is missing; awaited: {awaited}")
        parsed = parse(self._values[key])
        if parsed is None:
            self.refuse(f"{key} is {printable(repr(self._values[key]))}; awaited: {awaited}", key)
        return parsed


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _table(value: object) -> dict[str, object] | None:
    return value if isinstance(value, dict) else None


def _blocks(value: object) -> tuple[int, tuple[int, ...]] | None:
    """The blocks of a suite and its looks: the last look is the most."""
    if value == "looks":
        return LOOKS[-1], LOOKS
    return (value, ()) if type(value) is int and MIN_BLOCKS <= value <= BLOCKS else None


def _margin(value: object) -> float | None:
    return float(value) if type(value) in {int, float} and isinstance(value, int | float) and 0 < value <= 1 else None


def _iteration(value: object) -> float | None:
    found = float(value) if type(value) in {int, float} and isinstance(value, int | float) else -1.0
    return found if 0 <= found <= HOUR else None


def _rows(value: object) -> list[object] | None:
    return value if isinstance(value, list) and 1 <= len(value) <= WORKLOADS else None


def _word(words: tuple[_T, ...]) -> Callable[[object], _T | None]:
    return lambda value: next((word for word in words if word == value), None)


def _words(words: tuple[_T, ...]) -> Callable[[object], tuple[_T, ...] | None]:
    def parse(value: object) -> tuple[_T, ...] | None:
        if not isinstance(value, list) or not value or any(item not in words for item in value):
            return None
        return tuple(word for word in words if word in value) if len(set(value)) == len(value) else None

    return parse


def _quantity(pattern: re.Pattern[str], units: Mapping[str, int]) -> Callable[[object], int | None]:
    def parse(value: object) -> int | None:
        found = pattern.fullmatch(value) if isinstance(value, str) else None
        return int(found[1]) * units[found[2]] or None if found else None

    return parse
