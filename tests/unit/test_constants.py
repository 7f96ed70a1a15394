"""The numbers of the rules that decided, as run.json keeps them."""

import pytest
from mlfleet.constants import MODULES, constants


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "schedule.CALIBRATION_NS": 5_000_000,
        "schedule.RULES.short.turns": 1,
        "schedule.RULES.standard.warm_up_cap_ns": 30_000_000_000,
        "looks.LOOKS.1": 10,
        "looks.LOOKS.5": 40,
        "looks.PRECISION": 0.02,
        "looks.BUDGET_S": 900,
        "course.APPENDED_SHARE": 0.2,
        "runner.ATTEMPTS": 3,
        "stats.ALPHA": 0.03,
        "parity.EQUALITY_ALPHA": 0.10,
        "values.PERCENTILES.p95.2": 40,
    }.items(),
)
def test_a_number_that_decides_is_kept_with_the_value_that_was_used(name, value):
    assert constants()[name] == value


def test_what_a_module_imports_stands_under_its_own_name_alone():
    found = constants()
    assert "runner.RULES.short.turns" not in found
    assert "outcomes.MIN_BLOCKS" not in found


def test_every_module_of_the_list_gives_a_number():
    named = {name.partition(".")[0] for name in constants()}
    silent = [module.__name__ for module in MODULES if module.__name__.rpartition(".")[2] not in named]
    assert silent == []
