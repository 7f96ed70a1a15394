"""Figures as files: well-formed, in the colours of the page, with the numbers of the sentences, refused without any."""

import json
import os
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
import samples
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.cli import status
from mlfleet.model import Workload
from mlfleet.report import svg_file, texts, write
from mlfleet.report.figures import figures
from mlfleet.report.html import render_html
from mlfleet.report.sentences import span
from mlfleet.report.svg_file import file_name, palette
from mlfleet.table import fold
from runs import write_run
from samples import Cell

TABLE = samples.table()
FIGURES = figures(TABLE)
IRIS, INVALID, WINE = "kmeans.fit-iris", "ridge.predict-boston_housing", "knn_classify.predict-wine"
NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def parts(svg, tag):
    """Elements of that name."""
    return list(ET.fromstring(svg).iter(SVG + tag))


def words(svg):
    """All that is written, but the line that says which run it is."""
    *found, _source = ["".join(one.itertext()) for one in parts(svg, "text")]
    return found


def of(element, name):
    return [one for one in element if one.get("class", "").split()[:1] == [name]]


def batch_table():
    """One ridge at two batches."""
    cells = {
        f"ridge.predict-b{batch}": {
            "sklearn": Cell(2e5 * batch, receipt={"rows": batch}),
            "linfa": Cell(6e6, receipt={"rows": batch}),
        }
        for batch in (1, 32)
    }
    run = samples.run_file(cells)
    workloads = tuple(
        replace(one, workload=Workload(one.workload.name, "ridge.predict", "diabetes", asked), params=asked)
        for one, asked in zip(run.workloads, ({"batch": 1}, {"batch": 32}), strict=True)
    )
    return fold(replace(run, workloads=workloads), samples.records(cells))


def test_every_workload_that_is_compared_has_its_figure_and_its_plane():
    compared = [one.workload.name for one in TABLE.run.workloads if not one.control]
    assert set(FIGURES) == {"control.noop", *compared, *(f"{name}+memory" for name in compared)}
    drawn = {name for name, svg in FIGURES.items() if svg}
    assert drawn == {*compared, *(f"{name}+memory" for name in compared if name != INVALID)}


def test_a_figure_stands_alone_and_shows_its_title():
    for name, svg in FIGURES.items():
        if svg is None:
            continue
        root = ET.fromstring(svg)
        assert (root.tag, root.get("width")) == (SVG + "svg", "800")
        assert words(svg)[0] == parts(svg, "title")[0].text == name.removesuffix("+memory")
        assert not {one.tag for one in root.iter()} & {SVG + "script", SVG + "image", SVG + "foreignObject"}
        assert not re.search(r"href|@import|url\((?!#hatch\))|var\(|%[\"']", svg)
        height = float(root.get("height"))
        assert all(0 < float(one.get("y")) < height for one in parts(svg, "text"))


def test_the_numbers_of_a_figure_are_those_of_the_page():
    page = render_html(TABLE)
    for one in TABLE.comparisons:
        svg, shown = FIGURES[one.workload], span(one)
        line = next(text for text in words(svg) if text.startswith(f"{one.contestant}, {one.metric}: "))
        if one.outcome == "refused":
            assert line.endswith(": REFUSED")
            continue
        assert f": {one.outcome}: " in line
        assert shown.interval in line
        assert (shown.value in line) == (one.outcome == "different")
        assert f"{one.estimate.blocks} blocks" in line
        assert shown.interval in page


def test_what_is_refused_is_hatched_and_has_no_number():
    svg = FIGURES[INVALID]
    assert not re.search(r"\d", "".join(words(svg)))
    assert not re.search(r"\d", "".join(one.text for one in parts(svg, "desc")))
    assert len(of(parts(svg, "rect"), "hatched")) == 2
    assert not of(parts(svg, "line"), "bar")
    assert not [one for one in parts(svg, "g") if "shape" in str(ET.tostring(one))]
    assert FIGURES[f"{INVALID}+memory"] is None


def test_an_interval_without_a_winner_has_no_mark():
    svg = FIGURES[WINE]
    bars = of(parts(svg, "line"), "bar")
    assert len(bars) == 2
    assert all(float(bar.get("x1")) < float(bar.get("x2")) for bar in bars)
    # Memory is different and has a mark, time is inconclusive and has none.
    assert len(of(parts(svg, "path") + parts(svg, "circle") + parts(svg, "rect"), "shape")) == 1


def test_a_longer_time_lies_to_the_right_of_one():
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 100), "candle": Cell(5e5, 100)}}
    svg = figures(samples.table(cells))[NAME]
    (one,) = of(parts(svg, "line"), "one")
    by_y = {float(bar.get("y1")): bar for bar in of(parts(svg, "line"), "bar")}
    texts_at = {float(text.get("y")): "".join(text.itertext()) for text in parts(svg, "text")}
    places = {texts_at[y - 14].partition(":")[0]: float(bar.get("x1")) for y, bar in by_y.items()}
    assert places["candle, time"] < float(one.get("x1")) < places["linfa, time"]


def test_colours_are_those_of_the_page_alone(tmp_path, monkeypatch):
    found = palette()
    assert len(set(found.frameworks)) == 8
    assert {"ground", "text", "soft", "line", "refused"} <= found.light.keys()
    css = svg_file._CSS.read_text()
    for number, colour in enumerate(found.frameworks):
        assert f".colour{number} {{ stroke: {colour}; fill: {colour}; }}" in css
        assert f".colour{number} {{ stroke: {colour}; fill: {colour}; }}" in FIGURES[IRIS]
    (tmp_path / "page.css").write_text(css.replace(found.frameworks[1], "#123456").replace("#16181d", "#654321"))
    monkeypatch.setattr(svg_file, "_CSS", tmp_path / "page.css")
    changed = figures(TABLE)[IRIS]
    assert ".colour1 { stroke: #123456; fill: #123456; }" in changed
    assert ".text { fill: #654321; }" in changed


