"""What a ratio compares: a binding to the same kernels, other kernels, the language too, or only a version."""

import re
from dataclasses import dataclass
from typing import Literal

from mlfleet.model import Identity, TaskFact

What = Literal["binding", "kernels", "language", "language and kernels", "framework", "version"]
_SEPARATOR = re.compile(r"[+,]")
# What a task says whose adapter does the arithmetic itself, in the language alone.
_NONE = "none"


@dataclass(frozen=True)
class Side:
    """One side of a ratio, by what it said of itself."""

    key: str
    identity: Identity
    fact: TaskFact


def compared(one: Side, other: Side) -> What:
    """What differs between two sides that do the same task."""
    same_language = one.identity.language == other.identity.language
    if same_language and one.identity.framework == other.identity.framework:
        return "version"
    if libraries(one.fact.kernels) != libraries(other.fact.kernels):
        return "kernels" if same_language else "language and kernels"
    if same_language:
        return "framework"
    return "binding" if libraries(one.fact.kernels) else "language"


def libraries(kernels: str) -> frozenset[str]:
    """The libraries that do the arithmetic, each with its version where that was given: {"cython", "openblas"}."""
    names = {part.strip().lower() for part in _SEPARATOR.split(kernels)}
    return frozenset(names - {"", _NONE})


def compares(one: Side, other: Side) -> str:
    """The same in a phrase, with what both sides run and which of them is written here."""
    what, own = compared(one, other), [side.key for side in (one, other) if side.fact.origin == "in_repo"]
    written = f"; {' and '.join(own)}: algorithm written in this repository" if own else ""
    return f"compares the {what}: {_languages(what, one, other)}{_ran(one, other)}{written}"


def _languages(what: What, one: Side, other: Side) -> str:
    if what == "version":
        return f"{one.identity.version} against {other.identity.version}, "
    alike = one.identity.language == other.identity.language
    return "" if alike else f"{one.identity.language} against {other.identity.language}, "


def _ran(one: Side, other: Side) -> str:
    first, second = one.fact.kernels, other.fact.kernels
    if libraries(first) != libraries(second):
        return f"{first} against {second}"
    return f"both run {first}" if libraries(first) else "no library on either side"
