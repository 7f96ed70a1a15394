"""What outcomes rest on, in words and in the JSON: levels, resolution, flagged turns, means over workloads, advice."""

import re
from dataclasses import replace

import pytest
import samples
from mlfleet.model import Sample
from mlfleet.report import report_csv, report_json, summary
from mlfleet.report.basis import basis, how_many_tested, resolution
from mlfleet.report.html import render_html
from mlfleet.report.machine import noted
from mlfleet.report.notes import how_to_narrow
from mlfleet.report.over import over_workloads, turns
from mlfleet.report.rows import rows
from mlfleet.report.sentences import sentence
from mlfleet.resolution import Limit, Resolution
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from samples import Cell

NAME = "ridge.fit-diabetes"
PLAIN = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
RESTLESS = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(1e6, noise=samples.RESTLESS)} for n in range(9)}
KNOWN = Resolution(
    "v7",
    "2026-01-02T03:04:05+00:00",
    (
        Limit("1 thread", "short", "time", "compute", 0.0123, 24, 4, 10),
        Limit("1 thread", "short", "time", "interpreter", 0.2, 24, 4, 10),
    ),
)


def made(cells=PLAIN, change=None, blocks=5, **run):
    found = samples.records(cells, blocks)
    if change is not None:
        found = [change(one) if one.trial.framework == "linfa" else one for one in found]
    return fold(replace(samples.run_file(cells, blocks), **run), found)


def said(table, workload=NAME, metric="time"):
    one = next(c for c in table.comparisons if (c.workload, c.metric) == (workload, metric))
    planned = next(p for p in table.run.workloads if p.workload.name == workload)
    return sentence(planned, one, table.run.margin)


def flagged(*factors, flags=()):
    """Makes a record have a turn per factor of its time, those with the given numbers flagged."""

    def change(one):
        (turn,), found = one.turns, []
        for number, factor in enumerate(factors, 1):
            longer = tuple(Sample(s.iterations, 0, round((s.end_ns - s.start_ns) * factor)) for s in turn.samples)
            mark = ("pressure",) if number in flags else ()
            found.append(replace(turn, number=number, samples=longer, flags=mark))
        return replace(one, turns=tuple(found))

    return change


def test_comparisons_families_and_selected_ones_are_counted():
    assert how_many_tested(samples.table()).startswith(
        "8 comparisons tested in M = 6 families of one workload and metric, R = 4"
    )
    assert report_json(samples.table())["multiplicity"] == {
        "alpha": 0.03,
        "comparisons": 8,
        "families": 6,
        "selected": 4,
    }
    nothing = samples.table({"ridge.predict-boston_housing": samples.CELLS["ridge.predict-boston_housing"]})
    assert how_many_tested(nothing) == "No comparison was tested: none passed every gate in enough blocks."


def test_refused_ratios_are_counted_first_and_the_resolution_stands_before_the_outcomes():
    for table in (samples.table(), made(resolution=KNOWN)):
        text = " ".join(summary(table).split())
        assert re.match(r"\d of \d+ ratios refused", text)
        assert text.index("refused") < text.index("tested in M") < text.index("A/A resolution") < text.index("Outcomes")
        page = render_html(table)
        assert page.index(basis(table)[1].replace("'", "&#39;")) < page.index('id="outcomes"')


def test_the_resolution_of_the_host_is_given_or_said_to_be_unknown():
    assert resolution(made()).startswith("No A/A resolution of this host is known")
    assert resolution(made(resolution=KNOWN)) == (
        "A/A resolution of this host, within which equal services differ: time 20 %; none is known for memory "
        "(validation v7, 2026-01-02T03:04:05+00:00). Nothing within it is called different."
    )
    other = replace(KNOWN, limits=tuple(replace(limit, setting="all cores") for limit in KNOWN.limits))
    assert resolution(made(resolution=other)).startswith("No A/A resolution of this host is known")
    assert report_json(made())["resolution"] is None
    assert report_json(made(resolution=KNOWN))["resolution"]["limits"][0]["share"] == 0.0123


