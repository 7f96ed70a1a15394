"""How long the orchestrator's own threads were ready and had no CPU: a turn's wall time holds that, too."""

from contextlib import suppress
from pathlib import Path

from mlfleet.meters.reading import null
from mlfleet.model import Reading
from mlfleet.names import Name

SOURCE = "/proc/self/task/<tid>/schedstat run_delay"


def own_wait_us(root: Path = Path("/")) -> int | None:
    """Summed over the threads that live; None where the kernel keeps no such account."""
    waited = 0
    try:
        for task in (root / "proc/self/task").iterdir():
            # A thread may end while it is listed.
            with suppress(FileNotFoundError, ProcessLookupError):
                waited += int((task / "schedstat").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return waited // 1000


def waited(before: int | None, after: int | None) -> dict[str, Reading]:
    """The reading of a turn between two of those; a thread that ended in it took its account along."""
    if before is None or after is None:
        return {Name.OWN_WAIT: null(Name.OWN_WAIT, SOURCE, "not_supported")}
    if after < before:
        return {Name.OWN_WAIT: null(Name.OWN_WAIT, SOURCE, "counter_went_back")}
    return {Name.OWN_WAIT: Reading(after - before, "us", SOURCE)}
