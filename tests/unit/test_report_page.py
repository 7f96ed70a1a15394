"""The page: one self-contained file in which no foreign text can act, and every exact number is that of the JSON."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import samples
from mlfleet.model import Finding
from mlfleet.report import report_json, summary
from mlfleet.report.html import render_html
from mlfleet.report.trials import MOST_SAMPLES
from mlfleet.table import fold
from mlfleet.verdict import Verdict

TABLE = samples.table()
PAGE = render_html(TABLE)
HOSTILE = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)',
    "template": "{{ 7 * 7 }}{% raw %}",
    "bidi": "abc\u202edcba\u2066\u200b",
    "terminal": "\x1b]0;owned\x07\x1b[31mred\x9b2J",
    "markup": "[bold red]no markup[/] [link=file:///etc/passwd]x[/link]",
    "huge": "A" * 1_000_000,
    "lines": "one\nREFUSED forged\r\nthree",
    "surrogate": "\ud800",
}
VOID = {"meta", "link", "br", "img", "input", "hr", "data"}


class Reader(HTMLParser):
    """Collects tags with their attributes, exact numbers and text; fails on tags that do not nest."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.numbers, self.text = [], [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID - {"data"}:
            self.open.append(tag)
        if tag == "data":
            self.numbers.append(float(dict(attrs)["value"]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def hostile_table(text):
    """The sample run with a foreign text wherever a service, an image or a file has a say."""
    run = TABLE.run
    records = []
    for record in (record for cell in TABLE.cells for record in cell.records):
        who = record.trial.framework
        identity = replace(record.identity, version=text, facts={text: text})
        changed = replace(record, identity=identity, recipe={text: text}, receipt={**record.receipt, text: text})
        if who == "linfa":
            finding = Finding("work", Verdict.ADAPTER_ERROR.value, text)
            changed = replace(
                changed, verdict=Verdict.ADAPTER_ERROR, reason=text, findings=(finding,), log_tail=text + "\n" + text
            )
        records.append(changed)
    contestants = tuple(
        replace(
            one,
            reason=one.reason and text,
            identity=one.identity and replace(one.identity, framework=text, version=text, facts={text: text}),
        )
        for one in run.contestants
    )
    workloads = tuple(replace(one, dataset_licence=text, dataset_version=text) for one in run.workloads)
    return fold(replace(run, contestants=contestants, workloads=workloads, host={"cpu": text}), records)


def test_nothing_is_fetched_and_no_attribute_runs():
    reader = Reader(PAGE)
    names = {tag for tag, _ in reader.tags}
    assert not names & {"link", "img", "iframe", "object", "embed", "form", "base"}
    for _, attributes in reader.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert attributes.get("href", "#").startswith("#")
    assert "url(http" not in PAGE
    assert "@import" not in PAGE


def test_the_policy_allows_this_style_and_script_and_nothing_else():
    policy = next(a["content"] for tag, a in Reader(PAGE).tags if a.get("http-equiv") == "Content-Security-Policy")
    css = re.search(r"<style>(.*?)</style>", PAGE, re.DOTALL)[1]
    js = re.search(r"<script>(.*?)</script>", PAGE, re.DOTALL)[1]
    style, script = (base64.b64encode(hashlib.sha256(own.encode()).digest()).decode() for own in (css, js))
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "prefers-color-scheme: dark" in css
    assert "@media print" in css


def test_links_lead_somewhere_and_ids_are_unique():
    tags = Reader(PAGE).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {attributes["href"][1:] for tag, attributes in tags if tag == "a"}
    wanted |= {attributes["aria-labelledby"] for _, attributes in tags if "aria-labelledby" in attributes}
    assert wanted <= set(ids)


@pytest.mark.parametrize("kind", HOSTILE)
def test_foreign_text_stays_text(kind):
    table = hostile_table(HOSTILE[kind])
    page = render_html(table)
    honest = {(tag, *sorted(attributes)) for tag, attributes in Reader(render_html(hostile_table("honest"))).tags}
    assert {(tag, *sorted(attributes)) for tag, attributes in Reader(page).tags} <= honest
    assert len(page.encode()) < 2_000_000
    for text in (page, summary(table)):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert "49" not in "".join(Reader(page).text).split() or kind != "template"
    forged = [line.strip() for line in summary(table).splitlines() if "forged" in line]
    assert not [line for line in forged if line.startswith("REFUSED")]


def test_terminal_text_is_not_read_as_markup():
    assert "[bold red]no markup[/]" in summary(hostile_table(HOSTILE["markup"]))


def test_the_page_holds_the_numbers_of_the_json():
    exact = set(Reader(PAGE).numbers)
    found = report_json(TABLE)
    ratios = [one["ratio"] for one in found["comparisons"] if one["ratio"] is not None]
    assert len(ratios) == 6
    points = [estimate["point"] for cell in found["cells"] for estimate in cell["estimates"].values() if estimate]
    assert set(ratios) | set(points) <= exact


def test_every_framework_has_one_colour():
    marks = re.findall(r'class="shape (colour\d)"/></svg>(\w[\w-]*)<small>', PAGE)
    assert len({colour for colour, _ in set(marks)}) == len({name for _, name in marks}) == 4


def test_raw_samples_and_turn_orders_can_be_opened():
    assert PAGE.count("<details") == len(TABLE.cells)
    block = next(block for block in TABLE.run.plan if block.workload == "kmeans.fit-iris")
    assert f"order {' &gt; '.join(block.turns[0])}" in PAGE
    assert "discarded 2.86 ms; timed 2.20 ms, 2.20 ms, 2.20 ms, 2.20 ms" in PAGE


def test_a_long_run_leaves_samples_in_the_ledger_and_says_so():
    cells = {"ridge.fit-diabetes": samples.CELLS["ridge.fit-diabetes"]}
    page = render_html(samples.table(cells, blocks=MOST_SAMPLES // 20))
    assert len(page.encode()) < 2_000_000
    assert re.search(r"[\d,]+ more trials in ledger\.jsonl", page)


def test_a_whole_fleet_stays_under_two_megabytes():
    keys = ["sklearn", "linfa", "candle", *(f"framework-{number}" for number in range(9))]
    cells = {
        f"ridge.fit-data{number}": {
            key: samples.Cell(1e6 * (1 + place), 50 + 9 * place) for place, key in enumerate(keys)
        }
        for number in range(18)
    }
    assert len(render_html(samples.table(cells, blocks=10)).encode()) < 2_000_000
