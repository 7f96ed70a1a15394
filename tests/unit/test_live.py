"""How far a run is, as plain lines: what is known, and `at most` where a workload may stop before."""

import io

from mlfleet.live import LiveProgress
from mlfleet.plan import Block
from rich.console import Console

BLOCK = Block("ridge.fit-diabetes", 3, ("sklearn",), (("sklearn",),))


def lines(monkeypatch, *, at_most, seconds=10.0, total=12):
    clock = iter((0.0, 0.0, seconds, seconds))
    monkeypatch.setattr("mlfleet.live.time.monotonic", lambda: next(clock))
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=200), at_most=at_most) as progress:
        progress.block(BLOCK, 3, total)
        progress.done(BLOCK, [])
        progress.block(BLOCK, 4, total)
    return out.getvalue().splitlines()


def test_the_number_of_blocks_and_the_time_left_follow_from_what_was_measured(monkeypatch):
    assert lines(monkeypatch, at_most=False) == [
        "block 3 of 12: ridge.fit-diabetes (3)",
        "  all cells closed",
        "block 4 of 12: ridge.fit-diabetes (3), about 2 min left",
    ]


def test_where_workloads_may_stop_it_is_at_most(monkeypatch):
    first, _, second = lines(monkeypatch, at_most=True, total=7)
    assert first == "block 3 of at most 7: ridge.fit-diabetes (3)"
    assert second == "block 4 of at most 7: ridge.fit-diabetes (3), at most 40 s left"
