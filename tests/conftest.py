"""Options of all tests."""

from typing import get_args

import pytest
from hypothesis import settings
from mlfleet.model import Runtime

RUNTIMES = get_args(Runtime)
# Contract tests of every other service, of the services between them, and of several services at once.
PARTS = ("odd", "even", "several")
# An example that a busy machine holds up has not failed.
settings.register_profile("mlfleet", deadline=None)
settings.load_profile("mlfleet")


def pytest_addoption(parser):
    parser.addoption(
        "--runtime", action="append", choices=RUNTIMES, help="where services are launched; repeatable, default all"
    )
    parser.addoption("--kills", type=int, default=3, help="instants of each signal in tests/fleet/test_killed.py")
    parser.addoption("--kill-seed", type=int, default=1, help="draws those instants")
    parser.addoption("--service", action="append", help="contract tests of this service alone; repeatable, default all")
    parser.addoption("--part", choices=PARTS, help="a part of the contract tests, which together are all")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.runtime = config.option.runtime or list(RUNTIMES)
