"""An appended line is never lost and never counted twice, whatever fails and wherever the writer dies."""

import errno
import hashlib
import os
import random
import shutil
import zlib
from contextlib import suppress

import pytest
from mlfleet.codec import encode
from mlfleet.errors import StorageError
from mlfleet.ledger import Ledger, Stamp
from mlfleet.ledger_files import RESERVE, RESERVE_BYTES, Files
from mlfleet.ledger_lines import (
    BlockBody,
    CloseBody,
    NoteBody,
    attempts,
    closed_blocks,
    read_lines,
    read_records,
    sealed,
)
from mlfleet.model import Record, Trial
from mlfleet.verdict import Verdict

RUN = b'{"plan":[]}'
NOW = Stamp("2026-11-26T00:00:00.000000+00:00", 1, "boot")


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
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


def test_what_was_appended_is_read_back(tmp_path):
    folder = filled(tmp_path / "run")
    assert kinds(folder) == ["open", *["start", "record", "block"] * 3]
    assert read_records(folder) == [record(number) for number in range(3)]
    assert set(closed_blocks(read_lines(folder))) == {("w", 0), ("w", 1), ("w", 2)}
    assert (folder / RESERVE).stat().st_size == RESERVE_BYTES
    assert (folder / RESERVE).stat().st_blocks * 512 >= RESERVE_BYTES


def test_a_line_has_the_documented_form(tmp_path):
    folder = filled(tmp_path / "run", blocks=0)
    line = (folder / "ledger.jsonl").read_bytes()
    text = (
        b'{"body":{},"boot":"boot","kind":"open","mono_ns":1,"prev":"%b","schema":1,"seq":0,'
        b'"wall":"2026-11-26T00:00:00.000000+00:00"}' % hashlib.sha256(RUN).hexdigest().encode()
    )
    assert line == b"%08x %b\n" % (zlib.crc32(text), text)


def test_only_records_that_a_block_line_names_count(tmp_path):
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        ledger.append("record", record(0))
        first = ledger.append("record", record(0, attempt=2))
        ledger.append("block", BlockBody("w", 0, (first,)))
        with pytest.raises(ValueError, match="closed already"):
            ledger.append("block", BlockBody("w", 0, (first - 1,)))
        ledger.append("record", record(1))
    assert read_records(tmp_path / "run") == [record(0, attempt=2)]
    assert len(read_records(tmp_path / "run", closed_only=False)) == 3
    with Ledger.open(tmp_path / "run") as ledger, pytest.raises(ValueError, match="closed already"):
        ledger.append("block", BlockBody("w", 0, ()))


def test_attempts(tmp_path):
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        ledger.append("start", trial(0))
        ledger.append("record", record(0, Verdict.KILLED))
        ledger.append("start", trial(0, 2))
        ledger.append("record", record(0, Verdict.INTERRUPTED, 2))
        ledger.append("start", trial(1))
        ledger.append("close", CloseBody("interrupted"))
        ledger.append("resume", {})
        ledger.append("record", record(1, Verdict.INTERRUPTED))
        ledger.append("start", trial(2))
        ledger.append("resume", {})
        ledger.append("record", record(2, Verdict.INTERRUPTED))
        ledger.append("start", trial(3))
        found = attempts(ledger.lines())
    assert found.started == {("cell0", 0): 2, ("cell1", 1): 1, ("cell2", 2): 1, ("cell3", 3): 1}
    assert found.charged == {("cell0", 0): 1, ("cell2", 2): 1, ("cell3", 3): 1}
    assert found.unfinished == (trial(3),)


def test_a_folder_whose_begin_was_killed_can_be_begun_in(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "ledger.jsonl").touch()
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        assert [line.kind for line in ledger.lines()] == ["open"]


def test_no_second_run_in_a_folder(tmp_path):
    filled(tmp_path / "run")
    with pytest.raises(StorageError, match="holds a run already"):
        Ledger.create(tmp_path / "run", RUN)


def test_a_body_too_long_or_not_canonical_leaves_nothing_behind(tmp_path):
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        for body in ({"x": "y" * (1 << 20)}, {"x": float("nan")}):
            with pytest.raises(ValueError, match=r"blobs|compliant"):
                ledger.append("note", body)
        ledger.append("note", NoteBody("a", "b"))
    assert kinds(tmp_path / "run") == ["open", "note"]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, Died])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("lasting", [False, True])
