"""Trials beside a neighbour, and as many alone: whether the machine's readings tell one from the other."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace

from mlfleet.launch.base import Launcher, LaunchSpec, Running
from mlfleet.model import Record, Service
from mlfleet.schedule import RULES
from mlfleet.sizing import trial_seconds
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.live import Site, measured
from mlfleet.validate.plan import DOCKER_S, START_S
from mlfleet.validate.result import Canary, State
from mlfleet.verdict import Verdict

# Trials of `--quick` and of the whole, half of them beside a neighbour.
QUICK_TRIALS, TRIALS = 24, 60
# Beside a neighbour so many may be overlooked; without one, one in so many trials of both halves may be flagged.
OVERLOOKED, ALARM_IN = 1, 30
# Flags of a turn that say that somebody else was on the CPU set.
SEEN_BY = frozenset({"pressure", "foreign"})
NAME = "neighbour on the CPU set"
# Busy for ever; it ends with whoever started it, however that ends.
_BUSY = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
while True:
    pass
"""


@contextmanager
def busy(cpu: int) -> Iterator[None]:
    """Somebody else who has that CPU's time, all that he can get."""
    process = subprocess.Popen([sys.executable, "-c", _BUSY], stdin=subprocess.PIPE)  # noqa: S603 - our own program
    try:
        os.sched_setaffinity(process.pid, {cpu})
        yield
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True)
class Crowded:
    """A launcher whose services have a neighbour on each of their CPUs in some blocks."""

    launcher: Launcher
    blocks: frozenset[int]
    neighbour: Callable[[int], AbstractContextManager[None]] = busy

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Running]:
        """Launch as ever; the neighbour is there before the service and leaves after it."""
        # Asked for its description it belongs to no block.
        block = int(spec.labels.get("dev.mlfleet.block", 0))
        with ExitStack() as stack:
            for cpu in spec.environment.cpus if block in self.blocks else ():
                stack.enter_context(self.neighbour(cpu))
            yield stack.enter_context(self.launcher.launch(spec))


def crowded_blocks(trials: int, seed: int) -> frozenset[int]:
    """Which half of the blocks has a neighbour; never the first, in which a cell is calibrated."""
    generator = random.Random(f"neighbour/{seed}")  # noqa: S311 - an order, not a secret
    return frozenset(generator.sample(range(2, trials + 1), trials // 2))


def neighbour_run(site: Site, control: Service, trials: int) -> Canary:
    """So many trials of the control, each a block of its own."""
    blocks = crowded_blocks(trials, site.seed)
    crowded = replace(site, measuring=replace(site.bench, launcher=Crowded(site.bench.launcher, blocks)))
    _, records = measured(crowded, "neighbour", (control,), (CONTROL,), blocks=trials, seed=site.seed, schedule="short")
    return judge(control, records, blocks, trials)


def judge(control: Service, records: Sequence[Record], blocks: frozenset[int], trials: int) -> Canary:
    """Count trials of the plan; those appended for the disturbed ones are none of them."""
    planned = [record for record in records if record.trial.block <= trials]
    beside = [_flagged(record) for record in planned if record.trial.block in blocks]
    alone = [_flagged(record) for record in planned if record.trial.block not in blocks]
    half = trials // 2
    least, most = half - OVERLOOKED, max(1, trials // ALARM_IN)
    wrong = [r for r in planned if r.verdict not in (Verdict.OK, Verdict.DISTURBED)]
    found = f"{sum(beside)} of {len(beside)} flagged, {sum(alone)} of {len(alone)} without a neighbour"
    state: State = "ok"
    if wrong:
        state, found = "off", f"{wrong[0].verdict.value}: {wrong[0].reason}"
    elif sum(beside) < least or len(beside) < half:
        state = "off"
    elif sum(alone) > most:
        # Whether these were false alarms, or another neighbour, nobody knows.
        state = "not shown"
    return Canary(NAME, control.key, f"at least {least} of {half} flagged, at most {most} without one", found, state)


def seconds(trials: int, docker: bool) -> float:
    """How long so many trials of the quicker control take, about."""
    return trials * trial_seconds(START_S["rust"] + (DOCKER_S if docker else 0.0), 0, 0.0, RULES["short"])


def _flagged(record: Record) -> bool:
    return record.verdict is Verdict.DISTURBED or any(SEEN_BY & set(turn.flags) for turn in record.turns)
