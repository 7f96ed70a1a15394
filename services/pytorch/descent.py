"""Gradient descent for least squares, from zero, with an intercept, on the device where the data lie."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Of x in one block: small enough to stay in a last-level cache between the two products.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Descent:
    """Where the steps ended, what the last one found (half the mean square), and what all of them did."""

    coef: Tensor
    intercept: Tensor
    last_loss: Tensor
    steps: int
    rows_read: int


def two_pass(x: Tensor, y: Tensor, lr: float, iterations: int) -> Descent:
    """Each step reads x twice: for the errors of all rows, then for the gradient."""
    rows, columns = x.shape
    coef, intercept, loss = x.new_zeros(columns), x.new_zeros(()), x.new_zeros(())
    steps = rows_read = 0
    for _ in range(iterations):
        residual = torch.mv(x, coef).add_(intercept).sub_(y)
        gradient = torch.mv(x.t(), residual)
        loss = torch.dot(residual, residual) / (2 * rows)
        coef.sub_(gradient, alpha=lr / rows)
        intercept.sub_(residual.sum(), alpha=lr / rows)
        steps, rows_read = steps + 1, rows_read + 2 * rows
    return Descent(coef, intercept, loss, steps, rows_read)


def fused(x: Tensor, y: Tensor, lr: float, iterations: int) -> Descent:
    """Each step reads x once from memory: both products of a block while it is in the cache."""
    rows, columns = x.shape
    coef, intercept, loss = x.new_zeros(columns), x.new_zeros(()), x.new_zeros(())
    steps = rows_read = 0
    blocks = _blocks(x, y)
    for _ in range(iterations):
        gradient, offset, squares = x.new_zeros(columns), x.new_zeros(()), x.new_zeros(())
        for block, targets in blocks:
            residual = torch.mv(block, coef).add_(intercept).sub_(targets)
            gradient.addmv_(block.t(), residual)
            offset += residual.sum()
            squares += torch.dot(residual, residual)
            rows_read += len(block)
        coef.sub_(gradient, alpha=lr / rows)
        intercept.sub_(offset, alpha=lr / rows)
        loss = squares / (2 * rows)
        steps += 1
    return Descent(coef, intercept, loss, steps, rows_read)


def gram(x: Tensor, y: Tensor, lr: float, iterations: int) -> Descent:
    """Reads x once, for the Gram matrix of [1 x], with which every step is taken."""
    rows, columns = x.shape
    sums, ones = x.new_zeros(columns + 2, columns + 2), x.new_ones(rows, 1)
    for block, targets in _blocks(x, y):
        framed = torch.cat([ones[: len(block)], block, targets.unsqueeze(1)], dim=1)
        sums.addmm_(framed.t(), framed)
    products, right, square = (part / rows for part in (sums[:-1, :-1], sums[:-1, -1], sums[-1, -1]))
    weights, loss, steps = x.new_zeros(columns + 1), x.new_zeros(()), 0
    for _ in range(iterations):
        image = torch.mv(products, weights)
        loss = (torch.dot(weights, image) + square) / 2 - torch.dot(weights, right)
        weights.sub_(image - right, alpha=lr)
        steps += 1
    return Descent(weights[1:], weights[0], loss, steps, rows)


def _blocks(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    size = max(1, _BLOCK_BYTES // (x.element_size() * x.shape[1]))
    return list(zip(x.split(size), y.split(size), strict=True))
