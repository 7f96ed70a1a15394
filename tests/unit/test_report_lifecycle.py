"""Life-cycle costs: median, maximum and number, null with its reason, and a verdict only from 20 blocks on."""

import re
from dataclasses import replace

import pytest
import samples
from mlfleet.model import Phase, Prepared, Reading, Sample
from mlfleet.names import Name
from mlfleet.report.html import render_html
from mlfleet.report.lifecycle import ATTACHED, life_cycle
from mlfleet.report.lifecycle_verdict import VERDICT_FROM, verdicts
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from samples import MIB, Cell

NAME = "ridge.fit-diabetes"
CELLS = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
MS = 1_000_000
NOISE = (1.0, 1.03, 0.98, 1.01, 0.99)


def whole(record, share=1.0):
    """The record with every phase of a start, each taking that share of what it takes of sklearn."""
    noise = share * NOISE[record.trial.block % len(NOISE)]
    if record.trial.framework == "sklearn":
        noise = 1.0
    ends = [round(ms * MS * noise) for ms in (150, 900, 1000)]
    levels = {
        Name.ANONYMOUS.value: Reading(round(40 * MIB * noise), "bytes", "memory.stat"),
        Name.CHARGED.value: Reading(None, "bytes", "memory.usage_in_bytes", reason="no_permission"),
    }
    return replace(
        record,
        clock="shared",
        prepared=Prepared("", "", 1, ends[1], ends[1] + round(5 * MS * noise)),
        phases=(
            Phase("launch", 0, ends[0]),
            Phase("import", ends[0], ends[1], levels),
            Phase("prepare", ends[1], ends[2]),
        ),
        cold=Sample(1, ends[2], ends[2] + round(8 * MS * noise)),
    )


def made(blocks=5, change=whole, **run):
    records = [change(record) for record in samples.records(CELLS, blocks)]
    return fold(replace(samples.run_file(CELLS, blocks), **run), records)


def half(record):
    return whole(record, 0.5)


def of_framework(table, key):
    life = life_cycle(table)
    row = next(row for row in life.frameworks if row.framework == key)
    return dict(zip(life.framework_heads, row.figures, strict=True))


def of_cell(table, key):
    life = life_cycle(table)
    row = next(row for row in life.cells if row.framework == key)
    return dict(zip(life.cell_heads, row.figures, strict=True))


def test_before_20_trials_there_are_median_maximum_and_number():
    found = of_framework(made(), "linfa")
    assert (found["launch"].text, found["launch"].note) == ("150 ms", "median of 5, max 154 ms")
    assert (found["import"].text, found["import"].note) == ("750 ms", "median of 5, max 772 ms")
    assert found["anonymous after import"].text == "40.0 MiB"
    assert verdicts(made()) == {}


def test_a_cell_has_its_own_start():
    found = of_cell(made(), "linfa")
    assert found["prepare"].text == "100 ms"
    assert found["of it the job, with its model"].text == "5.00 ms"
    assert found["cold iteration"].text == "8.00 ms"
    # From the request to create the process to the end of its first iteration.
    assert found["first answer"].text == "1.01 s"


def test_what_is_not_known_says_why():
    assert of_framework(made(), "linfa")["charged after import"].note == "no_permission"
    plain = made(change=lambda record: record)
    assert of_framework(plain, "linfa")["anonymous after import"].note == "not_recorded"
    found = of_cell(plain, "linfa")
    assert (found["prepare"].text, found["prepare"].note) == ("none", "not_reached")
    assert found["first answer"].note == "no_shared_clock"
    served = of_cell(made(change=lambda record: replace(whole(record), flags=("not_fresh",))), "linfa")
    assert served["cold iteration"].note == "not_fresh"


@pytest.mark.parametrize(("blocks", "said"), [(VERDICT_FROM - 1, 0), (VERDICT_FROM, 7)])
def test_a_verdict_needs_20_blocks(blocks, said):
    table = made(blocks, half)
    assert len(verdicts(table)) == said
    assert all(verdict == "less than sklearn's" for verdict in verdicts(table).values())
    note = of_framework(table, "linfa")["launch"].note
    assert note.endswith("less than sklearn's") == bool(said)
    assert ("97 % interval" in note) == bool(said)
    # Its own level, and never a quotient.
    assert not re.search(r"\d ?x\b", note)
    assert (f"{said} here, each tested at 3 % / {said}." in life_cycle(table).words) == bool(said)


