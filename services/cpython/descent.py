"""Gradient descent for least squares, from zero, with an intercept, in the interpreter's own numbers.

Products are summed by `sum(map(mul, ...))`: the shortest way to add up in Python, and twice as fast as a loop.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul

Numbers = Sequence[float]


@dataclass(frozen=True)
class Descent:
    """Where the steps ended, what the last one found (half the mean square), and what all of them did."""

    coef: list[float]
    intercept: float
    last_loss: float
    steps: int
    rows_read: int


@dataclass(frozen=True)
class Data:
    """The same number objects by row and by column, so that each pass goes along a sequence."""

    rows: Sequence[Numbers]
    columns: Sequence[Numbers]
    y: Numbers


def two_pass(data: Data, lr: float, iterations: int) -> Descent:
    """Each step reads x twice: by row for the errors of all rows, then by column for the gradient."""
    count = len(data.y)
    rate, coef, intercept, loss, steps, rows_read = lr / count, [0.0] * len(data.columns), 0.0, 0.0, 0, 0
    for _ in range(iterations):
        residual = [dot(row, coef) + intercept - target for row, target in zip(data.rows, data.y, strict=True)]
        gradient = [dot(column, residual) for column in data.columns]
        loss = dot(residual, residual) / (2 * count)
        coef = [weight - rate * slope for weight, slope in zip(coef, gradient, strict=True)]
        intercept -= rate * sum(residual)
        steps, rows_read = steps + 1, rows_read + 2 * count
    return Descent(coef, intercept, loss, steps, rows_read)


def fused(data: Data, lr: float, iterations: int) -> Descent:
    """Each step reads x once: both products of a row together."""
    count, width = len(data.y), len(data.columns)
    rate, coef, intercept, loss, steps, rows_read = lr / count, [0.0] * width, 0.0, 0.0, 0, 0
    for _ in range(iterations):
        gradient, offset, squares = [0.0] * width, 0.0, 0.0
        for row, target in zip(data.rows, data.y, strict=True):
            error = dot(row, coef) + intercept - target
            gradient = [slope + error * value for slope, value in zip(gradient, row, strict=True)]
            offset += error
            squares += error * error
            rows_read += 1
        coef = [weight - rate * slope for weight, slope in zip(coef, gradient, strict=True)]
        intercept -= rate * offset
        loss = squares / (2 * count)
        steps += 1
    return Descent(coef, intercept, loss, steps, rows_read)


def gram(data: Data, lr: float, iterations: int) -> Descent:
    """Reads x once, for the Gram matrix of [1 x], with which every step is taken."""
    count = len(data.y)
    columns = [[1.0] * count, *data.columns]
    products = [[0.0] * len(columns) for _ in columns]
    for number, column in enumerate(columns):
        for other in range(number, len(columns)):
            products[number][other] = products[other][number] = dot(column, columns[other]) / count
    right, square = [dot(column, data.y) / count for column in columns], dot(data.y, data.y) / count
    weights, loss, steps = [0.0] * len(columns), 0.0, 0
    for _ in range(iterations):
        image = [dot(row, weights) for row in products]
        loss = (dot(weights, image) + square) / 2 - dot(weights, right)
        weights = [weight - lr * (a - b) for weight, a, b in zip(weights, image, right, strict=True)]
        steps += 1
    return Descent(weights[1:], weights[0], loss, steps, count)


def dot(a: Iterable[float], b: Iterable[float]) -> float:
    """The sum of products."""
    return sum(map(mul, a, b))
