"""Equal payload, work and quality: what must hold for a pair before there is a ratio. All failures are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from mlfleet import stats, tasks
from mlfleet.errors import MlfleetError
from mlfleet.model import Finding, Record
from mlfleet.runfile import PlannedWorkload
from mlfleet.tasks.criteria import Spread
from mlfleet.verdict import Group, Verdict

GATES = ("environment", "payload", "work", "quality", "output", "time", "meter")
# Two one-sided tests at 5 % each: equal where the interval at 1 - this lies inside the margin (rule S).
EQUALITY_ALPHA = 0.10
# Of a pair of frameworks in a workload of class N.
NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True)
class Refusal:
    """One reason why a pair has no ratio. `where`: "linfa: 1 of 1 trials" or "3 of 5 blocks"."""

    gate: str
    code: str
    detail: str
    where: str


def refusals(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> tuple[Refusal, ...]:
    """Every reason against a ratio of these two cells; empty if the pair may be compared."""
    found = [refusal for records in (baseline, contestant) for refusal in (*_own(records), *_floor(task, records))]
    return (*found, *_between(task, baseline, contestant), *_unequal(task, baseline, contestant))


def incomparable(planned: PlannedWorkload, baseline: str, contestant: str) -> tuple[Refusal, ...]:
    """Class N: frameworks do other work, so only two images of one have a ratio: `sklearn` and `sklearn:1.5.2`."""
    if not planned.alone or baseline.partition(":")[0] == contestant.partition(":")[0]:
        return ()
    text = f"class N: {planned.alone}; two versions of one framework awaited"
    return (Refusal("work", NOT_COMPARABLE, text, "every trial"),)


def passed_gates(found: Sequence[Refusal]) -> tuple[str, ...]:
    """The parity gates that did not refuse, for print beside those that did."""
    return tuple(gate for gate in GATES[:4] if all(refusal.gate != gate for refusal in found))


def undecided(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> str:
    """Of a task whose quality is judged over blocks: why it is not known to be equal; empty where it is."""
    rule = tasks.get(task).spread
    if rule is None:
        return ""
    pairs = _qualities(rule, baseline, contestant)
    if not pairs:
        return f"no block has {rule.metric} of both; equality is judged from {rule.blocks} blocks on"
    means = f"{rule.metric} is {_mean([b for _, b in pairs])} against {_mean([a for a, _ in pairs])}"
    if len(pairs) < rule.blocks:
        return f"{means} on average over {len(pairs)} blocks; equality is judged from {rule.blocks} blocks on"
    low, _, high = _difference(pairs)
    if -rule.margin < low and high < rule.margin:
        return ""
    return f"{means}, a difference of {low:.5g} to {high:.5g} by its 90 % interval, within ± {rule.margin:g} awaited"


def _floor(task: str, records: Sequence[Record]) -> list[Refusal]:
    """What a cell's mean over blocks fails; a single bad seed is no failure."""
    rule = tasks.get(task).spread
    found = [_quality(rule, record) for record in records if record.verdict is Verdict.OK] if rule else []
    if rule is None or not found or fmean(found) >= rule.floor:
        return []
    text = f"{rule.metric} is {_mean(found)} on average, at least {rule.floor:g} awaited"
    where = f"{records[0].trial.framework}: {len(found)} blocks"
    return [Refusal("quality", Verdict.OUTSIDE_TOLERANCE.value, text, where)]


