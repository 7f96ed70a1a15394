"""The elastic net's float64 reference: least squares with a penalty on both norms, solved exactly on its support."""

import numpy as np

from mlfleet.datasets.dataset import Floats
from mlfleet.errors import UsageError

_SWEEPS = 100_000
_STILL = 1e-13


def minimiser(x: Floats, y: Floats, alpha: float, l1_ratio: float) -> Floats:
    """Coefficients f64[d] of least `objective`; x and y are taken as they are, without an intercept.

    Coordinates descend on X'X until none moves; then signs are known, and what is left is a linear system.
    Friedman, Hastie, Tibshirani 2010, "Regularization Paths for Generalized Linear Models via Coordinate Descent".
    Raises UsageError where that takes too long.
    """
    gram, right = x.T @ x / len(x), x.T @ y / len(x)
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    places = np.flatnonzero(gram.diagonal() > 0)
    coef = np.zeros(x.shape[1])
    for _ in range(_SWEEPS):
        before = coef.copy()
        for place in places:
            pull = right[place] - gram[place] @ coef + gram[place, place] * coef[place]
            coef[place] = np.sign(pull) * max(abs(pull) - l1, 0.0) / (gram[place, place] + l2)
        if np.abs(coef - before).max() <= _STILL * np.abs(coef).max():
            return _polished(gram, right, l1, l2, coef)
    raise UsageError(f"no minimum of the elastic net at alpha {alpha:g} after {_SWEEPS} sweeps")


def objective(x: Floats, y: Floats, coef: Floats, alpha: float, l1_ratio: float) -> float:
    """|y - X coef|^2 / 2n + alpha (l1_ratio |coef|_1 + (1 - l1_ratio) |coef|^2 / 2), as both libraries define it."""
    with np.errstate(all="ignore"):
        residual = y - x @ coef
        penalty = l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) * (coef @ coef) / 2
        return float(residual @ residual / (2 * len(x)) + alpha * penalty)


def duality_gap(x: Floats, y: Floats, coef: Floats, alpha: float, l1_ratio: float) -> float:
    """How far above its minimum the objective is at most: it less the dual's value at the scaled residual."""
    l1, l2 = alpha * l1_ratio * len(x), alpha * (1 - l1_ratio) * len(x)
    with np.errstate(all="ignore"):
        residual = y - x @ coef
        steepest = np.abs(x.T @ residual - l2 * coef).max()
        scale = min(1.0, l1 / steepest) if steepest > 0 else 1.0
        squares = residual @ residual
        gap = squares * (1 + scale**2) / 2 - scale * (residual @ y)
        gap += l1 * np.abs(coef).sum() + l2 * (1 + scale**2) * (coef @ coef) / 2
        return float(gap / len(x))


def least_alpha(x: Floats, y: Floats, l1_ratio: float) -> float:
    """From this alpha on every coefficient is 0."""
    return float(np.abs(x.T @ y).max() / (len(x) * l1_ratio))


def _polished(gram: Floats, right: Floats, l1: float, l2: float, coef: Floats) -> Floats:
    """The exact minimum where signs are those of `coef`; `coef` itself where rounding gives another sign."""
    support = np.flatnonzero(coef)
    signs = np.sign(coef[support])
    system = gram[np.ix_(support, support)] + l2 * np.eye(len(support))
    exact = np.zeros_like(coef)
    exact[support] = np.linalg.solve(system, right[support] - l1 * signs)
    return exact if np.array_equal(np.sign(exact[support]), signs) else coef
