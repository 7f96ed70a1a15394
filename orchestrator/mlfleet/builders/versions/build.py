"""Builds a service in another version: resolved beside today's packages, and if that does not start, as of its day."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlfleet.builders.state import BuildState
from mlfleet.builders.versions import python, rust
from mlfleet.builders.versions.kinds import KINDS, package
from mlfleet.builders.versions.releases import Release
from mlfleet.builders.versions.tree import LOCK, Tree, lay_out, layer_lock, tree_of
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
    # Resolves its locks, the layer's too.
    lock: Callable[[Tree], None]


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
    another. Metadata of old Python releases admit what came later and breaks them: one that does not start then is
    resolved as of the day after its publication. Raises HostError with the last lines.
    """
    began = time.monotonic()
    tree = tree_of(service, release.version, package(service, root), root)
    _lay_out(tree, root)
    state, why = _made(tree, tools, report)
    limit = None
    if why and release.published is not None and service.language == "python":
        limit = python.limit_at(release.published)
        report(f"{tree.service.image} {why}; resolved again with what was published by {limit[:10]}")
        python.pin(tree, limit)
        python.lock_of(tree).unlink(missing_ok=True)
        state, why = _made(tree, tools, report)
    if why:
        raise HostError(f"{tree.service.image} is built, but {why}")
    return Built(tree.service, state, time.monotonic() - began, limit, KINDS[service.language].lock_of(tree))


def _lay_out(tree: Tree, root: Path) -> None:
    """The sources of today's adapter with the version pinned; a lock that was resolved for it stays."""
    kept = KINDS[tree.service.language].lock_of(tree)
    lock = kept.read_bytes() if kept.is_file() else None
    limit = python.limit_in(tree) if lock else None
    lay_out(tree, root)
    if tree.service.language == "python":
        python.pin(tree, limit)
    else:
        rust.pin(tree)
    if lock:
        kept.write_bytes(lock)


def _made(tree: Tree, tools: Tools, report: Report) -> tuple[BuildState, str]:
    tools.lock(tree)
    state = tools.build(tree.root, tree.service, report)
    return state, tools.probe(tree.service, state)


def locker(uv: Path, environment: Mapping[str, str] = os.environ) -> Callable[[Tree], None]:
    """Resolves a tree's locks. A layer's is resolved once for all that stand on it."""
    by_uv, by_cargo = python.locker(uv, environment), rust.locker(environment)

    def lock(tree: Tree) -> None:
        if tree.layer is not None:
            shared, own = layer_lock(tree), tree.layer / LOCK
            if shared.is_file():
                own.write_bytes(shared.read_bytes())
            by_uv(tree.layer)
            shared.write_bytes(own.read_bytes())
        if tree.service.language == "python":
            by_uv(tree.folder)
        else:
            by_cargo(tree)

    return lock
