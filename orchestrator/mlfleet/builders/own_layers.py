"""How much of an image is its own: the layers that no other service's image has, as the engine lists them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any

from mlfleet.model import Reading

# The engine's own JSON, by image: `docker inspect`, None where there is no such image; `docker history`, newest first.
Inspect = Callable[[str], Mapping[str, Any] | None]
History = Callable[[str], Sequence[Mapping[str, Any]]]
SOURCE = "docker history"
# Instructions that add no layer. Those that do may add one of no bytes, such as a RUN that makes a folder.
_SETS = frozenset(
    {"ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"}
    | {"ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME"}
)
_CLASSIC = "/bin/sh -c #(nop)"


def own_size(image: str, others: Collection[str], inspect: Inspect, history: History) -> Reading:
    """Bytes of the image's layers above the longest stack of them that one of the others has, too.

    Null where its history does not tell which line made which layer, or the image is gone.
    """
    layers = _layers(inspect(image))
    if not layers:
        return Reading(None, "bytes", SOURCE, "lost")
    # Oldest first, as layers are listed.
    sizes = [int(line["Size"]) for line in reversed(history(image)) if _makes_layer(line)]
    if len(sizes) != len(layers):
        return Reading(None, "bytes", SOURCE, "not_supported")
    shared = max((_alike(layers, _layers(inspect(other))) for other in others), default=0)
    return Reading(sum(sizes[shared:]), "bytes", SOURCE)


def _layers(image: Mapping[str, Any] | None) -> list[str]:
    """Digests from the base up; none of an image that is not there."""
    return list(image["RootFS"].get("Layers") or ()) if image else []


def _makes_layer(line: Mapping[str, Any]) -> bool:
    words = str(line.get("CreatedBy") or "").removeprefix(_CLASSIC).split()
    return bool(line["Size"]) or not words or words[0] not in _SETS


def _alike(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """How many layers both have from the base up: an engine keeps those once."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(mine, theirs, strict=False))))
