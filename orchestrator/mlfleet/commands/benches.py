"""The bench of a command: launcher, sockets and meters of the runtime that it uses."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from mlfleet import assemble, host, roofline
from mlfleet import build as builds
from mlfleet.bench import Bench
from mlfleet.calls import CallFailed, Malformed
from mlfleet.client import connect
from mlfleet.commands.common import ROOT, say
from mlfleet.deadlines import COLLECT_S, FIRST_S, OUTPUT_LIMIT_BYTES
from mlfleet.interrupt import Stop
from mlfleet.launch.attach import AttachLauncher
from mlfleet.launch.attached import required_folder
from mlfleet.launch.base import Launcher
from mlfleet.launch.docker import DockerLauncher
from mlfleet.launch.engine import connect as connect_engine
from mlfleet.launch.engine import engine_socket
from mlfleet.launch.guard import guarded
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.sockets import RunFolder
from mlfleet.launch.surroundings import Surroundings, meet_all, surroundings
from mlfleet.launch.sweep import sweep
from mlfleet.meters import open_meters
from mlfleet.meters.sentinel import SentinelWork
from mlfleet.model import Runtime, Service
from mlfleet.payload import cache_folder

Command = Callable[[Service], Sequence[str] | None]


def local_command(service: Service) -> Sequence[str] | None:
    """How the process runtime starts a service that is built; None where it is not."""
    return builds.process_command(service, ROOT)


def engine_version(runtime: Runtime) -> str | None:
    """Version of the docker engine, None where it is not used."""
    if runtime != "docker":
        return None
    engine = connect_engine()
    version: str = engine.version()["Version"]
    engine.close()
    return version


def found_around(services: Sequence[Service], runtime: Runtime, stop: Stop) -> Surroundings | None:
    """What the services to attach to run in; None where a launcher sets it. Raises HostError."""
    if runtime != "attach":
        return None
    return surroundings(services, meet_all(services, required_folder(), partial(_wait, stop)))


def _wait(stop: Stop, seconds: float) -> None:
    stop.wait(seconds)
    stop.check()


def _attached(run8: str, folder: Path, stop: Stop) -> Bench:
    """Nothing is launched, so there is nothing to look after."""

    def finish(socket: Path) -> None:
        # Whatever it answers, whether it leaves is seen by its process.
        with suppress(CallFailed, Malformed), connect(socket, stop) as client:
            client.measure((1,), FIRST_S)
            client.collect(OUTPUT_LIMIT_BYTES, COLLECT_S)

    return Bench(
        run8=run8,
        launcher=AttachLauncher(folder, cache_folder() / "payloads", finish, partial(_wait, stop)),
        stop=stop,
        connect=connect,
        open_meters=open_meters,
        socket_folder=lambda: folder,
        labels={},
        progress=_say_describe,
        sentinel=_sentinel(),
        memory_free=host.memory_free,
    )


def _sentinel() -> SentinelWork:
    """CPUs of one machine have last-level caches of one size, so any of them may be asked."""
    return SentinelWork(roofline.last_level_bytes(sorted(os.sched_getaffinity(0))))


def _say_describe(framework: str, phase: str) -> None:
    if phase == "describe":
        say(f"{framework}: {phase}")


@contextmanager
def open_bench(
    run: str, runtime: Runtime, stop: Stop, command: Command | None = None, roof: roofline.Probe = roofline.roof
) -> Iterator[Bench]:
    """What the trials of a run or a check happen on; on leaving nothing stays, nor of killed runs.

    `command`: how the process runtime starts a service, where that is not as it is built. `roof`: what probes the CPUs.
    """
    run8 = assemble.run8(run)
    if runtime == "attach":
        yield _attached(run8, required_folder(), stop)
        return
    engine_path = engine_socket() if runtime == "docker" else None
    sweep(engine_path, say)
    with ExitStack() as stack:
        sockets = RunFolder(run8, check=stop.check)
        # After a second signal all removing is the reaper's.
        stack.callback(lambda: None if stop.hurried() else sockets.remove())
        guard = stack.enter_context(guarded(run8, sockets, engine_path, stop.hurried))
        launcher: Launcher
        if runtime == "docker":
            engine = connect_engine()
            stack.callback(engine.close)
            launcher = DockerLauncher(engine, hurried=stop.hurried)
        else:
            launcher = ProcessLauncher(command or local_command, guard.launched)
        yield Bench(
            run8=run8,
            launcher=launcher,
            stop=stop,
            connect=connect,
            open_meters=open_meters,
            socket_folder=sockets.fresh,
            labels=sockets.labels,
            progress=_say_describe,
            roof=roof,
            sentinel=_sentinel(),
            memory_free=host.memory_free,
        )
