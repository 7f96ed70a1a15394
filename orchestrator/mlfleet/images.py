"""`--image KEY=TAG_OR_ID`: images that the user names, in place of those of compose.yaml.

Two of one key are two contestants, named `key:tag`. An image is pinned by its id when it is named; nothing is pulled.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlfleet.builders.docker import SOURCE_LABEL, STAND_IN_LABEL
from mlfleet.builders.state import BuildState
from mlfleet.errors import HostError, UsageError, printable, unknown
from mlfleet.model import Service

# What the engine says of an image by reference or id, None if it has none: docker's own JSON.
Inspect = Callable[[str], Mapping[str, Any] | None]
LANGUAGE_LABEL = "dev.mlfleet.language"
SHORT_ID = 12

_ASKED = re.compile(r"([a-z][a-z0-9-]{0,62})=([A-Za-z0-9][A-Za-z0-9_./:@-]{0,254})")
_ID = re.compile(rf"(sha256:)?([0-9a-f]{{{SHORT_ID},64}})")


@dataclass(frozen=True)
class Asked:
    """One `--image`. `text` is a tag of `mlfleet/<key>`, a whole reference (it holds / or :), or an image id."""

    key: str
    text: str

    @property
    def references(self) -> tuple[str, ...]:
        """What the engine is asked for, in turn: a tag of twelve hexadecimal digits comes before an id."""
        if "/" in self.text or ":" in self.text:
            return (self.text,)
        tagged = f"mlfleet/{self.key}:{self.text}"
        return (tagged, self.text) if _ID.fullmatch(self.text) else (tagged,)


def parse(text: str) -> Asked:
    """`sklearn=1.5.2`, `sklearn=mine/sklearn:dev`, `sklearn=sha256:3f2a…`. Raises UsageError."""
    found = _ASKED.fullmatch(text)
    if not found or ".." in text:
        awaited = "KEY=TAG, KEY=NAME:TAG or KEY=IMAGE_ID, such as sklearn=1.5.2"
        raise UsageError(f"--image {printable(text)!r}: awaited {awaited}")
    return Asked(found[1], found[2])


def substitute(
    services: Sequence[Service], asked: Sequence[Asked], inspect: Inspect
) -> tuple[tuple[Service, ...], dict[Service, BuildState]]:
    """The services with the named images in their places, and those images' pins.

    Services of a doubled key come first, in the order given: the first of them is the run's baseline unless another is
    asked for. Of several images of a key one may be absent: it is a contestant that is not built. Raises UsageError for
    a key that takes no part or a name given twice, HostError where a key has no image or one speaks no contract.
    """
    known = {service.key: service for service in services}
    for one in asked:
        if one.key not in known:
            raise unknown("service of --image", one.key, known)
    found = [_pinned(known[one.key], one, inspect) for one in asked]
    for key in dict.fromkeys(one.key for one in asked):
        states = [state for service, state, _ in found if service.key == key]
        if all(state.image_id is None for state in states):
            raise HostError(f"--image: {'; '.join(state.reason for state in states)}")
    doubled = {key for key, count in Counter(one.key for one in asked).items() if count > 1}
    named: dict[str, list[Service]] = {}
    pins: dict[Service, BuildState] = {}
    for one, (service, state, tag) in zip(asked, found, strict=True):
        contestant = replace(service, key=f"{one.key}:{tag}") if one.key in doubled else service
        if contestant.key in {other.key for other in pins}:
            raise UsageError(f"--image names {contestant.key} twice; give one of the images another tag (docker tag)")
        named.setdefault(one.key, []).append(contestant)
        pins[contestant] = state
    first = [service for key in named if key in doubled for service in named[key]]
    rest = [named.get(service.key, [service])[0] for service in services if service.key not in doubled]
    return (*first, *rest), pins


def check_present(image_id: str | None, key: str, inspect: Inspect) -> None:
    """A resumed run needs the very image that it was planned with. Raises HostError."""
    if image_id is None or inspect(image_id) is None:
        raise HostError(f"the image of {key} that the run was planned with is gone ({image_id}); it cannot go on")


def _absent(service: Service, reference: str) -> tuple[Service, BuildState, str]:
    """A contestant that takes no part: the other images of its service are measured without it."""
    tag = reference.rpartition(":")[2]
    own = reference == f"mlfleet/{service.key}:{tag}"
    hint = f"; try: mlfleet build {service.key} --version {tag}" if own else ""
    return replace(service, image=reference), BuildState("missing", f"no image {reference} on this host{hint}"), tag


def _pinned(service: Service, asked: Asked, inspect: Inspect) -> tuple[Service, BuildState, str]:
    """The service that the image is, its pin, and the word that tells it from another of its key."""
    for reference in asked.references:
        image = inspect(reference)
        if image is not None:
            break
    else:
        return _absent(service, asked.references[0])
    labels = image["Config"].get("Labels") or {}
    language = labels.get(LANGUAGE_LABEL)
    if language not in ("python", "rust"):
        shown = "no label" if language is None else f"{printable(str(language))!r} as its label"
        raise HostError(
            f"image {reference} speaks no contract of mlfleet: found {shown} {LANGUAGE_LABEL}, python or rust awaited"
        )
    image_id = str(image["Id"])
    by_id = "@" in reference or _ID.fullmatch(reference) is not None
    name = image_id if by_id else reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
    tag = image_id.removeprefix("sha256:")[:SHORT_ID] if by_id else name.rpartition(":")[2]
    made_of = "says what it was built from" if labels.get(SOURCE_LABEL) else "does not say what it was built from"
    state = BuildState(
        "named", f"{name} was named by --image and {made_of}", image_id, labels.get(STAND_IN_LABEL), int(image["Size"])
    )
    return replace(service, image=name, language=language), state, tag
