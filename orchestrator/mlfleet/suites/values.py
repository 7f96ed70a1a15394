"""Values of a suite that are words or quantities: how they are read, None where they are something else, and told."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

_T = TypeVar("_T")


def listed(words: tuple[str, ...]) -> str:
    """As a message names them: "short", "standard"."""
    return ", ".join(f'"{word}"' for word in words)


def list_of(words: tuple[str, ...]) -> str:
    """As a message asks for some of them."""
    return f"a list of {listed(words)}"


def word(known: tuple[_T, ...]) -> Callable[[object], _T | None]:
    """One of them."""
    return lambda value: next((one for one in known if one == value), None)


def words(known: tuple[_T, ...]) -> Callable[[object], tuple[_T, ...] | None]:
    """Some of them, none twice, in their own order."""

    def parse(value: object) -> tuple[_T, ...] | None:
        if not isinstance(value, list) or not value or any(item not in known for item in value):
            return None
        return tuple(one for one in known if one in value) if len(set(value)) == len(value) else None

    return parse


def quantity(pattern: re.Pattern[str], units: Mapping[str, int]) -> Callable[[object], int | None]:
    """A number above 0 with its unit, in the smallest unit; `pattern` has both as groups."""

    def parse(value: object) -> int | None:
        found = pattern.fullmatch(value) if isinstance(value, str) else None
        return int(found[1]) * units[found[2]] or None if found else None

    return parse
