"""Clusters by density."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, Job, require
from sklearn.cluster import DBSCAN


@service.task("dbscan.fit", origin="stock", kernels="cython")
def dbscan_fit(x_train: F64Matrix, *, eps: float, min_samples: int) -> Job[DBSCAN]:
    """Neighbourhoods by a k-d tree, as on the other side; the default takes another index from 16 columns on."""
    require(eps > 0, f"eps is {eps}, awaited a number above 0")
    require(min_samples >= 2, f"min_samples is {min_samples}, awaited at least 2")  # noqa: PLR2004 - linfa's limit
    model = DBSCAN(eps=eps, min_samples=min_samples, algorithm="kd_tree")
    return Job(
        step=lambda: model.fit(x_train),
        outputs=lambda fitted: {
            "labels": fitted.labels_.astype(np.int64),
            "receipt.rows": len(x_train),
            "receipt.core": len(fitted.core_sample_indices_),
            "receipt.index": "kd_tree",
        },
    )
