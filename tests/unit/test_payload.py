"""Payloads depend on nothing but the arrays; outputs are foreign bytes."""

import hashlib
import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from mlfleet.payload import Limits, OutputsRefused, cache_folder, encode, read_outputs, store, tensors_sha256
from mlfleet.verdict import Verdict
from safetensors.numpy import load, save

Arrays = dict[str, np.ndarray[Any, Any]]

ARRAYS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True),
    st.sampled_from(["<f8", "<f4", "<i8", "<i4", "u1", "?"]).flatmap(
        lambda dtype: stn.arrays(dtype, stn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    ),
    max_size=5,
)


def file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(start: int, stop: int, dtype: str = "F64", shape: object = None) -> dict[str, object]:
    return {"dtype": dtype, "shape": [(stop - start) // 8] if shape is None else shape, "data_offsets": [start, stop]}


def test_the_digest_of_tensors_is_the_one_of_the_contract() -> None:
    arrays = {"b": np.array([[1, -2]], np.int64), "a": np.array(0.5)}
    half = b"\x01\0\0\0a\x03\0\0\0F64" + struct.pack("<IQd", 0, 8, 0.5)
    integers = b"\x01\0\0\0b\x03\0\0\0I64" + struct.pack("<IQQQqq", 2, 1, 2, 16, 1, -2)
    assert tensors_sha256(arrays) == hashlib.sha256(half + integers).hexdigest()


@settings(max_examples=40, deadline=None)
@given(ARRAYS)
def test_layout_and_byte_order_in_memory_change_neither_bytes_nor_digest(arrays: Arrays) -> None:
    other = {
        name: np.array(array, array.dtype.newbyteorder(">"), order="F")
        for name, array in reversed(list(arrays.items()))
    }
    assert encode(other) == encode(arrays)
    assert tensors_sha256(other) == tensors_sha256(arrays)


@settings(max_examples=40, deadline=None)
@given(ARRAYS)
def test_the_safetensors_library_reads_what_we_write_and_we_what_it_writes(arrays: Arrays) -> None:
    theirs, (ours, receipt) = load(encode(arrays)), read_outputs(save(arrays))
    assert receipt == {}
    for back in (theirs, ours):
        assert tensors_sha256(back) == tensors_sha256(arrays)


def test_any_changed_element_name_or_shape_changes_the_digest() -> None:
    array = np.arange(6.0)
    variants: list[Arrays] = [
        {"x": array},
        {"y": array},
        {"x": array.reshape(2, 3)},
        {"x": array + 1},
        {"x": array.view(np.int64)},
    ]
    assert len({tensors_sha256(variant) for variant in variants}) == len(variants)


def test_a_payload_is_stored_once_under_its_digest_readable_for_services(tmp_path: Path) -> None:
    payload = store({"x": np.arange(3.0)}, tmp_path / "payloads")
    data = payload.path.read_bytes()
    assert payload.path.name == f"{hashlib.sha256(data).hexdigest()}.safetensors" == f"{payload.sha256}.safetensors"
    assert payload.path.stat().st_mode & 0o777 == 0o644
    assert payload.size_bytes == len(data)
    inode = payload.path.stat().st_ino
    assert store({"x": np.arange(3.0)}, tmp_path / "payloads").path.stat().st_ino == inode
    payload.path.write_bytes(b"damaged")
    assert store({"x": np.arange(3.0)}, tmp_path / "payloads").path.read_bytes() == data
    assert [item.name for item in payload.path.parent.iterdir()] == [payload.path.name]


def test_the_cache_folder_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLEET_CACHE", raising=False)
    assert cache_folder() == tmp_path / "mlfleet"
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_receipts_leave_the_tensors_with_their_types() -> None:
    data = encode(
        {"x": np.zeros(2), "receipt.rows": np.array(7), "receipt.loss": np.array(0.5), "receipt.done": np.array(True)},
        {"receipt.layout": "column", "format": "np"},
    )
    tensors, receipt = read_outputs(data)
    assert list(tensors) == ["x"]
    assert receipt == {"rows": 7, "loss": 0.5, "done": True, "layout": "column"}
    assert [type(receipt[name]) for name in ("rows", "loss", "done")] == [int, float, bool]


REFUSED = {
    "empty": b"",
    "seven bytes": b"\x00" * 7,
    "header beyond the file": struct.pack("<Q", 9) + b"{}",
    "header above the limit": struct.pack("<Q", 2 << 20) + b" " * (2 << 20),
    "no JSON": file(b"{"),
    "no UTF-8": file(b'{"\xff": 1}'),
    "deep": file(b"[" * 200_000),
    "digits": file(b'{"x":' + b"1" * 5000 + b"}"),
    "a list": file([]),
    "twins": file(
        b'{"x":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"F64","shape":[0],"data_offsets":[0,0]}}'
    ),
    "nan": file(b'{"x":NaN}'),
    "entry no table": file({"x": 1}),
    "unknown key": file({"x": tensor(0, 8) | {"more": 1}}, b"\0" * 8),
    "unknown dtype": file({"x": tensor(0, 8, dtype="F8")}, b"\0" * 8),
    "dtype no text": file({"x": tensor(0, 8) | {"dtype": []}}, b"\0" * 8),
    "negative": file({"x": tensor(0, 8, shape=[-1])}, b"\0" * 8),
    "bool as a length": file({"x": tensor(0, 8, shape=[True])}, b"\0" * 8),
    "shape and bytes differ": file({"x": tensor(0, 8, shape=[2])}, b"\0" * 8),
    "gap": file({"x": tensor(8, 16)}, b"\0" * 16),
    "overlap": file({"x": tensor(0, 16), "y": tensor(8, 16)}, b"\0" * 16),
    "beyond the end": file({"x": tensor(0, 16)}, b"\0" * 8),
    "bytes left over": file({"x": tensor(0, 8)}, b"\0" * 16),
    "empty and vast": file({"x": tensor(0, 0, shape=[0, 2**62, 2**62])}),
    "name": file({"\u202e": tensor(0, 8)}, b"\0" * 8),
    "bool of 2": file({"x": tensor(0, 1, dtype="BOOL", shape=[1])}, b"\2"),
    "metadata": file({"__metadata__": {"receipt.a": 1}}),
    "long text": file({"__metadata__": {"receipt.a": "x" * 5000}}),
    "receipt with a dimension": encode({"receipt.rows": np.zeros(1)}),
    "receipt of another type": encode({"receipt.rows": np.array(1, np.int32)}),
    "receipt that is no number": encode({"receipt.loss": np.array(np.nan)}),
    "receipt twice": encode({"receipt.rows": np.array(1)}, {"receipt.rows": "1"}),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_refused(data: bytes) -> None:
    with pytest.raises(OutputsRefused) as caught:
        read_outputs(data)
    assert caught.value.verdict is Verdict.BAD_OUTPUT
    assert len(str(caught.value)) < 300


def test_too_large_a_file_is_its_own_verdict() -> None:
    with pytest.raises(OutputsRefused) as caught:
        read_outputs(encode({"x": np.zeros(100)}), Limits(file_bytes=100))
    assert caught.value.verdict is Verdict.SIZE_EXCEEDED


@settings(deadline=None)
@given(st.data())
def test_mutated_bytes_never_end_in_another_error(data: st.DataObject) -> None:
    whole = bytearray(encode({"x": np.arange(4.0), "receipt.rows": np.array(4)}, {"receipt.note": "a"}))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(OutputsRefused):
        outputs, receipt = read_outputs(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
        assert all(isinstance(array, np.ndarray) for array in outputs.values())
        assert all(isinstance(value, (bool, int, float, str)) for value in receipt.values())
