"""`mlfleet data`: what is here, and bringing what is missing."""

import click

from mlfleet import datasets, host
from mlfleet.commands.benches import open_bench
from mlfleet.commands.common import json_option, named_services, print_json, say
from mlfleet.datasets import DataUnavailable
from mlfleet.errors import unknown
from mlfleet.golden_maker import golden_cases, make_golden
from mlfleet.interrupt import Stop
from mlfleet.model import Environment


@click.command()
@click.argument("names", nargs=-1, metavar="[DATASET]...")
@click.option("--list", "only_list", is_flag=True, help="Show the state of each, and fetch nothing.")
@click.option("--goldens", metavar="SERVICE", help="Make golden outputs anew through this service.")
@json_option
def data(names: tuple[str, ...], only_list: bool, goldens: str | None, as_json: bool) -> int:
    """Fetch the data sets that are missing, and list all with source, licence, digest and state.

    Nothing falls back: a data set that cannot be had here is `missing`, never another one under its name.
    """
    for name in names:
        if name not in datasets.names():
            raise unknown("dataset", name, datasets.names())
    if goldens is not None:
        _make_goldens(goldens)
        return 0
    if not only_list:
        _fetch([state.name for state in datasets.states() if state.state == "fetchable"], names)
    states = [state for state in datasets.states() if not names or state.name in names]
    if as_json:
        print_json([vars(state) for state in states])
    else:
        for state in states:
            print(f"{state.name:<16} {state.state:<10} {state.digest[:12]}  {state.licence:<28} {state.source}")
            if state.why:
                print(f"{'':<16} {state.why}")
    return 0 if only_list or all(state.state == "present" for state in states) else 3


def _make_goldens(key: str) -> None:
    (service,) = named_services([key])
    environment = Environment("cpu", host.cpu_sets("1"), 1, service.memory_bytes, "process", "mapped")
    with Stop() as stop, open_bench("goldens", "process", stop) as bench:
        for name, case in golden_cases().items():
            maker = make_golden(case, service, None, environment, bench)
            print(f"{name}: made by {maker}")


def _fetch(fetchable: list[str], names: tuple[str, ...]) -> None:
    for name in fetchable:
        if not names or name in names:
            try:
                datasets.fetch(name, say)
            except DataUnavailable as error:
                say(f"mlfleet: {error}")
