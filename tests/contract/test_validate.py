"""`mlfleet validate`, live and short: liars are seen, the twin passes, a slowed service does what it counts."""

from dataclasses import replace

import pytest
from mlfleet import stats
from mlfleet.validate import planted
from mlfleet.validate.live import measured
from mlfleet.validate.pairs import pairs_seen
from mlfleet.validate.plan import control_of, workload_of
from mlfleet.verdict import Verdict
from silent import site_in


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    # One for all: to open it the host's roof is probed, which takes as long as a block.
    with site_in(tmp_path_factory.mktemp("validate"), "process") as site:
        yield site


def test_every_lie_is_seen_and_the_honest_twin_passes(site):
    control = control_of(site.services, "interpreter")
    found = {one.name: one for one in planted.lies(site, control)}
    assert {name: one for name, one in found.items() if one.state != "ok"} == {}
    lies = {lie.name for lie in (*planted.LIES, planted.UNTRAINED, *planted.AUDITED)}
    assert set(found) == {"honest twin", "honest twin, trained model", *lies}


@pytest.mark.parametrize("bound", ["interpreter", "compute"])
def test_a_slowed_service_does_the_share_more_that_it_counts(site, bound):
    control = control_of(site.services, bound)
    services = tuple(replace(control, key=f"{control.key}:{name}") for name in ("a", "plus100"))
    workloads = (workload_of(site.suite, bound),)
    run, records = measured(site, f"slowed-{bound}", services, workloads, blocks=2, seed=1, schedule="short")
    assert {record.verdict for record in records} == {Verdict.OK}
    (pair,) = [one for one in pairs_seen(bound, run, records) if one.metric == "time"]
    assert (pair.share, pair.truth) == (100, 2.0)
    # In each block twice the work takes about twice the CPU time, whoever else is on the machine.
    cpu = {}
    for record in records:
        (turn,) = record.turns
        iterations = sum(sample.iterations for sample in turn.samples)
        cpu.setdefault(record.trial.block, {})[record.trial.framework] = turn.readings["cpu_ns"].value / iterations
    ratios = [block[services[1].key] / block[services[0].key] for block in cpu.values()]
    assert min(ratios) > 1.5
    assert max(ratios) < 2.6
    assert pair.blocks < stats.MIN_BLOCKS
    assert pair.point is None
