"""Image networks trained and asked: 784-128-10 perceptron and LeNet, from delivered weights in a delivered order.

An iteration of a training is all its epochs. What proves the work: the first losses, which depend on every gradient of
the steps before, the gradients of the first batch, parameters that moved, and the accuracy at the end.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Integers, Singles, permutations
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Size, Task
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.bounds import convolution, product
from mlfleet.tasks.criteria import Close, Criterion, Metrics, Within
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.networks_numpy import LENET, MLP, Network, log_softmax, train
from mlfleet.tasks.params import ParamSpec

CLASSES = 10
# Below what a network that learned from all these images reaches, whatever the seed; above what one reaches that
# did not.
_FLOORS = {
    ("mlp.train", "fashion_mnist"): 0.78,
    ("mlp.train", "fashion_mnist-20k"): 0.78,
    ("lenet.train", "fashion_mnist"): 0.78,
    ("lenet.train", "mnist_5k"): 0.85,
}
# Of the first steps, after which float32 alone drives losses apart.
_STEPS_COMPARED = 5
# The training whose end lenet.infer is asked with.
_RECIPE: Mapping[str, Param] = {
    "rows": "all",
    "test_rows": "all",
    "epochs": 3,
    "batch": 64,
    "lr": 0.02,
    "momentum": 0.9,
}
_INFER = (Close("logits", 1e-4),)
# Delivered weights are whole numbers of this: the last bits of the orchestrator's products, which differ between
# machines, do not reach the payload.
_GRID = 2.0**-12
# Where kernels are applied to an image of 28 x 28: 28 x 28 places, and 10 x 10 of the pooled map.
_PLACES = {"conv1.weight": 784, "conv2.weight": 100}


def drawn_weights(network: Network, seed: int) -> dict[str, Singles]:
    """PyTorch's own start: every parameter of a layer uniform within 1 / sqrt(fan_in), by words of Philox."""
    # The key's second word tells these draws from those of the order.
    words = np.random.Philox(key=np.array([seed, 1], np.uint64))
    weights = {}
    for name, shape in network.shapes.items():
        layer, _ = name.split(".")
        bound = 1 / sqrt(prod(network.shapes[f"{layer}.weight"][1:]))
        uniform = (words.random_raw(prod(shape)) >> np.uint64(11)) * 2.0**-53
        weights[name] = ((2 * uniform - 1) * bound).astype(np.float32).reshape(shape)
    return weights


def _images(task: str, dataset: Dataset, params: Mapping[str, Param]) -> tuple[Singles, Integers, Singles, Integers]:
    """Images of both parts and labels of both, as many rows as asked for."""
    if dataset.x.shape[1:] != (28, 28):
        raise UsageError(f"{task} cannot use dataset {dataset.name!r}: it has no images of 28 x 28")
    images, test_images = dataset.normalised()
    rows = _rows(task, "rows", params["rows"], images)
    test_rows = _rows(task, "test_rows", params["test_rows"], test_images)
    return images[:rows], dataset.y_train[:rows], test_images[:test_rows], dataset.y_test[:test_rows]


def _rows(task: str, name: str, asked: Param, images: Singles) -> int:
    rows = len(images) if asked == "all" else int(asked)
    if rows > len(images):
        raise UsageError(f"parameter {name!r} of {task} is {rows}, that part of the data has {len(images)} rows")
    return rows


def _train(task: str, network: Network, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    images, labels, test_images, test_labels = _images(task, dataset, params)
    rows, batch, epochs = len(images), int(params["batch"]), int(params["epochs"])
    if batch > rows:
        raise UsageError(f"parameter 'batch' of {task} is {batch}, the train part has {rows} rows")
    order = np.stack(list(islice(permutations(rows, seed), epochs)))
    weights = drawn_weights(network, seed)
    steps = epochs * ceil(rows / batch)
    inputs: Arrays = {"images": images, "labels": labels, "order": order, "test_images": test_images}
    most_frequent = np.eye(CLASSES)[np.bincount(labels).argmax()]
    changed = {
        f"{kind}.{name}": Output("F32", shape) for kind in ("grad", "w") for name, shape in network.shapes.items()
    }
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={**inputs, **_prefixed("w", weights)},
        params=params,
        outputs={"losses": Output("F32", (steps,)), "logits": Output("F32", (len(test_images), CLASSES)), **changed},
        planned={
            "samples": epochs * rows,
            "steps": steps,
            "n_params": _parameters(network),
            "params_moved": len(weights),
        },
        criteria=_criteria(network),
        truth={"y_test": test_labels},
        guess={
            "losses": np.full(steps, np.log(CLASSES)),
            "logits": np.tile(most_frequent, (len(test_images), 1)),
            **{name: np.zeros(output.shape) for name, output in changed.items()},
        },
        answer=partial(_trained, network, inputs, weights, params),
        floor=_FLOORS.get((task, dataset.name)) if rows == len(dataset.train) else None,
    )


