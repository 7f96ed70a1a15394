"""Regression by a support vector machine: errors within epsilon cost nothing; y on the scale of its train part.

The kernel's gamma and its words are those of `svc`.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import fsum, sqrt

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, variance
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.batch import batch_rows, predicts
from mlfleet.tasks.criteria import Close, Metrics, Within
from mlfleet.tasks.metrics import regression
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS
from mlfleet.tasks.svc import PARAMS, fit_bound, gamma_of
from mlfleet.tasks.svc_predict import by_machines

_CRITERIA = (Close("pred", 1e-2), Within("r2", 0.005))
_PARAMS = {
    "c": PARAMS["c"],
    "epsilon": ParamSpec(float, above=0.0),
    "kernel": ParamSpec(str, words=("rbf", "linear")),
    "gamma": PARAMS["gamma"],
    "tol": PARAMS["tol"],
}


def standard_targets(dataset: Dataset) -> tuple[Floats, Floats]:
    """Both parts of y, train and test, with the train part's mean and population std: exactly rounded sums."""
    y = dataset.y_train
    mean, std = fsum(y) / len(y), sqrt(variance(y))
    return (y - mean) / std, (dataset.y_test - mean) / std


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    # The golden answers one payload: nothing here may depend on the run's seed.
    del seed
    x, x_test = dataset.standardised()
    y, y_test = standard_targets(dataset)
    gamma = gamma_of(params, x)
    rows = "" if params.get("rows", "all") == "all" else f"-rows{params['rows']}"
    shape = f"{params['kernel']}-c{params['c']:g}-epsilon{params['epsilon']:g}-gamma{gamma:.6g}"
    return Case(
        task="svr.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "gamma": gamma},
        outputs={"pred": Output("F64", (len(x_test),))},
        planned={"rows": len(x), "machines": 1},
        criteria=_CRITERIA,
        truth={"y_test": y_test},
        # The mean of the train part.
        guess={"pred": np.zeros(len(x_test))},
        most={"n_support": len(x)},
        golden=f"svr.fit-{dataset.name}{rows}-{shape}",
    )


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    case = _fit(dataset, params, seed)
    batch = batch_rows("svr.predict", params["batch"], len(case.inputs["x_test"]))
    return replace(
        case,
        task="svr.predict",
        params={**case.params, "batch": batch},
        outputs={"pred": Output("F64", (batch,))},
        planned={**case.planned, "rows_predicted": batch},
        truth={"y_test": case.truth["y_test"][:batch]},
        guess={"pred": np.zeros(batch)},
        most={},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return regression(case.truth["y_test"], outputs["pred"])


TASKS = (
    Task(
        name="svr.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("real",),
        params={**_PARAMS, "rows": ROWS},
        make=_fit,
        metrics=_metrics,
        decides="r2",
        direction=1,
        criteria=_CRITERIA,
        golden=True,
        reached={
            "n_iter": Reached(int, "printed", low=1),
            "n_support": Reached(int, "printed", low=1),
            "converged": Reached(bool, "printed", must=True),
        },
        bound=fit_bound,
        value_dependent=True,
    ),
    by_machines(
        predicts(
            "svr.predict",
            params=_PARAMS,
            make=_predict,
            target="real",
            decides="r2",
            metrics=_metrics,
            criteria=_CRITERIA,
        )
    ),
)
