"""What BuildKit and cargo say while they build, told in a few lines and counted."""

import re
from collections.abc import Callable

Report = Callable[[str], None]
# Of BuildKit's plain progress `#12 [build 3/5] RUN ...`, what comes before the build itself apart, and `#12 CACHED`.
_STEP = re.compile(r"#(\d+) (\[.+)")
_INTERNAL = "[internal]"
_CACHED = re.compile(r"#(\d+) CACHED")
# Of cargo, alone or within a step: `   Compiling ndarray v0.16.1`.
_CRATE = re.compile(r"(?:#\d+ [\d.]+)?\s+(Compiling .+)")
_CHARACTERS = 100
# Crates worth a line each.
_EVERY = 20


class Progress:
    """Takes every line; reports steps, and each twentieth crate."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._steps: dict[str, str] = {}
        self._cached: set[str] = set()
        self._crates = 0
        self._last = ""

    def line(self, text: str) -> None:
        """One line of the tool's output."""
        if (step := _STEP.match(text)) and step[2] != self._last:
            self._last = step[2]
            self._report(f"  {step[2][:_CHARACTERS]}")
            if not step[2].startswith(_INTERNAL):
                self._steps[step[1]] = step[2]
        elif cached := _CACHED.match(text):
            self._cached.add(cached[1])
        elif crate := _CRATE.match(text):
            self._crates += 1
            if self._crates % _EVERY == 0:
                self._report(f"  {self._crates} crates: {crate[1][:_CHARACTERS]}")

    def begun(self, otherwise: str = "") -> str:
        """What was left to do: "4 of 9 steps cached, 2 crates compiled"; `otherwise` where nothing tells."""
        kept = len(self._cached & set(self._steps))
        said = [f"{kept} of {len(self._steps)} steps cached"] if self._steps else []
        if self._crates:
            said.append(f"{self._crates} crate{'s' if self._crates > 1 else ''} compiled")
        return ", ".join(said) or otherwise