def test_a_difference_within_the_resolution_says_so():
    close = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(1.1e6)}}
    assert said(made(close, resolution=KNOWN)).endswith(
        "no larger than the A/A resolution of 20 %: this host shows as much between equal services"
    )


def test_an_interval_that_excludes_1_only_at_97_percent_says_at_what_level_it_was_tested():
    weak = {NAME: {"sklearn": Cell(1e6), "linfa": Cell(1.05e6, noise=(1.03, 0.98, 1.01, 1.04, 0.99))}}
    text = said(made({**weak, **RESTLESS}, metrics=("time",)))
    assert text.startswith("inconclusive: 97 % interval 1.0")
    assert text.endswith(
        "it excludes 1, but not at 99.7 %, the level at which this one of many comparisons is tested; run more blocks"
    )


def test_noise_says_that_the_machine_may_have_made_the_difference():
    table = made(change=flagged(1, 1.5, 1.5, flags=(2, 3)))
    assert said(table).startswith("inconclusive: 97 % interval")
    assert "without the flagged turns (5 blocks left) the estimate lies outside" in said(table)
    assert any("met a restless machine" in text for text in how_to_narrow(table))
    one = report_json(table)["comparisons"][0]
    assert (one["outcome"], one["reasons"], one["ratio"], one["unflagged"]["point"]) == (
        "inconclusive",
        ["noise"],
        None,
        None,
    )
    assert one["unflagged"]["low"] < one["unflagged"]["high"] < one["low"]


def test_a_noisy_outcome_keeps_its_ratio_and_carries_the_mark():
    table = made(change=flagged(1, flags=(1,)))
    assert said(table).endswith("; noisy: 0 of 5 blocks without a flag")
    one = report_json(table)["comparisons"][0]
    assert (one["outcome"], one["marks"], one["unflagged"]["blocks"]) == ("different", ["noisy"], 0)


def test_the_share_of_flagged_turns_is_given_per_cell_and_flag():
    table = made(change=flagged(1, 1, 1, flags=(2,)))
    assert noted(table, table.run.workloads[0]) == (
        "linfa: 5 of 15 turns flagged (pressure 5)",
        "turns without a flag: sklearn (5)",
    )
    cells = {cell["framework"]: cell for cell in report_json(table)["cells"]}
    assert cells["linfa"]["flagged"] == {
        "turns": 5,
        "share": pytest.approx(1 / 3),
        "flags": {"pressure": pytest.approx(1 / 3)},
    }
    assert cells["sklearn"]["flagged"] == {"turns": 0, "share": 0, "flags": {}}
    assert "flagged pressure" in render_html(table)
    assert "linfa: 5 of 15 turns flagged (pressure 5)" in summary(table)
    assert "flagged_turns,turn_flags,labels" in report_csv(table)
    assert ",3,1,pressure," in report_csv(table)


def test_disturbed_trials_and_labels_are_told():
    def change(one):
        verdict = Verdict.DISTURBED if one.trial.block == 2 else Verdict.OK
        return replace(one, verdict=verdict, labels=("waits",) if one.trial.block < 4 else ())

    table = made(change=change, blocks=6)
    assert noted(table, table.run.workloads[0])[0] == "linfa: 1 of 6 trials disturbed; waits in 3 trials"
    (cell,) = (cell for cell in report_json(table)["cells"] if cell["framework"] == "linfa")
    assert (cell["verdicts"], cell["labels"]) == ({"ok": 5, "disturbed": 1}, {"waits": 3})


def test_numbers_of_disturbed_trials_are_in_no_figure_of_a_cell():
    def change(one):
        return replace(flagged(50)(one), verdict=Verdict.DISTURBED) if one.trial.block > 2 else one

    table = made(change=change)
    (_, linfa) = sorted(rows(table, table.run.workloads[0]), key=lambda row: row.cell.framework == "linfa")
    assert (linfa.time.text, linfa.time.note) == ("2.01 ms", "median of 2, no interval")
    assert linfa.charged.note.startswith("median of 2")
    lost = made(change=lambda one: replace(one, verdict=Verdict.DISTURBED))
    (_, linfa) = sorted(rows(lost, lost.run.workloads[0]), key=lambda row: row.cell.framework == "linfa")
    assert (linfa.time.note, linfa.verdict) == ("median of 5, no interval", "LOST disturbed")


