"""What a report is made of, in one reading of a ledger, of which each line is held against the one before."""

from pathlib import Path

from mlfleet.ledger_lines import BlockBody, Line, Place, StopBody, read_lines
from mlfleet.model import Record
from mlfleet.uncollected import uncollected


@uncollected()
def read_counted(folder: Path) -> tuple[list[Record], list[StopBody]]:
    """The records that a `block` line counts, as they were written, and the stops. Raises StorageError on damage."""
    # Read as soon as their block counts them, so that no more than a block's lines are held beside the records.
    waiting: dict[int, Line] = {}
    counted: dict[int, Record] = {}
    closed: set[Place] = set()
    stops = []
    for line in read_lines(folder):
        if line.kind == "record":
            waiting[line.seq] = line
        elif line.kind == "stop":
            stops.append(line.read(StopBody))
        elif line.kind == "block":
            body = line.read(BlockBody)
            if (body.workload, body.block) not in closed:
                closed.add((body.workload, body.block))
                counted |= {seq: waiting.pop(seq).read(Record) for seq in body.seqs if seq in waiting}
    return [counted[seq] for seq in sorted(counted)], stops
