"""From the fields of one row to an `Imported`: units, ranges, and what stands for "not known"."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from mlfleet.errors import UsageError, printable
from mlfleet.model import Metric, Param
from mlfleet.review import fields as read
from mlfleet.review.columns import COLUMNS, ENVIRONMENT, RANGES, SETTING, UNITS, Column, shown
from mlfleet.review.fields import Field
from mlfleet.review.imported import Imported, Problem, Quality

METRICS: tuple[Metric, ...] = ("time", "cpu", "memory")
# ns or bytes: a millionth of one, and 30 million years. Beyond, differences of a table overflow.
LEAST, MOST = 1e-6, 1e24
# Nor is a larger quality one of anything.
MOST_QUALITY = 1e100
_WORD = re.compile(r"[A-Za-z0-9]+")
# What a row's name may say of a device that is not recorded.
_DEVICES = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu"}


@dataclass
class _Found:
    """What has been read of a row so far."""

    texts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    values: dict[Metric, float] = field(default_factory=dict)
    scope: str = ""
    receipt: Mapping[str, Param] = field(default_factory=dict)
    train_rows: tuple[int, int] | None = None
    qualities: list[tuple[str, Column, float]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def imported(place: str, fields: Mapping[str, Field]) -> Imported:
    """The row. Raises UsageError that names the column, what was found and what was awaited."""
    found = _Found()
    known = {name: raw for name, raw in fields.items() if name in COLUMNS and not read.absent(raw)}
    for name, raw in known.items():
        _read(found, name, COLUMNS[name], raw, known)
    texts = found.texts
    if "framework" not in texts:
        raise UsageError("column framework: found nothing, the framework's name awaited")
    workload = texts.get("workload") or " ".join(texts[name] for name in ("dataset", "model") if name in texts)
    if not workload:
        raise UsageError("columns workload, dataset and model: found nothing, what was measured awaited")
    environment = {name: texts.get(name) or str(found.counts[name]) for name in ENVIRONMENT if _has(found, name)}
    # A row without a device is matched by what its name says; that it is not recorded stays a reason.
    said = dict(environment) if "device" in environment else {**environment, **_device_in(texts.get("run", ""))}
    return Imported(
        place=place,
        framework=texts["framework"],
        cell=" ".join([workload, *(said[name] for name in SETTING if name in said)]),
        workload=workload,
        values=found.values,
        quality=_quality(found, texts.get("quality_metric", "")),
        payload=read.digest(texts.get("payload", "")),
        receipt=found.receipt,
        task=texts.get("task", ""),
        block=found.counts.get("block"),
        trials=found.counts.get("trials"),
        seed=found.counts.get("seed"),
        train_rows=found.train_rows,
        environment=environment,
        memory_scope=texts.get("memory_scope", found.scope),
        time_scope=texts.get("time_scope", ""),
        verdict=texts.get("verdict", ""),
        group=texts.get("group", ""),
        run=texts.get("run", ""),
        statistic={metric: texts[name].lower() for metric in METRICS if (name := f"{metric}_statistic") in texts},
        named={name: texts[name] for name in ("dataset", "model") if name in texts},
        problems=tuple(found.problems),
    )


def _has(found: _Found, name: str) -> bool:
    return name in found.texts or name in found.counts


def _device_in(name: str) -> dict[str, str]:
    said = {_DEVICES[word] for word in _WORD.findall(name.lower().replace("_", " ")) if word in _DEVICES}
    return {"device": said.pop()} if len(said) == 1 else {}


def _read(found: _Found, name: str, column: Column, raw: Field, fields: Mapping[str, Field]) -> None:
    match column.kind:
        case "text":
            found.texts[column.field] = read.text(name, raw)
        case "count":
            found.counts[column.field] = read.count(name, raw)
        case "span":
            found.train_rows = read.span(name, raw)
        case "json":
            found.receipt = read.receipt(name, raw)
        case "quality":
            found.qualities.append(_share(name, column, raw))
        case "metric":
            _metric(found, name, column, read.number(name, raw), read.text("unit", fields.get(f"{name}_unit", "")))


def _share(name: str, column: Column, raw: Field) -> tuple[str, Column, float]:
    """A quality with its column: "77%" is of the one in percent."""
    number, factor = read.share(name, raw)
    if factor == 1 or name.endswith("_percent"):
        return name, column, number
    return f"{name}_percent", replace(column, factor=factor), number


def _metric(found: _Found, name: str, column: Column, number: float, unit: str) -> None:
    metric = cast(Metric, column.field)  # The table of columns says so.
    if metric in found.values or any(problem.metric == metric for problem in found.problems):
        raise UsageError(f"column {name}: a second column of {metric} in this row; one awaited")
    factor = column.factor
    if name in UNITS:
        units = UNITS[name]
        if unit and unit not in units:
            raise UsageError(f"column {name}_unit: found {printable(unit)!r}, one of {', '.join(units)} awaited")
        factor = units.get(unit, math.nan)
    text = f"{shown(name, number)} {unit}".strip()
    if not math.isfinite(number):
        found.problems.append(Problem("not_a_number", f"{name} is {number}, a finite number awaited", metric))
    elif number <= 0:
        found.problems.append(Problem("out_of_range", f"{name} is {text}, more than 0 awaited", metric))
    elif math.isnan(factor):
        awaited = f"{name}_{next(iter(UNITS[name]))} or the like, or a column {name}_unit"
        found.problems.append(Problem("no_unit", f"{name} is {text} of no unit; {awaited} awaited", metric))
    elif not LEAST <= number * factor <= MOST:
        found.problems.append(Problem("out_of_range", f"{name} is {text}, which nothing measures", metric))
    else:
        found.values[metric] = number * factor
        found.scope = column.scope or found.scope


def _quality(found: _Found, named: str) -> Quality | None:
    """The quality that the row names, else the first of its columns."""
    if not found.qualities:
        return None
    name, column, raw = next((one for one in found.qualities if not one[1].field), found.qualities[0])
    metric = column.field or named or "quality"
    if not math.isfinite(raw) or abs(raw) > MOST_QUALITY:
        found.problems.append(Problem("not_a_number", f"{name} is {raw}, a finite number awaited"))
        return None
    low, high = RANGES.get(metric, (-math.inf, math.inf))
    value, text = raw * column.factor, shown(name, raw)
    fits = low <= value <= high
    if not fits:
        ends = [f"{end / column.factor:g}" for end in (low, high) if math.isfinite(end)]
        awaited = " to ".join(ends) if len(ends) > 1 else f"{'at least' if math.isfinite(low) else 'at most'} {ends[0]}"
        found.problems.append(Problem("out_of_range", f"{metric} is {text}, {awaited} awaited"))
    return Quality(metric, value, text, fits)
