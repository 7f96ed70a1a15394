"""What the page can be filtered by: frameworks, outcomes and workloads, each a row of chips."""

from dataclasses import dataclass
from typing import get_args

from mlfleet.outcomes import Outcome
from mlfleet.table import Table


@dataclass(frozen=True)
class Facet:
    """Chips of one kind: `key` stands in the address, `name` in the attribute data-<name> of what they filter."""

    key: str
    name: str
    values: tuple[str, ...]


def facets(table: Table) -> tuple[Facet, ...]:
    """Those that tell at least two things apart; of what is compared, since controls are always shown."""
    planned = [one for one in table.run.workloads if not one.control and one.cells]
    seen = {one.outcome for one in table.comparisons}
    frameworks = dict.fromkeys(key for one in planned for key in one.cells)
    found = (
        Facet("f", "framework", tuple(frameworks)),
        Facet("o", "outcome", tuple(outcome for outcome in get_args(Outcome) if outcome in seen)),
        Facet("w", "workload", tuple(one.workload.name for one in planned)),
    )
    return tuple(facet for facet in found if len(facet.values) > 1)
