"""Re-enactments by tables: somebody's published rows through `mlfleet review`, beside rows that pass it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files

from mlfleet.demos.shown import Shown, distinct
from mlfleet.parity import Refusal
from mlfleet.review import Known, Review, read_known, read_table, review_table, sentence
from mlfleet.review.gates import GATES


@dataclass(frozen=True)
class ImportedDemo:
    """A table of this folder; `known`: facts of its authors' code beside it."""

    name: str
    # What is replayed, and from where.
    shows: str
    title: str
    table: str
    # Codes that must refuse it.
    awaited: frozenset[str]
    known: str | None = None
    # A table that must pass in every ratio.
    twin: str = "honest.csv"
    needs: tuple[str, ...] = ()

    def replay(self) -> Shown:
        """Both tables, reviewed."""
        faulty, honest = _reviewed(self.table, self.known), _reviewed(self.twin, None)
        return Shown(
            name=self.name,
            title=self.title,
            awaited=self.awaited,
            refused=_one_each([one for claim in (*faulty.cells, *faulty.means) for one in claim.refusals]),
            twin=tuple(sentence(claim) for claim in honest.cells if claim.outcome != "refused"),
            against=distinct([one for claim in honest.cells for one in claim.refusals]),
        )


def _one_each(found: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """Of each gate and code one sentence, in the order of the gates: `mlfleet review` prints them all."""
    first = {(one.gate, one.code): one for one in reversed(found)}
    return tuple(sorted(first.values(), key=lambda one: GATES.index(one.gate)))


def _reviewed(table: str, known: str | None) -> Review:
    folder = files("mlfleet.demos")
    facts = Known()
    if known is not None:
        with as_file(folder / known) as path:
            facts = read_known(path)
    with as_file(folder / table) as path:
        return review_table(read_table(path, facts))
