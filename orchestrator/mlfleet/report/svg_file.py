"""A drawing as an SVG file of its own: title, colours, what it says in words, and the run it is of."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from mlfleet.report.html import looks_of, page
from mlfleet.table import Table

_CSS = Path(__file__).parent / "page.css"
_LIGHT = re.compile(r":root\s*\{([^}]*)\}")
_VARIABLE = re.compile(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})\b")
_COLOUR = re.compile(r"\.colour(\d)\s*\{\s*stroke:\s*(#[0-9a-fA-F]{6})\b")
# Every name that a suite may give is a file's name; a run.json of somebody else may hold any other.
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_UNSAFE = re.compile(r"[^a-z0-9]+")
_KEPT, _DIGITS = 40, 12
# px: above the drawing, below it, a line of text; and how many letters a line has room for.
_TOP, _FOOT, _LINE = 68, 44, 18
_LETTERS = 118


@dataclass(frozen=True)
class Palette:
    """The page's colours as #rrggbb: those of the light scheme by name, and those of frameworks in their order."""

    light: Mapping[str, str]
    frameworks: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """A drawing of `height` px and 760 wide: a template of this package with its values. `below` stands under it."""

    template: str
    name: str
    what: str
    height: float
    values: Mapping[str, object]
    # For who cannot see it.
    described: tuple[str, ...]
    below: tuple[str, ...] = ()


def palette() -> Palette:
    """The colours, from the page's style: the one place where they stand."""
    css = _CSS.read_text(encoding="utf-8")
    light = _LIGHT.search(css)
    colours = dict(_COLOUR.findall(css))
    return Palette(
        dict(_VARIABLE.findall(light[1])) if light else {},
        tuple(colour for _, colour in sorted(colours.items())),
    )


def svg_file(table: Table, drawing: Drawing) -> str:
    """The file's text; the same records give the same."""
    run, colours = table.run, palette()
    lines = [line for text in drawing.below for line in wrap(text, _LETTERS)]
    end = _TOP + drawing.height
    return page(
        drawing.template,
        name=drawing.name,
        what=drawing.what,
        described=drawing.described,
        below=tuple((end + _LINE * number, line) for number, line in enumerate(lines, start=1)),
        source=f"mlfleet {run.mlfleet_version}, run {run.run}, suite {run.suite}, {run.setting}, {run.created}",
        height=end + _LINE * len(lines) + _FOOT,
        top=_TOP,
        light=colours.light,
        colours=colours.frameworks,
        looks=looks_of(table),
        **drawing.values,
    )


def file_name(workload: str) -> str:
    """The workload's name where a file can have it; else what is left of it, and a digest that tells it apart."""
    if _FILE_NAME.fullmatch(workload):
        return workload
    digest = hashlib.sha256(workload.encode(errors="backslashreplace")).hexdigest()[:_DIGITS]
    # No name of a suite begins so.
    return f"_{_UNSAFE.sub('_', workload.lower())[:_KEPT]}-{digest}"
