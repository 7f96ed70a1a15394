"""Orders: balanced, complete, and a function of the seed alone."""

from collections import Counter
from itertools import pairwise

import pytest
from mlfleet.plan import plan_blocks, williams

CELLS = {"a": ["one", "two"], "b": ["one", "two", "three"], "c": ["one"], "none": []}
TURNS = dict.fromkeys(CELLS, 3)


@pytest.mark.parametrize("size", range(2, 9))
def test_williams_square_is_balanced(size):
    square = williams(size)
    positions = Counter((position, label) for row in square for position, label in enumerate(row))
    followers = Counter(pair for row in square for pair in pairwise(row))
    assert len(set(positions.values())) == 1
    assert len(positions) == size * size
    assert len(set(followers.values())) == 1
    assert len(followers) == size * (size - 1)


def test_every_workload_with_cells_gets_every_block_once():
    plan = plan_blocks(CELLS, 5, TURNS, seed=1)
    assert Counter(block.workload for block in plan) == {"a": 5, "b": 5, "c": 5}
    assert all(sorted(block.launch) == sorted(CELLS[block.workload]) for block in plan)
    assert all(sorted(row) == sorted(block.launch) for block in plan for row in block.turns)
    assert all(len(block.turns) == 3 for block in plan)


def test_block_numbers_never_go_back():
    numbers = [block.number for block in plan_blocks(CELLS, 4, dict.fromkeys(CELLS, 1), seed=3)]
    assert numbers == sorted(numbers)


def test_over_a_run_each_cell_goes_first_equally_often():
    plan = plan_blocks({"a": ["one", "two"]}, 10, {"a": 1}, seed=5)
    assert Counter(block.turns[0][0] for block in plan) == {"one": 5, "two": 5}


def test_the_seed_alone_decides():
    assert plan_blocks(CELLS, 5, TURNS, seed=1) == plan_blocks(CELLS, 5, TURNS, seed=1)
    assert plan_blocks(CELLS, 5, TURNS, seed=1) != plan_blocks(CELLS, 5, TURNS, seed=2)


def test_a_workload_may_take_other_turns_and_leaves_all_others_as_they_are():
    found = plan_blocks(CELLS, 5, {**TURNS, "b": 1}, seed=1)
    plain = plan_blocks(CELLS, 5, TURNS, seed=1)
    assert {len(block.turns) for block in found if block.workload == "b"} == {1}
    assert [(block.workload, block.number, block.launch) for block in found] == [
        (block.workload, block.number, block.launch) for block in plain
    ]
    assert [block for block in found if block.workload != "b"] == [block for block in plain if block.workload != "b"]
