"""The sources' faults as live services: each is refused for each of its reasons, and its honest twin is not.

`mlfleet demo` in one block: gates need no more, outcomes would need five.
"""

import pytest
from mlfleet import build as builds
from mlfleet import roofline
from mlfleet.commands.benches import local_command, open_bench
from mlfleet.commands.common import ROOT, services
from mlfleet.demos import DEMOS, LiveDemo, Stage, replay
from mlfleet.demos.fault import faults_together
from mlfleet.interrupt import Stop

LIVE = [demo for demo in DEMOS.values() if isinstance(demo, LiveDemo)]
GROUPS = faults_together(LIVE)
ROOF = roofline.once(roofline.roof)


@pytest.fixture
def stage(tmp_path):
    with Stop() as stop:
        yield Stage(
            root=ROOT,
            services={service.key: service for service in services()},
            builder=builds.builder("process", ROOT),
            bench=lambda run, command: open_bench(run, "process", stop, command, ROOF),
            command=local_command,
            folder=tmp_path,
            blocks=1,
            say=lambda _: None,
        )


@pytest.mark.parametrize("group", GROUPS, ids=[",".join(demo.name for demo in group) for group in GROUPS])
def test_each_fault_is_refused_for_each_of_its_reasons_and_its_twin_is_not(stage, group):
    for shown in replay(group, stage):
        assert not shown.missing, (shown.name, shown.refused)
        assert not shown.against, (shown.name, shown.against)
        assert shown.twin, shown.name
        assert shown.as_awaited
