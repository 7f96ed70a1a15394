"""What a reader must know beside the outcomes: what a ratio compares, who is absent, what is not known, what to do."""

import math
from collections.abc import Sequence

from mlfleet.cells import FEW_BLOCKS
from mlfleet.compare import Comparison
from mlfleet.model import Environment, Identity
from mlfleet.outcomes import NOISE, NOISY, WIDE
from mlfleet.parity import reached
from mlfleet.report import compared
from mlfleet.report.compared import Side
from mlfleet.report.units import count, number, percent, plural, size
from mlfleet.runfile import Contestant, PlannedWorkload, RunFile
from mlfleet.stats import MIN_BLOCKS
from mlfleet.table import Table

# Nobody waits for more; what is restless must be found instead.
_MOST_BLOCKS = 200


def identity(table: Table, framework: str) -> Identity | None:
    """What a service said of itself: when asked for the plan, else in its first trial that reached Describe."""
    asked = table.run.contestant(framework).identity
    records = (record for cell in table.cells if cell.framework == framework for record in cell.records)
    return asked or next((record.identity for record in records if record.identity), None)


def sides(table: Table, planned: PlannedWorkload, contestant: str, baseline: str) -> tuple[Side, Side] | None:
    """What both sides of a ratio said of themselves and of the task; None where one of them did not."""
    found = []
    for key in (contestant, baseline):
        known = identity(table, key)
        if known and (fact := known.task(planned.workload.task)):
            found.append(Side(key, known, fact))
    return (found[0], found[1]) if len(found) > 1 else None


def compares(table: Table, planned: PlannedWorkload, contestant: str, baseline: str) -> str:
    """What a ratio compares, in one phrase."""
    both = sides(table, planned, contestant, baseline)
    return compared.compares(*both) if both else "what this compares is not known: a service did not say what runs"


def reached_counts(table: Table, planned: PlannedWorkload) -> tuple[str, ...]:
    """Counts that stand beside a ratio because they may differ: "n_iter: linfa 11, sklearn 7"."""
    records = {name: table.cell(planned.workload.name, name).records for name in planned.cells}
    found = reached(planned.workload.task, records)
    return tuple(
        f"{key}: {', '.join(f'{name} {receipt_value(value)}' for name, value in by_framework.items())}"
        for key, by_framework in found.items()
        if by_framework
    )


