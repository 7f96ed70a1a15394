"""What services hold and take up before any work, a second time: memory at rest, and images' own layers."""

from collections.abc import Sequence
from statistics import median

from mlfleet.verify import numbers
from mlfleet.verify.chain import LEDGER
from mlfleet.verify.findings import Findings
from mlfleet.verify.outcomes import CellNumbers
from mlfleet.verify.plain import Json, Node
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, reading

_KIND = "memory at rest"
# From SERVING on.
IDLE_NS = 1_000_000_000
# Why an image's own layers are not known where no engine can be asked.
_UNSEEN = {"process": "not_applicable", "attach": "not_visible"}


def at_rest(trial: Trial, name: str) -> numbers.Value:
    """A memory level at rest, or why there is none."""
    if "not_fresh" in trial.flags:
        return None, "not_fresh"
    phase = trial.phase("idle")
    if phase is None:
        return None, "not_asked" if trial.phase("import") else "not_reached"
    node = phase["readings"].get(name)
    if node is None:
        return None, "not_recorded"
    found = reading(node)
    return (None, found.reason) if found.value is None else (float(found.value), "")


def check_idle(run: Run, trial: Trial, findings: Findings) -> None:
    """It is read in the first trial of a service's first workload, a second after SERVING and before prepare."""

    def rule(field: str, found: Json, awaited: str, *, holds: bool) -> None:
        findings.rule(LEDGER, trial.line, field, found, awaited, holds=holds, kind=_KIND)

    phase, first = trial.phase("idle"), _first_workload(run, trial.framework)
    if phase is None:
        kept = "schedule.IDLE_NS" in run.body["constants"].members() and first == trial.workload
        if kept and trial.verdict == "ok" and trial.body.get("idle_cpu"):
            rule("idle", "no such phase", "memory at rest in the first trial of a service", holds=False)
        return
    rule("idle", trial.workload, f"in {first} alone", holds=trial.workload == first)
    serving, prepare = trial.phase("import"), trial.phase("prepare")
    if serving is None:
        rule("idle", "no import", "a service that is SERVING", holds=False)
        return
    start, end, ready = phase["start_ns"].integer(), phase["end_ns"].integer(), serving["end_ns"].integer()
    rule("idle, start_ns", start, f"after SERVING, {ready}", holds=start >= ready)
    rule("idle, end_ns", end - ready, f"at least {IDLE_NS} ns after SERVING", holds=end - ready >= IDLE_NS)
    if prepare:
        begun = prepare["start_ns"].integer()
        rule("idle, end_ns", end, f"before prepare, {begun}", holds=end <= begun)
    for name in (numbers.ANONYMOUS, numbers.CHARGED):
        _same_meter(trial, name, (serving, phase), findings)


def _same_meter(trial: Trial, name: str, phases: Sequence[Node], findings: Findings) -> None:
    """A level is there, in bytes, and of the source that it had after import."""
    before, found = (phase["readings"].get(name) for phase in phases)
    said = (found["unit"].text(), found["source"].text()) if found else ("", "")
    awaited = before["source"].text() if before else said[1]
    findings.held(LEDGER, trial.line, f"idle, unit of {name}", said[0], "bytes", kind=_KIND)
    findings.held(LEDGER, trial.line, f"idle, source of {name}", said[1], awaited, kind=_KIND)


def check_own_layers(run: Run, findings: Findings) -> None:
    """Own layers are part of their image, and known only where an engine was asked; older plans have none."""
    unseen = _UNSEEN.get(run.body["environment"]["runtime"].text())
    for one in run.body["contestants"].items():
        node = one.get("own_size")
        if node is None:
            continue
        field, found = f"own_size of {one['service']['key'].text()}", reading(node)
        findings.held("run.json", None, f"{field}, unit", node["unit"].text(), "bytes", kind=_KIND)
        if unseen:
            findings.held("run.json", None, f"{field}, reason", found.reason, unseen, kind=_KIND)
        if found.value is not None:
            whole = one["size_bytes"].integer()
            awaited, holds = f"0 to {whole}, the whole image", 0 <= found.value <= whole
            findings.rule("run.json", None, field, found.value, awaited, holds=holds, kind=_KIND)


def contestant_of(one: Node, cells: Sequence[CellNumbers]) -> dict[str, Json]:
    """A contestant as a report must give it; `cells`: its own, in the order of the plan."""
    shown = [trial for cell in cells for trial in cell.trials if cell.verdict != "ok" or trial.verdict == "ok"]
    levels: dict[str, Json] = {}
    absent: dict[str, Json] = {}
    for kind, name in (("anonymous", numbers.ANONYMOUS), ("charged", numbers.CHARGED)):
        read = [at_rest(trial, name) for trial in shown]
        known = [value for value, _ in read if value is not None]
        levels[kind] = {"median": median(known), "low": min(known), "high": max(known)} if known else None
        if not known:
            absent[kind] = next((why for _, why in read), "no_trial")
    own = one.get("own_size")
    said = reading(own) if own else None
    return {
        "image": one["service"]["image"].text(),
        "size_bytes": one.members().get("size_bytes"),
        "own_bytes": said.value if said else None,
        "own_absent": (said.reason or None) if said else "not_recorded",
        "idle": levels,
        "idle_absent": absent,
    }


def _first_workload(run: Run, framework: str) -> str | None:
    return next((work.name for work in run.workloads if framework in work.cells), None)
