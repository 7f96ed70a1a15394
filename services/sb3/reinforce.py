"""The Monte Carlo policy gradient on stable-baselines3's own actor: one gradient step after each whole episode.

Williams (1992): Simple statistical gradient-following algorithms for connectionist reinforcement learning. Returns are
normalised within their episode, by the population's deviation.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from environment import make
from mlfleet_sdk import require
from numpy.typing import NDArray
from policies import count, weights_out
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.utils import set_random_seed
from torch import Tensor, nn

# Keeps the deviation of equal returns, which is none, from dividing by zero.
LEAST_DEVIATION = 1e-8


class Reinforce:
    """A training from nothing but a seed."""

    def __init__(self, steps: int, lr: float, gamma: float, seed: int) -> None:
        require(steps >= 1, f"steps is {steps}, awaited 1 or above")
        require(lr > 0, f"lr is {lr}, awaited a number above 0")
        require(0 <= gamma <= 1, f"gamma is {gamma}, awaited 0 to 1")
        self.steps, self.lr, self.gamma, self.seed = steps, lr, gamma, seed
        self.network: nn.Sequential
        self.taken = self.episodes = self.updates = 0

    def step(self) -> None:
        """The whole training."""
        # 32 bits are what its generators take.
        set_random_seed(self.seed % 2**32)
        environment = make()
        policy = self._policy(environment)
        self.network = nn.Sequential(*policy.mlp_extractor.policy_net, policy.action_net)
        self.taken = self.episodes = self.updates = 0
        observation, _ = environment.reset(seed=self.seed % 2**32)
        observations, actions = [observation], list[int]()
        while self.taken < self.steps:
            with torch.no_grad():
                action = int(policy.get_distribution(torch.from_numpy(observation)[None]).sample())
            observation, _, terminated, truncated, _ = environment.step(action)
            actions.append(action)
            self.taken += 1
            if terminated or truncated:
                self.episodes += 1
                self._learn(policy, np.stack(observations), torch.tensor(actions))
                observation, _ = environment.reset()
                observations, actions = [], []
            observations.append(observation)

    def _policy(self, environment: gymnasium.Env[Any, Any]) -> ActorCriticPolicy:
        # Layers as PyTorch starts them, Adam with PyTorch's eps: stable-baselines3 has both otherwise for A2C and PPO.
        return ActorCriticPolicy(
            environment.observation_space,
            environment.action_space,
            lambda _: self.lr,
            net_arch={"pi": [64, 64], "vf": []},
            activation_fn=nn.ReLU,
            ortho_init=False,
            optimizer_kwargs={"eps": 1e-8},
        )

    def _learn(self, policy: ActorCriticPolicy, observations: NDArray[np.float32], actions: Tensor) -> None:
        chosen = policy.get_distribution(torch.from_numpy(observations)).log_prob(actions)
        loss = -(chosen * self._returns(len(actions))).mean()
        policy.optimizer.zero_grad()
        loss.backward()
        policy.optimizer.step()
        self.updates += 1

    def _returns(self, steps: int) -> Tensor:
        """Discounted sums of rewards of 1 from each step on, with mean 0 and deviation 1."""
        sums = np.empty(steps)
        ahead = 0.0
        for number in reversed(range(steps)):
            sums[number] = ahead = 1.0 + self.gamma * ahead
        return torch.from_numpy(((sums - sums.mean()) / (sums.std() + LEAST_DEVIATION)).astype(np.float32))

    def outputs(self) -> Mapping[str, Any]:
        """What the last iteration left."""
        return {
            **weights_out(self.network),
            "receipt.env_steps": self.taken,
            "receipt.updates": self.updates,
            "receipt.episodes": self.episodes,
            "receipt.n_params": count(self.network),
        }