def test_a_framework_has_the_colour_that_the_page_gives_it():
    page = dict(re.findall(r'class="shape (colour\d)"/></svg>(\w[\w-]*)<small>', render_html(TABLE)))
    colour = next(key for key, name in page.items() if name == "linfa")
    (bar,) = of(parts(FIGURES[NAME], "line"), "bar")[:1]
    assert bar.get("class").split()[-1] == colour


def test_the_plane_says_who_is_dominated_and_rings_the_others():
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 150), "candle": Cell(3e6, 50)}}
    svg = figures(samples.table(cells))[f"{NAME}+memory"]
    said = words(svg)
    assert [text for text in said if text.startswith("linfa: 2.0") and text.endswith("dominated by sklearn")]
    assert len([text for text in said if text.endswith("; not dominated")]) == 2
    assert len(of(parts(svg, "circle"), "front")) == 2


def test_curves_of_batches_are_drawn_with_their_values():
    found = figures(batch_table())
    svg = found["batches+1"]
    assert parts(svg, "title")[0].text == "ridge.predict on diabetes"
    assert "sklearn: batch 1: 200 µs, batch 32: 200 µs" in words(svg)
    first, second = of(parts(svg, "line"), "curve")
    assert {first.get("class"), second.get("class")} == {"curve colour0", "curve colour1"}
    level = next(one for one in (first, second) if one.get("class").endswith("0"))
    assert float(level.get("y1")) == pytest.approx(float(level.get("y2")), abs=0.01)


def test_the_same_records_give_the_same_bytes():
    assert figures(samples.table()) == FIGURES


def test_every_name_that_a_suite_may_give_is_the_files():
    for suite in suite_names():
        for workload in load_suite(suite).workloads:
            assert file_name(workload.name) == workload.name


def test_no_name_leaves_the_folder():
    names = [
        "../../etc/passwd",
        "a/b",
        "a b",
        "A",
        "a",
        "",
        ".",
        "..",
        "-x",
        "a\x00b",
        "a\nb",
        "é",
        "é\u202e",
        "x" * 999,
    ]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,63}", name) for name in found)


HOSTILE = ["<script>alert(1)</script>", '"/><image href="x"/>', "{{ 7 * 7 }}", "a\x00b\x1b[31m", "\ud800", "]]>&amp;"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_foreign_text_stays_text(text):
    run = replace(TABLE.run, run=text, suite=text, created=text, mlfleet_version=text)
    work = tuple(replace(one, title_time=f"time {text}") for one in run.workloads)
    records = [record for cell in TABLE.cells for record in cell.records]
    honest = {one.tag for svg in FIGURES.values() if svg for one in ET.fromstring(svg).iter()}
    for svg in figures(fold(replace(run, workloads=work), records)).values():
        assert svg is None or {one.tag for one in ET.fromstring(svg).iter()} <= honest


def pdfs(folder):
    return sorted(path.name for path in (folder / "figures").glob("*.pdf"))


def test_a_pdf_is_written_where_asked_for_and_goes_when_its_figure_changes(tmp_path):
    write(samples.table(PAIR), tmp_path)
    assert pdfs(tmp_path) == []
    write(samples.table(PAIR), tmp_path, with_pdf=True)
    assert pdfs(tmp_path) == [f"{NAME}+memory.pdf", f"{NAME}.pdf"]
    assert all((tmp_path / "figures" / name).read_bytes().startswith(b"%PDF-") for name in pdfs(tmp_path))
    write(samples.table(PAIR), tmp_path)
    assert len(pdfs(tmp_path)) == 2
    # Only the time is another: both drawings show it.
    write(samples.table({NAME: PAIR[NAME] | {"linfa": Cell(3e6, 50)}}), tmp_path)
    assert pdfs(tmp_path) == []


def test_a_figure_that_has_nothing_to_show_any_more_goes_and_what_is_the_users_stays(tmp_path):
    write(samples.table(PAIR), tmp_path, with_pdf=True)
    (tmp_path / "figures/mine.svg").write_text("mine")
    paths = write(samples.table(PAIR, blocks=2), tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]
    assert tmp_path / "figures" not in paths


def test_a_run_without_figures_has_no_folder_for_them(tmp_path):
    write(samples.table(PAIR, blocks=2), tmp_path)
    assert not (tmp_path / "figures").exists()


def test_the_command_writes_pdf_and_names_the_folder(tmp_path, capsys):
    run = write_run(tmp_path / "run", PAIR)
    assert status(["report", str(run), "--figures"]) == 0
    assert str(run / "figures") in capsys.readouterr().out.splitlines()
    assert len(pdfs(run)) == 2


def test_verify_holds_and_finds_an_altered_digit_of_a_figure(tmp_path, capsys):
    run = write_run(tmp_path / "run", PAIR)
    (run / "figures/mine.svg").write_text("no figure of this run")
    assert status(["verify", str(run)]) == 0, capsys.readouterr().out
    path = run / f"figures/{NAME}.svg"
    svg = path.read_text()
    shown = re.search(r"different: ([\d.]+)x", svg)[1]
    path.write_text(svg.replace(shown, f"{shown}1"))
    capsys.readouterr()
    assert status(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["file"] for one in found["differences"]} == {f"figures/{NAME}.svg"}


def test_figures_are_among_the_texts_of_a_report():
    assert {name for name in texts(TABLE) if name.startswith("figures/")} == {
        f"figures/{name}.svg" for name, svg in FIGURES.items() if svg
    }
