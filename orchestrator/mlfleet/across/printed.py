"""A comparison of two runs as text and for a program."""

from collections.abc import Iterator
from dataclasses import asdict
from math import exp

from mlfleet.across.cells import AFTER, BEFORE, SMALL_MEMORY
from mlfleet.across.changes import OTHER_HOST
from mlfleet.across.result import Change, Compared
from mlfleet.cells import FEW_BLOCKS
from mlfleet.compare import METER, QUALITY_UNDECIDED
from mlfleet.outcomes import BELOW_RESOLUTION, NOISE, NOISY, WIDE
from mlfleet.report.sentences import amount
from mlfleet.report.units import number, percent, plural, ratio_span
from mlfleet.stats import MIN_BLOCKS
from mlfleet.verdict import NOT_FRESH

_NOUN = {"time": "time", "cpu": "CPU time", "memory": "peak anonymous memory"}
_KINDS = {
    "image": "image",
    "host": "WARNING: another host",
    "harness": "WARNING: another mlfleet",
    "setting": "WARNING: another setting, which refuses every ratio",
}
_WHY = {
    FEW_BLOCKS: f"fewer than {MIN_BLOCKS} trials that count on one side",
    SMALL_MEMORY: "too small for a ratio",
    QUALITY_UNDECIDED: "too few blocks to call their quality equal",
    NOT_FRESH: "a trial met a process that had served another before",
    WIDE: "the interval is too wide; run more blocks",
    BELOW_RESOLUTION: "no larger than what the host shows where nothing was changed",
    NOISE: "without the flagged turns it is another; quieten the host",
    NOISY: f"fewer than {MIN_BLOCKS} trials without a flag; quieten the host",
    OTHER_HOST: "the runs are of different hosts",
    METER: "a value was not read",
}


def lines(found: Compared) -> Iterator[str]:
    """What a reader sees: the runs, what else differs, then every cell that both have."""
    yield f"{BEFORE}  {found.before}"
    yield f"{AFTER}  {found.after}"
    for one in found.conditions:
        yield f"{_KINDS[one.kind]}: {one.name} {one.before} in {BEFORE}, {one.after} in {AFTER}"
    if not any(one.drift is not None for one in found.changes):
        yield (
            "note: nothing that both measured is the same image, so how far the host drifted in between is not known; "
            "one run with --image KEY=A --image KEY=B pairs them in its blocks"
        )
    last = ("", "")
    for change in found.changes:
        key = change.workload, change.framework
        if key != last:
            yield ""
            yield f"{change.workload}, {_versions(change)}{_quality(change)}"
        last = key
        yield f"  {_NOUN[change.metric]}: {sentence(change)}"
        for refusal in change.refusals:
            yield f"    {refusal.gate} {refusal.code}: {refusal.detail} ({refusal.where})"
    for side, cells in ((BEFORE, found.only_before), (AFTER, found.only_after)):
        for cell in cells:
            yield f"only in {side}: {cell}"


def sentence(change: Change) -> str:
    """One outcome: "slower: B takes 1.12x the time of A (97 % interval 1.08 to 1.16; 5 and 5 trials)"."""
    medians = _medians(change)
    if change.outcome == "refused":
        return f"REFUSED{medians}"
    if change.estimate is None:
        return f"inconclusive: {_why(change)}{medians}"
    estimate = change.estimate
    shown = ratio_span(exp(estimate.point), exp(estimate.low), exp(estimate.high))
    basis = (
        f"{percent(estimate.level)} interval {shown.interval}; {change.trials[0]} and "
        f"{plural(change.trials[1], 'trial')}"
    )
    if change.outcome == "inconclusive":
        return f"inconclusive: {_why(change)} ({basis}){medians}"
    if change.outcome == "same":
        return f"same ({basis}){medians}"
    return f"{change.outcome}: {shown.point}x ({basis}){medians}"


def as_plain(found: Compared) -> dict[str, object]:
    """The same for a program: ratios only where an outcome carries one."""
    return {
        "before": found.before,
        "after": found.after,
        "margin": found.margin,
        "conditions": [asdict(one) for one in found.conditions],
        "changes": [_plain(one) for one in found.changes],
        "only_before": list(found.only_before),
        "only_after": list(found.only_after),
    }


def _plain(change: Change) -> dict[str, object]:
    ratio, low, high = change.ratio or (None, None, None)
    return {
        **{
            name: getattr(change, name)
            for name in ("workload", "framework", "metric", "versions", "unchanged", "outcome", "reasons", "trials")
        },
        **{name: getattr(change, name) for name in ("values", "quality_name", "quality", "drift", "resolution")},
        "ratio": ratio,
        "low": low,
        "high": high,
        "level": change.estimate.level if change.ratio and change.estimate else None,
        "refusals": [asdict(one) for one in change.refusals],
    }


def _versions(change: Change) -> str:
    before, after = change.versions
    if change.unchanged:
        return f"{change.framework} {before}, not changed"
    return f"{change.framework} {after}" if before == after else f"{change.framework} {before} -> {after}"


def _quality(change: Change) -> str:
    before, after = change.quality
    if before is None or after is None:
        return ""
    text = number(before) if before == after else f"{number(before)} -> {number(after)}"
    return f"; {change.quality_name} {text}"


def _medians(change: Change) -> str:
    before, after = change.values
    if before is None or after is None:
        return ""
    return f"; {BEFORE} {amount(change.metric, before)}, {AFTER} {amount(change.metric, after)}"


def _why(change: Change) -> str:
    return "; ".join(_WHY.get(reason, reason) for reason in change.reasons)
