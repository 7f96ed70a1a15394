"""Advice on the number of turns: by the variances between turns and between trials, and by what they cost."""

import math
from dataclasses import replace

import numpy as np
import pytest
import samples
from mlfleet.advice import advice
from mlfleet.model import Phase, Sample
from mlfleet.table import fold
from samples import Cell

NAME = "ridge.fit-diabetes"
CELLS = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6)}}
BLOCKS = 10


def spread_over(between_turns, between_trials, *, turns=3, trial_s=4.0, turn_s=0.25, blocks=BLOCKS):
    """The sample run with turns of its own: ln(time) goes up and down by these between turns and between blocks."""
    records = []
    for record in samples.records(CELLS, blocks):
        (turn,), level = record.turns, between_trials * (-1) ** record.trial.block
        made = []
        for number in range(1, turns + 1):
            # With three turns: -a, 0, a, whose standard deviation is a.
            factor = np.exp(level + between_turns * (number - (turns + 1) / 2))
            ns = [Sample(10**6, 0, round(10**12 * factor))] * 5
            made.append(replace(turn, number=number, samples=tuple(ns), received_ns=turn.sent_ns + round(turn_s * 1e9)))
        phases = (Phase("launch", 0, round(trial_s * 1e9)),)
        records.append(replace(record, turns=tuple(made), phases=phases))
    (found,) = advice(fold(samples.run_file(CELLS, blocks), records))
    return found


def test_restless_turns_and_costly_trials_ask_for_more_turns():
    found = spread_over(0.04, 0.03)
    # Trials' means vary by 0.03^2 * 10 / 9, of which 0.04^2 / 3 is that of their turns.
    awaited = math.sqrt(4 / 0.25 * 0.04**2 / (0.03**2 * 10 / 9 - 0.04**2 / 3))
    assert found.turns == math.ceil(awaited) == 8
    assert (found.workload, found.used, found.reason) == (NAME, 3, "")
    assert (found.trial_s, found.turn_s) == (4.0, 0.25)
    assert (found.between_turns, found.between_trials) == pytest.approx((0.04, 0.0216), abs=1e-4)


def test_restless_trials_ask_for_one_turn():
    assert spread_over(0.001, 0.05).turns == 1


def test_cheap_trials_ask_for_fewer_turns():
    dear, cheap = spread_over(0.04, 0.03), spread_over(0.04, 0.03, trial_s=0.25)
    assert cheap.turns < dear.turns


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"turns": 1}, "one_turn"),
        ({"blocks": 4}, "few_blocks"),
        ({"between_trials": 0.0}, "no_variance_between_trials"),
    ],
)
def test_where_a_variance_is_not_known_there_is_no_number(arguments, reason):
    found = spread_over(**{"between_turns": 0.02, "between_trials": 0.02} | arguments)
    assert (found.turns, found.reason) == (None, reason)


def test_only_the_first_look_is_asked():
    records = samples.records(CELLS, 12)
    table = fold(samples.run_file(CELLS, 12), records)
    later = [replace(r, turns=r.turns * 3) if r.trial.block > BLOCKS else r for r in records]
    assert advice(fold(table.run, later)) == advice(table)
