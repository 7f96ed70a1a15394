"""CartPole-v1 as gymnasium 1.4 defines it, in plain Python: float64 state, Euler steps of 20 ms.

Barto, Sutton, Anderson (1983): Neuronlike adaptive elements that can solve difficult learning control problems.
Products and sums are in gymnasium's order, so that trajectories part by the last bits of sine and cosine alone.
"""

from collections.abc import Mapping
from itertools import cycle
from math import cos, pi, sin
from typing import Any

import numpy as np
from mlfleet_sdk import require

GRAVITY = 9.8
POLE_KG = 0.1
TOTAL_KG = 1.0 + POLE_KG
HALF_POLE_M = 0.5
MOMENT = POLE_KG * HALF_POLE_M
FORCE_N = 10.0
TICK_S = 0.02
FARTHEST_M = 2.4
STEEPEST_RAD = 12 * 2 * pi / 360
# Position, speed, angle, spin.
State = tuple[float, float, float, float]
COLUMNS = 4


def advance(state: State, action: int) -> State:
    """The state 20 ms after a push to the left (0) or right (1)."""
    x, speed, angle, spin = state
    force = FORCE_N if action == 1 else -FORCE_N
    cosine, sine = cos(angle), sin(angle)
    push = (force + MOMENT * (spin * spin) * sine) / TOTAL_KG
    turn = (GRAVITY * sine - cosine * push) / (HALF_POLE_M * (4.0 / 3.0 - POLE_KG * (cosine * cosine) / TOTAL_KG))
    pull = push - MOMENT * turn * cosine / TOTAL_KG
    return x + TICK_S * speed, speed + TICK_S * pull, angle + TICK_S * spin, spin + TICK_S * turn


class Steps:
    """All steps of an iteration by given actions, each episode from the next of the given states."""

    def __init__(self, actions: list[int], resets: list[list[float]], limit: int) -> None:
        require(len(actions) > 0, "actions is empty, awaited at least one")
        for action in actions:
            require(action in (0, 1), f"actions holds {action}, awaited 0 or 1")
        columns = len(resets[0]) if resets else 0
        require(columns == COLUMNS, f"tensor resets has shape {[len(resets), columns]}, awaited [episodes, {COLUMNS}]")
        require(limit >= 1, f"limit is {limit}, awaited 1 or above")
        self.actions, self.limit = actions, limit
        self.resets: list[State] = [(x, speed, angle, spin) for x, speed, angle, spin in resets]
        self.states: list[State] = []
        self.terminated: list[bool] = []
        self.truncated: list[bool] = []
        self.episodes = 0

    def step(self) -> None:
        """Every action once."""
        resets, limit = cycle(self.resets), self.limit
        states, terminated, truncated = list[State](), list[bool](), list[bool]()
        state, taken, episodes = next(resets), 0, 1
        over = False
        for action in self.actions:
            if over:
                state, taken = next(resets), 0
                episodes += 1
            state = advance(state, action)
            taken += 1
            fell = not (-FARTHEST_M <= state[0] <= FARTHEST_M and -STEEPEST_RAD <= state[2] <= STEEPEST_RAD)
            cut = taken >= limit
            states.append(state)
            terminated.append(fell)
            truncated.append(cut)
            over = fell or cut
        self.states, self.terminated, self.truncated, self.episodes = states, terminated, truncated, episodes

    def outputs(self) -> Mapping[str, Any]:
        """What the last iteration found."""
        return {
            "states": np.array(self.states),
            "terminated": np.array(self.terminated, np.uint8),
            "truncated": np.array(self.truncated, np.uint8),
            "receipt.env_steps": len(self.states),
            "receipt.episodes": self.episodes,
        }
