"""Canaries that lie: the Python control, spoilt in one way each, offered as a framework. Every lie must be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlfleet import assemble
from mlfleet.audit.measure import audit_cell
from mlfleet.audits import Audit
from mlfleet.bench import Bench, Cell
from mlfleet.cells import CellRow
from mlfleet.codec import encode
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import read_records
from mlfleet.model import Service, Workload
from mlfleet.plan import plan_blocks
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
# Of their run, in the validation's.
FOLDER = "lies"


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
# All steps are taken, none changes the model: only its quality can tell.
UNTRAINED = Lie("untrained", "untrained model", (Verdict.OUTSIDE_TOLERANCE.value,))
TRAINING = Workload(
    "gd_regression.fit-2k",
    "gd_regression.fit",
    "gd-syn",
    {"rows": 2000, "lr": 0.05, "iterations": 100, "schedule": "fused"},
)
# One trial cannot tell a kept answer from a quick one, nor one that is the same on all data from a wrong one: an audit
# must, by the gate named here.
AUDITED = {
    Lie("memoised", "memoised output, audited", (Verdict.CACHED.value,)): "memoised step",
    Lie("constant", "constant output, audited", (Verdict.CACHED.value,)): "perturbed sample, outputs",
}
FAULTS = frozenset(lie.fault for lie in (*LIES, UNTRAINED, *AUDITED))
# Of an audit that asks for a factor of 30.
AUDIT_BLOCKS = 1


def command_of(honest: Sequence[str] | None, service: Service, root: Path) -> Sequence[str] | None:
    """The command of a service, `honest` being that of its build: liars and their twin start from the spoilt file."""
    key, _, mark = service.key.partition(":")
    marked = mark in {TWIN, *FAULTS}
    return [*honest[:-1], str(root / SPOILT / f"of_{key}.py")] if honest and marked else honest


def lies(site: Site, control: Service) -> tuple[Canary, ...]:
    """One short block of every lie and the honest twin, beside the control that does nothing; and audits."""
    names = tuple(replace(control, key=f"{control.key}:{mark}") for mark in (TWIN, *sorted(FAULTS)))
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
    run = _with_training(_some_alone(replace(planned, contestants=takes_part(offered)), control), control)
    faults = {f"{control.key}:{fault}": fault for fault in FAULTS}
    cells = {key: replace(cell, fault=faults.get(key[1])) for key, cell in cells_of(run).items()}
    folder = site.folder / FOLDER
    with Ledger.create(folder, encode(run)) as ledger, site.watched(FOLDER) as watcher:
        measure_run(run, cells, ledger, site.bench.watched_by(watcher.phase, ledger.blob), watcher, None)
        audits = [judge_audit(lie, _audit(run, cells, control, lie, site.bench)) for lie in AUDITED]
    return (*judge(fold(run, read_records(folder)), control), *audits)


def _audit(run: RunFile, cells: Mapping[tuple[str, str], Cell], control: Service, lie: Lie, bench: Bench) -> Audit:
    workload, key = run.workloads[0].workload, f"{control.key}:{lie.fault}"
    bench.progress(key, "audit")
    return audit_cell(run, workload, cells[workload.name, key], AUDIT_BLOCKS, bench, lambda _: None)


def _with_training(run: RunFile, control: Service) -> RunFile:
    """A block more, in which the twin trains a model and another does not: an honest control is asked for none."""
    asked = [run.contestant(f"{control.key}:{mark}") for mark in (TWIN, UNTRAINED.fault)]
    training = assemble.planned_workload(TRAINING, asked, run.environment, run.seed)
    turns = {TRAINING.name: len(run.plan[0].turns)}
    blocks = plan_blocks({TRAINING.name: list(training.cells)}, 1, turns, run.seed)
    return replace(run, workloads=(*run.workloads, training), plan=(*run.plan, *blocks))


def _some_alone(run: RunFile, control: Service) -> RunFile:
    """What does nothing is asked of the control only, since liars are held against it; of others only their own lie."""
    lying = {f"{control.key}:{mark}" for mark in (TWIN, *(lie.fault for lie in LIES))}
    workloads = tuple(
        replace(planned, cells={control.key: planned.cells[control.key]}) if planned.workload == CONTROL else planned
        for planned in run.workloads
    )
    plan = tuple(
        replace(block, launch=(control.key,), turns=tuple((control.key,) for _ in block.turns))
        if block.workload == CONTROL.name
        else replace(block, launch=tuple(key for key in block.launch if key in lying))
        for block in run.plan
    )
    return replace(run, workloads=workloads, plan=plan)


def judge(table: Table, control: Service) -> tuple[Canary, ...]:
    """Each lie by the verdict of its cell; the twin must be ok, or a gate that refuses everything would pass."""
    work, training = table.run.workloads[0].workload.name, TRAINING.name
    honest = (Verdict.OK.value,)
    asked = (
        (work, Lie(TWIN, "honest twin", honest)),
        *((work, lie) for lie in LIES),
        (training, Lie(TWIN, "honest twin, trained model", honest)),
        (training, UNTRAINED),
    )
    return tuple(_judged(table.cell(workload, f"{control.key}:{lie.fault}"), lie) for workload, lie in asked)


def _judged(cell: CellRow, lie: Lie) -> Canary:
    codes = {refusal.code for refusal in cell.reasons} | {cell.verdict.value}
    text = cell.verdict.value + (f": {cell.reasons[0].detail}" if cell.reasons else "")
    state = _state(cell.verdict, codes, lie.awaited)
    return Canary(lie.name, cell.framework, " or ".join(lie.awaited), text, state)


def judge_audit(lie: Lie, audited: Audit) -> Canary:
    """A kept answer must be called so, by the gate that is there for it."""
    codes = {failure.code for failure in audited.failures if failure.gate == AUDITED[lie]}
    text = (
        "; ".join(f"{one.code or one.state}: {one.gate}: {one.detail}" for one in audited.failures) or "no gate failed"
    )
    state: State = "ok" if codes & set(lie.awaited) else "off"
    return Canary(lie.name, audited.framework, " or ".join(lie.awaited), text, state)


def _state(verdict: Verdict, codes: set[str], awaited: tuple[str, ...]) -> State:
    if codes & set(awaited):
        return "ok"
    return "not shown" if verdict.group is Group.LOST else "off"
