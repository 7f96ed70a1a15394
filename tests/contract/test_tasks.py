"""Every task that a service has, from payload to score, by both transports."""

import time

import numpy as np
import pytest
from contract.cases import (
    CALL_S,
    SEED,
    collect,
    measure,
    prepare,
    prepare_inputs,
    setup_of,
)
from mlfleet import payload
from mlfleet.client import CHUNK_BYTES
from mlfleet_stubs import benchmark_pb2 as pb

SCHEDULE = [2, 1, 3]
MAX_SAMPLES = 100_000


def end_to_end(launched, case, transport):
    sent = time.monotonic_ns()
    prepared = launched.client.prepare(
        case.task.name,
        case.case.params,
        case.payload.path,
        case.payload.sha256,
        seed=SEED,
        device="cpu",
        transport=transport,
        timeout_s=CALL_S,
    )
    answered = time.monotonic_ns()
    assert prepared.payload_sha256 == case.payload.sha256
    assert prepared.tensors_sha256 == case.payload.tensors_sha256
    assert_ordered([sent, prepared.received_ns, prepared.verified_ns, prepared.ready_ns, answered])
    measured = launched.client.measure(SCHEDULE, CALL_S)
    assert [sample.iterations for sample in measured.samples] == SCHEDULE
    stamps = [stamp for sample in measured.samples for stamp in (sample.start_ns, sample.end_ns)]
    assert_ordered([answered, measured.sent_ns, *stamps, measured.received_ns])
    outputs, receipt = payload.read_outputs(collect(launched))
    assert case.task.check_outputs(case.case, outputs) == ()
    assert case.task.check_receipt(case.case, receipt) == ()
    assert case.task.score(case.case, outputs).findings == ()


def assert_ordered(stamps):
    assert stamps == sorted(stamps)


def test_streamed_end_to_end(launched, offered, subtests):
    for case in offered:
        with subtests.test(task=case.task.name):
            end_to_end(launched, case, "streamed")


def test_mapped_end_to_end(fleet, target, offered, subtests):
    # A launch maps one payload.
    with fleet.launch_each(target, [case.payload.path for case in offered]) as services:
        for case, launched in zip(offered, services, strict=True):
            with subtests.test(task=case.task.name):
                end_to_end(launched, case, "mapped")


def test_an_iteration_is_pure(launched, offered, subtests):
    for case in offered:
        with subtests.test(task=case.task.name):
            prepare(launched, setup_of(case), case.data)
            measure(launched, [1])
            first = collect(launched)
            assert collect(launched) == first
            measure(launched, [3, 1, 2])
            assert collect(launched) == first
            prepare(launched, setup_of(case), case.data)
            measure(launched, [1])
            assert collect(launched) == first


def test_a_whole_number_serves_as_a_real_one(launched, offered, subtests):
    for case in offered:
        for name, spec in [(name, spec) for name, spec in case.task.params.items() if spec.kind is float]:
            whole = 1 if spec.value(2) is None else 2
            if not spec.derived and not case.accepts(name, whole):
                # The data allow no whole number, such as a share nu that one class is too small for.
                continue
            with subtests.test(task=case.task.name, parameter=name):
                prepared = prepare(launched, setup_of(case, params={**case.case.params, name: whole}), case.data)
                assert prepared.tensors_sha256 == case.payload.tensors_sha256


def test_outputs_close_with_size_and_digest(launched, offered, subtests):
    for case in offered:
        with subtests.test(task=case.task.name):
            prepare(launched, setup_of(case), case.data)
            measure(launched, [1])
            assert_closed(launched, chunks=1)


def assert_closed(launched, chunks):
    """The product's client has held size and digest against the bytes; the order of the messages is left."""
    collect(launched)
    found = [part.WhichOneof("part") for part in launched.stub.Collect(pb.CollectRequest(), timeout=CALL_S)]
    assert found == ["chunk"] * chunks + ["closing"]


ARRAYS = {
    **{name: np.array([[0, 1, 1], [1, 0, 1]]).astype(code) for name, code in payload.DTYPES.items()},
    "rank 0": np.array(2.5),
    "rank 3": np.arange(24.0).reshape(2, 3, 4),
    "no element": np.empty((0, 3)),
    "not finite": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "several chunks": np.arange(3 * CHUNK_BYTES / 8),
}


@pytest.fixture(scope="session")
def untyped(offered):
    """The control among the offered tasks, in a list that is empty where a service has none."""
    return [case for case in offered if not case.typed]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_control_gives_back_any_tensor_bit_by_bit(launched, untyped, name):
    x = ARRAYS[name]
    for case in untyped:
        prepared = prepare_inputs(launched, case, {"x": x})
        assert prepared.tensors_sha256 == payload.tensors_sha256({"x": x})
        measure(launched, [1])
        assert_closed(launched, chunks=x.nbytes // CHUNK_BYTES + 1)
        outputs, receipt = payload.read_outputs(collect(launched))
        assert payload.tensors_sha256(outputs) == prepared.tensors_sha256
        assert receipt == {"rows": len(x) if x.ndim else 1}


def test_a_control_runs_the_longest_schedule(launched, untyped):
    for case in untyped:
        prepare(launched, setup_of(case), case.data)
        assert len(measure(launched, [1] * MAX_SAMPLES).samples) == MAX_SAMPLES


def test_every_control_of_compose_has_an_untyped_task(launched, untyped):
    assert launched.spec.service.control == bool(untyped)
