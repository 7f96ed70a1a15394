"""`mlfleet review`: somebody else's table before the same gates."""

from pathlib import Path

import click
from rich.console import Console

from mlfleet.commands.common import json_option, print_json
from mlfleet.review import Known, read_known, read_table, render_terminal, review_json, review_table

# As `compare`: a threshold was crossed.
NOT_DEFENDED = 4


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--baseline", help="Only ratios against this framework; by default all pairs.")
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help='Facts that the table lacks: JSON {"source": TEXT, "facts": [{"framework": NAME, COLUMN: VALUE}]}.',
)
@json_option
def review(file: Path, baseline: str | None, known: Path | None, as_json: bool) -> int:
    """Say which ratios the table in FILE (CSV or JSON) could defend, which not, and why.

    Exit 0 if it can defend all of them, 4 if not, 2 if it cannot be read.
    """
    facts = read_known(known) if known else Known()
    found = review_table(read_table(file, facts), baseline)
    if as_json:
        print_json(review_json(found) | {"known": facts.source or None})
    else:
        render_terminal(found, Console())
        if facts.source:
            print(f"known beside the table: {facts.source}")
    return 0 if found.defended else NOT_DEFENDED
