"""The plan of a run as far as it is checked; fields that are not named here may come and go."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlfleet.verify.plain import Json, Malformed, Node

# Kinds of equal pairs that a comparison is held against: what a task mostly waits for is not known, so the coarsest.
_BOUNDS = {"cpu": ("interpreter", "compute", "memory"), "gpu": ("gpu",)}


@dataclass(frozen=True)
class Workload:
    """A workload of run.json, with the cell ids of those that measure it."""

    name: str
    task: str
    control: bool
    # No gate tells its honest work from nothing.
    trivial: bool
    parity: str
    cells: Mapping[str, str]
    body: Node

    @property
    def blocks(self) -> int | None:
        """Its own number of blocks, all of them measured; None: as the run has them."""
        found = self.body.get("blocks")
        return found.integer() if found else None

    @property
    def direction(self) -> int:
        """Whether more (+1) or less (-1) of the deciding metric is better; 0 where the plan does not say."""
        found = self.body.get("direction")
        return found.integer() if found else 0

    @property
    def floor(self) -> float | None:
        """What the mean over blocks must reach, where quality is judged over blocks."""
        found = self.body.get("floor")
        return found.number() if found else None

    @property
    def spread(self) -> tuple[int, float] | None:
        """Blocks k and margin delta of rule S, where quality is judged over blocks."""
        if not self.parity.startswith("S("):
            return None
        blocks, _, margin = self.parity[2:].partition(")")[0].partition(",")
        return int(blocks), float(margin)

    def apart(self, one: str, other: str) -> tuple[str, ...]:
        """The code that refuses two contestants of class N, unless both are images of one framework."""
        alike = one.partition(":")[0] == other.partition(":")[0]
        return () if alike or "N" not in self.parity.split(", ") else ("not_comparable",)


@dataclass(frozen=True)
class Run:
    """What was decided before the first trial."""

    name: str
    setting: str
    metrics: tuple[str, ...]
    baselines: Mapping[str, str]
    workloads: tuple[Workload, ...]
    body: Node

    def nodes(self, name: str) -> list[Node]:
        """Items of a list that older plans lack."""
        found = self.body.get(name)
        return found.items() if found else []

    def schedule_of(self, workload: str) -> str:
        """The schedule of its trials: its own, or the run's."""
        found = self.workload(workload)
        return ((found.body.get("schedule") if found else None) or self.body["schedule"]).text()

    def metrics_of(self, work: Workload) -> tuple[str, ...]:
        """What is compared of it."""
        own = work.body.get("metrics")
        return own.texts() if own else self.metrics

    def environment_of(self, work: Workload) -> dict[str, Json]:
        """What the launcher set for it: as for the run, but for a memory limit of its own."""
        own = work.body.get("memory_bytes")
        return {**self.body["environment"].members(), **({"memory_bytes": own.integer()} if own else {})}

    def resolution(self, workload: str, metric: str) -> float | None:
        """What this host shows between equal services, as a share; None where it was not measured."""
        known, schedule = self.body.get("resolution"), self.schedule_of(workload)
        shares = []
        for bound in _BOUNDS["cpu" if self.body["environment"]["device"].text() == "cpu" else "gpu"]:
            limits = known["limits"].items() if known else []
            # Of the short schedule's, which is coarser, where the run's own was not validated.
            mine = [
                one
                for one in limits
                if (one["setting"].text(), one["metric"].text(), one["bound"].text()) == (self.setting, metric, bound)
            ]
            for usable in (schedule, "short"):
                found = [one["share"].number() for one in mine if one["schedule"].text() == usable]
                if found:
                    shares.append(found[0])
                    break
        return max(shares, default=None)

    def own(self, workload: str, name: str) -> float:
        """A number of the run, or what that workload has otherwise."""
        found = self.workload(workload)
        return ((found.body.get(name) if found else None) or self.body[name]).number()

    def contestant(self, key: str) -> Node:
        """A service that takes part."""
        for one in self.body["contestants"].items():
            if one["service"]["key"].text() == key:
                return one
        raise Malformed(f"contestants: no {key!r}")

    def workload(self, name: str) -> Workload | None:
        """A workload by its name."""
        return next((one for one in self.workloads if one.name == name), None)


def run_view(body: Node) -> Run:
    """run.json. Raises Malformed."""
    return Run(
        name=body["run"].text(),
        setting=body["setting"].text(),
        metrics=body["metrics"].texts(),
        baselines={key: node.text() for key, node in body["baselines"].entries()},
        workloads=tuple(
            Workload(
                name=one["workload"]["name"].text(),
                task=one["workload"]["task"].text(),
                control=one["control"].flag(),
                trivial=trivial.flag() if (trivial := one.get("trivial")) else False,
                parity=one["parity"].text(),
                cells={key: node.text() for key, node in one["cells"].entries()},
                body=one,
            )
            for one in body["workloads"].items()
        ),
        body=body,
    )
