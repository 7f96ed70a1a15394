"""C-SVC by delivered folds: out-of-fold decisions, and probabilities calibrated on them.

Platt (1999): the probability of class 1 is 1 / (1 + exp(a f + b)) of the decision value f of a machine fitted on all
rows; a and b maximise the likelihood of the out-of-fold decisions.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Integers
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.batch import BATCH, batch_bound, batch_rows
from mlfleet.tasks.criteria import Close, Criterion, Metrics, Within
from mlfleet.tasks.folds import FOLDS, fold_ids, per_fold
from mlfleet.tasks.metrics import classification, log_loss
from mlfleet.tasks.svc import CRITERIA, PARAMS, classes_of, decided, fit_bound, gamma_of, golden_name, judged

_VALIDATE, _CALIBRATE, _PROBA = "svc.cross_validate", "svc.calibrate", "svc.predict_proba"
_CALIBRATED: tuple[Criterion, ...] = (
    Close("proba", 2e-2),
    *(Within(name, 0.01) for name in ("auc_roc", "auc_pr", "log_loss")),
)


def _validate(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, _ = dataset.standardised()
    y, folds = dataset.y_train, int(params["folds"])
    gamma = gamma_of(params, x)
    outputs, guess = decided(_VALIDATE, dataset, len(x))
    return Case(
        task=_VALIDATE,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "folds": fold_ids(_VALIDATE, y, folds, classes=True)},
        params={**params, "gamma": gamma},
        outputs=outputs,
        planned={"rows": len(x), "machines": folds, "fits": folds},
        criteria=CRITERIA,
        truth={"y_test": y},
        guess=guess,
        golden=f"{golden_name(_VALIDATE, dataset, params, gamma)}-folds{folds}",
    )


def _validate_metrics(case: Case, outputs: Arrays) -> Metrics:
    truth = case.truth["y_test"]

    def of_fold(held: Integers) -> Metrics:
        part = replace(case, truth={"y_test": truth[held]})
        return judged(part, {name: array[held] for name, array in outputs.items()})

    return per_fold(case.inputs["folds"], of_fold)


def _calibrated(task: str, dataset: Dataset, params: Mapping[str, Param], rows: int) -> Case:
    """Probabilities of the first rows of x_test."""
    x, x_test = dataset.standardised()
    y, folds, classes = dataset.y_train, int(params["folds"]), classes_of(task, dataset)
    gamma = gamma_of(params, x)
    share = float(y.mean())
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test, "folds": fold_ids(task, y, folds, classes=True)},
        params={**params, "gamma": gamma},
        outputs={"proba": Output("F64", (rows, classes))},
        # The machine that decides is fitted on all rows, after those of the folds.
        planned={"rows": len(x), "machines": folds + 1, "fits": folds + 1},
        criteria=_CALIBRATED,
        truth={"y_test": dataset.y_test[:rows]},
        guess={"proba": np.tile([1 - share, share], (rows, 1))},
        golden=f"{golden_name(_CALIBRATE, dataset, params, gamma)}-folds{folds}",
    )


def _calibrate(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    return _calibrated(_CALIBRATE, dataset, params, len(dataset.test))


def _predict_proba(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    batch = batch_rows(_PROBA, params["batch"], len(dataset.test))
    case = _calibrated(_PROBA, dataset, {**params, "batch": batch}, batch)
    return replace(case, planned={**case.planned, "rows_predicted": batch})


def _proba_metrics(case: Case, outputs: Arrays) -> Metrics:
    truth, proba = case.truth["y_test"], outputs["proba"]
    found = classification(truth, proba.argmax(axis=1), proba.shape[1], proba)
    return found | {"log_loss": log_loss(truth, proba)}


TASKS = (
    Task(
        name=_VALIDATE,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={**PARAMS, "folds": FOLDS},
        make=_validate,
        metrics=_validate_metrics,
        decides="f1_macro",
        direction=1,
        criteria=CRITERIA,
        golden=True,
        bound=fit_bound,
        value_dependent=True,
    ),
    Task(
        name=_CALIBRATE,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={**PARAMS, "folds": FOLDS},
        make=_calibrate,
        metrics=_proba_metrics,
        decides="log_loss",
        direction=-1,
        criteria=_CALIBRATED,
        golden=True,
        bound=fit_bound,
        value_dependent=True,
    ),
    Task(
        name=_PROBA,
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes",),
        params={**PARAMS, "folds": FOLDS, "batch": BATCH},
        make=_predict_proba,
        metrics=_proba_metrics,
        decides="log_loss",
        direction=-1,
        criteria=_CALIBRATED,
        golden=True,
        bound=batch_bound,
        value_dependent=True,
    ),
)
