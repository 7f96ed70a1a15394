"""What this host's readings are while nothing else runs: the 99th percentiles that `doctor --calibrate` keeps.

They lie in the user's state folder, by host, runtime and setting, and a run takes the limits that follow from them
along in its run.json.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic.dataclasses import dataclass

from mlfleet.codec import canonical, decode, encode
from mlfleet.errors import StorageError
from mlfleet.ledger_files import Files, write_durably
from mlfleet.model import STRICT, Runtime, Setting, Turn
from mlfleet.noise import Limits, distances, quiet, shares
from mlfleet.resolution import state_folder

PERCENTILE = 99.0
_DIGITS = 16


@dataclass(frozen=True, config=STRICT)
class Quietness:
    """What one calibration saw."""

    created: str
    turns: int
    # 99th percentile of each reading, by the names of noise.Limits.
    percentiles: Mapping[str, float]

    @property
    def limits(self) -> Limits:
        """The limits that hold on this host."""
        return Limits.fitted(self.percentiles)


def percentiles(turns: Sequence[Turn], cpus: int) -> dict[str, float]:
    """The 99th percentile of each reading of these turns; what is null in all of them is absent."""
    usual = quiet(turns, {})
    seen: dict[str, list[float]] = {}
    for turn in turns:
        found = shares(turn, cpus)
        for sentinel in turn.sentinel[:1]:
            found |= distances(sentinel, usual)
        for name, value in found.items():
            seen.setdefault(name, []).append(value)
    return {name: float(np.percentile(values, PERCENTILE)) for name, values in seen.items()}


def load(
    fingerprint: Mapping[str, str | int | None], runtime: Runtime, setting: Setting, folder: Path | None = None
) -> Quietness | None:
    """What was seen last on that host; None if it was never calibrated. Raises StorageError."""
    path = _path(fingerprint, runtime, setting, folder)
    try:
        return decode(Quietness, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    except StorageError as error:
        raise StorageError(f"{path}: {error}; try: delete it, and mlfleet doctor --calibrate again") from error


def store(
    found: Quietness,
    fingerprint: Mapping[str, str | int | None],
    runtime: Runtime,
    setting: Setting,
    folder: Path | None = None,
) -> Path:
    """Keep what was seen, in the place of what was seen before. Raises StorageError."""
    path = _path(fingerprint, runtime, setting, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(Files(), path, encode(found))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def limits(fingerprint: Mapping[str, str | int | None], runtime: Runtime, setting: Setting) -> Limits:
    """The limits of a run that begins now: this host's own, or the starting values. Raises StorageError."""
    found = load(fingerprint, runtime, setting)
    return found.limits if found else Limits()


def _path(fingerprint: Mapping[str, str | int | None], runtime: Runtime, setting: Setting, folder: Path | None) -> Path:
    digest = hashlib.sha256(canonical(dict(fingerprint))).hexdigest()[:_DIGITS]
    return (folder or state_folder()) / "quiet" / f"{digest}-{runtime}-{setting.replace(' ', '-')}.json"
