"""CartPole-v1 in NumPy, many carts at once: the orchestrator's own, against which environments and agents are held.

Dynamics of gymnasium 1.4: float64 state (position, speed, angle, spin), Euler steps of 20 ms, a reward of 1 each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.dataset import Floats, Integers

ACTIONS = 2
LIMIT = 500
# The mean return that counts as solved; that of actions by chance is 22.
THRESHOLD = 475

_GRAVITY, _POLE_KG, _CART_KG, _HALF_POLE_M, _FORCE_N, _TICK_S = 9.8, 0.1, 1.0, 0.5, 10.0, 0.02
_FARTHEST_M, _STEEPEST_RAD = 2.4, 12 * 2 * pi / 360

Flags = NDArray[np.bool_]
Choice = Callable[[Floats, int], NDArray[Any]]


@dataclass(frozen=True)
class Steps:
    """Steps of n carts in t ticks: `states` f64[n,t+1,4] from the start on, `actions` i64[n,t].

    `terminated` bool[n,t]. Only the first `lengths` i64[n] steps of each cart are its episode.
    """

    states: Floats
    actions: Integers
    terminated: Flags
    lengths: Integers


def step(states: Floats, actions: NDArray[Any]) -> tuple[Floats, Flags]:
    """The next states f64[n,4] and which of them end their episodes, after pushes left (0) or right (1)."""
    x, speed, angle, spin = states.T
    force = np.where(actions == 1, _FORCE_N, -_FORCE_N)
    sine, cosine, total = np.sin(angle), np.cos(angle), _CART_KG + _POLE_KG
    moment = _POLE_KG * _HALF_POLE_M
    push = (force + moment * spin**2 * sine) / total
    turn = (_GRAVITY * sine - cosine * push) / (_HALF_POLE_M * (4 / 3 - _POLE_KG * cosine**2 / total))
    pull = push - moment * turn * cosine / total
    after = np.stack([x + _TICK_S * speed, speed + _TICK_S * pull, angle + _TICK_S * spin, spin + _TICK_S * turn], 1)
    return after, (np.abs(after[:, 0]) > _FARTHEST_M) | (np.abs(after[:, 2]) > _STEEPEST_RAD)


def play(starts: Floats, choose: Choice, limit: int) -> Steps:
    """An episode from each start f64[n,4]; `choose` gives actions for all states at a tick."""
    states, actions, terminated = [starts], list[NDArray[Any]](), list[Flags]()
    over = np.zeros(len(starts), np.bool_)
    while len(actions) < limit and not over.all():
        actions.append(choose(states[-1], len(actions)))
        after, ended = step(states[-1], actions[-1])
        # A cart whose episode is over stays where it fell: its numbers would only grow.
        states.append(np.where(over[:, np.newaxis], states[-1], after))
        terminated.append(ended & ~over)
        over |= ended
    flags = np.stack(terminated, 1)
    lengths = np.where(flags.any(1), flags.argmax(1) + 1, len(actions))
    return Steps(np.stack(states, 1), np.stack(actions, 1).astype(np.int64), flags, lengths.astype(np.int64))


def scores(starts: Floats, values: Callable[[Floats], Floats]) -> Mapping[str, float]:
    """How the greedy policy of action values f64[n,2], given for observations, does from each start."""
    returns = play(starts, lambda states, _: values(observed(states)).argmax(1), LIMIT).lengths
    return {
        "mean_return": float(returns.mean()),
        "success_rate": float((returns >= THRESHOLD).mean()),
        # The reward is 1 a step.
        "episode_length": float(np.median(returns)),
    }


def observed(states: Floats) -> Floats:
    """What agents see of states: rounded to float32."""
    return states.astype(np.float32).astype(np.float64)


def chance(seed: int, rows: int, ticks: int) -> Integers:
    """Actions by chance i64[rows,ticks]."""
    drawn = np.random.Philox(key=seed).random_raw(rows * ticks)
    return (drawn >> np.uint64(63)).astype(np.int64).reshape(rows, ticks)
