"""A whole validation: its parts one after the other, and what they found together."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mlfleet import host, resolution
from mlfleet.constants import constants
from mlfleet.model import Service
from mlfleet.setting import environment_of
from mlfleet.validate import canaries as truths
from mlfleet.validate import counts, pairs, plan, planted, quota
from mlfleet.validate.live import Site, canary_run, experiment
from mlfleet.validate.plan import Plan
from mlfleet.validate.result import Canary, PairSeen, Validation

# Modules that hold the rules of a validation.
RULES = (plan, truths, quota, pairs, counts, resolution)


@dataclass(frozen=True)
class Asked:
    """What is validated, and with which controls, all of them built."""

    kind: Literal["quick", "full"]
    plan: Plan
    controls: tuple[Service, ...]
    # Parts that cannot be measured here, with their reasons.
    left_out: tuple[str, ...]
    canaries: bool
    # Trials of a control, half of them beside a neighbour; 0: none.
    neighbours: int = 0


def canaries(site: Site, controls: Sequence[Service]) -> tuple[Canary, ...]:
    """What is known of controls beforehand, against what was read; and a quota, which the recipe must refuse."""
    run, records = canary_run(site, controls)
    languages = {control.key: control.language for control in controls}
    cells = {
        (planned.workload.name, key): [record for record in records if record.trial.cell == cell]
        for planned in run.workloads
        for key, cell in planned.cells.items()
    }
    quoted = quota.quota_runs(site, controls[0]) if site.runtime == "docker" else quota.NOT_SET
    return (*truths.judge(cells, languages), *quoted)


def lies(site: Site, control: Service) -> tuple[Canary, ...]:
    """Services that lie, each for a reason of its own."""
    return planted.lies(site, control)


def experiments(site: Site, chosen: Plan) -> tuple[PairSeen, ...]:
    """All of them, the kinds in turn: a machine that is busy for an hour must not spoil one kind alone."""
    found: list[PairSeen] = []
    for number in range(1, max(chosen.experiments.values(), default=0) + 1):
        for bound, count in chosen.experiments.items():
            if number <= count:
                found += experiment(site, chosen, bound, number)
    return tuple(found)


def validation(
    site: Site, asked: Asked, began: float, seen: Sequence[Canary], measured: tuple[PairSeen, ...]
) -> Validation:
    """What all parts found. `began`: time.monotonic() before the first."""
    setting, environment = environment_of(site.suite, site.runtime, None)
    return Validation(
        validation=site.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=asked.kind,
        schedule=asked.plan.schedule,
        setting=setting,
        environment=environment,
        host_fingerprint=host.fingerprint(host.facts(), {"docker_engine": site.engine}),
        seconds=time.monotonic() - began,
        constants=constants(RULES),
        left_out=asked.left_out,
        canaries=tuple(seen),
        counts=counts.counts(measured),
        limits=counts.limits(measured, setting, asked.plan.schedule),
        pairs=measured,
    )
