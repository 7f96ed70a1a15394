"""Agents trained on CartPole from nothing but a seed: deep Q-learning and REINFORCE.

Services draw for themselves, so no two answers are alike. Each hands over its final policy; the orchestrator plays it
greedily on its own CartPole, from states that no training saw, and compares frameworks over blocks: rule S.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks import cartpole, dqn_numpy
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Metrics, Spread
from mlfleet.tasks.params import ParamSpec

_DQN, _REINFORCE = "dqn.train", "reinforce.train"
_COUNT = ParamSpec(int, low=1)
_GAMMA = ParamSpec(float, low=0.0, most=1)


def _case(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """No payload but parameters: what is drawn is drawn by Setup.seed."""
    del seed
    planned = {"env_steps": int(params["steps"]), "n_params": dqn_numpy.N_PARAMS}
    if task == _DQN:
        planned["updates"] = _updates(params)
    weights = {f"w.{name}": shape for name, shape in dqn_numpy.SHAPES.items()}
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={},
        params=params,
        outputs={name: Output("F32", shape) for name, shape in weights.items()},
        planned=planned,
        criteria=(),
        truth={"starts": dataset.x[dataset.test]},
        guess={name: np.zeros(shape) for name, shape in weights.items()},
    )


def _updates(params: Mapping[str, Param]) -> int:
    steps, start, every = (int(params[name]) for name in ("steps", "start", "train_every"))
    if start >= steps:
        raise UsageError(f"parameter 'start' of {_DQN} is {start}, awaited less than steps ({steps})")
    return steps // every - start // every


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    weights = {name.removeprefix("w."): array for name, array in outputs.items()}
    return cartpole.scores(case.truth["starts"], partial(dqn_numpy.values, weights))


def _task(name: str, params: Mapping[str, ParamSpec], reached: tuple[str, ...], *, margin: float, floor: float) -> Task:
    return Task(
        name=name,
        stage="train",
        unit_key="env_steps",
        unit="step",
        targets=("none",),
        params=params,
        make=partial(_case, name),
        metrics=_metrics,
        decides="mean_return",
        direction=1,
        criteria=(),
        value_dependent=True,
        reached={key: Reached(int, "printed", low=1) for key in reached},
        spread=Spread("mean_return", blocks=10, margin=margin, floor=floor),
    )


TASKS = (
    _task(
        _DQN,
        {
            "steps": _COUNT,
            "buffer": _COUNT,
            "start": _COUNT,
            "batch": _COUNT,
            "lr": ParamSpec(float, above=0.0),
            "gamma": _GAMMA,
            "clip": ParamSpec(float, above=0.0),
            "train_every": _COUNT,
            "target_every": _COUNT,
            "exploring": ParamSpec(float, above=0.0),
            "epsilon": ParamSpec(float, low=0.0, most=1),
        },
        reached=("episodes",),
        # 800 steps reach 160 on average over seeds, chance is 22: a quarter of the distance, and a floor that lies
        # more than that above chance.
        margin=34.0,
        floor=75.0,
    ),
    _task(
        _REINFORCE,
        {"steps": _COUNT, "lr": ParamSpec(float, above=0.0), "gamma": _GAMMA},
        reached=("updates", "episodes"),
        # 5,000 steps reach 330 on average. A tenth of what counts as solved is less than a quarter of the distance.
        margin=cartpole.THRESHOLD / 10,
        floor=100.0,
    ),
)
