"""`mlfleet build` and `mlfleet clean`."""

import shutil

import click

from mlfleet import build as builds
from mlfleet.builders.source import size_of
from mlfleet.commands.common import ROOT, choose_runtime, json_option, named_services, print_json, runtime_option, say
from mlfleet.compose import ORCHESTRATOR
from mlfleet.errors import StorageError
from mlfleet.payload import cache_folder


@click.command()
@click.argument("keys", nargs=-1, metavar="[SERVICE]...")
@runtime_option
@click.option("--force", is_flag=True, help="Build again what is current too.")
@json_option
def build(keys: tuple[str, ...], runtime: str, force: bool, as_json: bool) -> None:
    """Build services: images (docker) or local environments and binaries (process).

    What is current is left alone. From nothing all images take about 10 minutes and 4 GB of disk on 2 cores. With the
    images comes that of the orchestrator, which only compose uses; alone it is built by the name `orchestrator`.
    """
    chosen = choose_runtime(runtime)
    services = named_services([key for key in keys if key != ORCHESTRATOR]) if keys != (ORCHESTRATOR,) else ()
    results = builds.build(services, builds.builder(chosen, ROOT), say, force=force)
    if chosen == "docker" and (not keys or ORCHESTRATOR in keys):
        results += builds.build_orchestrator(ROOT, say, force=force)
    if as_json:
        print_json([vars(result) for result in results])
        return
    for result in results:
        size = "" if result.size_bytes is None else f"{result.size_bytes / 1e6:.0f} MB"
        print(f"{result.key:<14} {result.state:<10} {result.seconds:>5.0f} s {size:>9}  {result.reason}")


@click.command()
@runtime_option
@click.option("--data", "with_data", is_flag=True, help="Remove fetched data sets and payloads too.")
def clean(runtime: str, with_data: bool) -> None:
    """Remove what `build` made, and say how much disk it gives back. Results are never touched."""
    chosen = choose_runtime(runtime)
    freed = builds.builder("process", ROOT).clean(named_services(()), say)
    if chosen == "docker":
        freed += builds.builder("docker", ROOT).clean(named_services(()), say)
    if with_data:
        freed += _remove_cache()
    print(f"{freed / 1e6:.0f} MB given back")


def _remove_cache() -> int:
    folder = cache_folder()
    if not folder.exists():
        return 0
    say(f"removing {folder}")
    size = size_of(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"{error.filename}: {error.strerror}; it could not be removed") from error
    return size
