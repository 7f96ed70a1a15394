"""A mixture of Gaussians with full covariances: its density, and steps of expectation and maximisation.

As in scikit-learn, the floor is added to the diagonal of every covariance: Dempster, Laird, Rubin (1977) otherwise.
"""

from dataclasses import dataclass

import numpy as np

from mlfleet.datasets.dataset import Floats, Integers


@dataclass(frozen=True)
class Mixture:
    """Weights f64[k], means f64[k,d], covariances f64[k,d,d]."""

    weights: Floats
    means: Floats
    covariances: Floats


def log_joint(mixture: Mixture, x: Floats) -> Floats:
    """Ln of weight times density, f64[n,k]; not a number where a covariance is not positive definite."""
    from scipy.linalg import solve_triangular  # noqa: PLC0415 - a tenth of a second that only scores need pay

    found = np.empty((len(x), len(mixture.weights)))
    for number, (weight, mean, covariance) in enumerate(
        zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ):
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return np.full_like(found, np.nan)
        scaled = solve_triangular(lower, (x - mean).T, lower=True)
        with np.errstate(all="ignore"):
            found[:, number] = (
                np.log(weight)
                - 0.5 * (scaled**2).sum(axis=0)
                - np.log(np.diag(lower)).sum()
                - 0.5 * x.shape[1] * np.log(2 * np.pi)
            )
    return found


def log_likelihood(joint: Floats) -> Floats:
    """Ln of the density of each row, f64[n], from ln of its parts."""
    largest = joint.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return np.asarray(largest[:, 0] + np.log(np.exp(joint - largest).sum(axis=1)))


def responsibilities(joint: Floats) -> Floats:
    """Of each row the probability of each part, f64[n,k]."""
    return np.asarray(np.exp(joint - log_likelihood(joint)[:, np.newaxis]))


def maximised(x: Floats, shares: Floats, floor: float) -> Mixture:
    """The mixture most likely to give rows f64[n,d] that belong to its parts by shares f64[n,k]."""
    sizes = shares.sum(axis=0)
    means = shares.T @ x / sizes[:, np.newaxis]
    covariances = np.empty((len(sizes), x.shape[1], x.shape[1]))
    for number, (size, mean) in enumerate(zip(sizes, means, strict=True)):
        centred = x - mean
        covariances[number] = (shares[:, number, np.newaxis] * centred).T @ centred / size
        covariances[number].flat[:: x.shape[1] + 1] += floor
    return Mixture(sizes / len(x), means, covariances)


def parts_of(x: Floats, labels: Integers, floor: float) -> Mixture:
    """The mixture of which each row belongs to one part for certain."""
    return maximised(x, np.eye(int(labels.max()) + 1)[labels], floor)


def em(x: Floats, start: Mixture, iterations: int, floor: float) -> tuple[Mixture, Floats]:
    """The mixture after so many steps, and the responsibilities f64[n,k] under it."""
    mixture = start
    for _ in range(iterations):
        mixture = maximised(x, responsibilities(log_joint(mixture, x)), floor)
    return mixture, responsibilities(log_joint(mixture, x))
