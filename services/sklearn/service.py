"""scikit-learn behind the contract: one function per task, its signature the schema."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import scipy
import sklearn
from mlfleet_sdk import F64Matrix, F64Vector, I64Matrix, I64Vector, Job, Rotation, Service, batches, require
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

R = TypeVar("R")
service = Service("scikit-learn", sklearn.__version__, facts={"scipy": scipy.__version__})


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


@service.task("ridge.fit", origin="stock", kernels="openblas+lapack")
def ridge_fit(x_train: F64Matrix, y_train: F64Vector, *, alpha: float) -> Job[Ridge]:
    """Closed form by Cholesky on centred data; the intercept is not penalised."""
    model = _ridge(x_train, y_train, alpha)
    return Job(
        step=lambda: model.fit(x_train, y_train),
        outputs=lambda fitted: {
            "coef": fitted.coef_,
            "intercept": float(fitted.intercept_),
            "receipt.rows": len(x_train),
        },
    )


@service.task("ridge.predict", origin="stock", kernels="openblas")
def ridge_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, alpha: float, batch: int
) -> Job[F64Vector]:
    """Predictions of one batch; fitted while preparing."""
    model = _ridge(x_train, y_train, alpha).fit(x_train, y_train)
    turns = _rotation(x_train, x_test, batch, model.predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first,
            "receipt.rows": len(x_train),
            "receipt.rows_predicted": len(turns.first),
        },
    )


@service.task("knn_classify.predict", origin="in_repo", kernels="cython+openblas")
def knn_classify_predict(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock brute-force neighbours and a uniform vote written here, since `predict` does not give the neighbours."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(y_train.min() >= 0, f"y_train holds the label {y_train.min()}, awaited 0 and above")
    one_hot = np.eye(y_train.max() + 1)[y_train]
    # argmax takes the first of equal counts: the smallest label.
    return _knn(x_train, x_test, lambda rows: one_hot[rows].sum(axis=1).argmax(axis=1), k=k, index=index, batch=batch)


@service.task("knn_regress.predict", origin="in_repo", kernels="cython+openblas")
def knn_regress_predict(
    x_train: F64Matrix, y_train: F64Vector, x_test: F64Matrix, *, k: int, index: str, batch: int
) -> Job[None]:
    """Stock brute-force neighbours and their mean, as above."""
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return _knn(x_train, x_test, lambda rows: y_train[rows].mean(axis=1), k=k, index=index, batch=batch)


@service.task("svc_ovo.fit", origin="stock", kernels="libsvm")
def svc_ovo_fit(
    x_train: F64Matrix, y_train: I64Vector, x_test: F64Matrix, *, c: float, kernel: str, gamma: float, tol: float
) -> Job[SVC]:
    """One-vs-one machines; shrinking is off, as on the other side."""
    require(kernel == "rbf", f"kernel is {kernel!r}, awaited 'rbf'")
    require(min(c, gamma, tol) > 0, f"c, gamma and tol are {c}, {gamma}, {tol}; awaited numbers above 0")
    classes = np.unique(y_train)
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    require(len(classes) > 1, f"y_train holds {len(classes)} class, awaited at least 2")
    require(x_test.shape[1] == x_train.shape[1], f"x_test has {x_test.shape[1]} columns, x_train {x_train.shape[1]}")
    model = SVC(C=c, kernel=kernel, gamma=gamma, tol=tol, shrinking=False, decision_function_shape="ovo")

    def outputs(fitted: SVC) -> dict[str, object]:
        decision = fitted.decision_function(x_test)
        return {
            "labels": fitted.predict(x_test),
            # With two classes scikit-learn gives one column, and the other sign.
            "decision": decision if decision.ndim > 1 else -decision[:, np.newaxis],
            "receipt.rows": fitted.shape_fit_[0],
            "receipt.machines": len(classes) * (len(classes) - 1) // 2,
            "receipt.n_iter": int(fitted.n_iter_.sum()),
            "receipt.n_support": len(fitted.support_),
            "receipt.converged": fitted.fit_status_ == 0,
        }

    return Job(step=lambda: model.fit(x_train, y_train), outputs=outputs)


def _knn(
    x_train: F64Matrix,
    x_test: F64Matrix,
    decide: Callable[[I64Matrix], NDArray[Any]],
    *,
    k: int,
    index: str,
    batch: int,
) -> Job[None]:
    """Neighbours by the stock search, and what `decide` makes of their row numbers i64[m,k]."""
    rows = len(x_train)
    require(index == "brute", f"index is {index!r}, awaited 'brute'")
    require(1 <= k <= rows, f"k is {k}, awaited 1 to {rows} (rows of x_train)")
    model = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="euclidean").fit(x_train)

    def predict(queries: F64Matrix) -> tuple[NDArray[Any], I64Matrix]:
        neighbours = model.kneighbors(queries, return_distance=False)
        return decide(neighbours), neighbours

    turns = _rotation(x_train, x_test, batch, predict)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "pred": turns.first[0],
            "neighbours": turns.first[1],
            "receipt.rows": model.n_samples_fit_,
            "receipt.rows_predicted": len(turns.first[0]),
            "receipt.distances": model.n_samples_fit_ * len(turns.first[0]),
        },
    )


def _rotation(
    x_train: F64Matrix, x_test: F64Matrix, batch: int, predict: Callable[[F64Matrix], R]
) -> Rotation[F64Matrix, R]:
    """Predictions of one batch of the test rows at each step."""
    columns = x_train.shape[1]
    require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
    return Rotation([x_test[part] for part in batches("x_test", len(x_test), batch)], predict)


def _ridge(x_train: F64Matrix, y_train: F64Vector, alpha: float) -> Ridge:
    require(alpha >= 0, f"alpha is {alpha}, awaited 0 or above")
    require(len(y_train) == len(x_train), f"y_train has {len(y_train)} rows, x_train {len(x_train)}")
    return Ridge(alpha=alpha, solver="cholesky")
