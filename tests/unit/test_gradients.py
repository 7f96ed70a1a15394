"""Every trainable parameter moves, and has its gradient: in each trial of a training, and in its record once more."""

import os
from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.datasets import Dataset
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
TRAININGS = {
    "dqn.update": {"rows": 64, "batch": 16, "lr": 0.01, "gamma": 0.99, "clip": 10.0},
    "mlp.train": {"rows": "all", "test_rows": "all", "epochs": 1, "batch": 8, "lr": 0.1, "momentum": 0.5},
    "lenet.train": {"rows": "all", "test_rows": "all", "epochs": 1, "batch": 8, "lr": 0.1, "momentum": 0.5},
}


def bars():
    """Images of 28 x 28 whose class is the column of a bright bar, and nothing else."""
    y = np.arange(30) % 10
    x = np.zeros((30, 28, 28), np.uint8)
    x[np.arange(30), :, y * 2] = 200
    return Dataset("bars", "1", "MIT", "synthetic", "classes", x, y, np.arange(24), np.arange(24, 30), {}, "")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", TRAININGS)
def test_one_parameter_that_stayed_as_it_was_delivered_is_short_work(name):
    task = tasks.get(name)
    case = task.case(datasets.load("cartpole") if name == "dqn.update" else bars(), TRAININGS[name], 1)
    honest = {key: array.astype(np.float32) for key, array in task.reference(case).items()}
    parameters = [output for output in case.outputs if output.startswith("w.")]
    assert len(parameters) == case.planned["params_moved"] > 0

    def still(outputs):
        return [one.detail for one in task.check_work(case, outputs) if "did not move" in one.detail]

    assert still(honest) == []
    for parameter in parameters:
        kept = case.inputs[parameter]
        (found,) = still({**honest, parameter: kept})
        assert parameter.removeprefix("w.") in found
        # By the least that float32 has.
        moved = kept.copy()
        moved.flat[0] = np.nextafter(moved.flat[0], np.float32(np.inf))
        assert still({**honest, parameter: moved}) == []
    (short, *_) = task.check_work(case, {**honest, parameters[0]: case.inputs[parameters[0]]})
    assert short.code == "short_work"


@pytest.mark.parametrize(("error", "named"), [(1e-6, False), (1.1e-3, True)])
def test_verify_names_a_trial_that_is_ok_with_a_wrong_gradient(tmp_path, monkeypatch, error, named):
    def change(record):
        return replace(record, quality=replace(record.quality, agreement={"grad.fc1.weight": error}))

    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "run", PAIR, change=change)
    found = verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences
    assert {one.field for one in found} == ({"quality.agreement.grad.fc1.weight"} if named else set()), found
