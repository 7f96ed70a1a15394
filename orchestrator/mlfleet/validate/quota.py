"""Canaries of the wrong quota. The recipe knows none and must refuse it; one that comes later must show in turns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mlfleet.errors import MlfleetError
from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.docker import Container, DockerLauncher
from mlfleet.model import Record, Service, Workload
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.live import Site, measured
from mlfleet.validate.result import Canary, State
from mlfleet.verdict import Verdict

# `docker run --cpus=1`, in the engine's unit.
ONE_CPU = 1_000_000_000
NAME, EXPECTED = "container with a CPU quota", Verdict.LAUNCH_FAILED.value
# A quarter of what its one thread asks for, in us of each period: a busy machine may leave it no more than half.
PERIOD_US, QUARTER_US = 100_000, 25_000
# Of all turns so many must be flagged.
THROTTLED_SHARE = 0.9
FORCED = "container that got a CPU quota once it ran"
THROTTLED = f"{Verdict.DISTURBED.value}, throttled in at least {THROTTLED_SHARE:.0%} of turns"
# An iteration of one period's CPU time, so that no turn fits into what the quota allows at once.
SPIN = Workload("control.spin-quota", "control.spin", "control", {"ms": 100})
NOT_SET = tuple(
    Canary(name, "", expected, "no container is started on this runtime", "not judged")
    for name, expected in ((NAME, EXPECTED), (FORCED, THROTTLED))
)


class WithQuota(DockerLauncher):
    """Asks the engine for a quota beside what the recipe says."""

    def _create(self, body: Mapping[str, Any], name: str) -> str:
        return super()._create({**body, "HostConfig": {**body["HostConfig"], "NanoCpus": ONE_CPU}}, name)


@dataclass(frozen=True)
class Forced:
    """Gives a container its quota behind the recipe's back, as whoever starts services for `attach` may."""

    launcher: DockerLauncher

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Container]:
        """Launch as the recipe says, then what it does not see."""
        with self.launcher.launch(spec) as running:
            self.launcher.client.api.update_container(running.id, cpu_period=PERIOD_US, cpu_quota=QUARTER_US)
            yield running


def quota_runs(site: Site, control: Service) -> tuple[Canary, ...]:
    """One trial of each."""
    honest = site.bench.launcher
    if not isinstance(honest, DockerLauncher):
        raise MlfleetError("a quota is a container's; this launcher starts none")
    refusing = WithQuota(honest.client, honest.proc, honest.sleep, plain_user=honest.plain_user, hurried=honest.hurried)
    quoted = replace(site, measuring=replace(site.bench, launcher=refusing))
    _, refused = measured(quoted, "quota", (control,), (CONTROL,), blocks=1, seed=site.seed, schedule="short")
    # It must be disturbed: without a budget no block is appended for that.
    suite = replace(site.suite, budget_seconds=0)
    throttling = replace(site, suite=suite, measuring=replace(site.bench, launcher=Forced(honest)))
    _, throttled = measured(throttling, "forced-quota", (control,), (SPIN,), blocks=1, seed=site.seed, schedule="short")
    return judge(control, refused), judge_forced(control, throttled)


def judge(control: Service, records: tuple[Record, ...]) -> Canary:
    """Refused, and for the quota."""
    last = records[-1]
    right = last.verdict is Verdict.LAUNCH_FAILED and "nano_cpus" in last.reason
    return Canary(NAME, control.key, EXPECTED, f"{last.verdict.value}: {last.reason}", "ok" if right else "off")


def judge_forced(control: Service, records: tuple[Record, ...]) -> Canary:
    """Every trial disturbed, and for the throttling that nearly every turn shows."""
    turns = [turn for record in records for turn in record.turns]
    flagged = sum("throttled" in turn.flags for turn in turns)
    disturbed = all(record.verdict is Verdict.DISTURBED and "throttled" in record.flags for record in records)
    right = disturbed and flagged >= THROTTLED_SHARE * len(turns) > 0
    found = f"{records[-1].verdict.value}, throttled in {flagged} of {len(turns)} turns"
    # Who never got as much as its quota was throttled by nobody.
    starved = any("contended" in record.flags for record in records)
    state: State = "ok" if right else "not shown" if starved else "off"
    return Canary(FORCED, control.key, THROTTLED, found, state)
