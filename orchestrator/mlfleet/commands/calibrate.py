"""`mlfleet doctor --calibrate`: how quiet this host is when nothing else runs."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime

from mlfleet import assemble, host, quiet
from mlfleet import build as builds
from mlfleet.bench import Bench, Cell
from mlfleet.check.workloads import SEED, honest
from mlfleet.commands.benches import engine_version, open_bench
from mlfleet.commands.common import ROOT, choose_runtime, say, services
from mlfleet.errors import HostError
from mlfleet.interrupt import Stop
from mlfleet.locks import host_lock
from mlfleet.model import Environment, Runtime, Setting, Trial, Turn
from mlfleet.noise import FITTED, Limits
from mlfleet.quiet import Quietness
from mlfleet.runfile import Contestant
from mlfleet.schedule import RULES
from mlfleet.setting import SETTINGS
from mlfleet.tasks.control import WORKLOAD
from mlfleet.trial import TrialRun
from mlfleet.turn import closed

TURNS = 200
# One turn of 11 samples of a good 31 ms, freeze, thaw and sentinel, as seen; and the launch with its warm-up.
TURN_S, START_S = 0.4, 8.0
SAY_EVERY = 50
# What others took of the CPU set, and waiting / CPU time, at least, with a full-time neighbour on a virtual machine.
NEIGHBOUR: Mapping[str, float] = {"foreign": 0.39, "wait": 1.04}


def calibrate(asked: str) -> None:
    """Measure the control alone in both settings, keep the percentiles of its readings, and print the limits.

    `asked`: the runtime, as typed: another one has other readings.

    Raises HostError where no control is built, where it does not run, and where the host is not quiet.
    """
    runtime = choose_runtime(asked)
    if runtime == "attach":
        raise HostError("a calibration starts its service itself; try on the host: mlfleet doctor --calibrate")
    sets: dict[tuple[int, ...], Setting] = {}
    for threads, setting in SETTINGS.items():
        sets.setdefault(host.cpu_sets(threads), setting)
    minutes = (TURNS * TURN_S + START_S) * len(sets) / 60
    say(f"calibrating on runtime {runtime}, {TURNS} turns a setting: about {minutes:.0f} min; leave this host alone")
    fingerprint = host.fingerprint(host.facts(), {"docker_engine": engine_version(runtime)})
    name = assemble.run_id("calibrate", SEED)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        stack.enter_context(host_lock(name))
        bench = stack.enter_context(open_bench(name, runtime, stop))
        for cpus, setting in sets.items():
            with host.kept_off(cpus):
                turns = quiet_turns(_control(runtime, cpus), replace(bench, progress=lambda *_: None), TURNS, say)
            percentiles = quiet.percentiles(turns, len(cpus))
            check_quiet(percentiles)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            seen = Quietness(now, len(turns), percentiles)
            path = quiet.store(seen, fingerprint, runtime, setting)
            _print(setting, seen)
            say(str(path))


def quiet_turns(cell: Cell, bench: Bench, count: int, told: Callable[[str], None]) -> tuple[Turn, ...]:
    """So many turns of one trial, with nothing beside it. Raises HostError where it ends on the way."""
    trial = Trial(cell.id, cell.workload, "1 thread", cell.service.key, block=1, attempt=1)
    with TrialRun(cell, trial, bench, None) as run:
        run.ready()
        for number in range(1, count + 1):
            if run.alive:
                run.turn(number, 1)
                bench.stop.check()
            if number % SAY_EVERY == 0:
                told(f"{number} of {count} turns")
        if not run.alive:
            raise HostError(f"the control {cell.service.key} does not run here: {run.finish().reason}")
        return tuple(closed(run.parts.turns, bench.sentinel(cell.environment.cpus[0])))


def check_quiet(percentiles: Mapping[str, float]) -> None:
    """Raises HostError where limits that follow from these percentiles could not tell a neighbour from quiet."""
    for name, neighbour in NEIGHBOUR.items():
        found = percentiles.get(name, 0.0)
        if FITTED * found > neighbour:
            raise HostError(
                f"this host is not quiet: the 99th percentile of {name} is {found:.2f}, and beside a neighbour it is "
                f"{neighbour:.2f}; nothing was kept. Stop what else runs here (try: top), then calibrate again"
            )


def _control(runtime: Runtime, cpus: tuple[int, ...]) -> Cell:
    builder = builds.builder(runtime, ROOT)
    states = {service: builder.state(service) for service in services() if service.control}
    built = [service for service, state in states.items() if state.state == "current"]
    if not built:
        keys = " ".join(service.key for service in states)
        raise HostError(f"no control is built for runtime {runtime}; try: mlfleet build {keys} --runtime {runtime}")
    service, case = built[0], honest(WORKLOAD)
    environment = Environment("cpu", cpus, len(cpus), service.memory_bytes, runtime, "mapped")
    contestant = Contestant(service, states[service].image_id, None, None, "", None)
    return Cell(
        id=assemble.cell_id(WORKLOAD, case.payload.sha256, contestant, environment, SEED),
        service=service,
        image_id=contestant.image_id,
        version=contestant.version,
        workload=WORKLOAD.name,
        task=case.task,
        case=case.case,
        payload=case.payload,
        environment=environment,
        seed=SEED,
        rules=RULES["standard"],
    )


def _print(setting: Setting, seen: Quietness) -> None:
    start: Mapping[str, float] = asdict(Limits())
    print(f"{setting}: {seen.turns} turns; limit = the larger of the start value and {FITTED} x the 99th percentile")
    for name, limit in asdict(seen.limits).items():
        source = name.removeprefix("trial_")
        found = seen.percentiles.get(source)
        shown = "null" if found is None else f"{found:.3f}"
        print(f"  {name:<16} 99th percentile {shown:>7}  start value {start[name]:.3f}  limit {limit:.3f}")
