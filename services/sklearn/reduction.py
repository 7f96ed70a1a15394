"""Reduction of dimensions."""

import numpy as np
from library import service
from mlfleet_sdk import F64Matrix, Job, require
from sklearn.decomposition import PCA

# What a receipt's `solver` counts, by scikit-learn's word for what ran.
SOLVERS = {"full": 0, "covariance_eigh": 1, "randomized": 2, "arpack": 3}
# What is asked of it, by the task's word: its own choice, or one decomposition.
ASKED = {"default": "auto", "full": "full"}


@service.task("pca.fit", origin="stock", kernels="openblas+lapack")
def pca_fit(x_train: F64Matrix, *, components: int, solver: str) -> Job[PCA]:
    """By the decomposition that `solver` names; where the library's choice draws, it draws the same each time."""
    rows, columns = x_train.shape
    require(solver in ASKED, f"solver is {solver!r}, awaited one of {', '.join(ASKED)}")
    require(rows > 1, f"x_train has {rows} rows, awaited at least 2")
    require(
        1 <= components <= min(rows, columns),
        f"components is {components}, awaited 1 to {min(rows, columns)} (of {rows} rows and {columns} columns)",
    )
    # LAPACK works on columns, and would turn a copy of the rows at each call.
    by_column = np.asfortranarray(x_train)
    model = PCA(components, svd_solver=ASKED[solver], random_state=0)
    return Job(
        step=lambda: model.fit(by_column),
        outputs=lambda fitted: {
            "components": fitted.components_,
            "variance": fitted.explained_variance_,
            "receipt.rows": fitted.n_samples_,
            "receipt.components": fitted.n_components_,
            "receipt.solver": SOLVERS[fitted._fit_svd_solver],  # noqa: SLF001 - no public name says what "auto" ran
        },
    )
