"""Canonical JSON of the model's frozen dataclasses, and strict loading: only what could have been written is read.

Canonical: UTF-8, sorted keys, no spaces, shortest floats, finite numbers only, integers of 64 bit (nanoseconds pass
2^53 after 104 days, so they are never floats).
"""

import json
import math
import re
from typing import Any, NoReturn, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from mlfleet.errors import StorageError, printable

T = TypeVar("T")

MAX_DEPTH = 64
# CPython's own limit for integers, held for floats too: longer ones only serve to burn time.
MAX_DIGITS = 4300
INT64 = 2**63


def encode(value: object) -> bytes:
    """Canonical JSON of a dataclass declared with `model.STRICT`.

    Raises ValueError where a value has no canonical form: not finite, beyond 64 bit, a lone surrogate, nested too deep.
    """
    return canonical(_adapter(type(value)).dump_python(value, mode="json", warnings="error"))


def canonical(plain: object) -> bytes:
    """Canonical JSON of plain lists, dicts, texts, numbers, truth values and None. Raises ValueError as `encode`."""
    data = _WRITER.encode(plain).encode()
    _check(plain, data)
    return data


def decode(type_: type[T], data: bytes) -> T:
    """Read a dataclass declared with `model.STRICT` from JSON.

    Raises StorageError naming the place: for all that `parse` refuses, and for fields unknown, absent or mistyped.
    """
    parse(data)
    return typed(type_, data)


def typed(type_: type[T], data: bytes) -> T:
    """Decode what `parse` has accepted already. Raises StorageError for fields unknown, absent or mistyped."""
    try:
        return _adapter(type_).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise StorageError(f"{type_.__name__}: {printable(place)}: {printable(first['msg'])}") from error


def parse(data: bytes) -> object:
    """Read plain values from JSON text in UTF-8.

    Raises StorageError for anything but JSON, duplicate keys, NaN and infinities (`1e400` too), integers beyond 64 bit,
    more than 4,300 digits, lone surrogates and nesting beyond 64.
    """
    try:
        written, plain = _as_written(data)
        if written:
            _check(plain, data)
            return plain
        text = data.decode()
        plain = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        _check(plain, data)
        if "\\u" in text:
            # Only an escape can smuggle in half of a surrogate pair.
            json.dumps(plain, ensure_ascii=False).encode()
    except RecursionError as error:
        raise StorageError(f"not canonical JSON: nested deeper than {MAX_DEPTH}") from error
    except ValueError as error:
        raise StorageError(f"not canonical JSON: {printable(str(error))}") from error
    return plain


def _adapter(type_: type[T]) -> TypeAdapter[T]:
    # Building one takes longer than a record.
    if type_ not in _ADAPTERS:
        _ADAPTERS[type_] = TypeAdapter(type_)
    return cast("TypeAdapter[T]", _ADAPTERS[type_])


# Kept: with options of its own, json.dumps makes one for every call.
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
# Small numbers, which orjson writes as 0.000025 and 2e-7 where Python writes 2.5e-05 and 2e-07.
_SMALL = re.compile(rb"(?<![0-9])0\.0000([1-9])([0-9]*)|(?<=[0-9]e-)(?=[0-9](?![0-9]))")
# 2^63 has nineteen digits; every digit taken for a nought, that many stand in a row.
_LONG, _DIGITS = b"0" * 19, bytes.maketrans(b"123456789", b"000000000")
_CONTAINERS = frozenset({dict, list, tuple})
_ADAPTERS: dict[type, object] = {}


def _as_written(data: bytes) -> tuple[bool, object]:
    """Whether orjson writes what it reads here back to the same bytes, and what it read: four times as fast as json.

    Then a reader has nothing left to refuse but integers and depth. It is so with whatever `canonical` wrote,
    but where a text, too, looks like a small number.
    """
    try:
        plain = orjson.loads(data)
        again = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # The slow way says what is wrong with it.
        return False, None
    return data == again or data == _SMALL.sub(_as_python, again), plain


def _as_python(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return b"0"
    return found[1] + (b"." + found[2] if found[2] else b"") + b"e-05"


def _check(plain: object, data: bytes) -> None:
    """Raise ValueError for integers beyond 64 bit and nesting beyond the limit. `data`: the values as text."""
    # Level by level in comprehensions: a record has hundreds of values, and a recursive walk would cost as much as
    # reading and writing it together. Numbers are looked at where one is long enough.
    long = _LONG in data.translate(_DIGITS)
    # So few containers cannot be nested deeper, whatever of these signs stand in texts.
    if not long and data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    kept = _CONTAINERS | {int} if long else _CONTAINERS
    level: list[Any] = [plain]
    for _ in range(MAX_DEPTH + 1):
        if long and [value for value in level if type(value) is int and not -INT64 <= value < INT64]:
            raise ValueError("an integer beyond 64 bit")
        outer = [value for value in level if type(value) in _CONTAINERS]
        if not outer:
            return
        level = [
            inner
            for value in outer
            for inner in (value.values() if type(value) is dict else value)
            if type(inner) in kept
        ]
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key that appears twice")
    return found


def _finite(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"a number that overflows: {digits}")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
