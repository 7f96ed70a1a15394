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
from mlfleet.review.fields import Field, unique
from mlfleet.review.imported import Imported
from mlfleet.review.known import Known
from mlfleet.review.names import Called, called, named
from mlfleet.review.row import imported
from mlfleet.verdict import Group, Verdict

# A table of 20 frameworks, 100 workloads and 40 blocks has 80,000; one that is longer holds something else.
MOST_ROWS = 200_000
MOST_BYTES = 256 << 20
# How alike a name must be before another is proposed for it, by difflib.
NEAR = 0.85
# The group of a trial that says nothing of its framework, as `mlfleet run` writes it: it was measured again.
LOST = Group.LOST.value
LOST_VERDICTS = frozenset({"", *(verdict.value for verdict in Verdict if verdict.group is Group.LOST)})
NOTHING = Known()


@dataclass(frozen=True)
class Table:
    """A table, read."""

    name: str
    rows: tuple[Imported, ...]
    # Columns that mean nothing here, each with the nearest one that does.
    unread: tuple[str, ...]
    # Columns that are called otherwise here: "Library as framework".
    read_as: tuple[str, ...] = ()
    # Rows of lost trials, which say nothing of their framework.
    lost: int = 0


def read_table(path: Path, known: Known = NOTHING) -> Table:
    """Every row. `known`: facts that fill what it does not hold.

    Raises UsageError.
    """
    rows: list[Imported] = []
    columns: dict[str, Called | None] = {}
    seen: dict[tuple[object, ...], str] = {}
    with _at(path.name):
        text = _text(path)
        for place, fields in _json(text) if path.suffix.lower() == ".json" else _csv(text):
            with _at(place):
                if len(rows) >= MOST_ROWS:
                    raise UsageError(
                        f"found more than {MOST_ROWS:,} rows, at most so many awaited; split the table by workload"
                    )
                _first(seen, tuple(map(str, fields.values())), place, "repeats {} word for word")
                read, ours = named(fields)
                columns |= {name: read.get(name) or columns.get(name) for name in fields}
                row = imported(place, known.fill(ours))
                if row.block is not None and not _is_lost(row):
                    key = (row.framework, row.cell, row.block)
                    _first(seen, key, place, f"is block {row.block} of {row.framework}, {row.cell}, as {{}} is")
                rows.append(row)
        _check(rows, columns)
    counted = tuple(row for row in rows if not _is_lost(row))
    read_as = tuple(
        f"{printable(name)} as {one.column}{f' ({one.statistic})' * bool(one.statistic)}"
        for name, one in columns.items()
        if one and one.rank
    )
    return Table(path.name, counted, _unread(columns), read_as, len(rows) - len(counted))


def _is_lost(row: Imported) -> bool:
    """Whether the row's trial says nothing of its framework. A verdict that says something is not taken back by it."""
    return row.group == LOST and row.verdict in LOST_VERDICTS


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


def _check(rows: list[Imported], columns: Mapping[str, Called | None]) -> None:
    if not rows:
        raise UsageError("found no row, at least two awaited")
    if not any(COLUMNS[one.column].kind == "metric" for one in columns.values() if one):
        raise UsageError(f"found the columns {_listed(columns)}, one of time_s, cpu_s, memory_mb or the like awaited")
    frameworks = {row.framework for row in rows}
    if len(frameworks) == 1:
        raise UsageError(f"found one framework, {printable(rows[0].framework)}; two awaited for a ratio")


def _unread(columns: Mapping[str, Called | None]) -> tuple[str, ...]:
    told = []
    for name, read in columns.items():
        if read is None:
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
    if not any(one.column == "framework" for one in map(called, header) if one):
        split = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
        told = f"columns divided by {split!r}, by commas" if split else f"the columns {_listed(header)}, framework"
        raise UsageError(f"found {told} awaited")


def _listed(columns: Iterable[str]) -> str:
    return printable(", ".join(columns) or "none", 200)


def _json(text: str) -> Iterator[tuple[str, Mapping[str, Field]]]:
    try:
        document = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"found what is no JSON ({error})") from error
    records = document
    if isinstance(document, dict):
        # Whatever its name: of two lists nobody knows which is the table.
        lists = [value for value in document.values() if isinstance(value, list) and value]
        records = document.get("records", lists[0] if len(lists) == 1 else None)
    if not isinstance(records, list):
        kind = f"an object with {_listed(document)}" if isinstance(document, dict) else f"{type(document).__name__}"
        raise UsageError(f'found {kind}, an array of objects or {{"records": [...]}} awaited')
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise UsageError(f"record {number}: found {type(record).__name__}, an object awaited")
        yield f"record {number}", record
