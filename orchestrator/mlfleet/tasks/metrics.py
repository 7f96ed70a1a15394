"""The printed quality sets: CLS, REG, CLU. Where a metric is undefined for these data it is None.

SciPy and scikit-learn are imported where they are used: together they take two seconds, and commands that score nothing
need none of them.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Metrics = dict[str, float | None]


def classification(truth: Integers, found: Integers, classes: int, scores: Floats | None = None) -> Metrics:
    """CLS of labels i64[m]; with scores f64[m,classes] also the areas, one against the rest, mean over classes."""
    from sklearn.metrics import precision_recall_fscore_support  # noqa: PLC0415

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, found, labels=range(classes), average=None, zero_division=0.0
    )
    metrics: Metrics = {
        "accuracy": float((truth == found).mean()),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
        "f1_macro": float(f1.mean()),
    }
    for number in range(classes):
        metrics[f"precision_class_{number}"] = float(precision[number])
        metrics[f"recall_class_{number}"] = float(recall[number])
        metrics[f"f1_class_{number}"] = float(f1[number])
    if scores is not None:
        metrics |= _areas(truth, scores)
    return metrics


def log_loss(truth: Integers, proba: Floats) -> float:
    """Mean negative log of the probability of the true class; 0 counts as the smallest step from 1, 2^-52."""
    found = np.clip(proba[np.arange(len(truth)), truth], np.finfo(np.float64).eps, 1.0)
    return float(-np.log(found).mean())


def regression(truth: Floats, found: Floats) -> Metrics:
    """REG of predictions f64[m]."""
    from scipy.stats import kurtosis, skew  # noqa: PLC0415

    with np.errstate(all="ignore"):
        residual = truth - found
        squares = float((residual**2).mean())
        spread = float(((truth - truth.mean()) ** 2).mean())
        metrics: Metrics = {
            "rmse": float(np.sqrt(squares)),
            "mse": squares,
            "mae": float(np.abs(residual).mean()),
            "r2": 1 - squares / spread if spread else None,
            "mape": float(np.abs(residual / truth).mean()) if np.abs(truth).min() > 1e-9 else None,  # noqa: PLR2004
            "explained_variance": 1 - float(residual.var()) / spread if spread else None,
            "residual_std": float(residual.std()),
        }
        if residual.std() > 1e-12 * np.abs(truth).max():
            metrics["residual_skew"] = float(skew(residual))
            metrics["residual_kurtosis"] = float(kurtosis(residual))
        else:
            metrics |= {"residual_skew": None, "residual_kurtosis": None}
    return _finite(metrics)


def coefficients(coef: Floats) -> Metrics:
    """What REG adds for linear models."""
    nonzero = int(np.count_nonzero(coef))
    return {"nonzero_coefficients": float(nonzero), "sparsity": 1 - nonzero / coef.size}


def clustering(x: Floats, labels: Integers, centres: Floats, truth: Integers | None) -> Metrics:
    """CLU of a partition; inertia is recomputed from both outputs; ARI and NMI where labels exist."""
    from sklearn import metrics as sk  # noqa: PLC0415

    with np.errstate(all="ignore"):
        inertia = float(((x - centres[labels]) ** 2).sum())
    metrics: Metrics = {"inertia": inertia, "n_clusters": float(len(np.unique(labels)))}
    defined = 2 <= len(np.unique(labels)) < len(x)  # noqa: PLR2004 - one cluster has no neighbour
    metrics["silhouette"] = float(sk.silhouette_score(x, labels)) if defined else None
    metrics["calinski_harabasz"] = float(sk.calinski_harabasz_score(x, labels)) if defined else None
    metrics["davies_bouldin"] = float(sk.davies_bouldin_score(x, labels)) if defined else None
    if truth is not None:
        metrics["ari"] = adjusted_rand(truth, labels)
        metrics["nmi"] = float(sk.normalized_mutual_info_score(truth, labels))
    return _finite(metrics)


def adjusted_rand(truth: Integers, labels: Integers) -> float:
    """Adjusted Rand index of two partitions."""
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415

    return float(adjusted_rand_score(truth, labels))


def _areas(truth: Integers, scores: Floats) -> Metrics:
    from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415

    ones = [truth == number for number in range(scores.shape[1])]
    if not all(one.any() and not one.all() for one in ones):
        return {"auc_roc": None, "auc_pr": None}
    pairs = list(zip(ones, scores.T, strict=True))
    return {
        "auc_roc": float(np.mean([roc_auc_score(one, score) for one, score in pairs])),
        "auc_pr": float(np.mean([average_precision_score(one, score) for one, score in pairs])),
    }


def _finite(metrics: Metrics) -> Metrics:
    return {name: value if value is not None and np.isfinite(value) else None for name, value in metrics.items()}
