"""The canary of the wrong quota: two threads on one CPU's time. The recipe knows no quota, and must refuse it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlfleet.errors import MlfleetError
from mlfleet.launch.docker import DockerLauncher
from mlfleet.model import Record, Service
from mlfleet.tasks.control import WORKLOAD as CONTROL
from mlfleet.validate.live import Site, measured
from mlfleet.validate.result import Canary
from mlfleet.verdict import Verdict

# `docker run --cpus=1`, in the engine's unit.
ONE_CPU = 1_000_000_000
NAME, EXPECTED = "container with a CPU quota", Verdict.LAUNCH_FAILED.value
NOT_SET = Canary(NAME, "", EXPECTED, "no container is started on this runtime", "not judged")


class WithQuota(DockerLauncher):
    """Asks the engine for a quota beside what the recipe says."""

    def _create(self, body: Mapping[str, Any], name: str) -> str:
        return super()._create({**body, "HostConfig": {**body["HostConfig"], "NanoCpus": ONE_CPU}}, name)


def quota_run(site: Site, control: Service) -> Canary:
    """One trial of it."""
    honest = site.bench.launcher
    if not isinstance(honest, DockerLauncher):
        raise MlfleetError("a quota is a container's; this launcher starts none")
    launcher = WithQuota(honest.client, honest.proc, honest.sleep, plain_user=honest.plain_user, hurried=honest.hurried)
    quoted = replace(site, measuring=replace(site.bench, launcher=launcher))
    _, records = measured(quoted, "quota", (control,), (CONTROL,), blocks=1, seed=site.seed, schedule="short")
    return judge(control, records)


def judge(control: Service, records: tuple[Record, ...]) -> Canary:
    """Refused, and for the quota."""
    last = records[-1]
    right = last.verdict is Verdict.LAUNCH_FAILED and "nano_cpus" in last.reason
    return Canary(NAME, control.key, EXPECTED, f"{last.verdict.value}: {last.reason}", "ok" if right else "off")
