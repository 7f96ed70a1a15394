"""Audits that were made: what each found of an image's task, kept in `audits.jsonl` beside the runs that report it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet.codec import decode, encode
from mlfleet.errors import StorageError
from mlfleet.model import STRICT

FILE = "audits.jsonl"


@dataclass(frozen=True, config=STRICT)
class Outcome:
    """What one gate found. `code`: the verdict that a failure gives. undecided: the interval lies on both sides."""

    gate: str
    state: Literal["passed", "failed", "undecided", "not_applicable"]
    code: str
    detail: str


@dataclass(frozen=True, config=STRICT)
class Audit:
    """One workload of one image, audited; the last one of an image, task and workload counts."""

    audit: str
    framework: str
    version: str
    # As Contestant.image_id.
    image_id: str
    task: str
    workload: str
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """What makes cells of this image and task INVALID."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")


def keep(folder: Path, audit: Audit) -> Path:
    """Append to the file in that folder. Raises StorageError."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(encode(audit) + b"\n")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; try: `mlfleet audit` where results can be written") from error
    return path


def read(folders: Sequence[Path]) -> tuple[Audit, ...]:
    """Those that count, of all the folders' files; a folder without one has none. Raises StorageError."""
    latest: dict[tuple[str, str, str], Audit] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        try:
            lines = (folder / FILE).read_bytes().splitlines()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"{folder / FILE}: {error.strerror}") from error
        for line in lines:
            audit = decode(Audit, line)
            latest[audit.image_id, audit.task, audit.workload] = audit
    return tuple(latest.values())
