"""Tasks that predict a batch: what they take, and the least that they compute."""

import pytest
from mlfleet import datasets, tasks

FAMILIES = ("linear", "ridge", "lasso", "elastic_net", "svc", "svc_ovo", "nu_svc", "svr", "linear_svc")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prediction_takes_what_its_fit_takes_but_a_batch_for_the_rows(family: str) -> None:
    fit, predict = tasks.get(f"{family}.fit"), tasks.get(f"{family}.predict")
    assert set(predict.params) == set(fit.params) - {"rows"} | {"batch"}
    assert (predict.decides, predict.direction, predict.targets) == (fit.decides, fit.direction, fit.targets)
    assert (predict.stage, predict.unit_key, predict.golden) == ("infer", "rows_predicted", fit.golden)


def test_each_number_of_a_batch_is_multiplied_and_added_at_least() -> None:
    task = tasks.get("ridge.predict")
    bound = task.bound(task.case(datasets.load("diabetes"), {"alpha": 1, "batch": 3}, 0))
    assert bound is not None
    assert bound.flop == 2 * 3 * 10


def test_a_prediction_of_machines_depends_on_how_many_vectors_support_them() -> None:
    known = {name: tasks.get(f"{name}.predict").value_dependent for name in ("svc", "nu_svc", "svr", "linear_svc")}
    assert known == {"svc": True, "nu_svc": True, "svr": True, "linear_svc": False}
