"""Re-enactments: what each must show, and that one which shows something else is told apart."""

import json
from contextlib import nullcontext
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlfleet import assemble, cells, tasks
from mlfleet.able import able
from mlfleet.audits import Audit, Outcome
from mlfleet.build import BuildState
from mlfleet.builders import steps
from mlfleet.catalogue import load_suite
from mlfleet.cli import status
from mlfleet.commands.common import ROOT, services
from mlfleet.demos import DEMOS, LiveDemo, PlannedDemo, live, replay
from mlfleet.demos.fault import DEBUG, faults_together
from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.shown import Shown
from mlfleet.demos.stage import SPOILT, SUITE, Stage
from mlfleet.errors import HostError
from mlfleet.parity import Refusal
from mlfleet.review import read_table, review_table
from mlfleet.verdict import Verdict

LIVE = [demo for demo in DEMOS.values() if isinstance(demo, LiveDemo)]
IMPORTED = [demo for demo in DEMOS.values() if isinstance(demo, ImportedDemo)]


@pytest.mark.parametrize("demo", IMPORTED, ids=lambda demo: demo.name)
def test_an_imported_table_is_refused_for_each_reason_and_its_twin_passes(demo):
    shown = demo.replay()
    assert not shown.missing
    assert shown.as_awaited
    assert len(shown.twin) == 6


def test_at_equal_quality_the_receipt_alone_refuses():
    assert {one.code for one in DEMOS["sgd-isotropic"].replay().refused} == {"short_work"}


def test_data_that_is_not_there_is_replaced_by_nothing():
    demo = DEMOS["quiet-fallback"]
    assert isinstance(demo, PlannedDemo)
    shown = demo.replay()
    assert shown.as_awaited
    assert "boston_housing" in shown.refused[0].detail


def test_a_demo_that_shows_something_else_is_told_apart():
    reason = Refusal("work", "short_work", "", "")
    shown = Shown("x", "", frozenset({"short_work"}), (reason,), ("passes",), ())
    assert shown.as_awaited
    # Not refused for the reason; a twin that was not compared; a gate that refuses everything.
    for wrong in (
        replace(shown, refused=(replace(reason, code="outside_tolerance"),)),
        replace(shown, twin=()),
        replace(shown, against=(reason,)),
    ):
        assert not wrong.as_awaited


@pytest.mark.parametrize("demo", LIVE, ids=lambda demo: demo.name)
def test_a_live_one_names_a_fault_a_workload_and_services_that_exist(demo):
    known = {service.key: service for service in services()}
    assert set(demo.needs) <= set(known)
    if known[demo.service].language == "rust":
        spoilt = ROOT / "rust_services/fault/src/bin" / f"mlfleet-{demo.service}-{demo.fault}.rs"
        assert demo.fault == DEBUG or f'"{demo.fault}"' in spoilt.read_text()
    else:
        assert f'"{demo.fault}": ' in (ROOT / SPOILT / f"of_{demo.service}.py").read_text()
        assert (ROOT / SPOILT / f"of_{demo.honest}.py").is_file()
    suite = load_suite(str(Path(cells.__file__).parent / "demos" / SUITE))
    assert demo.workload in {workload.name for workload in suite.workloads}
    for key in (demo.baseline, demo.honest):
        task = next(workload.task for workload in suite.workloads if workload.name == demo.workload)
        assert task in tasks.names()
        assert able([known[key]], {task}, ROOT)


def test_faults_of_one_workload_share_their_blocks():
    groups = faults_together(LIVE)
    assert sum(map(len, groups)) == len(LIVE)
    assert len({demo.together for demo in LIVE}) == len(groups) < len(LIVE)
    assert all(len({demo.faulty_key for demo in group}) == len(group) for group in groups)


class Builds:
    def __init__(self, state):
        self.found = state

    def state(self, service):
        return BuildState(self.found, f"{service.key} is {self.found}", "source:1")


def staging(folder, bench, state="current"):
    return Stage(
        root=ROOT,
        services={service.key: service for service in services()},
        builder=Builds(state),
        bench=bench,
        command=lambda service: [f"/release/mlfleet-{service.key}"],
        folder=folder,
        blocks=1,
        say=lambda _: None,
    )


def test_what_is_not_built_is_named_with_the_command_that_builds_it(tmp_path):
    stage = staging(tmp_path, lambda *_: pytest.fail("nothing may be launched"), "missing")
    with pytest.raises(HostError, match="try: mlfleet build null-python sklearn --runtime process"):
        replay([DEMOS["false-svm"]], stage)


