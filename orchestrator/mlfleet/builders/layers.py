"""Layers: what several services stand on, such as one installation of PyTorch. A layer is no service.

Its packages are locked in services/<name>, and docker/<name>.Dockerfile makes an image of them.
"""

import re
import tomllib
from pathlib import Path

from mlfleet.errors import UsageError

# Locked for builds that run on a GPU alone: local builds have it where CUDA_HOME says so, and do not install it.
CUDA = "cuda"
# The stage of a layer's Dockerfile with what compiles against it, where what runs needs less.
DEVEL = "devel"
_DEVEL_STAGE = re.compile(rf"^FROM \S+ AS {DEVEL}$", re.MULTILINE)


def layer_name(layer: str) -> str:
    """The name of a layer: "torch" of "mlfleet/torch:2.11.0"."""
    return layer.rpartition(":")[0].rpartition("/")[2]


def layer_folder(layer: str, root: Path) -> Path:
    """Where its lock lies, and its local installation."""
    return root / "services" / layer_name(layer)


def layer_dockerfile(layer: str, root: Path) -> Path:
    """What builds its image. Raises UsageError where there is no such layer."""
    name = layer_name(layer)
    path = root / "docker" / f"{name}.Dockerfile"
    if not (path.is_file() and (layer_folder(layer, root) / "uv.lock").is_file()):
        awaited = f"docker/{name}.Dockerfile and services/{name}/uv.lock"
        raise UsageError(f"compose.yaml: LAYER is {layer}, which this repository does not make; awaited {awaited}")
    return path


def has_devel(layer: str, root: Path) -> bool:
    """Whether services on it are compiled against another image than they run on."""
    return _DEVEL_STAGE.search(layer_dockerfile(layer, root).read_text("utf-8")) is not None


def layer_packages(layer: str, root: Path) -> list[str]:
    """The packages that it has, which a service on it must not install again."""
    lock = tomllib.loads((layer_folder(layer, root) / "uv.lock").read_text("utf-8"))
    return [package["name"] for package in lock["package"]]
