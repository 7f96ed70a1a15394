"""Clustering."""

import numpy as np
from library import RELEASE, rotation, service
from mlfleet_sdk import F64Matrix, I64Vector, Job, Seed, require
from mlfleet_sdk.errors import UnknownTask
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering

LINKAGES = ("ward", "complete", "average")
STARTS = ("k-means++", "random")
AFFINITIES = ("rbf", "nearest_neighbors")
# The first release that takes a gamma below 1.
SMALL_GAMMA_SINCE = (1, 2)


@service.task("kmeans.fit", origin="stock", kernels="cython+openblas")
def kmeans_fit(x_train: F64Matrix, start: F64Matrix, *, max_iter: int) -> Job[KMeans]:
    """Lloyd's iterations from delivered centres until no label changes (tol=0)."""
    model = _from_start(x_train, start, max_iter)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "centres": fitted.cluster_centers_,
            "receipt.rows": len(x_train),
            "receipt.n_iter": fitted.n_iter_,
            "receipt.converged": fitted.n_iter_ < max_iter,
        },
    )


@service.task("kmeans.predict", origin="stock", kernels="cython+openblas")
def kmeans_predict(
    x_train: F64Matrix, start: F64Matrix, x_test: F64Matrix, *, max_iter: int, batch: int
) -> Job[I64Vector]:
    """The nearest centres of one batch; fitted while preparing."""
    model = _from_start(x_train, start, max_iter).fit(x_train)
    turns = rotation(x_train, x_test, batch, model.predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first.astype(np.int64),
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
        },
    )


@service.task("kmeans_pp.fit", origin="stock", kernels="cython+openblas")
def kmeans_pp_fit(x_train: F64Matrix, *, k: int, init: str, n_init: int, max_iter: int, seed: Seed) -> Job[KMeans]:
    """Lloyd's iterations until no label changes, from starts that the library draws; iterations are the best one's."""
    _fits(k, x_train)
    require(init in STARTS, f"init is {init!r}, awaited one of {', '.join(STARTS)}")
    require(n_init >= 1, f"n_init is {n_init}, awaited at least 1")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    model = KMeans(k, init=init, n_init=n_init, max_iter=max_iter, tol=0.0, random_state=seed % 2**32)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "centres": fitted.cluster_centers_,
            "receipt.rows": len(x_train),
            "receipt.starts": fitted.n_init,
            "receipt.n_iter": fitted.n_iter_,
            "receipt.converged": fitted.n_iter_ < max_iter,
        },
    )


@service.task("kmeans_defaults.fit", origin="stock", kernels="cython+openblas")
def kmeans_defaults_fit(x_train: F64Matrix, *, k: int, seed: Seed) -> Job[KMeans]:
    """What one gets who sets nothing but k, and the seed, without which no two iterations would be alike."""
    _fits(k, x_train)
    model = KMeans(k, random_state=seed % 2**32)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "centres": fitted.cluster_centers_,
            "receipt.rows": len(x_train),
            # Nothing public says what "auto" has become.
            "receipt.starts": fitted._n_init,  # noqa: SLF001
            "receipt.iterations": fitted.n_iter_,
        },
    )


@service.task("spectral.fit", origin="stock", kernels="arpack+cython+openblas")
def spectral_fit(
    x_train: F64Matrix, *, affinity: str, k: int, gamma: float, neighbours: int, seed: Seed
) -> Job[SpectralClustering]:
    """k-means on eigenvectors of the graph's Laplacian; gamma is of "rbf", neighbours of "nearest_neighbors"."""
    rows = len(x_train)
    _fits(k, x_train)
    require(affinity in AFFINITIES, f"affinity is {affinity!r}, awaited one of {', '.join(AFFINITIES)}")
    require(gamma > 0, f"gamma is {gamma}, awaited a number above 0")
    if gamma < 1 and RELEASE < SMALL_GAMMA_SINCE:
        message = f"scikit-learn {service.version} takes no gamma below 1 (1.2 and later do), gamma is {gamma}"
        raise UnknownTask(message)
    require(1 <= neighbours <= rows, f"neighbours is {neighbours}, awaited 1 to {rows} (rows of x_train)")
    model = SpectralClustering(k, affinity=affinity, gamma=gamma, n_neighbors=neighbours, random_state=seed % 2**32)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {"labels": fitted.labels_.astype(np.int64), "receipt.rows": rows},
    )


def _fits(k: int, x_train: F64Matrix) -> None:
    rows = len(x_train)
    require(2 <= k <= rows, f"k is {k}, awaited 2 to {rows} (rows of x_train)")  # noqa: PLR2004 - as in every service


def _from_start(x_train: F64Matrix, start: F64Matrix, max_iter: int) -> KMeans:
    rows, k = len(x_train), len(start)
    require(1 <= k <= rows, f"start has {k} centres, awaited 1 to {rows} (rows of x_train)")
    require(start.shape[1] == x_train.shape[1], f"start has {start.shape[1]} columns, x_train {x_train.shape[1]}")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    return KMeans(k, init=start, n_init=1, max_iter=max_iter, tol=0.0, algorithm="lloyd")


@service.task("agglomerative.fit", origin="stock", kernels="scipy")
def agglomerative_fit(x_train: F64Matrix, *, linkage: str, k: int) -> Job[AgglomerativeClustering]:
    """The whole tree of Euclidean distances, by SciPy's nearest-neighbour chain, and its cut."""
    require(linkage in LINKAGES, f"linkage is {linkage!r}, awaited one of {', '.join(LINKAGES)}")
    _fits(k, x_train)
    # Heights cost nothing: SciPy gives them with the tree.
    model = AgglomerativeClustering(k, linkage=linkage, compute_distances=True)
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "merges": np.sort(fitted.children_, axis=1).astype(np.int64),
            "heights": fitted.distances_,
            "receipt.rows": len(x_train),
            "receipt.merges": len(fitted.children_),
        },
    )
