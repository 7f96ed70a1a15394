"""compose.yaml, the only registry of services: read strictly, refused in one line where it is not what it should be."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from mlfleet import strict_yaml
from mlfleet.errors import UsageError, printable, unknown
from mlfleet.model import Service
from mlfleet.strict_yaml import Document, Value

Language = Literal["python", "rust"]

# The fragment that every stanza merges, and of its keys those that a stanza may set for itself.
FRAGMENT = "x-service"
MEMORY = ("mem_limit", "memswap_limit")
OWN = ("image", "build", "profiles", "labels")
CONTROL = "dev.mlfleet.control"
DOCKERFILES: Mapping[str, Language] = {"docker/python.Dockerfile": "python", "docker/rust.Dockerfile": "rust"}
# The one stanza that is no service, and of its keys those that are not the fragment's.
ORCHESTRATOR = "orchestrator"
ORCHESTRATOR_DOCKERFILE = "docker/orchestrator.Dockerfile"
ORCHESTRATOR_OWN = ("image", "build", "profiles", "pid", "environment", "volumes")
# The tag of a layer with what compiles against it: `mlfleet/cuda:13.0-devel`.
DEVEL_SUFFIX = "-devel"
MAX_PROBLEMS = 20

KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LAYER = re.compile(r"mlfleet/[a-z0-9]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SIZE = re.compile(r"([1-9][0-9]{0,11})([bkmg]?)b?", re.IGNORECASE)
_SHIFT = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}


def load(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[Service, ...]:
    """The services in the order of the file. Raises UsageError with up to 20 problems, one line each."""
    return _read(path, environment)[0]


def orchestrator_image(path: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Name and tag of the image that the orchestrator has there. Raises UsageError."""
    return _read(path, environment)[1]


def _read(path: Path, environment: Mapping[str, str]) -> tuple[tuple[Service, ...], str]:
    document = strict_yaml.read(path, environment)
    problems = list(_problems_of_file(document))
    services = []
    orchestrator = ""
    if not problems:
        fragment = _mapping(document.value, FRAGMENT)
        for key, stanza in _mapping(document.value, "services").items():
            check = _problems_of_orchestrator if key == ORCHESTRATOR else _problems_of_stanza
            found = [document.at(*problem) for problem in check(key, stanza, fragment)]
            problems += found
            if not found and isinstance(stanza, dict) and key == ORCHESTRATOR:
                orchestrator = str(stanza["image"])
            elif not found and isinstance(stanza, dict):
                services.append(_service(key, stanza))
    if problems:
        raise UsageError("\n".join(problems[:MAX_PROBLEMS]))
    return tuple(services), orchestrator


def folder(key: str, language: Language) -> str:
    """The folder of a service below services/ or rust_services/: its key, less a language that tells twins apart."""
    return key.removesuffix(f"-{language}")


def argument(key: str, language: Language) -> str:
    """The image's build argument SERVICE, and the name of its socket under compose: cargo's package, or uv's folder."""
    return folder(key, language) if language == "python" else key


def memory_bytes(text: Value) -> int | None:
    """A size as compose writes it ("2g", 1048576) in bytes; None if it is none."""
    found = _SIZE.fullmatch(str(text)) if isinstance(text, str | int) else None
    return int(found[1]) << _SHIFT[found[2].lower()] if found else None


def _mapping(value: object, key: str) -> Mapping[str, Value]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, dict) else {}


def _problems_of_file(document: Document) -> Iterator[str]:
    if not isinstance(document.value, dict):
        yield document.at((), "no mapping; awaited services")
        return
    for key in document.value:
        if not key.startswith("x-") and key not in ("services", "volumes"):
            yield document.at((key,), str(unknown("key", key, ["services", "volumes", "x-…"])))
    for key in (FRAGMENT, "services"):
        if not _mapping(document.value, key):
            yield document.at((key,), f"{key} is missing, empty or no mapping")


Problem = tuple[strict_yaml.Place, str]


def _problems_of_stanza(key: str, stanza: Value, fragment: Mapping[str, Value]) -> Iterator[Problem]:
    place = ("services", key)
    where = f'service "{printable(key)}": '
    if not KEY.fullmatch(key) or not isinstance(stanza, dict):
        yield place, where + "awaited a name of a-z, 0-9 and - and a mapping"
        return
    for name in stanza:
        if name not in fragment and name not in OWN:
            yield (*place, name), where + str(unknown("key", name, [*OWN, *fragment]))
    for name in fragment:
        if name not in stanza:
            yield place, where + f"{name} is missing: merge the shared fragment, <<: *service"
        elif name not in MEMORY and stanza[name] != fragment[name]:
            found, awaited = printable(str(stanza[name])), printable(str(fragment[name]))
            yield (*place, name), where + f"{name} is {found}; awaited {awaited}, as {FRAGMENT} has it for all"
    for problem_place, problem in (*_problems_of_image(key, stanza), *_problems_of_limits(stanza)):
        yield (*place, *problem_place), where + problem