def test_whatever_call_fails_acknowledged_lines_survive(tmp_path, error, cut, lasting):
    for nth in range(1, 200):
        folder = tmp_path / str(nth)
        files = Faulty(nth, error, cut=cut, lasting=lasting)
        done = []
        try:
            with Ledger.create(folder, RUN, files=files, stamp=stamp) as ledger:
                done.append("open")
                for number in range(3):
                    blob = ledger.blob(b"log" * number)
                    done_blob = (folder / "blobs" / blob).read_bytes()
                    assert done_blob == b"log" * number
                    for kind, body in (("record", record(number)), ("block", BlockBody("w", number, ()))):
                        ledger.append(kind, body)
                        done.append(kind)
        except (StorageError, Died):
            # Nothing but the injected fault may stop it.
            failed = True
        else:
            failed = False
        assert failed <= (files.calls >= nth)
        if not (folder / "run.json").exists():
            assert done == []
            continue
        found = reopened(folder)
        assert found[: len(done)] == done or not done
        extra = [kind for kind in found[len(done) :] if kind not in ("note", "close", "open")]
        # A line whose fsync failed may be there all the same: one at most.
        assert len(extra) <= 1
        assert not list(folder.rglob(".*.tmp"))
        if files.calls < nth:
            return
    pytest.fail("no run passed untouched")


def test_a_failed_fsync_is_not_tried_again(tmp_path):
    files = Faulty()
    with Ledger.create(tmp_path / "run", RUN, files=files) as ledger:
        files.only, files.nth, files.calls = "fsync", 1, 0
        with pytest.raises(StorageError, match="fsync"):
            ledger.append("note", NoteBody("a", "b"))
        with pytest.raises(StorageError, match="given up"):
            ledger.append("note", NoteBody("c", "d"))
        with pytest.raises(StorageError, match="given up"):
            ledger.blob(b"x")
        assert files.calls == 1


@pytest.mark.parametrize("cut", [False, True])
def test_a_full_disk_is_the_last_line(tmp_path, cut):
    folder = filled(tmp_path / "run")
    files = Faulty(1, errno.ENOSPC, "write", cut=cut)
    with Ledger.open(folder, files=files) as ledger:
        with pytest.raises(StorageError, match="all lines before are safe") as error:
            ledger.append("record", record(9))
        assert error.value.exit_code == 74
    *_, last = read_lines(folder)
    assert last.kind == "close"
    assert last.read(CloseBody) == CloseBody("no_space")
    assert not (folder / RESERVE).exists()
    assert reopened(folder) == kinds(folder)
    assert (folder / RESERVE).exists()


def test_no_room_for_the_reserve_is_said_before_anything_runs(tmp_path):
    with pytest.raises(StorageError, match="No space left"):
        Ledger.create(tmp_path / "run", RUN, files=Faulty(1, errno.ENOSPC, "allocate"))
    assert not (tmp_path / "run" / "run.json").exists()


def test_every_cut_point(tmp_path):
    folder = filled(tmp_path / "run", blocks=1)
    whole = (folder / "ledger.jsonl").read_bytes()
    ends = [line.end for line in read_lines(folder)]
    for size in sorted({*range(0, len(whole), 7), *ends[:-1], *(end - 1 for end in ends)}):
        (folder / "ledger.jsonl").write_bytes(whole[:size])
        complete = sum(end <= size for end in ends)
        assert len(list(read_lines(folder))) == complete
        found = reopened(folder)
        if size + 1 in ends:
            assert found[-1] == "note"
            assert len(found) == complete + 2
        elif size in (0, *ends):
            assert len(found) == max(complete, 1)
        else:
            torn = sorted(folder.glob("torn-*"))
            assert [path.read_bytes() for path in torn] == [whole[max([0, *ends[:complete]]) : size]]
            *_, note = read_lines(folder)
            assert note.read(NoteBody) == NoteBody("torn", torn[0].name)
            assert reopened(folder)[-1] == "note"
            assert len(list(read_lines(folder))) == len(found)
            torn[0].unlink()


def test_a_spoilt_last_newline_is_restored(tmp_path):
    folder = filled(tmp_path / "run")
    whole = (folder / "ledger.jsonl").read_bytes()
    (folder / "ledger.jsonl").write_bytes(whole[:-1] + b"\x0b")
    assert len(reopened(folder)) == 11
    assert (folder / "ledger.jsonl").read_bytes().startswith(whole)


