"""The contract's basics, asked of one launch: what must be answered, what must be refused, and how it ends."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlfleet import tasks
from mlfleet.bench import Bench
from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.check.line import OK, Line
from mlfleet.check.workloads import SEED, Honest, honest
from mlfleet.classify import check_identity
from mlfleet.client import Client
from mlfleet.datasets import DataUnavailable
from mlfleet.deadlines import DESCRIBE_S, IMPORT_S, PREPARE_S, TURN_S
from mlfleet.launch.base import LaunchFailed, LaunchSpec, Running
from mlfleet.launch.docker import Container
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.model import Environment, Finding, Identity, Param, Service, Workload
from mlfleet.runfile import promised

BROKEN = "broken"
# After SIGTERM; a service leaves in milliseconds.
STOP_S = 5.0
STOP_POLL_S = 0.02
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Broken(Exception):  # noqa: N818 - a finding, not a bug
    """The service did not do what the contract says; the sentence says what it did."""


@dataclass
class Basics:
    """The checks of one service. `identity` is what it described, None before and where it did not."""

    service: Service
    image_id: str | None
    environment: Environment
    bench: Bench
    workloads: Mapping[str, Workload]
    identity: Identity | None = None

    def lines(self) -> Iterator[Line]:
        """One line a check, as each ends; the first that finds the service gone is the last."""
        start = time.monotonic()
        environment = replace(self.environment, transport="streamed")
        spec = LaunchSpec(
            service=self.service,
            image_id=self.image_id,
            environment=environment,
            payload=None,
            name=f"mlf-{self.bench.run8}-check",
            socket_folder=self.bench.socket_folder(),
            labels=self.bench.labels,
        )
        try:
            with self.bench.launcher.launch(spec) as running:
                await_socket(running, self.bench.stop)
                with self.bench.connect(running.socket, self.bench.stop) as client:
                    client.await_serving(IMPORT_S)
                    yield Line("contract", "serving", OK, "launched and SERVING", time.monotonic() - start)
                    yield from self._asked(running, client)
        except (LaunchFailed, NotServing, NotOurSocket) as error:
            self.bench.stop.check()
            yield Line("contract", "serving", BROKEN, f"not SERVING: {error}", time.monotonic() - start)

    def _asked(self, running: Running, client: Client) -> Iterator[Line]:
        calls = _Calls(self.environment, client)
        yield self._line("describe", lambda: self._describe(client))
        case = self._case()
        if case is not None:
            for name, check in (
                ("order", calls.order),
                ("unknown task", lambda: calls.unknown_task(case)),
                ("bad parameter", lambda: calls.bad_parameter(case)),
                ("altered payload", lambda: calls.altered_payload(case)),
                ("honest work", lambda: calls.work(case)),
            ):
                line = self._line(name, check)
                yield line
                if running.exit() is not None:
                    return
        yield self._line("SIGTERM", lambda: self._sigterm(running))

    def _line(self, name: str, check: Callable[[], str]) -> Line:
        start = time.monotonic()
        try:
            verdict, detail = OK, check()
        except (Broken, CallFailed, Malformed, LaunchFailed) as error:
            self.bench.stop.check()
            verdict, detail = BROKEN, str(error)
        return Line("contract", name, verdict, detail, time.monotonic() - start)

    def _case(self) -> Honest | None:
        """An honest case of the first described task that a suite has a workload of and data for."""
        for fact in self.identity.tasks if self.identity else ():
            if fact.name in self.workloads:
                try:
                    return honest(self.workloads[fact.name])
                except DataUnavailable:
                    continue
        return None

    def _describe(self, client: Client) -> str:
        self.identity = found = client.describe(DESCRIBE_S)
        names = [task.name for task in found.tasks]
        wrong = [finding.detail for finding in self._environment(found)]
        if found.language != self.service.language:
            wrong.append(f"says it is {found.language}, {self.service.language} awaited")
        if self.environment.visible_device not in found.devices:
            wrong.append(f"has devices {list(found.devices)}, {self.environment.visible_device} awaited among them")
        if found.boot_id != BOOT_ID.read_text().strip():
            wrong.append("has another boot id than this host: its clock is not ours")
        if not names or len(set(names)) < len(names):
            wrong.append(f"describes the tasks {names}, at least one and none twice awaited")
        wrong += [f"task {name} is not known to the orchestrator" for name in names if name not in tasks.names()]
        if wrong:
            raise Broken("; ".join(wrong))
        return f"{found.framework} {found.version}, {found.language}, {len(names)} tasks"

    def _environment(self, found: Identity) -> list[Finding]:
        # Any task that it has: which ones it should have is nobody's to say.
        task = found.tasks[0].name if found.tasks else ""
        return check_identity(found, promised(self.service) or found.version, task, self.environment)

    def _sigterm(self, running: Running) -> str:
        if isinstance(running, Container):
            # A plain user may not signal the container's user.
            running.client.api.kill(running.id, "SIGTERM")
        else:
            os.kill(running.pid, signal.SIGTERM)
        start = time.monotonic()
        while (ended := running.exit()) is None:
            if time.monotonic() - start > STOP_S:
                raise Broken(f"still runs {STOP_S:.0f} s after SIGTERM")
            self.bench.stop.wait(STOP_POLL_S)
            self.bench.stop.check()
        if ended.status != 0:
            raise Broken(f"left with status {ended.status} after SIGTERM, 0 awaited")
        if os.path.lexists(running.socket):
            raise Broken("left its socket behind after SIGTERM")
        return "left with status 0, its socket removed"


@dataclass(frozen=True)
class _Calls:
    """Calls that must be refused, each with its code and reason."""

    environment: Environment
    client: Client

    def order(self) -> str:
        return _refused(lambda: self.client.measure((1,), TURN_S), "FAILED_PRECONDITION", "order")

    def unknown_task(self, case: Honest) -> str:
        return _refused(lambda: self._prepare(case, task="no.such"), "UNIMPLEMENTED", "unsupported")

    def bad_parameter(self, case: Honest) -> str:
        params = {**case.case.params, "no_such": 1}
        return _refused(lambda: self._prepare(case, params=params), "INVALID_ARGUMENT", "params")

    def altered_payload(self, case: Honest) -> str:
        data = case.payload.path.read_bytes()
        with tempfile.NamedTemporaryFile() as file:
            # The last byte is an element's: the header still reads.
            file.write(data[:-1] + bytes([data[-1] ^ 1]))
            file.flush()
            return _refused(lambda: self._prepare(case, path=Path(file.name)), "DATA_LOSS", "digest")

    def work(self, case: Honest) -> str:
        """Whatever was refused before, the service does honest work."""
        self._prepare(case)
        self.client.measure((1,), TURN_S)
        return f"{case.task.name} after all that was refused"

    def _prepare(
        self,
        case: Honest,
        task: str | None = None,
        params: Mapping[str, Param] | None = None,
        path: Path | None = None,
    ) -> None:
        self.client.prepare(
            task or case.task.name,
            case.case.params if params is None else params,
            path or case.payload.path,
            case.payload.sha256,
            seed=SEED,
            device=self.environment.visible_device,
            transport="streamed",
            timeout_s=PREPARE_S,
        )


def _refused(call: Callable[[], object], code: str, reason: str) -> str:
    try:
        call()
    except CallFailed as error:
        if (error.code, error.reason) == (code, reason):
            return f"refused as {code} ({reason})"
        raise Broken(f"answered {error.code} ({error.reason or 'no reason'}), {code} ({reason}) awaited") from error
    raise Broken(f"was not refused, {code} ({reason}) awaited")
