"""Networks: the reference is right, and a training that left something out is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlfleet import tasks
from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.tasks import networks, networks_numpy
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.networks_numpy import LENET, MLP, Network, train

Arrays = Mapping[str, np.ndarray[Any, Any]]
PARAMS = {"rows": "all", "test_rows": 12, "epochs": 2, "batch": 8, "lr": 0.05, "momentum": 0.9}
BOTH = {"mlp.train": MLP, "lenet.train": LENET}


def images(rows: int = 60) -> Dataset:
    """Bright bars, a place for each class, in noise."""
    rng = np.random.default_rng(3)
    y = np.arange(rows) % 10
    x = rng.integers(0, 60, (rows, 28, 28)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        image[2 * label + 3 : 2 * label + 6] = 250
    return Dataset(
        name="bars",
        version="1",
        licence="MIT",
        label="synthetic",
        target="classes",
        x=x,
        y=y,
        train=np.arange(40),
        test=np.arange(40, rows),
        raw_sha256={},
        decoded_sha256="",
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))


@pytest.fixture(params=BOTH)
def both(request: pytest.FixtureRequest) -> tuple[Task, Case]:
    task = tasks.get(str(request.param))
    return task, task.case(images(), PARAMS, 1)


def answered(task: Task, case: Case) -> dict[str, np.ndarray[Any, Any]]:
    return {name: array.astype(np.float32) for name, array in task.reference(case).items()}


def refused(task: Task, case: Case, outputs: Arrays) -> list[str]:
    assert task.check_outputs(case, outputs) == ()
    findings = (*task.check_work(case, outputs), *task.score(case, outputs).findings)
    return [f"{finding.code}: {finding.detail}" for finding in findings]


def batches(case: Case) -> Iterator[Any]:
    for epoch in case.inputs["order"]:
        for first in range(0, len(epoch), 8):
            rows = epoch[first : first + 8]
            yield case.inputs["images"][rows], case.inputs["labels"][rows]


def trained_by(network: Network, case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """The outputs of a framework that has this network."""
    start = {name.removeprefix("w."): array for name, array in case.inputs.items() if name.startswith("w.")}
    found = train(network, start, batches(case), 0.05, 0.9)
    outputs = {
        "losses": found.losses,
        "logits": network.logits(found.weights, case.inputs["test_images"]),
        **{f"grad.{name}": array for name, array in found.first_gradient.items()},
        **{f"w.{name}": array for name, array in found.weights.items()},
    }
    return {name: array.astype(np.float32) for name, array in outputs.items()}


def scaled(layer: networks_numpy.Layer, factor: float) -> networks_numpy.Layer:
    """A layer whose own gradients are wrong by a factor."""

    def forward(x: Any, weights: Any) -> Any:
        y, back = layer(x, weights)

        def wrong(slope: Any) -> Any:
            given, own = back(slope)
            return given, {name: factor * array for name, array in own.items()}

        return y, wrong

    return forward


@pytest.mark.parametrize("network", [MLP, LENET], ids=BOTH)
def test_gradients_are_the_slopes_of_the_loss(network: Network) -> None:
    rng = np.random.default_rng(1)
    weights = {name: array.astype(np.float64) for name, array in networks.drawn_weights(network, 5).items()}
    x, labels = rng.normal(size=(3, 1, 28, 28)), np.array([1, 7, 7])
    _, gradient = network.gradient(weights, x, labels)
    assert gradient.keys() == network.shapes.keys()
    for name, array in weights.items():
        # Where the slope is steepest: elsewhere it drowns in rounding.
        place = np.unravel_index(np.abs(gradient[name]).argmax(), array.shape)
        losses = []
        for step in (1e-6, -1e-6):
            moved = array.copy()
            moved[place] += step
            losses.append(network.gradient({**weights, name: moved}, x, labels)[0])
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(gradient[name][place], rel=1e-5)


def test_sgd_carries_its_velocity() -> None:
    network = Network((partial(networks_numpy._linear, "fc"),), {"fc.weight": (10, 4), "fc.bias": (10,)})
    start = {"fc.weight": np.zeros((10, 4)), "fc.bias": np.zeros(10)}
    batch = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([2])
    found = train(network, start, [batch, batch], lr=0.5, momentum=0.9)
    _, first = network.gradient(start, *batch)
    after = {name: array - 0.5 * first[name] for name, array in start.items()}
    loss, second = network.gradient(after, *batch)
    assert found.losses.tolist() == [pytest.approx(np.log(10)), loss]
    for name, array in after.items():
        assert np.allclose(found.weights[name], array - 0.5 * (0.9 * first[name] + second[name]))
        assert np.array_equal(found.first_gradient[name], first[name])


def test_weights_start_as_pytorch_starts_them_and_depend_on_the_seed_alone() -> None:
    weights = networks.drawn_weights(LENET, 1)
    assert sum(array.size for array in weights.values()) == 61_706
    for name, fan_in in {"conv1": 25, "conv2": 150, "fc1": 400, "fc2": 120, "fc3": 84}.items():
        for kind in ("weight", "bias"):
            drawn = weights[f"{name}.{kind}"]
            assert drawn.dtype == np.float32
            assert np.abs(drawn).max() <= 1 / np.sqrt(fan_in)
        assert np.std(weights[f"{name}.weight"]) == pytest.approx(1 / np.sqrt(3 * fan_in), rel=0.1)
    assert np.array_equal(networks.drawn_weights(LENET, 1)["fc1.bias"], weights["fc1.bias"])
    assert not np.array_equal(networks.drawn_weights(LENET, 2)["fc1.bias"], weights["fc1.bias"])


def test_images_are_normalised_by_the_train_part() -> None:
    train_part, test_part = images().normalised()
    assert (train_part.shape, test_part.shape, train_part.dtype) == ((40, 1, 28, 28), (20, 1, 28, 28), np.float32)
    assert train_part.mean() == pytest.approx(0, abs=1e-6)
    assert train_part.std() == pytest.approx(1, abs=1e-6)


def test_an_honest_training_passes_and_learns(both: tuple[Task, Case]) -> None:
    task, case = both
    outputs = answered(task, case)
    assert refused(task, case, outputs) == []
    assert dict(case.planned)["steps"] == len(outputs["losses"]) == 10
    assert dict(case.planned)["samples"] == 80
    metrics = task.score(case, outputs).metrics
    assert (metrics["last_loss"] or 0) < (metrics["first_loss"] or 0)
    for array in case.inputs.values():
        assert array.flags["C_CONTIGUOUS"]
        assert array.dtype in (np.float32, np.int64)


def test_those_who_did_not_train_fail(both: tuple[Task, Case]) -> None:
    task, case = both
    outputs = answered(task, case)
    for fill in (0, 1):
        assert refused(task, case, {name: np.full_like(array, fill) for name, array in outputs.items()})
    guess = {name: array.astype(np.float32) for name, array in case.guess.items()}
    assert refused(task, case, guess)


def test_convolutions_whose_gradients_are_a_quarter_are_refused() -> None:
    task = tasks.get("lenet.train")
    case = task.case(images(), PARAMS, 1)
    layers = [scaled(layer, 0.25 if number in (0, 3) else 1.0) for number, layer in enumerate(LENET.layers)]
    sentences = refused(task, case, trained_by(replace(LENET, layers=layers), case))
    for start in ("losses lie", "grad.conv1.weight lie 0.75", "grad.conv2.bias lie 0.75"):
        assert any(sentence.startswith(f"outside_tolerance: {start}") for sentence in sentences), sentences
    assert not any("grad.fc1" in sentence for sentence in sentences)


def test_a_gradient_that_is_right_once_and_stopped_afterwards_is_seen_in_the_losses() -> None:
    task = tasks.get("lenet.train")
    case = task.case(images(), PARAMS, 1)
    honest = answered(task, case)
    layers = [scaled(layer, 0.0) if number == 0 else layer for number, layer in enumerate(LENET.layers)]
    stopped = trained_by(replace(LENET, layers=layers), case)
    gradients = {name: honest[name] for name in honest if name.startswith("grad.")}
    sentences = refused(task, case, {**stopped, **gradients})
    assert "short_work: parameter conv1.weight did not move" in sentences
    assert any(sentence.startswith("outside_tolerance: losses lie") for sentence in sentences)


def test_a_parameter_that_did_not_move_and_a_loss_that_did_not_fall_are_short_work(both: tuple[Task, Case]) -> None:
    task, case = both
    outputs = answered(task, case)
    still = {**outputs, "w.fc1.bias": case.inputs["w.fc1.bias"]}
    assert refused(task, case, still) == ["short_work: parameter fc1.bias did not move"]
    risen = {**outputs, "losses": np.concatenate([outputs["losses"][:-1], [np.float32(9)]])}
    (sentence,) = refused(task, case, risen)
    assert sentence.startswith("short_work: the loss went from 2.")


def test_a_wrong_momentum_or_order_is_seen(both: tuple[Task, Case]) -> None:
    task, case = both
    network = BOTH[case.task]
    start = {name: case.inputs[f"w.{name}"] for name in network.shapes}
    for momentum, given in ((0.8, list(batches(case))), (0.9, list(batches(case))[::-1])):
        losses = train(network, start, given, 0.05, momentum).losses.astype(np.float32)
        sentences = refused(task, case, {**answered(task, case), "losses": losses})
        assert any(sentence.startswith("outside_tolerance: losses lie") for sentence in sentences)


def test_the_floor_of_known_data_holds_where_all_of_them_were_learned_from(both: tuple[Task, Case]) -> None:
    task, _ = both
    known = replace(images(), name="fashion_mnist")
    case = task.case(known, PARAMS, 1)
    assert case.floor == 0.78
    wrong = {**answered(task, case), "logits": np.roll(answered(task, case)["logits"], 1, axis=1)}
    assert any("at least 0.78 awaited" in sentence for sentence in refused(task, case, wrong))
    assert task.case(known, {**PARAMS, "rows": 39}, 1).floor is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": 41}, "'batch' of mlp.train is 41, the train part has 40 rows"),
        ({"batch": 9, "rows": 8}, "'batch' of mlp.train is 9, the train part has 8 rows"),
        ({"rows": 41}, "'rows' of mlp.train is 41, that part of the data has 40 rows"),
        ({"test_rows": 21}, "'test_rows' of mlp.train is 21, that part of the data has 20 rows"),
        ({"lr": 0.0}, "'lr' of mlp.train is 0.0"),
        ({"momentum": -0.1}, "'momentum' of mlp.train is -0.1"),
    ],
)
def test_what_the_data_cannot_give_is_a_usage_error(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        tasks.get("mlp.train").case(images(), {**PARAMS, **change}, 1)


def test_a_dataset_without_images_is_a_usage_error() -> None:
    table = replace(images(), x=np.zeros((60, 784)))
    with pytest.raises(UsageError, match="cannot use dataset 'bars': it has no images of 28 x 28"):
        tasks.get("mlp.train").case(table, PARAMS, 1)


@pytest.fixture
def inference(monkeypatch: pytest.MonkeyPatch) -> tuple[Task, Case]:
    monkeypatch.setattr(networks, "_RECIPE", {**PARAMS, "test_rows": "all"})
    task = tasks.get("lenet.infer")
    return task, task.case(images(), {"batch": 8}, 1)


def test_inference_asks_with_the_weights_at_the_end_of_a_training(inference: tuple[Task, Case]) -> None:
    task, case = inference
    training = tasks.get("lenet.train")
    ends = training.reference(training.case(images(), {**PARAMS, "test_rows": "all"}, 1))
    for name in LENET.shapes:
        weight = case.inputs[f"w.{name}"]
        assert weight.dtype == np.float32
        # On a grid that rounding in another machine's products does not move.
        assert np.array_equal(weight * 4096, np.round(weight * 4096))
        assert np.abs(weight - ends[f"w.{name}"]).max() <= 1 / 8192 + 1e-7
    logits = case.reference["logits"].astype(np.float32)
    assert refused(task, case, {"logits": logits}) == []
    shifted = np.roll(logits, 1, axis=0)
    assert refused(task, case, {"logits": shifted})[0].startswith("outside_tolerance: logits lie")


def test_a_batch_larger_than_the_data_is_a_usage_error(inference: tuple[Task, Case]) -> None:
    task, _ = inference
    with pytest.raises(UsageError, match=r"'batch' of lenet\.infer is 21, the test part has 20 rows"):
        task.case(images(), {"batch": 21}, 1)
