"""nu-SVC: nu bounds the share of rows inside the margin from above, and that of support vectors from below.

One machine for two classes, positive for class 1, or one for each pair of classes, positive for the first of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.batch import batch_rows, predicts
from mlfleet.tasks.criteria import Close, Metrics, Share, Within
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS
from mlfleet.tasks.svc import PARAMS, fit_bound, gamma_of, pair_scores
from mlfleet.tasks.svc_predict import by_machines

_FIT, _PREDICT, _OVO = "nu_svc.fit", "nu_svc.predict", "nu_svc_ovo.fit"
_CRITERIA = (Share("labels", 0.99), Close("decision", 1e-2), Within("f1_macro", 0.01, rows="labels"))
_PARAMS = {
    "nu": ParamSpec(float, above=0.0, most=1),
    "kernel": ParamSpec(str, words=("rbf", "linear")),
    "gamma": PARAMS["gamma"],
    "tol": PARAMS["tol"],
}


def _check_feasible(task: str, dataset: Dataset, nu: float) -> None:
    """Each side carries half of nu n, and a row no more than 1. Raises UsageError if one side has too few rows."""
    counts = np.bincount(dataset.y_train)
    for first, second in combinations(range(len(counts)), 2):
        one, other = float(counts[first]), float(counts[second])
        if nu * (one + other) / 2 > min(one, other):
            limit = 2 * min(one, other) / (one + other)
            raise UsageError(
                f"parameter 'nu' of {task} is {nu:g}; awaited on dataset {dataset.name!r}: at most {limit:.6f}, "
                f"2 min(n+, n-) / n of the classes {first} and {second}"
            )


def _fit(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    # The golden answers one payload: nothing here may depend on the run's seed.
    del seed
    classes = int(dataset.y.max()) + 1
    if task != _OVO and classes != 2:  # noqa: PLR2004
        raise UsageError(f"{task} is for 2 classes, dataset {dataset.name!r} has {classes}; see {_OVO}")
    _check_feasible(task, dataset, float(params["nu"]))
    x, x_test = dataset.standardised()
    y, rows = dataset.y_train, len(x_test)
    gamma, machines = gamma_of(params, x), classes * (classes - 1) // 2
    cut = "" if params.get("rows", "all") == "all" else f"-rows{params['rows']}"
    fitted = _OVO if task == _OVO else _FIT
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "gamma": gamma},
        outputs={"labels": Output("I64", (rows,), below=classes), "decision": Output("F64", (rows, machines))},
        planned={"rows": len(x), "machines": machines},
        criteria=_CRITERIA,
        truth={"y_test": dataset.y_test},
        guess={"labels": np.full(rows, int(np.bincount(y).argmax())), "decision": np.zeros((rows, machines))},
        most={"n_support": len(x)},
        golden=f"{fitted}-{dataset.name}{cut}-{params['kernel']}-nu{params['nu']:g}-gamma{gamma:.6g}",
    )


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    case = _fit(_PREDICT, dataset, params, seed)
    batch = batch_rows(_PREDICT, params["batch"], len(case.inputs["x_test"]))
    return replace(
        case,
        params={**case.params, "batch": batch},
        outputs={name: replace(output, shape=(batch, *output.shape[1:])) for name, output in case.outputs.items()},
        planned={**case.planned, "rows_predicted": batch},
        truth={"y_test": case.truth["y_test"][:batch]},
        guess={name: array[:batch] for name, array in case.guess.items()},
        most={},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    classes = case.outputs["labels"].below or 0
    # The machine of two classes speaks for the second of its pair.
    decision = outputs["decision"] if case.task == _OVO else -outputs["decision"]
    return classification(case.truth["y_test"], outputs["labels"], classes, pair_scores(decision, classes))


def _fit_task(name: str) -> Task:
    return Task(
        name=name,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={**_PARAMS, "rows": ROWS},
        make=partial(_fit, name),
        metrics=_metrics,
        decides="f1_macro",
        direction=1,
        criteria=_CRITERIA,
        golden=True,
        reached={
            "n_iter": Reached(int, "printed", low=1),
            "n_support": Reached(int, "printed", low=2),
            "converged": Reached(bool, "printed", must=True),
        },
        bound=fit_bound,
        value_dependent=True,
    )


TASKS = (
    _fit_task(_FIT),
    _fit_task(_OVO),
    by_machines(
        predicts(
            _PREDICT,
            params=_PARAMS,
            make=_predict,
            target="classes",
            decides="f1_macro",
            metrics=_metrics,
            criteria=_CRITERIA,
        )
    ),
)