def test_equal_starts_are_not_shown_to_differ():
    found = verdicts(made(VERDICT_FROM))
    assert set(found.values()) == {"not shown to differ from sklearn's"}


def test_more_is_said_to_be_more():
    found = verdicts(made(VERDICT_FROM, lambda record: whole(record, 1.5)))
    assert set(found.values()) == {"more than sklearn's"}


def test_a_refused_pair_has_figures_and_no_verdict():
    bad = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(2e6, **samples.UNTRAINED)}}
    records = [half(record) for record in samples.records(bad, VERDICT_FROM)]
    table = fold(samples.run_file(bad, VERDICT_FROM), records)
    assert verdicts(table) == {}
    assert of_cell(table, "linfa")["first answer"].text == "504.0 ms"
    (row,) = [row for row in life_cycle(table).cells if row.framework == "linfa"]
    assert row.verdict == "INVALID outside_tolerance"
    assert life_cycle(table).words.endswith("there is none here.")


def test_a_pair_whose_trials_are_said_to_be_ok_against_a_finding_has_no_verdict():
    records = [half(record) for record in samples.records(CELLS, VERDICT_FROM)]
    forged = [replace(one, findings=(samples.POOR,)) if one.trial.framework == "linfa" else one for one in records]
    table = fold(samples.run_file(CELLS, VERDICT_FROM), forged)
    assert {one.outcome for one in table.comparisons} == {"refused"}
    assert {cell.verdict for cell in table.cells} == {Verdict.OK}
    assert verdicts(table) == {}


def test_starts_are_not_seen_where_compose_made_them():
    run = samples.run_file(CELLS, VERDICT_FROM)
    table = made(VERDICT_FROM, half, environment=replace(run.environment, runtime="attach"))
    assert of_framework(table, "linfa")["launch"].note == ATTACHED
    assert of_cell(table, "linfa")["first answer"].note == ATTACHED
    assert {cost for _, _, cost in verdicts(table)} == {
        "anonymous after import",
        "prepare",
        "of it the job, with its model",
        "cold iteration",
    }


def test_two_baselines_leave_a_framework_without_a_verdict_of_its_own():
    two = {
        "ridge.fit-diabetes": CELLS[NAME],
        "ridge.fit-boston": {"linfa": Cell(1e6), "sklearn": Cell(2e6)},
    }
    records = [half(record) for record in samples.records(two, VERDICT_FROM)]
    found = verdicts(fold(samples.run_file(two, VERDICT_FROM), records))
    assert found
    assert {scope for scope, _, _ in found} == set(two)
    assert found["ridge.fit-boston", "sklearn", "prepare"] == "more than linfa's"


def test_controls_stand_in_the_first_table_alone():
    life = life_cycle(samples.table())
    assert [row.framework for row in life.frameworks if row.control] == ["null-rust"]
    assert "null-rust" not in {row.framework for row in life.cells}


def test_images_builds_and_who_takes_no_part():
    table = samples.table()
    rows = {row.framework: row for row in life_cycle(table).frameworks}
    assert rows["sklearn"].image == "180 MiB"
    assert rows["sklearn"].build == "time unknown: this run kept no build times"
    assert rows["tch"].absent.startswith("not_built")
    assert rows["tch"].figures == ()
    built = tuple(replace(one, build_s=12.34, build_note="<b>warm</b>") for one in table.run.contestants)
    page = render_html(replace(table, run=replace(table.run, contestants=built)))
    assert "12.3 s (&lt;b&gt;warm&lt;/b&gt;)" in page
    assert "<b>warm" not in page


def test_the_page_gives_no_exact_number_that_verify_does_not_recompute():
    page = render_html(made(VERDICT_FROM, half))
    section = re.search(r'<section id="lifecycle".*?<section id="cells"', page, re.DOTALL)[0]
    assert "first answer" in section
    assert "less than sklearn&#39;s" in section
    assert "<data" not in section
