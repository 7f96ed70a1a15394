"""What is wrong in a call is refused with the contract's code, reason and words; honest work passes afterwards."""

import pytest
from contract.cases import assert_works, measure, parts, prepare, prepare_inputs, setup_of
from contract.launched import CALL_S, refusal
from contract.refusals import wrong_inputs, wrong_params
from contract.refusals_models import wrong_heads, wrong_models
from mlfleet_stubs import benchmark_pb2 as pb

PARAMS = ("INVALID_ARGUMENT", "params")


@pytest.fixture
def refused(launched, offered):
    """Asserts a refusal with its words; honest work of the case (any, if none is given) must pass afterwards."""

    def check(call, kind, words, case=None):
        found = refusal(call)
        assert found.kind == kind, found
        for word in words:
            assert word.lower() in found.message.lower(), found.message
        assert_works(launched, case or offered[0])

    return check


def test_unknown_task(launched, offered, refused):
    case = offered[0]
    words = ("no.such", *(other.task.name for other in offered))
    call = lambda: prepare(launched, setup_of(case, task="no.such"), case.data)  # noqa: E731
    refused(call, ("UNIMPLEMENTED", "unsupported"), words)


def test_wrong_parameters(launched, offered, refused, subtests):
    for case in offered:
        for wrong in (*wrong_params(case), *wrong_heads(case)):
            with subtests.test(task=case.task.name, parameter=wrong.what):
                setup = setup_of(case, params=wrong.values)
                refused(lambda: prepare(launched, setup, case.data), PARAMS, wrong.words, case)  # noqa: B023


def test_a_parameter_without_a_value(launched, offered, refused, subtests):
    for case in offered:
        for name in case.case.params:
            with subtests.test(task=case.task.name, parameter=name):
                setup = setup_of(case)
                setup.params[name].Clear()
                refused(lambda: prepare(launched, setup, case.data), PARAMS, (name, "no value"), case)  # noqa: B023


def test_wrong_tensors(launched, offered, refused, subtests):
    for case in offered:
        for wrong in (*wrong_inputs(case), *wrong_models(case)):
            with subtests.test(task=case.task.name, tensor=wrong.what):
                refused(lambda: prepare_inputs(launched, case, wrong.values), PARAMS, wrong.words, case)  # noqa: B023


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"device": "abacus"}, ("abacus", "cpu")),
        ({"device": ""}, ("device", "cpu")),
        # The controls list it: a service computes on what it was started for, and on nothing else that it could use.
        ({"device": "cuda"}, ("cuda", "cpu")),
        ({"transport": pb.TRANSPORT_UNSPECIFIED}, ("transport", "awaited")),
        ({"transport": 7}, ("transport", "awaited")),
        ({"transport": pb.TRANSPORT_MAPPED, "payload_sha256": "../../etc/passwd"}, ("etc/passwd", "64")),
        ({"transport": pb.TRANSPORT_MAPPED, "payload_sha256": "A" * 64}, ("AAA", "64")),
    ],
    ids=["device", "no device", "another device", "no transport", "unknown transport", "path", "upper case"],
)
def test_wrong_setup(launched, offered, refused, changes, words):
    case = offered[0]
    refused(lambda: prepare(launched, setup_of(case, **changes), case.data), PARAMS, words)


@pytest.mark.parametrize("wrong", ["nothing", "chunk first", "empty message first", "setup twice", "empty message"])
def test_wrong_order_of_messages(launched, offered, refused, wrong):
    case = offered[0]
    setup, *chunks = parts(setup_of(case), case.data)
    messages = {
        "nothing": [],
        "chunk first": [*chunks, setup],
        "empty message first": [pb.PrepareRequest(), setup, *chunks],
        "setup twice": [setup, setup, *chunks],
        "empty message": [setup, pb.PrepareRequest(), *chunks],
    }[wrong]
    refused(lambda: launched.stub.Prepare(iter(messages), timeout=CALL_S), PARAMS, ("setup",))


def test_no_safetensors(launched, offered, refused, subtests):
    for case in offered:
        for data in (b"", b"no safetensors file", case.data[:-8], (1 << 60).to_bytes(8, "little") + b"{}"):
            with subtests.test(task=case.task.name, data=data[:20]):
                call = lambda: prepare(launched, setup_of(case, data), data)  # noqa: E731, B023
                refused(call, PARAMS, ("safetensors",), case)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [([], ("schedule", "1")), ([1, 0, 1], ("schedule", "0", "1")), ([1] * 100_001, ("100001", "100000"))],
    ids=["empty", "zero", "too long"],
)
def test_wrong_schedule(launched, offered, refused, schedule, words):
    prepare(launched, setup_of(offered[0]), offered[0].data)
    refused(lambda: measure(launched, schedule), PARAMS, words)
    # The job that was prepared is none the worse.
    assert len(measure(launched, [1, 2]).samples) == 2
