"""What a pair of an imported table fails, metric by metric: every reason, in the order of the gates.

What a table does not say is a reason too: an absent digest is no equal digest.
"""

from collections.abc import Callable, Iterator, Sequence

from mlfleet import tasks
from mlfleet.model import Metric, Param
from mlfleet.parity import Refusal
from mlfleet.review.columns import ENVIRONMENT
from mlfleet.review.imported import Imported
from mlfleet.review.pairs import Pair, Side
from mlfleet.review.quality import quality_refusals
from mlfleet.verdict import Verdict

GATES = ("table", "environment", "payload", "work", "quality", "meter", "statistics")
# What a row's time may cover other than the work alone.
WHOLE_PROCESS = "process"
# Words of a column `time_statistic` for the value of one trial.
SINGLE = frozenset({"single", "one", "raw", "sample"})
TIMES: tuple[Metric, ...] = ("time", "cpu")


def refusals(pair: Pair, metric: Metric) -> tuple[Refusal, ...]:
    """Every reason against this metric's ratio of the pair."""
    gates: tuple[Callable[[Pair], Iterator[Refusal]], ...] = (_verdicts, _environment, _payload, _work, _quality)
    found = [refusal for gate in gates for refusal in gate(pair)]
    return (*found, *_meter(pair, metric), *_statistics(pair, metric))


def _verdicts(pair: Pair) -> Iterator[Refusal]:
    for side in pair.sides:
        for verdict in dict.fromkeys(row.verdict for row in side.rows if row.verdict not in {"", Verdict.OK.value}):
            failing = sum(row.verdict == verdict for row in side.rows)
            yield Refusal("table", verdict, f"the table itself says {verdict}, ok awaited", side.where(failing))


def _environment(pair: Pair) -> Iterator[Refusal]:
    rows = [row for side in pair.sides for row in side.rows]
    if not any(row.environment for row in rows):
        text = f"no {', '.join(ENVIRONMENT[:-1])} or {ENVIRONMENT[-1]} is recorded; what both ran on is not known"
        yield Refusal("environment", "no_environment", text, "both sides")
    for name in ENVIRONMENT:
        found = [_values(side, name) for side in pair.sides]
        if found[0] != found[1]:
            told = (f"{side.framework} {_listed(values)}" for side, values in zip(pair.sides, found, strict=True))
            yield Refusal("environment", "environment", f"{name}: {', '.join(told)}; the same awaited", "both sides")


def _values(side: Side, name: str) -> tuple[str, ...]:
    return tuple(sorted({row.environment.get(name, "not recorded") for row in side.rows}))


def _listed(values: Sequence[str]) -> str:
    return " and ".join(values)


def _payload(pair: Pair) -> Iterator[Refusal]:
    for side in pair.sides:
        if failing := sum(not row.payload for row in side.rows):
            yield Refusal(
                "payload", "no_payload_digest", "no digest of what it worked on, a SHA-256 awaited", side.where(failing)
            )
    wrong = Verdict.WRONG_PAYLOAD.value
    differing = [(a, b) for a, b in pair.paired if a.payload and b.payload and a.payload != b.payload]
    if differing:
        a, b = differing[0]
        text = f"{b.framework} worked on {b.payload[:12]}, {a.framework} on {a.payload[:12]}; the same bytes awaited"
        yield Refusal("payload", wrong, text, f"{len(differing)} of {len(pair.paired)} pairs")
    for name in ("dataset", "model"):
        found = [sorted({row.named[name] for row in side.rows if name in row.named}) for side in pair.sides]
        if all(found) and found[0] != found[1]:
            told = ", ".join(
                f"{side.framework} {_listed(values)}" for side, values in zip(pair.sides, found, strict=True)
            )
            yield Refusal("payload", wrong, f"{name}: {told}; the same awaited", "both sides")
    for name in ("train_rows", "seed"):
        if told := _apart(pair, name):
            yield Refusal("payload", wrong, told, "both sides")


def _apart(pair: Pair, name: str) -> str:
    """Rows trained on, or seeds, where both sides say them and no pair can be of one payload."""
    for a, b in pair.paired:
        ours, theirs = (a.train_rows, b.train_rows) if name == "train_rows" else (_span(a.seed), _span(b.seed))
        if ours and theirs and (ours[1] < theirs[0] or theirs[1] < ours[0]):
            word = "trained on {} rows" if name == "train_rows" else "drew from seed {}"
            both = (f"{row.framework} {word.format(_range(span))}" for row, span in ((b, theirs), (a, ours)))
            return f"{', '.join(both)}; the same awaited"
    return ""


def _span(value: int | None) -> tuple[int, int] | None:
    return None if value is None else (value, value)


def _range(span: tuple[int, int]) -> str:
    return f"{span[0]:,}" if span[0] == span[1] else f"{span[0]:,} to {span[1]:,}"


def _work(pair: Pair) -> Iterator[Refusal]:
    named = {row.task for side in pair.sides for row in side.rows if row.task}
    if len(named) > 1:
        text = f"the tasks {_listed(sorted(named))} are not one; the same work awaited"
        yield Refusal("work", "other_task", text, "both sides")
    for side in pair.sides:
        if failing := sum(not row.receipt for row in side.rows):
            text = "no receipt of the work that ran (epochs, samples, steps), one awaited"
            yield Refusal("work", "no_receipt", text, side.where(failing))
        idle = [row for row in side.rows if row.receipt and not any(row.receipt.values())]
        if idle:
            text = f"the receipt says {_listed(sorted(idle[0].receipt))} 0: no work, some awaited"
            yield Refusal("work", Verdict.SHORT_WORK.value, text, side.where(len(idle)))
    free = _free_keys(named)
    receipts = [(a, b) for a, b in pair.paired if a.receipt and b.receipt]
    for key in sorted({key for a, b in receipts for key in (*a.receipt, *b.receipt)} - free):
        differing = [(a, b) for a, b in receipts if a.receipt.get(key) != b.receipt.get(key)]
        if differing:
            a, b = differing[0]
            text = f"receipt {key} is {_said(b.receipt.get(key))}, {a.framework} has {_said(a.receipt.get(key))}"
            yield Refusal("work", Verdict.SHORT_WORK.value, text, f"{len(differing)} of {len(pair.paired)} pairs")