def test_the_geometric_mean_is_printed_with_what_was_left_out():
    cells = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(2e6)} for n in range(3)}
    cells["ridge.fit-d3"] = {"sklearn": Cell(1e6), "linfa": Cell(9e6, **samples.UNTRAINED)}
    table = made(cells)
    assert over_workloads(table)[0] == (
        "time against sklearn, geometric mean over 3 of 4 workloads; 1 refused: linfa 2x (no interval: too few "
        "workloads)"
    )
    (first, _) = report_json(table)["summaries"]
    assert first["means"][0]["ratio"] == pytest.approx(2, rel=1e-3)
    assert first["workloads"]["ridge.fit-d3"] == "refused"
    many = made({f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(1e6 * (n + 2))} for n in range(8)})
    assert re.search(r"linfa \d\.\d+x \(97 % interval \d\.\d+ to \d\.\d+\)$", over_workloads(many)[0])


def test_too_few_or_too_many_inconclusive_workloads_give_a_reason_and_no_mean():
    assert over_workloads(made()) == ()
    wide = {f"ridge.fit-d{n}": {"sklearn": Cell(1e6), "linfa": Cell(2e6)} for n in range(4)} | {
        f"ridge.fit-w{n}": {"sklearn": Cell(1e6), "linfa": Cell(1e6, noise=samples.RESTLESS)} for n in range(2)
    }
    assert over_workloads(made(wide))[0] == (
        "time against sklearn: no geometric mean: too many are inconclusive: 4 of 6 workloads; 2 inconclusive; at most "
        "1 in 4 of those that passed parity may be"
    )
    assert over_workloads(made(RESTLESS))[0].startswith(
        "time against sklearn: no geometric mean: every framework has a defended ratio in 0 of 9 workloads; 9 inconcl"
    )


def test_advice_is_printed_with_what_it_is_made_of_and_null_with_its_reason():
    table = made(change=flagged(0.9, 1, 1.1))
    both = fold(table.run, [flagged(0.9, 1, 1.1)(one) for cell in made().cells for one in cell.records])
    assert turns(table) == ()
    assert report_json(table)["advice"][0]["reason"] == "one_turn"
    (found,) = turns(both)
    assert found.startswith(f"{NAME}: trials differ no more than their turns do")
    restless = {NAME: {key: replace(cell, noise=samples.RESTLESS) for key, cell in PLAIN[NAME].items()}}
    (found,) = turns(
        fold(both.run, [flagged(0.9, 1, 1.1)(one) for cell in made(restless).cells for one in cell.records])
    )
    assert re.match(rf"{NAME}: 2 turns a trial would use the time best, this run had 3 \(standard deviation", found)


def test_percentiles_and_cpus_used_stand_with_the_cell():
    def change(one):
        lasting = tuple(Sample(1, 0, 10**6 + 1000 * one.trial.block + number) for number in range(41))
        return replace(one, turns=(replace(one.turns[0], samples=lasting),))

    table = made(change=change)
    cells = {cell["framework"]: cell for cell in report_json(table)["cells"]}
    assert cells["linfa"]["percentiles"]["p95"]["blocks"] == 5
    assert cells["linfa"]["percentiles_absent"] == {"p99": "few_samples"}
    assert cells["sklearn"]["percentiles"] == {"p95": None, "p99": None}
    assert cells["sklearn"]["cpus_used"] == pytest.approx(1, rel=0.01)
    assert "<dt>p99 of one iteration</dt><dd>none: few_samples</dd>" in render_html(table)
    assert "linfa, one iteration: p95 1.00" in summary(table)
    assert "sklearn, one iteration" not in summary(table)
