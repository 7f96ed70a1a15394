"""CSV or JSON into rows, strictly: whatever cannot be read is named by file, place and column."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mlfleet.errors import UsageError, printable
from mlfleet.review.columns import COLUMNS
from mlfleet.review.imported import Imported
from mlfleet.review.known import Known
from mlfleet.review.row import Field, imported

# A table of 20 frameworks, 100 workloads and 40 blocks has 80,000; one that is longer holds something else.
MOST_ROWS = 200_000
MOST_BYTES = 256 << 20
# How alike a name must be before another is proposed for it, by difflib.
NEAR = 0.85
# The group of a trial that says nothing of its framework, as `mlfleet run` writes it: it was measured again.
LOST = "lost"
NOTHING = Known()


@dataclass(frozen=True)
class Table:
    """A table, read. `unread`: columns that mean nothing here, each with the nearest one that does."""

    name: str
    rows: tuple[Imported, ...]
    unread: tuple[str, ...]


def read_table(path: Path, known: Known = NOTHING) -> Table:
    """Every row. `known`: facts that fill what it does not hold.

    Raises UsageError.
    """
    rows: list[Imported] = []
    columns: dict[str, None] = {}
    seen: dict[tuple[object, ...], str] = {}
    with _at(path.name):
        text = _text(path)
        for place, fields in _json(text) if path.suffix.lower() == ".json" else _csv(text):
            with _at(place):
                if len(rows) >= MOST_ROWS:
                    raise UsageError(
                        f"found more than {MOST_ROWS:,} rows, at most so many awaited; split the table by workload"
                    )
                columns.update(dict.fromkeys(fields))
                _first(seen, tuple(map(str, fields.values())), place, "repeats {} word for word")
                row = imported(place, known.fill(fields))
                if row.block is not None and row.group != LOST:
                    key = (row.framework, row.cell, row.block)
                    _first(seen, key, place, f"is block {row.block} of {row.framework}, {row.cell}, as {{}} is")
                rows.append(row)
        _check(rows, columns)
    return Table(path.name, tuple(row for row in rows if row.group != LOST), _unread(columns))


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Errors inside say where they were found."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _first(seen: dict[tuple[object, ...], str], key: tuple[object, ...], place: str, told: str) -> None:
    if (before := seen.setdefault(key, place)) != place:
        raise UsageError(f"{told.format(before)}; each measurement once awaited")


def _check(rows: list[Imported], columns: Mapping[str, None]) -> None:
    if not rows:
        raise UsageError("found no row, at least two awaited")
    if not any(COLUMNS[name].kind == "metric" for name in columns if name in COLUMNS):
        raise UsageError(f"found the columns {_listed(columns)}, one of time_s, cpu_s, memory_mb or the like awaited")
    frameworks = {row.framework for row in rows}
    if len(frameworks) == 1:
        raise UsageError(f"found one framework, {printable(rows[0].framework)}; two awaited for a ratio")


def _unread(columns: Mapping[str, None]) -> tuple[str, ...]:
    told = []
    for name in columns:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1, cutoff=NEAR)
            told.append(f"{printable(name)} (did you mean {near[0]}?)" if near else printable(name))
    return tuple(told)


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise UsageError(f"{error.strerror}; a CSV or JSON file awaited") from error
    if size > MOST_BYTES:
        raise UsageError(f"found {size >> 20} MiB, at most {MOST_BYTES >> 20} MiB awaited")
    if not data.strip():
        raise UsageError("line 1: found an empty file, a header line or a JSON array awaited")
    try:
        # A byte order mark is no part of the first column's name.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"line {line}: found the byte {data[error.start]:#x}, UTF-8 awaited") from error


def _csv(text: str) -> Iterator[tuple[str, Mapping[str, Field]]]:
    if (lines := text.count("\n")) > MOST_ROWS + 1:
        raise UsageError(f"found {lines:,} lines, at most {MOST_ROWS:,} rows awaited; split the table by workload")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = [name.strip() for name in next(reader)]
        with _at("line 1"):
            _header(header)
        line = reader.line_num + 1
        for fields in reader:
            if fields and len(fields) != len(header):
                raise UsageError(f"line {line}: found {len(fields)} fields, {len(header)} awaited as in the header")
            if fields:
                yield f"line {line}", dict(zip(header, fields, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"line {line}: found what is no CSV ({error})") from error


def _header(header: list[str]) -> None:
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise UsageError(f"found the column {printable(twice[0])!r} twice, each once awaited")
    if "framework" not in header:
        split = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
        told = f"columns divided by {split!r}, by commas" if split else f"the columns {_listed(header)}, framework"
        raise UsageError(f"found {told} awaited")


def _listed(columns: Iterable[str]) -> str:
    return printable(", ".join(columns) or "none", 200)


def _json(text: str) -> Iterator[tuple[str, Mapping[str, Field]]]:
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"found what is no JSON ({error})") from error
    records = document.get("records") if isinstance(document, dict) else document
    if not isinstance(records, list):
        kind = f"an object with {_listed(document)}" if isinstance(document, dict) else f"{type(document).__name__}"
        raise UsageError(f'found {kind}, an array of objects or {{"records": [...]}} awaited')
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise UsageError(f"record {number}: found {type(record).__name__}, an object awaited")
        yield f"record {number}", record


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} twice in one object")
    return found
