"""What a verification says: differences, notes, and how much was looked at."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field

from mlfleet.errors import printable
from mlfleet.verify.plain import Json

# Between two implementations of one formula in double precision; an altered digit lies far beyond.
RELATIVE = 1e-9
# A log ratio of two equal times is 0 on one side and a rounding error on the other.
ABSOLUTE = 1e-12


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be: where, what was found there, and what this program makes of it."""

    file: str
    # From 1; None where the whole file is meant.
    line: int | None
    # What differs: a field, a cell of a table, or the rule that was broken.
    field: str
    found: str
    recomputed: str

    @property
    def text(self) -> str:
        """The difference in one line."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {printable(self.field, 160)}: found {self.found}, recomputed {self.recomputed}"


@dataclass
class Findings:
    """Gathered while the run is read."""

    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # How often each kind of check was made, differing or not.
    checked: Counter[str] = field(default_factory=Counter)

    def differs(self, file: str, line: int | None, what: str, found: Json, recomputed: Json) -> None:
        """Something is not as it should be. `recomputed` may be a sentence that says what was awaited."""
        self.differences.append(Difference(file, line, what, shown(found), shown(recomputed)))

    def held(self, file: str, line: int | None, what: str, found: Json, awaited: Json, *, kind: str) -> bool:
        """Check that two values are the same, counted under `kind`; numbers may differ by rounding. True if so."""
        self.checked[kind] += 1
        same = equal(found, awaited)
        if not same:
            self.differs(file, line, what, found, awaited)
        return same

    def rule(
        self, file: str, line: int | None, what: str, found: Json, awaited: str, *, holds: bool, kind: str
    ) -> bool:
        """Check a rule, counted under `kind`."""
        self.checked[kind] += 1
        if not holds:
            self.differs(file, line, what, found, awaited)
        return holds

    def note(self, text: str) -> None:
        """Something that a reader should know and that is no difference."""
        if text not in self.notes:
            self.notes.append(text)


def equal(found: Json, awaited: Json) -> bool:
    """Whether two values are the same; floats within rounding, all else exactly, 1 and 1.0 being one number."""
    if isinstance(found, bool) or isinstance(awaited, bool):
        return found is awaited
    if isinstance(found, int | float) and isinstance(awaited, int | float):
        return found == awaited or math.isclose(found, awaited, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(found) is type(awaited) and found == awaited


def shown(value: Json) -> str:
    """A value as a difference prints it: text bare, all else as JSON, harmless and cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text, 200) or "nothing"
