"""The order of the ledger's lines: announced, recorded, closed; and the order of turns within a block."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from mlfleet.verify.chain import LEDGER, Line
from mlfleet.verify.findings import Findings
from mlfleet.verify.plain import UNREADABLE, Node, canonical
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, trial_view

_KIND = "order"
# Launches that a lost trial is worth, those that a signal ended not counted.
ATTEMPTS = 3


def read_trials(lines: Sequence[Line], findings: Findings) -> tuple[list[Trial], list[Trial]]:
    """All trials that can be read, and those of them that a `block` line counts."""
    every: dict[int, Trial] = {}
    counted: list[int] = []
    announced: Counter[bytes] = Counter()
    closed: set[tuple[str, int]] = set()
    for line in lines:
        try:
            if line.kind == "start":
                announced[canonical(line.body.value)] += 1
            elif line.kind == "record":
                every[line.seq] = trial = trial_view(line.number, line.body, line.boot)
                key = canonical(line.body["trial"].value)
                findings.rule(
                    LEDGER,
                    line.number,
                    "trial",
                    trial.name,
                    "a `start` line before its record",
                    holds=announced[key] > 0,
                    kind=_KIND,
                )
                announced[key] -= 1
            elif line.kind == "block":
                counted += _close(line, every, closed, findings)
        except UNREADABLE as error:
            findings.differs(LEDGER, line.number, f"{line.kind} body", str(error), "what its kind holds")
    return list(every.values()), [every[seq] for seq in dict.fromkeys(counted) if seq in every]


def _close(line: Line, every: Mapping[int, Trial], closed: set[tuple[str, int]], findings: Findings) -> list[int]:
    place = line.body["workload"].text(), line.body["block"].integer()
    if place in closed:
        findings.differs(LEDGER, line.number, "block", f"{place[0]} {place[1]} again", "one `block` line of a block")
        return []
    closed.add(place)
    seqs = [one.integer() for one in line.body["seqs"].items()]
    for seq in seqs:
        trial = every.get(seq)
        found = "no record that can be read" if trial is None else f"{trial.workload} block {trial.block}"
        findings.rule(
            LEDGER,
            line.number,
            f"seqs: {seq}",
            found,
            f"a record of {place[0]} block {place[1]}",
            holds=trial is not None and (trial.workload, trial.block) == place,
            kind=_KIND,
        )
    return seqs


def check_blocks(run: Run, counted: Sequence[Trial], findings: Findings) -> None:
    """One trial of a cell a block; turns in the planned order, one at a time; all sides of a block alike."""
    rows = {(one["workload"].text(), one["number"].integer()): one["turns"].items() for one in run.body["plan"].items()}
    blocks: dict[tuple[str, int], list[Trial]] = {}
    for trial in counted:
        blocks.setdefault((trial.workload, trial.block), []).append(trial)
    for place, trials in blocks.items():
        _one_each(trials, findings)
        _turns(trials, rows.get(place), findings)


def _one_each(trials: Sequence[Trial], findings: Findings) -> None:
    seen = Counter(trial.framework for trial in trials)
    for trial in trials:
        findings.rule(
            LEDGER,
            trial.line,
            "trial",
            f"{seen[trial.framework]} trials of {trial.name} count",
            "one",
            holds=seen[trial.framework] == 1,
            kind=_KIND,
        )


def _turns(trials: Sequence[Trial], rows: Sequence[Node] | None, findings: Findings) -> None:
    spans = sorted(
        (turn.sent, turn.received, trial.line, trial.framework) for trial in trials for turn in trial.every_turn
    )
    shared = any("peers_running" in trial.flags for trial in trials)
    for before, after in pairwise(spans):
        findings.rule(
            LEDGER,
            after[2],
            f"turn of {after[3]}",
            f"sent {before[1] - after[0]} ns before {before[3]} was done",
            "one turn at a time",
            holds=shared or before[1] <= after[0],
            kind=_KIND,
        )
    if rows is None:
        return
    for trial in trials:
        for turn in trial.turns:
            row = rows[turn.number - 1].texts() if 0 < turn.number <= len(rows) else ()
            findings.held(
                LEDGER,
                trial.line,
                f"turn {turn.number}, position of {trial.framework} in {', '.join(row)}",
                turn.position,
                row.index(trial.framework) + 1 if trial.framework in row else None,
                kind=_KIND,
            )


def check_attempts(every: Sequence[Trial], findings: Findings) -> None:
    """No trial was repeated more often than a lost one may be."""
    charged: Counter[tuple[str, int]] = Counter()
    for trial in every:
        if trial.verdict != "interrupted":
            charged[trial.cell, trial.block] += 1
        count = charged[trial.cell, trial.block]
        findings.rule(
            LEDGER,
            trial.line,
            "attempts",
            f"{count} of {trial.name}",
            f"at most {ATTEMPTS}",
            holds=count <= ATTEMPTS,
            kind=_KIND,
        )
