"""How far a run is: a live table on a terminal, plain lines elsewhere; on stderr, since stdout is for results."""

from statistics import median
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table as RichTable

from mlfleet.errors import printable
from mlfleet.model import Record
from mlfleet.plan import Block
from mlfleet.verdict import Verdict


class LiveProgress:
    """Shows the block under way, each framework's phase, what the last trials gave, and the time left."""

    def __init__(self, console: Console, *, at_most: bool) -> None:
        """`at_most`: a workload may stop before its last block."""
        self._console = console
        self._at_most = "at most " if at_most else ""
        self._phases: dict[str, str] = {}
        self._latest: dict[tuple[str, str], str] = {}
        self._title = "starting"
        self._live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None

    def phase(self, framework: str, phase: str) -> None:
        """A framework enters a phase."""
        self._phases[framework] = phase
        self._refresh()

    def block(self, block: Block, number: int, total: int, left_s: float | None) -> None:
        """A block begins."""
        self._phases = {}
        left = self._time_left(left_s)
        self._title = f"block {number} of {self._at_most}{total}: {block.workload} ({block.number}){left}"
        if self._live is None:
            self._console.print(self._title, highlight=False)
        self._refresh()

    def done(self, block: Block, records: list[Record]) -> None:
        """A block has ended."""
        for record in records:
            self._latest[block.workload, record.trial.framework] = _result(record)
        if self._live is None:
            results = "; ".join(f"{r.trial.framework} {_result(r)}" for r in records)
            self._console.print(f"  {results or 'all cells closed'}", highlight=False, markup=False)
        self._refresh()

    def __enter__(self) -> Self:
        """Take the terminal."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give it back."""
        if self._live is not None:
            self._live.stop()

    def _time_left(self, seconds: float | None) -> str:
        if seconds is None:
            return ""
        span = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"  # noqa: PLR2004 - seconds
        return f", {self._at_most or 'about '}{span} left"

    def _refresh(self) -> None:
        if self._live is None:
            return
        table = RichTable(title=self._title, title_justify="left", box=None)
        for heading in ("workload", "framework", "last trial", "now"):
            table.add_column(heading)
        for (workload, framework), result in self._latest.items():
            table.add_row(workload, framework, result, "")
        for framework, phase in self._phases.items():
            table.add_row("", framework, "", phase)
        self._live.update(table)


def _result(record: Record) -> str:
    if record.verdict is not Verdict.OK:
        return f"{record.verdict.value}: {printable(record.reason)}"
    per_iteration = median(sample.ns_per_iteration for turn in record.turns for sample in turn.timed)
    return f"{per_iteration / 1e6:.4g} ms an iteration"
