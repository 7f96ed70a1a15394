"""Typed errors: each knows its exit code and reads as one line for a stranger."""

from collections.abc import Iterable
from difflib import get_close_matches


class MlfleetError(Exception):
    """What was awaited, what was found and what to try, in one line; the command ends with `exit_code`."""

    exit_code = 1


class UsageError(MlfleetError):
    """The user asked for something that does not exist or cannot be read."""

    exit_code = 2


class HostError(MlfleetError):
    """The environment lacks something: an engine, an image, a tool chain, memory."""

    exit_code = 3


class StorageError(MlfleetError):
    """A file could not be read or written, or is not what was written."""

    exit_code = 74


class LockedError(MlfleetError):
    """Another run holds what this one needs."""

    exit_code = 75


class InterruptedRun(MlfleetError):  # noqa: N818 - an interruption is no error of anybody's
    """A signal ended the run; `exit_code` is 128 + its number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def unknown(kind: str, found: str, known: Iterable[str]) -> UsageError:
    """An error for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(found, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {printable(found)!r} (known: {', '.join(names) or 'none'}{hint})")


def printable(text: str, limit: int = 80) -> str:
    """Foreign text made harmless for a terminal: control, bidirectional and zero-width characters as escapes, cut."""
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    safe = text if text.isprintable() else "".join(escaped)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
