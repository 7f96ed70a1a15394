"""How far a run is, as plain lines: what is known, and `at most` where a workload may stop before."""

import io

from mlfleet.live import LiveProgress
from mlfleet.plan import Block
from rich.console import Console

BLOCK = Block("ridge.fit-diabetes", 3, ("sklearn",), (("sklearn",),))


def lines(*, at_most, left_s, total=12):
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=200), at_most=at_most) as progress:
        progress.block(BLOCK, 3, total, None)
        progress.done(BLOCK, [])
        progress.block(BLOCK, 4, total, left_s)
    return out.getvalue().splitlines()


def test_the_number_of_blocks_and_the_time_left_are_told_as_far_as_they_are_known():
    assert lines(at_most=False, left_s=100.0) == [
        "block 3 of 12: ridge.fit-diabetes (3)",
        "  all cells closed",
        "block 4 of 12: ridge.fit-diabetes (3), about 2 min left",
    ]


def test_where_workloads_may_stop_it_is_at_most():
    first, _, second = lines(at_most=True, left_s=40.0, total=7)
    assert first == "block 3 of at most 7: ridge.fit-diabetes (3)"
    assert second == "block 4 of at most 7: ridge.fit-diabetes (3), at most 40 s left"
