"""bisect.json: the question of a bisection, and what is known of its answer. The same question goes on from there."""

from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path

from pydantic.dataclasses import dataclass

from mlfleet.across.bisect import Side
from mlfleet.across.sides import Ends
from mlfleet.catalogue import Threads
from mlfleet.codec import decode, encode
from mlfleet.errors import StorageError, UsageError
from mlfleet.model import SCHEMA, STRICT, Metric

FILE = "bisect.json"


@dataclass(frozen=True, config=STRICT)
class Question:
    """What was asked for, as typed. `threshold` in per cent."""

    service: str
    # The old release and the new one.
    ends: tuple[str, str]
    workload: str
    suite: str
    metric: Metric
    threshold: float
    threads: Threads
    blocks: int | None
    device: str


@dataclass(frozen=True, config=STRICT)
class Known:
    """What is known: the releases from end to end, what the ends differ in, and the side of each that was tried."""

    question: Question
    releases: tuple[str, ...]
    # None: the ends were not measured yet.
    ends: Ends | None = None
    sides: Mapping[str, Side] = field(default_factory=dict)
    schema_version: int = SCHEMA


def read(folder: Path, question: Question) -> Known | None:
    """What is known there; None where nothing was begun. Raises StorageError, UsageError for another question."""
    path = folder / FILE
    try:
        found = decode(Known, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; awaited the folder of a bisection, or none") from error
    if found.question != question:
        names = [
            one.name for one in fields(Question) if getattr(found.question, one.name) != getattr(question, one.name)
        ]
        raise UsageError(f"{path} answers another question ({', '.join(names)} differ); try: another --out")
    return found


def keep(folder: Path, known: Known) -> None:
    """Write it, whole or not at all. Raises StorageError."""
    path = folder / FILE
    fresh = path.with_suffix(".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(encode(known))
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; try: --out with a folder that can be written") from error
