"""Ledgers to test with: a few records, and files that fail when they are told to."""

import errno
import os

import pytest
from mlfleet.ledger import Ledger, Stamp
from mlfleet.ledger_files import Files
from mlfleet.ledger_lines import (
    BlockBody,
    read_lines,
)
from mlfleet.model import Record, Trial
from mlfleet.verdict import Verdict

RUN = b'{"plan":[]}'
NOW = Stamp("2026-11-26T00:00:00.000000+00:00", 1, "boot")


@pytest.fixture(autouse=True)
def no_disk(monkeypatch):
    """Thousands of true fsyncs would take minutes; that they are asked for is what the faulty ones show."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


class Died(BaseException):
    """The writer is gone: no handler of ours runs."""


class Faulty(Files):
    """The Nth of all calls fails; `cut` lets half of a failing write through."""

    def __init__(self, nth=0, error=errno.EIO, only=None, *, cut=False, lasting=False):
        self.nth, self.error, self.only, self.cut, self.lasting, self.calls = nth, error, only, cut, lasting, 0

    def _fault(self, name):
        if self.only in (None, name):
            self.calls += 1
            if self.calls == self.nth or (self.lasting and self.nth and self.calls > self.nth):
                if self.error is Died:
                    raise Died
                raise OSError(self.error, os.strerror(self.error))

    def write(self, fd, data):
        try:
            self._fault("write")
        except (OSError, Died):
            if self.cut:
                half = super().write(fd, data[: len(data) // 2])
                if self.error is not Died:
                    return half
            raise
        return super().write(fd, data)

    def overwrite(self, fd, data, offset):
        self._fault("overwrite")
        return super().overwrite(fd, data, offset)

    def fsync(self, fd):
        self._fault("fsync")
        super().fsync(fd)

    def truncate(self, fd, size):
        self._fault("truncate")
        super().truncate(fd, size)

    def allocate(self, fd, size):
        self._fault("allocate")
        super().allocate(fd, size)

    def replace(self, source, target):
        self._fault("replace")
        super().replace(source, target)

    def unlink(self, path):
        self._fault("unlink")
        super().unlink(path)


def trial(number, attempt=1):
    return Trial(
        cell=f"cell{number}", workload="w", setting="1 thread", framework="linfa", block=number, attempt=attempt
    )


def record(number, verdict=Verdict.OK, attempt=1):
    return Record(trial=trial(number, attempt), verdict=verdict, reason="", phase="measure")


def stamp():
    return NOW


def filled(folder, blocks=3):
    with Ledger.create(folder, RUN, stamp=stamp) as ledger:
        for number in range(blocks):
            ledger.append("start", trial(number))
            seq = ledger.append("record", record(number))
            ledger.append("block", BlockBody("w", number, (seq,)))
    return folder


def kinds(folder):
    return [line.kind for line in read_lines(folder)]


def reopened(folder, files=None):
    with Ledger.open(folder, files=files, stamp=stamp) as ledger:
        return [line.kind for line in ledger.lines()]
