"""How small a difference this host can show: what equal services seemed to differ by, kept in the user's state folder.

`mlfleet validate` measures it and a run takes it along: a ratio within the host's A/A resolution is nobody's merit.
"""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic.dataclasses import dataclass

from mlfleet.codec import canonical, decode, encode
from mlfleet.errors import StorageError
from mlfleet.ledger_files import Files, write_durably
from mlfleet.model import STRICT, Metric, Setting

# What work mostly waits for: pairs of one kind say nothing of another.
Bound = Literal["interpreter", "compute", "memory", "gpu"]
Schedule = Literal["short", "standard"]
# Fewer equal pairs have no 95th percentile.
MIN_PAIRS = 20
PERCENTILE = 95.0
# Digits of a fingerprint's SHA-256 that name its file.
_DIGITS = 16


@dataclass(frozen=True, config=STRICT)
class Limit:
    """The 95th percentile of exp(abs D) - 1 over pairs of equal services."""

    setting: Setting
    schedule: Schedule
    metric: Metric
    bound: Bound
    # As a share: 0.01 where 95 % of equal pairs seemed to differ by less than 1 %.
    share: float
    pairs: int
    # Services that the pairs were made of: pairs that share one are not independent of each other.
    services: int
    blocks: int


@dataclass(frozen=True, config=STRICT)
class Resolution:
    """What one `mlfleet validate` found on one host."""

    validation: str
    created: str
    limits: tuple[Limit, ...]

    def limit(self, setting: Setting, schedule: str, metric: Metric, bound: str) -> Limit | None:
        """The limit that holds for a comparison; None where none was measured for it.

        Turns of the standard schedule are longer: where only the short one was validated, its coarser limit holds for
        both, but never the other way round.
        """
        for usable in (schedule, "short"):
            for one in self.limits:
                if (one.setting, one.schedule, one.metric, one.bound) == (setting, usable, metric, bound):
                    return one
        return None


def limit_of(points: Sequence[float]) -> float | None:
    """The resolution that points D of equal pairs show; None of fewer than 20."""
    if len(points) < MIN_PAIRS:
        return None
    return math.expm1(float(np.percentile(np.abs(points), PERCENTILE)))


def state_folder() -> Path:
    """$MLFLEET_STATE, else $XDG_STATE_HOME/mlfleet, else ~/.local/state/mlfleet; need not exist yet."""
    if own := os.environ.get("MLFLEET_STATE"):
        return Path(own)
    shared = os.environ.get("XDG_STATE_HOME")
    return (Path(shared) if shared else Path.home() / ".local/state") / "mlfleet"


def load(fingerprint: Mapping[str, str | int | None], folder: Path | None = None) -> Resolution | None:
    """What was found last on the host of that fingerprint; None if nothing. Raises StorageError."""
    path = _path(fingerprint, folder)
    try:
        return decode(Resolution, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    except StorageError as error:
        raise StorageError(f"{path}: {error}; try: delete it, and mlfleet validate again") from error


def store(fingerprint: Mapping[str, str | int | None], found: Resolution, folder: Path | None = None) -> Path:
    """Keep what was found, with the older limits that it has nothing newer for. Raises StorageError."""
    path = _path(fingerprint, folder)
    newer = {_key(limit) for limit in found.limits}
    older = load(fingerprint, folder)
    kept = tuple(limit for limit in older.limits if _key(limit) not in newer) if older else ()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(Files(), path, encode(Resolution(found.validation, found.created, (*found.limits, *kept))))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def _key(limit: Limit) -> tuple[str, ...]:
    return limit.setting, limit.schedule, limit.metric, limit.bound


def _path(fingerprint: Mapping[str, str | int | None], folder: Path | None) -> Path:
    digest = hashlib.sha256(canonical(dict(fingerprint))).hexdigest()[:_DIGITS]
    return (folder or state_folder()) / "resolution" / f"{digest}.json"
