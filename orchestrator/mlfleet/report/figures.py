"""Each figure of the page as a file of its own, in SVG and PDF: what a paper or a slide takes along.

Geometry is that of the page. A REFUSED pair is hatched and carries no number.
"""

from mlfleet.report.figure import Bar, Figure, figure
from mlfleet.report.figures_levels import curves, planes
from mlfleet.report.sentences import sentence, title
from mlfleet.report.svg_file import Drawing, file_name, svg_file
from mlfleet.report.units import percent, plural
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

# px of a bar with its text, and of the labels of the axis.
_BAR, _TICKS = 44, 22


def figures(table: Table) -> dict[str, str | None]:
    """SVG by the name of its file without the suffix; None for one that has nothing to show in this run (yet)."""
    outcomes = {file_name(one.workload.name): _outcomes(table, one) for one in table.run.workloads}
    return outcomes | planes(table) | curves(table)


def pdf(svg: str) -> bytes:
    """The same figure as PDF."""
    from vl_convert import svg_to_pdf  # noqa: PLC0415 - large, and no other command needs it

    return svg_to_pdf(svg)


def _outcomes(table: Table, planned: PlannedWorkload) -> str | None:
    """The intervals of a workload's comparisons, where there is more to see than the sentences say."""
    name = planned.workload.name
    margin = table.run.margin_of(name)
    drawn = figure([one for one in table.comparisons if one.workload == name], margin)
    if not drawn.worth_drawing:
        return None
    drawing = Drawing(
        template="figure_file.svg.j2",
        name=name,
        what=_what(drawn, table.run.baselines[name], margin),
        height=_BAR * len(drawn.bars) + (_TICKS if drawn.axis else 0),
        values={"axis": drawn.axis, "bars": tuple((bar, _text(bar)) for bar in drawn.bars)},
        described=tuple(_sentence(planned, bar, margin) for bar in drawn.bars),
    )
    return svg_file(table, drawing)


def _what(drawn: Figure, baseline: str, margin: float) -> str:
    if drawn.axis is None:
        return f"Contestants against {baseline}: no ratio"
    return (
        f"Contestant / {baseline} with its interval, log scale; shaded: within {percent(margin)}, too small to matter"
    )


def _text(bar: Bar) -> str:
    """What stands beside a bar: its outcome, and the numbers of its sentence."""
    if bar.state == "refused":
        return bar.text
    estimate = bar.comparison.estimate
    basis = f", {percent(estimate.level)} interval, {plural(estimate.blocks, 'block')}" if estimate else ""
    return f"{bar.state}: {bar.text}{basis}"


def _sentence(planned: PlannedWorkload, bar: Bar, margin: float) -> str:
    one = bar.comparison
    if bar.state == "refused":
        return f"REFUSED: {title(planned, one.metric)} of {one.contestant} against {one.baseline}"
    return sentence(planned, one, margin)
