"""What `mlfleet validate` does with containers only: a quota is asked for, and the recipe refuses it."""

from contextlib import contextmanager
from dataclasses import replace

from mlfleet.catalogue import load_suite
from mlfleet.commands.validate import site_of
from mlfleet.interrupt import Stop
from mlfleet.validate.plan import control_of
from mlfleet.validate.quota import quota_run

SUITE = load_suite("validate")


class Silent:
    def phase(self, framework, phase):
        pass

    def block(self, block, number, total):
        pass

    def done(self, block, records):
        pass


@contextmanager
def silent(part):
    yield Silent()


def test_a_container_with_a_quota_is_refused_for_it(tmp_path):
    with Stop() as stop, site_of(f"test-{tmp_path.name}", tmp_path, SUITE, "docker", 1, stop) as site:
        found = quota_run(replace(site, watched=silent), control_of(site.services, "compute"))
    assert (found.state, found.expected) == ("ok", "launch_failed")
    assert "nano_cpus" in found.found
