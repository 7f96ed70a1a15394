"""Digests and files of the Python SDK, held against the orchestrator's and a vector shared with the Rust SDK."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlfleet import payload
from mlfleet_sdk.errors import InvalidArgument, PayloadDiffers
from mlfleet_sdk.payload import CHUNK_BYTES, chunks, encode_outputs, read_mapped, read_streamed, tensors_sha256
from mlfleet_stubs import benchmark_pb2 as pb

ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=4).filter(lambda name: name.isprintable() and name != "__metadata__"),
    st.sampled_from([np.dtype(code) for code in payload.DTYPES.values()]).flatmap(
        lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(ARRAYS)
def test_the_digest_of_tensors_is_the_orchestrators(tensors):
    assert tensors_sha256(tensors) == payload.tensors_sha256(tensors)
    column_major = {name: np.array(tensor, order="F") for name, tensor in tensors.items()}
    assert tensors_sha256(column_major) == payload.tensors_sha256(tensors)


def test_golden_vector():
    """The same as in rust_services/sdk/src/digest.rs."""
    tensors = {
        "y": np.array([1, -2]),
        "x": np.array([[1.5, -0.0], [2.0, 3.0], [4.0, 5.0]]),
        "é": np.array(7, np.uint8),
    }
    assert tensors_sha256(tensors) == "5391b51ae9620fd299b3702fa950a943e7889a43088a471b18984f541c6f52a2"


def setup_for(data):
    return pb.Setup(payload_sha256=hashlib.sha256(data).hexdigest(), payload_bytes=len(data))


def chunked(data, size):
    return iter([pb.PrepareRequest(chunk=data[start : start + size]) for start in range(0, len(data), size)])


@settings(deadline=None)
@given(ARRAYS, st.integers(1, 300))
def test_a_payload_arrives_whatever_its_chunks(tensors, size):
    data = payload.encode(tensors)
    digest, found = read_streamed(setup_for(data), chunked(data, size))
    assert digest == hashlib.sha256(data).hexdigest()
    assert tensors_sha256(found) == payload.tensors_sha256(tensors)


@settings(deadline=None)
@given(ARRAYS)
def test_a_mapped_payload_is_the_same(tmp_path_factory, tensors):
    stored = payload.store(tensors, tmp_path_factory.mktemp("payloads"))
    digest, found = read_mapped(setup_for(stored.path.read_bytes()), stored.path.parent)
    assert digest == stored.sha256
    assert tensors_sha256(found) == stored.tensors_sha256


def test_receiving_stops_at_the_first_byte_too_many():
    sent = []

    def endless():
        while True:
            sent.append(1)
            yield pb.PrepareRequest(chunk=b"x" * 10)

    with pytest.raises(PayloadDiffers, match="beyond its declared 25 bytes"):
        read_streamed(pb.Setup(payload_bytes=25), endless())
    assert len(sent) == 3


def test_a_second_setup_is_refused():
    with pytest.raises(InvalidArgument, match="second setup"):
        read_streamed(pb.Setup(), iter([pb.PrepareRequest(setup=pb.Setup())]))


@pytest.mark.parametrize("digest", ["", "0" * 63, "A" * 64, "../" * 21 + "a"])
def test_only_a_digest_becomes_a_file_name(tmp_path, digest):
    with pytest.raises(InvalidArgument, match="awaited 64 lower-case hexadecimal digits"):
        read_mapped(pb.Setup(payload_sha256=digest), tmp_path)


def test_an_absent_file_is_data_loss(tmp_path):
    with pytest.raises(PayloadDiffers, match="no readable payload"):
        read_mapped(pb.Setup(payload_sha256="0" * 64), tmp_path)


@pytest.mark.parametrize("data", [b"no safetensors file", (1 << 60).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused_both_ways(tmp_path, data):
    setup = setup_for(data)
    (tmp_path / f"{setup.payload_sha256}.safetensors").write_bytes(data)
    with pytest.raises(InvalidArgument, match="payload is no safetensors file"):
        read_mapped(setup, tmp_path)
    with pytest.raises(InvalidArgument, match="payload is no safetensors file"):
        read_streamed(setup, chunked(data, 7))


def test_outputs_are_read_back_with_their_receipt():
    data = encode_outputs(
        {
            "labels": np.array([[3, 1], [2, 0]]).T,
            "intercept": 0.5,
            "receipt.rows": 7,
            "receipt.converged": np.bool_(True),
            "receipt.layout": "column-major",
        }
    )
    tensors, receipt = payload.read_outputs(data)
    assert tensors["labels"].tolist() == [[3, 2], [1, 0]]
    assert tensors["intercept"] == 0.5
    assert receipt == {"rows": 7, "converged": True, "layout": "column-major"}


def test_text_that_is_no_receipt_is_a_bug_of_the_adapter():
    with pytest.raises(TypeError, match="outputs name are text"):
        encode_outputs({"name": "text"})


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_chunks_are_at_most_1_mib_and_lose_nothing(size):
    data = bytes(size)
    found = list(chunks(data))
    assert all(0 < len(chunk) <= 1 << 20 for chunk in found)
    assert b"".join(found) == data
