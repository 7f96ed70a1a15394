"""Planes and curves of the page as files of their own: levels of cells, never a comparison of a refused pair."""

from mlfleet.report.batches import batches
from mlfleet.report.curves import Curves
from mlfleet.report.pareto import Plane, plane
from mlfleet.report.rows import rows
from mlfleet.report.sizes import sizes
from mlfleet.report.svg_file import Drawing, file_name, svg_file
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table


def planes(table: Table) -> dict[str, str | None]:
    """Peak memory against time, by the name of its file; None where fewer than two cells have a place."""
    # No workload of a suite has a plus in its name.
    compared = [one for one in table.run.workloads if not one.control and one.cells]
    return {f"{file_name(one.workload.name)}+memory": _plane(table, one) for one in compared}


def curves(table: Table) -> dict[str, str | None]:
    """Time per unit against batch size and time against size, by the name of its file; None where none has two."""
    return {
        f"{kind}+{number}": _curves(table, one)
        for kind, found in (("batches", batches(table)), ("sizes", sizes(table)))
        for number, one in enumerate(found, start=1)
    }


def _plane(table: Table, planned: PlannedWorkload) -> str | None:
    found = plane(table, planned, rows(table, planned))
    if not found.points:
        return None
    said = _points(found)
    drawing = Drawing(
        template="plane_file.svg.j2",
        name=planned.workload.name,
        what="Across: time per iteration; upwards: peak anonymous memory; both log; ringed: not dominated",
        height=found.height,
        values={"plane": found},
        described=said,
        below=(f"Weighed, by point estimates: {found.by}", *said),
    )
    return svg_file(table, drawing)


def _points(found: Plane) -> tuple[str, ...]:
    return tuple(
        f"{one.framework}: {one.text}; " + (f"dominated by {', '.join(one.better)}" if one.better else "not dominated")
        for one in found.points
    )


def _curves(table: Table, found: Curves) -> str | None:
    if not found.curves:
        return None
    said = tuple(f"{one.framework}: {one.text}" for one in found.curves)
    drawing = Drawing(
        template="curves_file.svg.j2",
        name=found.title,
        what=f"Across: {found.sideways}; upwards: {found.upwards}; both log; levels, not comparisons",
        height=found.height,
        values={"curves": found},
        described=(*said, *found.crossings),
        below=(*said, *found.crossings),
    )
    return svg_file(table, drawing)
