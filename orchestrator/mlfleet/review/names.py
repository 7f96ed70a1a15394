"""How strangers call the columns: "Library", "Training Time (s)", "peakMemoryMB", "acc" are columns that we know."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from mlfleet.review.columns import BYTES, COLUMNS, NS
from mlfleet.review.fields import Field, is_number

# Other words for a column, the surest first: of two in one table the surer is read, and the other is said not to be.
_SAME: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "framework": ("library", "lib", "package", "implementation", "impl", "backend", "engine", "tool", "system"),
        "workload": ("benchmark", "case", "experiment"),
        "dataset": ("data_set", "data"),
        "model": ("network", "architecture", "algorithm", "algo"),
        "threads": ("num_threads", "n_threads", "nthreads"),
        "payload_sha256": ("payload_hash", "data_sha256", "dataset_sha256", "input_sha256"),
        "time": (
            *("wall_time", "walltime", "wall_clock_time", "wall_clock", "wall", "elapsed_time", "elapsed", "duration"),
            *("run_time", "runtime", "execution_time", "exec_time", "total_time", "training_time", "train_time"),
            *("fit_time", "inference_time", "latency"),
        ),
        "cpu": ("cpu_time",),
        "memory": (
            *("peak_memory", "peak_mem", "peak_memory_usage", "peak_rss", "max_rss", "max_memory", "memory_usage"),
            *("mem_usage", "memory_used", "mem", "rss", "ram"),
        ),
        "accuracy": ("acc", "test_accuracy", "test_acc", "final_accuracy", "top1_accuracy", "val_accuracy", "val_acc"),
    }
)
_WORDS = {name: (column, rank) for column, names in _SAME.items() for rank, name in enumerate((column, *names))}
_UNITS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in (*NS, *BYTES, "percent")},
        **dict.fromkeys(("nanosecond", "nanoseconds", "nanos"), "ns"),
        **dict.fromkeys(("microsecond", "microseconds", "micros", "usec"), "us"),
        **dict.fromkeys(("millisecond", "milliseconds", "millis", "msec"), "ms"),
        **dict.fromkeys(("second", "seconds", "secs", "sec"), "s"),
        **dict.fromkeys(("minute", "minutes", "mins"), "min"),
        **dict.fromkeys(("hour", "hours", "hr"), "h"),
    }
)
# What stands for several trials: no interval can come of it.
_STATISTICS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("best", "min", "minimum", "fastest"), "best"),
        **dict.fromkeys(("max", "maximum", "worst", "slowest"), "worst"),
        **dict.fromkeys(("mean", "avg", "average"), "mean"),
        **dict.fromkeys(("median", "p50"), "median"),
    }
)


@dataclass(frozen=True)
class Called:
    """The column that a name stands for. `statistic`: of which trials, where the name says more than one."""

    column: str
    statistic: str = ""
    # 0 is the column's own name.
    rank: int = 0


@lru_cache(maxsize=4096)
def called(name: str) -> Called | None:
    """What a column's name means; None where nothing."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", re.sub(r"[KMG]i?B\b", lambda unit: f"_{unit[0].lower()}", name))
    plain = split.lower().replace("%", " percent ").replace("µ", "u")
    plain = "_".join(re.findall(r"[^\W_]+", plain))
    if plain in COLUMNS:
        return Called(plain, rank=int(plain != name))
    words = plain.split("_")
    unit = _UNITS.get(words[-1], "")
    if unit:
        words = words[:-1]
    stem, statistic = "_".join(words), ""
    if stem not in _WORDS:
        statistic = next((_STATISTICS[word] for word in (words[:1] + words[-1:]) if word in _STATISTICS), "")
        stem = "_".join(word for word in words if _STATISTICS.get(word) != statistic)
    if not stem and unit in {*NS, *BYTES}:
        stem = "time" if unit in NS else "memory"
    column, rank = _WORDS.get(stem, (stem, 0))
    whole = f"{column}_{unit}" if unit else column
    if whole not in COLUMNS or (statistic and column not in {"time", "cpu"}):
        return None
    return Called(whole, statistic, rank + 1)


def named(fields: Mapping[str, Field]) -> tuple[dict[str, Called], dict[str, Field]]:
    """What each name was read as, and the fields under our columns' names.

    Our own names are all read; of strangers' names for one column the surest, and of equally sure ones the first.
    """
    calls = {name: one for name in fields if (one := _called_in(name, fields))}
    surest: dict[str, int] = {}
    for one in calls.values():
        surest[_field(one)] = min(one.rank, surest.get(_field(one), one.rank))
    read: dict[str, Called] = {}
    for name, one in calls.items():
        if one.rank == 0 or (one.rank == surest[_field(one)] and all(_field(one) != _field(o) for o in read.values())):
            read[name] = one
    found = {one.column: fields[name] for name, one in read.items()}
    return read, found | {f"{_field(one)}_statistic": one.statistic for one in read.values() if one.statistic}


def _field(one: Called) -> str:
    return COLUMNS[one.column].field or one.column


def _called_in(name: str, fields: Mapping[str, Field]) -> Called | None:
    """What a name means beside the others, and with its value."""
    one = called(name)
    if one and one.column == "runtime" and is_number(fields[name]):
        # A time, not a runtime such as docker.
        return Called("time", rank=1)
    stem, _, unit = one.column.rpartition("_") if one else ("", "", "")
    if unit == "min" and any(f"{stem}_{word}" in fields for word in (*_STATISTICS.keys() - {"min"}, "std")):
        # Beside a time_max or time_mean it is no time in minutes.
        return Called(stem, "best", rank=1)
    return one
