"""Every re-enactment by its name: first those that launch nothing."""

from collections.abc import Mapping
from types import MappingProxyType

from mlfleet.demos.fault import LiveDemo
from mlfleet.demos.imported import ImportedDemo
from mlfleet.demos.networks import NETWORKS
from mlfleet.demos.planned import PlannedDemo
from mlfleet.demos.spoilt import SPOILT
from mlfleet.demos.tables import TABLES

Demo = ImportedDemo | LiveDemo | PlannedDemo
DEMOS: Mapping[str, Demo] = MappingProxyType({demo.name: demo for demo in (*TABLES, *SPOILT, *NETWORKS)})
