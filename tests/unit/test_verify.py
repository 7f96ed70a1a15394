"""A run's folder verified by a second implementation: what holds, and that every alteration is named."""

import ast
import csv
import hashlib
import io
import json
import os
import re
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import mlfleet.verify
import pytest
from mlfleet.cli import status
from mlfleet.errors import HostError, StorageError
from mlfleet.ledger_lines import checked
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

CSV, JSON, LEDGER = "benchmark_results_complete.csv", "report.json", "ledger.jsonl"
NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}


@pytest.fixture(autouse=True, scope="module")
def _no_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _fd: None)
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "sound")


@pytest.fixture
def run(sound, tmp_path):
    """A copy to alter."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def check(folder):
    return verify(folder, Progress(lambda _: None))


def places(found):
    return [(one.file, one.line, one.field) for one in found.findings.differences]


def read_lines(folder):
    return (folder / LEDGER).read_bytes().splitlines(keepends=True)


def write_lines(folder, lines):
    (folder / LEDGER).write_bytes(b"".join(lines))


def line_of(lines, kind, nth=0):
    return [number for number, line in enumerate(lines) if b'"kind":"%s"' % kind.encode() in line][nth]


def compared(lines):
    """The place of a record that a ratio was made of."""
    mine = [number for number, line in enumerate(lines) if b'"framework":"linfa"' in line and NAME.encode() in line]
    return next(number for number in mine if b'"kind":"record"' in lines[number])


def sealed(text):
    return b"%08x %b\n" % (zlib.crc32(text), text)


def slower(line):
    """A sample in the middle of a record ends later: the last one may be altered without any effect on a median."""
    end = list(re.finditer(rb'"end_ns":(\d+),"iterations":\d+', line))[-3]
    return line[: end.start(1)] + str(int(end[1]) * 1001 // 1000).encode() + line[end.end(1) :]


def test_a_sound_run_holds_and_says_how_much_was_checked(sound, capsys):
    found = check(sound)
    assert places(found) == []
    assert (found.ended, found.blocks, found.trials, found.samples, found.comparisons) == ("done", 25, 50, 250, 10)
    assert found.findings.checked["published numbers"] > 2000
    assert found.findings.checked["blobs"] == 50
    assert found.findings.checked["widths by bootstrap"] == 4
    assert status(["verify", str(sound)]) == 0
    assert "everything holds" in capsys.readouterr().out


def test_reading_changes_nothing(run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    check(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_an_altered_sample_is_named_by_its_digest_and_by_every_number_that_it_made(run, capsys):
    lines = read_lines(run)
    at = compared(lines)
    lines[at] = slower(lines[at])
    write_lines(run, lines)
    found = places(check(run))
    assert (LEDGER, at + 1, "crc32") in found
    assert (LEDGER, at + 2, "prev") in found
    assert [field for file, _, field in found if file == CSV] == ["time_ns"]
    assert any(file == JSON and field.endswith("time.point") for file, _, field in found)
    assert status(["verify", str(run)]) == 1
    assert f"{LEDGER}:{at + 1}: crc32: found " in capsys.readouterr().out


def test_an_altered_sample_with_a_new_checksum_breaks_the_chain_and_the_numbers(run):
    lines = read_lines(run)
    at = compared(lines)
    lines[at] = sealed(slower(lines[at])[9:-1])
    write_lines(run, lines)
    found = places(check(run))
    assert [one for one in found if one[0] == LEDGER and one[2] != "turn 1, stamps"] == [(LEDGER, at + 2, "prev")]
    assert (CSV, "time_ns") in {(file, field) for file, _, field in found}


def rewrite(folder, change):
    """A forged ledger whose every line follows from the one before. `change`: of the list of lines' fields."""
    prev = hashlib.sha256((folder / "run.json").read_bytes()).hexdigest()
    forged = []
    for seq, fields in enumerate(change([json.loads(line[9:]) for line in read_lines(folder)])):
        whole = fields | {"prev": prev, "seq": seq}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        prev = hashlib.sha256(text).hexdigest()
        forged.append(sealed(text))
    write_lines(folder, forged)


def test_a_ledger_that_was_rewritten_as_a_whole_still_differs_from_what_was_published(run):
    at = compared(read_lines(run))

    def slow(lines):
        lines[at]["body"]["turns"][0]["samples"][2]["end_ns"] += 10**9
        return lines

    rewrite(run, slow)
    found = places(check(run))
    assert not [one for one in found if one[2] in ("crc32", "prev", "seq")]
    assert (CSV, "time_ns") in {(file, field) for file, _, field in found}


