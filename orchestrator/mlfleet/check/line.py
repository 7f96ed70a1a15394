"""What a check says: one line for each thing that was asked of the service."""

from dataclasses import dataclass, field
from typing import Literal

OK = "ok"


@dataclass(frozen=True)
class Line:
    """One check. `verdict` is `ok`, `broken` (contract), or a trial's verdict (task); `detail` says what was found."""

    kind: Literal["contract", "task"]
    name: str
    verdict: str
    detail: str
    # What the check took from launch to end, launch included where it has one of its own.
    seconds: float
    # Task only: the workload it ran on, median ns of an iteration, metrics, and distances from the reference.
    workload: str | None = None
    iteration_ns: float | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    log: str = ""

    @property
    def ok(self) -> bool:
        """Whether the service passed."""
        return self.verdict == OK
