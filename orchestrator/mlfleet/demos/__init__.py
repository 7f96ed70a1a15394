"""The faults of published benchmarks, re-enacted: each is refused for its own reasons, and its honest twin passes.

DEMOS                         # by name, those that launch nothing first
demo.replay() -> Shown        # reads tables, or plans
replay(live, stage) -> Shown  # launches services: several faults of one workload in the same blocks
"""

from mlfleet.demos.fault import LiveDemo
from mlfleet.demos.listed import DEMOS, Demo
from mlfleet.demos.live import replay
from mlfleet.demos.planned import PlannedDemo
from mlfleet.demos.shown import Shown
from mlfleet.demos.stage import Stage

__all__ = ["DEMOS", "Demo", "LiveDemo", "PlannedDemo", "Shown", "Stage", "replay"]
