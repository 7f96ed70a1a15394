"""What a re-enactment showed, and whether that is what it had to show."""

from collections.abc import Collection
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlfleet.errors import printable
from mlfleet.parity import Refusal

_LIMIT = 1000


@dataclass(frozen=True)
class Shown:
    """`refused`: every reason against the faulty side; `twin`: outcomes of the honest one, `against`: its refusals."""

    name: str
    title: str
    awaited: frozenset[str]
    refused: tuple[Refusal, ...]
    twin: tuple[str, ...]
    against: tuple[Refusal, ...]

    @property
    def missing(self) -> frozenset[str]:
        """Codes that had to refuse it and did not."""
        return self.awaited - {refusal.code for refusal in self.refused}

    @property
    def as_awaited(self) -> bool:
        """Refused for each reason, and the twin is not: a gate that refuses everything fails too."""
        return not self.missing and bool(self.twin) and not self.against


def say(shown: Shown, console: Console) -> None:
    """Print a re-enactment; text of services and tables is made harmless."""
    _line(console, shown.name, "bold")
    _line(console, f"REFUSED  {shown.title}", "bold")
    _reasons(console, shown.refused)
    for code in sorted(shown.missing):
        _line(console, f"  MISSING  {code} had to refuse it, and did not", "bold red")
    _line(console, "honest twin")
    for text in shown.twin or ("nothing of it was compared",):
        _line(console, f"  {text}")
    _reasons(console, shown.against)
    _line(console, "as it must be" if shown.as_awaited else "NOT as it must be", "bold")
    console.print()


def as_json(shown: Shown) -> dict[str, object]:
    """The same for a program."""
    return {
        "demo": shown.name,
        "refused": shown.title,
        "reasons": _plain(shown.refused),
        "missing": sorted(shown.missing),
        "twin": list(shown.twin),
        "twin_reasons": _plain(shown.against),
        "as_awaited": shown.as_awaited,
    }


def distinct(refusals: Collection[Refusal]) -> tuple[Refusal, ...]:
    """Each sentence once, in the order found: metrics of a pair fail alike."""
    return tuple({(one.gate, one.code, one.detail): one for one in reversed(list(refusals))}.values())[::-1]


def _plain(refusals: Collection[Refusal]) -> list[dict[str, str]]:
    return [{"gate": one.gate, "code": one.code, "detail": one.detail, "where": one.where} for one in refusals]


def _reasons(console: Console, refusals: Collection[Refusal]) -> None:
    grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=5)
    grid.add_column(overflow="fold", ratio=2)
    for one in refusals:
        grid.add_row(*(_safe(text) for text in (f"  {one.gate} {one.code}", one.detail, one.where)))
    if refusals:
        console.print(grid)


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(_safe(text, style))


def _safe(text: str, style: str = "") -> Text:
    return Text(printable(text, _LIMIT), style, overflow="fold")
