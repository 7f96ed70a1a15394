"""Re-enactments by services: a spoilt one and its honest twin beside a third, through the pipeline of every run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Audit
from mlfleet.codec import encode
from mlfleet.demos.fault import LiveDemo
from mlfleet.demos.shown import Shown, distinct
from mlfleet.demos.stage import Stage, staged
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.model import Record
from mlfleet.parity import Refusal
from mlfleet.plan import Block
from mlfleet.report.sentences import sentence
from mlfleet.runner import measure_run
from mlfleet.table import Table, fold
from mlfleet.verdict import Verdict


class _Silent:
    """Progress that nobody watches."""

    def block(self, block: Block, number: int, total: int, left_s: float | None) -> None:
        """Nothing is shown."""

    def done(self, block: Block, records: list[Record]) -> None:
        """Nothing is shown."""


def replay(demos: Sequence[LiveDemo], stage: Stage) -> tuple[Shown, ...]:
    """Measure faults of one workload, their twin and baseline in blocks, fold, and read what a report would print.

    Raises HostError that names what is not built.
    """
    stage = replace(stage, blocks=max(stage.blocks, demos[0].blocks))
    if demos[0].audited:
        return tuple(_audited(demos, stage))
    table = _measured(demos, stage)
    return tuple(_shown(demo, table) for demo in demos)


def _audited(demos: Sequence[LiveDemo], stage: Stage) -> Iterator[Shown]:
    """As `mlfleet audit` does it, each faulty cell and the twin."""
    with staged(demos, stage) as (run, cells, bench):
        workload = run.planned(demos[0].workload).workload

        def audit(key: str) -> Audit:
            return audit_cell(run, workload, cells[workload.name, key], stage.blocks, bench, lambda _: None)

        twin = audit(demos[0].twin_key)
        passed = [f"{one.gate}: {one.detail}" for one in twin.outcomes if one.state == "passed"]
        for demo in demos:
            yield Shown(
                name=demo.name,
                title=f"{demo.title}: {demo.faulty_key} in its audit, {demo.workload}",
                awaited=demo.awaited,
                refused=_failures(_decided(partial(audit, demo.faulty_key), demo.awaited)),
                twin=tuple(passed),
                against=_failures(twin),
            )


def _decided(audit: Callable[[], Audit], awaited: frozenset[str]) -> Audit:
    """An audit; a second one where the first misses a fault, but a busy host left a gate undecided."""
    found = audit()
    missed = awaited - {one.code for one in found.failures}
    return audit() if missed and any(one.state == "undecided" for one in found.outcomes) else found


def _failures(found: Audit) -> tuple[Refusal, ...]:
    return tuple(Refusal("audit", one.code, f"{one.gate}: {one.detail}", found.framework) for one in found.failures)


def _shown(demo: LiveDemo, table: Table) -> Shown:
    planned = table.run.planned(demo.workload)
    faulty, twin = (
        [one for one in table.comparisons if one.contestant == key] for key in (demo.faulty_key, demo.twin_key)
    )
    found = [refusal for one in faulty for refusal in one.refusals]
    return Shown(
        name=demo.name,
        title=f"{demo.title}: {demo.faulty_key} / {demo.baseline}, {demo.workload}",
        awaited=demo.awaited,
        # What the baseline itself fails is no reason against the fault.
        refused=distinct([one for one in found if not one.where.startswith(f"{demo.baseline}: ")]),
        twin=_passed(
            table,
            demo,
            [sentence(planned, one, table.run.margin_of(one.workload)) for one in twin if one.outcome != "refused"],
        ),
        against=distinct([refusal for one in twin for refusal in one.refusals]),
    )


def _passed(table: Table, demo: LiveDemo, sentences: Sequence[str]) -> tuple[str, ...]:
    """What is said of a twin, of which at least one trial must have been scored: on a busy host all are disturbed."""
    scored = [one for one in table.cell(demo.workload, demo.twin_key).records if one.quality is not None]
    disturbed = sum(one.verdict is Verdict.DISTURBED for one in scored)
    told = (f"passed every gate; {disturbed} of {len(scored)} trials disturbed",) if disturbed else ()
    return (*told, *sentences) if scored else ()


def _measured(demos: Sequence[LiveDemo], stage: Stage) -> Table:
    with staged(demos, stage) as (run, cells, bench):
        folder = stage.folder / run.run
        with Ledger.create(folder, encode(run)) as ledger:
            measure_run(run, cells, ledger, bench.watched_by(lambda *_: None, ledger.blob), _Silent(), None)
    return fold(run, read_records(folder))
