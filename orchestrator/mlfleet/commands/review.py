"""`mlfleet review`: somebody else's table before the same gates."""

from pathlib import Path

import click
from rich.console import Console

from mlfleet.commands.common import json_option, print_json
from mlfleet.errors import UsageError
from mlfleet.review import Known, read_known, read_table, render_terminal, review_json, review_table
from mlfleet.review.columns import MEANINGS

# As `compare`: a threshold was crossed.
NOT_DEFENDED = 4


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--columns", is_flag=True, help="Only list the columns that a table may have.")
@click.option("--baseline", help="Only ratios against this framework; by default all pairs.")
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help='Facts that the table lacks: JSON {"source": TEXT, "facts": [{"framework": NAME, COLUMN: VALUE}]}.',
)
@json_option
def review(file: Path | None, columns: bool, baseline: str | None, known: Path | None, as_json: bool) -> int:
    """Say which ratios the table in FILE (CSV or JSON) could defend, which not, and why.

    Exit 0 if it can defend all of them, 4 if not, 2 if it cannot be read.
    """
    if columns:
        for name, meaning in MEANINGS.items():
            print(f"{name}\n    {meaning}")
        return 0
    if file is None:
        raise UsageError("review needs a table, such as `mlfleet review results.csv`, or --columns")
    facts = read_known(known) if known else Known()
    found = review_table(read_table(file, facts), baseline)
    if as_json:
        print_json(review_json(found) | {"known": facts.source or None})
    else:
        render_terminal(found, Console())
        if facts.source:
            print(f"known beside the table: {facts.source}")
    return 0 if found.defended else NOT_DEFENDED
