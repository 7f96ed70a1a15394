"""What a report is made of: the records that a block counts, its first line alone, in the order they were written."""

import samples
from mlfleet.codec import encode
from mlfleet.ledger import Ledger
from mlfleet.ledger_counted import read_counted
from mlfleet.ledger_lines import BlockBody, StopBody, read_records

NAME = "ridge.fit-diabetes"
CELLS = {NAME: {"linfa": samples.Cell(1e6)}}


def test_a_block_counts_once_and_what_no_block_counts_is_left_out(tmp_path):
    first, again, lost, later = (samples.record(NAME, "linfa", CELLS[NAME]["linfa"], number) for number in (1, 2, 3, 4))
    with Ledger.create(tmp_path / "run", encode(samples.run_file(CELLS))) as ledger:
        one, two, _, four = (ledger.append("record", record) for record in (first, again, lost, later))
        ledger.append("block", BlockBody(NAME, 2, (four,)))
        ledger.append("block", BlockBody(NAME, 1, (one,)))
        # A second line of the same block, which the writer refuses.
        ledger._closed.clear()
        ledger.append("block", BlockBody(NAME, 1, (two,)))
        ledger.append("stop", StopBody(NAME, "budget", 2))
    records, stops = read_counted(tmp_path / "run")
    assert records == [first, later] == read_records(tmp_path / "run")
    assert stops == [StopBody(NAME, "budget", 2)]
