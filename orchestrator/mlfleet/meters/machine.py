"""Readings of the machine during a turn: how busy the measured CPUs and the others are, and their heat."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from mlfleet.meters.reading import File, Parse, Row, null, read_all, some_total, whole
from mlfleet.model import Reading
from mlfleet.names import HOST_EDGE, Name

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# Fields of a CPU's line in /proc/stat, counted after its name, as in proc(5): user, nice, system, irq, softirq; steal.
# Guests are in user and nice already, and iowait is idle time.
BUSY, STEAL = (0, 1, 2, 5, 6), (7,)
KHZ = 1000
_STAT, _PRESSURE = "/proc/stat", "/proc/pressure/cpu"
_THROTTLES, _CLOCK = "thermal_throttle/core_throttle_count", "cpufreq/scaling_cur_freq"
_CPU_LINE = re.compile(rb"^cpu(\d+) ([\d ]+)$", re.MULTILINE)


def _lines(content: bytes, cpus: frozenset[int], *, others: bool) -> list[list[bytes]]:
    """The CPUs' lines, of the set or of all others. Raises KeyError where one of the set has none."""
    found = {int(cpu): rest.split() for cpu, rest in _CPU_LINE.findall(content)}
    if others:
        return [fields for cpu, fields in found.items() if cpu not in cpus]
    return [found[cpu] for cpu in cpus]


def _time(cpus: frozenset[int], fields: Sequence[int], *, others: bool = False) -> Parse:
    """Make a parser for a sum of times over CPUs, in ns that step by a tick."""

    def parse(content: bytes) -> int:
        lines = _lines(content, cpus, others=others)
        return sum(int(line[field]) for line in lines for field in fields) * TICK_NS

    return parse


def _rows(cpus: frozenset[int]) -> tuple[Row, ...]:
    return (
        Row(Name.SET_BUSY, _STAT, _time(cpus, BUSY), "user + nice + system + irq + softirq of the CPU set"),
        Row(Name.SET_STEAL, _STAT, _time(cpus, STEAL), "steal of the CPU set"),
        Row(Name.OTHERS_BUSY, _STAT, _time(cpus, BUSY, others=True), "the same of all other CPUs"),
        Row(Name.OTHERS_STEAL, _STAT, _time(cpus, STEAL, others=True), "steal of all other CPUs"),
        Row(Name.OTHER_CPUS, _STAT, lambda content: len(_lines(content, cpus, others=True)), "other CPUs"),
        Row(Name.HOST_CPU_PRESSURE, _PRESSURE, some_total, "some total"),
    )


class Machine:
    """The measured CPU set, and all other CPUs that are online. Files are opened once; what is absent reads as null."""

    def __init__(self, cpus: Sequence[int], root: Path = Path("/")) -> None:
        """`cpus`: the CPU set; where it is empty, nothing is asked."""
        rows = _rows(frozenset(cpus)) if cpus else ()
        self._rows = [(row.file, row) for row in rows]
        folders = [f"/sys/devices/system/cpu/cpu{cpu}" for cpu in cpus]
        self._rows += [(f"{f}/{_THROTTLES}", Row(Name.CORE_THROTTLES, _THROTTLES, whole())) for f in folders]
        self._rows += [(f"{f}/{_CLOCK}", Row(Name.FREQUENCY, _CLOCK, _hertz)) for f in folders[:1]]
        # Several rows are read of one file.
        paths = dict.fromkeys(path for path, _ in self._rows)
        self._files = {path: _opened(root / path.lstrip("/")) for path in paths}

    def edge(self) -> dict[str, Reading]:
        """Read everything, each file once; what is read of several CPUs is their sum."""
        contents = read_all(self._files)
        readings: dict[str, Reading] = {}
        for path, row in self._rows:
            one, so_far = row.reading(contents[path]), readings.get(row.name)
            if so_far is not None and one.value is not None:
                one = so_far if so_far.value is None else Reading(so_far.value + one.value, one.unit, one.source)
            readings[row.name] = one
        return {name: readings.get(name) or null(name, _STAT, "not_applicable") for name in HOST_EDGE}

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            if isinstance(file, File):
                file.close()


def _hertz(content: bytes) -> int:
    return int(content) * KHZ


def _opened(path: Path) -> File | OSError:
    try:
        return File(path)
    except OSError as error:
        return error
