"""Readings of a running service from outside: its edges, its peak, the line in between, and its machine meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from mlfleet.meters.cgroup import CgroupMeter
from mlfleet.meters.machine import Machine
from mlfleet.meters.procfs import ProcessMeter
from mlfleet.meters.reading import null
from mlfleet.meters.sampler import Sampled, sampling
from mlfleet.meters.turn import turn_readings
from mlfleet.model import Reading, Runtime
from mlfleet.names import EDGE, Name

__all__ = ["Meters", "Name", "Sampled", "open_meters", "turn_readings"]


class Meter(Protocol):
    """A source of readings; cgroup and procfs are two."""

    def edge(self) -> dict[str, Reading]:
        """Read raw counters and levels, null where they cannot be read."""

    def watch(self) -> tuple[int | None, int | None]:
        """Read charged and anonymous bytes."""

    def reset_peak(self) -> bool:
        """Bring the high-water mark down; False where the kernel refuses."""

    def close(self) -> None:
        """Close what is open."""


class Gone:
    """A service that was gone before it could be looked at."""

    def edge(self) -> dict[str, Reading]:
        """Everything is lost."""
        return {name: null(name, "process", "lost") for name in EDGE}

    def watch(self) -> tuple[None, None]:
        """Nothing."""
        return None, None

    def reset_peak(self) -> bool:
        """There is no mark."""
        return False

    def close(self) -> None:
        """Nothing is open."""


class Meters:
    """What a trial reads of its service. What is gone reads as null, `lost`; nothing here raises OSError."""

    def __init__(self, meter: Meter, machine: Machine, *, resets: bool = True) -> None:
        """Read from `meter` and `machine`; without `resets` nothing is ever written."""
        self._meter, self._machine, self._resets = meter, machine, resets

    def edge(self) -> dict[str, Reading]:
        """Read raw counters and levels, by `Name`."""
        return self._meter.edge()

    def reset_peak(self) -> bool:
        """Reset the high-water mark; False where the kernel refuses, or somebody else's service is only looked at."""
        return self._resets and self._meter.reset_peak()

    @contextmanager
    def sampling(self) -> Iterator[Sampled]:
        """Sample at 100 Hz while the context is open; what it yields is complete afterwards.

        The machine is read here and not at the edges: its counters go on while a service stands still, and the engine
        that freezes and thaws is no neighbour.
        """
        before = self._machine.edge()
        with sampling(self._meter.watch) as sampled:
            yield sampled
        sampled.machine = before, self._machine.edge()

    @staticmethod
    def turn_readings(
        before: Mapping[str, Reading], after: Mapping[str, Reading], sampled: Sampled, *, reset_ok: bool
    ) -> dict[str, Reading]:
        """See the function of that name."""
        return turn_readings(before, after, sampled, reset_ok=reset_ok)


@contextmanager
def open_meters(pid: int, runtime: Runtime, cpus: Sequence[int] = (), root: Path = Path("/")) -> Iterator[Meters]:
    """Open the meters of a service: of the cgroup of `pid`, or (process) of the process and its descendants.

    `cpus`: the measured CPU set, whose other users are looked for; empty: the machine is not asked.
    """
    meter: Meter
    try:
        meter = ProcessMeter(pid, root) if runtime == "process" else CgroupMeter(pid, root)
    except OSError:
        meter = Gone()
    machine = Machine(cpus, root)
    try:
        yield Meters(meter, machine, resets=runtime != "attach")
    finally:
        meter.close()
        machine.close()
