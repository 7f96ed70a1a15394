"""What only the whole run can tell of a trial: hardly slower than nothing, failed in an audit, an unusual sentinel.

The ledger's lines stay as they are; a report is made of what is judged here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlfleet.errors import StorageError
from mlfleet.verify.claims import Control, controls, is_too_fast
from mlfleet.verify.machine import is_unusual, limits_of, usual
from mlfleet.verify.plain import UNREADABLE, Node, parse
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, Turn

AUDITS = "audits.jsonl"
# Flags that are published behind `sentinel`.
_BEHIND = frozenset({"faults", "hot", "gpu_shared", "gap", "peers_running"})


@dataclass(frozen=True)
class Failure:
    """A gate that an audit of an image's task failed."""

    image: str
    task: str
    code: str


def judged(run: Run, trials: Sequence[Trial], audits: Sequence[Failure]) -> list[Trial]:
    """The trials that count, with verdicts and flags that need all of them."""
    flagged = _flagged(run, trials)
    nothing = controls(run, flagged)
    return [_judged(run, trial, nothing, audits) if trial.verdict == "ok" else trial for trial in flagged]


def read_audits(folders: Sequence[Path]) -> list[Failure]:
    """What the last audit of each image, task and workload failed. Raises StorageError."""
    latest: dict[tuple[str, str, str], list[Failure]] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        for number, line in enumerate(_lines(folder / AUDITS), start=1):
            try:
                audit = Node(parse(line))
                image, task = audit["image_id"].text(), audit["task"].text()
                failed = [one for one in audit["outcomes"].items() if one["state"].text() == "failed"]
                key = image, task, audit["workload"].text()
                latest[key] = [Failure(image, task, one["code"].text()) for one in failed]
            except UNREADABLE as error:
                raise StorageError(f"{folder / AUDITS}:{number}: {error}") from error
    return [failure for failures in latest.values() for failure in failures]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        yield from path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def _judged(run: Run, trial: Trial, nothing: Mapping[str, Sequence[Control]], audits: Sequence[Failure]) -> Trial:
    image, work = trial.body.get("image_id"), run.workload(trial.workload)
    codes = ["short_work"] if is_too_fast(run, trial, nothing) else []
    if image and work:
        codes += [one.code for one in audits if (one.image, one.task) == (image.text(), work.task)]
    return replace(trial, verdict=codes[0], added=tuple(codes)) if codes else trial


def _flagged(run: Run, trials: Sequence[Trial]) -> list[Trial]:
    middle, limits = usual(trials), limits_of(run)
    if limits is None:
        return list(trials)

    def whole(turn: Turn) -> Turn:
        if "sentinel" in turn.flags or not is_unusual(turn, middle, limits):
            return turn
        before = [flag for flag in turn.flags if flag not in _BEHIND]
        return replace(turn, flags=(*before, "sentinel", *turn.flags[len(before) :]))

    return [replace(trial, turns=tuple(whole(turn) for turn in trial.turns)) for trial in trials]
