"""Records that no honest run has, each line with its checksum and chain as they should be: no ratio comes of them."""

import hashlib
import json
import os
import shutil
import zlib
from pathlib import Path

import pytest
from mlfleet.cli import status
from runs import write_run
from samples import Cell

NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}


@pytest.fixture(autouse=True, scope="module")
def _no_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _fd: None)
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "sound", PAIR)


@pytest.fixture
def run(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / "run"))


def text_of(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def forge(folder, change=lambda _record: None, plan=lambda _run: None):
    """The ledger and the plan, altered and sealed again. `change`: of each record of linfa."""
    lines = [json.loads(line[9:]) for line in (folder / "ledger.jsonl").read_bytes().splitlines()]
    body = json.loads((folder / "run.json").read_bytes())
    plan(body)
    (folder / "run.json").write_bytes(text_of(body))
    prev, forged = hashlib.sha256((folder / "run.json").read_bytes()).hexdigest(), []
    for line in lines:
        if line["kind"] == "record" and line["body"]["trial"]["framework"] == "linfa":
            change(line["body"])
        text = text_of(line | {"prev": prev})
        prev = hashlib.sha256(text).hexdigest()
        forged.append(b"%08x %b\n" % (zlib.crc32(text), text))
    (folder / "ledger.jsonl").write_bytes(b"".join(forged))


def no_samples(record):
    record["turns"][0]["samples"] = []


def backwards(record):
    sample = record["turns"][0]["samples"][2]
    sample["end_ns"] = sample["start_ns"] - 5


def no_time(record):
    for sample in record["turns"][0]["samples"]:
        sample["end_ns"] = sample["start_ns"]


def no_iteration(record):
    record["turns"][0]["samples"][2]["iterations"] = 0


def beyond_64_bits(record):
    record["turns"][0]["samples"][2]["end_ns"] = 10**400


def acquitted(record):
    record["findings"] = [{"gate": "quality", "code": "outside_tolerance", "detail": "accuracy is 0.1"}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (no_samples, 0),
        (backwards, 0),
        (no_time, 0),
        (acquitted, 0),
        (no_iteration, 74),
        (beyond_64_bits, 74),
    ],
)
def test_records_that_cannot_be_give_no_ratio_and_do_not_verify(run, capsys, change, code):
    forge(run, change)
    assert status(["report", str(run), "--json"]) == code
    said = capsys.readouterr()
    if code == 0:
        found = json.loads(said.out)["comparisons"]
        assert {(one["outcome"], one["ratio"], one["difference"]) for one in found} == {("refused", None, None)}
    else:
        assert said.out == ""
        assert said.err.count("\n") == 1
    # Nor after the published files were written anew.
    assert status(["report", str(run)]) == code
    assert status(["verify", str(run)]) == 1


def test_a_baseline_that_was_never_measured_is_named(run, capsys):
    forge(run, plan=lambda body: body["baselines"].update({NAME: "candle"}))
    assert status(["report", str(run)]) == 0
    assert status(["verify", str(run)]) == 1
    out = capsys.readouterr().out
    assert f"baselines.{NAME}: found candle, recomputed one of its cells: linfa, sklearn" in out


def test_a_run_of_a_newer_schema_has_no_report(run, capsys):
    forge(run, plan=lambda body: body.update(schema_version=9))
    assert status(["report", str(run)]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "schema 9, this mlfleet reads 1" in said.err


def test_a_csv_that_is_none_is_a_difference(run, capsys):
    (run / "benchmark_results_complete.csv").write_text("a" * 200_000)
    assert status(["verify", str(run)]) == 1
    assert "field larger than field limit" in capsys.readouterr().out


def test_a_blob_that_is_a_link_is_a_difference(run, tmp_path, capsys):
    blob = min((run / "blobs").iterdir())
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    assert status(["verify", str(run)]) == 1
    assert f"blobs/{blob.name}: file: found a link" in capsys.readouterr().out