def kinds(lines, kind):
    return [number for number, fields in enumerate(lines) if fields["kind"] == kind]


def closes_twice(lines):
    return [*lines[:-1], lines[kinds(lines, "block")[0]], lines[-1]]


def closes_what_is_no_record(lines):
    lines[kinds(lines, "block")[0]]["body"]["seqs"] += [1]
    return lines


def closes_a_record_of_another_block(lines):
    lines[kinds(lines, "block")[0]]["body"]["seqs"] += [kinds(lines, "record")[-1]]
    return lines


def records_what_was_not_announced(lines):
    lines[kinds(lines, "start")[0]] |= {"kind": "note", "body": {"code": "x", "detail": "y"}}
    return lines


def counts_two_trials_of_a_cell(lines):
    first = kinds(lines, "record")[0]
    at = kinds(lines, "block")[0]
    lines[at]["body"]["seqs"] += [at + 1]
    again = {**lines[first], "body": {**lines[first]["body"], "verdict": "ok"}}
    return [*lines[:at], lines[first - 1], again, *lines[at:]]


def tries_four_times(lines):
    first = kinds(lines, "record")[0]
    body = lines[first]["body"]
    lost = {**body, "verdict": "transport_failed", "turns": []}
    tries = [[lines[first - 1], {**lines[first], "body": lost}]] * 3
    at = kinds(lines, "block")[0]
    for block in kinds(lines, "block"):
        lines[block]["body"]["seqs"] = [seq + 6 for seq in lines[block]["body"]["seqs"]]
    assert at > first
    return [*lines[: first - 1], *tries[0], *tries[1], *tries[2], *lines[first - 1 :]]


@pytest.mark.parametrize(
    ("forge", "field", "awaited"),
    [
        (closes_twice, "block", "one `block` line of a block"),
        (closes_what_is_no_record, "seqs: 1", "a record of"),
        (closes_a_record_of_another_block, "seqs:", "a record of"),
        (records_what_was_not_announced, "trial", "a `start` line before its record"),
        (counts_two_trials_of_a_cell, "trial", "one"),
        (tries_four_times, "attempts", "at most 3"),
    ],
)
def test_lines_in_an_order_that_no_run_has_are_named(run, forge, field, awaited):
    rewrite(run, forge)
    found = [one for one in check(run).findings.differences if one.file == LEDGER]
    assert [one for one in found if one.field.startswith(field) and one.recomputed.startswith(awaited)], found


@pytest.mark.parametrize("act", ["deleted", "swapped", "doubled", "cut"])
def test_lines_that_are_not_where_they_were_written_are_named(run, act):
    lines = read_lines(run)
    at = compared(lines)
    if act == "deleted":
        del lines[at]
    elif act == "swapped":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif act == "doubled":
        lines.insert(at, lines[at])
    else:
        lines[at] = lines[at][:-100] + b"\n"
    write_lines(run, lines)
    found = [field for file, line, field in places(check(run)) if file == LEDGER and line in (at + 1, at + 2)]
    assert {"cut": "crc32"}.get(act, "seq") in found


def test_an_altered_plan_is_not_the_one_that_the_ledger_began_with(run):
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"margin":0.03', '"margin":0.0001'))
    found = places(check(run))
    assert (LEDGER, 1, "prev") in found
    # Nor are the outcomes those that such a margin gives.
    assert any(file == JSON and field.endswith("outcome") for file, _, field in found)


def test_a_truncated_blob_is_named_with_its_digest_and_its_size(run):
    path = min((run / "blobs").iterdir())
    path.write_bytes(path.read_bytes()[:-3])
    found = check(run).findings.differences
    mine = [one for one in found if one.file == f"blobs/{path.name}"]
    assert {one.field.partition(" ")[0] for one in mine} == {"SHA-256", "outputs"}
    assert any("bytes, its header awaits" in one.found or "its shape needs" in one.found for one in mine)
    assert not [one for one in found if one.file in (CSV, JSON)]


