"""Deep Q-learning in NumPy float64: 4-64-64-2 with ReLU, smooth L1, a limited gradient and Adam, all our own.

Mnih et al. (2015): Human-level control through deep reinforcement learning. Kingma, Ba (2015): Adam.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.dataset import Floats, Integers, Singles

Weights = Mapping[str, Floats]
SHAPES: Mapping[str, tuple[int, ...]] = {
    "0.weight": (64, 4),
    "0.bias": (64,),
    "2.weight": (64, 64),
    "2.bias": (64,),
    "4.weight": (2, 64),
    "4.bias": (2,),
}
LAYERS = ("0", "2", "4")
N_PARAMS = sum(map(prod, SHAPES.values()))
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Batch:
    """Transitions: obs and next f64[b,4], action i64[b], reward and terminated f64[b]."""

    obs: Floats
    next: Floats
    action: Integers
    reward: Floats
    terminated: Floats


@dataclass(frozen=True)
class Descended:
    """Losses f64[steps] before each gradient step, the norm of each gradient, and the weights after the last."""

    losses: Floats
    norms: Floats
    weights: Weights


def drawn_weights(seed: int, stream: int) -> dict[str, Singles]:
    """PyTorch's own start: every parameter of a layer uniform within 1 / sqrt(inputs), by words of Philox."""
    bits = np.random.Philox(key=np.array([seed, stream], np.uint64))
    weights = {}
    for name, shape in SHAPES.items():
        bound = 1 / sqrt(SHAPES[f"{name[0]}.weight"][1])
        unit = (bits.random_raw(prod(shape)) >> np.uint64(40)).astype(np.float64) / 2**24
        weights[name] = ((2 * unit - 1) * bound).astype(np.float32).reshape(shape)
    return weights


def values(weights: Mapping[str, NDArray[Any]], observations: Floats) -> Floats:
    """Action values f64[n,2] of observations f64[n,4]."""
    return _activations(weights, observations)[-1]


def descend(weights: Weights, target: Weights, batches: list[Batch], lr: float, gamma: float, clip: float) -> Descended:
    """One gradient step a batch, from the weights."""
    weights = dict(weights)
    first, second = ({name: np.zeros(shape) for name, shape in SHAPES.items()} for _ in range(2))
    losses, norms = [], []
    for number, batch in enumerate(batches, 1):
        loss, gradient = _gradient(weights, target, batch, gamma)
        losses.append(loss)
        norm = sqrt(sum(float((slope**2).sum()) for slope in gradient.values()))
        norms.append(norm)
        factor = min(1.0, clip / (norm + 1e-6))
        for name, slope in gradient.items():
            first[name] = _BETA1 * first[name] + (1 - _BETA1) * factor * slope
            second[name] = _BETA2 * second[name] + (1 - _BETA2) * (factor * slope) ** 2
            root = np.sqrt(second[name] / (1 - _BETA2**number)) + _EPS
            weights[name] = weights[name] - lr / (1 - _BETA1**number) * first[name] / root
    return Descended(np.array(losses), np.array(norms), weights)


def _activations(weights: Mapping[str, NDArray[Any]], observations: Floats) -> list[Floats]:
    found = [observations]
    for layer in LAYERS:
        x = found[-1] @ weights[f"{layer}.weight"].T.astype(np.float64) + weights[f"{layer}.bias"]
        found.append(x if layer == LAYERS[-1] else np.maximum(x, 0))
    return found


def _gradient(weights: Weights, target: Weights, batch: Batch, gamma: float) -> tuple[float, dict[str, Floats]]:
    wanted = batch.reward + (1 - batch.terminated) * gamma * values(target, batch.next).max(1)
    layers, rows = _activations(weights, batch.obs), np.arange(len(batch.action))
    apart = layers[-1][rows, batch.action] - wanted
    loss = np.where(np.abs(apart) < 1, apart**2 / 2, np.abs(apart) - 0.5).mean()
    slope = np.zeros_like(layers[-1])
    slope[rows, batch.action] = np.clip(apart, -1, 1) / len(rows)
    gradient = {}
    for layer, x in zip(reversed(LAYERS), reversed(layers[:-1]), strict=True):
        gradient[f"{layer}.weight"], gradient[f"{layer}.bias"] = slope.T @ x, slope.sum(0)
        slope = (slope @ weights[f"{layer}.weight"]) * (x > 0)
    return float(loss), gradient
