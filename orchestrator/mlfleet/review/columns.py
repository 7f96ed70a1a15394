"""The columns that a table may have: what each means, and its unit as its name says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mlfleet.model import Metric

Kind = Literal["text", "count", "metric", "quality", "json", "span"]


@dataclass(frozen=True)
class Column:
    """One known column. `field`: of a row; of a metric its name. `factor`: to ns, bytes or shares."""

    field: str
    kind: Kind
    factor: float = 1.0
    # Memory only: what such a column covers, where its name says it.
    scope: str = ""


NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12}
DECIMAL = {"bytes": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}
BYTES = {**DECIMAL, "kib": float(1 << 10), "mib": float(1 << 20), "gib": float(1 << 30)}
# Of `time_unit` and `memory_unit`.
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType({"time": NS, "memory": BYTES})
# What distinguishes cells beside the workload: rows that differ here are never paired.
SETTING = ("device", "setting", "threads")
# What must be equal between two rows that are compared.
ENVIRONMENT = ("device", "setting", "threads", "runtime", "environment", "host", "dtype")
# Ranges of qualities. A share may also be given in percent, by the column's name.
RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("accuracy", "precision", "recall", "f1", "f1_macro", "f1_score", "auc", "exact_match", "equal"), (0.0, 1.0)
        ),
        **dict.fromkeys(("ari", "nmi", "silhouette"), (-1.0, 1.0)),
        "r2": (float("-inf"), 1.0),
        **dict.fromkeys(("mse", "rmse", "mae", "loss", "inertia"), (0.0, float("inf"))),
        "perplexity": (1.0, float("inf")),
    }
)


def _metric(name: Metric, stem: str, units: Mapping[str, float], scope: str = "") -> dict[str, Column]:
    return {f"{stem}_{unit}": Column(name, "metric", factor, scope) for unit, factor in units.items()}


def _text(*names: str) -> dict[str, Column]:
    return {name: Column(name, "text") for name in names}


COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        **_text("framework", "workload", "dataset", "model", "task", "quality_metric", "memory_scope", "time_scope"),
        **_text("device", "setting", "runtime", "environment", "host", "dtype", "verdict", "group"),
        **_text("run", "time_unit", "memory_unit", "time_statistic", "cpu_statistic"),
        "payload_sha256": Column("payload", "text"),
        "payload_digest": Column("payload", "text"),
        **{name: Column(name, "count") for name in ("threads", "block", "trials", "seed")},
        "train_rows": Column("train_rows", "span"),
        "receipt": Column("receipt", "json"),
        "time": Column("time", "metric"),
        "memory": Column("memory", "metric"),
        **_metric("time", "time", NS),
        **_metric("cpu", "cpu", NS),
        **_metric("memory", "memory", BYTES),
        **_metric("memory", "peak_memory", BYTES),
        # As `mlfleet run` writes it.
        "peak_anonymous_bytes": Column("memory", "metric", 1.0, "anonymous memory of the service"),
        "quality_value": Column("", "quality"),
        **{name: Column(name, "quality") for name in RANGES},
        **{f"{name}_percent": Column(name, "quality", 0.01) for name, (_, high) in RANGES.items() if high == 1.0},
    }
)
# Where one stands who has learnt nothing: at or below it equal qualities prove no work.
NOTHING_LEARNT: Mapping[str, float] = MappingProxyType(
    {**dict.fromkeys(RANGES.keys() - {"silhouette"} - {name for name, (_, high) in RANGES.items() if high != 1.0}, 0.0)}
    | {"auc": 0.5}
)
# How tables write that they do not know.
UNKNOWN = frozenset({"", "unknown", "n/a", "na", "none", "null", "-", "?"})


def shown(column: str, raw: float) -> str:
    """A value as the table has it, with the unit that the column's name says: "7765 %", "41.3 s"."""
    unit = column.rpartition("_")[2]
    words = {"percent": " %", **{name: f" {name}" for name in (*NS, *BYTES)}}
    return f"{raw:.6g}{words.get(unit, '') if '_' in column else ''}"


# What `mlfleet review --columns` says: every field, with what it is for.
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "framework": "whom the row is of; must be there",
        "workload": "what was measured, or dataset and model together; must be there",
        "task": "algorithm and operation; of one that mlfleet has, its rules say which receipt keys may differ",
        "time, cpu": f"of one trial, above 0: time_UNIT, cpu_UNIT with {', '.join(NS)}, or time beside time_unit",
        "memory": f"memory_UNIT or peak_memory_UNIT with {', '.join(BYTES)}, or memory beside memory_unit",
        "memory_scope": "what that memory is of: a process, a container, a host",
        "time_scope": "process where the time covers start-up; equal on both sides otherwise",
        "time_statistic, cpu_statistic": "single where each row is one trial; best, mean or median are summaries",
        "block": "trials of one block were measured in turn, and are paired",
        "trials": "how many trials the row sums up, 1 where it does not",
        "payload_sha256": "digest of what it worked on; also payload_digest",
        "train_rows, seed": "rows trained on (one number, or 50000-60000) and the seed; where both say them, equal",
        "receipt": 'the work that ran, as JSON: {"epochs": 5, "samples": 250000}',
        "quality_metric, quality_value": f"or a column of its name: {', '.join(RANGES)}; shares also with _percent",
        ", ".join(ENVIRONMENT): "what it ran on; equal on both sides",
        "verdict, group, run": (
            "as mlfleet writes them: blocks of different runs are different blocks, "
            "and a device that is not recorded is looked for in the run's name"
        ),
    }
)
