"""The report as one self-contained page: nothing fetched, and whole without its script, in print and by keyboard."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlfleet.compare import Comparison
from mlfleet.errors import printable
from mlfleet.report import notes
from mlfleet.report.basis import basis
from mlfleet.report.batches import batches
from mlfleet.report.ended import ended
from mlfleet.report.figure import Figure, figure
from mlfleet.report.filters import facets
from mlfleet.report.heat import cell_anchor, heat
from mlfleet.report.lifecycle import life_cycle
from mlfleet.report.machine import noted
from mlfleet.report.over import over_workloads, turns
from mlfleet.report.pareto import Plane, plane
from mlfleet.report.provenance import provenance
from mlfleet.report.rows import Row, rows
from mlfleet.report.sentences import Refused, first_line, refused_pairs, sentence, title
from mlfleet.report.sizes import sizes
from mlfleet.report.trials import cell_texts
from mlfleet.report.units import percent
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

_FOLDER = Path(__file__).parent
# Longer foreign text is cut here; it stands whole in the ledger.
_LIMIT = 1000
# Okabe and Ito's palette without black, which has no place on a dark ground; the colours stand in page.css.
_COLOURS = 8
_SHAPES = 3


@dataclass(frozen=True)
class Look:
    """How a framework is drawn everywhere in the page: colour, and a shape for those who do not see it."""

    colour: int
    shape: int


@dataclass(frozen=True)
class Outcome:
    """A comparison that was not refused, in words; `ratio` is the number itself, None where there is none."""

    comparison: Comparison
    text: str
    ratio: float | None
    compares: str


@dataclass(frozen=True)
class RefusedText:
    """Refused comparisons of one pair, with their titles."""

    refused: Refused
    titles: str

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The metrics that were refused."""
        return self.refused.comparisons


@dataclass(frozen=True)
class WorkloadView:
    """All that the page says of one workload."""

    planned: PlannedWorkload
    figure: Figure
    outcomes: tuple[Outcome, ...]
    refused: tuple[RefusedText, ...]
    reached: tuple[str, ...]
    rows: tuple[Row, ...]
    noted: tuple[str, ...]
    # None: a control, which is compared with nothing.
    plane: Plane | None


def page(template: str, **values: object) -> str:
    """A page of this package's template: escaped, harmless, its one style and one script known by digest."""
    css, js = (_own(name) for name in ("page.css", "page.js"))
    made = _environment().get_template(template)
    return made.render(css=css, css_hash=_digest(css), js=js, js_hash=_digest(js), **values)


def render_html(table: Table) -> str:
    """The whole page."""
    return page(
        "page.html.j2",
        run=table.run,
        blocks=table.run.blocks_text,
        first_line=first_line(table),
        basis=basis(table),
        facets=facets(table),
        heat=heat(table),
        batches=batches(table),
        sizes=sizes(table),
        life=life_cycle(table),
        anchor=cell_anchor,
        ended=ended(table),
        over=over_workloads(table),
        looks=looks_of(table),
        images=_images(table),
        workloads=tuple(_view(table, planned) for planned in table.run.workloads if planned.cells),
        details=cell_texts(table),
        absent=notes.absent(table),
        cautions=notes.cautions(table.run),
        provenance=provenance(table),
        margin=_margins(table),
        narrow=(*notes.how_to_narrow(table), *turns(table)),
    )


@cache
def _environment() -> Environment:
    # Kept: to compile the templates takes longer than to fill one in, and each figure of a run is one.
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _own(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


def _digest(text: str) -> str:
    """As a content policy names what it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _harmless(value: object) -> object:
    # For every expression of the template, so that none can be forgotten; escaping follows after.
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value[: _LIMIT + 1], _LIMIT)
    return value


def looks_of(table: Table) -> dict[str, Look]:
    """Colours by the order of frameworks in the run: the same in every figure and table."""
    keys = [contestant.service.key for contestant in table.run.contestants]
    return {key: Look(index % _COLOURS, index // _COLOURS % _SHAPES) for index, key in enumerate(keys)}


def _images(table: Table) -> dict[str, str]:
    """The size of each framework's image."""
    return {one.service.key: notes.build_size(table.run.environment, one) for one in table.run.contestants}


def _margins(table: Table) -> str:
    """The run's, and those of workloads that have their own: "3 % (kmeans.fit-iris 5 %)"."""
    own = [f"{one.workload.name} {percent(one.margin)}" for one in table.run.workloads if one.margin is not None]
    return percent(table.run.margin) + (f" ({', '.join(own)})" if own else "")


def _view(table: Table, planned: PlannedWorkload) -> WorkloadView:
    mine = [one for one in table.comparisons if one.workload == planned.workload.name]
    mine_rows = rows(table, planned)
    return WorkloadView(
        planned=planned,
        figure=figure(mine, table.run.margin_of(planned.workload.name)),
        outcomes=tuple(_outcome(table, planned, one) for one in mine if one.outcome != "refused"),
        refused=tuple(RefusedText(one, _titles(planned, one.comparisons)) for one in refused_pairs(table, mine)),
        reached=notes.reached_counts(table, planned) if mine else (),
        rows=mine_rows,
        noted=noted(table, planned),
        plane=None if planned.control else plane(table, planned, mine_rows),
    )


def _outcome(table: Table, planned: PlannedWorkload, one: Comparison) -> Outcome:
    return Outcome(
        comparison=one,
        # The page shows the outcome as a tag of its own.
        text=sentence(planned, one, table.run.margin_of(one.workload)).removeprefix(f"{one.outcome}: "),
        ratio=one.ratio[0] if one.ratio else None,
        compares=notes.compares(table, planned, one.contestant, one.baseline),
    )


def _titles(planned: PlannedWorkload, comparisons: Sequence[Comparison]) -> str:
    return ", ".join(title(planned, one.metric) for one in comparisons)
