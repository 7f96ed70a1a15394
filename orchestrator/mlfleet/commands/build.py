"""`mlfleet build` and `mlfleet clean`."""

import shutil
from dataclasses import asdict

import click

from mlfleet import assemble
from mlfleet import build as builds
from mlfleet.able import able
from mlfleet.builders.source import size_of
from mlfleet.catalogue import load_suite
from mlfleet.commands.common import (
    ROOT,
    choose_runtime,
    complete_services,
    complete_suites,
    json_option,
    named_services,
    print_json,
    runtime_option,
    say,
)
from mlfleet.commands.versions import build_versions
from mlfleet.compose import ORCHESTRATOR
from mlfleet.errors import StorageError
from mlfleet.payload import cache_folder


@click.command()
@click.argument("keys", nargs=-1, metavar="[SERVICE]...", shell_complete=complete_services)
@runtime_option
@click.option("--force", is_flag=True, help="Build again what is current too.")
@click.option(
    "--suite",
    shell_complete=complete_suites,
    help="Only services that this suite needs: those that may do one of its tasks.",
)
@click.option(
    "--version",
    "versions",
    multiple=True,
    help="Another release of the one SERVICE's framework, as an image beside today's: 1.5.2. Repeatable.",
)
@json_option
def build(
    keys: tuple[str, ...], runtime: str, force: bool, suite: str | None, versions: tuple[str, ...], as_json: bool
) -> int:
    """Build services: images (docker) or local environments and binaries (process).

    What is current is left alone. From nothing all images take about 30 minutes and 15 GB of disk on 2 cores. With the
    images comes that of the orchestrator, which only compose uses; alone it is built by the name `orchestrator`. What
    cannot be built is told with its last lines, and the others are built all the same.
    """
    chosen = choose_runtime(runtime)
    if versions:
        return build_versions(keys, versions, chosen, as_json=as_json)
    services = named_services([key for key in keys if key != ORCHESTRATOR]) if keys != (ORCHESTRATOR,) else ()
    if suite is not None:
        asked = assemble.choose_workloads(load_suite(suite), ())
        services = able(services, {workload.task for workload in asked}, ROOT)
    results = builds.build(services, builds.builder(chosen, ROOT), say, force=force)
    if chosen == "docker" and (ORCHESTRATOR in keys or not (keys or suite)):
        results += builds.build_orchestrator(ROOT, say, force=force)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in results:
            print(_line(result))
    if failed := [result.key for result in results if result.state == "failed"]:
        works = ", ".join(result.key for result in results if result.state == "current") or "none"
        say(f"mlfleet: not built: {', '.join(failed)}; built and of use: {works}")
    return 3 if failed else 0


def _line(result: builds.BuildResult) -> str:
    size = "" if result.size_bytes is None else f"{result.size_bytes / 1e6:.0f} MB"
    shared = "" if result.layer_bytes is None else f" ({result.layer_bytes / 1e6:.0f} MB shared)"
    took = result.built.seconds
    built = "" if took is None or result.state == "failed" else f"; built in {took:.0f} s, {result.built.begun}"
    reason = result.reason + built
    return f"{result.key:<14} {result.state:<10} {result.seconds:>5.0f} s {size:>8}{shared:<17} {reason}"


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
