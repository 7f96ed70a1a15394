"""Why a metric has no value on some data: a record holds null, and a reader is told the reason."""

from collections.abc import Mapping
from types import MappingProxyType

# What the data lack, by the names that tasks give their metrics.
_LACKING: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("r2", "explained_variance"), "all true values are equal"),
        "mape": "a true value is 0, or nearly so",
        **dict.fromkeys(("residual_skew", "residual_kurtosis"), "the residuals do not vary"),
        **dict.fromkeys(
            ("silhouette", "calinski_harabasz", "davies_bouldin"), "there is one cluster, or one for each row"
        ),
        **dict.fromkeys(("auc_roc", "auc_pr"), "a class has no row of the test part, or all of them"),
        "mean_cosine": "there is one passage, or an embedding of zeros",
        "distinct_2": "there is no pair of tokens",
    }
)
_OVERFLOW = "the values are too large for a float"


def why_undefined(metric: str) -> str:
    """The reason for a null of that metric. One that every data set has is null only where a float overflowed."""
    return _LACKING.get(metric, _OVERFLOW)
