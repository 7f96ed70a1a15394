"""The raw samples of a cell, turn by turn, with the order of turns: what stands behind its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlfleet.cells import CellRow
from mlfleet.model import Record, Turn
from mlfleet.report.latency import percentile_text
from mlfleet.report.notes import receipt_value
from mlfleet.report.rows import spread, verdict_text
from mlfleet.report.undefined import why_undefined
from mlfleet.report.units import duration, number, plural
from mlfleet.table import Table

# Samples that a page holds, over all its cells: beyond, it would no longer open in a blink. All are in the ledger.
MOST_SAMPLES = 30_000
_LOG_LINES = 30


@dataclass(frozen=True)
class TurnText:
    """One turn: the order of frameworks in it, the discarded samples, the timed ones."""

    number: int
    order: str
    discarded: tuple[str, ...]
    timed: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class TrialText:
    """One trial: its place, verdict, schedule and turns."""

    head: str
    reason: str
    turns: tuple[TurnText, ...]


@dataclass(frozen=True)
class CellText:
    """A cell opened: facts by name, its trials as far as there is room, and what was left out."""

    facts: tuple[tuple[str, str], ...]
    trials: tuple[TrialText, ...]
    left_out: str
    log: tuple[str, ...]


def cell_texts(table: Table) -> Mapping[tuple[str, str], CellText]:
    """Every cell's details by workload and framework."""
    orders = {(block.workload, block.number): block.turns for block in table.run.plan}
    room = MOST_SAMPLES // max(1, len(table.cells))
    return {(cell.workload, cell.framework): _cell(cell, orders, room) for cell in table.cells}


def _cell(cell: CellRow, orders: Mapping[tuple[str, int], tuple[tuple[str, ...], ...]], room: int) -> CellText:
    trials, used = [], 0
    for record in cell.records:
        used += 10 + sum(len(turn.samples) for turn in record.turns)
        if used > room:
            break
        trials.append(_trial(record, orders.get((record.trial.workload, record.trial.block), ())))
    left = len(cell.records) - len(trials)
    failed = next((record for record in cell.records if record.log_tail), None)
    return CellText(
        facts=tuple(_facts(cell)),
        trials=tuple(trials),
        left_out=f"{plural(left, 'more trial')} in ledger.jsonl" if left else "",
        log=tuple(failed.log_tail.splitlines()[-_LOG_LINES:]) if failed else (),
    )


def _facts(cell: CellRow) -> list[tuple[str, str]]:
    facts = [("image", cell.image), ("trials", plural(cell.trials, "trial"))]
    judged = [record.quality for record in cell.records if record.quality]
    for kind, maps in (("quality", [one.metrics for one in judged]), ("agreement", [one.agreement for one in judged])):
        for name in dict.fromkeys(name for one in maps for name in one):
            values = [value for one in maps if (value := one.get(name)) is not None]
            facts.append((f"{kind} {name}", spread(values) if values else f"undefined: {why_undefined(name)}"))
    first = next((record for record in cell.records if record.receipt), None)
    facts += [(f"receipt {key}", receipt_value(value)) for key, value in (first.receipt.items() if first else ())]
    for name in dict.fromkeys(phase.name for record in cell.records for phase in record.phases):
        spent = [phase.end_ns - phase.start_ns for r in cell.records for phase in r.phases if phase.name == name]
        facts.append((f"phase {name}", f"{duration(min(spent))} to {duration(max(spent))}"))
    facts += [(f"{name} of one iteration", percentile_text(*found)) for name, found in cell.percentiles.items()]
    facts += [("CPUs used", f"{cell.cpus_used:.2f}")] if cell.cpus_used is not None else []
    facts += [(f"no {metric}", reason) for metric, reason in cell.absent.items()]
    facts += [(f"{one.gate} {one.code}", f"{one.detail} ({one.where})") for one in cell.reasons]
    return facts


def _trial(record: Record, orders: tuple[tuple[str, ...], ...]) -> TrialText:
    head = f"block {record.trial.block}, attempt {record.trial.attempt}: {verdict_text(record.verdict)}"
    if record.calibration:
        head += f", {plural(record.calibration.iterations, 'iteration')} a sample"
    head += "".join(f", {label}" for label in record.labels)
    return TrialText(head, record.reason, tuple(_turn(turn, orders) for turn in record.turns))


def _turn(turn: Turn, orders: tuple[tuple[str, ...], ...]) -> TurnText:
    order = orders[turn.number - 1] if 0 < turn.number <= len(orders) else ()
    texts = tuple(duration(sample.ns_per_iteration) for sample in turn.samples)
    return TurnText(
        turn.number,
        " > ".join(order) or f"position {number(turn.position)}",
        texts[: turn.discarded],
        texts[turn.discarded :],
        tuple(turn.flags),
    )
