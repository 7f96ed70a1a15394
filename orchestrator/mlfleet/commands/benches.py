"""The bench of a command: launcher, sockets and meters of the runtime that it uses."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mlfleet import assemble
from mlfleet import build as builds
from mlfleet.bench import Bench
from mlfleet.client import connect
from mlfleet.commands.common import ROOT, say
from mlfleet.interrupt import Stop
from mlfleet.launch.base import Launcher
from mlfleet.launch.docker import DockerLauncher, engine_socket
from mlfleet.launch.docker import connect as connect_engine
from mlfleet.launch.guard import guarded
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.sockets import RunFolder
from mlfleet.launch.sweep import sweep
from mlfleet.meters import open_meters
from mlfleet.model import Runtime


def engine_version(runtime: Runtime) -> str | None:
    """Version of the docker engine, None where it is not used."""
    if runtime != "docker":
        return None
    engine = connect_engine()
    version: str = engine.version()["Version"]
    engine.close()
    return version


@contextmanager
def open_bench(run: str, runtime: Runtime, stop: Stop) -> Iterator[Bench]:
    """What the trials of a run or a check happen on; on leaving nothing stays, nor of killed runs."""
    run8 = assemble.run8(run)
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
            launcher = ProcessLauncher(lambda service: builds.process_command(service, ROOT), guard.launched)
        yield Bench(
            run8=run8,
            launcher=launcher,
            stop=stop,
            connect=connect,
            open_meters=open_meters,
            socket_folder=sockets.fresh,
            labels=sockets.labels,
            progress=lambda framework, phase: say(f"{framework}: {phase}") if phase == "describe" else None,
        )
