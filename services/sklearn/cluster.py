"""Clustering."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, Job, require
from sklearn.cluster import KMeans


@service.task("kmeans.fit", origin="stock", kernels="cython+openblas")
def kmeans_fit(x_train: F64Matrix, start: F64Matrix, *, max_iter: int) -> Job[KMeans]:
    """Lloyd's iterations from delivered centres until no label changes (tol=0)."""
    rows, k = len(x_train), len(start)
    require(1 <= k <= rows, f"start has {k} centres, awaited 1 to {rows} (rows of x_train)")
    require(start.shape[1] == x_train.shape[1], f"start has {start.shape[1]} columns, x_train {x_train.shape[1]}")
    require(max_iter >= 1, f"max_iter is {max_iter}, awaited at least 1")
    model = KMeans(k, init=start, n_init=1, max_iter=max_iter, tol=0.0, algorithm="lloyd")
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "centres": fitted.cluster_centers_,
            "receipt.rows": rows,
            "receipt.n_iter": fitted.n_iter_,
            "receipt.converged": fitted.n_iter_ < max_iter,
        },
    )
