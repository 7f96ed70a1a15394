"""Mixtures of Gaussians."""

import warnings

import numpy as np
from library import rotation, service
from mlfleet_sdk import F64Matrix, F64Vector, Job, Seed, require
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

# Who asks for a number of iterations need not be told that they were not enough.
warnings.simplefilter("ignore", ConvergenceWarning)


@service.task("gaussian_mixture.em", origin="stock", kernels="openblas+lapack")
def gaussian_mixture_em(
    x_train: F64Matrix,
    weights: F64Vector,
    means: F64Matrix,
    precisions: F64Matrix,
    *,
    iterations: int,
    floor: float,
) -> Job[GaussianMixture]:
    """Exactly so many iterations from a delivered start: with tol = 0 none of them is the last by itself."""
    model = _model(x_train, weights, means, precisions, iterations, floor)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {**_parts(fitted, x_train), "receipt.n_iter": fitted.n_iter_},
    )


@service.task("gaussian_mixture.predict", origin="stock", kernels="openblas+lapack")
def gaussian_mixture_predict(
    x_train: F64Matrix,
    weights: F64Vector,
    means: F64Matrix,
    precisions: F64Matrix,
    x_test: F64Matrix,
    *,
    iterations: int,
    floor: float,
    batch: int,
) -> Job[F64Matrix]:
    """Of each row of one batch the probabilities of the parts, which say the likeliest; fitted while preparing."""
    model = _model(x_train, weights, means, precisions, iterations, floor).fit(x_train)
    turns = rotation(x_train, x_test, batch, model.predict_proba)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "proba": turns.first,
            "pred": turns.first.argmax(axis=1),
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
        },
    )


@service.task("gaussian_mixture.fit", origin="stock", kernels="openblas+lapack")
def gaussian_mixture_fit(
    x_train: F64Matrix, *, k: int, tol: float, floor: float, max_iter: int, seed: Seed
) -> Job[GaussianMixture]:
    """From a start that the library draws by k-means, until the mean log-likelihood gains less than tol."""
    rows = len(x_train)
    require(2 <= k <= rows, f"k is {k}, awaited 2 to {rows} (rows of x_train)")  # noqa: PLR2004 - as in every service
    require(min(tol, floor) > 0, f"tol and floor are {tol}, {floor}, awaited numbers above 0")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    model = GaussianMixture(k, tol=tol, reg_covar=floor, max_iter=max_iter, random_state=seed % 2**32)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {**_parts(fitted, x_train), "receipt.converged": bool(fitted.converged_)},
    )


def _parts(fitted: GaussianMixture, x_train: F64Matrix) -> dict[str, object]:
    proba = fitted.predict_proba(x_train)
    return {
        "weights": fitted.weights_,
        "means": fitted.means_,
        "covariances": fitted.covariances_.reshape(-1, x_train.shape[1]),
        "proba": proba,
        "labels": proba.argmax(axis=1),
        "receipt.rows": len(x_train),
    }


def _model(
    x_train: F64Matrix, weights: F64Vector, means: F64Matrix, precisions: F64Matrix, iterations: int, floor: float
) -> GaussianMixture:
    (rows, width), k = x_train.shape, len(weights)
    for name, parts in (("weights", k), ("means", len(means))):
        require(1 <= parts <= rows, f"{name} has {parts} parts, awaited 1 to {rows} (rows of x_train)")
    require(len(means) == k, f"means has {len(means)} rows, weights {k}")
    require(means.shape[1] == width, f"means has {means.shape[1]} columns, x_train {width}")
    require(
        precisions.shape == (k * width, width),
        f"precisions is {list(precisions.shape)}, awaited {[k * width, width]}",
    )
    require(weights.min() > 0, f"weights holds {weights.min()}, awaited numbers above 0")
    # scikit-learn's own limit.
    require(abs(weights.sum() - 1) <= 1e-8, f"weights add up to {weights.sum()}, awaited 1")  # noqa: PLR2004
    require(iterations >= 1, f"iterations is {iterations}, awaited at least 1")
    require(floor > 0, f"floor is {floor}, awaited a number above 0")
    stacked = precisions.reshape(k, width, width)
    for number, matrix in enumerate(stacked):
        require(
            np.allclose(matrix, matrix.T) and np.linalg.eigvalsh(matrix).min() > 0,
            f"matrix {number} of precisions is not symmetric and positive definite, as was awaited",
        )
    return GaussianMixture(
        k,
        covariance_type="full",
        tol=0.0,
        reg_covar=floor,
        max_iter=iterations,
        weights_init=weights,
        means_init=means,
        precisions_init=stacked,
    )
