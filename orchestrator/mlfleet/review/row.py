"""From the fields of one row to an `Imported`: units, ranges, and what stands for "not known"."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from mlfleet.errors import UsageError, printable
from mlfleet.model import Metric, Param
from mlfleet.review.columns import COLUMNS, ENVIRONMENT, RANGES, SETTING, UNITS, UNKNOWN, Column, shown
from mlfleet.review.imported import Imported, Problem, Quality

# As CSV gives them all texts; JSON gives values.
Field = str | int | float | bool | None | Mapping[str, Param]
# Whole numbers beyond it are no counts of anything in such a table.
MOST_COUNT = 10**15
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
    known = {name: raw for name, raw in fields.items() if name in COLUMNS and not absent(raw)}
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
        payload=texts.get("payload", ""),
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
        problems=tuple(found.problems),
    )


def absent(raw: Field) -> bool:
    """Whether a table says with this that it does not know."""
    return raw is None or (isinstance(raw, str) and raw.strip().lower() in UNKNOWN)


def _has(found: _Found, name: str) -> bool:
    return name in found.texts or name in found.counts


def _device_in(name: str) -> dict[str, str]:
    said = {_DEVICES[word] for word in _WORD.findall(name.lower().replace("_", " ")) if word in _DEVICES}
    return {"device": said.pop()} if len(said) == 1 else {}


def _read(found: _Found, name: str, column: Column, raw: Field, fields: Mapping[str, Field]) -> None:
    match column.kind:
        case "text":
            found.texts[column.field] = _text(name, raw)
        case "count":
            found.counts[column.field] = _count(name, raw)
        case "span":
            found.train_rows = _span(name, raw)
        case "json":
            found.receipt = _object(name, raw)
        case "quality":
            found.qualities.append((name, column, _number(name, raw)))
        case "metric":
            _metric(found, name, column, _number(name, raw), _text("unit", fields.get(f"{name}_unit", "")))


def _metric(found: _Found, name: str, column: Column, number: float, unit: str) -> None:
    metric = cast(Metric, column.field)  # The table of columns says so.
    if metric in found.values or any(problem.metric == metric for problem in found.problems):
        raise UsageError(f"column {name}: a second column of {metric} in this row; one awaited")
    factor = column.factor
    if name in UNITS:
        units = UNITS[name]
        if unit not in units:
            told = f"found {printable(unit)!r}" if unit else "found nothing"
            raise UsageError(f"column {name}_unit: {told}, one of {', '.join(units)} awaited")
        factor = units[unit]
    text = f"{shown(name, number)} {unit}".strip()
    if not math.isfinite(number):
        found.problems.append(Problem("not_a_number", f"{name} is {number}, a finite number awaited", metric))
    elif number <= 0:
        found.problems.append(Problem("out_of_range", f"{name} is {text}, more than 0 awaited", metric))
    else:
        found.values[metric] = number * factor
        found.scope = column.scope or found.scope


def _quality(found: _Found, named: str) -> Quality | None:
    """The quality that the row names, else the first of its columns."""
    if not found.qualities:
        return None
    name, column, raw = next((one for one in found.qualities if one[0] == "quality_value"), found.qualities[0])
    metric = column.field or named or "quality"
    if not math.isfinite(raw):
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


def _text(name: str, raw: Field) -> str:
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise UsageError(f"column {name}: found {_found(raw)}, a text awaited")


def _number(name: str, raw: Field) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    try:
        # Python's `1_000` is nobody's number in a table.
        if isinstance(raw, str) and "_" not in raw:
            return float(raw)
    except ValueError:
        pass
    raise UsageError(f"column {name}: found {_found(raw)}, a number awaited")


def _count(name: str, raw: Field) -> int:
    number = _number(name, raw)
    if math.isfinite(number) and number == int(number) and 0 <= number <= MOST_COUNT:
        return int(number)
    raise UsageError(f"column {name}: found {_found(raw)}, a whole number of at least 0 awaited")


def _span(name: str, raw: Field) -> tuple[int, int]:
    low, dash, high = str(raw).partition("-")
    found = _count(name, low), _count(name, high if dash else low)
    if found[0] > found[1]:
        raise UsageError(f"column {name}: found {_found(raw)}, the smaller number first awaited")
    return found


def _object(name: str, raw: Field) -> Mapping[str, Param]:
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        value = None
    if not isinstance(value, Mapping) or not all(isinstance(v, bool | int | float | str) for v in value.values()):
        raise UsageError(f"column {name}: found {_found(raw)}, a JSON object of plain values awaited")
    return value


def _found(raw: Field) -> str:
    return printable(repr(raw))
