"""A table of a suite whose keys are taken one by one; what is wrong is told with file, line and place."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from mlfleet.errors import printable, unknown
from mlfleet.suites.strict_toml import Document

_T = TypeVar("_T")


class Table:
    """One table of a document. Raises UsageError for a key that is not known, and for what is no table."""

    def __init__(self, document: Document, name: str, number: int, value: object, known: tuple[str, ...]) -> None:
        self._document, self._name, self._number, self._title = document, name, number, name
        if not isinstance(value, dict):
            self.refuse(f"{printable(repr(value))} is no table")
        self._values: dict[str, object] = value
        if name and "name" in value:
            self._title = f"{name} {printable(str(value['name']))!r}"
        for key in value:
            if key not in known:
                self.refuse(str(unknown("key", key, known)), key)

    def refuse(self, sentence: str, key: str = "") -> NoReturn:
        """Raise UsageError with file, line (of the key, where it is known) and place."""
        place = f"{self._title}: " if self._title else ""
        self._document.refuse(place + sentence, self._name, self._number, key)

    def take(self, key: str, awaited: str, parse: Callable[[object], _T | None], default: _T | None = None) -> _T:
        """The parsed value, or the default where the key is absent; `parse` answers None to what it refuses."""
        if key not in self._values:
            if default is not None:
                return default
            self.refuse(f"{key} is missing; awaited: {awaited}")
        parsed = parse(self._values[key])
        if parsed is None:
            self.refuse(f"{key} is {printable(repr(self._values[key]))}; awaited: {awaited}", key)
        return parsed

    def maybe(self, key: str, awaited: str, parse: Callable[[object], _T | None]) -> _T | None:
        """The parsed value, None where the key is absent."""
        return self.take(key, awaited, parse) if key in self._values else None
