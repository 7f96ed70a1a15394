"""What a validation was begun with, kept in its folder, so that one that was stopped can be gone on with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet.codec import decode, encode
from mlfleet.errors import StorageError
from mlfleet.ledger_files import Files, write_durably
from mlfleet.model import STRICT, Runtime

FILE = "begun.json"


@dataclass(frozen=True, config=STRICT)
class Begun:
    """What was asked for, and where."""

    validation: str
    kind: Literal["quick", "full"]
    # Empty: all of that kind.
    parts: tuple[str, ...]
    runtime: Runtime
    seed: int
    host_fingerprint: Mapping[str, str | int | None]


def begin(folder: Path, begun: Begun) -> Begun:
    """Claim a new or empty folder. Raises StorageError where there is something in it, or no right to write."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / FILE).exists():
            raise StorageError(f"{folder} holds a validation; try: mlfleet validate --resume {folder}")
        if any(folder.iterdir()):
            raise StorageError(f"{folder} is not empty; try: another --out")
        write_durably(Files(), folder / FILE, encode(begun))
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}") from error
    return begun


def read_begun(folder: Path) -> Begun:
    """What was begun in the folder. Raises StorageError where nothing was."""
    try:
        return decode(Begun, (folder / FILE).read_bytes())
    except FileNotFoundError as error:
        raise StorageError(f"{folder} holds no validation: it has no {FILE}") from error
    except OSError as error:
        raise StorageError(f"{folder / FILE}: {error.strerror}") from error
