"""JSON read without a model: each value knows its place, and says what was awaited where it is something else."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

Json = bool | int | float | str | None | list["Json"] | dict[str, "Json"]


class Malformed(ValueError):  # noqa: N818 - a finding, no failure of this program
    """A value is absent or of another kind than awaited."""


# All that foreign JSON can raise here.
UNREADABLE = (ValueError, RecursionError, ArithmeticError)
# As writers do: 64 bits, either signed or not.
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1


def parse(data: bytes) -> Json:
    """Read JSON text. Raises ValueError for all that is none, a key that stands twice, and numbers not finite."""
    value: Json = json.loads(
        data, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite, parse_int=_whole
    )
    return value


def canonical(value: Json) -> bytes:
    """The one text that a value may have in a ledger: sorted keys, no spaces, UTF-8, finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True)
class Node:
    """A value with its place, such as `body.turns.0.samples`."""

    value: Json
    place: str = ""

    def __getitem__(self, key: str) -> "Node":
        """The member of that name; it must be there."""
        members = self.members()
        if key not in members:
            raise Malformed(f"{self._inner(key)} is missing")
        return Node(members[key], self._inner(key))

    def get(self, key: str) -> "Node | None":
        """The member of that name; None where it is absent or null."""
        found = self.members().get(key)
        return None if found is None else Node(found, self._inner(key))

    def members(self) -> dict[str, Json]:
        """An object's members."""
        return self.value if isinstance(self.value, dict) else self._refuse("an object")

    def entries(self) -> Iterator[tuple[str, "Node"]]:
        """An object's members, each as a node."""
        return ((key, Node(value, self._inner(key))) for key, value in self.members().items())

    def items(self) -> list["Node"]:
        """A list's items."""
        if not isinstance(self.value, list):
            self._refuse("a list")
        return [Node(value, self._inner(str(index))) for index, value in enumerate(self.value)]

    def text(self) -> str:
        """A text."""
        return self.value if isinstance(self.value, str) else self._refuse("a text")

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def integer(self) -> int:
        """A whole number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self._refuse("a whole number")
        return self.value

    def number(self) -> float:
        """A number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self._refuse("a number")
        return self.value

    def flag(self) -> bool:
        """A truth value."""
        return self.value if isinstance(self.value, bool) else self._refuse("true or false")

    def _inner(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def _refuse(self, awaited: str) -> NoReturn:
        raise Malformed(f"{self.place or 'the whole'} is {str(self.value)[:60]!r}, {awaited} awaited")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} overflows")
    return number


def _whole(digits: str) -> int:
    number = int(digits)
    if not _LEAST <= number <= _MOST:
        raise ValueError(f"{digits[:20]} is beyond 64 bits")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
