"""Networks of images in NumPy float64: forward, backward and SGD of our own, the reference of every framework's.

What a network learns is a mapping of named arrays in PyTorch's layouts. A layer maps activations f64[n,...] to the next
ones, and gives with them its way back: from the loss's gradient by its output to those by its input and its weights.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mlfleet.datasets.dataset import Floats, Integers

Weights = Mapping[str, Floats]
Back = Callable[[Floats], tuple[Floats, Weights]]
Layer = Callable[[Floats, Weights], tuple[Floats, Back]]


@dataclass(frozen=True)
class Network:
    """Layers in their order, and the shapes of what they learn."""

    layers: Sequence[Layer]
    shapes: Mapping[str, tuple[int, ...]]

    def logits(self, weights: Weights, images: NDArray[Any]) -> Floats:
        """f64[n,10] of images of any float type."""
        x = images.astype(np.float64)
        for layer in self.layers:
            x, _ = layer(x, weights)
        return x

    def gradient(self, weights: Weights, images: NDArray[Any], labels: Integers) -> tuple[float, Weights]:
        """The mean cross-entropy of one batch, and its gradient by every weight."""
        x, ways_back = images.astype(np.float64), list[Back]()
        for layer in self.layers:
            x, back = layer(x, weights)
            ways_back.append(back)
        log_shares, rows = log_softmax(x), np.arange(len(labels))
        slope = np.exp(log_shares)
        slope[rows, labels] -= 1
        slope /= len(labels)
        found: dict[str, Floats] = {}
        for back in reversed(ways_back):
            slope, own = back(slope)
            found |= own
        return float(-log_shares[rows, labels].mean()), found


@dataclass(frozen=True)
class Trained:
    """Losses f64[steps] before each step, the gradient of the first batch at the start, and the final weights."""

    losses: Floats
    first_gradient: Weights
    weights: Weights


def train(
    network: Network,
    start: Mapping[str, NDArray[Any]],
    batches: Iterable[tuple[NDArray[Any], Integers]],
    lr: float,
    momentum: float,
) -> Trained:
    """SGD as PyTorch has it: v = momentum v + g, w = w - lr v, and v starts as the first g."""
    weights = {name: array.astype(np.float64) for name, array in start.items()}
    velocity: dict[str, Floats] = {}
    losses, first = list[float](), dict[str, Floats]()
    for images, labels in batches:
        loss, gradient = network.gradient(weights, images, labels)
        losses.append(loss)
        first = first or dict(gradient)
        for name, slope in gradient.items():
            velocity[name] = momentum * velocity[name] + slope if name in velocity else slope
            weights[name] -= lr * velocity[name]
    return Trained(np.array(losses), first, weights)


def log_softmax(logits: Floats) -> Floats:
    """Row by row, without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _linear(name: str, x: Floats, weights: Weights) -> tuple[Floats, Back]:
    """W f64[out,in] and a bias for each output; images are flattened."""
    flat, weight = x.reshape(len(x), -1), weights[f"{name}.weight"]

    def back(slope: Floats) -> tuple[Floats, Weights]:
        own = {f"{name}.weight": slope.T @ flat, f"{name}.bias": slope.sum(axis=0)}
        return (slope @ weight).reshape(x.shape), own

    return flat @ weight.T + weights[f"{name}.bias"], back


def _convolution(name: str, pad: int, x: Floats, weights: Weights) -> tuple[Floats, Back]:
    """Kernels f64[out,in,k,k], stride 1, zeros around. Patches become rows, so that it is one product."""
    weight = weights[f"{name}.weight"]
    out, _, size, _ = weight.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(padded, (size, size), axis=(2, 3))
    n, _, height, width = windows.shape[:4]
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * height * width, -1)

    def back(slope: Floats) -> tuple[Floats, Weights]:
        rows = slope.transpose(0, 2, 3, 1).reshape(-1, out)
        own = {f"{name}.weight": (rows.T @ patches).reshape(weight.shape), f"{name}.bias": rows.sum(axis=0)}
        # Each patch gives back to the pixels that it was made of.
        shares = (rows @ weight.reshape(out, -1)).reshape(n, height, width, *weight.shape[1:])
        pixels = np.zeros(padded.shape)
        for row, column in np.ndindex(size, size):
            share = shares[..., row, column].transpose(0, 3, 1, 2)
            pixels[:, :, row : row + height, column : column + width] += share
        return pixels[:, :, pad : padded.shape[2] - pad, pad : padded.shape[3] - pad], own

    y = patches @ weight.reshape(out, -1).T + weights[f"{name}.bias"]
    return y.reshape(n, height, width, out).transpose(0, 3, 1, 2), back


def _relu(x: Floats, _: Weights) -> tuple[Floats, Back]:
    """max(x, 0), with the gradient 0 at 0."""
    return np.maximum(x, 0), lambda slope: (slope * (x > 0), {})


def _max_pool(x: Floats, _: Weights) -> tuple[Floats, Back]:
    """The largest of each 2 x 2 pixels; of equal ones the first gets the gradient."""
    n, channels, height, width = x.shape
    squares = x.reshape(n, channels, height // 2, 2, width // 2, 2).swapaxes(3, 4)
    flat = squares.reshape(n, channels, height // 2, width // 2, 4)
    largest = flat.argmax(axis=-1)[..., np.newaxis]

    def back(slope: Floats) -> tuple[Floats, Weights]:
        pixels = np.zeros(flat.shape)
        np.put_along_axis(pixels, largest, slope[..., np.newaxis], axis=-1)
        return pixels.reshape(squares.shape).swapaxes(3, 4).reshape(x.shape), {}

    return np.take_along_axis(flat, largest, axis=-1)[..., 0], back


def _learned(kernels: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[int, ...]]:
    """The shapes of weights and of a bias for each output."""
    return {f"{name}.{kind}": shape for name, w in kernels.items() for kind, shape in (("weight", w), ("bias", w[:1]))}


MLP = Network(
    layers=(partial(_linear, "fc1"), _relu, partial(_linear, "fc2")),
    shapes=_learned({"fc1": (128, 784), "fc2": (10, 128)}),
)
LENET = Network(
    layers=(
        *(partial(_convolution, "conv1", 2), _relu, _max_pool),
        *(partial(_convolution, "conv2", 0), _relu, _max_pool),
        *(partial(_linear, "fc1"), _relu, partial(_linear, "fc2"), _relu, partial(_linear, "fc3")),
    ),
    shapes=_learned(
        {"conv1": (6, 1, 5, 5), "conv2": (16, 6, 5, 5), "fc1": (120, 400), "fc2": (84, 120), "fc3": (10, 84)}
    ),
)
