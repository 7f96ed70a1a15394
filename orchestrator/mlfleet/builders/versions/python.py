"""Python services: the framework is a package pinned in pyproject.toml, uv resolves it."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from mlfleet.builders.layers import layer_packages
from mlfleet.builders.source import service_folder
from mlfleet.builders.steps import run
from mlfleet.builders.versions.tree import LOCK, PROJECT, Tree, pins
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service

# Whose dependencies are ours, whatever the day of the release: the SDK's, its stubs', and what builds these two.
_OURS = ("services/sdk", "proto/python")
# But for the arrays, which the framework computes on.
_THE_FRAMEWORKS = "numpy"
_TODAY = "2100-01-01T00:00:00Z"


def package(service: Service, root: Path) -> str:
    """The package that the service pins to the version in its tag. Raises HostError where that is none, or several."""
    text = (service_folder(service, root) / PROJECT).read_text(encoding="utf-8")
    found = [name for name, version in pins(text) if version == service.tag]
    if len(found) != 1:
        raise HostError(f"{service.key}: {len(found)} dependencies are pinned to {service.tag}, the tag; 1 awaited")
    return found[0]


def lock_of(tree: Tree) -> Path:
    """What was resolved for this version."""
    return tree.folder / LOCK


def limit_at(published: datetime) -> str:
    """The end of the day after a release: what it was published with is in, what came later is not."""
    return (published + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def limit_in(tree: Tree) -> str | None:
    """The limit that a tree was pinned with; None where there was none, or no tree."""
    path = tree.folder / PROJECT
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r'^exclude-newer = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else None


def pin(tree: Tree, limit: str | None) -> None:
    """Write the version in the place of today's; `limit`: nothing newer is resolved than published by then.

    Raises UsageError for a row that asks for what only cargo can do.
    """
    if tree.row.with_ or tree.row.lock or tree.row.without:
        raise UsageError(f"{tree.service.key}: its versions.toml has with, lock or without, which are of Rust services")
    path, name = tree.folder / PROJECT, tree.package
    text = path.read_text(encoding="utf-8").replace(f'"{name}=={tree.today.tag}"', f'"{name}=={tree.version}"')
    if limit is not None:
        ours = ", ".join(f'{name} = "{_TODAY}"' for name in _held(tree))
        text = text.replace(
            "[tool.uv]\n", f'[tool.uv]\nexclude-newer = "{limit}"\nexclude-newer-package = {{ {ours} }}\n', 1
        )
    path.write_text(text, encoding="utf-8")


def locker(uv: Path, environment: Mapping[str, str] = os.environ) -> Callable[[Path], None]:
    """Resolves with uv; what a lock holds already stays where it can."""

    def lock(folder: Path) -> None:
        own = {k: v for k, v in environment.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
        own |= {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
        run(f"resolving {folder.name}", [str(uv), "lock", "--quiet", "--python", sys.executable], folder, own)

    return lock


def _held(tree: Tree) -> list[str]:
    """Packages that no day limits: ours, and those of the layer, which is an image of its own."""
    found = {"uv-build"}
    for folder in _OURS:
        text = (tree.root / folder / PROJECT).read_text(encoding="utf-8")
        found |= set(re.findall(r'"([a-z0-9-]+)[><=]=', text))
    found -= {_THE_FRAMEWORKS}
    if tree.service.layer is not None:
        found |= set(layer_packages(tree.service.layer, tree.root))
    return sorted(found - {tree.package})
