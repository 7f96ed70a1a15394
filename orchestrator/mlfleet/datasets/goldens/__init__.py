"""Golden outputs: right answers that need a framework, made once at tight tolerance and kept with their digests.

A golden answers one payload and one set of parameters; for any other it is refused, never bent to fit.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from mlfleet.errors import HostError
from mlfleet.model import Param
from mlfleet.payload import encode, read_outputs, tensors_sha256

Arrays = Mapping[str, NDArray[Any]]
MANIFEST = "manifest.toml"
_HEAD = "# Made by the dataset build at tight tolerance, each the answer to one payload; see __init__.py.\n"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Golden:
    """What a golden file is an answer to, and who made it."""

    sha256: str
    # Of the payload's tensors, as PrepareResponse.tensors_sha256.
    tensors_sha256: str
    # Those that shape the answer.
    params: dict[str, Param]
    maker: str


def load(name: str, inputs: Arrays, params: Mapping[str, Param]) -> Arrays:
    """The golden outputs of that name. Raises HostError if there is none, or it answers another payload."""
    known = manifest()
    if name not in known:
        raise HostError(f"no golden {name!r} (known: {', '.join(known) or 'none'}): these parameters have no reference")
    data = _folder().joinpath(f"{name}.safetensors").read_bytes()
    check(name, known[name], inputs, params, data)
    return read_outputs(data)[0]


def check(name: str, golden: Golden, inputs: Arrays, params: Mapping[str, Param], data: bytes) -> None:
    """Raises HostError unless the golden is what was kept, and answers this payload with these parameters."""
    found = hashlib.sha256(data).hexdigest()
    if found != golden.sha256:
        raise HostError(f"golden {name!r} has sha256 {found}, {golden.sha256} awaited")
    payload = tensors_sha256(inputs)
    if payload != golden.tensors_sha256:
        raise HostError(f"golden {name!r} answers the payload {golden.tensors_sha256[:12]}, this one is {payload[:12]}")
    if other := [key for key, value in golden.params.items() if params.get(key) != value]:
        key = other[0]
        raise HostError(f"golden {name!r} was made with {key} {golden.params[key]}, {params.get(key)} awaited")


def manifest() -> dict[str, Golden]:
    """Every golden of this package."""
    return _parse(_folder().joinpath(MANIFEST).read_text("utf-8"))


def save(
    folder: Path, name: str, outputs: Arrays, *, inputs: Arrays, params: Mapping[str, Param], maker: str
) -> Golden:
    """Write a golden file and its manifest entry into `folder`, this package's own in a checkout."""
    data = encode(outputs)
    golden = Golden(hashlib.sha256(data).hexdigest(), tensors_sha256(inputs), dict(params), maker)
    path = folder / MANIFEST
    known = _parse(path.read_text("utf-8")) if path.exists() else {}
    folder.joinpath(f"{name}.safetensors").write_bytes(data)
    tables = [_table(*item) for item in sorted((known | {name: golden}).items())]
    path.write_text(_HEAD + "".join(tables), "utf-8")
    return golden


def _parse(text: str) -> dict[str, Golden]:
    return {name: Golden(**entry) for name, entry in tomllib.loads(text).items()}


def _table(name: str, golden: Golden) -> str:
    params = ", ".join(f"{key} = {_toml(value)}" for key, value in sorted(golden.params.items()))
    return (
        f'\n["{name}"]\nsha256 = "{golden.sha256}"\ntensors_sha256 = "{golden.tensors_sha256}"\n'
        f'params = {{ {params} }}\nmaker = "{golden.maker}"\n'
    )


def _toml(value: Param) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _folder() -> Traversable:
    return files(__package__)
