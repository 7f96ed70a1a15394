"""An appended line is never lost and never counted twice, whatever fails and wherever the writer dies."""

import errno
import shutil
from contextlib import suppress

import pytest
from ledgers import RUN, Died, Faulty, filled, kinds, no_disk, record, reopened, stamp
from mlfleet.errors import StorageError
from mlfleet.ledger import Ledger
from mlfleet.ledger_files import RESERVE
from mlfleet.ledger_lines import (
    BlockBody,
    CloseBody,
    NoteBody,
    read_lines,
)

__all__ = ["no_disk"]


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


def test_read_only_results_are_said_at_once(tmp_path):
    folder = filled(tmp_path / "run")
    with pytest.raises(StorageError, match="Read-only"):
        Ledger.open(folder, files=Faulty(1, errno.EROFS, "allocate"))
    shutil.rmtree(folder / "blobs")
    (folder / "ledger.jsonl").unlink()
    with pytest.raises(StorageError, match="cannot read the run"):
        Ledger.open(folder)
