"""`mlfleet check`: what is asked of one service, what is broken, and one trial of each task. Nothing is launched."""

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from fakes import ENVIRONMENT, Behaviour, Fleet, refused
from mlfleet.check.basics import Basics
from mlfleet.check.overheard import Overheard
from mlfleet.check.trials import try_task
from mlfleet.check.workloads import workloads
from mlfleet.client import Malformed, NotServing
from mlfleet.launch.base import Exit
from mlfleet.model import Identity, Service, TaskFact
from mlfleet.runfile import Contestant
from mlfleet.tasks.control import WORKLOAD

SERVICE = Service("one", "python", "mlfleet/one:1.0", control=True, memory_bytes=1 << 30)
CONTRACT = [
    "serving",
    "describe",
    "order",
    "unknown task",
    "bad parameter",
    "altered payload",
    "honest work",
    "SIGTERM",
]
BOOT = "boot"


@dataclass
class Scripted:
    """A service that keeps the contract but where `wrong` says what it answers instead."""

    identity: Identity
    wrong: dict = field(default_factory=dict)
    prepared: bool = False

    def _answer(self, what, right):
        answer = self.wrong.get(what, right)
        if answer is not None:
            raise answer

    def await_serving(self, _timeout):
        self._answer("serving", None)

    def describe(self, _timeout):
        self._answer("describe", None)
        return self.identity

    def prepare(self, task, params, path, sha256, **_options):
        self.prepared = False
        if task == "no.such":
            self._answer("unknown task", refused("UNIMPLEMENTED", "unsupported"))
        elif "no_such" in params:
            self._answer("bad parameter", refused("INVALID_ARGUMENT", "params"))
        elif not path.name.startswith(sha256):
            self._answer("altered payload", refused("DATA_LOSS", "digest"))
        self._answer("honest work", None)
        self.prepared = True

    def measure(self, _schedule, _timeout):
        if not self.prepared:
            self._answer("order", refused("FAILED_PRECONDITION", "order"))


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path)
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    (tmp_path / "boot_id").write_text(BOOT)
    monkeypatch.setattr("mlfleet.check.basics.BOOT_ID", tmp_path / "boot_id")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "one"))
        yield fleet


@pytest.fixture
def ask(fleet, monkeypatch):
    """The lines of a scripted service, by name: verdict and detail. SIGTERM ends it with `status`."""

    def lines(status=0, leaves_socket=False, gone=None, identity=None, **wrong):
        client = Scripted(replace(describe(), **identity or {}), {key.replace("_", " "): w for key, w in wrong.items()})

        @contextmanager
        def connect(_socket, _stop):
            yield client

        def end(_pid, _signal):
            fleet.behaviour("one").exit = Exit(status, out_of_memory=False)
            if not leaves_socket:
                (fleet.folder / "one").unlink()

        monkeypatch.setattr("mlfleet.check.basics.os.kill", end)
        fleet.behaviours["one"] = Behaviour(exit=gone)
        bench = replace(fleet.bench(), connect=connect)
        return {line.name: line for line in Basics(SERVICE, "sha256:1", ENVIRONMENT, bench, workloads()).lines()}

    return lines


def describe():
    tasks = (TaskFact(WORKLOAD.task, "stock", "none"),)
    return Identity("one", "1.0", "python", 1, ("cpu",), True, False, {}, (), (0,), BOOT, tasks)


def test_a_service_that_keeps_the_contract_passes_every_line(ask):
    found = ask()
    assert list(found) == CONTRACT
    assert all(line.ok for line in found.values()), found


