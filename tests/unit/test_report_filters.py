"""Chips that filter the page: what they stand for, the one script that the policy allows, and what a browser does."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples
from mlfleet.report import html
from mlfleet.report.filters import facets
from mlfleet.report.html import render_html
from samples import Cell

TABLE = samples.table()
PAGE = render_html(TABLE)
SCRIPT = (Path(html.__file__).parent / "page.js").read_text()
NAME = "ridge.fit-diabetes"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
FORBIDDEN = "</ <!-- innerHTML outerHTML insertAdjacent eval Function( document.write fetch style import src".split()  # noqa: SIM905
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed")


class Elements(HTMLParser):
    """Every start tag with its attributes, in order."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)


FOUND = Elements(PAGE).found


def values(name):
    return {attributes[name] for _, attributes in FOUND if name in attributes}


def dom(tmp_path, page, address=""):
    """What a browser makes of the page at that address."""
    (tmp_path / "report.html").write_text(page)
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    target = f"{(tmp_path / 'report.html').as_uri()}{address}"
    done = subprocess.run(
        [*command, "--virtual-time-budget=2000", "--dump-dom", target],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def driven(tmp_path, steps):
    """What a page's own script does with clicks: `steps` give a value that can be written as JSON."""
    driver = f"""<script>
    const press = (value) => [...document.querySelectorAll("button")].find((one) => one.value === value).click();
    const off = (css) => [...document.querySelectorAll(css)].filter((one) => one.closest(".off")).length;
    const settled = () => new Promise((done) => setTimeout(done, 50));
    (async () => {{
      const found = await (async () => {{ {steps} }})();
      document.body.setAttribute("data-found", JSON.stringify(found));
    }})();
    </script></body>"""
    page = POLICY.sub("", PAGE).replace("</body>", driver)
    return json.loads(unescape(re.search(r'data-found="([^"]*)"', dom(tmp_path, page))[1]))


def test_the_policy_names_the_digest_of_the_only_script():
    scripts = re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert scripts == [SCRIPT]
    assert f"script-src 'sha256-{digest}';" in POLICY.search(PAGE)[1]
    assert PAGE.count("<script") == 1


def test_the_script_is_small_and_makes_no_markup():
    assert len(SCRIPT.splitlines()) < 80
    assert SCRIPT.isascii()
    assert [word for word in FORBIDDEN if word in SCRIPT] == []


def test_chips_are_what_the_page_can_be_filtered_by():
    found = {facet.name: facet.values for facet in facets(TABLE)}
    assert found["framework"] == ("sklearn", "linfa", "candle")
    assert found["outcome"] == ("different", "equivalent", "inconclusive", "refused")
    assert found["workload"] == tuple(name for name in samples.CELLS if not name.startswith("control"))
    chips = [attributes for tag, attributes in FOUND if tag == "button" and "data-key" in attributes]
    assert [(one["data-name"], one["value"]) for one in chips] == [
        (name, value) for name, every in found.items() for value in every
    ]
    assert {one["aria-pressed"] for one in chips} == {"false"}
    assert {one["type"] for one in chips} == {"button"}


def test_every_chip_filters_something_and_nothing_else_can_be_filtered():
    for facet in facets(TABLE):
        assert set(facet.values) <= values(f"data-{facet.name}")
    # A framework that takes no part has a column, and no chip.
    assert values("data-framework") == {"sklearn", "linfa", "candle", "tch"}
    assert values("data-outcome") == {"different", "equivalent", "inconclusive", "refused"}
    assert "control.noop" not in values("data-workload")


def test_a_facet_of_one_value_is_none():
    names = [facet.name for facet in facets(samples.table({NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6, 50)}}))]
    assert names == ["framework"]


def test_a_refused_pair_is_known_by_its_contestant():
    (refused,) = [attributes for tag, attributes in FOUND if tag == "li" and attributes.get("class") == "refused"]
    assert (refused["data-framework"], refused["data-outcome"]) == ("linfa", "refused")


def test_without_its_script_the_page_is_whole_and_has_no_chips():
    hidden = [attributes.get("id") for _, attributes in FOUND if "hidden" in attributes]
    assert hidden == ["filters"]
    assert not [attributes for _, attributes in FOUND if "off" in attributes.get("class", "").split()]


def test_markup_in_a_framework_is_text_in_every_attribute():
    evil = '"><b>x</b>'
    page = render_html(samples.table({NAME: {"sklearn": Cell(1e6), evil: Cell(2e6)}}))
    assert "<b>" not in page
    found = Elements(page).found
    assert evil in {attributes.get("data-framework") for _, attributes in found}
    assert evil in {attributes.get("value") for tag, attributes in found if tag == "button"}
    links = {attributes["href"] for tag, attributes in found if tag == "a"}
    assert "#cell/ridge.fit-diabetes/~22~~3e~~3c~b~3e~x~3c~~2f~b~3e~" in links


@in_a_browser
def test_a_browser_runs_it_under_the_policy_and_applies_the_address(tmp_path):
    found = Elements(dom(tmp_path, PAGE, "#f=linfa&o=refused")).found
    pressed = [attributes["value"] for _, attributes in found if attributes.get("aria-pressed") == "true"]
    assert pressed == ["linfa", "refused"]
    assert "hidden" not in next(attributes for _, attributes in found if attributes.get("id") == "filters")
    shown = [
        attributes["data-outcome"]
        for tag, attributes in found
        if tag == "li" and "data-outcome" in attributes and "off" not in attributes.get("class", "").split()
    ]
    assert shown == ["refused"]


@in_a_browser
def test_a_framework_hides_a_refused_pair_of_others_alone(tmp_path):
    found = driven(
        tmp_path,
        """
        press("linfa");
        const chosen = off("li.refused");
        press("linfa"); press("candle");
        return [chosen, off("li.refused"), document.getElementById("filtered").textContent];
        """,
    )
    assert found[:2] == [0, 1]
    assert found[2].endswith(" of 9 outcomes hidden, 1 of them REFUSED.")


@in_a_browser
def test_a_choice_stays_in_the_address_when_a_link_is_followed(tmp_path):
    found = driven(
        tmp_path,
        """
        press("linfa"); press("different");
        const chosen = location.hash;
        document.querySelector('nav a[href="#cells"]').click();
        await settled();
        const followed = location.hash;
        document.querySelector('.heat a[data-outcome="different"]').click();
        await settled();
        const open = [...document.querySelectorAll("details[open]")].length;
        const opened = location.hash;
        document.getElementById("reset").click();
        return [chosen, followed, opened, open, location.hash, document.querySelectorAll(".off").length];
        """,
    )
    assert found == [
        "#f=linfa&o=different",
        "#f=linfa&o=different&at=cells",
        "#f=linfa&o=different&at=cell/kmeans.fit-iris/linfa",
        1,
        "#cell/kmeans.fit-iris/linfa",
        0,
    ]


@in_a_browser
@pytest.mark.parametrize("address", ["#f=%zz&o=%3Cb%3E", "#=&=", "#f=nobody", "#cells"])
def test_an_address_that_chooses_nothing_hides_nothing(tmp_path, address):
    found = Elements(dom(tmp_path, PAGE, address)).found
    assert not [attributes for _, attributes in found if "off" in attributes.get("class", "").split()]
    assert "hidden" not in next(attributes for _, attributes in found if attributes.get("id") == "filters")
