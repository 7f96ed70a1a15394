"""One field of a row: text, number, count, span or receipt, as CSV (all texts) or JSON (values) gives it."""

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from mlfleet.errors import UsageError, printable
from mlfleet.model import Param
from mlfleet.review.columns import UNKNOWN

# As CSV gives them all texts; JSON gives values.
Field = str | int | float | bool | None | Mapping[str, Param]
# Whole numbers beyond it are no counts of anything in such a table.
MOST_COUNT = 10**15
_DIGEST = re.compile(r"[0-9a-f]{32,128}")


def absent(raw: Field) -> bool:
    """Whether a table says with this that it does not know."""
    return raw is None or (isinstance(raw, str) and raw.strip().lower() in UNKNOWN)


def is_number(raw: Field) -> bool:
    """Whether a number stands there."""
    try:
        number("", raw)
    except UsageError:
        return False
    return True


def text(name: str, raw: Field) -> str:
    """A text, without spaces around it; of JSON a whole number, too."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise UsageError(f"column {name}: found {_found(raw)}, a text awaited")


def number(name: str, raw: Field) -> float:
    """A number, NaN and infinities among them: they are reasons, not faults of the table's form."""
    # Python's `1_000` is nobody's number in a table.
    if not isinstance(raw, bool) and (isinstance(raw, int | float) or (isinstance(raw, str) and "_" not in raw)):
        with suppress(ValueError, OverflowError):
            return float(raw)
    raise UsageError(f"column {name}: found {_found(raw)}, a number awaited")


def share(name: str, raw: Field) -> tuple[float, float]:
    """A quality as the table has it, and what to multiply it with: "77 %" is 77 hundredths."""
    if isinstance(raw, str) and raw.rstrip().endswith("%"):
        return number(name, raw.rstrip().removesuffix("%")), 0.01
    return number(name, raw), 1.0


def count(name: str, raw: Field) -> int:
    """A whole number of at least 0."""
    found = number(name, raw)
    if math.isfinite(found) and found == int(found) and 0 <= found <= MOST_COUNT:
        return int(found)
    raise UsageError(f"column {name}: found {_found(raw)}, a whole number of at least 0 awaited")


def span(name: str, raw: Field) -> tuple[int, int]:
    """One whole number, or two with a dash between them."""
    low, dash, high = str(raw).partition("-")
    found = count(name, low), count(name, high if dash else low)
    if found[0] > found[1]:
        raise UsageError(f"column {name}: found {_found(raw)}, the smaller number first awaited")
    return found


def receipt(name: str, raw: Field) -> Mapping[str, Param]:
    """An object of plain, finite values, each key once."""
    try:
        value = json.loads(raw, object_pairs_hook=unique, parse_constant=_refuse) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, Mapping) or not all(map(_plain, value.values())):
        raise UsageError(f"column {name}: found {_found(raw)}, a JSON object of plain values awaited")
    return value


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON. Raises ValueError where a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} twice in one object")
    return found


def digest(raw: str) -> str:
    """Hexadecimal digits of a digest of 128 bits or more, small; empty where the text is none."""
    bare = raw.lower().removeprefix("sha256:").removeprefix("0x")
    return bare if _DIGEST.fullmatch(bare) else ""


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _plain(value: object) -> bool:
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def _found(raw: Field) -> str:
    return printable(repr(raw)) if not isinstance(raw, int) or abs(raw) <= MOST_COUNT else "a number beyond all counts"
