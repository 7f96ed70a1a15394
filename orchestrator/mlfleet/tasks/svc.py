"""C-SVC: one machine for two classes, one for each pair of classes, or one for each class against the rest.

Kernels: exp(-gamma |x - z|^2), x'z, and (gamma x'z + 1)^3, whose degree and constant are part of the task.
"""

from collections.abc import Mapping
from functools import partial
from itertools import combinations

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, variance
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Close, Metrics, Share, Within
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

CRITERIA = (Share("labels", 0.99), Close("decision", 1e-2), Within("f1_macro", 0.01, rows="labels"))
PARAMS = {
    "c": ParamSpec(float, above=0.0),
    "kernel": ParamSpec(str, words=("rbf", "linear", "poly")),
    # The linear kernel has none; it travels all the same, so that all kernels are asked for alike.
    "gamma": ParamSpec(float, above=0.0, words=("scale", "auto"), default="scale"),
    "tol": ParamSpec(float, above=0.0),
}


def gamma_of(params: Mapping[str, Param], x: Floats) -> float:
    """The number: "scale" is 1 / (columns x variance of all elements), "auto" 1 / columns."""
    if params["gamma"] == "scale":
        return 1 / (x.shape[1] * variance(x))
    return 1 / x.shape[1] if params["gamma"] == "auto" else float(params["gamma"])


def pair_scores(decision: Floats, classes: int) -> Floats:
    """What the machines of pairs say for each class, summed: f64[m,classes] from f64[m,pairs]."""
    scores = np.zeros((len(decision), classes))
    for column, (first, second) in zip(decision.T, combinations(range(classes), 2), strict=True):
        scores[:, first] += column
        scores[:, second] -= column
    return scores


def classes_of(task: str, dataset: Dataset) -> int:
    """How many. Raises UsageError if the task's machines are not for so many."""
    classes = int(dataset.y.max()) + 1
    if task.startswith("svc.") and classes > 2:  # noqa: PLR2004
        raise UsageError(f"{task} is for 2 classes, dataset {dataset.name!r} has {classes}; see svc_ovo and svc_ovr")
    if task.startswith("svc_ovr.") and classes < 3:  # noqa: PLR2004
        raise UsageError(f"{task} is for 3 classes or more, dataset {dataset.name!r} has {classes}; see svc.fit")
    return classes


def machines_of(task: str, classes: int) -> int:
    """How many are fitted: the columns of the decision."""
    found = {"svc": 1, "svc_ovo": classes * (classes - 1) // 2, "svc_ovr": classes}
    return found[task.partition(".")[0]]


def golden_name(task: str, dataset: Dataset, params: Mapping[str, Param], gamma: float) -> str:
    """Of the answer to a task on these data; predictions are answered by the golden of their fit."""
    rows = "" if params.get("rows", "all") == "all" else f"-rows{params['rows']}"
    return f"{task}-{dataset.name}{rows}-{params['kernel']}-c{params['c']:g}-gamma{gamma:.6g}"


def decided(task: str, dataset: Dataset, rows: int) -> tuple[dict[str, Output], Arrays]:
    """Labels and decision values of so many rows: what is awaited, and what one guesses who saw the targets only."""
    classes = classes_of(task, dataset)
    machines = machines_of(task, classes)
    outputs = {"labels": Output("I64", (rows,), below=classes), "decision": Output("F64", (rows, machines))}
    most_frequent = int(np.bincount(dataset.y_train).argmax())
    return outputs, {"labels": np.full(rows, most_frequent), "decision": np.zeros((rows, machines))}


def _fit(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    # The golden answers one payload: nothing here may depend on the run's seed.
    del seed
    x, x_test = dataset.standardised()
    gamma = gamma_of(params, x)
    outputs, guess = decided(task, dataset, len(x_test))
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": dataset.y_train, "x_test": x_test},
        params={**params, "gamma": gamma},
        outputs=outputs,
        planned={"rows": len(x), "machines": outputs["decision"].shape[1]},
        criteria=CRITERIA,
        truth={"y_test": dataset.y_test},
        guess=guess,
        most={"n_support": len(x)},
        golden=golden_name(task, dataset, params, gamma),
    )


def judged(case: Case, outputs: Arrays) -> Metrics:
    """CLS of the labels, and areas by the decision values."""
    classes, decision = case.outputs["labels"].below or 0, outputs["decision"]
    if case.task.startswith("svc_ovr."):
        scores = decision
    elif case.task.startswith("svc."):
        # Positive speaks for class 1; of a pair, for its first class.
        scores = pair_scores(-decision, classes)
    else:
        scores = pair_scores(decision, classes)
    return classification(case.truth["y_test"], outputs["labels"], classes, scores)


def fit_bound(case: Case) -> Bound:
    """To know that a row keeps the margin takes one product with it at least, whatever is cached or shrunk."""
    return Bound(2.0 * case.inputs["x_train"].size, "F64")


def _task(name: str) -> Task:
    return Task(
        name=name,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={**PARAMS, "rows": ROWS},
        make=partial(_fit, name),
        metrics=judged,
        decides="f1_macro",
        direction=1,
        criteria=CRITERIA,
        golden=True,
        bound=fit_bound,
        value_dependent=True,
        reached={
            "n_iter": Reached(int, "printed", low=1),
            "n_support": Reached(int, "printed", low=2),
            "converged": Reached(bool, "printed", must=True),
        },
    )


TASKS = tuple(_task(f"{machines}.fit") for machines in ("svc", "svc_ovo", "svc_ovr"))
