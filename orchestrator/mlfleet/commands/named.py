"""`--image` of `run`, `plan` and `check`: the engine's side of `images.py`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import requests
from docker.errors import APIError

from mlfleet import images
from mlfleet.build import BuildState
from mlfleet.builders.docker import SOURCE_LABEL
from mlfleet.builders.notes import images_notes, note_of, read_note
from mlfleet.builders.versions.inside import keep_locks, lock_inside, lock_of_source
from mlfleet.commands.common import ROOT, named_services
from mlfleet.errors import HostError, UsageError
from mlfleet.images import Asked, Inspect
from mlfleet.launch.engine import connect
from mlfleet.model import Runtime, Service
from mlfleet.runfile import Contestant

image_option = click.option(
    "--image",
    "images",
    multiple=True,
    metavar="KEY=IMAGE",
    callback=lambda _c, _p, values: tuple(images.parse(value) for value in values),
    help="Measure this image of a service: a tag, name:tag or id; repeatable. Two of one service are compared.",
)


def substituted(
    chosen: Sequence[Service], asked: Sequence[Asked], runtime: Runtime
) -> tuple[tuple[Service, ...], dict[Service, BuildState]]:
    """As `images.substitute`. Raises UsageError on a runtime that launches no images."""
    if not asked:
        return tuple(chosen), {}
    if runtime != "docker":
        raise UsageError(f"--image names docker images, the runtime is {runtime}; try: --runtime docker")
    with _inspecting() as inspect:
        taking_part, pins = images.substitute(chosen, asked, inspect)
    return taking_part, {service: _noted(state) for service, state in pins.items()}


def check_named(contestants: Sequence[Contestant]) -> None:
    """The images that the user named for a run are still here. Raises HostError."""
    if named := [contestant for contestant in contestants if contestant.named]:
        with _inspecting() as inspect:
            for contestant in named:
                images.check_present(contestant.image_id, contestant.service.key, inspect)


def keep_named_locks(contestants: Sequence[Contestant], folder: Path, labels: Mapping[str, str]) -> None:
    """Beside the run, the lock of each image that the user named. Raises HostError, StorageError."""
    if not any(contestant.named for contestant in contestants):
        return
    engine = connect()

    def lock_of(contestant: Contestant, image_id: str) -> bytes | None:
        if contestant.service.language == "python":
            return lock_inside(engine, image_id, labels)
        (today,) = named_services([contestant.service.key.partition(":")[0]])
        source = engine.images.get(image_id).labels.get(SOURCE_LABEL)
        return lock_of_source(today, contestant.service.tag, source, ROOT)

    try:
        keep_locks(contestants, folder, lock_of)
    finally:
        engine.close()


def _noted(state: BuildState) -> BuildState:
    """With what its build took, where it was built here, under whatever name."""
    return replace(state, built=read_note(note_of(state.image_id, images_notes()))) if state.image_id else state


@contextmanager
def _inspecting() -> Iterator[Inspect]:
    engine = connect()

    def inspect(reference: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = engine.api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except APIError as error:
            # Not there, or no reference at all.
            if error.status_code in (requests.codes.not_found, requests.codes.bad_request):
                return None
            raise HostError(f"the docker engine cannot say what {reference} is: {error.explanation}") from error
        return found

    try:
        yield inspect
    finally:
        engine.close()
