"""What a report must say of each cell and comparison, as plain values."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from mlfleet.verify import numbers
from mlfleet.verify.estimates import Interval
from mlfleet.verify.outcomes import METRICS, CellNumbers, Decided
from mlfleet.verify.plain import Json, Node
from mlfleet.verify.plan import Run
from mlfleet.verify.rate import per_second

UNITS: Mapping[str, str] = {"time": "ns", "cpu": "ns", "memory": "bytes"}


def cell_of(run: Run, workload: str, framework: str, cell: CellNumbers) -> dict[str, Json]:
    """A cell as a report must give it."""
    fine = [one for one in cell.trials if one.verdict == "ok"]
    turns = [turn for one in fine for turn in one.turns]
    flags = Counter(flag for turn in turns for flag in turn.flags)
    flagged = sum(bool(turn.flags) for turn in turns)
    time, cpu = cell.intervals["time"], cell.intervals["cpu"]
    labels = Counter(node.text() for one in cell.trials for node in one.nodes("labels"))
    contestant = run.contestant(framework)
    image, identity = contestant["service"]["image"].text(), contestant.get("identity")
    return {
        "image": image,
        "version": identity["version"].text() if identity else image.rpartition(":")[2],
        "setting": run.setting,
        "verdict": cell.verdict,
        "trials": len(cell.trials),
        "reasons": [*cell.codes],
        "absent": {name: why for name, why in cell.absent.items() if name in METRICS},
        "estimates": {name: _estimate(name, cell.intervals[name]) for name in METRICS},
        "percentiles": {name: _estimate("time", cell.intervals[name]) for name in numbers.PERCENTILES},
        "percentiles_absent": {name: why for name, why in cell.absent.items() if name in numbers.PERCENTILES},
        **_throughput(run, workload, cell),
        "cpus_used": cpu.ratio[1] / time.ratio[1] if time and cpu else None,
        "verdicts": {**Counter(one.verdict for one in cell.trials)},
        "labels": {**labels},
        "turns": len(turns),
        "flagged": {
            "turns": flagged,
            "share": flagged / len(turns) if turns else None,
            "flags": {flag: count / len(turns) for flag, count in flags.items()},
        },
        "quality": _quality(cell),
    }


def _estimate(metric: str, interval: Interval | None) -> Json:
    if interval is None:
        return None
    low, point, high = interval.ratio
    ends: dict[str, Json] = {"point": point, "low": low, "high": high}
    return ends | {"level": interval.level, "blocks": interval.blocks, "unit": UNITS[metric]}


def _throughput(run: Run, workload: str, cell: CellNumbers) -> dict[str, Json]:
    found, why = per_second(run, workload, cell)
    work, time = run.workload(workload), cell.intervals["time"]
    if found is None or work is None or time is None:
        return {"throughput": None, "throughput_absent": why}
    low, point, high = found
    ends: dict[str, Json] = {"point": point, "low": low, "high": high, "level": time.level, "blocks": time.blocks}
    return {"throughput": ends | {"unit": work.body["unit"].text()}, "throughput_absent": None}


def _quality(cell: CellNumbers) -> Json:
    judged = [quality for one in cell.trials if (quality := one.body.get("quality"))]
    if not judged:
        return None
    return {
        "decides": judged[0]["decides"].text(),
        "metrics": _spreads([one["metrics"] for one in judged]),
        "agreement": _spreads([one["agreement"] for one in judged]),
    }


def _spreads(maps: Sequence[Node]) -> dict[str, Json]:
    names = dict.fromkeys(name for one in maps for name in one.members())
    found: dict[str, Json] = {}
    for name in names:
        values = [node.number() for one in maps if (node := one.get(name))]
        found[name] = {"median": median(values), "low": min(values), "high": max(values)} if values else None
    return found


def comparison(run: Run, one: Decided) -> dict[str, Json]:
    """A comparison as a report must give it."""
    pair, shown, unit = one.pair, one.shown, UNITS[one.pair.metric]
    ends = _ends(shown, absolute=pair.absolute)
    named = one.outcome != "inconclusive"
    # An interval too wide to name a winner has no point.
    interval: dict[str, Json] = {"low": ends[0], "point": ends[1] if named else None, "high": ends[2]}
    nothing: dict[str, Json] = {"low": None, "point": None, "high": None}
    ratio = nothing if pair.absolute else interval
    second = _ends(one.second, absolute=pair.absolute)
    quiet: dict[str, Json] = {"low": second[0], "point": second[1] if named else None, "high": second[2]}
    return {
        "setting": run.setting,
        "compares": _compares(run, one),
        "outcome": one.outcome,
        "ratio": ratio["point"],
        "low": ratio["low"],
        "high": ratio["high"],
        "level": shown.level if shown else None,
        "half_width": (shown.high - shown.low) / 2 if shown else None,
        "blocks": len(pair.values),
        "reasons": [*one.reasons],
        "marks": [*one.marks],
        "p": shown.p if shown else None,
        "tested_level": one.tested,
        "unflagged": quiet | {"blocks": len(pair.quiet)} if shown else None,
        "resolution": run.resolution(pair.workload, pair.metric),
        "difference": interval | {"unit": unit} if pair.absolute and shown else None,
        "values": {
            "baseline": numbers.middle([a for a, _ in pair.values]),
            "contestant": numbers.middle([b for _, b in pair.values]),
            "unit": unit,
        },
    }


def _compares(run: Run, one: Decided) -> Json:
    """What differs between both sides, by what the services say of themselves; None where one of them did not."""
    sides = [_said(run, one, key) for key in (one.pair.contestant, one.pair.baseline)]
    if None in sides:
        return None
    (language, framework, kernels), (other_language, other_framework, other_kernels) = (side for side in sides if side)
    same = language == other_language
    if same and framework == other_framework:
        return "version"
    if kernels != other_kernels:
        return "kernels" if same else "language and kernels"
    if same:
        return "framework"
    return "binding" if kernels else "language"


def _said(run: Run, one: Decided, key: str) -> tuple[str, str, frozenset[str]] | None:
    """Language, framework and libraries of a service for the workload's task."""
    work, identity = run.workload(one.pair.workload), run.contestant(key).get("identity")
    if work is None or identity is None:
        return None
    for task in identity["tasks"].items():
        if task["name"].text() == work.task:
            parts = {part.strip().lower() for part in re.split("[+,]", task["kernels"].text())}
            return identity["language"].text(), identity["framework"].text(), frozenset(parts - {"", "none"})
    return None


def _ends(interval: Interval | None, *, absolute: bool) -> tuple[float | None, float | None, float | None]:
    """Low, point and high: ratios, or values of the metric."""
    if interval is None:
        return None, None, None
    return (interval.low, interval.point, interval.high) if absolute else interval.ratio
