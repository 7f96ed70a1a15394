"""The gates of a trial a second time, as far as its record shows: what is `ok` must have passed them all."""

import hashlib
import math
from collections.abc import Mapping

from mlfleet.verify.chain import LEDGER
from mlfleet.verify.claims import check_claims
from mlfleet.verify.findings import Findings
from mlfleet.verify.idle import check_idle
from mlfleet.verify.plain import Json, canonical
from mlfleet.verify.plan import Run, Workload
from mlfleet.verify.trials import GROUPS, Trial, Turn, sample

_KIND = "gates"
MS, S = 1_000_000, 1_000_000_000
# Least length of a sample, timed samples of a turn, turns of a trial, by the schedule of the suite.
SCHEDULES = {"standard": (25 * MS, 10, 3), "short": (5 * MS, 4, 1)}
# Single iterations, of which a 99th percentile can be told.
LATENCY_SAMPLES = 200
# How far a gradient in float32 may be from the float64 one, over its norm.
GRADIENT = 1e-3
# A quarter above the least length is aimed at.
HEADROOM = 1.25


def check_plan(run: Run, findings: Findings) -> None:
    """Cell ids are what their content says; orders are permutations of who takes part."""
    for work in run.workloads:
        for key, cell in work.cells.items():
            findings.held("run.json", None, f"{work.name}, cell of {key}", cell, _cell_id(run, work, key), kind=_KIND)
    for block in run.body["plan"].items():
        name, number = block["workload"].text(), block["number"].integer()
        planned = run.workload(name)
        keys = sorted(planned.cells) if planned else []
        rows = [block["launch"], *block["turns"].items()]
        for row in rows:
            found: list[Json] = [*sorted(row.texts())]
            awaited: list[Json] = [*keys]
            findings.held("run.json", None, f"{name} block {number}, {row.place}", found, awaited, kind=_KIND)


def check_trial(run: Run, trial: Trial, findings: Findings) -> None:
    """One trial: verdict and findings belong together, and one that is ok passed everything that can be seen here."""
    gate = _Gate(trial, findings)
    gate.rule("verdict", trial.verdict, "a verdict of the closed list", holds=trial.verdict in GROUPS)
    codes = [code for _, code in trial.findings]
    if trial.group == "invalid":
        gate.rule("findings", ", ".join(codes), f"one with code {trial.verdict}", holds=trial.verdict in codes)
    work = run.workload(trial.workload)
    if work is None or work.cells.get(trial.framework) != trial.cell:
        gate.rule("trial.cell", trial.cell, "a cell of run.json", holds=False)
        return
    check_idle(run, trial, findings)
    if trial.verdict != "ok":
        return
    gate.rule("findings", ", ".join(codes), "none in a trial that is ok", holds=not codes)
    if not any(turn.timed for turn in trial.turns):
        gate.rule(
            "turns",
            f"{len(trial.turns)} turns without a timed sample",
            "raw samples: a trial without them has no time, and nothing can be recomputed",
            holds=False,
        )
        return
    _environment(run, work, trial, gate)
    _payload(work, trial, gate)
    _schedule(run, trial, gate)
    _stamps(trial, gate)
    _latency(trial, gate)
    _receipt(trial, gate)
    _quality(work, trial, gate)
    check_claims(run, trial, findings)


class _Gate:
    """Rules of one trial, each named with its field."""

    def __init__(self, trial: Trial, findings: Findings) -> None:
        self._line, self._findings = trial.line, findings

    def rule(self, field: str, found: Json, awaited: str, *, holds: bool) -> None:
        self._findings.rule(LEDGER, self._line, field, found, awaited, holds=holds, kind=_KIND)

    def held(self, field: str, found: Json, awaited: Json) -> None:
        self._findings.held(LEDGER, self._line, field, found, awaited, kind=_KIND)


def _environment(run: Run, work: Workload, trial: Trial, gate: _Gate) -> None:
    identity, contestant, environment = trial.body["identity"], run.contestant(trial.framework), run.body["environment"]
    gate.held("image_id", trial.body.members().get("image_id"), contestant.members().get("image_id"))
    if asked := contestant.get("identity"):
        gate.held("identity.version", identity["version"].text(), asked["version"].text())
    gate.held("identity.optimised", identity["optimised"].flag(), awaited=True)
    gate.held("identity.debug_assertions", identity["debug_assertions"].flag(), awaited=False)
    gate.held("identity.cpus", identity["cpus"].value, environment["cpus"].value)
    threads = environment["threads"].integer()
    for pool in identity["thread_pools"].items():
        one_each = pool["pool"].text().endswith("-interop")
        gate.held(pool.place, pool["effective"].integer(), 1 if one_each else threads)
    limit = trial.body["recipe"].get("mem_limit")
    if limit and environment["runtime"].text() == "docker":
        gate.held("recipe.mem_limit", limit.text(), str(run.environment_of(work)["memory_bytes"]))
    names = [one["name"].text() for one in identity["tasks"].items()]
    gate.rule("identity.tasks", ", ".join(names), f"{work.task} among them", holds=work.task in names)


def _payload(work: Workload, trial: Trial, gate: _Gate) -> None:
    prepared = trial.body["prepared"]
    for field in ("payload_sha256", "tensors_sha256"):
        gate.held(f"prepared.{field}", prepared[field].text(), work.body[field].text())


