"""The page and the terminal say first whether the harness is right, and name what is not."""

import io
from dataclasses import replace

from mlfleet.codec import decode, encode
from mlfleet.report import validation as report
from mlfleet.validate.result import Canary, Validation
from rich.console import Console
from validations import FOUND


def terminal(found):
    out = io.StringIO()
    report.render_terminal(found, Console(file=out, width=100, color_system=None))
    return out.getvalue()


def test_everything_as_expected():
    assert report.first_line(FOUND) == "ok: 2 checks as expected, 1 not judged"
    for text in (terminal(FOUND), report.render_html(FOUND)):
        for word in ("20.08 ms", "1 of 9", "1.2 %", "of 7 services", "all that needs null-rust"):
            assert word in text
    assert "1.0502" in report.render_html(FOUND)
    (line,) = [line for line in terminal(FOUND).splitlines() if "sleep of 20 ms" in line]
    assert line == "  ok          sleep of 20 ms (null-python): 20.08 ms; expected: 20 to 20.2 ms"


def test_what_is_off_or_not_shown_is_named_first():
    lie = Canary("constant <b>output</b>", "null-python:constant", "outside_tolerance", "ok", "off")
    busy = replace(FOUND.counts[0], name="pairs with 10 undisturbed blocks", state="not shown")
    found = replace(FOUND, canaries=(*FOUND.canaries, lie), counts=(busy,))
    names = "constant <b>output</b> (null-python:constant); pairs with 10 undisturbed blocks"
    assert report.first_line(found) == f"1 OFF, 1 NOT SHOWN of 3 checks: {names}"
    assert found.failed == ("constant <b>output</b> (null-python:constant)", "pairs with 10 undisturbed blocks")
    page = report.render_html(found)
    assert "<b>output" not in page
    assert "<tr class=invalid>" in page


def test_the_page_fetches_and_runs_nothing():
    page = report.render_html(FOUND)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_result_is_read_back_as_it_was_written():
    assert decode(Validation, encode(FOUND)) == FOUND


def test_a_pair_without_an_interval_has_none():
    pair = replace(FOUND.pairs[0], point=None, low=None, high=None, outcome="refused", reasons=("unexplained_time",))
    page = report.render_html(replace(FOUND, pairs=(pair,)))
    assert "none to none" not in page
    assert "refused, unexplained_time" in page
