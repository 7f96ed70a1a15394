"""What `mlfleet validate` does with containers only: a quota is asked for and refused; another comes and is seen."""

from mlfleet.validate.plan import control_of
from mlfleet.validate.quota import quota_runs
from silent import site_in


def test_a_quota_is_refused_by_the_recipe_and_seen_in_the_turns_where_it_comes_later(tmp_path):
    with site_in(tmp_path, "docker") as site:
        refused, forced = quota_runs(site, control_of(site.services, "compute"))
    assert (refused.state, refused.expected) == ("ok", "launch_failed")
    assert "nano_cpus" in refused.found
    assert forced.state == "ok", forced.found