def receipt_value(value: object) -> str:
    """A value of a receipt as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return number(value) if isinstance(value, int | float) else "none" if value is None else str(value)


def build_size(environment: Environment, contestant: Contestant) -> str:
    """What it takes on disk and how much others share: "4.70 GiB, 4.62 GiB of it shared (mlfleet/torch:2.11.0)"."""
    if contestant.size_bytes is None:
        return "size not known"
    own = size(contestant.size_bytes)
    if contestant.layer_bytes is None:
        return own
    # An image's size holds its layers; a venv's does not hold the installation that it points to.
    share = f"{size(contestant.layer_bytes)}{' of it' if environment.runtime == 'docker' else ' more'}"
    return f"{own}, {share} shared ({contestant.service.layer})"


def own_layers(contestant: Contestant) -> str:
    """What of its image no other service of the run has."""
    own = contestant.own_size
    if own is None:
        return "none: not_recorded"
    return f"none: {own.reason}" if own.value is None else size(own.value)


def build_time(contestant: Contestant) -> str:
    """How long its last build took, and what that began from."""
    if contestant.build_s is None:
        return f"time unknown: {contestant.build_note}"
    return f"{number(round(contestant.build_s, 1))} s ({contestant.build_note})"


def builds(table: Table) -> tuple[str, ...]:
    """Size and last build of every service that takes part, one line each."""
    there = [one for one in table.run.contestants if one.identity is not None]
    return tuple(
        f"{one.service.key}: {build_size(table.run.environment, one)}; last build {build_time(one)}" for one in there
    )


def absent(table: Table) -> tuple[str, ...]:
    """Services that do not take part, or not everywhere; workloads without payload or baseline; each with why."""
    said = []
    compared = [planned for planned in table.run.workloads if not planned.control and not planned.unavailable]
    for contestant in table.run.contestants:
        key = contestant.service.key
        if contestant.identity is None:
            said.append(f"{key} takes no part: {contestant.reason or 'it gave no description'}")
        elif not contestant.service.control and (lacking := [work for work in compared if key not in work.cells]):
            said.append(f"{key} is unsupported in {_names(lacking, compared)}: it does not offer the task")
    for planned in table.run.workloads:
        name = planned.workload.name
        if planned.unavailable:
            said.append(f"{name} was not measured: data_unavailable: {planned.unavailable}")
        elif planned in compared and name not in table.run.baselines:
            said.append(f"{name} has no comparison: its baseline takes no part")
    return tuple(said)


def _names(lacking: Sequence[PlannedWorkload], compared: Sequence[PlannedWorkload]) -> str:
    """These workloads; all others, where those are fewer."""
    rest = [work for work in compared if work not in lacking]
    if len(lacking) <= len(rest) or not rest:
        return ", ".join(work.workload.name for work in lacking)
    return f"all but {', '.join(work.workload.name for work in rest)}"


def cautions(run: RunFile) -> tuple[str, ...]:
    """What these outcomes do not take into account."""
    said = []
    if run.environment.runtime == "attach":
        said.append(
            "Runtime attach: compose started these services. In a turn the others were not frozen (peers_running); "
            "image ids, logs, exit statuses and the container recipe could not be read, peaks were not reset."
        )
    synthetic = [one.workload.name for one in run.workloads if one.dataset_label == "synthetic" and not one.control]
    if synthetic:
        said.append(f"Synthetic data in {', '.join(synthetic)}.")
    random = [one.workload.name for one in run.workloads if one.weights and one.weights.kind == "random"]
    if random:
        said.append(f"Random weights at a true shape in {', '.join(random)}: quality n/a, agreement alone decides.")
    return tuple(said)


def how_to_narrow(table: Table) -> tuple[str, ...]:
    """For intervals too wide to name a winner: about how many blocks would do."""
    wide = [one for one in table.comparisons if WIDE in one.reasons and one.estimate and not one.absolute]
    few = [one for one in table.comparisons if FEW_BLOCKS in one.reasons]
    noisy = [one for one in table.comparisons if NOISE in one.reasons or NOISY in one.marks]
    said = [
        f"{one.workload}, {one.metric} of {one.contestant} against {one.baseline}: "
        f"{_blocks(one, table.run.margin_of(one.workload))}."
        for one in wide
    ]
    if few:
        said.append(f"{plural(len(few), 'comparison')} had too few blocks in which both sides were ok.")
    if noisy:
        said.append(
            f"{plural(len(noisy), 'comparison')} met a restless machine. To weigh flagged turns, {MIN_BLOCKS} blocks "
            "must keep one without a flag on both sides; fewer is noisy. Quieten the host and run again: more blocks "
            "on a restless one would not help."
        )
    if wide or few:
        key = "budget" if table.run.looks else "blocks"
        said.append(
            f"The width falls with the square root of the number of blocks: set `{key}` in the suite. A quiet host "
            "helps as much."
        )
    compared = [planned.workload.name for planned in table.run.workloads if not planned.control]
    short = [name for name in compared if table.run.schedule_of(name) == "short"]
    if short:
        who = "This run" if len(short) == len(compared) else ", ".join(short)
        said.append(f"{who} used the short schedule, one short turn a trial: the standard one narrows every interval.")
    return tuple(said)


def _blocks(comparison: Comparison, margin: float) -> str:
    # The half-width goes with 1 / sqrt(K); Student's factor falls with K too, so this errs on the safe side.
    half = (comparison.estimate.high - comparison.estimate.low) / 2 if comparison.estimate else 0.0
    blocks = math.ceil(comparison.blocks * max(1.0, (half / math.log1p(margin)) ** 2))
    goal = f"for an interval within {percent(margin)} on either side"
    if blocks > _MOST_BLOCKS:
        return f"more than {count(_MOST_BLOCKS)} blocks {goal}, so quieten the host first"
    return f"about {plural(blocks, 'block')} {goal}"
