"""The floor of a task's quality: what the metric that decides must reach, whatever agrees with the right answer."""

from dataclasses import dataclass
from typing import Literal

from mlfleet.tasks.criteria import Metrics

# Of the way from the right answer to chance.
_SHARE = 0.1


@dataclass(frozen=True)
class Deciding:
    """A metric; +1 if higher is better."""

    name: str
    direction: Literal[-1, 1]

    def floor(self, reference: Metrics, guess: Metrics) -> float | None:
        """A share of the way to chance. None where the right answer is no better than a guess, as on one row."""
        best, chance = reference[self.name], guess[self.name]
        if best is None or chance is None or self.direction * (best - chance) <= 0:
            return None
        return best - _SHARE * (best - chance)

    def below(self, floor: float, found: Metrics) -> list[str]:
        """A sentence if what was found does not reach it."""
        value = found[self.name]
        if value is not None and self.direction * (value - floor) >= 0:
            return []
        side = "at least" if self.direction > 0 else "at most"
        return [f"{self.name} is {'undefined' if value is None else f'{value:.6g}'}, {side} {floor:.6g} awaited"]
