"""Parameters of tasks: what a suite may write, checked before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from mlfleet.errors import UsageError, printable, unknown
from mlfleet.model import Param

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class ParamSpec:
    """One parameter. `low` and `most` are allowed themselves, `above` is not."""

    kind: type[int] | type[float] | type[str] | type[bool]
    low: float | None = None
    above: float | None = None
    most: int | None = None
    # For texts: all that are allowed. For numbers: words that the task turns into the number ("all", "scale").
    words: tuple[str, ...] = ()
    # False where it only shapes the payload, such as k of a k-means whose start is delivered.
    wire: bool = True
    # True where the task itself sets it, out of the model that it loads; a suite cannot.
    derived: bool = False
    # What a suite means that does not write it; None where it has to.
    default: Param | None = None

    @property
    def awaited(self) -> str:
        """The rule as a reader sees it."""
        limits = [f"of at least {self.low:g}"] if self.low is not None else []
        limits += [f"above {self.above:g}"] if self.above is not None else []
        limits += [f"and at most {self.most}"] if self.most is not None else []
        words = [f"one of {', '.join(map(repr, self.words))}"] if self.words else []
        number = [] if self.kind is str else [" ".join([_WORDS[self.kind], *limits])]
        return " or ".join(number + words)

    def value(self, found: object) -> Param | None:
        """The value in its own type, or None if the rule refuses it. An int is taken where a float is awaited."""
        if isinstance(found, str):
            return found if found in self.words else None
        if self.kind is float and type(found) is int:
            found = float(found)
        if type(found) is not self.kind or not isinstance(found, bool | int | float):
            return None
        if isinstance(found, float) and not isfinite(found):
            return None
        if isinstance(found, int) and found not in _INT64:
            return None
        too_low = (self.low is not None and found < self.low) or (self.above is not None and found <= self.above)
        too_high = self.most is not None and found > self.most
        return None if too_low or too_high else found


def check(task: str, specs: Mapping[str, ParamSpec], params: Mapping[str, object]) -> dict[str, Param]:
    """All parameters of a task in their own types. Raises UsageError for the first that is wrong, unknown or absent."""
    checked: dict[str, Param] = {}
    specs = {name: spec for name, spec in specs.items() if not spec.derived}
    for name, found in params.items():
        if name not in specs:
            raise unknown(f"parameter of {task}", name, specs)
        value = specs[name].value(found)
        if value is None:
            shown = printable(repr(found))
            raise UsageError(f"parameter {name!r} of {task} is {shown}; awaited: {specs[name].awaited}")
        checked[name] = value
    checked |= {name: spec.default for name, spec in specs.items() if name not in checked and spec.default is not None}
    if missing := [name for name in specs if name not in checked]:
        raise UsageError(f"parameter {missing[0]!r} of {task} is missing; awaited: {specs[missing[0]].awaited}")
    return checked
