"""Every published file of a run: a single altered digit, wherever it stands, is found, and no altered word passes."""

import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfleet.cli import status
from runs import write_run
from samples import Cell

CSV, JSON, SUMMARY, PAGE = "benchmark_results_complete.csv", "report.json", "benchmark_summary.txt", "report.html"
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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([CSV, JSON, SUMMARY, PAGE]), place=st.floats(0, 1, exclude_max=True), by=st.integers(1, 9))
def test_any_single_altered_digit_of_what_was_published_is_found(run, sound, name, place, by):
    text = (sound / name).read_bytes()
    digits = list(re.finditer(rb"(?<=[\s\",>])-?\d", text))
    at = digits[int(place * len(digits))].end() - 1
    other = b"%d" % ((int(text[at : at + 1]) + by) % 10)
    (run / name).write_bytes(text[:at] + other + text[at + 1 :])
    try:
        assert status(["verify", str(run)]) == 1, text[max(0, at - 60) : at + 30]
    finally:
        (run / name).write_bytes(text)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (SUMMARY, "linfa takes", "linfa saves"),
        (SUMMARY, "Outcomes", "Outcomes: linfa takes 0.01x the time of sklearn"),
        (PAGE, "</body>", "<p>linfa is 115x faster</p></body>"),
        (PAGE, "ms</data>", "s</data>"),
    ],
)
def test_an_altered_word_of_summary_or_page_is_named_by_its_line(run, capsys, name, old, new):
    text = (run / name).read_text()
    assert old in text
    (run / name).write_text(text.replace(old, new, 1))
    assert status(["verify", str(run)]) == 1
    out = capsys.readouterr().out
    assert f"{name}:{text[: text.index(old)].count(chr(10)) + 1}: text: found" in out
    assert f"{name} is not what this mlfleet writes, in 1 of its lines" in out


def test_what_report_writes_anew_holds_again(run, capsys):
    text = (run / SUMMARY).read_text()
    (run / SUMMARY).write_text(text + "0.01x\n")
    assert status(["verify", str(run)]) == 1
    assert status(["report", str(run)]) == 0
    assert status(["verify", str(run)]) == 0
    assert "lines of text" in capsys.readouterr().out
