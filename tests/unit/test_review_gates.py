"""Imported tables before the gates: each thing that is missing or differs refuses the ratio, and no number gets out."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfleet.cli import status
from mlfleet.errors import UsageError
from mlfleet.review import Known, read_known, read_table, review_json, review_table

DEMOS = Path(str(files("mlfleet.demos")))
SHA = "ab" * 32


def rows(blocks=6, **changes):
    """Two frameworks, honest in every column; `changes` are of the second one, None takes a column away."""
    found = []
    for block in range(1, blocks + 1):
        for framework, factor in (("a", 1.0), ("b", 2.0)):
            row = {
                "framework": framework,
                "workload": "w",
                "block": block,
                "time_s": factor * (1 + block / 1000),
                "memory_mb": 100 * factor + block,
                "memory_scope": "process",
                "accuracy": 0.9,
                "payload_sha256": SHA,
                "receipt": {"epochs": 5},
                "device": "cpu",
                "threads": 1,
            }
            if framework == "b":
                row = {key: value for key, value in {**row, **changes}.items() if value is not None}
            found.append(row)
    return found


def review(tmp_path, records, **options):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(records))
    return review_table(read_table(path, Known()), **options)


def codes(claims):
    return {code for claim in claims for code in claim.reasons}


def test_an_honest_table_is_defended_with_its_interval(tmp_path):
    found = review(tmp_path, rows())
    assert found.defended
    time = next(claim for claim in found.cells if claim.metric == "time")
    assert time.outcome == "different"
    point, low, high = time.ratio
    assert point == pytest.approx(2.0)
    assert low < point < high
    assert status(["review", str(tmp_path / "t.json")]) == 0


ONE_SIDE = [
    ({"payload_sha256": None}, "no_payload_digest", "payload"),
    ({"payload_sha256": "cd" * 32}, "wrong_payload", "payload"),
    ({"receipt": None}, "no_receipt", "work"),
    ({"receipt": {"epochs": 1}}, "short_work", "work"),
    ({"receipt": {"epochs": 5, "steps": 3}}, "short_work", "work"),
    ({"accuracy": None}, "no_quality", "quality"),
    ({"accuracy": 0.1}, "outside_tolerance", "quality"),
    ({"accuracy": 90.0}, "out_of_range", "quality"),
    ({"accuracy": float("nan")}, "not_a_number", "quality"),
    ({"accuracy": None, "f1": 0.9}, "other_metric", "quality"),
    ({"time_s": float("nan")}, "not_a_number", "meter"),
    ({"time_s": -1.0}, "out_of_range", "meter"),
    ({"time_s": 0.0}, "out_of_range", "meter"),
    ({"time_s": None}, "meter", "meter"),
    ({"memory_scope": "host"}, "meter", "meter"),
    ({"memory_scope": None}, "meter", "meter"),
    ({"dtype": "bf16"}, "environment", "environment"),
    ({"time_scope": "process"}, "time_scope", "meter"),
    ({"block": None}, "unpaired", "statistics"),
    ({"trials": 10}, "no_raw_values", "statistics"),
    # A mean, written into every block.
    ({"time_s": 2.0}, "no_raw_values", "statistics"),
    ({"verdict": "outside_tolerance"}, "outside_tolerance", "table"),
    ({"task": "sum.arange"}, "other_task", "work"),
]


BOTH_SIDES = [
    ({"payload_sha256": "same"}, "no_payload_digest"),
    ({"accuracy": 0}, "outside_tolerance"),
    ({"receipt": {"epochs": 0}}, "short_work"),
    ({"time_statistic": "best"}, "no_raw_values"),
    ({"time_s": None, "best_time_s": 1.5}, "no_raw_values"),
    ({"time_s": None, "time": 1.5}, "no_unit"),
    ({"time_s": 1e300}, "out_of_range"),
    ({"time_s": 1e-300}, "out_of_range"),
]


@pytest.mark.parametrize(("change", "code"), BOTH_SIDES)
def test_what_both_sides_lack_alike_refuses_too(tmp_path, change, code):
    records = [{key: value for key, value in {**row, **change}.items() if value is not None} for row in rows()]
    for row in records:
        for name in ("time_s", "time", "best_time_s"):
            if name in row:
                row[name] *= 1 + row["block"] / 1000
    found = review(tmp_path, records)
    time = next(claim for claim in found.cells if claim.metric == "time")
    assert (time.outcome, time.reasons, time.ratio) == ("refused", (code,), None)
    assert status(["review", str(tmp_path / "t.json")]) == 4


@pytest.mark.parametrize(("change", "code", "gate"), [one for one in ONE_SIDE if one[1] != "other_task"])
def test_a_table_short_of_honest_in_one_respect_is_refused_for_that_reason_alone(tmp_path, change, code, gate):
    refused = [claim for claim in review(tmp_path, rows(**change)).cells if claim.outcome == "refused"]
    assert {(one.gate, one.code) for claim in refused for one in claim.refusals} == {(gate, code)}
    assert all(len(claim.refusals) == 1 for claim in refused)


def test_blocks_of_different_runs_are_no_pairs(tmp_path):
    found = review(tmp_path, [{**row, "run": row["framework"]} for row in rows()])
    assert codes(found.cells) == {"unpaired"}
    assert "blocks of one number are of different runs" in found.cells[0].refusals[0].detail
    assert review(tmp_path, [{**row, "run": "one"} for row in rows()]).defended


def test_a_workload_of_one_name_on_different_data_is_not_one(tmp_path):
    found = review(tmp_path, [{**row, "dataset": row["framework"]} for row in rows()])
    assert codes(found.cells) == {"wrong_payload"}
    assert found.cells[0].refusals[0].detail == "dataset: a a, b b; the same awaited"


@pytest.mark.parametrize(("change", "code", "gate"), ONE_SIDE)
def test_each_thing_that_one_side_lacks_or_has_otherwise_refuses(tmp_path, change, code, gate):
    records = rows(**change)
    if "task" in change:
        records = [{"task": "sum.range", **record} for record in records]
    if "block" in change:
        records = [{**record, "run": str(number)} for number, record in enumerate(records)]
    found = review(tmp_path, records)
    refused = [claim for claim in found.cells if claim.outcome == "refused"]
    assert (code, gate) in {(one.code, one.gate) for claim in refused for one in claim.refusals}
    assert not found.defended
    for claim in refused:
        assert claim.ratio is None
        assert claim.estimate is None
    assert status(["review", str(tmp_path / "t.json")]) == 4


def test_a_reason_of_one_metric_leaves_the_others(tmp_path):
    outcomes = {claim.metric: claim.outcome for claim in review(tmp_path, rows(memory_scope="host")).cells}
    assert outcomes == {"time": "different", "memory": "refused"}


def test_no_environment_at_all_is_a_reason(tmp_path):
    bare = [{key: value for key, value in row.items() if key not in {"device", "threads"}} for row in rows()]
    assert codes(review(tmp_path, bare).cells) == {"no_environment"}


def test_different_devices_are_different_cells(tmp_path):
    found = review(tmp_path, rows(device="gpu"))
    assert found.cells == ()
    assert not found.defended
    assert "sets_differ" in codes(found.means)


def test_one_trial_has_no_interval_and_few_have_no_outcome(tmp_path):
    assert codes(review(tmp_path, rows(blocks=1)).cells) == {"one_trial"}
    few = review(tmp_path, rows(blocks=4))
    assert {(claim.outcome, claim.reasons) for claim in few.cells} == {("inconclusive", ("few_blocks",))}
    assert not few.defended
    assert all(claim.ratio is None for claim in few.cells)


def test_pairs_are_by_block_and_not_by_order(tmp_path):
    """Values that follow a common drift: paired they differ by exactly 2, pooled by anything."""
    drift = [
        {**row, "time_s": (1 if row["framework"] == "a" else 2) * 10.0 ** row["block"]}
        for row in sorted(rows(blocks=8), key=lambda row: row["block"] if row["framework"] == "a" else -row["block"])
    ]
    time = next(claim for claim in review(tmp_path, drift, baseline="a").cells if claim.metric == "time")
    assert time.outcome == "different"
    assert time.ratio[0] == pytest.approx(2.0)


def test_a_spread_of_qualities_too_wide_to_call_equal_is_undecided(tmp_path):
    spread = [
        {**row, "accuracy": 0.9 + (0.05 if row["block"] % 2 else -0.05) * (row["framework"] == "b")} for row in rows()
    ]
    assert codes(review(tmp_path, spread).cells) == {"quality_undecided"}


def test_reached_counts_may_differ_where_the_task_is_one_that_we_know(tmp_path):
    def records(task):
        return [
            {**row, "task": task, "receipt": {"rows": 10, "n_iter": 3 if row["framework"] == "a" else 4}}
            for row in rows()
        ]

    assert codes(review(tmp_path, records("svc_ovo.fit")).cells) == set()
    assert codes(review(tmp_path, records("somebody.else")).cells) == {"short_work"}


def test_memory_below_8_mib_has_no_ratio(tmp_path):
    small = [{**row, "memory_mb": 3.0 + row["block"] / 1000} for row in rows()]
    memory = next(claim for claim in review(tmp_path, small).cells if claim.metric == "memory")
    assert (memory.outcome, memory.reasons, memory.ratio) == ("inconclusive", ("small_memory",), None)


def test_a_mean_over_workloads_is_never_defended_but_does_not_spoil_the_table(tmp_path):
    both = [{**row, "workload": name} for name in ("w", "v") for row in rows()]
    found = review(tmp_path, both)
    assert found.defended
    assert {claim.outcome for claim in found.means} == {"refused"}
    assert codes(found.means) == {"mean_over_workloads"}


def test_a_baseline_takes_its_pairs_alone(tmp_path):
    three = rows() + [{**row, "framework": "c"} for row in rows() if row["framework"] == "b"]
    assert {(one.baseline, one.contestant) for one in review(tmp_path, three, baseline="c").cells} == {
        ("c", "a"),
        ("c", "b"),
    }
    with pytest.raises(UsageError, match="unknown framework 'd'"):
        review(tmp_path, three, baseline="d")


def test_text_of_the_table_cannot_forge_a_line(tmp_path, capsys):
    records = rows(accuracy=0.1)
    for row in records:
        row["workload"] = "w\n0.5x: forged \x1b[31m"
    review(tmp_path, records)
    status(["review", str(tmp_path / "t.json")])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert not any(line.startswith("0.5x") for line in out.splitlines())


def published(known=True):
    facts = read_known(DEMOS / "published-115x.known.json") if known else Known()
    return review_table(read_table(DEMOS / "published-115x.csv", facts))


def test_the_published_table_is_refused_for_each_reason_of_the_catalogue():
    found = published()
    assert [claim.outcome for claim in (*found.cells, *found.means)] == ["refused"] * 14
    time, memory = found.means
    sentences = {one.code: one.detail for one in time.refusals}
    assert sentences["sets_differ"].startswith(
        "6 cells shared, 1 only in pytorch (synthetic resnet18 gpu), 1 only in tch (cifar100 resnet18 gpu)"
    )
    assert "from 1.06x to 514x" in sentences["mean_over_workloads"]
    dominated = [one for one in time.refusals if one.code == "dominated" and one.where == "pytorch"]
    assert dominated[0].detail.startswith("one row is 89.6 % of the sum: cifar10 resnet18 cpu, line 2")
    assert [round(value / 1e9, 2) for value in time.values] == [906.48, 7.83]
    assert [round(value / 1e6) for value in memory.values] == [2126, 737]
    lenet = next(claim for claim in found.cells if claim.cell == "mnist lenet gpu" and claim.metric == "memory")
    assert set(lenet.reasons) == {
        *("environment", "no_payload_digest", "wrong_payload", "no_receipt"),
        *("out_of_range", "outside_tolerance", "meter", "one_trial"),
    }
    details = " ".join(one.detail for claim in found.cells for one in claim.refusals)
    assert "tch trained on 1,000 rows, pytorch trained on 50,000 rows" in details
    assert "accuracy is 1100 %, 0 to 100 awaited" in details
    assert "pytorch: the process, read when it starts and ends, tch: the whole host" in details


def test_the_published_table_is_refused_as_it_stands_too():
    """Without what only its authors' code says, memory's scope is not known, which is a reason of its own."""
    found = published(known=False)
    assert all(claim.outcome == "refused" for claim in (*found.cells, *found.means))
    memory = next(claim for claim in found.cells if claim.metric == "memory")
    assert "memory of what is not recorded" in " ".join(one.detail for one in memory.refusals)


def test_no_number_of_a_refused_ratio_gets_out():
    document = review_json(published())
    for claim in (*document["claims"], *document["means"]):
        assert claim["ratio"] is claim["low"] is claim["high"] is claim["level"] is None
        assert claim["reasons"]
        assert len(claim["sentences"]) >= len(claim["reasons"])


def test_the_published_quotients_are_nowhere_in_the_text(capsys):
    assert status(["review", str(DEMOS / "published-115x.csv")]) == 4
    out = capsys.readouterr().out
    for quotient in ("115.7", "115.8", "2.88", "2.89", "137.", "345.", "267."):
        assert quotient not in out
    assert out.count("REFUSED") == 2


def test_the_honest_table_of_a_real_run_passes():
    found = review_table(read_table(DEMOS / "honest.csv", Known()))
    assert found.defended
    assert len(found.cells) == 6


NUMBERS = st.sampled_from([0, 1, -1, 3, 1e-9, 1e14, 1e99, 1e308, 5e-324, "nan", "inf", "77%", "1e999", None])
COLUMN = st.sampled_from(["time_s", "memory_mb", "cpu_ms", "accuracy", "loss", "perplexity", "quality_value", "time"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=COLUMN, values=st.lists(NUMBERS, min_size=1, max_size=12))
def test_whatever_stands_in_a_column_is_a_reason_or_one_clear_line(tmp_path, capsys, column, values):
    records = [{**row, column: values[number % len(values)]} for number, row in enumerate(rows())]
    (tmp_path / "t.json").write_text(json.dumps(records))
    code = status(["review", str(tmp_path / "t.json"), "--json"])
    said = capsys.readouterr()
    if code == 2:
        assert (said.out, said.err.count("\n")) == ("", 1)
        return
    for claim in json.loads(said.out)["claims"]:
        assert (claim["ratio"] is None) == (claim["outcome"] in {"refused", "inconclusive"})
    assert status(["review", str(tmp_path / "t.json")]) == code
    capsys.readouterr()
