"""The tree that another version is built in: the adapter's sources, with the pin of its framework changed."""

import re
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from mlfleet.builders.source import files_of, service_folder, sources
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service
from mlfleet.payload import cache_folder

# What builders need beside a service's sources: Dockerfiles of all kinds, and what makes base images.
_TOOLS = "docker"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
PROJECT, LOCK = "pyproject.toml", "uv.lock"
# Whose dependencies are ours, whatever the day of the release: the SDK's, its stubs', and what builds these two.
_OURS = ("services/sdk", "proto/python")
# But for the arrays, which the framework computes on.
_THE_FRAMEWORKS = "numpy"
_TODAY = "2100-01-01T00:00:00Z"


@dataclass(frozen=True)
class Tree:
    """A service in another version, and where its sources lie."""

    service: Service
    version: str
    # The package that is another: "scikit-learn".
    package: str
    root: Path

    @property
    def folder(self) -> Path:
        """The service's own folder in the tree."""
        return service_folder(self.service, self.root)

    @property
    def lock(self) -> Path:
        """What was resolved for this version."""
        return self.folder / LOCK


def pinned_package(service: Service, root: Path) -> str:
    """The package that the service pins to the version in its tag. Raises HostError where that is none, or several.

    UsageError for a Rust service: no other releases are built of these yet.
    """
    if service.language != "python":
        raise UsageError(f"{service.key} is a {service.language} service; other releases are built of Python ones")
    text = (service_folder(service, root) / PROJECT).read_text(encoding="utf-8")
    found = [name for name, version in _pins(text) if version == service.tag]
    if len(found) != 1:
        raise HostError(f"{service.key}: {len(found)} dependencies are pinned to {service.tag}, the tag; 1 awaited")
    return found[0]


def tree_of(service: Service, version: str, root: Path, cache: Path | None = None) -> Tree:
    """Where that version's tree lies; nothing is made yet. Raises HostError for what can be no tag."""
    if not _TAG.fullmatch(version):
        raise HostError(f"{version!r} is no version; awaited one such as {service.tag}")
    name = service.image.rpartition(":")[0]
    return Tree(
        service=replace(service, image=f"{name}:{version}"),
        version=version,
        package=pinned_package(service, root),
        root=(cache or cache_folder()) / "versions" / f"{service.key}-{version}",
    )


def lay_out(tree: Tree, service: Service, root: Path) -> None:
    """Copy the sources of today's adapter and pin the version; a lock that was resolved for it stays."""
    kept = tree.lock.read_bytes() if tree.lock.is_file() else None
    project = (tree.folder / PROJECT).read_text(encoding="utf-8") if kept else ""
    shutil.rmtree(tree.root, ignore_errors=True)
    for path in (*sources(service, root), root / _TOOLS):
        for file in files_of(path):
            target = tree.root / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    pin(tree, service.tag, _limit_of(project))
    if kept:
        tree.lock.write_bytes(kept)


def pin(tree: Tree, tag: str, limit: str | None) -> None:
    """Write the version in the place of the tag's; `limit`: nothing newer is resolved than published by then."""
    path = tree.folder / PROJECT
    text = path.read_text(encoding="utf-8").replace(f'"{tree.package}=={tag}"', f'"{tree.package}=={tree.version}"')
    if limit is not None:
        ours = ", ".join(f'{name} = "{_TODAY}"' for name in _own_packages(tree.root))
        text = text.replace(
            "[tool.uv]\n", f'[tool.uv]\nexclude-newer = "{limit}"\nexclude-newer-package = {{ {ours} }}\n', 1
        )
    path.write_text(text, encoding="utf-8")


def limit_at(published: datetime) -> str:
    """The end of the day after a release: what it was published with is in, what came later is not."""
    return (published + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _own_packages(root: Path) -> list[str]:
    found = {"uv-build"}
    for folder in _OURS:
        text = (root / folder / PROJECT).read_text(encoding="utf-8")
        found |= set(re.findall(r'"([a-z0-9-]+)[><=]=', text))
    return sorted(found - {_THE_FRAMEWORKS})


def _pins(text: str) -> list[tuple[str, str]]:
    return re.findall(r'"([A-Za-z0-9._-]+)==([^"\s;]+)"', text)


def _limit_of(project: str) -> str | None:
    found = re.search(r'^exclude-newer = "([^"]+)"', project, re.MULTILINE)
    return found[1] if found else None
