"""The plain report: fits 80 columns, in order, without colour in a pipe."""

import io

import pytest
import samples
from mlfleet.report import show, summary
from mlfleet.report.terminal import render_terminal
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

TABLE = samples.table()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_width(width):
    out = io.StringIO()
    render_terminal(TABLE, Console(file=out, width=width))
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width
    assert "\x1b" not in out.getvalue()


def test_outcomes_come_first_and_controls_stand_apart():
    text = summary(TABLE)
    headings = [
        "ratios refused",
        "comparisons tested",
        "A/A resolution",
        "Outcomes",
        "Over workloads",
        "Not taking part",
        "Cells of",
        "Controls",
        "How to",
    ]
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
    assert "null-rust: 21.00 ns per iteration" in text[text.index("Controls") :]


def test_a_cell_shows_quality_and_both_memories_beside_its_time():
    lines = summary(TABLE).splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("1. linfa"))
    assert all(text in lines[first] for text in ("36.0 µs", "inertia", "3.250 MiB", "144 µs", "ok"))
    assert all(text in lines[first + 1] for text in ("35.2 to 36.8 µs", "139.82", "6.25 MiB", "max 147 µs"))


def test_a_terminal_gets_colour_and_the_same_words():
    out = io.StringIO()
    render_terminal(TABLE, Console(file=out, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[1m" in out.getvalue()
    assert "2 of 10 ratios refused" in out.getvalue()


def test_in_a_pipe_the_report_is_the_summary_and_on_a_terminal_it_has_its_width(capsys, monkeypatch):
    show(TABLE)
    assert capsys.readouterr().out == summary(TABLE)
    for name, value in {"FORCE_COLOR": "1", "COLUMNS": "160", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    show(TABLE)
    printed = capsys.readouterr().out
    assert "\x1b[1m" in printed
    assert max(map(cell_len, Text.from_ansi(printed).plain.splitlines())) > 80
