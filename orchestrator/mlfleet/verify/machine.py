"""What the machine did during a turn, judged a second time from the readings: flags of turns, disturbed trials.

A reading that is null proves nothing. Limits are those that the run was begun with, never below the starting values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet.verify.chain import LEDGER
from mlfleet.verify.findings import Findings
from mlfleet.verify.plain import Json
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, Turn

_KIND = "turn flags"
# The kernel counts busy time and steal in steps of 10 ms: two of them are nothing.
TWO_TICKS_NS = 20_000_000
GAP_NS = 1_000_000_000
# Starting values, as shares of the turn, or of the turn times its CPUs.
STARTING: Mapping[str, float] = {
    "stolen": 0.01,
    "waiting": 0.05,
    "memory_pressure": 0.01,
    "foreign": 0.10,
    "load": 0.20,
    "compute": 0.05,
    "memory": 0.10,
    "trial_wait": 0.5,
    "trial_foreign": 0.05,
    "trial_stolen": 0.05,
}
_RECORDED = "noise_limits."
# Flags that do not follow from a turn's own readings.
_OF_ELSEWHERE = {"sentinel", "peers_running", "gpu_shared"}
# Of a trial's flags those that disturb it; how much memory was free is in no reading of a turn.
_OF_MEMORY = {"memory_short"}
_DISTURBING = {"throttled", "contended", "stolen", "hot", "gap"} | _OF_MEMORY


@dataclass(frozen=True)
class Usual:
    """The run's median sentinel in ns; None where there is none."""

    compute: float | None
    memory: float | None


def limits_of(run: Run) -> dict[str, float] | None:
    """The limits of a run; None of one that was recorded before turns were flagged."""
    constants = run.body["constants"]
    known = {name: constants.get(_RECORDED + name) for name in STARTING}
    if all(node is None for node in known.values()):
        return None
    return {name: node.number() if node else STARTING[name] for name, node in known.items()}


def check_machine(run: Run, trials: Sequence[Trial], findings: Findings) -> None:
    """Every turn has the flags that its readings give; no trial that is ok was disturbed."""
    limits = limits_of(run)
    if limits is None or run.body["constants"].get(f"{_RECORDED}waiting") is None:
        findings.note("this run was recorded before turns were flagged as they are now: flags were not verified")
        return
    for name, least in STARTING.items():
        findings.rule(
            "run.json",
            None,
            f"constants.{_RECORDED}{name}",
            limits[name],
            f"at least {least}",
            holds=limits[name] >= least,
            kind=_KIND,
        )
    cpus = len(run.body["environment"]["cpus"].items())
    for trial in trials:
        for turn in trial.every_turn:
            _flags(trial, turn, cpus, limits, findings)
        _disturbed(trial, cpus, limits, findings)


def _disturbed(trial: Trial, cpus: int, limits: Mapping[str, float], findings: Findings) -> None:
    """A trial is `disturbed` exactly where its readings say so: else whoever dislikes a number could have it again."""
    recorded = _DISTURBING & set(trial.flags)
    if trial.verdict not in ("ok", "disturbed"):
        return
    found = disturbances(trial.turns, cpus, limits)
    said: list[Json] = [*sorted(recorded - _OF_MEMORY)]
    findings.held(LEDGER, trial.line, "flags", said, [*sorted(found)], kind=_KIND)
    findings.rule(
        LEDGER,
        trial.line,
        "verdict",
        trial.verdict,
        f"{'disturbed' if recorded else 'ok'}: {', '.join(sorted(recorded)) or 'nothing disturbed it'}",
        holds=(trial.verdict == "disturbed") == bool(recorded),
        kind=_KIND,
    )


def _flags(trial: Trial, turn: Turn, cpus: int, limits: Mapping[str, float], findings: Findings) -> None:
    recorded: list[Json] = [*sorted(set(turn.flags) - _OF_ELSEWHERE)]
    awaited: list[Json] = [*sorted(flags_of(turn, cpus, limits))]
    findings.held(LEDGER, trial.line, f"turn {turn.number}, flags", recorded, awaited, kind=_KIND)
    findings.rule(
        LEDGER,
        trial.line,
        f"turn {turn.number}, flags",
        ", ".join(turn.flags),
        "peers_running as the trial",
        holds=("peers_running" in turn.flags) == ("peers_running" in trial.flags),
        kind=_KIND,
    )


