"""Whether a service's CLOCK_MONOTONIC is the orchestrator's: only then must its stamps lie inside our calls (T1)."""

from pathlib import Path

from mlfleet.model import Clock


def clock_of(pid: int, boot_id: str, root: Path = Path("/")) -> Clock:
    """`shared` if the service reports this host's boot, and no time namespace shifts its clock or ours; else `own`.

    What cannot be read is no proof: `own`, which leaves the service's durations to be checked, and nothing else.
    """
    try:
        here = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
        alike = boot_id == here and not any(_shifted(root / "proc" / of) for of in ("self", str(pid)))
    except (OSError, ValueError):
        return "own"
    return "shared" if alike else "own"


def _shifted(process: Path) -> bool:
    """By its lines `monotonic <s> <ns>` and `boottime <s> <ns>`. Raises OSError, ValueError."""
    try:
        lines = (process / "timens_offsets").read_text().splitlines()
    except FileNotFoundError:
        # A kernel without time namespaces has no such file, a process that is gone no folder.
        if (process.parent / "self/timens_offsets").exists() or not process.exists():
            raise
        return False
    return any(int(number) for line in lines for number in line.split()[1:])
