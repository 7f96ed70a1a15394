"""`mlfleet data`: what is here, and bringing what is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import click

from mlfleet import datasets, host
from mlfleet.catalogue import Suite, load_suite
from mlfleet.commands import own_data
from mlfleet.commands.benches import open_bench
from mlfleet.commands.common import ROOT, complete_suites, json_option, named_services, print_json, say
from mlfleet.commands.own_data import Label
from mlfleet.datasets.models import model_entry, model_names
from mlfleet.datasets.tabular import Learnt
from mlfleet.errors import HostError, unknown
from mlfleet.golden_maker import golden_cases, make_golden
from mlfleet.interrupt import Stop
from mlfleet.model import Environment
from mlfleet.model_maker import TRAINER, train_model, trainer_command


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "only_list", is_flag=True, help="Show the state of each, and fetch nothing.")
@click.option("--goldens", metavar="SERVICE", help="Make golden outputs anew through this service.")
@click.option("--suite", shell_complete=complete_suites, help="Only those that this suite needs.")
@click.option("--add", "file", type=click.Path(path_type=Path), help="Keep a .csv or .npz file of yours as a data set.")
@click.option("--name", help="With --add: what it is called, behind own-; by default as the file.")
@click.option("--target", type=click.Choice(get_args(Learnt)), help="With --add: what is to be learnt.")
@click.option("--column", help="With --add: the column of the target, by name or number; by default the last.")
@click.option("--label", type=click.Choice(get_args(Label)), default="real", show_default=True, help="With --add.")
@click.option("--licence", default="not published", show_default=True, help="With --add: what others may do with it.")
@click.option("--remove", metavar="NAME", help="Forget a data set of yours.")
@json_option
def data(
    names: tuple[str, ...],
    only_list: bool,
    goldens: str | None,
    suite: str | None,
    file: Path | None,
    remove: str | None,
    as_json: bool,
    **described: object,
) -> int:
    """Fetch or train the data sets and models that are missing, and list all with source, licence, digest and state.

    Nothing falls back: what cannot be had here is `missing`, never something else under its name. Of what lies on its
    publisher's site alone, a host without a network fails only if you name it.
    """
    if file is not None or remove is not None:
        return _own(file, remove, described)
    if suite is not None:
        names = (*names, *_needed(load_suite(suite)))
    known = (*datasets.names(), *model_names())
    for name in names:
        if name not in known:
            raise unknown("dataset or model", name, known)
    if goldens is not None:
        _make_goldens(goldens)
        return 0
    if not only_list:
        for state in datasets.states(names):
            if state.state != "present":
                _bring(state.name)
    states = datasets.states(names)
    if as_json:
        print_json([vars(state) for state in states])
    else:
        _print(states)
    # What only its publisher has is awaited of a host by those who name it.
    awaited = [state for state in states if names or state.kind != "network"]
    return 0 if only_list or all(state.state == "present" for state in awaited) else 3


def _own(file: Path | None, remove: str | None, described: Mapping[str, object]) -> int:
    if remove is not None:
        own_data.remove(remove)
    if file is not None:
        own_data.add(own_data.Added(file, **described))  # type: ignore[arg-type]
    return 0


def _print(states: Sequence[datasets.DatasetState]) -> None:
    for state in states:
        digest = state.digest[:12] or "none yet"
        print(f"{state.name:<22} {state.state:<10} {digest:<13} {state.label:<10} {state.licence:<38} {state.source}")
        if state.why:
            print(f"{'':<22} {state.why}")


def _needed(suite: Suite) -> set[str]:
    """Data sets of its workloads, the models that they name, and the texts that those are trained on."""
    models = {str(workload.params["model"]) for workload in suite.workloads if "model" in workload.params}
    texts = {entry.source for name in models if (entry := model_entry(name)).recipe}
    return {workload.dataset for workload in suite.workloads} | models | texts


def _make_goldens(key: str) -> None:
    (service,) = named_services([key])
    environment = Environment("cpu", host.cpu_sets("1"), 1, service.memory_bytes, "process", "mapped")
    with Stop() as stop, open_bench("goldens", "process", stop) as bench:
        for name, case in golden_cases().items():
            maker = make_golden(case, service, None, environment, bench)
            print(f"{name}: made by {maker}")


def _bring(name: str) -> None:
    try:
        if name in datasets.names():
            datasets.fetch(name, say)
        elif model_entry(name).recipe:
            (trainer,) = named_services([TRAINER])
            train_model(name, trainer_command(trainer, ROOT), say)
        else:
            datasets.fetch_model(name, say)
    except HostError as error:
        say(f"mlfleet: {error}")
