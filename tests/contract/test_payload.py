"""A payload that is not the one announced is DATA_LOSS, whichever way it comes; calls out of order are refused."""

import pytest
from contract.cases import assert_works, collect, measure, prepare, setup_of
from contract.launched import CALL_S, refusal
from mlfleet.calls import CallFailed
from mlfleet_stubs import benchmark_pb2 as pb

LOSS = ("DATA_LOSS", "digest")
ORDER = ("FAILED_PRECONDITION", "order")


def spoilt(data):
    """Payloads that differ from what was announced; the last byte is an element's."""
    return {
        "altered": data[:-1] + bytes([data[-1] ^ 1]),
        "shortened": data[:-8],
        "lengthened": data + bytes(8),
        "cut off": b"",
    }


def test_streamed(launched, offered, subtests):
    for case in offered:
        for what, data in spoilt(case.data).items():
            with subtests.test(task=case.task.name, payload=what):
                assert refusal(lambda: prepare(launched, setup_of(case), data)).kind == LOSS  # noqa: B023
                assert_works(launched, case)


@pytest.mark.parametrize("change", [-1, 1])
def test_streamed_with_a_wrong_size(launched, offered, change):
    case = offered[0]
    setup = setup_of(case, payload_bytes=case.payload.size_bytes + change)
    assert refusal(lambda: prepare(launched, setup, case.data)).kind == LOSS
    assert_works(launched, case)


def test_mapped(fleet, target, offered, tmp_path):
    case = offered[0]
    mapped = {"transport": pb.TRANSPORT_MAPPED}
    path = tmp_path / case.payload.path.name
    path.write_bytes(case.data)
    with fleet.launch(target, path) as launched:
        for data in spoilt(case.data).values():
            # In place: a container sees the file that was mounted, not the one that took its name.
            path.write_bytes(data)
            assert refusal(lambda: prepare(launched, setup_of(case, **mapped))).kind == LOSS
            assert refusal(lambda: measure(launched, [1])).kind == ORDER
        path.write_bytes(case.data)
        absent = setup_of(case, payload_sha256="0" * 64, **mapped)
        assert refusal(lambda: prepare(launched, absent)).kind == LOSS
        wrong_size = setup_of(case, payload_bytes=case.payload.size_bytes + 1, **mapped)
        assert refusal(lambda: prepare(launched, wrong_size)).kind == LOSS
        prepare(launched, setup_of(case, **mapped))
        assert len(measure(launched, [1]).samples) == 1


def test_calls_out_of_order(fleet, target, offered):
    case = offered[0]
    with fleet.launch(target) as launched:
        assert refusal(lambda: measure(launched, [1])).kind == ORDER
        assert_uncollected(launched)
        prepare(launched, setup_of(case), case.data)
        assert_uncollected(launched)
        measure(launched, [1])
        assert collect(launched)
        # Prepare replaces the job, and one that fails leaves none.
        prepare(launched, setup_of(case), case.data)
        assert_uncollected(launched)
        measure(launched, [1])
        refusal(lambda: prepare(launched, setup_of(case, task="no.such"), case.data))
        assert_uncollected(launched)
        assert refusal(lambda: measure(launched, [1])).kind == ORDER
        assert_works(launched, case)


def assert_uncollected(launched):
    with pytest.raises(CallFailed) as error:
        launched.client.collect(1 << 20, CALL_S)
    assert (error.value.code, error.value.reason) == ORDER
