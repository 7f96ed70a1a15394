"""Readings of the process runtime: one process and its living descendants, from /proc."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mlfleet.meters.reading import File, Row, keyed, null, reason_of
from mlfleet.model import Reading
from mlfleet.names import EDGE, Name

_KIB = 1024
# Samples of the line from one listing of descendants to the next: listing costs more than a sample.
LIST_EVERY = 16
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_CHARGED = keyed("VmRSS", times=_KIB)
_ANONYMOUS = keyed("RssAnon", "RssShmem", times=_KIB)
STATUS = (
    Row(Name.CHARGED, "/proc/<pid>/status", _CHARGED, "VmRSS"),
    Row(Name.MARK, "/proc/<pid>/status", keyed("VmHWM", times=_KIB), "VmHWM"),
    Row(Name.ANONYMOUS, "/proc/<pid>/status", _ANONYMOUS, "RssAnon + RssShmem"),
    Row(Name.FILE, "/proc/<pid>/status", keyed("RssFile", times=_KIB), "RssFile"),
)
IO = (
    Row(Name.IO_READ, "/proc/<pid>/io", keyed("read_bytes"), "read_bytes"),
    Row(Name.IO_WRITE, "/proc/<pid>/io", keyed("write_bytes"), "write_bytes"),
    Row(Name.IO_READS, "/proc/<pid>/io", keyed("syscr"), "syscr"),
    Row(Name.IO_WRITES, "/proc/<pid>/io", keyed("syscw"), "syscw"),
)


def _stat(*fields: int, per_tick: int = 1) -> Callable[[bytes], int]:
    """Make a parser for the sum of fields of /proc/<pid>/stat, numbered as in proc(5)."""

    def parse(content: bytes) -> int:
        # The command may hold blanks and brackets of its own: what follows its last bracket is field 3.
        rest = content.rpartition(b")")[2].split()
        return sum(int(rest[field - 3]) for field in fields) * per_tick

    return parse


# Reaped children: their time and faults would be lost with them. Times step by a tick, 10 ms.
STAT = (
    Row(Name.FAULTS, "/proc/<pid>/stat", _stat(10, 11, 12, 13), "minflt + majflt + cminflt + cmajflt"),
    Row(Name.MAJOR_FAULTS, "/proc/<pid>/stat", _stat(12, 13), "majflt + cmajflt"),
    Row(Name.USER, "/proc/<pid>/stat", _stat(14, 16, per_tick=TICK_NS // 1000), "utime + cutime"),
    Row(Name.SYSTEM, "/proc/<pid>/stat", _stat(15, 17, per_tick=TICK_NS // 1000), "stime + cstime"),
)
_REAPED = _stat(16, 17, per_tick=TICK_NS)
CPU_SOURCE = "clock_gettime((~pid << 3) | 2)"
# Its second number: ns on a run queue, without a CPU.
WAIT_SOURCE = "/proc/<pid>/task/<tid>/schedstat run_delay"


def _state(content: bytes) -> int:
    return int(content.rpartition(b")")[2].split()[0] in {b"T", b"t"})


FROZEN = Row(Name.FROZEN, "/proc/<pid>/stat", _state, "state")


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process, in ns. Raises OSError once it is gone."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def summed_over(proc: Path, rows: tuple[Row, ...], pids: list[int]) -> dict[str, Reading]:
    """Sum rows of one file over processes; whether there is a value at all is up to the first of them."""
    file = rows[0].file.rpartition("/")[2]
    total: dict[str, Reading] = {row.name: row.reading(_content(proc, pids[0], file)) for row in rows}
    for pid in pids[1:]:
        content = _content(proc, pid, file)
        for row in rows:
            more, so_far = row.reading(content).value, total[row.name]
            if so_far.value is not None and more is not None:
                total[row.name] = Reading(so_far.value + more, so_far.unit, so_far.source)
    return total


def _content(proc: Path, pid: int, file: str) -> bytes | OSError:
    try:
        return (proc / str(pid) / file).read_bytes()
    except OSError as error:
        return error


class ProcessMeter:
    """The readings of a process with its descendants."""

    def __init__(self, pid: int, root: Path = Path("/"), clock: Callable[[int], int] = cpu_ns) -> None:
        """Look at the process once. Raises OSError if it is gone already."""
        self._pid, self._proc, self._clock = pid, root / "proc", clock
        self._watched: dict[int, File] = {}
        self._until_listed = 0
        self._read(pid, "stat")

    def edge(self) -> dict[str, Reading]:
        """Read everything, each file once; sums over the family."""
        pids = self._family()
        readings: dict[str, Reading] = {name: null(name, "process", "not_supported") for name in EDGE}
        for rows in (STATUS, STAT, IO):
            readings.update(summed_over(self._proc, rows, pids))
        readings[Name.FROZEN] = FROZEN.reading(_content(self._proc, self._pid, "stat"))
        readings[Name.CPU] = self._cpu(pids)
        readings[Name.CPU_WAIT] = self._wait(pids)
        if len(pids) > 1:
            # Pages that processes share count once for each: only comparable with others that fork.
            for row in STATUS:
                reading = readings[row.name]
                readings[row.name] = Reading(reading.value, reading.unit, reading.source, reading.reason, "summed")
        return readings

    def watch(self) -> tuple[int | None, int | None]:
        """Read charged and anonymous bytes, for the 100 Hz line. None: unreadable."""
        if self._until_listed == 0:
            self._watch_family()
        self._until_listed -= 1
        charged = anonymous = None
        for status in self._watched.values():
            try:
                content = status.read()
                charged = (charged or 0) + _CHARGED(content)
                anonymous = (anonymous or 0) + _ANONYMOUS(content)
            except (OSError, KeyError):
                # It has left, or is a zombie without memory.
                continue
        return charged, anonymous

    def reset_peak(self) -> bool:
        """Bring VmHWM down to VmRSS; False where that is refused."""
        try:
            for pid in self._family():
                (self._proc / str(pid) / "clear_refs").write_bytes(b"5")
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptors of the line."""
        for status in self._watched.values():
            status.close()
        self._watched = {}

    def _watch_family(self) -> None:
        self._until_listed = LIST_EVERY
        self.close()
        for pid in self._family():
            with suppress(OSError):
                self._watched[pid] = File(self._proc / str(pid) / "status")

    def _family(self) -> list[int]:
        """List the process and its descendants; those who left meanwhile are not among them."""
        pids = [self._pid]
        for pid in pids:
            tasks = f"{self._proc}/{pid}/task"
            # A thread may end while its process is listed.
            with suppress(OSError):
                for task in os.listdir(tasks):  # noqa: PTH208 - pathlib takes three times as long
                    with suppress(OSError), open(f"{tasks}/{task}/children", "rb", 0) as listing:  # noqa: PTH123
                        pids.extend(map(int, listing.read().split()))
        return pids

    def _cpu(self, pids: list[int]) -> Reading:
        try:
            own = self._clock(self._pid) + _REAPED(self._read(self._pid, "stat"))
        except OSError as error:
            return null(Name.CPU, CPU_SOURCE, reason_of(error))
        for pid in pids[1:]:
            try:
                own += self._clock(pid) + _REAPED(self._read(pid, "stat"))
            except OSError:
                # It left between listing and reading: its parent has its time by the next edge.
                continue
        return Reading(own, "ns", CPU_SOURCE)

    def _wait(self, pids: list[int]) -> Reading:
        """What threads that have ended had waited is gone with them: a counter that went back, at worst."""
        waited = 0
        try:
            for pid in pids:
                with suppress(ProcessLookupError):
                    for task in (self._proc / str(pid) / "task").iterdir():
                        waited += int((task / "schedstat").read_bytes().split()[1])
        except (OSError, IndexError, ValueError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else "not_supported"
            return null(Name.CPU_WAIT, WAIT_SOURCE, reason)
        return Reading(waited // 1000, "us", WAIT_SOURCE, method="summed")

    def _read(self, pid: int, file: str) -> bytes:
        return (self._proc / str(pid) / file).read_bytes()
