"""Builds a service in another version: resolved beside today's packages, and if that does not start, as of its day."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlfleet.builders.state import BuildState
from mlfleet.builders.steps import run
from mlfleet.builders.versions.releases import Release
from mlfleet.builders.versions.tree import Tree, lay_out, limit_at, pin, tree_of
from mlfleet.errors import HostError
from mlfleet.model import Service

Report = Callable[[str], None]


@dataclass(frozen=True)
class Tools:
    """What building a version needs from outside."""

    # A builder of the tree at that root, and the build it makes.
    build: Callable[[Path, Service, Report], BuildState]
    # Starts what was built and asks what it is: empty, or why it is not that version.
    probe: Callable[[Service, BuildState], str]
    # Resolves a lock in that folder.
    lock: Callable[[Path], None]


@dataclass(frozen=True)
class Built:
    """What became of it."""

    service: Service
    state: BuildState
    seconds: float
    # None: beside what today's lock holds; else nothing that was published later.
    resolved_by: str | None
    lock: Path


def build_version(service: Service, release: Release, root: Path, tools: Tools, report: Report) -> Built:
    """Build that release of the service's framework.

    The first lock holds all other packages where the release's metadata admit them, so that only the framework is
    another. Metadata of old releases admit what came later and breaks them: one that does not start then is resolved
    as of the day after its publication. Raises HostError with the last lines.
    """
    began = time.monotonic()
    tree = tree_of(service, release.version, root)
    lay_out(tree, service, root)
    state, why = _made(tree, tools, report)
    limit = None
    if why and release.published is not None:
        limit = limit_at(release.published)
        report(f"{tree.service.image} {why}; resolved again with what was published by {limit[:10]}")
        pin(tree, service.tag, limit)
        tree.lock.unlink(missing_ok=True)
        state, why = _made(tree, tools, report)
    if why:
        raise HostError(f"{tree.service.image} is built, but {why}")
    return Built(tree.service, state, time.monotonic() - began, limit, tree.lock)


def _made(tree: Tree, tools: Tools, report: Report) -> tuple[BuildState, str]:
    tools.lock(tree.folder)
    state = tools.build(tree.root, tree.service, report)
    return state, tools.probe(tree.service, state)


def locker(uv: Path, environment: Mapping[str, str] = os.environ) -> Callable[[Path], None]:
    """Resolves with uv; what a lock holds already stays where it can."""

    def lock(folder: Path) -> None:
        own = {k: v for k, v in environment.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
        own |= {"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}
        run(f"resolving {folder.name}", [str(uv), "lock", "--quiet", "--python", sys.executable], folder, own)

    return lock
