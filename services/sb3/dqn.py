"""Deep Q-learning: stable-baselines3's own `DQN`, trained by itself or fed what was delivered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import torch
from environment import check_actions, make
from mlfleet_sdk import F32Matrix, F32Vector, I64Matrix, I64Vector, U8Vector, Weights, require
from policies import accept, count, weights_out
from stable_baselines3 import DQN
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

UPDATES = 64


class Delivered(ReplayBuffer):
    """The stock buffer, whose draws are delivered."""

    draws: Iterator[I64Vector]

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """The next draws."""
        del batch_size
        return self._get_samples(next(self.draws), env=env)


@dataclass(frozen=True)
class Transitions:
    """obs, next f32[n,4], action i64[n], reward f32[n], terminated u8[n]."""

    obs: F32Matrix
    next: F32Matrix
    action: I64Vector
    reward: F32Vector
    terminated: U8Vector

    def check(self) -> None:
        """Refuses what does not fit together."""
        rows = len(self.obs)
        require(rows > 0, "obs has no rows, awaited at least one")
        for name, found in (("obs", self.obs), ("next", self.next)):
            require(
                found.shape[1] == 4,  # noqa: PLR2004 - position, speed, angle, spin
                f"tensor {name} has shape {list(found.shape)}, awaited [rows, 4]",
            )
        for name, column in vars(self).items():
            require(len(column) == rows, f"{name} has {len(column)} rows, obs {rows}")
        check_actions("action", self.action)
        require(self.terminated.max() <= 1, f"terminated holds {self.terminated.max()}, awaited 0 or 1")


class Update:
    """Gradient steps of the stock `DQN.train` on delivered draws."""

    def __init__(
        self, transitions: Transitions, draws: I64Matrix, w: Weights, target: Weights, batch: int, **rates: float
    ) -> None:
        transitions.check()
        rows = len(transitions.obs)
        require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (transitions)")
        require(
            draws.shape == (UPDATES, batch),
            f"tensor draws has shape {list(draws.shape)}, awaited [{UPDATES}, {batch}] (batch)",
        )
        wrong = draws[(draws < 0) | (draws >= rows)]
        require(len(wrong) == 0, f"draws holds {wrong[:1]}, awaited 0 .. {rows - 1}")
        check_rates(**rates)
        self.model = DQN(
            "MlpPolicy",
            make(),
            learning_rate=rates["lr"],
            gamma=rates["gamma"],
            max_grad_norm=rates["clip"],
            batch_size=batch,
            buffer_size=rows,
            replay_buffer_class=Delivered,
            device="cpu",
        )
        self.model.set_logger(Logger(None, []))
        self.draws, self.batch = draws, batch
        self.buffer = _filled(self.model.replay_buffer, transitions)
        self.network = self.model.q_net.q_net
        self.start = accept("w", self.network, w)
        self.model.q_net_target.q_net.load_state_dict(accept("target", self.network, target))
        self.losses: list[float] = []

    def step(self) -> None:
        """From the delivered weights; one call a gradient step, as `DQN.learn` makes them, for its loss is a mean."""
        self.network.load_state_dict(self.start)
        self.model.policy.optimizer.state.clear()
        self.buffer.draws = iter(self.draws)
        self.losses = []
        for _ in range(len(self.draws)):
            self.model.train(gradient_steps=1, batch_size=self.batch)
            self.losses.append(self.model.logger.name_to_value["train/loss"])

    def outputs(self) -> Mapping[str, Any]:
        """What the last iteration left."""
        weights = self.network.state_dict()
        return {
            "losses": np.array(self.losses, np.float32),
            **weights_out(self.network),
            "receipt.updates": len(self.losses),
            "receipt.n_params": count(self.network),
            "receipt.params_moved": sum(not torch.equal(weights[name], self.start[name]) for name in weights),
        }


def check_rates(*, lr: float, gamma: float, clip: float) -> None:
    """Refuses rates that mean nothing."""
    require(lr > 0, f"lr is {lr}, awaited a number above 0")
    require(0 <= gamma <= 1, f"gamma is {gamma}, awaited 0 to 1")
    require(clip > 0, f"clip is {clip}, awaited a number above 0")


def _filled(buffer: ReplayBuffer | None, transitions: Transitions) -> Delivered:
    assert isinstance(buffer, Delivered)  # noqa: S101 - narrows what DQN was told to make
    buffer.observations[:, 0], buffer.next_observations[:, 0] = transitions.obs, transitions.next
    buffer.actions[:, 0, 0], buffer.rewards[:, 0] = transitions.action, transitions.reward
    buffer.dones[:, 0] = transitions.terminated
    buffer.pos, buffer.full = 0, True
    return buffer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training's schedule, in steps of the environment."""

    steps: int
    buffer: int
    start: int
    batch: int
    lr: float
    gamma: float
    clip: float
    train_every: int
    target_every: int
    exploring: float
    epsilon: float

    def check(self) -> None:
        """Refuses a schedule that means nothing."""
        for name in ("steps", "buffer", "start", "batch", "train_every", "target_every"):
            require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}, awaited 1 or above")
        check_rates(lr=self.lr, gamma=self.gamma, clip=self.clip)
        require(self.start < self.steps, f"start is {self.start}, awaited less than steps ({self.steps})")
        require(self.exploring > 0, f"exploring is {self.exploring}, awaited a number above 0")
        require(0 <= self.epsilon <= 1, f"epsilon is {self.epsilon}, awaited 0 to 1")


class Episodes(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts what was played to its end."""

    ended = 0
    taken = 0

    def step(self, action: np.int64) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step."""
        found = self.env.step(action)
        self.taken += 1
        self.ended += found[2] or found[3]
        return found


class Training:
    """`DQN.learn` from nothing but a seed."""

    def __init__(self, plan: Plan, seed: int) -> None:
        plan.check()
        # 32 bits are what its generators take.
        self.plan, self.seed = plan, seed % 2**32
        self.model: DQN
        self.episodes: Episodes

    def step(self) -> None:
        """The whole training."""
        plan = self.plan
        self.episodes = Episodes(make())
        self.model = DQN(
            "MlpPolicy",
            self.episodes,
            learning_rate=plan.lr,
            buffer_size=plan.buffer,
            learning_starts=plan.start,
            batch_size=plan.batch,
            gamma=plan.gamma,
            train_freq=plan.train_every,
            gradient_steps=1,
            target_update_interval=plan.target_every,
            exploration_fraction=plan.exploring,
            exploration_final_eps=plan.epsilon,
            max_grad_norm=plan.clip,
            seed=self.seed,
            device="cpu",
        )
        self.model.set_logger(Logger(None, []))
        self.model.learn(plan.steps, log_interval=plan.steps)

    def outputs(self) -> Mapping[str, Any]:
        """What the last iteration left."""
        network = self.model.q_net.q_net
        return {
            **weights_out(network),
            "receipt.env_steps": self.episodes.taken,
            "receipt.updates": self.model._n_updates,  # noqa: SLF001 - its only count of them
            "receipt.episodes": self.episodes.ended,
            "receipt.n_params": count(network),
        }