def test_an_altered_blob_is_named_with_the_record_that_it_stands_for(run):
    path = min((run / "blobs").iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = check(run).findings.differences
    assert {one.file for one in found if one.line is None} == {f"blobs/{path.name}"}
    assert any(one.field.startswith("outputs of ledger.jsonl:") for one in found)


def test_a_blob_that_is_missing_and_one_that_nobody_named(run):
    path = min((run / "blobs").iterdir())
    path.rename(path.with_name("0" * 64))
    found = {(one.file, one.field): one for one in check(run).findings.differences}
    assert found[f"blobs/{path.name}", "file"].found == "no such file"
    assert found[f"blobs/{'0' * 64}", "file"].found == "a blob that no record names"


@pytest.mark.parametrize(
    "column", ["time_ns", "cpu_ns", "peak_anonymous_bytes", "cold_ns", "quality_value", "timed_samples"]
)
def test_a_csv_with_one_altered_number_is_named_by_line_and_column(run, column):
    rows = list(csv.reader(io.StringIO((run / CSV).read_text(), newline="")))
    at = rows[0].index(column)
    before = rows[7][at]
    rows[7][at] = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), before, count=1)
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    (run / CSV).write_text(out.getvalue(), newline="")
    found = [one for one in check(run).findings.differences if one.file == CSV]
    assert [(one.line, one.field, one.found) for one in found] == [(8, column, rows[7][at])]
    assert float(found[0].recomputed) == float(before)


def test_a_csv_without_a_row_or_a_column_is_named(run):
    lines = (run / CSV).read_text().splitlines(keepends=True)
    (run / CSV).write_text("".join(lines[:-1]))
    assert {field for file, _, field in places(check(run)) if file == CSV} == {"rows", "row"}
    (run / CSV).write_text("".join(lines).replace("time_ns", "time_us", 1))
    assert {field for file, _, field in places(check(run)) if file == CSV} == {"time_ns"}


def test_a_json_with_one_altered_number_is_named(run):
    report = json.loads((run / JSON).read_text())
    one = next(one for one in report["comparisons"] if one["outcome"] == "different" and one["ratio"])
    one["ratio"] *= 1.0001
    report["cells"][0]["estimates"]["time"]["low"] *= 0.9999
    (run / JSON).write_text(json.dumps(report))
    found = [one for one in check(run).findings.differences if one.file == JSON]
    assert {one.field.rpartition(",")[2].strip() for one in found} == {"ratio", "estimates.time.low"}


def test_a_refused_pair_must_not_have_a_ratio(run):
    report = json.loads((run / JSON).read_text())
    refused = next(one for one in report["comparisons"] if one["outcome"] == "refused")
    refused |= {"outcome": "different", "ratio": 0.03, "reasons": []}
    (run / JSON).write_text(json.dumps(report))
    found = {one.field.rpartition(", ")[2] for one in check(run).findings.differences if one.file == JSON}
    assert found == {"outcome", "ratio", "reasons"}


