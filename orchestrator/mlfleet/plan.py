"""Blocks and orders, all drawn from one seed: the same seed gives the same run."""

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic.dataclasses import dataclass

from mlfleet.model import STRICT

_T = TypeVar("_T")


@dataclass(frozen=True, config=STRICT)
class Block:
    """One trial of every cell of a workload: services are launched in this order, and take turns in those."""

    workload: str
    number: int
    launch: tuple[str, ...]
    # One row per turn; the position in a row is the position in the turn.
    turns: tuple[tuple[str, ...], ...]


def plan_blocks(
    cells: Mapping[str, Sequence[str]], blocks: int, turns: Mapping[str, int], seed: int
) -> tuple[Block, ...]:
    """All blocks of a run: block 1 of every workload in seeded order, then block 2 of every workload, and so on.

    Drift spreads evenly over workloads, and an interrupted run leaves equal numbers of blocks. `cells`: frameworks by
    workload; `turns`: rows that a block of a workload takes of its square.
    """
    rows = {workload: _rows(workload, frameworks, seed) for workload, frameworks in cells.items() if frameworks}
    planned = []
    for number in range(1, blocks + 1):
        order = _shuffled(sorted(rows), seed, "workloads", number)
        for workload in order:
            square = rows[workload]
            start = (number - 1) * turns[workload]
            taken = tuple(square[index % len(square)] for index in range(start, start + turns[workload]))
            launch = tuple(_shuffled(cells[workload], seed, "launch", workload, number))
            planned.append(Block(workload, number, launch, taken))
    return tuple(planned)


def williams(size: int) -> list[tuple[int, ...]]:
    """A Williams square: each number equally often in each position, and after each other one.

    Williams, E. J. (1949): Experimental designs balanced for the estimation of residual effects of treatments. First
    row 0, 1, F-1, 2, F-2, ...; row r adds r modulo F; for odd F the reversed rows follow.
    """
    first = [0]
    low, high = 1, size - 1
    while low <= high:
        first += [low] if low == high else [low, high]
        low, high = low + 1, high - 1
    square = [tuple((number + row) % size for number in first) for row in range(size)]
    return square + [tuple(reversed(row)) for row in square] if size % 2 and size > 1 else square


def _rows(workload: str, frameworks: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    labels = _shuffled(frameworks, seed, "labels", workload)
    square = _shuffled(williams(len(labels)), seed, "rows", workload)
    return [tuple(labels[number] for number in row) for row in square]


def _shuffled(items: Sequence[_T], *key: object) -> list[_T]:
    # A text seed is hashed with SHA-512 by CPython: the same on every machine and for every hash seed.
    generator = random.Random("/".join(map(str, key)))  # noqa: S311 - an order, not a secret
    return generator.sample(list(items), len(items))
