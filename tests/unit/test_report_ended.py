"""How each workload ended stands in every output: the reason of its stop, and what was measured again."""

import io
from dataclasses import replace

import pytest
import samples
from mlfleet.ledger_lines import StopBody
from mlfleet.looks import LOOKS
from mlfleet.report.ended import ended
from mlfleet.report.export_json import report_json
from mlfleet.report.html import render_html
from mlfleet.report.terminal import render_terminal
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from rich.console import Console

NAME = "ridge.fit-diabetes"
CELLS = {NAME: samples.CELLS[NAME]}
SENTENCES = {
    "precision": "10 blocks, stopped on precision: each ratio of times is known to 2 %, or to 5 % of its logarithm",
    "budget": "10 blocks, stopped on its budget of 900 s",
    "none_left": "10 blocks, stopped: no pair was left to compare",
    "max_blocks": "10 blocks, all that were planned for it",
}


def table(reason=None, disturbed=(), blocks=10):
    run = samples.run_file(CELLS, 8)
    records = [
        replace(record, verdict=Verdict.DISTURBED)
        if (record.trial.framework, record.trial.block) in disturbed
        else record
        for record in samples.records(CELLS, blocks)
    ]
    if reason is None:
        return fold(run, records)
    return fold(replace(run, looks=LOOKS), records, stops=[StopBody(NAME, reason, blocks)])


@pytest.mark.parametrize("reason", SENTENCES)
def test_a_stop_is_told_with_its_reason_in_every_output(reason):
    found = table(reason)
    text = f"{NAME}: {SENTENCES[reason]}"
    assert ended(found)[0].startswith(text)
    out = io.StringIO()
    render_terminal(found, Console(file=out, width=400))
    assert text in out.getvalue()
    assert text in render_html(found)
    assert report_json(found)["stops"] == [{"workload": NAME, "reason": reason, "blocks": 10}]


def test_disturbed_blocks_and_those_appended_for_them_are_counted():
    found = table(disturbed=[("linfa", 2), ("sklearn", 2), ("linfa", 9)], blocks=10)
    assert ended(found) == (f"{NAME}: 2 blocks disturbed, kept and not estimated; 2 blocks appended for them",)


def test_of_fixed_blocks_that_were_quiet_there_is_nothing_to_tell():
    assert ended(table(blocks=8)) == ()
    assert report_json(table(blocks=8))["stops"] == []