def _free_keys(named: set[str]) -> set[str]:
    """Receipt keys that may differ where the task is one that we know, such as iterations until it converged."""
    known = [tasks.get(name) for name in named if name in tasks.names()]
    return {key for task in known for key, rule in task.reached.items() if rule.between != "equal"}


def _said(value: Param | None) -> str:
    return "missing" if value is None else str(value)


def _quality(pair: Pair) -> Iterator[Refusal]:
    for side in pair.sides:
        broken = [any(problem.metric is None for problem in row.problems) for row in side.rows]
        if failing := sum(row.quality is None and not wrong for row, wrong in zip(side.rows, broken, strict=True)):
            yield Refusal("quality", "no_quality", "no quality of the result, one awaited", side.where(failing))
        yield from _problems(side, None, "quality")
    yield from quality_refusals(pair.paired)


def _problems(side: Side, metric: Metric | None, gate: str) -> Iterator[Refusal]:
    """Values that cannot be, each sentence once."""
    found = [problem for row in side.rows for problem in row.problems if problem.metric == metric]
    for problem in dict.fromkeys(found):
        yield Refusal(gate, problem.code, problem.detail, side.where(found.count(problem)))


def _meter(pair: Pair, metric: Metric) -> Iterator[Refusal]:
    for side in pair.sides:
        yield from _problems(side, metric, "meter")
        absent = [row for row in side.rows if metric not in row.values and not _broken(row, metric)]
        if absent:
            yield Refusal("meter", "meter", f"no {metric} is recorded, one awaited", side.where(len(absent)))
    if metric == "memory":
        scopes = [_scopes(side) for side in pair.sides]
        told = ", ".join(f"{side.framework}: {found}" for side, found in zip(pair.sides, scopes, strict=True))
        if scopes[0] != scopes[1]:
            yield Refusal("meter", "meter", f"memory of different things ({told}); the same awaited", "both sides")
        elif scopes[0] == NOT_RECORDED:
            yield Refusal("meter", "meter", "memory of what is not recorded, of a process or of a host", "both sides")
    elif metric in TIMES and any(row.time_scope == WHOLE_PROCESS for side in pair.sides for row in side.rows):
        whole = _listed(
            [side.framework for side in pair.sides if any(r.time_scope == WHOLE_PROCESS for r in side.rows)]
        )
        text = f"the time of {whole} is a whole process's; its start-up belongs to launch and import, not to the work"
        yield Refusal("meter", "time_scope", text, "both sides")
    elif metric in TIMES and len({row.time_scope for side in pair.sides for row in side.rows}) > 1:
        yield Refusal("meter", "time_scope", "the times cover different things; the same awaited", "both sides")


NOT_RECORDED = "not recorded"


def _scopes(side: Side) -> str:
    return _listed(sorted({row.memory_scope or NOT_RECORDED for row in side.rows}))


def _broken(row: Imported, metric: Metric) -> bool:
    return any(problem.metric == metric for problem in row.problems)


def _statistics(pair: Pair, metric: Metric) -> Iterator[Refusal]:
    for side in pair.sides:
        summed = [row for row in side.rows if (row.trials or 1) > 1]
        if summed:
            text = f"a summary of {summed[0].trials} trials; their single values awaited, since an interval needs them"
            yield Refusal("statistics", "no_raw_values", text, side.where(len(summed)))
        yield from _summaries(side, metric)
    if any(len(side.rows) == 1 for side in pair.sides):
        counts = ", ".join(f"{side.framework} {len(side.rows)}" for side in pair.sides)
        text = f"one trial a cell ({counts}): no interval, so no difference can be told from chance"
        yield Refusal("statistics", "one_trial", text, "both sides")
    elif len(pair.paired) < 2:  # noqa: PLR2004 - one pair has no spread
        blocks = [{row.block for row in side.rows if row.block is not None} for side in pair.sides]
        told = "no block says which trials belong together"
        if len(blocks[0] & blocks[1]) > 1:
            told = "blocks of one number are of different runs, so they were not measured in turn"
        text = f"{told}; trials of one block, interleaved, awaited"
        yield Refusal("statistics", "unpaired", text, "both sides")


def _summaries(side: Side, metric: Metric) -> Iterator[Refusal]:
    """Values that stand for several trials, as their column says or as their equality shows."""
    for said in sorted({row.statistic[metric] for row in side.rows if metric in row.statistic} - SINGLE):
        failing = sum(row.statistic.get(metric) == said for row in side.rows)
        text = f"{metric} is the {said} of several trials; their single values awaited, since an interval needs them"
        yield Refusal("statistics", "no_raw_values", text, side.where(failing))
    values = {row.values[metric] for row in side.rows if metric in row.values}
    # CPU time and memory come in steps, and may well be equal.
    if metric == "time" and len(side.rows) > 1 and len(values) == 1:
        text = f"all {len(side.rows)} trials took the same time to the last digit; single values awaited, not a mean"
        yield Refusal("statistics", "no_raw_values", text, side.where(len(side.rows)))
