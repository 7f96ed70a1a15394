"""Facts that a table does not hold but its authors' code does: a second, small file beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlfleet.errors import UsageError, printable
from mlfleet.review.columns import COLUMNS
from mlfleet.review.fields import Field, absent, unique

# What says of which rows a fact is true; all other columns of it are filled in where the row has nothing.
CONDITIONS = ("framework", "workload", "dataset", "model")


@dataclass(frozen=True)
class Known:
    """Facts and where they are from. A row takes each that it does not contradict."""

    source: str = ""
    facts: tuple[Mapping[str, Field], ...] = ()

    def fill(self, fields: Mapping[str, Field]) -> Mapping[str, Field]:
        """The row with all facts that hold for it; what the table says itself stays."""
        said = {name: raw for name, raw in fields.items() if not absent(raw)}
        for fact in self.facts:
            if all(str(fields.get(name, "")).strip() == fact[name] for name in CONDITIONS if name in fact):
                said = {**{name: raw for name, raw in fact.items() if name not in CONDITIONS}, **said}
        return said if self.facts else fields


def read_known(path: Path) -> Known:
    """`{"source": "...", "facts": [{"framework": "pytorch", "memory_scope": "process"}]}`. Raises UsageError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path.name}: {error}; a JSON object awaited") from error
    match document:
        case {"source": str(source), "facts": list(facts)} if source and len(document) == 2:  # noqa: PLR2004
            pass
        case _:
            raise UsageError(f'{path.name}: found another shape, {{"source": "...", "facts": [...]}} awaited')
    for number, fact in enumerate(facts, start=1):
        names = list(fact) if isinstance(fact, dict) else []
        wrong = [name for name in names if name not in COLUMNS]
        if wrong or len(names) < 2 or "framework" not in names:  # noqa: PLR2004 - a condition and a fact
            told = f"the column {printable(wrong[0])!r}" if wrong else printable(json.dumps(fact))
            raise UsageError(f"{path.name}: fact {number}: found {told}, known columns, framework among them, awaited")
    return Known(source, tuple(facts))
