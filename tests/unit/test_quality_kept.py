"""Every metric of the quality sets arrives where a reader looks for it: none is lost on writing, and a null says why.

A published benchmark computed clustering scores, and had null in their place once its results were written.
"""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import samples
from mlfleet.codec import canonical, decode, encode
from mlfleet.model import Quality, Record
from mlfleet.report import report_csv, report_json
from mlfleet.report.rows import rows
from mlfleet.report.trials import cell_texts
from mlfleet.report.undefined import why_undefined
from mlfleet.table import fold
from mlfleet.tasks.metrics import classification, clustering, coefficients, regression
from mlfleet.tasks.networks import CLASSES, net

WORKLOAD, FRAMEWORK = "ridge.fit-diabetes", "linfa"
TRUTH = np.arange(12) % 3
FOUND = np.where(np.arange(12) == 5, 0, TRUTH)
VALUES = np.linspace(1.0, 4.0, 12)
POINTS = np.stack([10.0 * TRUTH, np.cos(np.arange(12))], axis=1)
CENTRES = np.stack([POINTS[number::3].mean(axis=0) for number in range(3)])
DIGITS = np.arange(30) % CLASSES
SETS = {
    "REG": regression(VALUES, VALUES + 0.1 * np.sin(np.arange(12))) | coefficients(np.array([1.5, 0.0, -2.0])),
    "CLS": classification(TRUTH, FOUND, 3, np.eye(3)[FOUND] + 0.01 * POINTS[:, 1:]),
    "CLU": clustering(POINTS, TRUTH, CENTRES, TRUTH),
    "NET": net(DIGITS, np.eye(CLASSES)[DIGITS] + np.cos(np.arange(30 * CLASSES)).reshape(30, CLASSES)),
}
# The same of data that leave undefined whatever can be.
DEGENERATE = {
    "REG": regression(np.zeros(12), np.zeros(12)) | coefficients(np.zeros(3)),
    "CLS": classification(np.zeros(12, np.int64), FOUND, 3, np.eye(3)[FOUND]),
    "CLU": clustering(POINTS, np.zeros(12, np.int64), CENTRES[:1], TRUTH),
}
# As the catalogue of workloads names them.
NAMED = {
    "REG": "rmse mse mae r2 mape explained_variance residual_std residual_skew residual_kurtosis sparsity "
    "nonzero_coefficients",
    "CLS": "accuracy precision_macro recall_macro f1_macro precision_class_2 recall_class_2 f1_class_2 auc_roc auc_pr",
    "CLU": "silhouette calinski_harabasz davies_bouldin inertia n_clusters ari nmi",
    "NET": "accuracy loss precision_macro recall_macro f1_macro",
}
WALKED = [
    *(pytest.param(metrics, id=name) for name, metrics in SETS.items()),
    *(pytest.param(metrics, id=f"{name} undefined") for name, metrics in DEGENERATE.items()),
]


def table(metrics, decides):
    """Every trial of one workload with these metrics."""
    cells = {WORKLOAD: samples.CELLS[WORKLOAD]}
    scored = [replace(record, quality=Quality(metrics, decides, {})) for record in samples.records(cells)]
    return fold(samples.run_file(cells), scored)


def undefined(metrics):
    return {name for name, value in metrics.items() if value is None}


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_every_metric_that_is_promised_and_all_are_defined_on_honest_data(name):
    assert set(NAMED[name].split()) <= set(SETS[name])
    assert not undefined(SETS[name])


def test_on_degenerate_data_the_sets_have_the_same_metrics_and_some_are_null():
    for name, metrics in DEGENERATE.items():
        assert set(metrics) == set(SETS[name])
    assert undefined(DEGENERATE["REG"]) == {"r2", "mape", "explained_variance", "residual_skew", "residual_kurtosis"}
    assert undefined(DEGENERATE["CLS"]) == {"auc_roc", "auc_pr"}
    assert undefined(DEGENERATE["CLU"]) == {"silhouette", "calinski_harabasz", "davies_bouldin"}


@pytest.mark.parametrize("metrics", WALKED)
def test_no_metric_is_lost_in_the_record(metrics):
    record = samples.record(WORKLOAD, FRAMEWORK, samples.CELLS[WORKLOAD][FRAMEWORK], 1)
    kept = decode(Record, encode(replace(record, quality=Quality(metrics, next(iter(metrics)), {}))))
    assert kept.quality.metrics == metrics


@pytest.mark.parametrize("metrics", WALKED)
def test_no_metric_is_lost_in_the_csv(metrics):
    written = list(csv.DictReader(io.StringIO(report_csv(table(metrics, next(iter(metrics)))), newline="")))
    assert len(written) == 2 * samples.BLOCKS
    for row in written:
        assert json.loads(row["quality"]) == metrics
        assert json.loads(row["quality_value"] or "null") == next(iter(metrics.values()))


@pytest.mark.parametrize("metrics", WALKED)
def test_no_metric_is_lost_in_the_json_and_a_null_has_its_reason(metrics):
    written = json.loads(canonical(report_json(table(metrics, next(iter(metrics))))))
    assert len(written["cells"]) == 2
    for cell in written["cells"]:
        assert cell["quality"]["metrics"] == {
            name: None if value is None else {"median": value, "low": value, "high": value}
            for name, value in metrics.items()
        }
        assert set(cell["quality"]["absent"]) == undefined(metrics)
        assert all(cell["quality"]["absent"].values())


@pytest.mark.parametrize("metrics", WALKED)
def test_no_metric_is_lost_on_the_page_and_a_null_has_its_reason(metrics):
    facts = dict(cell_texts(table(metrics, next(iter(metrics))))[WORKLOAD, FRAMEWORK].facts)
    for name, value in metrics.items():
        text = facts[f"quality {name}"]
        if value is None:
            assert text == f"undefined: {why_undefined(name)}"
        else:
            assert float(text) == pytest.approx(value, rel=1e-3)


def test_a_deciding_metric_that_is_null_says_why_in_its_row():
    found = table(DEGENERATE["REG"], "r2")
    (planned,) = found.run.workloads
    figures = [row.quality for row in rows(found, planned)]
    assert {(figure.text, figure.note) for figure in figures} == {("undefined", "r2: all true values are equal")}


def test_what_can_be_null_for_want_of_data_has_a_reason_of_its_own_and_all_else_overflowed():
    overflowed = why_undefined("inertia")
    assert "too large" in overflowed
    for metrics in DEGENERATE.values():
        assert all(why_undefined(name) != overflowed for name in undefined(metrics))
    # What every data set has is null for no other reason.
    assert {why_undefined(name) for name in ("mse", "accuracy", "n_clusters")} == {overflowed}
