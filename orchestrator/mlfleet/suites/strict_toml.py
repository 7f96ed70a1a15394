"""TOML from a stranger: the bytes are scanned before tomllib sees them, the values after.

tomllib needs a gigabyte for one line of dots, and takes dates, nan and integers of any length. Every refusal names the
file and the line of the key, or of the enclosing header.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from stat import S_ISREG
from typing import Any, NoReturn

from mlfleet.errors import UsageError, printable

FILE_BYTES = 256 << 10
LINE_BYTES = 512
DOTS_A_LINE = 40
DEPTH = 6

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_PLACE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")


@dataclass(frozen=True)
class Document:
    """A parsed file. `headers`: the lines of the headers of each top-level table, in order; `keys`: under each line."""

    path: Path
    data: Mapping[str, Any]
    headers: Mapping[str, tuple[int, ...]]
    keys: Mapping[tuple[int, str], int]

    def refuse(self, sentence: str, table: str = "", number: int = 0, key: str = "") -> NoReturn:
        """Raise UsageError `file:line: sentence`: the line of the key, of the header (number from 0), or 1."""
        lines = self.headers.get(table, ())
        header = lines[number] if number < len(lines) else 1
        raise _error(self.path, self.keys.get((header, key), header), sentence)


def read(path: Path) -> Document:
    """Read a file. Raises UsageError for the first thing that is refused."""
    text = _decoded(path, _bytes(path))
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        _scan(path, number, line)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        number = int(place[1]) if place and place[1] else len(lines)
        raise _error(path, number, printable(_PLACE.sub("", str(error)))) from None
    except (RecursionError, ValueError) as error:
        # int() refuses more than 4,300 digits; tomllib passes its ValueError on.
        raise _error(path, 1, f"cannot be read: {printable(str(error))}") from None
    document = Document(path, data, *_places(lines))
    for table, value in data.items():
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            if flaw := _flaw(item, DEPTH - 1):
                document.refuse(f"{printable(table)}: {flaw}", table, number)
    return document


def _error(path: Path, line: int, sentence: str) -> UsageError:
    return UsageError(f"{path}:{line}: {sentence}")


def _bytes(path: Path) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe would be waited for.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise UsageError(f"{printable(str(path))} cannot be opened: {error}") from None
    if not S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{path} is no regular file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise _error(path, 1, f"more than {FILE_BYTES} bytes")
    return data


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _error(path, data[: error.start].count(b"\n") + 1, "no UTF-8") from None


def _scan(path: Path, number: int, line: str) -> None:
    if len(line.encode()) > LINE_BYTES:
        raise _error(path, number, f"a line of more than {LINE_BYTES} bytes")
    if '"""' in line or "'''" in line:
        # The rest of this scan looks at lines one by one.
        raise _error(path, number, "strings over several lines are not read here")
    if _STRING.sub("", line).count(".") > DOTS_A_LINE:
        raise _error(path, number, f"more than {DOTS_A_LINE} dots outside strings")


def _places(lines: list[str]) -> tuple[dict[str, tuple[int, ...]], dict[tuple[int, str], int]]:
    """Lines of headers by their table, and of keys by the line of their header."""
    headers: dict[str, tuple[int, ...]] = {}
    keys: dict[tuple[int, str], int] = {}
    last = 1
    for number, line in enumerate(lines, start=1):
        if header := _HEADER.match(line):
            last = number
            headers[header[1]] = (*headers.get(header[1], ()), number)
        elif key := _KEY.match(line):
            keys.setdefault((last, key[1]), number)
    return headers, keys


def _flaw(value: object, depth: int) -> str | None:
    match value:
        case dict() | list():
            items = value.values() if isinstance(value, dict) else value
            flaws = (_flaw(item, depth - 1) for item in items)
            return next((flaw for flaw in flaws if flaw), None) if depth else f"nested deeper than {DEPTH}"
        case bool() | str():
            return None
        case int():
            return None if -(2**63) <= value < 2**63 else "an integer beyond 64 bit"
        case float():
            return None if isfinite(value) else f"{value} is no number"
        case _:
            return "dates and times are not read here"
