"""`mlfleet audit`."""

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import click

from mlfleet import assemble, audits, host, stats
from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Audit
from mlfleet.bench import Bench, Cell
from mlfleet.codec import encode
from mlfleet.commands.common import RESULTS, complete_suites, json_option, print_json, say
from mlfleet.commands.planning import Options, planned, planning, say_absent
from mlfleet.errors import StorageError, UsageError, printable
from mlfleet.interrupt import Stop
from mlfleet.locks import host_lock
from mlfleet.model import Record, Workload
from mlfleet.runfile import RunFile
from mlfleet.runner import cells_of

_FOLDER = "audits"


@click.command()
@click.argument("suite", default="smoke", shell_complete=complete_suites)
@planning
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RESULTS,
    show_default="results/",
    help="Folder beside whose runs the outcomes are kept.",
)
@json_option
def audit(suite: str, out: Path, as_json: bool, **options: object) -> int:
    """Find out whether services do the work of SUITE anew each time: other data, other sizes, data seen before.

    Each cell is measured in variants, about a minute each at 5 blocks. A failure makes the image's cells of that task
    INVALID in every report beside `--out`.
    """
    asked = Options(suite=suite, **options)  # type: ignore[arg-type]
    blocks = asked.blocks or stats.MIN_BLOCKS
    if blocks < stats.MIN_BLOCKS:
        raise UsageError(f"--blocks is {blocks}; awaited: at least {stats.MIN_BLOCKS}, fewer have no interval")
    # Whether work is done anew does not hang on threads, and no workload may be missed for a setting of its own.
    (first,) = replace(asked, blocks=blocks, threads=asked.threads or "1").suites()
    name = assemble.run_id(f"audit-{first.name}", asked.seed)
    done: list[Audit] = []
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        stack.enter_context(host_lock(name))
        run, bench = stack.enter_context(planned(asked, replace(first, blocks=1), name, stop, None, probes=False))
        stack.enter_context(host.kept_off(run.environment.cpus))
        say_absent(run)
        for workload, cell in _cells(run):
            if not as_json:
                print(f"{cell.service.key}  {workload.name}", flush=True)
            found = _one(run, workload, cell, blocks, bench, out)
            done.append(found)
            if not as_json:
                _print(found)
    failed = sum(len(found.failures) for found in done)
    undecided = sum(outcome.state == "undecided" for found in done for outcome in found.outcomes)
    if as_json:
        print_json({"audit": name, "cells": [asdict(found) for found in done]})
    else:
        hint = f"; undecided: {undecided}, try: more --blocks, a quieter host" if undecided else ""
        print((f"FAILED: {failed} gates" if failed else f"ok: no gate failed in {len(done)} cells") + hint)
    return 1 if failed else 0


def _cells(run: RunFile) -> list[tuple[Workload, Cell]]:
    by_name = {one.workload.name: one for one in run.workloads if not one.control}
    cells = cells_of(run)
    return [(by_name[name].workload, cell) for (name, _), cell in cells.items() if name in by_name]


def _one(run: RunFile, workload: Workload, cell: Cell, blocks: int, bench: Bench, out: Path) -> Audit:
    """Every record is kept before the next is measured, and the outcome beside the runs."""
    path = out / _FOLDER / f"{run.run}-{workload.name}-{cell.service.key.replace(':', '-')}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:

            def keep(record: Record) -> None:
                file.write(encode(record) + b"\n")
                file.flush()

            found = audit_cell(run, workload, cell, blocks, bench, keep)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; try: --out with a folder that can be written") from error
    if found.image_id:
        audits.keep(out, found)
    else:
        say(f"{found.framework}: its image is not known here, so no report can take its audit into account")
    return found


def _print(found: Audit) -> None:
    for outcome in found.outcomes:
        state = f"FAILED {outcome.code}" if outcome.state == "failed" else outcome.state.replace("_", " ")
        print(f"  {outcome.gate:<46} {state:<24} {printable(outcome.detail, 200)}", flush=True)