def _schedule(run: Run, trial: Trial, gate: _Gate) -> None:
    calibration = trial.body["calibration"]
    iterations, timed, discarded = (calibration[key].integer() for key in ("iterations", "timed", "discarded"))
    per_iteration = calibration["iteration_ns"].number()
    found = [iterations, timed, discarded, calibration["turns"].integer()]
    awaited = _calibrated(run.schedule_of(trial.workload), per_iteration)
    gate.held("calibration: iterations, timed, discarded, turns", [*found], [*awaited])
    for turn in trial.turns:
        place = f"turn {turn.number}"
        gate.held(f"{place}, discarded", turn.discarded, discarded)
        gate.held(f"{place}, samples", len(turn.samples), discarded + timed)
        wrong = [sample.iterations for sample in turn.samples if sample.iterations != iterations]
        gate.rule(f"{place}, iterations", [*wrong], f"{iterations} in each sample", holds=not wrong)
    gate.held("turn numbers", [turn.number for turn in trial.turns], [*range(1, len(trial.turns) + 1)])
    gate.rule("turns", len(trial.turns), f"at most {found[3]}", holds=len(trial.turns) <= found[3])


def _calibrated(schedule: str, per_iteration: float) -> tuple[int, int, int, int]:
    """The table of the measurement rules: iterations a sample, timed samples, discarded ones, turns."""
    least, timed, turns = SCHEDULES[schedule]
    if per_iteration < least:
        return math.ceil(HEADROOM * least / per_iteration), timed, 1, turns
    if per_iteration <= S:
        return 1, min(max(math.ceil(250 * MS / per_iteration), 4), timed), 1, turns
    return (1, 4, 0, min(2, turns)) if per_iteration <= 10 * S else (1, 1, 0, 1)


def _stamps(trial: Trial, gate: _Gate) -> None:
    """T1: samples in order and inside their call; turns one after the other, behind the warm-up."""
    agree = trial.body["identity"]["boot_id"].text() == trial.boot
    gate.rule("clock", trial.clock, "shared with the boot of the ledger", holds=agree or trial.clock != "shared")
    for turn in trial.turns:
        flaw = _disorder(turn, trial.clock)
        gate.rule(f"turn {turn.number}, stamps", flaw, "samples in order, inside the call", holds=not flaw)
    ends = [0, *(turn.received for turn in trial.turns)]
    late = [turn.number for turn, end in zip(trial.turns, ends, strict=False) if turn.sent < end]
    gate.rule("turns, stamps", [*late], "each sent after the one before was answered", holds=not late)
    warm = [sample(one).end for one in trial.body["warm_up"].items()]
    ended = max(warm, default=0)
    holds = trial.clock == "own" or ended <= trial.turns[0].sent
    gate.rule("warm_up, stamps", ended, "an end before the first turn", holds=holds)
    gate.rule("warm_up, stamps", [*warm], "in order", holds=warm == sorted(warm))


def _latency(trial: Trial, gate: _Gate) -> None:
    """A turn of single iterations, after all others."""
    turn = trial.latency
    if turn is None:
        return
    flaw = _disorder(turn, trial.clock)
    gate.rule("latency, stamps", flaw, "samples in order, inside the call", holds=not flaw)
    last = trial.turns[-1].received
    gate.rule("latency, sent", turn.sent, f"after the last turn, {last}", holds=turn.sent >= last)
    gate.held("latency, samples", len(turn.samples), turn.discarded + LATENCY_SAMPLES)
    many = [one.iterations for one in turn.samples if one.iterations != 1]
    gate.rule("latency, iterations", [*many], "1 in each sample", holds=not many)


def _disorder(turn: Turn, clock: str | None) -> str:
    """Of a clock of its own only durations say something."""
    first = last = turn.samples[0].start if clock == "own" and turn.samples else turn.sent
    for number, one in enumerate(turn.samples):
        if not last <= one.start <= one.end:
            return f"sample {number} from {one.start} to {one.end}, after {last}"
        last = one.end
    if clock == "own":
        beyond = last - first - (turn.received - turn.sent)
        return f"samples over {beyond} ns more than their call" if beyond > 0 else ""
    return f"the last sample ends {last - turn.received} ns after the answer" if last > turn.received else ""


def _receipt(trial: Trial, gate: _Gate) -> None:
    gate.rule("receipt", "nothing", "what ran", holds=bool(trial.receipt))
    if "converged" in trial.receipt:
        gate.held("receipt.converged", trial.receipt["converged"], awaited=True)


def _quality(work: Workload, trial: Trial, gate: _Gate) -> None:
    quality = trial.body.get("quality")
    if quality is None:
        return
    codes = [one["code"].text() for one in quality["findings"].items()]
    gate.rule("quality.findings", ", ".join(codes), "none in a trial that is ok", holds=not codes)
    for key, node in quality["agreement"].entries():
        if key.startswith("grad."):
            error = node.number()
            gate.rule(f"quality.agreement.{key}", error, f"at most {GRADIENT:g}", holds=error <= GRADIENT)
    floor, name = quality.get("floor"), quality["decides"].text()
    if floor is None or not work.direction:
        return
    found = quality["metrics"].get(name)
    holds = found is not None and work.direction * (found.number() - floor.number()) >= 0
    side = "at least" if work.direction > 0 else "at most"
    gate.rule(f"quality.metrics.{name}", found.value if found else None, f"{side} {floor.number():.6g}", holds=holds)


def _cell_id(run: Run, work: Workload, key: str) -> str:
    """The content address of a cell."""
    contestant = run.contestant(key)
    identity = contestant.get("identity")
    facts: Mapping[str, Json] = {
        "schema": run.body["schema_version"].integer(),
        "task": work.task,
        "params": work.body["workload"]["params"].value,
        "payload": work.body["payload_sha256"].text(),
        "framework": key,
        "version": identity["version"].text() if identity else None,
        "image": contestant.members().get("image_id"),
        "environment": run.environment_of(work),
        "seed": run.body["seed"].integer(),
    }
    return hashlib.sha256(canonical(dict(facts))).hexdigest()