@pytest.mark.parametrize(
    ("name", "options", "binary"),
    [
        ("wrong-build-rust", ["-p", "mlfleet-rust"], "debug/mlfleet-rust"),
        (
            "folded-sum-rust",
            ["--release", "-p", "mlfleet-fault", "--bin", "mlfleet-rust-folded"],
            "release/mlfleet-rust-folded",
        ),
    ],
)
def test_a_spoilt_binary_is_made_and_started_in_place_of_the_release_build(
    tmp_path, monkeypatch, name, options, binary
):
    made, started, demo = [], {}, DEMOS[name]

    def bench(_run, command):
        rust = next(service for service in services() if service.key == "rust")
        started.update({key: command(replace(rust, key=key)) for key in (demo.twin_key, demo.faulty_key)})
        raise HostError("seen as far as the bench")

    monkeypatch.setattr(steps, "run", lambda _what, command, folder, _environment: made.append((command, folder)))
    with pytest.raises(HostError, match="as far as the bench"):
        replay([demo], staging(tmp_path, bench))
    assert made == [(["cargo", "build", "--locked", *options], ROOT / "rust_services")]
    assert started["rust:twin"] == ["/release/mlfleet-rust"]
    assert started[demo.faulty_key] == [str(ROOT / "rust_services/target" / binary)]


def test_a_gate_that_judges_by_an_interval_gets_the_blocks_that_it_needs(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(steps, "run", lambda *_: None)

    def bench(*_):
        raise HostError("seen as far as the bench")

    def replayed(name, blocks):
        with pytest.raises(HostError, match="as far as the bench"):
            replay([DEMOS[name]], replace(staging(tmp_path, bench), blocks=blocks, say=said.append))
        return said.pop()

    assert "folded-sum-size: 5 blocks of" in replayed("folded-sum-size", 1)
    assert "folded-sum-size: 7 blocks of" in replayed("folded-sum-size", 7)
    assert "stale-answer: 1 blocks of" in replayed("stale-answer", 1)


def test_configured_epochs_are_no_receipt_and_are_not_read():
    review = review_table(read_table(Path(str(files("mlfleet.demos"))) / "quantities.json"))
    assert any(column.startswith("convergence_epochs") for column in review.table.unread)
    claims = [claim for claim in review.cells if "convergence as configured" in claim.cell]
    assert claims
    for claim in claims:
        assert {"no_receipt", "outside_tolerance"} <= set(claim.reasons)
        assert claim.ratio is None


def test_data_that_is_not_on_this_host_is_said_before_anything_is_measured(tmp_path, monkeypatch):
    planned = SimpleNamespace(unavailable="dataset mnist_5k is not here; try: mlfleet data mnist_5k")
    monkeypatch.setattr(assemble, "make_run", lambda *_: SimpleNamespace(contestants=(), workloads=(planned,)))
    with pytest.raises(HostError, match="demo chance: dataset mnist_5k is not here; try: mlfleet data mnist_5k"):
        replay([DEMOS["chance"]], staging(tmp_path, lambda *_: nullcontext()))


def test_the_list_says_what_each_shows_and_needs(capsys):
    assert status(["demo", "--list", "--json"]) == 0
    listed = {one["demo"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(DEMOS)
    assert listed["headline"]["needs"] == []
    assert listed["folded-sum"]["needs"] == ["null-python", "cpython"]
    assert all(one["shows"] and one["awaited"] for one in listed.values())


def test_the_exit_code_says_whether_all_was_as_it_must_be(capsys, monkeypatch):
    assert status(["demo", "sgd-isotropic", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["demos"][0]["as_awaited"] is True
    monkeypatch.setattr("mlfleet.review.gates._work", lambda _pair: iter(()))
    assert status(["demo", "sgd-isotropic"]) == 1
    assert "MISSING  short_work had to refuse it, and did not" in capsys.readouterr().out
    assert status(["demo", "headlin"]) == 2
    assert "did you mean 'headline'?" in capsys.readouterr().err


WRONG, OTHER = Verdict.SHORT_WORK.value, Verdict.UNEXPLAINED_TIME.value


@pytest.mark.parametrize(
    ("tries", "audits"),
    [
        ([[("failed", WRONG)]], 1),
        ([[("passed", "")]], 1),
        ([[("undecided", "")], [("failed", WRONG)]], 2),
        ([[("undecided", "")], [("undecided", "")]], 2),
        ([[("undecided", ""), ("failed", WRONG)]], 1),
        # What else a busy host did is not the fault that is sought.
        ([[("undecided", ""), ("failed", OTHER)], [("failed", WRONG)]], 2),
        ([[("passed", ""), ("failed", OTHER)]], 1),
    ],
)
def test_an_audit_that_a_busy_host_left_undecided_is_made_once_more(tries, audits):
    made = [
        Audit("a", "f", "1", "i", "t", "w", tuple(Outcome("size", state, code, "") for state, code in mine))
        for mine in tries
    ]
    left = iter(made)
    assert live._decided(lambda: next(left), frozenset({Verdict.SHORT_WORK})) == made[audits - 1]
    assert len(list(left)) == len(made) - audits