def test_a_run_of_a_newer_schema_is_an_error_and_no_verdict(run, capsys):
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"schema_version":1', '"schema_version":2'))
    with pytest.raises(HostError, match="schema 2, this mlfleet reads up to 1"):
        check(run)
    assert status(["verify", str(run)]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_ledger_line_of_a_newer_schema_is_an_error(run):
    lines = read_lines(run)
    lines[-1] = sealed(checked(lines[-1][:-1]).replace(b'"schema":1', b'"schema":2'))
    write_lines(run, lines)
    with pytest.raises(HostError, match=r"ledger\.jsonl has schema 2"):
        check(run)


@pytest.mark.parametrize("lost", ["run.json", LEDGER, ""])
def test_a_folder_that_is_no_run_is_an_error(run, lost, capsys):
    if lost:
        (run / lost).unlink()
    folder = run if lost else run / "absent"
    with pytest.raises(StorageError, match="awaited"):
        check(folder)
    assert status(["verify", str(folder)]) == 74
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version":1}', "\x00", '{"a":NaN}', "[" * 100_000])
def test_a_run_file_that_cannot_be_read_is_an_error(run, text):
    (run / "run.json").write_text(text)
    with pytest.raises(StorageError):
        check(run)


def test_an_interrupted_run_is_said_to_be_one_and_what_is_there_is_verified(tmp_path, capsys):
    folder = write_run(tmp_path / "run", PAIR, closed=None)
    assert status(["verify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "this run did not end in order (interrupted): 5 of 5 blocks are closed" in said
    lines = read_lines(folder)
    cut = line_of(lines, "block", 3) + 2
    write_lines(folder, [*lines[:cut], lines[cut][:40]])
    for name in (CSV, JSON, "benchmark_summary.txt", "report.html"):
        (folder / name).unlink()
    found = check(folder)
    assert (found.ended, found.blocks, found.blocks_planned, found.trials) == ("interrupted", 4, 5, 8)
    # Outputs come before their record.
    assert {one.field for one in found.findings.differences} == set()
    notes = " ".join(found.findings.notes)
    assert "ends within a line" in notes
    assert f"{CSV} is not there" in notes


def test_a_run_that_was_stopped_by_a_signal_says_so(tmp_path):
    assert check(write_run(tmp_path / "run", PAIR, closed="interrupted")).ended == "interrupted"


def test_differences_are_there_for_programs_too(run, capsys):
    lines = read_lines(run)
    at = compared(lines)
    lines[at] = slower(lines[at])
    write_lines(run, lines)
    assert status(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] is False
    assert {"file", "line", "field", "found", "recomputed"} == set(found["differences"][0])
    assert found["head"] == hashlib.sha256(lines[-1][9:-1]).hexdigest()


def test_what_takes_long_says_where_it_is(sound):
    said, now = [], [0.0]

    def clock():
        now[0] += 0.05
        return now[0]

    verify(sound, Progress(said.append, clock))
    assert said
    assert all(text.startswith("verify: ") for text in said)
    quiet = []
    verify(sound, Progress(quiet.append, lambda: 0.0))
    assert quiet == []


def test_nothing_of_the_writer_is_imported():
    folder = Path(mlfleet.verify.__file__).parent
    imported = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
                imported |= {f"{node.module}.{one.name}" for one in node.names} if node.module == "mlfleet" else set()
            elif isinstance(node, ast.Import):
                imported |= {one.name for one in node.names}
    ours = {name for name in imported if name.startswith("mlfleet")}
    assert {name for name in ours if not name.startswith("mlfleet.verify")} == {"mlfleet.errors"}
    assert len(list(folder.glob("*.py"))) > 10


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("0.0164x", "0.0165x", "point"),
        ("0.988 to 1.025", "0.989 to 1.025", "low"),
        ("(97 % interval 0.988 to", "(95 % interval 0.988 to", "level"),
        ("inconclusive: 97 %", "no difference above 3 % in 97 %", "outcome"),
        ("2 of 10 ratios", "1 of 10 ratios", "ratios refused"),
    ],
)
def test_a_summary_with_one_altered_number_is_named_by_its_line(run, before, after, field):
    path = run / "benchmark_summary.txt"
    text = path.read_text()
    assert before in text
    altered = text.replace(before, after)
    path.write_text(altered)
    found = [one for one in check(run).findings.differences if one.file == path.name]
    assert [one.field.rpartition(", ")[2] for one in found] == [field]
    sentence = altered.splitlines()[found[0].line - 1 :][:2]
    assert after.split()[0] in " ".join(sentence)


def test_a_sentence_that_is_missing_from_the_summary_is_named(run):
    path = run / "benchmark_summary.txt"
    path.write_text(path.read_text().replace("- candle uses 0.5913x the peak", "- candle has 0.5913x the peak"))
    found = [one.field for one in check(run).findings.differences if one.file == path.name]
    assert found == []
    path.write_text(re.sub(r"- candle has .*\n.*\n", "", path.read_text()))
    found = [one.field for one in check(run).findings.differences if one.file == path.name]
    assert found == ["sentence of kmeans.fit-iris memory candle"]


def test_an_altered_number_of_the_page_is_named_by_its_line(run):
    path = run / "report.html"
    text = path.read_text()
    value = re.search(r'<data value="([\d.]+)"', text)[1]
    path.write_text(text.replace(f'<data value="{value}"', f'<data value="{float(value) * 1.001!r}"', 1))
    found = [one for one in check(run).findings.differences if one.file == "report.html"]
    assert [(one.field, one.line is not None) for one in found] == [("number", True)]


@pytest.mark.parametrize(("margin", "outcome"), [(0.2, "equivalent"), (0.01, "different")])
def test_a_margin_of_a_workloads_own_decides_it_and_holds(tmp_path, margin, outcome):
    def own(run):
        return replace(run, workloads=tuple(replace(one, margin=margin) for one in run.workloads))

    pair = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(1.06e6, 100, (1.001, 1.011, 0.991, 1.004, 0.995))}}
    folder = write_run(tmp_path / "run", pair, planned=own)
    (time, _) = json.loads((folder / JSON).read_text())["comparisons"]
    assert time["outcome"] == outcome
    assert places(check(folder)) == []
    if outcome == "equivalent":
        assert "no difference above 20 %" in (folder / "benchmark_summary.txt").read_text()
        assert "3 % (ridge.fit-diabetes 20 %)" in (folder / "report.html").read_text()
