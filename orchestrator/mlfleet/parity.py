"""Equal payload, work and quality: what must hold for a pair before there is a ratio. All failures are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlfleet import tasks
from mlfleet.model import Finding, Record
from mlfleet.verdict import Group, Verdict

GATES = ("environment", "payload", "work", "quality", "output", "time", "meter")


@dataclass(frozen=True)
class Refusal:
    """One reason why a pair has no ratio. `where`: "linfa: 1 of 1 trials" or "3 of 5 blocks"."""

    gate: str
    code: str
    detail: str
    where: str


def refusals(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> tuple[Refusal, ...]:
    """Every reason against a ratio of these two cells; empty if the pair may be compared."""
    found = [refusal for records in (baseline, contestant) for refusal in _own(records)]
    return (*found, *_between(task, baseline, contestant))


def passed_gates(found: Sequence[Refusal]) -> tuple[str, ...]:
    """The parity gates that did not refuse, for print beside those that did."""
    return tuple(gate for gate in GATES[:4] if all(refusal.gate != gate for refusal in found))


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
    """One finding per gate and code, several details joined; a verdict without findings speaks for itself."""
    if record.verdict is Verdict.OK:
        return ()
    if not record.findings:
        return (Finding("environment", record.verdict.value, record.reason),)
    joined: dict[tuple[str, str], list[Finding]] = {}
    for finding in record.findings:
        joined.setdefault((finding.gate, finding.code), []).append(finding)
    return [
        Finding(same[0].gate, code, "; ".join(finding.detail for finding in same)) for (_, code), same in joined.items()
    ]


def _between(task: str, baseline: Sequence[Record], contestant: Sequence[Record]) -> list[Refusal]:
    """Receipt keys that the task wants equal between frameworks, block by block."""
    equal = [key for key, rule in tasks.get(task).reached.items() if rule.between == "equal"]
    other = {record.trial.block: record for record in baseline if record.verdict is Verdict.OK}
    pairs = [
        (other[record.trial.block], record)
        for record in contestant
        if record.verdict is Verdict.OK and record.trial.block in other
    ]
    found = []
    for key in equal:
        differing = [
            (a.receipt.get(key), b.receipt.get(key)) for a, b in pairs if a.receipt.get(key) != b.receipt.get(key)
        ]
        if differing:
            first, second = differing[0]
            text = f"receipt {key} is {second}, {pairs[0][0].trial.framework} has {first}"
            found.append(Refusal("work", Verdict.SHORT_WORK.value, text, f"{len(differing)} of {len(pairs)} blocks"))
    return found


def reached(task: str, records: Mapping[str, Sequence[Record]]) -> dict[str, dict[str, object]]:
    """Counts that are printed beside a ratio, such as n_iter, by key and framework: of the first trial that is ok."""
    keys = [key for key, rule in tasks.get(task).reached.items() if rule.between == "printed"]
    first = {
        framework: next((record for record in found if record.verdict is Verdict.OK), None)
        for framework, found in records.items()
    }
    return {key: {fw: record.receipt.get(key) for fw, record in first.items() if record} for key in keys}
