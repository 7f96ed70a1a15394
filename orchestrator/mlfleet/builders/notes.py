"""What a build took and began from, kept where the build is, so that a report can say it later."""

import json
from dataclasses import dataclass
from pathlib import Path

from mlfleet.errors import HostError
from mlfleet.payload import cache_folder


@dataclass(frozen=True)
class Note:
    """The last build of one image or of one local build."""

    # None where nothing is known of it; `begun` says why.
    seconds: float | None
    # What was kept of earlier builds: "4 of 9 steps cached, 2 crates compiled".
    begun: str


UNKNOWN = Note(None, "it was not built by `mlfleet build` here")


def images_notes() -> Path:
    """The folder with what builds of images took."""
    return cache_folder() / "builds"


def note_of(image_id: str, folder: Path) -> Path:
    """The file of one image in it."""
    return folder / f"{image_id.removeprefix('sha256:')}.json"


def write_note(path: Path, note: Note) -> None:
    """Keep it in that file. Raises HostError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(note)), "utf-8")
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}; how long the build took cannot be kept") from error


def read_note(path: Path) -> Note:
    """What is kept there; a file that is absent or no note is no reason to fail."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return Note(float(found["seconds"]), str(found["begun"]))
    except (OSError, ValueError, TypeError, KeyError):
        return UNKNOWN
