"""Two frameworks in one cell of an imported table, and which of their rows belong together."""

from dataclasses import dataclass

from mlfleet.review.imported import Imported


@dataclass(frozen=True)
class Side:
    """One framework's rows of a cell."""

    framework: str
    rows: tuple[Imported, ...]

    def where(self, failing: int) -> str:
        """In how many of its rows a reason was seen."""
        return f"{self.framework}: {failing} of {len(self.rows)} rows"


@dataclass(frozen=True)
class Pair:
    """Two frameworks in one cell, and the rows of theirs that stand in one block."""

    cell: str
    baseline: Side
    contestant: Side
    paired: tuple[tuple[Imported, Imported], ...]

    @property
    def sides(self) -> tuple[Side, Side]:
        """Baseline first."""
        return self.baseline, self.contestant


def pair_up(cell: str, baseline: Side, contestant: Side) -> Pair:
    """By block; a single row on either side is a pair of its own, though no interval can come of it."""
    if len(baseline.rows) == len(contestant.rows) == 1 and baseline.rows[0].block == contestant.rows[0].block:
        return Pair(cell, baseline, contestant, ((baseline.rows[0], contestant.rows[0]),))
    other = {_block(row): row for row in baseline.rows if row.block is not None}
    paired = tuple((other[_block(row)], row) for row in contestant.rows if _block(row) in other)
    return Pair(cell, baseline, contestant, paired)


def _block(row: Imported) -> tuple[str, int | None]:
    """Blocks of one number in different runs are not one: nothing was measured in turn."""
    return row.run, row.block