def _unequal(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> list[Refusal]:
    """A mean difference beyond the margin, once there are blocks enough to judge it."""
    rule = tasks.get(task).spread
    pairs = _qualities(rule, baseline, contestant) if rule else []
    if rule is None or len(pairs) < rule.blocks:
        return []
    low, mean, high = _difference(pairs)
    if abs(mean) <= rule.margin:
        return []
    text = (
        f"{rule.metric} differs by {mean:.5g} on average (90 % interval {low:.5g} to {high:.5g}), "
        f"within ± {rule.margin:g} awaited"
    )
    return [Refusal("quality", Verdict.OUTSIDE_TOLERANCE.value, text, f"{len(pairs)} blocks")]


def _qualities(rule: Spread, baseline: Sequence[Record], contestant: Sequence[Record]) -> list[tuple[float, float]]:
    """Both sides' metric in blocks where both are ok: each block gave one seed to all."""
    other = {record.trial.block: record for record in baseline if record.verdict is Verdict.OK}
    return [
        (_quality(rule, other[record.trial.block]), _quality(rule, record))
        for record in contestant
        if record.verdict is Verdict.OK and record.trial.block in other
    ]


def _quality(rule: Spread, record: Record) -> float:
    value = record.quality.metrics[rule.metric] if record.quality else None
    if value is None:
        raise MlfleetError(f"{record.trial.workload}: the trial is ok, but has no {rule.metric}")
    return value


def _difference(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    return stats.mean_interval([b - a for a, b in pairs], EQUALITY_ALPHA)


def _mean(values: Sequence[float]) -> str:
    return f"{fmean(values):.5g}"


def _own(records: Sequence[Record]) -> list[Refusal]:
    """What a cell's own trials fail, each sentence once with the number of trials it was seen in."""
    seen: dict[tuple[str, str], list[Finding]] = {}
    counted = [record for record in records if record.verdict.group is not Group.LOST]
    for record in counted:
        for finding in _findings(record):
            seen.setdefault((finding.gate, finding.code), []).append(finding)
    framework = records[0].trial.framework if records else ""
    return [
        Refusal(gate, code, findings[0].detail, f"{framework}: {len(findings)} of {len(counted)} trials")
        for (gate, code), findings in seen.items()
    ]


def _findings(record: Record) -> Sequence[Finding]:
    """One finding per gate and code, several details joined; a verdict without findings speaks for itself.

    Findings of a trial that is said to be ok count all the same.
    """
    if not record.findings:
        ok = record.verdict is Verdict.OK
        return () if ok else (Finding("environment", record.verdict.value, record.reason),)
    joined: dict[tuple[str, str], list[Finding]] = {}
    for finding in record.findings:
        joined.setdefault((finding.gate, finding.code), []).append(finding)
    return [
        Finding(same[0].gate, code, "; ".join(finding.detail for finding in same)) for (_, code), same in joined.items()
    ]


def _between(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> list[Refusal]:
    """Receipt keys that the task wants equal between these two, block by block."""
    other = {record.trial.block: record for record in baseline if record.verdict is Verdict.OK}
    pairs = [
        (other[record.trial.block], record)
        for record in contestant
        if record.verdict is Verdict.OK and record.trial.block in other
    ]
    found = []
    for key in _equal_keys(task, baseline, contestant):
        differing = [
            (a.receipt.get(key), b.receipt.get(key)) for a, b in pairs if a.receipt.get(key) != b.receipt.get(key)
        ]
        if differing:
            first, second = differing[0]
            text = f"receipt {key} is {second}, {pairs[0][0].trial.framework} has {first}"
            found.append(Refusal("work", Verdict.SHORT_WORK.value, text, f"{len(differing)} of {len(pairs)} blocks"))
    return found


def _equal_keys(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> list[str]:
    """Keys that must be equal: between versions of one framework more than between frameworks."""
    frameworks = {record.trial.framework.partition(":")[0] for record in (*baseline, *contestant)}
    rules = ("equal", "versions") if len(frameworks) == 1 else ("equal",)
    return [key for key, rule in tasks.get(task).reached.items() if rule.between in rules]


def reached(task: str, records: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, object]]:
    """Counts that are printed beside a ratio, such as n_iter, by key and framework: of the first trial that is ok."""
    keys = [key for key, rule in tasks.get(task).reached.items() if rule.between != "equal"]
    first = {
        framework: next((record for record in found if record.verdict is Verdict.OK), None)
        for framework, found in records.items()
    }
    return {key: {fw: record.receipt.get(key) for fw, record in first.items() if record} for key in keys}
