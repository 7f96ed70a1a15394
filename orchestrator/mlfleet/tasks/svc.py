"""C-SVC, one machine for each pair of classes: (0,1), (0,2), (1,2) ..."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, variance
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Close, Metrics, Share, Within
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec

_CRITERIA = (Share("labels", 0.99), Close("decision", 1e-2), Within("f1_macro", 0.01, rows="labels"))
# Of the parameters, those that shape the answer; tol only says how close to it one stops.
GOLDEN_PARAMS = ("c", "kernel", "gamma")


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    # The golden answers one payload: nothing here may depend on the run's seed.
    del seed
    x, x_test = dataset.standardised()
    y, classes = dataset.y_train, int(dataset.y.max()) + 1
    gamma = 1 / (x.shape[1] * variance(x)) if params["gamma"] == "scale" else float(params["gamma"])
    pairs = classes * (classes - 1) // 2
    rows = len(x_test)
    return Case(
        task="svc_ovo.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "gamma": gamma},
        outputs={"labels": Output("I64", (rows,), below=classes), "decision": Output("F64", (rows, pairs))},
        planned={"rows": len(x), "machines": pairs},
        criteria=_CRITERIA,
        truth={"y_test": dataset.y_test},
        guess={"labels": np.full(rows, int(np.bincount(y).argmax())), "decision": np.zeros((rows, pairs))},
        most={"n_support": len(x)},
        golden=f"svc_ovo.fit-{dataset.name}-{params['kernel']}-c{params['c']:g}-gamma{gamma:.6g}",
    )


def class_scores(decision: Floats, classes: int) -> Floats:
    """What the machines say for each class, summed: f64[m,classes] from f64[m,pairs]."""
    scores = np.zeros((len(decision), classes))
    for column, (first, second) in zip(decision.T, combinations(range(classes), 2), strict=True):
        scores[:, first] += column
        scores[:, second] -= column
    return scores


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    classes = case.outputs["labels"].below or 0
    scores = class_scores(outputs["decision"], classes)
    return classification(case.truth["y_test"], outputs["labels"], classes, scores)


def _bound(case: Case) -> Bound:
    """To know that a row keeps the margin takes one product with it at least, whatever is cached or shrunk."""
    return Bound(2.0 * case.inputs["x_train"].size, "F64")


TASKS = (
    Task(
        name="svc_ovo.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={
            "c": ParamSpec(float, above=0.0),
            "kernel": ParamSpec(str, words=("rbf",)),
            "gamma": ParamSpec(float, above=0.0, words=("scale",)),
            "tol": ParamSpec(float, above=0.0),
        },
        make=_fit,
        metrics=_metrics,
        decides="f1_macro",
        direction=1,
        criteria=_CRITERIA,
        golden=True,
        bound=_bound,
        value_dependent=True,
        reached={
            "n_iter": Reached(int, "printed", low=1),
            "n_support": Reached(int, "printed", low=2),
            "converged": Reached(bool, "printed", must=True),
        },
    ),
)
