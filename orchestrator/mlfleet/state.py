"""What a ledger says so far: enough to go on from any block, in the session that wrote it and in any later one."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlfleet import parity
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import BlockBody, Place, StopBody, attempts, closed_blocks
from mlfleet.looks import Pair, Stop
from mlfleet.model import Calibration, Record
from mlfleet.runfile import PlannedWorkload
from mlfleet.values import value
from mlfleet.verdict import Group, Verdict

CLOSING = (Group.NOT_RUN, Group.FAILED, Group.INVALID)


def lost(record: Record) -> bool:
    """Whether the attempt says nothing and may be made again in place; what a busy machine disturbed waits."""
    return record.verdict.group is Group.LOST and record.verdict is not Verdict.DISTURBED


@dataclass
class State:
    """The fold of a ledger's lines."""

    closed: set[Place] = field(default_factory=set)
    # Cells that need no further trial: one closed them.
    shut: set[str] = field(default_factory=set)
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    started: Counter[Place] = field(default_factory=Counter)
    charged: Counter[Place] = field(default_factory=Counter)
    # Workloads that are not measured on.
    stopped: dict[str, Stop] = field(default_factory=dict)
    # Wall time of a workload's closed blocks.
    spent_ns: Counter[str] = field(default_factory=Counter)
    # The number of a workload's last closed block.
    last: dict[str, int] = field(default_factory=dict)
    # Counted trials by workload and framework, without their samples.
    trials: dict[tuple[str, str], list[Record]] = field(default_factory=dict)
    # ln of the time of an iteration, by workload, framework and block.
    times: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    bugs: int = 0

    def note(self, record: Record) -> None:
        """Take a record in."""
        if record.verdict.group in CLOSING:
            self.shut.add(record.trial.cell)
        if record.calibration is not None and record.verdict is Verdict.OK:
            self.calibrations[record.trial.cell] = record.calibration
        self.bugs = self.bugs + 1 if record.verdict.group is Group.OURS else 0

    def close(self, body: BlockBody, records: Sequence[Record]) -> None:
        """A block is closed with these records: what is lost in its last attempt stays lost, and shuts its cell."""
        self.closed.add((body.workload, body.block))
        self.shut |= {record.trial.cell for record in records if lost(record)}
        self.spent_ns[body.workload] += body.spent_ns
        self.last[body.workload] = body.block
        for record in records:
            key = (body.workload, record.trial.framework)
            self.trials.setdefault(key, []).append(_slim(record))
            if record.verdict is Verdict.OK and (found := value(record, "time")[0]):
                self.times.setdefault(key, {})[body.block] = math.log(found)

    def stop(self, body: StopBody) -> None:
        """A workload is not measured on."""
        self.stopped[body.workload] = body.reason

    def blocks(self, workload: str) -> int:
        """Closed blocks of a workload."""
        return sum(place[0] == workload for place in self.closed)

    def disturbed(self, planned: PlannedWorkload) -> int:
        """Closed blocks in which a trial was disturbed whose cell is still open."""
        still_open = {framework for framework, cell in planned.cells.items() if cell not in self.shut}
        return len(
            {
                record.trial.block
                for framework in still_open
                for record in self.trials.get((planned.workload.name, framework), ())
                if record.verdict is Verdict.DISTURBED
            }
        )

    def pairs(self, planned: PlannedWorkload, baseline: str) -> tuple[Pair, ...]:
        """Every pair with the baseline whose cells are open."""
        name = planned.workload.name
        mine = self.trials.get((name, baseline), [])
        return tuple(
            Pair(
                _differences(self.times.get((name, baseline), {}), self.times.get((name, framework), {})),
                bool(
                    parity.incomparable(planned, baseline, framework)
                    or parity.refusals(planned.workload.task, mine, self.trials.get((name, framework), []))
                ),
            )
            for framework, cell in planned.cells.items()
            if framework != baseline and not self.shut & {cell, planned.cells[baseline]}
        )


def read_state(ledger: Ledger) -> State:
    """Fold the ledger's lines."""
    lines = list(ledger.lines())
    counted = attempts(lines)
    state = State(started=counted.started, charged=counted.charged)
    blocks = closed_blocks(lines)
    wanted = {seq for body in blocks.values() for seq in body.seqs}
    records = {line.seq: line.read(Record) for line in lines if line.kind == "record" and line.seq in wanted}
    for body in blocks.values():
        mine = [records[seq] for seq in body.seqs]
        for record in mine:
            state.note(record)
        state.close(body, mine)
    for line in lines:
        if line.kind == "stop":
            state.stop(line.read(StopBody))
    state.bugs = 0
    return state


def _differences(baseline: Mapping[int, float], contestant: Mapping[int, float]) -> dict[int, float]:
    return {block: time - baseline[block] for block, time in contestant.items() if block in baseline}


def _slim(record: Record) -> Record:
    """What parity asks of a record: the samples of forty blocks of a whole fleet would fill the memory."""
    return replace(record, identity=None, phases=(), cold=None, warm_up=(), turns=(), recipe={}, log_tail="")
