"""Canaries and planted lies are judged by what was read: each can fail."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import samples
from mlfleet import gates
from mlfleet.audits import Audit, Outcome
from mlfleet.model import Phase, Reading
from mlfleet.names import Name
from mlfleet.table import fold
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate import canaries, planted, quota
from mlfleet.validate.plan import FULL, QUICK
from mlfleet.verdict import Verdict

MIB = 1 << 20
NULLS = {"null-python": "python", "null-rust": "rust"}


def record(workload, key="null-rust", ns=21.0, **changes):
    return replace(samples.record(workload, key, samples.Cell(ns), 1), **changes)


def judged(workload, *records, key="null-rust"):
    return list(canaries.judge({(workload, key): list(records)}, NULLS))


def states(workload, *records, key="null-rust"):
    return [one.state for one in judged(workload, *records, key=key)]


@pytest.mark.parametrize(
    ("key", "ns", "state"),
    [
        ("null-rust", 49.0, "ok"),
        ("null-rust", 52.0, "off"),
        ("null-python", 900.0, "ok"),
        ("null-python", 1100.0, "off"),
    ],
)
def test_an_iteration_of_nothing(key, ns, state):
    assert states("control.noop", record("control.noop", key, ns), key=key) == [state]


@pytest.mark.parametrize(("ms", "state"), [(20.01, "ok"), (20.3, "off"), (19.9, "off")])
def test_a_sleep_is_never_shorter_and_hardly_longer(ms, state):
    one = record("control.sleep-control-20ms", ns=ms * 1e6, labels=(gates.WAITS,))
    assert states("control.sleep-control-20ms", one) == [state, "ok"]
    assert states("control.sleep-control-20ms", replace(one, labels=()))[1] == "off"


@pytest.mark.parametrize(("seconds", "state"), [(1.0004, "ok"), (1.02, "off"), (0.98, "off")])
def test_a_second_of_cpu_time(seconds, state):
    one = record("control.spin-control-1s", ns=1e9)
    (turn,) = one.turns
    used = Reading(int(5 * seconds * 1e9), "ns", "cpuacct.usage")
    one = replace(one, turns=(replace(turn, readings={Name.CPU.value: used}),))
    assert sum(sample.iterations for sample in turn.samples) == 5
    assert states("control.spin-control-1s", one) == [state]


def alloc(peak_mib, level_mib=3.0, *, peak=Name.PEAK_ANONYMOUS, level=Name.ANONYMOUS):
    one = record("control.alloc-control-shared-50ms")
    (turn,) = one.turns
    after = Phase("prepare", 0, 1, {level.value: Reading(int(level_mib * MIB), "bytes", "x")})
    read = Reading(
        None if peak_mib is None else int(peak_mib * MIB), "bytes", "x", None if peak_mib else "not_supported"
    )
    return replace(one, phases=(*one.phases, after), turns=(replace(turn, readings={peak.value: read}),))


@pytest.mark.parametrize(("peak", "state"), [(303, "ok"), (308, "ok"), (310, "off"), (290, "off"), (6, "off")])
def test_the_peak_less_its_level_is_what_was_held(peak, state):
    assert states("control.alloc-control-shared-50ms", alloc(peak)) == [state]
    charged = alloc(peak, peak=Name.PEAK_CHARGED, level=Name.CHARGED)
    assert states("control.alloc-control-private-20ms", charged) == [state]


def test_what_cannot_be_read_is_not_judged_and_says_why():
    (found,) = judged("control.alloc-control-shared-50ms", alloc(None))
    assert (found.state, found.found) == ("not judged", "not read: not_supported")


def test_a_trial_that_failed_is_off_and_a_disturbed_time_is_not_shown():
    fine = record("control.noop")
    assert states("control.noop", fine, replace(fine, verdict=Verdict.SHORT_WORK, reason="x")) == ["off"]
    disturbed = replace(fine, verdict=Verdict.DISTURBED, reason="others used the CPUs")
    (found,) = judged("control.noop", disturbed)
    assert (found.state, found.found) == ("not shown", "others used the CPUs")
    # What others do lengthens times; what is held it leaves alone.
    held = replace(alloc(303), verdict=Verdict.DISTURBED)
    assert states("control.alloc-control-shared-50ms", held) == ["ok"]
    assert states("control.noop", disturbed, fine) == ["ok"]


def lies_table(**verdicts):
    """A folded run of all lies, each with the verdict given here, else its awaited one."""

    def made(*lies):
        found = {"twin": "ok"} | {lie.fault: lie.awaited[0] for lie in lies} | verdicts
        return {
            f"null-python:{mark}": samples.Cell(
                5e6, verdict=Verdict(found[mark]), reason="seen", metric="equal", quality=1.0
            )
            for mark in ("twin", *(lie.fault for lie in lies))
        }

    cells = {"control.delay-control": made(*planted.LIES), planted.TRAINING.name: made(planted.UNTRAINED)}
    run = samples.run_file(cells, 1)
    return fold(run, samples.records(cells, 1)), run.contestant("null-python:twin").service


def judged_lies(**verdicts):
    table, service = lies_table(**verdicts)
    return {one.name: one.state for one in planted.judge(table, replace(service, key="null-python"))}


TWINS = {"honest twin", "honest twin, trained model"}
LIES = (*planted.LIES, planted.UNTRAINED)


def test_every_lie_that_is_seen_for_its_own_reason_is_ok_and_so_is_the_twin():
    assert set(judged_lies().values()) == {"ok"}
    assert set(judged_lies()) == {*TWINS, *(lie.name for lie in LIES)}


def test_what_answers_with_the_model_that_it_began_with_must_be_outside_its_tolerance():
    assert planted.UNTRAINED.awaited == ("outside_tolerance",)
    assert judged_lies(untrained="short_work")["untrained model"] == "off"


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_that_passes_or_is_refused_for_another_reason_is_off(lie):
    for verdict in ("ok", "bad_output"):
        found = judged_lies(**{lie.fault: verdict})
        assert found.pop(lie.name) == "off"
        assert set(found.values()) == {"ok"}


def test_a_refused_twin_is_off_and_a_disturbed_one_shows_nothing():
    assert {judged_lies(twin="short_work")[name] for name in TWINS} == {"off"}
    assert {judged_lies(twin="disturbed")[name] for name in TWINS} == {"not shown"}


def test_a_marked_service_is_started_from_the_spoilt_file(tmp_path):
    _, service = lies_table()
    command = ["python", "-m", "mlfleet_sdk", "services/null/service.py"]
    spoilt = planted.command_of(command, service, tmp_path)
    assert spoilt == [*command[:-1], str(tmp_path / "services/faulty/of_null-python.py")]
    assert planted.command_of(command, replace(service, key="null-python"), tmp_path) == command
    assert planted.command_of(None, service, tmp_path) is None
    # The names of an experiment stand for the honest build.
    for name in FULL.names("compute", 1) + QUICK.names("compute", 1):
        assert planted.command_of(command, replace(service, key=f"null-python:{name}"), tmp_path) == command


def test_every_experiment_has_equal_services_and_the_share_that_is_judged_and_every_second_one_the_others():
    assert FULL.names("compute", 1) == FULL.names("compute", 3) == ("a", "b", "plus2", "plus5", "plus10")
    assert FULL.names("compute", 2) == FULL.names("compute", 40) == ("a", "b", "plus5")


def audit_of(lie, *outcomes):
    made = tuple(Outcome(gate, "failed" if code else "passed", code, "seen") for gate, code in outcomes)
    return planted.judge_audit(lie, Audit("a", f"null-python:{lie.fault}", "0.1.0", "", "control.delay", "w", made))


@pytest.mark.parametrize(
    ("code", "state"), [("cached", "ok"), ("short_work", "off"), ("", "off")], ids=["cached", "another", "none"]
)
def test_a_kept_answer_must_be_called_so_by_its_audit(code, state):
    for lie, gate in planted.AUDITED.items():
        found = audit_of(lie, (gate, code))
        assert (found.service, found.expected, found.state) == (f"null-python:{lie.fault}", "cached", state)
        assert audit_of(lie, ("another gate", "cached")).state == "off"


def test_a_constant_answer_is_cached_by_the_audits_other_data_beside_being_wrong_on_these():
    (constant,) = [lie for lie in planted.AUDITED if lie.fault == "constant"]
    own = "linear in k, background work, gates of a trial"
    assert audit_of(constant, (own, "outside_tolerance")).state == "off"
    assert audit_of(constant, (own, "outside_tolerance"), ("perturbed sample, outputs", "cached")).state == "ok"


@pytest.mark.parametrize(
    ("verdict", "reason", "state"),
    [
        (Verdict.LAUNCH_FAILED, "the container is not as the recipe says: nano_cpus is 1000000000, 0 awaited", "ok"),
        (Verdict.LAUNCH_FAILED, "no image", "off"),
        (Verdict.OK, "", "off"),
    ],
)
def test_a_quota_is_refused_for_the_quota(verdict, reason, state):
    service = samples.contestant("null-rust").service
    one = record(CONTROL.name, verdict=verdict, reason=reason)
    assert quota.judge(service, (one,)).state == state


def throttled(flagged, turns=20, verdict=Verdict.DISTURBED, flags=("throttled",)):
    one = record(quota.SPIN.name, verdict=verdict, reason="throttled in 9 periods", flags=flags)
    (turn,) = one.turns
    made = (replace(turn, flags=("throttled",) if number < flagged else ()) for number in range(turns))
    return replace(one, turns=tuple(made))


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ((throttled(20),), "ok"),
        ((throttled(18), throttled(19)), "ok"),
        ((throttled(17),), "off"),
        ((throttled(20), throttled(20, verdict=Verdict.OK, flags=())), "off"),
        ((throttled(20, flags=("gap",)),), "off"),
        # Others left it less than its quota.
        ((throttled(3, flags=("contended",)),), "not shown"),
        ((throttled(0, turns=0),), "off"),
    ],
)
def test_a_forced_quota_is_seen_in_nine_of_ten_turns_and_disturbs_every_trial(records, state):
    assert quota.judge_forced(samples.contestant("null-rust").service, records).state == state


class Engine:
    """An engine and its launcher: what was launched, and what was asked of it afterwards."""

    def __init__(self):
        self.client = self.api = self
        self.id, self.asked = "c1", []

    @contextmanager
    def launch(self, spec):
        self.asked.append(("launch", spec))
        yield self

    def update_container(self, container, **limits):
        self.asked.append((container, limits))


def test_a_forced_quota_comes_after_the_recipe_was_held_against_the_container():
    engine = Engine()
    with quota.Forced(engine).launch("spec") as running:
        assert running is engine
    assert engine.asked == [("launch", "spec"), ("c1", {"cpu_period": 100_000, "cpu_quota": 25_000})]
