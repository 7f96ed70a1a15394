"""The reason for this project: services that lie are refused, each for its own reason, and their honest twin is not.

linfa's own adapter, spoilt in one way each (crate mlfleet-fault), runs against scikit-learn on the suite's real data.
"""

import pytest
from liars import TWIN, Asked, Lies, planned
from mlfleet import report
from mlfleet.commands.common import ROOT

HONEST, LIAR = "sklearn", "linfa"
KMEANS, RIDGE = "kmeans.fit-iris", "ridge.fit-boston_housing"
KNN, SVC = "knn_classify.predict-breast_cancer-all", "svc_ovo.fit-wine-rbf"
LIES = [
    ("constant", KMEANS, {"outside_tolerance"}),
    ("constant", RIDGE, {"outside_tolerance"}),
    ("constant", KNN, {"outside_tolerance"}),
    ("constant", SVC, {"outside_tolerance"}),
    ("half_honest", KNN, {"short_work", "outside_tolerance"}),
    ("half_honest", SVC, {"short_work", "outside_tolerance"}),
    ("half_lying", KNN, {"outside_tolerance"}),
    ("half_lying", SVC, {"outside_tolerance"}),
    ("bad_digest", KMEANS, {"wrong_payload"}),
]
# Enough for an outcome. Liars are in the first block alone: it shuts their cells.
TWINS, BLOCKS = (KMEANS, KNN), 5


def asked(workload):
    faults = tuple(fault for fault, asked, _ in LIES if asked == workload)
    return Asked((TWIN, *faults), BLOCKS) if workload in TWINS else Asked(faults)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """All of them in one run: the honest service of a block is measured once for all liars."""
    command = [str(ROOT / "rust_services/target/release/mlfleet-fault")]
    by_workload = {workload: asked(workload) for workload in (KMEANS, RIDGE, KNN, SVC)}
    with planned(Lies("smoke", LIAR, lambda _: command, by_workload, beside=(HONEST,))) as run:
        return run.measured(tmp_path_factory.mktemp("lies") / "run")


def comparisons(table, workload, mark):
    found = [one for one in table.comparisons if (one.workload, one.contestant) == (workload, f"{LIAR}:{mark}")]
    assert {one.metric for one in found} >= {"time", "memory"}
    return found


@pytest.mark.parametrize(("fault", "workload", "reasons"), LIES)
def test_a_liar_is_refused_for_its_own_reason(table, fault, workload, reasons):
    for comparison in comparisons(table, workload, fault):
        assert (comparison.outcome, set(comparison.reasons)) == ("refused", reasons)
        assert comparison.ratio is None
    shown = [
        one
        for one in report.report_json(table)["comparisons"]
        if (one["workload"], one["contestant"]) == (workload, f"{LIAR}:{fault}")
    ]
    assert shown
    assert all(one["ratio"] is one["low"] is one["high"] is None for one in shown)
    assert table.cell(workload, HONEST).verdict.value == "ok"


@pytest.mark.parametrize("workload", TWINS)
def test_the_honest_twin_passes_every_gate_and_gets_its_outcome(table, workload):
    for comparison in comparisons(table, workload, TWIN):
        assert comparison.outcome != "refused", comparison.refusals
        assert comparison.blocks == BLOCKS
