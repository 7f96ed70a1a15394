"""One trial, from launch to record: its phases in their order, each failure kept as evidence."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Literal, Self

from mlfleet import deadlines, gates, schedule
from mlfleet.bench import Bench, Cell, Job
from mlfleet.charged import with_pages
from mlfleet.classify import Evidence, check_identity, check_payload, check_stamps
from mlfleet.client import Client
from mlfleet.disturbed import disturbances
from mlfleet.failures import how_it_ended, keep
from mlfleet.first_trial import at_rest, idle_cpu, linear_samples
from mlfleet.launch.base import Running
from mlfleet.launch.ready import await_socket
from mlfleet.meters import Meters
from mlfleet.model import Calibration, Finding, Phase, Reading, Record, Sample, Trial, Turn
from mlfleet.parts import Parts, judged
from mlfleet.schedule import calibrate, refine, warm_up
from mlfleet.turn import take_turn
from mlfleet.verdict import Flag

# Iterations of what a process is given before the job that is measured: enough for what it keeps to be used once.
BEFORE = (1, 1)
PhaseName = Literal["launch", "import", "idle", "prepare", "cold", "warm-up", "collect"]


class GateFailed(Exception):  # noqa: N818 - its findings stand in the evidence
    """A gate failed: nothing more of this trial is worth measuring."""


class TrialRun:
    """A trial under way. `ready`, then turns, then `finish`; leaving the context removes the service."""

    def __init__(self, cell: Cell, trial: Trial, bench: Bench, calibration: Calibration | None) -> None:
        """`calibration`: what the cell's first trial found, None in that trial itself."""
        self.cell, self.trial, self._bench = cell, trial, bench
        self.alive = True
        self.evidence = Evidence()
        self.parts = Parts(calibration=calibration)
        self._is_first = calibration is None
        self._stack = ExitStack()
        self._running: Running | None = None
        self._client: Client
        self._meters: Meters

    @property
    def turns_asked(self) -> int:
        """Turns that the calibrated schedule asks for."""
        return self.parts.calibration.turns if self.parts.calibration else 0

    def ready(self) -> bool:
        """Launch to warmed up and frozen; False if it ended on the way."""
        before = (self._launch, self._import, self._describe, self._idle, self._prepare)
        for step in (*before, self._cold, self._warm_up, self._first_trial):
            if self.alive:
                with self._phase():
                    step()
        return self.alive

    def turn(self, number: int, position: int) -> None:
        """One turn, kept with the others; `take_turn` has its order."""
        with self._phase():
            self._turn(number, position)

    def latency(self) -> None:
        """After all turns, where it is asked for: single iterations, one by one."""
        single = schedule.latency(self.parts.calibration) if self.cell.latency and self.parts.calibration else None
        if single is not None:
            with self._phase():
                self._take((len(self.parts.turns) + 1, 1), single, self.parts.latency)

    def disturb(self, by: Flag, how: str) -> None:
        """The machine is not fit to measure on: nothing more of this trial is."""
        self.evidence.disturbed[by] = how
        self.alive = False

    def finish(self) -> Record:
        """Collect, score, judge: the record of this trial."""
        if self.alive:
            with self._phase():
                self._collect()
        limits = self._bench.limits
        if limits is not None:
            self.evidence.disturbed |= disturbances(self.parts.turns, len(self.cell.environment.cpus), limits)
        return self.parts.record(self.trial, self.cell.image_id, self.evidence)

    def _launch(self) -> None:
        start = self._enter("launch")
        spec = self._bench.launch_spec(self.cell, self.trial)
        self._running = self._stack.enter_context(self._bench.launcher.launch(spec))
        self.parts.recipe, self.parts.flags = dict(self._running.recipe), self._running.flags
        environment = self.cell.environment
        meters = self._bench.open_meters(self._running.pid, environment.runtime, environment.cpus)
        self._meters = self._stack.enter_context(meters)
        self._leave("launch", start)

    def _import(self) -> None:
        start = self._enter("import")
        running = self._require_running()
        await_socket(running, self._bench.stop)
        self._client = self._stack.enter_context(self._bench.connect(running.socket, self._bench.stop))
        serving = self._client.await_serving(deadlines.IMPORT_S)
        self.parts.phases.append(Phase("import", start, serving, self._meters.edge()))

    def _describe(self) -> None:
        self.evidence.phase = "import"
        self.evidence.identity = identity = self._client.describe(deadlines.DESCRIBE_S)
        self.evidence.clock = self._bench.clock_of(self._require_running().pid, identity.boot_id)
        self._fail_on(check_identity(identity, self.cell.version, self.cell.task.name, self.cell.environment))

    def _idle(self) -> None:
        """Memory at rest, where this trial is asked for it."""
        if self._is_first and self.cell.idle:
            self._enter("idle")
            serving_ns = self.parts.phases[-1].end_ns
            self.parts.phases.append(at_rest(serving_ns, self._bench, self._require_running(), self._meters.edge))

    def _prepare(self) -> None:
        cell = self.cell
        for job in cell.before:
            cell.give(job, self._client, self.trial.block)
            self._measure(BEFORE)
            self._client.collect(deadlines.OUTPUT_LIMIT_BYTES, deadlines.COLLECT_S)
        start = self._enter("prepare")
        self.evidence.prepared = cell.give(Job(cell.case, cell.payload), self._client, self.trial.block)
        imported, after = self.parts.after("import"), self._meters.edge()
        self._leave("prepare", start, with_pages(imported, after, cell.environment, cell.payload.size_bytes))
        self._fail_on(check_payload(self.evidence.prepared, cell.payload.sha256, cell.payload.tensors_sha256))

    def _cold(self) -> None:
        start = self._enter("cold")
        self.parts.cold = self._measure((1,))[0]
        if self.parts.calibration is None:
            self.parts.calibration = calibrate(self._measure, self.cell.rules)
        self._leave("cold", start)

    def _warm_up(self) -> None:
        start = self._enter("warm-up")
        calibration = self.parts.calibration
        assert calibration is not None, "cold has calibrated"  # noqa: S101
        self.parts.warm_up, self.parts.steady = warm_up(self._measure, calibration, self.cell.rules)
        self.parts.calibration = refine(calibration, self.parts.warm_up, self.cell.rules)
        self._leave("warm-up", start)

    def _first_trial(self) -> None:
        """The gates of a cell's first trial, while the service is thawed; frozen it is whatever they found."""
        parts, findings = self.parts, list[Finding]()
        if self._is_first and parts.calibration is not None:
            found = linear_samples(self._measure, self._meters.edge, parts.calibration)
            parts.linear, parts.linear_waited_ns, parts.linear_cpu_ns = found
            again = (parts.calibration.iterations,)
            parts.idle_cpu = idle_cpu(self._meters.edge, self._bench.stop.wait, lambda: self._measure(again))
            self._bench.stop.check()
            findings = [*gates.not_linear(*found), *gates.works_on(parts.idle_cpu)]
        self._require_running().freeze()
        self._fail_on(findings)

    def _turn(self, number: int, position: int) -> None:
        running, calibration = self._require_running(), self.parts.calibration
        assert calibration is not None, "cold has calibrated"  # noqa: S101
        self._take((number, position), calibration, self.parts.turns)
        if self.cell.every_turn:
            running.thaw()
            data = self._client.collect(deadlines.OUTPUT_LIMIT_BYTES, deadlines.COLLECT_S)
            running.freeze()
            self.parts.turn_outputs.append(self._bench.store_blob(data))

    def _take(self, place: tuple[int, int], calibration: Calibration, kept: list[Turn]) -> None:
        self.evidence.phase = "measure"
        self._bench.progress(self.trial.framework, "measure")
        running, environment = self._require_running(), self.cell.environment
        turn = take_turn(place, calibration, environment, self._bench, running, self._client, self._meters)
        kept.append(turn)
        stamps = check_stamps(turn.samples, turn.sent_ns, turn.received_ns, self.evidence.clock)
        self._fail_on([*stamps, *gates.unexplained(turn, len(environment.cpus))])

    def _collect(self) -> None:
        start = self._enter("collect")
        self._require_running().thaw()
        data = self._client.collect(deadlines.OUTPUT_LIMIT_BYTES, deadlines.COLLECT_S)
        self._leave("collect", start)
        self.parts.outputs_sha256 = self._bench.store_blob(data)
        self._fail_on(judged(self.cell, self.parts, data))

    def _measure(self, schedule: Sequence[int]) -> tuple[Sample, ...]:
        measured = self._client.measure(schedule, deadlines.FIRST_S)
        found = measured.samples
        self._fail_on(check_stamps(found, measured.sent_ns, measured.received_ns, self.evidence.clock))
        return found

    def _fail_on(self, findings: Sequence[Finding]) -> None:
        self.evidence.findings += tuple(findings)
        if findings:
            raise GateFailed

    def _enter(self, phase: PhaseName) -> int:
        self.evidence.phase = phase
        self._bench.progress(self.trial.framework, phase)
        self._bench.stop.check()
        return time.monotonic_ns()

    def _leave(self, phase: PhaseName, start_ns: int, readings: Mapping[str, Reading] | None = None) -> None:
        self.parts.phases.append(Phase(phase, start_ns, time.monotonic_ns(), readings or {}))

    def _require_running(self) -> Running:
        if self._running is None:
            message = "the trial was not launched"
            raise RuntimeError(message)
        return self._running

    @contextmanager
    def _phase(self) -> Iterator[None]:
        """Keep what goes wrong inside as evidence. What ends the whole run passes through."""
        try:
            yield
        except GateFailed:
            self._end()
        except Exception as error:  # noqa: BLE001 - a bug of ours must become a verdict, with its traceback
            self.parts.trace = keep(self.evidence, error)
            self._bench.stop.check()
            self._gather()
            self._end()

    def _end(self) -> None:
        """Remove the service at once: left alone it would run beside the turns of the others."""
        self.alive = False
        self._stack.close()

    def _gather(self) -> None:
        if self._running is not None:
            self.parts.log_tail = how_it_ended(self.evidence, self._running, self._bench.stop.wait)

    def __enter__(self) -> Self:
        """Nothing is started before `ready`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        """Remove the service and all that belongs to it."""
        return self._stack.__exit__(kind, error, tb)
