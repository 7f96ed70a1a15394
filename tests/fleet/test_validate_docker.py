"""What `mlfleet validate` does with containers only: a quota is asked for, and the recipe refuses it."""

from mlfleet.validate.plan import control_of
from mlfleet.validate.quota import quota_run
from silent import site_in


def test_a_container_with_a_quota_is_refused_for_it(tmp_path):
    with site_in(tmp_path, "docker") as site:
        found = quota_run(site, control_of(site.services, "compute"))
    assert (found.state, found.expected) == ("ok", "launch_failed")
    assert "nano_cpus" in found.found
