"""Trials as far as they are checked; fields that are not named here may come and go."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlfleet.verify.plain import Json, Malformed, Node

# What each verdict says about its cell; from the closed list of verdicts. One that is not here is a finding.
_GROUPS = {
    "ok": "ok",
    "not_run": "unsupported not_built data_unavailable device_unavailable",
    "failed": "launch_failed version_mismatch timed_out exited crashed out_of_memory pids_exhausted size_exceeded "
    "protocol_violation adapter_error",
    "invalid": "wrong_device wrong_payload impossible_time unexplained_time bad_output short_work outside_tolerance "
    "cached background_work",
    "lost": "disturbed killed paused transport_failed data_loss daemon_lost interrupted",
    "ours": "orchestrator_error",
}
GROUPS: Mapping[str, str] = {verdict: group for group, names in _GROUPS.items() for verdict in names.split()}


@dataclass(frozen=True)
class Reading:
    """A value from outside, or none with its reason."""

    value: int | None
    reason: str


@dataclass(frozen=True)
class Sample:
    """Calls of step between two reads of the clock, in ns."""

    iterations: int
    start: int
    end: int

    @property
    def per_iteration(self) -> float:
        """Nanoseconds of one iteration."""
        return (self.end - self.start) / self.iterations


@dataclass(frozen=True)
class Turn:
    """One call; its first `discarded` samples enter nothing."""

    number: int
    position: int
    discarded: int
    sent: int
    received: int
    samples: tuple[Sample, ...]
    readings: Mapping[str, Reading]
    flags: tuple[str, ...]
    # From thaw to freeze; of older records from call to answer. At least 1 ns.
    window: int
    # Compute and memory half in ns, before the turn and after it.
    sentinels: tuple[tuple[int | None, int | None], ...]

    @property
    def waited(self) -> int | None:
        """Time in ns that the service was ready and had no CPU: by its cgroup's pressure, else by its threads."""
        known = [self.reading(name) for name in ("cpu_pressure_us", "cpu_wait_us")]
        return next((found * 1000 for found in known if found is not None), None)

    def reading(self, name: str) -> int | None:
        """A reading's value; None where it is null or was not taken."""
        found = self.readings.get(name)
        return found.value if found else None

    @property
    def timed(self) -> tuple[Sample, ...]:
        """Those that count."""
        return self.samples[self.discarded :]


@dataclass(frozen=True)
class Trial:
    """A `record` line. `body` is the whole of it, for what only one check reads."""

    line: int
    workload: str
    setting: str
    framework: str
    cell: str
    block: int
    attempt: int
    verdict: str
    turns: tuple[Turn, ...]
    # Single iterations after all turns, for percentiles and nothing else.
    latency: Turn | None
    body: Node
    # The boot that the ledger's line was written in.
    boot: str
    # Codes of gates that only the whole run could judge.
    added: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """What the verdict says about the cell."""
        return GROUPS.get(self.verdict, "failed")

    @property
    def name(self) -> str:
        """The trial for a reader."""
        return f"{self.workload} {self.framework} block {self.block}"

    @property
    def every_turn(self) -> tuple[Turn, ...]:
        """Those that enter estimates, and the latency turn."""
        return (*self.turns, self.latency) if self.latency else self.turns

    @property
    def cold(self) -> Sample | None:
        """The first iteration of the process."""
        found = self.body.get("cold")
        return sample(found) if found else None

    @property
    def clock(self) -> str | None:
        """Whether its stamps are of the orchestrator's clock: shared, own; None: never asked, or not yet kept."""
        found = self.body.get("clock")
        return found.text() if found else None

    @property
    def flags(self) -> tuple[str, ...]:
        """What the runtime could not give."""
        found = self.body.get("flags")
        return found.texts() if found else ()

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """Gates that failed, each with its code."""
        return tuple((one["gate"].text(), one["code"].text()) for one in self.body["findings"].items())

    def nodes(self, name: str) -> list[Node]:
        """Items of a list that older records lack."""
        found = self.body.get(name)
        return found.items() if found else []

    @property
    def receipt(self) -> Mapping[str, Json]:
        """The work that ran."""
        return self.body["receipt"].members()

    @property
    def iterations(self) -> int | None:
        """Calls of step a sample, as calibrated."""
        found = self.body.get("calibration")
        return found["iterations"].integer() if found else None

    def phase_ns(self, name: str) -> int | None:
        """How long a phase took."""
        phase = self.phase(name)
        return phase["end_ns"].integer() - phase["start_ns"].integer() if phase else None

    def phase(self, name: str) -> Node | None:
        """A phase by its name."""
        return next((one for one in self.body["phases"].items() if one["name"].text() == name), None)


def trial_view(line: int, body: Node, boot: str) -> Trial:
    """A `record` line's body. Raises Malformed, also for samples that cannot be read."""
    trial = body["trial"]
    found = Trial(
        line=line,
        workload=trial["workload"].text(),
        setting=trial["setting"].text(),
        framework=trial["framework"].text(),
        cell=trial["cell"].text(),
        block=trial["block"].integer(),
        attempt=trial["attempt"].integer(),
        verdict=body["verdict"].text(),
        turns=tuple(_turn(node) for node in body["turns"].items()),
        latency=_turn(last) if (last := body.get("latency")) else None,
        body=body,
        boot=boot,
    )
    # Read now, so that a trial that cannot be read is one finding and not one in each check.
    _ = (found.cold, found.findings, found.receipt, found.iterations)
    return found


def _turn(node: Node) -> Turn:
    flags, sentinels = node.get("flags"), node.get("sentinel")
    sent, received = node["sent_ns"].integer(), node["received_ns"].integer()
    thawed, frozen = node.get("thawed_ns"), node.get("frozen_ns")
    return Turn(
        number=node["number"].integer(),
        position=node["position"].integer(),
        discarded=node["discarded"].integer(),
        sent=sent,
        received=received,
        samples=tuple(sample(one) for one in node["samples"].items()),
        readings={key: reading(one) for key, one in node["readings"].entries()},
        flags=flags.texts() if flags else (),
        window=max(frozen.integer() - thawed.integer() if thawed and frozen else received - sent, 1),
        sentinels=tuple(
            (reading(one["compute"]).value, reading(one["memory"]).value)
            for one in (sentinels.items() if sentinels else ())
        ),
    )


def reading(node: Node) -> Reading:
    """A reading. Raises Malformed for one that has neither value nor reason."""
    value, reason = node.get("value"), node.get("reason")
    if value is None and reason is None:
        raise Malformed(f"{node.place} has neither value nor reason")
    return Reading(value.integer() if value else None, reason.text() if reason else "")


def sample(node: Node) -> Sample:
    """A sample. Raises Malformed for one without iterations."""
    found = Sample(node["iterations"].integer(), node["start_ns"].integer(), node["end_ns"].integer())
    if found.iterations < 1:
        raise Malformed(f"{node.place}.iterations is {found.iterations}, at least 1 awaited")
    return found
