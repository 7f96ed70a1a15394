"""The samples for programs: results.parquet, one row a sample, from which every statistic can be made anew.

A trial without samples has one row, null in all that is a sample's: failures count too. Imported where it is needed,
since Arrow is large.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlfleet.cells import CellRow
from mlfleet.codec import INT64
from mlfleet.model import Record, Sample, Turn
from mlfleet.names import Name
from mlfleet.report.columns import column
from mlfleet.table import Table

# Of the columns: what stands in them, and what they mean.
VERSION = 1
# Trials of a row group: what is held beside the records stays small.
_TRIALS = 10_000
_TEXT, _WHOLE, _TRUTH = pa.dictionary(pa.int32(), pa.string()), pa.int64(), pa.bool_()
Value = bool | int | str | None


@dataclass(frozen=True)
class _Part:
    """Samples that were taken together. One without a kind stands for a trial that has none."""

    kind: str | None
    turn: Turn | None
    samples: tuple[Sample | None, ...]


_NOTHING = _Part(None, None, (None,))
# As the CSV fills them.
_TRIAL = {
    **dict.fromkeys(("run", "suite", "workload", "task", "dataset", "dataset_label", "setting", "runtime"), _TEXT),
    **dict.fromkeys(("framework", "language", "version", "image", "image_id", "cell"), _TEXT),
    "block": _WHOLE,
    "attempt": _WHOLE,
    **dict.fromkeys(("verdict", "group", "flags", "labels", "clock"), _TEXT),
}
_PART: Mapping[str, tuple[pa.DataType, Callable[[_Part], Value]]] = {
    "kind": (_TEXT, lambda part: part.kind),
    "turn": (_WHOLE, lambda part: part.turn.number if part.turn else None),
    "position": (_WHOLE, lambda part: part.turn.position if part.turn else None),
    "turn_flags": (_TEXT, lambda part: " ".join(part.turn.flags) if part.turn else None),
    "turn_cpu_ns": (_WHOLE, lambda part: _read(part.turn, Name.CPU)),
    "turn_peak_anonymous_bytes": (_WHOLE, lambda part: _read(part.turn, Name.PEAK_ANONYMOUS)),
}
# By the number of each sample in its part, and the sample.
_SAMPLE: Mapping[str, tuple[pa.DataType, Callable[[Sequence[_Part]], list[Value]]]] = {
    "sample": (_WHOLE, lambda parts: [None if one is None else number for number, one, _ in _numbered(parts)]),
    "discarded": (_TRUTH, lambda parts: [_discarded(*each) for each in _numbered(parts)]),
    "iterations": (_WHOLE, lambda parts: [one.iterations if one else None for part in parts for one in part.samples]),
    "start_ns": (_WHOLE, lambda parts: [one.start_ns if one else None for part in parts for one in part.samples]),
    "duration_ns": (_WHOLE, lambda parts: [_duration(one) for part in parts for one in part.samples]),
}
COLUMNS = (*_TRIAL, *_PART, *_SAMPLE)


def parquet(table: Table) -> bytes:
    """The file: trials as the CSV has them, and within each trial cold, warm-up, turns and single iterations."""
    schema = pa.schema(
        [
            *_TRIAL.items(),
            *((name, kind) for name, (kind, _) in _PART.items()),
            *((name, kind) for name, (kind, _) in _SAMPLE.items()),
        ],
        metadata={"mlfleet.schema_version": str(VERSION), "mlfleet.run": table.run.run},
    )
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for cells in _groups(table.cells):
            writer.write_table(pa.Table.from_arrays(list(_columns(table, cells)), schema=schema))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def difference(data: bytes, table: Table) -> tuple[str, str, str] | None:
    """Where a file says something else than these records: place, what was found, what was awaited. None: nowhere."""
    awaited = pq.ParquetFile(pa.BufferReader(parquet(table))).read()
    try:
        found = pq.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        return "file", str(error), "the samples as Parquet"
    if found.equals(awaited, check_metadata=True):
        return None
    if not found.schema.equals(awaited.schema, check_metadata=True):
        return "columns", str(found.schema), str(awaited.schema)
    if found.num_rows != awaited.num_rows:
        return "rows", str(found.num_rows), str(awaited.num_rows)
    for name in COLUMNS:
        mine, theirs = awaited[name].to_pylist(), found[name].to_pylist()
        row = next((row for row, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b), None)
        if row is not None:
            return f"{name}, row {row + 1}", str(theirs[row]), str(mine[row])
    return None


def _groups(cells: Sequence[CellRow]) -> Iterator[list[CellRow]]:
    """Cells in their order, as many together as come to the trials of a row group."""
    group: list[CellRow] = []
    for cell in cells:
        group.append(cell)
        if sum(len(one.records) for one in group) >= _TRIALS:
            yield group
            group = []
    if group:
        yield group


def _columns(table: Table, cells: Sequence[CellRow]) -> Iterator[pa.Array]:
    """All columns of these cells. What a trial or a turn has is made once, and then repeated for its samples."""
    parts = [_parts(record) for cell in cells for record in cell.records]
    flat = [part for mine in parts for part in mine]
    of_part = np.repeat(np.arange(len(flat)), [len(part.samples) for part in flat])
    of_trial = np.repeat(np.arange(len(parts)), [len(mine) for mine in parts])[of_part]
    for name, kind in _TRIAL.items():
        yield _array(kind, [one for cell in cells for one in column(name, table, cell)]).take(pa.array(of_trial))
    for kind, of in _PART.values():
        yield _array(kind, [of(part) for part in flat]).take(pa.array(of_part))
    for kind, fill in _SAMPLE.values():
        yield _array(kind, fill(flat))


def _array(kind: pa.DataType, values: Sequence[object]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode() if kind == _TEXT else pa.array(values, kind)


def _parts(record: Record) -> list[_Part]:
    turns = [_Part("turn", turn, turn.samples) for turn in record.turns]
    found = [
        _Part("cold", None, (record.cold,) if record.cold else ()),
        _Part("warm-up", None, record.warm_up),
        *turns,
        _Part("latency", record.latency, record.latency.samples if record.latency else ()),
    ]
    return [part for part in found if part.samples] or [_NOTHING]


def _read(turn: Turn | None, name: Name) -> int | None:
    reading = turn.readings.get(name) if turn else None
    return reading.value if reading else None


def _numbered(parts: Sequence[_Part]) -> Iterator[tuple[int, Sample | None, Turn | None]]:
    return ((number, one, part.turn) for part in parts for number, one in enumerate(part.samples, start=1))


def _discarded(number: int, sample: Sample | None, turn: Turn | None) -> bool | None:
    return number <= turn.discarded if sample and turn else None


def _duration(sample: Sample | None) -> int | None:
    """Null where no clock can have read it: a file of somebody else may hold any two stamps."""
    if sample is None:
        return None
    spent = sample.end_ns - sample.start_ns
    return spent if -INT64 <= spent < INT64 else None
