"""The report as plain text and tables: outcomes first, then the cells. Reads at 80 columns and in a pipe."""

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlfleet.errors import printable
from mlfleet.report.basis import basis
from mlfleet.report.ended import ended
from mlfleet.report.latency import percentiles
from mlfleet.report.machine import noted
from mlfleet.report.notes import absent, builds, cautions, compares, how_to_narrow, reached_counts
from mlfleet.report.over import over_workloads, turns
from mlfleet.report.rows import Row, rows
from mlfleet.report.sentences import Refused, first_line, refused_pairs, sentence, title
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

# Longer foreign text is cut here; it stands whole in the ledger.
_LIMIT = 1000
_HEADS = ("framework", "time\ninterval\nthroughput", "quality", "memory\ncharged", "CPU\nCPUs", "cold", "verdict")


def render_terminal(table: Table, console: Console) -> None:
    """Print the whole report. All text of services and files is made harmless, and none of it is read as markup."""
    run = table.run
    _say(console, first_line(table), "bold")
    blocks = f"{run.blocks_text} planned"
    _say(console, f"run {run.run}, suite {run.suite}, {run.setting}, {run.environment.runtime}, {blocks}")
    for text in basis(table):
        _say(console, text)
    compared = [planned for planned in run.workloads if not planned.control and planned.cells]
    _heading(console, "Outcomes")
    for planned in compared:
        _outcomes(console, table, planned)
    _list(console, "How each workload ended", ended(table))
    _list(console, "Over workloads", over_workloads(table))
    _list(console, "Not taking part", absent(table))
    _list(console, "Not taken into account", cautions(run))
    for planned in compared:
        _cells(console, table, planned)
    _controls(console, table)
    _list(console, "Builds", builds(table))
    _list(console, "How to narrow", (*how_to_narrow(table), *turns(table)))


def _outcomes(console: Console, table: Table, planned: PlannedWorkload) -> None:
    mine = [one for one in table.comparisons if one.workload == planned.workload.name]
    if not mine:
        return
    console.print()
    _say(console, planned.workload.name, "bold")
    for comparison in mine:
        if comparison.outcome != "refused":
            _item(console, sentence(planned, comparison, table.run.margin_of(planned.workload.name)))
    for refused in refused_pairs(table, mine):
        _refused(console, table, planned, refused)
    for contestant in dict.fromkeys(one.contestant for one in mine if one.outcome != "refused"):
        _item(console, f"{contestant}: {compares(table, planned, contestant, mine[0].baseline)}", "dim")
    for text in reached_counts(table, planned):
        _item(console, f"reached {text}", "dim")


def _refused(console: Console, table: Table, planned: PlannedWorkload, refused: Refused) -> None:
    first = refused.comparisons[0]
    metrics = ", ".join(title(planned, comparison.metric) for comparison in refused.comparisons)
    head = f"REFUSED  {first.contestant} / {first.baseline}   {planned.workload.name}, {table.run.setting}, {metrics}"
    _item(console, head, "bold")
    grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=3)
    grid.add_column(overflow="fold", ratio=2)
    for reason in refused.reasons:
        grid.add_row(_safe("  " + reason.gate), _safe(reason.detail), _safe(reason.where))
    for text in refused.values:
        grid.add_row(_safe("  value"), _safe(text), _safe("no quotient"))
    grid.add_row(_safe("  passed"), _safe(", ".join(refused.passed) or "none"), _safe("interval not computed"))
    console.print(grid)


def _cells(console: Console, table: Table, planned: PlannedWorkload) -> None:
    _heading(console, f"Cells of {planned.workload.name}")
    data = f"{planned.workload.task} on {planned.data_text}, parity {planned.parity}"
    _say(console, data)
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for head in _HEADS:
        grid.add_column(head, overflow="fold", no_wrap=head.startswith(("memory", "CPU", "verdict")))
    printed = rows(table, planned)
    for row in printed:
        grid.add_row(*(Text("\n").join(map(_safe, lines)) for lines in _texts(row)))
    console.print(grid)
    if any(row.shared for row in printed):
        _item(console, "= shares its rank: not known to be faster or slower", "dim")
    for row in printed:
        if row.unranked:
            _item(console, f"{row.cell.framework} is unranked: {row.unranked}", "dim")
    for text in (*filter(None, (percentiles(row.cell) for row in printed)), *noted(table, planned)):
        _item(console, text, "dim")


def _texts(row: Row) -> tuple[tuple[str, ...], ...]:
    """The columns of a row, each as its lines."""
    rank = "" if row.rank is None else f"{row.rank}{'=' if row.shared else '.'} "
    return (
        (f"{rank}{row.cell.framework}", row.cell.version),
        (row.time.text, row.time.note, row.throughput.text if row.throughput.exact else ""),
        (row.quality.note, row.quality.text),
        (row.anonymous.text, row.charged.text),
        (row.cpu.text, row.cpus),
        (row.cold.text, row.cold.note),
        tuple(row.verdict.split(" ")),
    )


def _controls(console: Console, table: Table) -> None:
    controls = [planned for planned in table.run.workloads if planned.control and planned.cells]
    if controls:
        _heading(console, "Controls: what the harness itself takes, never compared")
    for planned in controls:
        for row in rows(table, planned):
            _item(console, f"{row.cell.framework}: {row.time.text} per iteration ({row.time.note}), {row.verdict}")


def _list(console: Console, heading: str, texts: tuple[str, ...]) -> None:
    if texts:
        _heading(console, heading)
    for text in texts:
        _item(console, text)


def _heading(console: Console, text: str) -> None:
    console.print()
    _say(console, text, "bold underline")


def _item(console: Console, text: str, style: str = "") -> None:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text("-"), _safe(text, style))
    console.print(grid)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(_safe(text, style))


def _safe(text: str, style: str = "") -> Text:
    # Text is never markup, and a line break in it is escaped: none can forge a line of the report.
    return Text(printable(text[: _LIMIT + 1], _LIMIT), style, overflow="fold")