def _trained(network: Network, inputs: Arrays, weights: Arrays, params: Mapping[str, Param]) -> Arrays:
    order, batch = inputs["order"], int(params["batch"])
    numbers = [epoch[first : first + batch] for epoch in order for first in range(0, len(epoch), batch)]
    batches = ((inputs["images"][rows], inputs["labels"][rows]) for rows in numbers)
    found = train(network, weights, batches, float(params["lr"]), float(params["momentum"]))
    return {
        "losses": found.losses,
        "logits": network.logits(found.weights, inputs["test_images"]),
        **_prefixed("grad", found.first_gradient),
        **_prefixed("w", found.weights),
    }


def _undone(case: Case, outputs: Arrays) -> Sequence[str]:
    names = [name for name in case.inputs if name.startswith("w.")]
    still = [name.removeprefix("w.") for name in names if np.array_equal(outputs[name], case.inputs[name])]
    sentences = [f"parameter {name} did not move" for name in still]
    few = max(1, len(outputs["losses"]) // 10)
    first, last = outputs["losses"][:few].mean(), outputs["losses"][-few:].mean()
    if not last < first:
        sentences.append(f"the loss went from {first:.6g} to {last:.6g}, a lower one awaited")
    return sentences


def _forward(network: Network) -> list[float]:
    """FLOP of each layer for one image."""
    kernels = {name: shape for name, shape in network.shapes.items() if name.endswith(".weight")}
    return [
        convolution(_PLACES[name], shape) if name in _PLACES else product(1, prod(shape[1:]), shape[0])
        for name, shape in kernels.items()
    ]


def _train_bound(network: Network, case: Case) -> Bound:
    """Of each image: forward, the gradient of all weights, and of all inputs but the image itself."""
    layers = _forward(network)
    return Bound(case.planned["samples"] * (3 * sum(layers) - layers[0]), "F32")


def _infer_bound(case: Case) -> Bound:
    return Bound(case.planned["rows_predicted"] * sum(_forward(LENET)), "F32")


def _train_metrics(case: Case, outputs: Arrays) -> Metrics:
    losses = outputs["losses"]
    ends = {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}
    return {**net(case.truth["y_test"], outputs["logits"]), **ends}


def net(truth: Integers, logits: NDArray[Any]) -> Metrics:
    """NET of logits of any float type [m,10]: accuracy, mean cross-entropy, precision, recall, F1."""
    loss = -log_softmax(logits.astype(np.float64))[np.arange(len(truth)), truth].mean()
    return {"loss": float(loss), **classification(truth, logits.argmax(axis=1), CLASSES)}


def _infer(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    task = "lenet.infer"
    training = _LENET_TRAIN.case(dataset, _RECIPE, seed)
    images = training.inputs["test_images"]
    batch = batch_rows(task, params["batch"], len(images))
    trained = _LENET_TRAIN.reference(training)
    weights = {name: np.round(trained[f"w.{name}"] / _GRID) * _GRID for name in LENET.shapes}
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={
            "images": images,
            **_prefixed("w", {name: array.astype(np.float32) for name, array in weights.items()}),
        },
        params={**params, "batch": batch},
        outputs={"logits": Output("F32", (batch, CLASSES))},
        planned={"rows_predicted": batch, "n_params": _parameters(LENET)},
        criteria=_INFER,
        truth={"y_test": training.truth["y_test"][:batch]},
        guess={"logits": training.guess["logits"][:batch]},
        reference={"logits": LENET.logits(weights, images[:batch])},
    )


def _infer_metrics(case: Case, outputs: Arrays) -> Metrics:
    return net(case.truth["y_test"], outputs["logits"])


def _prefixed(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _parameters(network: Network) -> int:
    return sum(map(prod, network.shapes.values()))


def _criteria(network: Network) -> tuple[Criterion, ...]:
    gradients = [Close(f"grad.{name}", 1e-4) for name in network.shapes]
    return (Close("losses", 1e-5, first=_STEPS_COMPARED), *gradients, Within("accuracy", 0.01))


def _training(name: str, network: Network) -> Task:
    return Task(
        name=name,
        stage="train",
        unit_key="samples",
        unit="sample",
        targets=("classes",),
        params={
            **{name: ParamSpec(int, low=1, words=("all",), wire=False) for name in ("rows", "test_rows")},
            "epochs": ParamSpec(int, low=1, wire=False),
            "batch": ParamSpec(int, low=1),
            "lr": ParamSpec(float, above=0.0),
            "momentum": ParamSpec(float, low=0.0),
        },
        make=partial(_train, name, network),
        metrics=_train_metrics,
        decides="accuracy",
        direction=1,
        criteria=_criteria(network),
        undone=_undone,
        bound=partial(_train_bound, network),
        size=lambda _: Size("epochs", 1),
    )


_LENET_TRAIN = _training("lenet.train", LENET)
TASKS = (
    _training("mlp.train", MLP),
    _LENET_TRAIN,
    Task(
        name="lenet.infer",
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes",),
        params={"batch": BATCH},
        make=_infer,
        metrics=_infer_metrics,
        decides="accuracy",
        direction=1,
        criteria=_INFER,
        bound=_infer_bound,
    ),
)
