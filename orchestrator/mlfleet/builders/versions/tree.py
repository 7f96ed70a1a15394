"""The tree that another version is built in: the sources of today's adapter, and of the layer that it stands on."""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from mlfleet.builders.layers import layer_folder
from mlfleet.builders.source import files_of, service_folder, sources
from mlfleet.builders.versions.table import NO_LAYER, Row, row_of
from mlfleet.errors import HostError
from mlfleet.model import Service
from mlfleet.payload import cache_folder

# What builders need beside a service's sources: Dockerfiles of all kinds, and what makes base images.
_TOOLS = "docker"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
PROJECT, LOCK = "pyproject.toml", "uv.lock"


@dataclass(frozen=True)
class Tree:
    """A service in another version, and where its sources lie."""

    today: Service
    # In that version, on the layer that it needs.
    service: Service
    version: str
    # The package that is another: "scikit-learn"; of a Rust service the crate, "linfa".
    package: str
    row: Row
    root: Path

    @property
    def folder(self) -> Path:
        """The service's own folder in the tree."""
        return service_folder(self.service, self.root)

    @property
    def layer(self) -> Path | None:
        """The folder of its layer, where that is another than today's."""
        changed = self.service.layer is not None and self.service.layer != self.today.layer
        return layer_folder(str(self.service.layer), self.root) if changed else None


def tree_of(service: Service, version: str, package: str, root: Path, cache: Path | None = None) -> Tree:
    """Where that version's tree lies; nothing is made yet.

    Raises HostError for what can be no tag or is no version, and for a version that the adapter's table refuses.
    """
    if not (_TAG.fullmatch(version) and _is_version(version)):
        raise HostError(f"{version!r} is no version; awaited one such as {service.tag}")
    row = row_of(service.key, version, service_folder(service, root))
    name = service.image.rpartition(":")[0]
    layer = _layer(service, version, package, row, root)
    return Tree(
        today=service,
        service=replace(service, image=f"{name}:{version}", layer=layer),
        version=version,
        package=package,
        row=row,
        root=(cache or cache_folder()) / "versions" / f"{service.key}-{version}",
    )


def _is_version(text: str) -> bool:
    """A tag may be any word of the user's."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def lay_out(tree: Tree, root: Path) -> None:
    """Copy the sources of today's adapter; locks are today's."""
    shutil.rmtree(tree.root, ignore_errors=True)
    for path in (*sources(tree.today, root), root / _TOOLS):
        for file in files_of(path):
            target = tree.root / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    if tree.layer is not None:
        # The version that gives the layer its tag, in the layer and in what stands on it.
        old, new = (str(one.layer).rpartition(":")[2] for one in (tree.today, tree.service))
        for path in (tree.layer / PROJECT, tree.folder / PROJECT):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                for name in (name for name, version in pins(text) if version == old):
                    text = text.replace(f'"{name}=={old}"', f'"{name}=={new}"')
                path.write_text(text, encoding="utf-8")


def layer_lock(tree: Tree) -> Path:
    """Where the lock of its layer is kept for all that stand on it, so that they stand on one image."""
    name, _, tag = str(tree.service.layer).rpartition("/")[2].partition(":")
    return tree.root.parent / f"{name}-{tag}.{LOCK}"


def pins(project: str) -> list[tuple[str, str]]:
    """Packages that a pyproject.toml asks for in one version, with that version."""
    return re.findall(r'"([A-Za-z0-9._-]+)==([^"\s;]+)"', project)


def _layer(service: Service, version: str, package: str, row: Row, root: Path) -> str | None:
    """The layer's image: the row's; else that of the version, where the layer is the package itself; else today's."""
    if service.layer is None or row.layer == NO_LAYER:
        return None
    name, _, tag = service.layer.rpartition(":")
    project = (layer_folder(service.layer, root) / PROJECT).read_text(encoding="utf-8")
    follows = (package, tag) in pins(project)
    return f"{name}:{row.layer or (version if follows else tag)}"
