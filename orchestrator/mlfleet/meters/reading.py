"""One file or call, read into readings: a value, or null with the reason; never a zero that stands for unknown."""

import errno
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlfleet.model import Reading
from mlfleet.names import Name

Unit = Literal["ns", "us", "hz", "bytes", "count"]
# The largest file is memory.stat, 2 KiB; io.stat grows by a line per disk.
READ_BYTES = 1 << 16
REASONS = {
    errno.ENOENT: "no_such_file",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
    # PSI is compiled in, but off.
    errno.EOPNOTSUPP: "disabled",
    # The cgroup or the process is gone.
    errno.ENODEV: "lost",
    errno.ESRCH: "lost",
}


def unit_of(name: Name) -> Unit:
    """Tell the unit of a reading from its name."""
    for suffix, unit in (("_ns", "ns"), ("_us", "us"), ("_hz", "hz"), ("_bytes", "bytes")):
        if name.endswith(suffix):
            return unit  # type: ignore[return-value]
    return "bytes" if name.startswith("memory_") else "count"


def null(name: Name, source: str, reason: str) -> Reading:
    """Make a reading without a value."""
    return Reading(None, unit_of(name), source, reason)


def reason_of(error: OSError) -> str:
    """Say why nothing could be read, in a word of the closed list."""
    return REASONS.get(error.errno or 0, "lost")


class File:
    """A file of the kernel's, opened once and read anew each time. Raises OSError as the calls do."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        """Open; `write` where a peak is to be reset, which must be on the same descriptor."""
        self._fd = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)

    def read(self) -> bytes:
        """Read the whole of it."""
        return os.pread(self._fd, READ_BYTES, 0)

    def write(self, data: bytes) -> None:
        """Write at its start."""
        os.pwrite(self._fd, data, 0)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


# From a file's content to a value; KeyError: this kernel's file has no such field.
Parse = Callable[[bytes], int]


@dataclass(frozen=True)
class Row:
    """One reading: the file, as the kernel's documentation names it, and what to take from it."""

    name: Name
    file: str
    parse: Parse
    # The field, for the source of the reading; empty where the file is one number.
    field: str = ""

    @property
    def source(self) -> str:
        """File and field."""
        return f"{self.file} {self.field}".rstrip()

    def reading(self, content: bytes | OSError) -> Reading:
        """Take the value from what was read."""
        if isinstance(content, OSError):
            return null(self.name, self.source, reason_of(content))
        try:
            return Reading(self.parse(content), unit_of(self.name), self.source)
        except (KeyError, ValueError):
            return null(self.name, self.source, "not_supported")


def whole(per: int = 1) -> Parse:
    """Make a parser for a file that is one number, divided by `per`."""
    return lambda content: int(content) // per


def keyed(*keys: str, times: int = 1, per: int = 1) -> Parse:
    """Make a parser for `key value` lines: the sum of the keys' values, scaled. Raises KeyError where one is absent."""
    patterns = [re.compile(rb"^%b:?[ \t]+(\d+)" % key.encode(), re.MULTILINE) for key in keys]

    def parse(content: bytes) -> int:
        total = 0
        for pattern in patterns:
            if (found := pattern.search(content)) is None:
                raise KeyError(pattern.pattern)
            total += int(found[1])
        return total * times // per

    return parse


def less(parse: Parse, minus: Parse) -> Parse:
    """Make a parser for a difference."""
    return lambda content: parse(content) - minus(content)


def some_total(content: bytes) -> int:
    """Take the microseconds that some task waited from a PSI file."""
    found = re.search(rb"^some .*total=(\d+)", content, re.MULTILINE)
    if found is None:
        raise KeyError("some")
    return int(found[1])


def summed(pattern: str) -> Parse:
    """Make a parser for the sum over all disks of `io.stat` or blkio. Raises KeyError where no disk is listed."""
    compiled = re.compile(pattern.encode(), re.MULTILINE)

    def parse(content: bytes) -> int:
        found = compiled.findall(content)
        if not found:
            raise KeyError(pattern)
        return sum(map(int, found))

    return parse


def read_all(files: Mapping[str, File | OSError]) -> dict[str, bytes | OSError]:
    """Read every file once."""
    contents: dict[str, bytes | OSError] = {}
    for name, file in files.items():
        try:
            contents[name] = file if isinstance(file, OSError) else file.read()
        except OSError as error:
            contents[name] = error
    return contents
