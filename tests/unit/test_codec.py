"""What goes through the codec comes back the same, and nothing else is read."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfleet import codec
from mlfleet.codec import MAX_DEPTH, canonical, decode, encode, parse
from mlfleet.errors import StorageError
from mlfleet.model import Quality, Reading, Record, Trial
from mlfleet.verdict import Verdict

LEAVES = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    bool: st.booleans(),
    type(None): st.none(),
}


def values(hint):
    """Values of a model's type; hypothesis' own resolution trips over default factories."""
    inner = get_args(hint)
    origin = get_origin(hint)
    if hint in LEAVES:
        found = LEAVES[hint]
    elif is_dataclass(hint):
        hints = get_type_hints(hint)
        found = st.builds(hint, **{field.name: values(hints[field.name]) for field in fields(hint)})
    elif origin is tuple:
        found = st.lists(values(inner[0]), max_size=2).map(tuple)
    elif origin is Mapping:
        found = st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    elif inner and origin is not Literal:
        found = st.one_of(*map(values, inner))
    else:
        found = st.sampled_from(inner or hint)
    return found


TRIAL = Trial(cell="c", workload="kmeans.fit-digits", setting="1 thread", framework="linfa", block=0, attempt=1)
RECORD = Record(
    trial=TRIAL, verdict=Verdict.OK, reason="", phase="measure", receipt={"n_iter": 3, "loss": 1.0, "done": True}
)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(values(Record))
def test_a_record_comes_back_as_it_was(record):
    data = encode(record)
    again = decode(Record, data)
    assert again == record
    assert encode(again) == data
    assert json.loads(data) == parse(data)


def test_numbers_keep_their_kind():
    receipt = decode(Record, encode(RECORD)).receipt
    assert [type(receipt[key]) for key in ("n_iter", "loss", "done")] == [int, float, bool]


def test_the_form_is_canonical():
    assert canonical({"b": [1, 0.1, None, True], "a": "é\n"}) == '{"a":"é\\n","b":[1,0.1,null,true]}'.encode()
    assert (
        encode(TRIAL)
        == b'{"attempt":1,"block":0,"cell":"c","framework":"linfa","setting":"1 thread","workload":"kmeans.fit-digits"}'
    )


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
# Without 0 and e none looks like a small number.
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="0e"), max_size=8)
PLAIN = st.recursive(
    SCALARS
    | TEXTS
    | st.floats(1e-9, 1e-3)
    | st.sampled_from([2e-5, -1.25e-5, 1e-4, 1e16, 1.5e-9, 3e-300, 1e22, 2.5e17]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@settings(deadline=None, max_examples=300)
@given(PLAIN)
def test_what_is_canonical_is_read_the_fast_way_and_alike(plain):
    data = canonical(plain)
    assert codec._as_written(data) == (True, plain)
    again = parse(data)
    assert canonical(again) == data
    assert repr(again) == repr(json.loads(data))


@pytest.mark.parametrize(
    "text", [b'{"a":2e-05,"a":2e-05}', b'{"b":1,"a":1}', b"[1e5]", b"[1.50]", b'["\\u0041"]', b"[ 1]"]
)
def test_what_nobody_wrote_so_is_not_read_the_fast_way(text):
    assert not codec._as_written(text)[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**63, -(2**63) - 1, "\ud800", b"x", {1}])
def test_what_has_no_canonical_form_is_not_written(value):
    with pytest.raises((ValueError, TypeError)):
        canonical({"x": [value]})


def test_a_value_of_a_model_is_checked_too():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(Quality(metrics={"loss": math.nan}, decides="loss", agreement={}))
    with pytest.raises(ValueError, match="64 bit"):
        encode(Reading(2**64, "ns", "x"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"x":{"a":1,"b":2,"a":1}}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e400]", "overflows"),
        (b"[9223372036854775808]", "64 bit"),
        (b"[" + b"1" * 4301 + b"]", "digits"),
        (b"[0." + b"1" * 4300 + b"]", "digits"),
        (rb'["\ud800"]', "surrogates"),
        (rb'{"\udc00":1}', "surrogates"),
        (b'["\xff"]', "decode"),
        ("\ufeff[]".encode(), "BOM"),
        ("[]".encode("utf-16"), "decode"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 100_000, "deeper"),
        (b"", "Expecting"),
        (b"{} {}", "Extra"),
        (b"{'a':1}", "Expecting"),
    ],
)
def test_refused(text, why):
    with pytest.raises(StorageError, match=why) as error:
        parse(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 150


def test_at_the_limits_it_reads():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert canonical(parse(deep)) == deep
    assert parse(b"[9223372036854775807,-9223372036854775808]") == [2**63 - 1, -(2**63)]
    assert parse(rb'["\ud83d\ude00"]') == ["\U0001f600"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"blok": 1}, "blok"),
        ({"block": "0"}, "block"),
        ({"block": 0.5}, "block"),
        ({"block": None}, "block"),
        ({"block": True}, "block"),
        ({"cell": 1}, "cell"),
    ],
)
def test_a_field_unknown_or_mistyped_is_named(change, place):
    plain = json.loads(encode(TRIAL)) | change
    with pytest.raises(StorageError, match=f"Trial: {place}:"):
        decode(Trial, canonical(plain))


def test_a_field_that_is_absent_is_named():
    with pytest.raises(StorageError, match="Trial: cell"):
        decode(Trial, b'{"attempt":1,"block":0,"framework":"linfa","setting":"1 thread","workload":"w"}')


def test_an_unknown_field_deep_inside_is_refused():
    plain = json.loads(encode(RECORD))
    plain["trial"]["extra"] = 1
    with pytest.raises(StorageError, match="extra"):
        decode(Record, canonical(plain))
