"""Gradient descent for least squares, from zero, with an intercept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mlfleet_sdk import F64Matrix, F64Vector

# Of x in one block: small enough to stay in a last-level cache between the two products, and large enough to make the
# calls cheap.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Descent:
    """Where the steps ended, what the last one found (half the mean square), and what all of them did."""

    coef: F64Vector
    intercept: float
    last_loss: float
    steps: int
    rows_read: int


def two_pass(x: F64Matrix, y: F64Vector, lr: float, iterations: int) -> Descent:
    """Each step reads x twice: for the errors of all rows, then for the gradient."""
    rows, columns = x.shape
    coef, intercept, loss, steps, rows_read = np.zeros(columns), 0.0, 0.0, 0, 0
    for _ in range(iterations):
        residual = x @ coef
        residual += intercept
        residual -= y
        gradient = residual @ x
        loss = residual @ residual / (2 * rows)
        coef -= lr / rows * gradient
        intercept -= lr / rows * residual.sum()
        steps, rows_read = steps + 1, rows_read + 2 * rows
    return Descent(coef, float(intercept), float(loss), steps, rows_read)


def fused(x: F64Matrix, y: F64Vector, lr: float, iterations: int) -> Descent:
    """Each step reads x once from memory: both products of a block while it is in the cache."""
    rows, columns = x.shape
    coef, intercept, loss, steps, rows_read = np.zeros(columns), 0.0, 0.0, 0, 0
    blocks = list(_blocks(x, y))
    for _ in range(iterations):
        gradient, offset, squares = np.zeros(columns), 0.0, 0.0
        for block, targets in blocks:
            residual = block @ coef
            residual += intercept
            residual -= targets
            gradient += residual @ block
            offset += residual.sum()
            squares += residual @ residual
            rows_read += len(block)
        coef -= lr / rows * gradient
        intercept -= lr / rows * offset
        loss = squares / (2 * rows)
        steps += 1
    return Descent(coef, float(intercept), float(loss), steps, rows_read)


def gram(x: F64Matrix, y: F64Vector, lr: float, iterations: int) -> Descent:
    """Reads x once, for the Gram matrix of [1 x], with which every step is taken."""
    count, columns = x.shape
    sums, rows_read = np.zeros((columns + 2, columns + 2)), 0
    frame = np.ones((len(next(_blocks(x, y))[0]), columns + 2))
    for block, targets in _blocks(x, y):
        framed = frame[: len(block)]
        framed[:, 1:-1], framed[:, -1] = block, targets
        # By its own transpose: half the work of other products.
        sums += framed.T @ framed
        rows_read += len(block)
    sums /= count
    products, right, square = sums[:-1, :-1], sums[:-1, -1], sums[-1, -1]
    weights, loss, steps = np.zeros(columns + 1), 0.0, 0
    for _ in range(iterations):
        image = products @ weights
        loss = (weights @ image + square) / 2 - weights @ right
        weights -= lr * (image - right)
        steps += 1
    return Descent(weights[1:], float(weights[0]), float(loss), steps, rows_read)


def _blocks(x: F64Matrix, y: F64Vector) -> Iterator[tuple[F64Matrix, F64Vector]]:
    size = max(1, _BLOCK_BYTES // (x.itemsize * x.shape[1]))
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]
