"""The faults of published benchmarks, re-enacted: each is refused for its own reasons, and its honest twin passes.

DEMOS                         # by name, in the order of catalogue section 6
demo.replay(stage) -> Shown   # a live one launches services, an imported one reads its tables
"""

from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.listed import DEMOS
from mlfleet.demos.live import LiveDemo, Stage
from mlfleet.demos.shown import Shown

__all__ = ["DEMOS", "ImportedDemo", "LiveDemo", "Shown", "Stage"]
