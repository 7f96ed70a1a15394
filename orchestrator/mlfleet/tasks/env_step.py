"""An environment alone: CartPole by delivered actions, each episode from the next of the delivered states.

The pole multiplies a difference of the last bit by 4e16 within the 500 steps of CartPole-v1, and by 4e6 within 200: a
workload's `limit` must leave trajectories comparable.
"""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks import cartpole
from mlfleet.tasks.base import Arrays, Case, Output, Size, Task
from mlfleet.tasks.criteria import Close, Equal, Metrics
from mlfleet.tasks.params import ParamSpec

_NAME = "env.step"
_CRITERIA = (Equal("terminated"), Equal("truncated"), Close("states", 1e-9))
# Every so many episodes one is balanced until the limit cuts it off; the others go by chance and fall.
_BALANCED_EVERY = 8


def _case(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    steps, resets, limit = (int(params[name]) for name in ("steps", "resets", "limit"))
    if resets > len(dataset.train):
        raise UsageError(f"parameter 'resets' of {_NAME} is {resets}, {dataset.name!r} has {len(dataset.train)} starts")
    starts = np.ascontiguousarray(dataset.x[dataset.train[:resets]])
    played = cartpole.play(starts, _choice(cartpole.chance(seed, resets, limit)), limit)
    rows = np.arange(played.actions.shape[1]) < played.lengths[:, np.newaxis]
    # After the last start comes the first again.
    turn = np.arange(steps) % int(rows.sum())
    terminated = played.terminated[rows][turn]
    cut = rows & (np.arange(rows.shape[1]) == limit - 1)
    truncated = cut[rows][turn]
    ended = int((terminated | truncated)[:-1].sum())
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"actions": played.actions[rows][turn], "resets": starts},
        params=params,
        outputs={
            "states": Output("F64", (steps, 4)),
            "terminated": Output("U8", (steps,), below=2),
            "truncated": Output("U8", (steps,), below=2),
        },
        planned={"env_steps": steps, "episodes": ended + 1},
        criteria=_CRITERIA,
        guess={
            "states": np.zeros((steps, 4)),
            "terminated": np.zeros(steps, np.uint8),
            "truncated": np.zeros(steps, np.uint8),
        },
        reference={
            "states": played.states[:, 1:][rows][turn],
            "terminated": terminated.astype(np.uint8),
            "truncated": truncated.astype(np.uint8),
        },
    )


def _choice(by_chance: Integers) -> cartpole.Choice:
    balanced = np.arange(len(by_chance)) % _BALANCED_EVERY == _BALANCED_EVERY - 1

    def choose(states: Floats, tick: int) -> Integers:
        leaning = states[:, 2] + 0.3 * states[:, 3] + 0.02 * states[:, 0] + 0.05 * states[:, 1] > 0
        return np.where(balanced, leaning, by_chance[:, tick])

    return choose


def _metrics(_: Case, outputs: Arrays) -> Metrics:
    return {"ends": float((outputs["terminated"] | outputs["truncated"]).sum())}


TASKS = (
    Task(
        name=_NAME,
        stage="infer",
        unit_key="env_steps",
        unit="step",
        targets=("none",),
        params={
            "steps": ParamSpec(int, low=1, wire=False),
            "resets": ParamSpec(int, low=1, wire=False),
            "limit": ParamSpec(int, low=1),
        },
        make=_case,
        metrics=_metrics,
        decides="ends",
        direction=1,
        criteria=_CRITERIA,
        size=lambda _: Size("steps", 1),
    ),
)