def flags_of(turn: Turn, cpus: int, limits: Mapping[str, float]) -> set[str]:
    """What the readings of a turn say."""
    window, both = turn.window, turn.window * cpus
    waited, memory = _waited_for_others(turn, cpus), turn.reading("memory_pressure_us")
    others, other_cpus = turn.reading("others_busy_ns"), turn.reading("other_cpus")
    steal, foreign = turn.reading("set_steal_ns"), _foreign(turn)
    beyond = {
        "throttled": (turn.reading("throttled_periods") or 0) > 0,
        "stolen": steal is not None and steal > max(TWO_TICKS_NS, limits["stolen"] * both),
        "pressure": waited > limits["waiting"] * window or (memory or 0) * 1000 > limits["memory_pressure"] * window,
        "foreign": foreign is not None and foreign > max(TWO_TICKS_NS * cpus, limits["foreign"] * both),
        "load": bool(other_cpus) and (others or 0) > limits["load"] * window * (other_cpus or 0),
        "faults": (turn.reading("major_faults") or 0) > 0,
        "hot": (turn.reading("core_throttles") or 0) > 0,
        "gap": (turn.reading("sampler_gap_ns") or 0) > GAP_NS,
    }
    return {flag for flag, is_so in beyond.items() if is_so}


def _waited_for_others(turn: Turn, cpus: int) -> int:
    """In ns: never more than the CPU time of its call that the service itself did not use."""
    waited, own = turn.waited or 0, turn.reading("cpu_ns")
    return waited if own is None else min(waited, max((turn.received - turn.sent) * cpus - own, 0))


def disturbances(turns: Sequence[Turn], cpus: int, limits: Mapping[str, float]) -> set[str]:
    """What disturbed a whole trial, by coarser limits."""
    window = sum(turn.window for turn in turns) * cpus
    steal, own = (
        _sum([turn.reading("set_steal_ns") for turn in turns]),
        _sum([turn.reading("cpu_ns") for turn in turns]),
    )
    foreign, waited = _sum([_foreign(turn) for turn in turns]), _sum([turn.waited for turn in turns])
    contended = own and waited is not None and foreign is not None and waited / own > limits["trial_wait"]
    beyond = {
        "throttled": bool(_sum([turn.reading("throttled_periods") for turn in turns])),
        "contended": bool(contended) and (foreign or 0) > max(TWO_TICKS_NS * cpus, limits["trial_foreign"] * window),
        "stolen": steal is not None and steal > max(TWO_TICKS_NS, limits["trial_stolen"] * window),
        "hot": bool(_sum([turn.reading("core_throttles") for turn in turns])),
        "gap": any((turn.reading("sampler_gap_ns") or 0) > GAP_NS for turn in turns),
    }
    return {flag for flag, is_so in beyond.items() if is_so}


def usual(trials: Sequence[Trial]) -> Usual:
    """The run's median of the sentinel before each turn."""
    before = [turn.sentinels[0] for trial in trials for turn in trial.turns if turn.sentinels]
    return Usual(*(_median([one[half] for one in before]) for half in (0, 1)))


def is_unusual(turn: Turn, middle: Usual, limits: Mapping[str, float]) -> bool:
    """Whether a sentinel on either side of the turn lies away from the run's median."""
    halves = ((0, middle.compute, limits["compute"]), (1, middle.memory, limits["memory"]))
    return any(
        abs(value / median_ns - 1) > limit
        for sentinel in turn.sentinels
        for half, median_ns, limit in halves
        if (value := sentinel[half]) and median_ns
    )


def _foreign(turn: Turn) -> int | None:
    """Busy time of the CPU set that was not the service's."""
    busy, own = turn.reading("set_busy_ns"), turn.reading("cpu_ns")
    return None if busy is None or own is None else busy - own


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None
