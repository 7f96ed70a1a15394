"""What a report is made of, in one reading of a ledger, of which each line is held against the one before."""

from pathlib import Path

from mlfleet.ledger_lines import StopBody, closed_blocks, read_lines
from mlfleet.model import Record


def read_counted(folder: Path) -> tuple[list[Record], list[StopBody]]:
    """The records that a `block` line counts, as they were written, and the stops. Raises StorageError on damage."""
    found = list(read_lines(folder))
    counted = {seq for body in closed_blocks(found).values() for seq in body.seqs}
    records = [line.read(Record) for line in found if line.kind == "record" and line.seq in counted]
    return records, [line.read(StopBody) for line in found if line.kind == "stop"]
