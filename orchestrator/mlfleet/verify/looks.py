"""Where each workload stopped, replayed from its blocks: on precision, on time, with nothing left. Never on p."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlfleet.verify import estimates, numbers
from mlfleet.verify.chain import LEDGER, Line
from mlfleet.verify.findings import Findings
from mlfleet.verify.outcomes import codes_between, codes_of
from mlfleet.verify.plan import Run, Workload
from mlfleet.verify.trials import Trial

_KIND = "looks"
# Numbers of complete blocks at which it is looked.
LOOKS = (10, 15, 20, 30, 40)
# Half-width that is enough, as a share of 1 and of the log ratio.
PRECISION, OF_EFFECT = 0.02, 0.05
# Blocks that may be measured again behind the plan: a share of the planned ones, and at least.
APPENDED_SHARE, APPENDED_LEAST = 0.2, 2
S = 1_000_000_000


@dataclass(frozen=True)
class Closed:
    """A `block` line: its number, its counted trials, what it cost."""

    line: int
    number: int
    trials: tuple[Trial, ...]
    spent_ns: int


def check_looks(run: Run, lines: Sequence[Line], counted: Sequence[Trial], findings: Findings) -> None:
    """Each `stop` line stands where the blocks before it say; none is missing; no block was measured behind one."""
    looks = [one.integer() for one in run.nodes("looks")]
    if looks:
        awaited = [one for one in LOOKS if one <= max(looks)]
        findings.held("run.json", None, "looks", [*looks], [*awaited], kind=_KIND)
    stops = {line.body["workload"].text(): line for line in lines if line.kind == "stop"}
    for work in run.workloads:
        blocks = _blocks(work, lines, counted)
        stop = stops.get(work.name)
        _appended(run, work, blocks, findings)
        looked = looks and work.blocks is None
        if stop is None:
            if looked and work.cells:
                _unstopped(run, work, blocks, lines, findings)
            continue
        if not looked:
            findings.differs(LEDGER, stop.number, f"stop of {work.name}", "a stop", "none: blocks are fixed")
            continue
        late = [one.number for one in blocks if one.line > stop.number]
        findings.rule(
            LEDGER, stop.number, f"stop of {work.name}", [*late], "no block behind it", holds=not late, kind=_KIND
        )
        findings.held(
            LEDGER, stop.number, f"stop of {work.name}, blocks", stop.body["blocks"].integer(), len(blocks), kind=_KIND
        )
        reason = _replayed(run, work, blocks)
        findings.held(
            LEDGER, stop.number, f"stop of {work.name}, reason", stop.body["reason"].text(), reason, kind=_KIND
        )


def _unstopped(run: Run, work: Workload, blocks: Sequence[Closed], lines: Sequence[Line], findings: Findings) -> None:
    """A workload goes on without a stop only where nothing before its last block was one, and the run goes on too."""
    for count in range(1, len(blocks)):
        reason, what = _reason(run, work, blocks[:count]), f"{work.name} behind block {blocks[count - 1].number}"
        findings.rule(
            LEDGER, blocks[count].line, what, "measured on", f"a stop: {reason}", holds=not reason, kind=_KIND
        )
    last = lines[-1]
    done = last.kind == "close" and last.body["reason"].text() == "done"
    awaited = "one, since the run came to its end"
    findings.rule(LEDGER, None, f"stop of {work.name}", "none", awaited, holds=not done, kind=_KIND)


def _blocks(work: Workload, lines: Sequence[Line], counted: Sequence[Trial]) -> list[Closed]:
    found = []
    for line in lines:
        if line.kind == "block" and line.body["workload"].text() == work.name:
            number, spent = line.body["block"].integer(), line.body.get("spent_ns")
            mine = tuple(one for one in counted if (one.workload, one.block) == (work.name, number))
            found.append(Closed(line.number, number, mine, spent.integer() if spent else 0))
    return found


def _appended(run: Run, work: Workload, blocks: Sequence[Closed], findings: Findings) -> None:
    """A workload's own number of blocks is planned; behind the plan only disturbed ones are measured again."""
    planned = sum(one["workload"].text() == work.name for one in run.body["plan"].items())
    if work.blocks is not None and work.cells:
        findings.held("run.json", None, f"plan, blocks of {work.name}", planned, work.blocks, kind=_KIND)
    behind = [one for one in blocks if one.number > planned]
    most = max(APPENDED_LEAST, int(APPENDED_SHARE * planned))
    disturbed = sum(any(trial.verdict == "disturbed" for trial in one.trials) for one in blocks)
    for one in behind:
        findings.rule(
            LEDGER,
            one.line,
            f"block {one.number} of {work.name}",
            f"{len(behind)} behind the plan",
            f"at most {most}, and no more than {disturbed} that were disturbed",
            holds=len(behind) <= min(most, disturbed),
            kind=_KIND,
        )


def _replayed(run: Run, work: Workload, blocks: Sequence[Closed]) -> str:
    """Why no further block was measured, by the first rule that held after any of them."""
    for count in range(1, len(blocks) + 1):
        if reason := _reason(run, work, blocks[:count]):
            return reason if count == len(blocks) else f"{reason} already after block {blocks[count - 1].number}"
    return "max_blocks"


def _reason(run: Run, work: Workload, blocks: Sequence[Closed]) -> str:
    is_spent = sum(one.spent_ns for one in blocks) / S >= run.own(work.name, "budget_s")
    baseline = run.baselines.get(work.name)
    if work.control or baseline is None or len(work.cells) < 2:  # noqa: PLR2004 - a pair
        return "budget" if is_spent else ""
    sides = {key: [t for one in blocks for t in one.trials if t.framework == key] for key in work.cells}
    still_open = {key: mine for key, mine in sides.items() if not any(_shuts(trial) for trial in mine)}
    if baseline not in still_open or len(still_open) < 2:  # noqa: PLR2004 - as above
        return "none_left"
    pairs = {key: _differences(still_open[baseline], mine) for key, mine in still_open.items() if key != baseline}
    # The last block must have completed the number of every pair that has it: a look is taken once.
    now = min(len(mine) for mine in pairs.values())
    before = min(len(mine) - (blocks[-1].number in mine) for mine in pairs.values())
    if now in LOOKS and before < now:
        judged = [
            key
            for key in pairs
            if not work.apart(baseline, key) and not _refused(work, still_open[baseline], still_open[key])
        ]
        if all(_is_precise(pairs[key]) for key in judged):
            return "precision" if judged else "none_left"
    return "budget" if is_spent else ""


def _shuts(trial: Trial) -> bool:
    return trial.verdict not in ("ok", "disturbed") and trial.group != "ours"


def _differences(baseline: Sequence[Trial], contestant: Sequence[Trial]) -> dict[int, float]:
    both = numbers.both_ok(baseline, contestant)
    values = {one.block: (numbers.value(one, "time")[0], numbers.value(other, "time")[0]) for one, other in both}
    return {block: math.log(b / a) for block, (a, b) in values.items() if a and b}


def _refused(work: Workload, baseline: Sequence[Trial], contestant: Sequence[Trial]) -> bool:
    both = numbers.both_ok(baseline, contestant)
    return bool(codes_of(work, baseline) or codes_of(work, contestant) or codes_between(work, both))


def _is_precise(differences: Mapping[int, float]) -> bool:
    found = estimates.trimmed(list(differences.values()))
    return math.exp(found.high - found.point) - 1 <= max(PRECISION, OF_EFFECT * abs(found.point))
