"""64 gradient steps of deep Q-learning, from delivered weights on delivered draws of delivered transitions.

The transitions are the orchestrator's own CartPole under actions by chance.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks import cartpole, dqn_numpy
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.bounds import product
from mlfleet.tasks.criteria import Close, Criterion, Metrics, Within
from mlfleet.tasks.params import ParamSpec

_NAME = "dqn.update"
_UPDATES = 64
# After the first step float32 alone drives both apart.
_CRITERIA: tuple[Criterion, ...] = (
    Close("losses", 1e-6, first=1),
    *(Close(f"w.{name}", 1e-3) for name in dqn_numpy.SHAPES),
    Within("last_loss", 1e-3),
)


def _case(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    rows, batch = int(params["rows"]), int(params["batch"])
    if batch > rows:
        raise UsageError(f"parameter 'batch' of {_NAME} is {batch}, there are {rows} transitions (rows)")
    transitions = _transitions(dataset, rows, seed)
    words = np.random.Philox(key=np.array([seed, 3], np.uint64)).random_raw(_UPDATES * batch)
    inputs: Arrays = {
        **transitions,
        "draws": (words % np.uint64(rows)).astype(np.int64).reshape(_UPDATES, batch),
        **{f"w.{name}": array for name, array in dqn_numpy.drawn_weights(seed, 1).items()},
        **{f"target.{name}": array for name, array in dqn_numpy.drawn_weights(seed, 2).items()},
    }
    moved = {f"w.{name}": Output("F32", shape) for name, shape in dqn_numpy.SHAPES.items()}
    first = _descended(inputs, params, updates=1)["losses"][0]
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs=inputs,
        params=params,
        outputs={"losses": Output("F32", (_UPDATES,)), **moved},
        planned={"updates": _UPDATES, "n_params": dqn_numpy.N_PARAMS, "params_moved": len(moved)},
        criteria=_CRITERIA,
        # Who does not learn keeps the first loss.
        guess={"losses": np.full(_UPDATES, first), **{name: inputs[name] for name in moved}},
        answer=partial(_descended, inputs, params),
    )


def _transitions(dataset: Dataset, rows: int, seed: int) -> Arrays:
    starts = dataset.x[dataset.train]
    actions = cartpole.chance(seed, len(starts), cartpole.LIMIT)
    played = cartpole.play(starts, lambda _, tick: actions[:, tick], cartpole.LIMIT)
    within = np.arange(played.actions.shape[1]) < played.lengths[:, np.newaxis]
    if rows > within.sum():
        raise UsageError(f"parameter 'rows' of {_NAME} is {rows}, {dataset.name!r} gives {within.sum()} transitions")
    return {
        "obs": played.states[:, :-1][within][:rows].astype(np.float32),
        "next": played.states[:, 1:][within][:rows].astype(np.float32),
        "action": played.actions[within][:rows],
        "reward": np.ones(rows, np.float32),
        "terminated": played.terminated[within][:rows].astype(np.uint8),
    }


def _descended(inputs: Arrays, params: Mapping[str, Param], updates: int = _UPDATES) -> Arrays:
    wide = {name: array.astype(np.float64) for name, array in inputs.items() if array.dtype.kind in "fu"}
    columns = [wide["obs"], wide["next"], inputs["action"], wide["reward"], wide["terminated"]]
    batches = [dqn_numpy.Batch(*(column[rows] for column in columns)) for rows in inputs["draws"][:updates]]
    weights, target = ({name: wide[f"{group}.{name}"] for name in dqn_numpy.SHAPES} for group in ("w", "target"))
    lr, gamma, clip = (float(params[name]) for name in ("lr", "gamma", "clip"))
    found = dqn_numpy.descend(weights, target, batches, lr, gamma, clip)
    return {"losses": found.losses, **{f"w.{name}": array for name, array in found.weights.items()}}


def _undone(case: Case, outputs: Arrays) -> Sequence[str]:
    names = [name for name in outputs if name.startswith("w.")]
    still = [name.removeprefix("w.") for name in names if np.array_equal(outputs[name], case.inputs[name])]
    return [f"parameter {name} did not move" for name in still]


def _bound(case: Case) -> Bound:
    """Of each drawn transition: the target network forward, the other forward and back to its weights."""
    products = sum(product(1, shape[1], shape[0]) for shape in dqn_numpy.SHAPES.values() if len(shape) > 1)
    return Bound(3.0 * case.inputs["draws"].size * products, "F32")


def _metrics(_: Case, outputs: Arrays) -> Metrics:
    return {"first_loss": float(outputs["losses"][0]), "last_loss": float(outputs["losses"][-1])}


TASKS = (
    Task(
        name=_NAME,
        stage="train",
        unit_key="updates",
        unit="update",
        targets=("none",),
        params={
            "rows": ParamSpec(int, low=1, wire=False),
            "batch": ParamSpec(int, low=1),
            "lr": ParamSpec(float, above=0.0),
            "gamma": ParamSpec(float, low=0.0, most=1),
            "clip": ParamSpec(float, above=0.0),
        },
        make=_case,
        metrics=_metrics,
        decides="last_loss",
        direction=-1,
        criteria=_CRITERIA,
        undone=_undone,
        bound=_bound,
    ),
)
