"""Gates on times a second time: what a trial claims, against clocks, meters, the control and the host's roof."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from statistics import median

from mlfleet.verify import estimates, meters, numbers
from mlfleet.verify.chain import LEDGER
from mlfleet.verify.findings import Findings
from mlfleet.verify.plain import Json
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Sample, Trial, Turn, reading, sample

_KIND = "gates"
MS = 1_000_000
# Rule T2: what a call may cost beside its samples, the share on top, the step of CPU meters.
CALL_NS, SHARE, METER_NS = 5 * MS, 0.02, 10 * MS
# A library may beat the probe of the roof by so much; bytes count from so many caches on.
ROOF_FACTOR, CACHES = 1.5, 2
LINEAR, PAIRS = (1.7, 2.3), 5
# A try that waited for a CPU for more than this share of its time does not count against a service.
WAITED_SHARE = 0.05
# Where all did, CPU time is looked at, from so much of a sample on: less is the handling of its call.
CALL_CPU_NS, GROWS = 3 * MS, 1.3
IDLE_NS = 10 * MS
WAITS_SHARE = 0.5
TOO_FAST = 1.4
# Warm-up: samples of which a trend is told, fewer where each is long, and the change over them that is none.
STEADY_WINDOW, STEADY_LEAST, STEADY_LONG_NS, STEADY_CHANGE = 10, 5, 100 * MS, 0.01


def check_claims(run: Run, trial: Trial, findings: Findings) -> None:
    """One trial that is ok and has samples."""
    cpus = len(run.body["environment"]["cpus"].items())
    for turn in trial.every_turn:
        for field, found, most in _unexplained(turn, cpus):
            _rule(findings, trial, f"turn {turn.number}, {field}", found, f"at most {most:.0f} ns", holds=found <= most)
    least = least_ns(run, trial)
    time = numbers.value(trial, "time")[0]
    if least is not None and time is not None:
        _rule(findings, trial, "time", time, f"at least {least:.4g} ns, at the speed of light", holds=time >= least)
    tries = _tries(trial)
    if tries:
        holds = any(fits for _, fits, _ in tries) or not any(counts for _, _, counts in tries)
        ratios: list[Json] = [ratio for ratio, _, _ in tries]
        _rule(findings, trial, "linear", ratios, "1.7 to 2.3 in one try of five pairs", holds=holds)
    if idle := trial.body.get("idle_cpu"):
        spent = reading(idle).value
        _rule(findings, trial, "idle_cpu", spent, "at most 10 ms", holds=spent is None or spent <= IDLE_NS)
    warm_up = [sample(node) for node in trial.nodes("warm_up")]
    if warm_up:
        said = trial.body.members().get("steady")
        findings.held(LEDGER, trial.line, "steady", said, estimates.is_steady(*_window(warm_up)), kind=_KIND)
    if said_and_found := meters.pages(run, trial):
        findings.held(LEDGER, trial.line, meters.PAGES, *said_and_found, kind=_KIND)
    if trial.body.get("labels") is not None:
        labels: list[Json] = [*trial.body["labels"].texts()]
        findings.held(LEDGER, trial.line, "labels", labels, [*_labels(run, trial)], kind=_KIND)


# What an iteration that does nothing took in a trial, and the sentinel's compute half beside it.
Control = tuple[float, float | None]


def controls(run: Run, trials: Sequence[Trial]) -> dict[str, list[Control]]:
    """Each ok trial of the control, by language; where there is none, the fastest of those that were disturbed."""
    found: dict[str, dict[str, list[Control]]] = {"ok": {}, "disturbed": {}}
    for trial in trials:
        work, service = run.workload(trial.workload), run.contestant(trial.framework)["service"]
        time = numbers.value(trial, "time")[0]
        if trial.verdict in found and service["control"].flag() and work and work.task == "control.noop" and time:
            found[trial.verdict].setdefault(service["language"].text(), []).append((time, _clock(trial)))
    fastest = {language: [min(controls, key=itemgetter(0))] for language, controls in found["disturbed"].items()}
    return fastest | found["ok"]


def is_too_fast(run: Run, trial: Trial, nothing: Mapping[str, Sequence[Control]]) -> bool:
    """Whether an iteration takes hardly longer than nothing does at the same clock, in the same language and run."""
    service, work = run.contestant(trial.framework)["service"], run.workload(trial.workload)
    control, time = nothing.get(service["language"].text()), numbers.value(trial, "time")[0]
    if service["control"].flag() or work is None or work.trivial or control is None or time is None:
        return False
    clock = _clock(trial)
    scaled = [took if not clock or not beside else took / beside * clock for took, beside in control]
    return time < TOO_FAST * median(scaled)


def _clock(trial: Trial) -> float | None:
    """The sentinel's compute half beside the trial's turns, in ns."""
    halves = [half for turn in trial.turns for half, _ in turn.sentinels if half is not None]
    return median(halves) if halves else None


def least_ns(run: Run, trial: Trial) -> float | None:
    """What an iteration must at least take here, by its workload's bound and the host's roof; None: not known."""
    work = run.workload(trial.workload)
    bound, roof = work.body.get("bound") if work else None, run.body.get("roof")
    if bound is None or roof is None:
        return None
    seconds = []
    peak = roof["flop_per_s"].get(bound["dtype"].text())
    if bound["flop"].number() and peak:
        seconds.append(bound["flop"].number() / peak.number())
    bandwidth, cache, shared = roof.get("read_bytes_per_s"), roof.get("last_level_bytes"), bound["working_set_bytes"]
    if bandwidth and cache and shared.number() > CACHES * cache.integer():
        # As much as the cache holds may still lie there.
        missed = bound["read_bytes"].number() * (1 - cache.integer() / shared.number())
        seconds.append(missed / bandwidth.number())
    return max(seconds) * 1e9 / ROOF_FACTOR if seconds else None


def _rule(findings: Findings, trial: Trial, field: str, found: Json, awaited: str, *, holds: bool) -> None:
    findings.rule(LEDGER, trial.line, field, found, awaited, holds=holds, kind=_KIND)


def _unexplained(turn: Turn, cpus: int) -> list[tuple[str, float, float]]:
    """Field, found and most: wall time that no sample claims, CPU time beyond what they claim."""
    wall, claimed = turn.received - turn.sent, sum(one.end - one.start for one in turn.samples)
    rules: list[tuple[str, float, float]] = []
    if turn.waited is not None:
        own = (turn.reading("orchestrator_wait_us") or 0) * 1000
        rules.append(("unexplained wall time", wall - claimed, CALL_NS + SHARE * wall + turn.waited + own))
    spent = turn.reading(numbers.CPU)
    if spent is not None:
        rules.append(("CPU time", spent, (claimed * (1 + SHARE) + METER_NS) * cpus))
    return rules


def _window(warm_up: Sequence[Sample]) -> tuple[list[float], float]:
    """The last times of a warm-up, enough to tell a trend or none, and the change that is none."""
    last = warm_up[-1]
    count = STEADY_LEAST if last.end - last.start > STEADY_LONG_NS else STEADY_WINDOW
    times = [one.per_iteration for one in warm_up[-count:]]
    return (times if len(times) >= STEADY_LEAST else []), STEADY_CHANGE


def _doubling(pairs: Sequence[Sample]) -> float:
    single = min(one.iterations for one in pairs)
    short = median(one.end - one.start for one in pairs if one.iterations == single)
    long = median(one.end - one.start for one in pairs if one.iterations != single)
    return long / max(short, 1)


def _tries(trial: Trial) -> list[tuple[float, bool, bool]]:
    """Of each five pairs the ratio, whether it is that of twice the work, and whether it counts against the service."""
    pairs = [sample(node) for node in trial.nodes("linear")]
    found = []
    waits = trial.nodes("linear_waited_ns")
    for number, at in enumerate(range(0, len(pairs), 2 * PAIRS)):
        tried = pairs[at : at + 2 * PAIRS]
        waited = waits[number] if number < len(waits) else None
        is_quiet = (
            waited is None
            or waited.value is None
            or waited.integer() <= WAITED_SHARE * (tried[-1].end - tried[0].start)
        )
        ratio = _doubling(tried)
        found.append((ratio, LINEAR[0] <= ratio <= LINEAR[1], is_quiet))
    spent = [node.integer() for node in trial.nodes("linear_cpu_ns")]
    if spent:
        # k, 2k, 2k, k, k, 2k, ...
        short = median(ns for at, ns in enumerate(spent) if at % 4 in {0, 3})
        long = median(ns for at, ns in enumerate(spent) if at % 4 in {1, 2})
        found += [(long / short, long / short >= GROWS, True)] if short >= CALL_CPU_NS else []
    return found


def _labels(run: Run, trial: Trial) -> list[str]:
    """What a reader must know of a trial that passed."""
    tries = _tries(trial)
    unseen = bool(tries) and not any(fits or counts for _, fits, counts in tries)
    return [*_of_turns(run, trial), *(["linear in k not judged"] if unseen else []), *meters.label(run, trial)]


def _of_turns(run: Run, trial: Trial) -> list[str]:
    found = ["not steady"] if trial.body.members().get("steady") is False else []
    spent = [turn.reading(numbers.CPU) for turn in trial.turns]
    known = [one for one in spent if one is not None]
    if run.body["environment"]["device"].text() != "cpu" or not known or len(known) < len(spent):
        return found
    wall = 0
    for turn in trial.turns:
        own = (turn.reading("orchestrator_wait_us") or 0) * 1000 if turn.waited is not None else 0
        wall += turn.received - turn.sent - (turn.waited or 0) - own
    return [*found, "waits"] if sum(known) < WAITS_SHARE * wall else found
