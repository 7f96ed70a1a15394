"""scikit-learn's service, on which each family's file registers its tasks, and what families share."""

from collections.abc import Callable
from typing import TypeVar

import scipy
import sklearn
from mlfleet_sdk import F64Matrix, Rotation, Service, batches, require

R = TypeVar("R")
# (1, 9) of 1.9.1: what differs between releases differs between these.
RELEASE = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
service = Service("scikit-learn", sklearn.__version__, facts={"scipy": scipy.__version__})


def rotation(
    x_train: F64Matrix, x_test: F64Matrix, batch: int, predict: Callable[[F64Matrix], R]
) -> Rotation[F64Matrix, R]:
    """Predictions of one batch of the test rows at each step."""
    columns = x_train.shape[1]
    require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
    return Rotation([x_test[part] for part in batches("x_test", len(x_test), batch)], predict)
