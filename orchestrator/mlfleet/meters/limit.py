"""A container's memory limit, read from outside."""

from pathlib import Path

from mlfleet.meters.cgroup import UNIFIED, folders
from mlfleet.meters.reading import reason_of

_FILES = (("memory", "memory.limit_in_bytes"), (UNIFIED, "memory.max"))


def memory_limit(pid: int, root: Path = Path("/")) -> int | str:
    """The limit of the process's cgroup in bytes; or why it cannot be told, in a word of the readings' closed list."""
    try:
        found = folders(pid, root)
        for controller, file in _FILES:
            if controller in found:
                folder = found[controller]
                if folder is None:
                    return "not_visible"
                text = (folder / file).read_text().strip()
                # v2 writes "max" where there is none.
                return int(text) if text.isdecimal() else "disabled"
    except OSError as error:
        return reason_of(error)
    return "not_supported"
