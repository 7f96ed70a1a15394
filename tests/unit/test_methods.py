"""docs/methods.md says what the code does: its constants, codes, modules, commands and figures are those that exist."""

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import click
import pytest
from mlfleet import cells, charged, compare, gates, outcomes, values, verdict
from mlfleet.audit import judge
from mlfleet.audits import Outcome
from mlfleet.cli import cli
from mlfleet.constants import MODULES, constants
from mlfleet.looks import LOOKS, Stop
from mlfleet.meters.reading import REASONS
from mlfleet.names import Name
from mlfleet.parity import GATES
from mlfleet.setting import SETTINGS
from mlfleet.stats import estimate
from mlfleet.validate import counts
from mlfleet.validate.plan import SHARES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
# Lines may break anywhere but in code.
TEXT = " ".join(PAGE.split())
CODE = re.findall(r"`([^`\n]+)`", PAGE)
KNOWN = constants((*MODULES, judge, counts))
CONSTANT = re.compile(r"([a-z_]+\.[A-Z][A-Za-z0-9_.]*)(?: = (\S+))?")
NAMED = [found for code in CODE if (found := CONSTANT.fullmatch(code)) and found[1] != "module.NAME"]
MOST_LINES = 270


def audit_gates():
    nothing = judge.Audited({}, {}, None, trains=False, value_dependent=False, first_call=False, nondeterministic=False)
    return {outcome.gate for outcome in judge.judge(nothing)}


def words_of(*modules):
    """Reasons, marks and labels: the texts that these modules define as constants."""
    return {
        word
        for module in modules
        for name, word in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(word, str)
    }


CODES = {
    *verdict.Verdict,
    *get_args(verdict.TurnFlag),
    *get_args(verdict.Flag),
    *get_args(outcomes.Outcome),
    *get_args(Stop),
    *get_args(Outcome.__annotations__["state"]),
    *words_of(cells, charged, compare, gates, outcomes, values),
    *REASONS.values(),
    *GATES,
    *Name,
    *SETTINGS.values(),
    "few_workloads",
    "many_inconclusive",
}


def test_every_value_of_a_constant_is_the_one_in_force():
    said = {found[1]: float(found[2]) for found in NAMED if found[2]}
    assert len(said) > 40
    assert said == {name: KNOWN.get(name) for name in said}


def test_every_constant_that_is_named_exists():
    """A name that ends in `.*` has been cut: it stands for several."""
    lacking = [found[1] for found in NAMED if not any(name.startswith(found[1]) for name in KNOWN)]
    assert lacking == []


@pytest.mark.parametrize("code", sorted(CODES - {"passed", "failed"}))
def test_every_code_that_a_reader_may_meet_is_explained(code):
    assert re.search(rf"`{re.escape(code)}`|^\| {re.escape(code)}[ ,|]", PAGE, re.MULTILINE)


def test_every_gate_of_an_audit_has_its_row():
    rows = {part.strip() for row in re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE) for part in row.split(";")}
    assert audit_gates() - rows == set()


def test_looks_and_injected_shares_are_those_of_the_code():
    assert f"at K = {', '.join(map(str, LOOKS))} and" in TEXT
    assert f"of {SHARES[0]}, {SHARES[1]} and {SHARES[2]} %" in TEXT


def test_the_golden_example_is_what_the_estimator_gives():
    d = [float(number) for number in re.search(r"Golden example: d = ((?:\.\d+ )+)", TEXT)[1].split()]
    for differences, words in ((d, "gives"), (d[:5], "Its first five alone:")):
        text = TEXT.split(words, 1)[1].split("Its first five", 1)[0]
        found = estimate(differences)
        assert float(re.search(r"D = (\.\d+)", text)[1]) == pytest.approx(found.point)
        assert float(re.search(r"SE = (\.\d+)", text)[1]) == pytest.approx(found.standard_error, abs=5e-8)
        assert int(re.search(r"nu = (\d+)", text)[1]) == found.degrees
        low, high = map(float, re.search(r"(1\.\d+) to (1\.\d+)\)", text).groups())
        assert (low, high) == pytest.approx((math.exp(found.low), math.exp(found.high)), abs=5e-6)


@pytest.mark.parametrize("line", sorted({code for code in CODE if code.startswith("mlfleet ")}))
def test_every_command_exists_with_its_options(line):
    name, *rest = line.split()[1:]
    command = cli.get_command(click.Context(cli), name)
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options
    for option, value in pairwise(rest):
        chosen = next((one for one in command.params if option in one.opts), None)
        if chosen and isinstance(chosen.type, click.Choice):
            assert value in chosen.type.choices


def test_every_program_and_test_that_is_to_be_run_exists():
    lines = [code.split() for code in CODE if code.startswith(".venv/bin/python ")]
    files = [word for line in lines for word in line if word.endswith(".py")]
    assert len(lines) >= 8
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_module_that_is_named_exists():
    package = ROOT / "orchestrator/mlfleet"
    named = [code for code in CODE if re.fullmatch(r"[a-z_/]+(\.py|\.rs|/)", code)]
    assert len(named) > 20
    assert [one for one in named if not ((package / one).exists() or (ROOT / one).exists())] == []


@pytest.mark.parametrize(
    ("said", "program", "shown"),
    [
        ("this procedure 5.1%", "benchmarks/procedures.txt", r"paired by restart, trimmed t +5\.1%"),
        ("Welch's t 77.3%", "benchmarks/procedures.txt", r"one after the other, samples pooled, Welch's t +77\.3%"),
        ("Mann-Whitney 78.8%", "benchmarks/procedures.txt", r"one after the other, .*Mann-Whitney +78\.8%"),
        ("best of N 95.5%", "benchmarks/procedures.txt", r"best of N differ by > 1% +95\.5%"),
        ("4 to 16 of 200", "tests/unit/test_false_alarms.py", r"assert 4 <= alarms <= 16\n"),
        ("180 to 196 of 200", "tests/unit/test_false_alarms.py", r"assert 180 <= covered <= 196\n"),
        ("at most 16 of 200", "tests/unit/test_false_alarms.py", r'count\("different"\) <= 16\n'),
        ("at block sd 1.5 % at least 38 of 40", "tests/unit/test_false_alarms.py", r"\(0\.015, 38\)"),
        ("at 2.5 % at least 35", "tests/unit/test_false_alarms.py", r"\(0\.025, 35\)"),
        ("more than 32 of 200 false", "tests/unit/test_false_alarms.py", r"assert alarms > 32\n"),
        ("all equal at most 7 %", "tests/unit/test_outcomes.py", r"false_discoveries\(0\.0\) <= 0\.07\n"),
        ("30 % different at most 3 %", "tests/unit/test_outcomes.py", r"false_discoveries\(0\.3\) <= 0\.03\n"),
    ],
)
def test_every_quoted_figure_is_the_one_that_its_command_gives(said, program, shown):
    assert said in TEXT
    assert re.search(shown, (ROOT / program).read_text(encoding="utf-8"))


def test_figures_of_a_host_stand_between_their_marks_and_nowhere_else():
    before, rest = PAGE.split("<!-- figures of this host: begin -->")
    section, after = rest.split("<!-- figures of this host: end -->")
    assert "### Figures of this host" in section
    assert not re.search(r"Figures of this host|validation \d{8}", before + after)


def test_it_can_be_read_in_one_sitting_and_is_found():
    assert PAGE.count("\n") <= MOST_LINES
    for page in ("README.md", "DESIGN.md"):
        assert "(docs/methods.md)" in (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists()