def _problems_of_image(key: str, stanza: Mapping[str, Value]) -> Iterator[Problem]:
    image = stanza.get("image")
    name, _, tag = image.rpartition(":") if isinstance(image, str) else ("", "", "")
    if name != f"mlfleet/{key}" or not _TAG.fullmatch(tag):
        yield ("image",), f"image is {printable(str(image))!r}; awaited mlfleet/{key}:<framework version>"
    build = _mapping(stanza, "build")
    language = DOCKERFILES.get(str(build.get("dockerfile")))
    if language is None:
        found = printable(str(build.get("dockerfile")))
        yield ("build",), f"build.dockerfile is {found!r}; awaited one of {', '.join(DOCKERFILES)}"
        return
    arguments: dict[str, Value] = {"SERVICE": argument(key, language)}
    if layer := _layer(build):
        arguments["LAYER"] = layer
        if "DEVEL" in _mapping(build, "args"):
            arguments["DEVEL"] = f"{layer}{DEVEL_SUFFIX}"
    awaited: Value = {"context": ".", "dockerfile": build["dockerfile"], "args": arguments}
    if stanza.get("profiles") != [language]:
        yield ("profiles",), f"profiles are {printable(str(stanza.get('profiles')))}; awaited [{language}]"
    if build != awaited:
        yield ("build",), f"build is {printable(str(build), 200)}; awaited {awaited}"


def _layer(build: Mapping[str, Value]) -> str | None:
    """The build argument LAYER, if it names one of our own images."""
    found = _mapping(build, "args").get("LAYER")
    return found if isinstance(found, str) and _LAYER.fullmatch(found) else None


def _problems_of_orchestrator(key: str, stanza: Value, fragment: Mapping[str, Value]) -> Iterator[Problem]:
    """It measures the others: what confines them confines it too, but for what it must see of them."""
    place = ("services", key)
    where = f"{key}: "
    found = _mapping({key: stanza}, key)
    for name in found:
        if name not in ORCHESTRATOR_OWN and found[name] != fragment.get(name):
            yield (*place, name), where + f"{name} differs from {FRAGMENT}, or is none of {', '.join(ORCHESTRATOR_OWN)}"
    for name in ("cap_drop", "security_opt", "network_mode", "read_only"):
        if name not in found:
            yield place, where + f"{name} is missing; awaited as {FRAGMENT} has it"
    if "docker.sock" in str(found):
        yield place, where + "the engine's socket would make it root on this host; awaited none"
    awaited: Value = {"context": ".", "dockerfile": ORCHESTRATOR_DOCKERFILE}
    if found.get("build") != awaited or found.get("profiles") != [key]:
        yield place, where + f"awaited build {awaited} and profiles [{key}]"
    image = str(found.get("image"))
    if not image.startswith(f"mlfleet/{key}:"):
        yield (*place, "image"), where + f"image is {printable(image)!r}; awaited mlfleet/{key}:<version>"


def _problems_of_limits(stanza: Mapping[str, Value]) -> Iterator[Problem]:
    limits = {name: memory_bytes(stanza.get(name)) for name in MEMORY}
    for name, size in limits.items():
        if size is None:
            yield (name,), f"{name} is {printable(str(stanza.get(name)))!r}; awaited a size such as 512m or 2g"
    if len(set(limits.values())) > 1:
        yield ("mem_limit",), "mem_limit and memswap_limit differ; awaited the same, so that there is no swap"
    labels = stanza.get("labels", {})
    if labels not in ({}, {CONTROL: "true"}):
        yield ("labels",), f'labels are {printable(str(labels))}; awaited none, or {CONTROL}: "true"'


def _service(key: str, stanza: Mapping[str, Value]) -> Service:
    return Service(
        key=key,
        language=DOCKERFILES[str(_mapping(stanza, "build")["dockerfile"])],
        image=str(stanza["image"]),
        control=CONTROL in _mapping(stanza, "labels"),
        memory_bytes=memory_bytes(stanza["mem_limit"]) or 0,
        layer=_layer(_mapping(stanza, "build")),
    )
