"""What runs left behind that were killed together with their reaper: found, and removed."""

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlfleet.errors import LockedError, StorageError
from mlfleet.launch.leftovers import BOOT_LABEL, LOCK_LABEL, RUN8, RUN_LABEL, Owned, containers, services
from mlfleet.launch.sockets import run_base
from mlfleet.locks import boot_id, claim, holder

PREFIX = "mlf-"
# A look at a lock takes it for microseconds.
PATIENCE_S = 0.1


@dataclass
class Objects:
    """What carries the mark of one run."""

    run8: str
    containers: list[str] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    # Locks that its containers name; none of a container from before this machine's start.
    locks: set[Path] = field(default_factory=set)

    def __str__(self) -> str:
        """One line that names all of it."""
        parts = [str(path) for path in self.paths]
        parts += [f"container {name}" for name in self.containers]
        parts += [f"process {pid}" for pid in self.processes]
        return f"run {self.run8}: {', '.join(parts)}"


@dataclass(frozen=True)
class Found:
    """One run's objects and whether anybody looks after them; `why` names the holder, or why that cannot be told."""

    state: Literal["left", "in use", "unknown"]
    objects: Objects
    why: str = ""


def survey(engine: str | None, base: Path | None = None) -> list[Found]:
    """Every run that has objects on this host. A lock that cannot be read counts as held, and is named.

    `engine`: path of the engine's socket, None where none answers. Raises OSError where it stops answering.
    """
    base = base or run_base()
    runs: defaultdict[str, Objects] = defaultdict(lambda: Objects(""))
    for path in sorted(base.glob(f"{PREFIX}*")):
        run8 = path.name.removeprefix(PREFIX).removesuffix(".lock")
        if RUN8.fullmatch(run8):
            runs[run8].paths.append(path)
    for run8, pid in services(base):
        runs[run8].processes.append(pid)
    for container in containers(engine) if engine else []:
        run8 = container.labels.get(RUN_LABEL, "")
        # Without the name of a lock it was no run that launched it.
        if RUN8.fullmatch(run8) and LOCK_LABEL in container.labels:
            runs[run8].containers.append(container.name)
            if container.labels.get(BOOT_LABEL) == boot_id():
                runs[run8].locks.add(Path(container.labels[LOCK_LABEL]))
    for run8, objects in runs.items():
        objects.run8 = run8
        objects.locks.add(Owned(run8, base, engine).lock)
    return [_judge(objects) for objects in runs.values()]


def sweep(engine: str | None, say: Callable[[str], None], base: Path | None = None) -> None:
    """Remove what nobody looks after, and say so; name what could not be judged or removed."""
    base = base or run_base()
    try:
        found = survey(engine, base)
    except OSError as error:
        say(f"leftovers of killed runs were not looked for: {error}")
        return
    for one in found:
        if one.state == "unknown":
            say(f"left alone: {one.objects}; {one.why}")
        elif one.state == "left" and _remove(Owned(one.objects.run8, base, engine), say):
            say(f"removed what a killed run left: {one.objects}")


def _judge(objects: Objects) -> Found:
    for lock in sorted(objects.locks):
        held = holder(lock)
        if isinstance(held, str):
            return Found("unknown", objects, held)
        if held is not None:
            return Found("in use", objects, f"pid {held.pid} or its reaper")
    return Found("left", objects)


def _remove(owned: Owned, say: Callable[[str], None]) -> bool:
    """With the run's lock in hand, so that neither a resume nor another sweep comes between."""
    try:
        fd = claim(owned.lock, owned.run8, PATIENCE_S)
    except LockedError:
        return False
    except StorageError as error:
        say(str(error))
        return False
    try:
        owned.clear({}, 0.0)
        owned.lock.unlink()
    except OSError as error:
        say(f"{error.filename} could not be removed ({error.strerror}); remove it as root")
        return False
    finally:
        os.close(fd)
    return True
