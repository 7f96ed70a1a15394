"""`mlfleet verify`: a run's records and published numbers, checked and recomputed by a second implementation."""

from dataclasses import asdict
from pathlib import Path

import click

from mlfleet.commands.common import RESULTS, complete_runs, json_option, print_json, say
from mlfleet.commands.rescored import check_quality
from mlfleet.commands.retold import check_texts
from mlfleet.verify.whole import Progress, Verified
from mlfleet.verify.whole import verify as verify_run

# More of one fault say nothing new; JSON has all.
_SHOWN = 40


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=complete_runs)
@json_option
def verify(run: Path, as_json: bool) -> int:
    """Check a run's records, and recompute every published number from its raw samples. RUN: a folder under results/.

    Exits 1 where anything differs, naming file, line and field. Numbers are recomputed by code that shares nothing with
    what wrote the run; summary and page must be, letter by letter, what `mlfleet report` writes; quality must be what
    the outputs that were kept come to.
    """
    places = (RESULTS, run.parent)
    progress = Progress(say)
    found = verify_run(run, progress, places)
    check_texts(run, places, found.findings)
    check_quality(run, found.findings, progress)
    if as_json:
        print_json(as_plain(found))
    else:
        for line in lines(found):
            print(line)
    return 0 if found.holds else 1


def as_plain(found: Verified) -> dict[str, object]:
    """What a program may want to know."""
    return {
        "run": found.run,
        "holds": found.holds,
        "ended": found.ended,
        "blocks": found.blocks,
        "blocks_planned": found.blocks_planned,
        "trials": found.trials,
        "samples": found.samples,
        "comparisons": found.comparisons,
        "head": found.head,
        "checked": dict(found.findings.checked),
        "differences": [asdict(one) for one in found.findings.differences],
        "notes": found.findings.notes,
        "widths": [asdict(one) for one in found.widths],
    }


def lines(found: Verified) -> list[str]:
    """The same for a reader: what differs, what to know, how much was checked."""
    differences = found.findings.differences
    said = [one.text for one in differences[:_SHOWN]]
    if len(differences) > _SHOWN:
        said.append(f"and {len(differences) - _SHOWN} more; --json has all")
    if found.ended != "done":
        said.append(
            f"this run did not end in order ({found.ended}): {found.blocks} of {found.blocks_planned} blocks are "
            "closed, and those were verified"
        )
    said += [f"note: {text}" for text in found.findings.notes]
    said += [
        f"note: {one.comparison}: the interval is {one.published:.3g} wide (natural logarithm), a bootstrap over "
        f"blocks, turns and samples gives {one.drawn:.3g}"
        for one in found.widths
    ]
    checked = ", ".join(f"{count:,} {kind}" for kind, count in found.findings.checked.items())
    said.append(
        f"checked: {checked}; {found.trials:,} trials, {found.samples:,} samples, {found.comparisons} comparisons"
    )
    said.append(f"head of the ledger: {found.head}")
    count = len(differences)
    verdict = "everything holds" if found.holds else f"{count} difference{'s' * (count != 1)}"
    return [*said, f"{found.run}: {verdict}"]
