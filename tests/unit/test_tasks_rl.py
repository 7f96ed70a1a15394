"""The reinforcement-learning tasks: our CartPole against gymnasium's, and outputs of those who did not do the work."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks import cartpole, dqn_numpy
from mlfleet.tasks.dqn_update import _descended

GOLDEN = json.loads(Path(__file__).with_name("cartpole_gymnasium.json").read_text())
DATASET = datasets.load("cartpole")
STEP = {"steps": 3000, "resets": 40, "limit": 200}
UPDATE = {"rows": 300, "batch": 16, "lr": 1e-3, "gamma": 0.99, "clip": 0.5}
REINFORCE = {"steps": 500, "lr": 3e-3, "gamma": 0.99}
DQN = {
    "steps": 100,
    "buffer": 100,
    "start": 10,
    "batch": 8,
    "lr": 1e-3,
    "gamma": 0.99,
    "clip": 10.0,
    "train_every": 4,
    "target_every": 50,
    "exploring": 0.5,
    "epsilon": 0.05,
}


def made(name, params, seed=1):
    task = tasks.get(name)
    return task, task.case(DATASET, params, seed)


def failures(task, case, outputs):
    return [finding.detail for finding in task.score(case, outputs).findings]


@pytest.mark.parametrize("row", GOLDEN["fallen"] + GOLDEN["balanced"])
def test_a_step_is_that_of_gymnasium(row):
    after, ended = cartpole.step(np.array([row["state"]]), np.array([row["action"]]))
    assert after[0] == pytest.approx(row["next"], abs=1e-14)
    assert bool(ended[0]) == row["terminated"]


def test_an_episode_ends_where_gymnasium_ends_it():
    fallen = GOLDEN["fallen"]
    actions = np.array([row["action"] for row in fallen] + [0] * 10)
    played = cartpole.play(np.array([fallen[0]["state"]]), lambda _, tick: actions[tick : tick + 1], 500)
    assert played.lengths.tolist() == [len(fallen)]
    assert played.states[0, -1] == pytest.approx(fallen[-1]["next"], abs=1e-9)
    assert GOLDEN["balanced"][-1]["truncated"]


def test_a_cart_that_nobody_balances_falls_and_the_limit_cuts_off_one_that_is():
    starts = np.zeros((2, 4))
    pushed = cartpole.play(starts, lambda states, _: np.ones(len(states)), 500)
    assert pushed.lengths[0] < 15
    assert cartpole.scores(starts, lambda seen: np.column_stack([-seen[:, 2], seen[:, 2] + seen[:, 3]])) == {
        "mean_return": 500.0,
        "success_rate": 1.0,
        "episode_length": 500.0,
    }


def test_delivered_actions_end_episodes_both_ways():
    _, case = made("env.step", STEP)
    reference = case.reference
    assert reference["truncated"].sum() > 1
    assert reference["terminated"].sum() > 30
    assert not (reference["terminated"] & reference["truncated"]).any()
    # Starts are used again when all were used.
    assert case.planned["episodes"] > STEP["resets"]


def test_who_walks_by_other_rules_fails():
    task, case = made("env.step", STEP)
    reference = case.reference
    assert failures(task, case, reference) == []
    assert failures(task, case, case.guess)
    assert failures(task, case, {**reference, "states": reference["states"] * (1 + 1e-7)})
    assert failures(task, case, {**reference, "truncated": np.zeros_like(reference["truncated"])})
    assert failures(task, case, {**reference, "terminated": np.roll(reference["terminated"], 1)})


@pytest.fixture(scope="module")
def update():
    task, case = made("dqn.update", UPDATE)
    # Asked here, past the disk's memory of it.
    return task, replace(case, reference=case.answer(), answer=None)


def test_the_gradient_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    weights, target = ({name: rng.normal(size=shape) for name, shape in dqn_numpy.SHAPES.items()} for _ in range(2))
    rows = rng.normal(size=(2, 5, 4))
    batch = dqn_numpy.Batch(rows[0], rows[1], np.array([0, 1, 1, 0, 1]), np.ones(5), np.array([0, 0, 1, 0, 1.0]))
    _, gradient = dqn_numpy._gradient(weights, target, batch, 0.9)
    for name, slope in gradient.items():
        place = np.unravel_index(np.abs(slope).argmax(), slope.shape)
        nudged = []
        for nudge in (1e-6, -1e-6):
            moved = {**weights, name: weights[name].copy()}
            moved[name][place] += nudge
            nudged.append(dqn_numpy._gradient(moved, target, batch, 0.9)[0])
        assert (nudged[0] - nudged[1]) / 2e-6 == pytest.approx(slope[place], rel=1e-4)


@pytest.mark.parametrize("change", [{"gamma": 0.9}, {"clip": 100.0}, {"lr": 1.1e-3}])
def test_every_parameter_of_an_update_matters(update, change):
    task, case = update
    _, other = made("dqn.update", {**UPDATE, **change})
    assert failures(task, case, case.reference) == []
    assert failures(task, case, other.answer())


@pytest.mark.parametrize("name", ["target.4.weight", "next", "terminated", "draws", "reward"])
def test_every_input_of_an_update_matters(update, name):
    task, case = update
    array = case.inputs[name]
    if array.dtype == np.uint8:
        other = 1 - array
    elif name == "reward":
        other = array / 2
    else:
        other = np.roll(array, 1, axis=0)
    assert failures(task, case, _descended({**case.inputs, name: other}, case.params))


def test_who_does_not_learn_fails(update):
    task, case = update
    still = {name: np.asarray(array, np.float32) for name, array in case.guess.items()}
    assert failures(task, case, still)
    assert [finding.code for finding in task.check_work(case, still)] == ["short_work"] * 6
    assert task.check_work(case, case.reference) == ()


def test_agents_have_no_payload_and_no_right_answer():
    for name, params, margin in (("dqn.train", DQN, "34"), ("reinforce.train", REINFORCE, "47.5")):
        task, case = made(name, params)
        assert (case.inputs, case.parity, task.parity) == ({}, "", f"S(10, {margin})")
        # A bad seed is no failure of a trial: blocks decide.
        quality = task.score(case, case.guess)
        assert (quality.findings, quality.agreement) == ((), {})
        assert quality.metrics["mean_return"] < 15
        assert quality.metrics["success_rate"] == 0
        assert quality.metrics["mean_return"] < task.spread.floor - task.spread.margin


def test_agents_are_played_from_states_that_training_did_not_see():
    _, case = made("reinforce.train", REINFORCE)
    trained = {tuple(row) for row in DATASET.x[DATASET.train]}
    assert len(case.truth["starts"]) == 100
    assert all(tuple(row) not in trained for row in case.truth["starts"])


def test_updates_of_a_schedule_are_counted():
    _, case = made("dqn.train", DQN)
    assert case.planned["updates"] == sum(step % 4 == 0 for step in range(11, 101))


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("dqn.update", {**UPDATE, "batch": 301}, "batch"),
        ("dqn.update", {**UPDATE, "rows": 10**6}, "transitions"),
        ("env.step", {**STEP, "resets": 1001}, "resets"),
        ("dqn.train", {**DQN, "start": 100}, "start"),
        ("dqn.train", {**DQN, "epsilon": 1.5}, "epsilon"),
    ],
)
def test_what_cannot_be_is_refused(name, params, words):
    with pytest.raises(UsageError, match=words):
        made(name, params)