@pytest.mark.parametrize(
    ("what", "answer", "words"),
    [
        ("describe", Malformed("Describe gives no origin"), "no origin"),
        ("order", None, "was not refused, FAILED_PRECONDITION (order) awaited"),
        ("unknown_task", refused("INTERNAL", "bug"), "answered INTERNAL (bug), UNIMPLEMENTED (unsupported) awaited"),
        ("bad_parameter", None, "was not refused"),
        ("altered_payload", refused("DATA_LOSS"), "answered DATA_LOSS (no reason), DATA_LOSS (digest) awaited"),
        ("honest_work", refused("INTERNAL", "bug"), "INTERNAL"),
    ],
)
def test_what_is_answered_wrongly_is_broken_and_the_rest_is_still_asked(ask, what, answer, words):
    found = ask(**{what: answer})
    name = what.replace("_", " ")
    assert found[name].verdict == "broken"
    assert words in found[name].detail
    # A service that describes nothing is asked for no work.
    assert list(found) == (["serving", "describe", "SIGTERM"] if what == "describe" else CONTRACT)
    assert [line.name for line in found.values() if not line.ok and line.name != name] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "0.9"}, "reports version 0.9, awaited 1.0"),
        ({"language": "rust"}, "says it is rust, python awaited"),
        ({"devices": ("cuda",)}, "cpu awaited among them"),
        ({"boot_id": "other"}, "another boot id"),
        ({"cpus": (0, 1)}, "may run on CPUs [0, 1], awaited [0]"),
        ({"optimised": False}, "debug build"),
        ({"tasks": (TaskFact("no.such", "stock", "x"),)}, "task no.such is not known"),
        ({"tasks": ()}, "at least one"),
    ],
)
def test_a_description_that_cannot_be_is_broken(ask, change, words):
    line = ask(identity=change)["describe"]
    assert line.verdict == "broken"
    assert words in line.detail


def test_a_service_that_never_serves_is_asked_nothing_more(ask):
    found = ask(serving=NotServing("NOT_SERVING for 120 s"))
    assert list(found) == ["serving"]
    assert "NOT_SERVING" in found["serving"].detail


def test_a_service_that_is_gone_is_asked_nothing_more(ask):
    found = ask(order=refused("UNAVAILABLE"), gone=Exit(7, out_of_memory=False))
    assert list(found) == ["serving", "describe", "order"]


@pytest.mark.parametrize(
    ("how", "words"), [({"status": 143}, "status 143"), ({"leaves_socket": True}, "left its socket behind")]
)
def test_sigterm_must_end_it_in_order(ask, how, words):
    assert words in ask(**how)["SIGTERM"].detail


def attempt(fleet, name=WORKLOAD.task, workload=WORKLOAD):
    contestant = Contestant(SERVICE, "sha256:1", None, None, "", describe())
    return try_task(name, workload, contestant, ENVIRONMENT, fleet.bench())


def test_a_task_is_one_trial_as_a_run_makes_it(fleet):
    line = attempt(fleet)
    assert (line.verdict, line.workload, line.iteration_ns) == ("ok", "control.noop", 1e6)
    assert line.metrics == {"equal": 1.0}
    assert line.agreement == {"x": 1.0}
    order = [event.split()[0] for event in fleet.events if event.endswith(" one")]
    assert order[:4] == ["launch", "serving", "describe", "prepare"]
    assert order[-3:] == ["thaw", "collect", "remove"]


@pytest.mark.parametrize(
    ("behaviour", "verdict", "words"),
    [
        (Behaviour(receipt={"rows": 1}), "short_work", "receipt rows is 1"),
        (Behaviour(prepared={"tensors_sha256": "0" * 64}), "wrong_payload", "decoded tensors"),
        (Behaviour(fail={"prepare": refused("INTERNAL", "bug")}), "adapter_error", "(phase prepare)"),
        (Behaviour(identity={"version": "0.9"}), "version_mismatch", "awaited 1.0"),
    ],
)
def test_its_verdict_is_the_trials(fleet, behaviour, verdict, words):
    fleet.behaviours["one"] = behaviour
    line = attempt(fleet)
    assert line.verdict == verdict
    assert words in line.detail


def test_a_task_that_no_suite_has_was_not_tried_and_has_not_passed(fleet):
    line = attempt(fleet, "fault.sum", None)
    assert not line.ok
    assert fleet.events == []


def test_the_log_is_read_before_the_service_is_removed(fleet):
    heard = Overheard(fleet.bench().launcher)
    attempt_on = replace(fleet.bench(), launcher=heard)
    contestant = Contestant(SERVICE, "sha256:1", None, None, "", describe())
    try_task(WORKLOAD.task, WORKLOAD, contestant, ENVIRONMENT, attempt_on)
    assert heard.log == "log of one, 200 lines"
