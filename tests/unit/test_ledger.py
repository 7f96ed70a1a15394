"""Lines of a ledger: what was appended is read back, what was altered is found."""

import hashlib
import random
import zlib

import pytest
from ledgers import NOW, RUN, filled, kinds, no_disk, record, trial
from mlfleet.codec import encode
from mlfleet.errors import StorageError
from mlfleet.ledger import Ledger
from mlfleet.ledger_files import RESERVE, RESERVE_BYTES
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
from mlfleet.verdict import Verdict

__all__ = ["no_disk"]


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


def test_a_blob_is_stored_once_under_its_digest(tmp_path):
    with Ledger.create(tmp_path / "run", RUN) as ledger:
        assert ledger.blob(b"abc") == ledger.blob(b"abc")
        assert [path.name for path in (tmp_path / "run/blobs").iterdir()] == [ledger.blob(b"abc")]
