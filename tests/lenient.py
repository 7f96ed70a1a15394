"""A state folder whose limits no machine reaches: what a test measures is not disturbed by the tests beside it."""

from dataclasses import asdict

import pytest
from mlfleet import host, quiet
from mlfleet.commands.benches import engine_version
from mlfleet.errors import HostError
from mlfleet.noise import Limits
from mlfleet.quiet import Quietness
from mlfleet.setting import SETTINGS

BEYOND_REACH = 1e6


def write(folder):
    """Fill the folder that MLFLEET_STATE is to name."""
    names = {name.removeprefix("trial_") for name in asdict(Limits())}
    seen = Quietness("2026-01-02T03:04:05+00:00", 200, dict.fromkeys(names, BEYOND_REACH))
    for runtime in ("docker", "process", "attach"):
        try:
            engine = engine_version(runtime)
        except HostError:
            continue
        fingerprint = host.fingerprint(host.facts(), {"docker_engine": engine})
        for setting in SETTINGS.values():
            quiet.store(seen, fingerprint, runtime, setting, folder)


@pytest.fixture(scope="session", autouse=True)
def any_machine(tmp_path_factory):
    """Runs, in processes of their own too, are judged by these limits; the user's own state is not touched."""
    folder = tmp_path_factory.mktemp("state")
    write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLEET_STATE", str(folder))
        yield
