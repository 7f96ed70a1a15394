"""CartPole-v1 by delivered actions, each episode from the next of the delivered states."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import gymnasium
import numpy as np
from mlfleet_sdk import F64Matrix, I64Vector, require
from numpy.typing import NDArray

ACTIONS = 2


def make(limit: int | None = None) -> gymnasium.Env[Any, Any]:
    """The registered environment; `limit` steps an episode where it is not the registered 500.

    Without the checker of environments, which is for those who write one.
    """
    return gymnasium.make("CartPole-v1", max_episode_steps=limit, disable_env_checker=True)


def check_actions(name: str, actions: I64Vector) -> None:
    """Refuses what is no push to the left (0) or right (1)."""
    wrong = actions[(actions < 0) | (actions >= ACTIONS)]
    require(len(wrong) == 0, f"{name} holds {wrong[:1]}, awaited 0 or 1")


class Steps:
    """All steps of an iteration, and where they led."""

    def __init__(self, actions: I64Vector, resets: F64Matrix, limit: int) -> None:
        require(len(actions) > 0, "actions is empty, awaited at least one")
        check_actions("actions", actions)
        require(
            len(resets) > 0 and resets.shape[1] == 4,  # noqa: PLR2004 - position, speed, angle, spin
            f"tensor resets has shape {list(resets.shape)}, awaited [episodes, 4]",
        )
        require(limit >= 1, f"limit is {limit}, awaited 1 or above")
        # The environment's own kind of number: it looks at each one's type.
        self.actions, self.resets = list(actions), resets
        self.environment = make(limit)
        self.states: NDArray[np.float64]
        self.terminated: list[bool]
        self.truncated: list[bool]
        self.episodes = 0

    def step(self) -> None:
        """Every action once."""
        environment, resets = self.environment, cycle(self.resets)
        cart: Any = environment.unwrapped
        self.states = np.empty((len(self.actions), 4))
        self.terminated, self.truncated, self.episodes = [], [], 0
        over = True
        for number, action in enumerate(self.actions):
            if over:
                environment.reset()
                # No option of reset takes a state.
                cart.state = next(resets)
                self.episodes += 1
            _, _, terminated, truncated, _ = environment.step(action)
            self.states[number] = cart.state
            self.terminated.append(terminated)
            self.truncated.append(truncated)
            over = terminated or truncated

    def outputs(self) -> Mapping[str, Any]:
        """What the last iteration found."""
        return {
            "states": self.states,
            "terminated": np.array(self.terminated, np.uint8),
            "truncated": np.array(self.truncated, np.uint8),
            "receipt.env_steps": len(self.terminated),
            "receipt.episodes": self.episodes,
        }