@pytest.mark.parametrize("nth", range(1, 12))
def test_dying_while_mending_loses_nothing(tmp_path, nth):
    folder = filled(tmp_path / "run")
    whole = (folder / "ledger.jsonl").read_bytes()
    (folder / "ledger.jsonl").write_bytes(whole + b"0123 torn")
    with suppress(Died), Ledger.open(folder, files=Faulty(nth, Died, cut=True)):
        pass
    reopened(folder)
    assert b"0123 torn" in [path.read_bytes() for path in folder.glob("torn-10-*")]
    notes = [line.read(NoteBody).detail for line in read_lines(folder) if line.kind == "note"]
    assert sorted(set(notes)) == sorted(notes) == sorted(path.name for path in folder.glob("torn-*"))


def test_a_flipped_bit_is_found_and_named(tmp_path):
    folder = filled(tmp_path / "run")
    whole = (folder / "ledger.jsonl").read_bytes()
    ends = [line.end for line in read_lines(folder)]
    dice = random.Random(7)
    for _ in range(300):
        at, bit = dice.randrange(len(whole)), dice.randrange(8)
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << bit
        (folder / "ledger.jsonl").write_bytes(spoilt)
        if at == len(whole) - 1:
            continue
        seq = sum(end <= at for end in ends)
        with pytest.raises(StorageError, match=rf"seq {seq} at offset {([0, *ends])[seq]}:"):
            Ledger.open(folder)
        assert (folder / "ledger.jsonl").read_bytes() == spoilt


def test_lines_cannot_be_dropped_moved_or_given_another_run(tmp_path):
    folder = filled(tmp_path / "run")
    path = folder / "ledger.jsonl"
    rows = path.read_bytes().splitlines(keepends=True)
    for changed in (rows[:4] + rows[5:], [*rows[:4], rows[5], rows[4], *rows[6:]], [*rows, rows[-1]], rows[1:]):
        path.write_bytes(b"".join(changed))
        with pytest.raises(StorageError, match="damaged"):
            list(read_lines(folder))
    path.write_bytes(b"".join(rows))
    (folder / "run.json").write_bytes(b"{}")
    with pytest.raises(StorageError, match=r"seq 0 at offset 0: run\.json"):
        list(read_lines(folder))


def test_a_line_that_was_sealed_anew_breaks_the_chain(tmp_path):
    folder = filled(tmp_path / "run")
    path = folder / "ledger.jsonl"
    rows = path.read_bytes().splitlines(keepends=True)
    prev = list(read_lines(folder))[3].digest
    head = {"schema": 1, "seq": 4, "prev": prev, "kind": "start", "wall": NOW.wall, "mono_ns": 1, "boot": "boot"}
    path.write_bytes(b"".join([*rows[:4], sealed(encode(trial(7)), head)[0], *rows[5:]]))
    with pytest.raises(StorageError, match="seq 5"):
        list(read_lines(folder))


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"seq": 4}, {"kind": "other"}, {"extra": 1}, {"seq": True}, {"seq": 3.0}]
)
def test_a_line_of_another_schema_is_damage(tmp_path, change):
    folder = filled(tmp_path / "run", blocks=1)
    *_, last = read_lines(folder)
    head = {"schema": 1, "seq": 4, "prev": last.digest, "kind": "note", "wall": "", "mono_ns": 1, "boot": "b"}
    with (folder / "ledger.jsonl").open("ab") as file:
        file.write(sealed(b"{}", head | {"seq": 99} if change == {"seq": 4} else head | change)[0])
    with pytest.raises(StorageError, match="seq 4"):
        list(read_lines(folder))


def test_read_only_results_are_said_at_once(tmp_path):
    folder = filled(tmp_path / "run")
    with pytest.raises(StorageError, match="Read-only"):
        Ledger.open(folder, files=Faulty(1, errno.EROFS, "allocate"))
    shutil.rmtree(folder / "blobs")
    (folder / "ledger.jsonl").unlink()
    with pytest.raises(StorageError, match="cannot read the run"):
        Ledger.open(folder)


def test_a_blob_is_stored_once_under_its_digest(tmp_path):
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        assert ledger.blob(b"abc") == ledger.blob(b"abc")
        assert [path.name for path in (tmp_path / "run/blobs").iterdir()] == [ledger.blob(b"abc")]
