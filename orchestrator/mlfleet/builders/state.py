"""How a build stands to its source."""

from dataclasses import dataclass
from typing import Literal

from mlfleet.builders.notes import UNKNOWN, Note

TRY = "; try: "

# foreign: an image of that name which does not say what it was built from.
# not_built: this host cannot build it. named: an image that the user named, whatever it was built from.
# failed: it was tried just now, and the reason holds the last lines.
Build = Literal["current", "stale", "missing", "foreign", "not_built", "named", "failed"]


@dataclass(frozen=True)
class BuildState:
    """One service's build on one runtime."""

    state: Build
    # A sentence for the user, with what to try.
    reason: str
    # docker: the id to launch, and how its base was made where no registry answered. process: digest of the sources.
    image_id: str | None = None
    stand_in: str | None = None
    size_bytes: int | None = None
    # Of the image or installation that it stands on, shared with others: part of an image's own size, beside a venv's.
    layer_bytes: int | None = None
    # What the last build of it took.
    built: Note = UNKNOWN

    def told(self, key: str, runtime: str) -> str:
        """The reason with the one command that builds that service for that runtime."""
        return f"{self.reason.partition(TRY)[0]}{TRY}mlfleet build {key} --runtime {runtime}"
