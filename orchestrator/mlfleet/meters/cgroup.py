"""Readings of a container from its cgroup: v1, v2 and hybrid (v1 controllers beside a unified tree)."""

import errno
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlfleet.meters.procfs import IO, summed_over
from mlfleet.meters.reading import File, Row, keyed, less, null, read_all, reason_of, some_total, summed, whole
from mlfleet.model import Reading
from mlfleet.names import EDGE, Name

UNIFIED = ""
# shmem is charged to who touched it first and no file can give it back: it belongs to anonymous memory.
_V2 = {
    UNIFIED: (
        Row(Name.CPU, "cpu.stat", keyed("usage_usec", times=1000), "usage_usec"),
        Row(Name.USER, "cpu.stat", keyed("user_usec"), "user_usec"),
        Row(Name.SYSTEM, "cpu.stat", keyed("system_usec"), "system_usec"),
        Row(Name.THROTTLED_PERIODS, "cpu.stat", keyed("nr_throttled"), "nr_throttled"),
        Row(Name.THROTTLED, "cpu.stat", keyed("throttled_usec"), "throttled_usec"),
        Row(Name.CHARGED, "memory.current", whole()),
        Row(Name.MARK, "memory.peak", whole()),
        Row(Name.ANONYMOUS, "memory.stat", keyed("anon", "shmem"), "anon + shmem"),
        Row(Name.FILE, "memory.stat", less(keyed("file"), keyed("shmem")), "file - shmem"),
        Row(Name.FAULTS, "memory.stat", keyed("pgfault"), "pgfault"),
        Row(Name.MAJOR_FAULTS, "memory.stat", keyed("pgmajfault"), "pgmajfault"),
        Row(Name.IO_READ, "io.stat", summed(r"\brbytes=(\d+)"), "rbytes"),
        Row(Name.IO_WRITE, "io.stat", summed(r"\bwbytes=(\d+)"), "wbytes"),
        Row(Name.IO_READS, "io.stat", summed(r"\brios=(\d+)"), "rios"),
        Row(Name.IO_WRITES, "io.stat", summed(r"\bwios=(\d+)"), "wios"),
        Row(Name.CPU_PRESSURE, "cpu.pressure", some_total, "some total"),
        Row(Name.MEMORY_PRESSURE, "memory.pressure", some_total, "some total"),
        Row(Name.IO_PRESSURE, "io.pressure", some_total, "some total"),
        Row(Name.OOM_KILLS, "memory.events", keyed("oom_kill"), "oom_kill"),
        Row(Name.TASKS_PEAK, "pids.peak", whole()),
        Row(Name.TASKS_REFUSED, "pids.events", keyed("max"), "max"),
        Row(Name.FROZEN, "cgroup.events", keyed("frozen"), "frozen"),
    )
}
_BYTES, _SERVICED = "blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"
_V1 = {
    "cpuacct": (
        Row(Name.CPU, "cpuacct.usage", whole()),
        Row(Name.USER, "cpuacct.usage_user", whole(per=1000)),
        Row(Name.SYSTEM, "cpuacct.usage_sys", whole(per=1000)),
    ),
    "cpu": (
        Row(Name.THROTTLED_PERIODS, "cpu.stat", keyed("nr_throttled"), "nr_throttled"),
        Row(Name.THROTTLED, "cpu.stat", keyed("throttled_time", per=1000), "throttled_time"),
    ),
    "memory": (
        Row(Name.CHARGED, "memory.usage_in_bytes", whole()),
        Row(Name.MARK, "memory.max_usage_in_bytes", whole()),
        Row(Name.ANONYMOUS, "memory.stat", keyed("total_rss", "total_shmem"), "total_rss + total_shmem"),
        Row(Name.FILE, "memory.stat", less(keyed("total_cache"), keyed("total_shmem")), "total_cache - total_shmem"),
        Row(Name.FAULTS, "memory.stat", keyed("total_pgfault"), "total_pgfault"),
        Row(Name.MAJOR_FAULTS, "memory.stat", keyed("total_pgmajfault"), "total_pgmajfault"),
        Row(Name.OOM_KILLS, "memory.oom_control", keyed("oom_kill"), "oom_kill"),
    ),
    # No disk listed does not mean no traffic: on some hosts these files stay empty for ever. That is null, not 0.
    "blkio": (
        Row(Name.IO_READ, _BYTES, summed(r" Read (\d+)$"), "Read"),
        Row(Name.IO_WRITE, _BYTES, summed(r" Write (\d+)$"), "Write"),
        Row(Name.IO_READS, _SERVICED, summed(r" Read (\d+)$"), "Read"),
        Row(Name.IO_WRITES, _SERVICED, summed(r" Write (\d+)$"), "Write"),
    ),
    "pids": (
        Row(Name.TASKS_PEAK, "pids.peak", whole()),
        Row(Name.TASKS_REFUSED, "pids.events", keyed("max"), "max"),
    ),
    "freezer": (Row(Name.FROZEN, "freezer.state", lambda content: int(content.strip() == b"FROZEN")),),
}
# Of a hybrid host's unified tree; v1 has no pressure, and its user and system times step by 4 ms.
_UNIFIED_FIRST = frozenset({Name.USER, Name.SYSTEM, Name.CPU_PRESSURE, Name.MEMORY_PRESSURE, Name.IO_PRESSURE})
# What a write to the high-water mark must be for it to be reset, and the file takes no other.
_RESET = b"0"


