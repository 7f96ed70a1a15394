"""Class N: frameworks that do other work have no ratio; versions of one framework do."""

import json
from dataclasses import replace

import pytest
from mlfleet import datasets, tasks
from mlfleet.model import TaskFact
from mlfleet.report import summary
from mlfleet.report.rows import rows
from mlfleet.report.sentences import refused_pairs
from mlfleet.state import State
from mlfleet.table import fold
from mlfleet.tasks.criteria import Close, Within, class_text
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell, records, run_file

NAME = "ridge.fit-diabetes"
WHY = "each draws its rows in another order"
FRAMEWORKS = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6)}}
VERSIONS = {NAME: {"sklearn:1.9.1": Cell(1e6), "sklearn:1.5.2": Cell(2e6)}}


def alone(run):
    return replace(run, workloads=tuple(replace(one, alone=WHY, parity="N, C(1e-06)") for one in run.workloads))


def table(cells):
    return fold(alone(run_file(cells)), records(cells))


def test_two_frameworks_are_refused_in_every_metric_with_the_reason():
    found = table(FRAMEWORKS)
    assert [one.outcome for one in found.comparisons] == ["refused", "refused"]
    assert {one.reasons for one in found.comparisons} == {("not_comparable",)}
    assert all(one.ratio is None and one.estimate is None for one in found.comparisons)
    (refused, *_) = refused_pairs(found, found.comparisons)
    assert refused.reasons[0].detail == f"class N: {WHY}; two versions of one framework awaited"
    assert "work" not in refused.passed
    assert "each draws its rows" in summary(found)


def test_two_frameworks_are_not_ranked_either():
    found = table(FRAMEWORKS)
    assert [row.rank for row in rows(found, found.run.workloads[0])] == [None, None]


def test_two_versions_of_a_framework_have_a_ratio():
    time = next(one for one in table(VERSIONS).comparisons if one.metric == "time")
    assert time.outcome == "different"
    assert time.ratio[0] == pytest.approx(2, rel=0.01)


def test_the_same_two_frameworks_are_compared_where_the_class_is_another():
    assert "refused" not in [one.outcome for one in fold(run_file(FRAMEWORKS), records(FRAMEWORKS)).comparisons]


@pytest.mark.parametrize(("cells", "refused"), [(FRAMEWORKS, True), (VERSIONS, False)])
def test_a_run_that_looks_does_not_wait_for_a_pair_that_has_no_ratio(cells, refused):
    planned = alone(run_file(cells)).workloads[0]
    state = State()
    for record in records(cells):
        state.note(record)
    baseline, _ = cells[NAME]
    assert [pair.refused for pair in state.pairs(planned, baseline)] == [refused]


@pytest.mark.parametrize("cells", [FRAMEWORKS, VERSIONS])
def test_verify_comes_to_the_same_outcomes(tmp_path, cells):
    def has_the_task(record):
        return replace(record, identity=replace(record.identity, tasks=(TaskFact("ridge.fit", "stock", "none"),)))

    run = write_run(tmp_path / "run", cells, planned=alone, change=has_the_task)
    assert verify(run, Progress(lambda _: None)).findings.differences == []


def test_verify_names_a_ratio_that_was_printed_all_the_same(tmp_path):
    run = write_run(tmp_path / "run", FRAMEWORKS)
    plan = json.loads((run / "run.json").read_bytes())
    plan["workloads"][0]["parity"] = "N"
    (run / "run.json").write_text(json.dumps(plan))
    fields = [one.field for one in verify(run, Progress(lambda _: None)).findings.differences]
    assert any(field.endswith("outcome") for field in fields)


def test_the_class_stands_before_the_others():
    criteria = (Within("r2", 0.01), Close("coef", 1e-6))
    assert class_text(criteria, WHY) == "N, C(1e-06)"
    assert class_text(criteria) == "C(1e-06)"


def test_a_task_lends_its_class_to_every_case():
    task, data = tasks.get("control.noop"), datasets.load("control")
    assert task.case(data, {}, 1).parity == "E"
    assert replace(task, alone=WHY).case(data, {}, 1).parity == "N, E"
    assert replace(task, alone=WHY).parity == "N, E"


def test_a_case_may_be_alone_where_its_task_is_not():
    task = tasks.get("control.noop")
    told = replace(task, make=lambda *asked: replace(task.make(*asked), alone=WHY))
    found = told.case(datasets.load("control"), {}, 1)
    assert (found.alone, found.parity, told.parity) == (WHY, "N, E", "E")
