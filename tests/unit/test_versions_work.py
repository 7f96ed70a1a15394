"""Versions of one framework: where a default became another, the work did, and there is no ratio."""

from dataclasses import replace

import pytest
from mlfleet.catalogue import load_suite
from mlfleet.model import TaskFact
from mlfleet.report.rows import rows
from mlfleet.report.sentences import refused_pairs
from mlfleet.table import fold
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell, records, run_file

KMEANS, PCA = "kmeans_defaults.fit-digits", "pca.fit-digits"


def kmeans(starts, iterations=27):
    return {"rows": 1438, "starts": starts, "iterations": iterations}


def pca(solver):
    return {"rows": 1438, "components": 4, "solver": solver}


# As the releases answer: 1.4 takes one start in the place of ten, 1.3 draws starts in another way, 1.5 chooses the
# covariance for few columns. linfa has one solver, whatever is asked.
REFUSED = {
    "a default of starts": (KMEANS, ("sklearn:1.3.2", kmeans(10)), ("sklearn:1.4.2", kmeans(1)), "starts is 1, "),
    "another draw": (KMEANS, ("sklearn:1.2.2", kmeans(10, 18)), ("sklearn:1.3.2", kmeans(10)), "iterations is 27, "),
    "a default solver": (PCA, ("sklearn:1.4.2", pca(2)), ("sklearn:1.5.2", pca(1)), "solver is 1, "),
}
COMPARED = {
    "the same defaults": (KMEANS, ("sklearn:1.4.2", kmeans(1)), ("sklearn:1.9.1", kmeans(1))),
    "the same solver": (PCA, ("sklearn:1.5.2", pca(1)), ("sklearn:1.9.1", pca(1))),
    "frameworks, each with its solver": (PCA, ("sklearn", pca(0)), ("linfa", pca(4))),
}


def cells(name, first, second):
    return {name: {key: Cell(ns, receipt=receipt) for ns, (key, receipt) in ((12e6, first), (1e6, second))}}


@pytest.mark.parametrize("case", REFUSED)
def test_another_default_is_refused_in_every_metric_with_both_values(case):
    name, first, second, said = REFUSED[case]
    asked = cells(name, first, second)
    table = fold(run_file(asked), records(asked))
    assert [(one.outcome, one.reasons) for one in table.comparisons] == 2 * [("refused", ("short_work",))]
    assert all(one.ratio is None and one.estimate is None for one in table.comparisons)
    (refused, *_) = refused_pairs(table, table.comparisons)
    (reason,) = refused.reasons
    before = said.partition(" ")[0]
    assert reason.gate == "work"
    assert reason.detail == f"receipt {said}{first[0]} has {first[1][before]}"
    assert [row.rank for row in rows(table, table.run.workloads[0])] == [None, None]


@pytest.mark.parametrize("case", COMPARED)
def test_the_same_work_has_a_ratio(case):
    asked = cells(*COMPARED[case])
    time = next(one for one in fold(run_file(asked), records(asked)).comparisons if one.metric == "time")
    assert time.outcome == "different"
    assert time.ratio[0] == pytest.approx(1 / 12, rel=0.01)


@pytest.mark.parametrize("case", [*REFUSED, *COMPARED])
def test_verify_comes_to_the_same_outcomes(tmp_path, case):
    name, first, second = (REFUSED | COMPARED)[case][:3]

    def has_the_task(record):
        task = TaskFact(name.rpartition("-")[0], "stock", "none")
        return replace(record, identity=replace(record.identity, tasks=(task,)))

    run = write_run(tmp_path / "run", cells(name, first, second), change=has_the_task)
    assert verify(run, Progress(lambda _: None)).findings.differences == []


def test_a_workload_of_the_suite_is_the_one_that_classical_has_under_that_name():
    suite, known = load_suite("versions").workloads, {one.name: one for one in load_suite("classical").workloads}
    shared = [one for one in suite if one.name in known]
    assert [known[one.name] for one in shared] == shared
    assert {one.task for one in suite} >= {one.task for one in shared} >= {"lasso.fit", "logistic.fit", "pca.fit"}


def test_what_the_library_chooses_stands_beside_what_is_asked_of_it():
    suite = load_suite("versions").workloads
    assert {one.params["solver"] for one in suite if one.task == "pca.fit"} == {"default", "full"}
    assert {one.params["criterion"] for one in suite if one.task == "tree.fit"} == {"squared_error", "absolute_error"}
    assert {one.task for one in suite if one.dataset == "digits"} == {"kmeans.fit", "kmeans_defaults.fit"}