def folders(pid: int, root: Path = Path("/")) -> dict[str, Path | None]:
    """Find a process's cgroup folders, by controller, from its `/proc/<pid>/cgroup` and the mount table.

    None: it has one, but not below what is mounted here. Raises OSError.
    """
    mounts = dict(_mounts((root / "proc/self/mountinfo").read_text(), root))
    found: dict[str, Path | None] = {}
    for row in (root / "proc" / str(pid) / "cgroup").read_text().splitlines():
        _, controllers, path = row.split(":", 2)
        for controller in controllers.split(","):
            if controller in mounts:
                point, base = mounts[controller]
                inside = PurePosixPath(path)
                visible = inside.is_relative_to(base) and ".." not in inside.parts
                found[controller] = point / inside.relative_to(base) if visible else None
    return found


def _mounts(table: str, root: Path) -> Iterator[tuple[str, tuple[Path, PurePosixPath]]]:
    """Yield each controller with its mount point and the part of the hierarchy that is mounted there."""
    for row in table.splitlines():
        left, _, right = row.partition(" - ")
        base, point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        place = root / point.lstrip("/"), PurePosixPath(base)
        if kind == "cgroup2":
            yield UNIFIED, place
        elif kind == "cgroup":
            for option in options.split(","):
                yield option, place


class CgroupMeter:
    """The readings of one container; descriptors are opened once and kept."""

    def __init__(self, pid: int, root: Path = Path("/")) -> None:
        """Open what there is. Raises OSError if the process is gone already."""
        self._folders = folders(pid, root)
        self._files: dict[str, File | OSError] = {}
        # By name: the row that is read, with the key of its file, or why there is none.
        self._rows: dict[Name, tuple[str, Row] | Reading] = {name: self._choose(name) for name in EDGE}
        self._proc = root / "proc"
        # Where blkio lists no disk, the processes' own counters are asked.
        self._procs = self._processes() if self._lists_no_disk() else None

    def edge(self) -> dict[str, Reading]:
        """Read everything: each file once."""
        contents = read_all(self._files)
        readings: dict[str, Reading] = {
            name: row if isinstance(row, Reading) else row[1].reading(contents[row[0]])
            for name, row in self._rows.items()
        }
        if pids := self._pids():
            readings.update(summed_over(self._proc, IO, pids))
        return readings

    def watch(self) -> tuple[int | None, int | None]:
        """Read charged and anonymous bytes: the two files of the 100 Hz line. None: unreadable."""
        return self._one(Name.CHARGED), self._one(Name.ANONYMOUS)

    def reset_peak(self) -> bool:
        """Bring the high-water mark down to the present level; False where the kernel refuses."""
        row = self._rows[Name.MARK]
        file = None if isinstance(row, Reading) else self._files[row[0]]
        if not isinstance(file, File):
            return False
        try:
            file.write(_RESET)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptors."""
        for file in self._files.values():
            if isinstance(file, File):
                file.close()
        if self._procs:
            self._procs.close()

    def _choose(self, name: Name) -> tuple[str, Row] | Reading:
        tables = (_V2, _V1) if name in _UNIFIED_FIRST or len(self._folders) == 1 else (_V1, _V2)
        failed: list[Reading] = []
        for table in tables:
            for controller, rows in table.items():
                for row in rows:
                    if row.name is not name or controller not in self._folders:
                        continue
                    key = f"{controller}:{row.file}"
                    if key not in self._files:
                        self._files[key] = self._open(controller, row)
                    file = self._files[key]
                    if isinstance(file, File):
                        return key, row
                    reason = "not_visible" if self._folders[controller] is None else reason_of(file)
                    failed.append(null(name, row.source, reason))
        return failed[0] if failed else null(name, "cgroup", "not_supported")

    def _open(self, controller: str, row: Row) -> File | OSError:
        folder = self._folders[controller]
        if folder is None:
            return OSError(errno.ENOENT, "outside of what is mounted here")
        if row.name is Name.MARK:
            try:
                return File(folder / row.file, write=True)
            except OSError:
                # Root's file, or Linux before 6.12 on v2: it can still be read.
                pass
        try:
            return File(folder / row.file)
        except OSError as error:
            return error

    def _lists_no_disk(self) -> bool:
        row = self._rows[Name.IO_READ]
        return not isinstance(row, Reading) and row[0].startswith("blkio:") and self._one(Name.IO_READ) is None

    def _processes(self) -> File | None:
        folder = self._folders.get("memory")
        try:
            return File(folder / "cgroup.procs") if folder else None
        except OSError:
            return None

    def _pids(self) -> list[int]:
        try:
            return [int(pid) for pid in self._procs.read().split()] if self._procs else []
        except OSError:
            # Gone: blkio's own rows say so.
            return []

    def _one(self, name: Name) -> int | None:
        row = self._rows[name]
        if isinstance(row, Reading):
            return None
        file = self._files[row[0]]
        try:
            return None if isinstance(file, OSError) else row[1].parse(file.read())
        except (OSError, KeyError, ValueError):
            return None
