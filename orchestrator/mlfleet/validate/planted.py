"""Canaries that lie: the Python control, spoilt in one way each, offered as a framework. Every lie must be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlfleet import assemble
from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Audit
from mlfleet.codec import encode
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.model import Service
from mlfleet.runfile import RunFile
from mlfleet.runner import cells_of, measure_run
from mlfleet.table import Table, fold
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.live import Site, takes_part
from mlfleet.validate.plan import workload_of
from mlfleet.validate.result import Canary, State
from mlfleet.verdict import Group, Verdict

# The honest build under another name, started from the same file: it must pass.
TWIN = "twin"
# Where the spoilt control lies, relative to the checkout.
SPOILT = Path("services/faulty")


@dataclass(frozen=True)
class Lie:
    """A fault of the spoilt control, and the codes of which one must close its cell."""

    fault: str
    name: str
    awaited: tuple[str, ...]


LIES = (
    Lie("debug", "debug build", (Verdict.VERSION_MISMATCH.value,)),
    Lie("constant", "constant output", (Verdict.OUTSIDE_TOLERANCE.value,)),
    Lie("half", "half of the work, all of it claimed", (Verdict.OUTSIDE_TOLERANCE.value,)),
    Lie("nothing", "no-op offered as a framework", (Verdict.SHORT_WORK.value,)),
    Lie("background", "work after the reply", (Verdict.BACKGROUND_WORK.value,)),
)
# One trial cannot tell a kept answer from a quick one: its audit must.
MEMOISED = Lie("memoised", "memoised output, audited", (Verdict.CACHED.value,))
# Of an audit that asks for a factor of 30.
AUDIT_BLOCKS = 1


def command_of(honest: Sequence[str] | None, service: Service, root: Path) -> Sequence[str] | None:
    """The command of a service, `honest` being that of its build: liars and their twin start from the spoilt file."""
    key, _, mark = service.key.partition(":")
    marked = mark in {TWIN, MEMOISED.fault, *(lie.fault for lie in LIES)}
    return [*honest[:-1], str(root / SPOILT / f"of_{key}.py")] if honest and marked else honest


def lies(site: Site, control: Service) -> tuple[Canary, ...]:
    """One short block of every lie and the honest twin, beside the control that does nothing; and an audit."""
    marks = (TWIN, *(lie.fault for lie in LIES), MEMOISED.fault)
    names = tuple(replace(control, key=f"{control.key}:{mark}") for mark in marks)
    built = site.builder.state(control)
    request = assemble.Request(
        run=f"{site.name}-lies",
        suite=replace(site.suite, schedule="short"),
        services=(control, *names),
        workloads=(workload_of(site.suite, "interpreter"), CONTROL),
        baseline=names[0].key,
        blocks=1,
        seed=site.seed,
        named=frozenset(),
        pins=dict.fromkeys(names, built),
    )
    planned = assemble.make_run(request, site.builder, site.runtime, site.engine, site.bench, site.root)
    # Offered as frameworks: gates that spare a control do not spare them.
    offered = tuple(
        replace(one, service=replace(one.service, control=one.service == control)) for one in planned.contestants
    )
    run = _some_alone(replace(planned, contestants=takes_part(offered)), control)
    faults = {f"{control.key}:{lie.fault}": lie.fault for lie in (*LIES, MEMOISED)}
    cells = {key: replace(cell, fault=faults.get(key[1])) for key, cell in cells_of(run).items()}
    folder = site.folder / "lies"
    with Ledger.create(folder, encode(run)) as ledger, site.watched("lies") as watcher:
        measure_run(run, cells, ledger, site.bench.watched_by(watcher.phase, ledger.blob), watcher, None)
        workload, key = run.workloads[0].workload, f"{control.key}:{MEMOISED.fault}"
        site.bench.progress(key, "audit")
        audited = audit_cell(run, workload, cells[workload.name, key], AUDIT_BLOCKS, site.bench, lambda _: None)
    return (*judge(fold(run, read_records(folder)), control), judge_audit(audited))


def _some_alone(run: RunFile, control: Service) -> RunFile:
    """What does nothing is asked of the control only, since liars are held against it; what is audited, of nobody."""
    audited = f"{control.key}:{MEMOISED.fault}"
    workloads = tuple(
        replace(planned, cells={control.key: planned.cells[control.key]}) if planned.workload == CONTROL else planned
        for planned in run.workloads
    )
    plan = tuple(
        replace(block, launch=(control.key,), turns=tuple((control.key,) for _ in block.turns))
        if block.workload == CONTROL.name
        else replace(block, launch=tuple(key for key in block.launch if key != audited))
        for block in run.plan
    )
    return replace(run, workloads=workloads, plan=plan)


def judge(table: Table, control: Service) -> tuple[Canary, ...]:
    """Each lie by the verdict of its cell; the twin must be ok, or a gate that refuses everything would pass."""
    workload = table.run.workloads[0].workload.name
    found = []
    for mark, name, awaited in (
        (TWIN, "honest twin", (Verdict.OK.value,)),
        *((o.fault, o.name, o.awaited) for o in LIES),
    ):
        cell = table.cell(workload, f"{control.key}:{mark}")
        codes = {refusal.code for refusal in cell.reasons} | {cell.verdict.value}
        text = cell.verdict.value + (f": {cell.reasons[0].detail}" if cell.reasons else "")
        found.append(Canary(name, cell.framework, " or ".join(awaited), text, _state(cell.verdict, codes, awaited)))
    return tuple(found)


def judge_audit(audited: Audit) -> Canary:
    """A kept answer must be called so."""
    codes = {failure.code for failure in audited.failures}
    text = (
        "; ".join(f"{one.code or one.state}: {one.gate}: {one.detail}" for one in audited.failures) or "no gate failed"
    )
    state: State = "ok" if codes & set(MEMOISED.awaited) else "off"
    return Canary(MEMOISED.name, audited.framework, " or ".join(MEMOISED.awaited), text, state)


def _state(verdict: Verdict, codes: set[str], awaited: tuple[str, ...]) -> State:
    if codes & set(awaited):
        return "ok"
    return "not shown" if verdict.group is Group.LOST else "off"
