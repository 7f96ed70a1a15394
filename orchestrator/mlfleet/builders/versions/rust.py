"""Rust services: the framework is crates pinned in Cargo.toml; cargo resolves them in a workspace of that service."""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from mlfleet.builders.source import dockerfile, service_folder
from mlfleet.builders.steps import run
from mlfleet.builders.versions.tree import Tree
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service

WORKSPACE = "rust_services"
MANIFEST, LOCK = "Cargo.toml", "Cargo.lock"
# What the stage that compiles is made from, and the tool chain that it names.
_IMAGE = re.compile(r"^FROM (\S+) AS build$", re.MULTILINE)
_TOOL_CHAIN = re.compile(r"RUSTUP_TOOLCHAIN=\S+")
_CA = "/etc/ssl/certs/ca-certificates.crt"


def package(service: Service, root: Path) -> str:
    """The crate whose releases count, of those that are pinned to the version in the service's tag.

    That of the service's name, else the first. Raises HostError where none is pinned.
    """
    text = (service_folder(service, root) / MANIFEST).read_text(encoding="utf-8")
    found = re.findall(rf'^([a-z0-9_-]+) = .*"={re.escape(service.tag)}"', text, re.MULTILINE)
    if not found:
        raise HostError(f"{service.key}: no dependency is pinned to {service.tag}, the tag; it has no other version")
    return service.key if service.key in found else str(found[0])


def lock_of(tree: Tree) -> Path:
    """What was resolved for this version."""
    return tree.root / WORKSPACE / LOCK


def pin(tree: Tree) -> None:
    """Write the version in the place of today's, and what it needs beside it, of the SDK too."""
    crate, workspace = tree.folder / MANIFEST, tree.root / WORKSPACE / MANIFEST
    texts = {path: path.read_text(encoding="utf-8") for path in (crate, workspace)}
    texts[crate] = texts[crate].replace(f'"={tree.today.tag}"', f'"={tree.version}"')
    for name, wanted in tree.row.with_.items():
        asks = re.compile(rf'^({re.escape(name)} = (?:\{{[^}}\n]*version = )?)"[^"\n]*"', re.MULTILINE)
        changed = {path: asks.subn(rf'\g<1>"{wanted}"', text) for path, text in texts.items()}
        if not any(count for _, count in changed.values()):
            raise UsageError(f"{tree.service.key}: its versions are to have {name} {wanted}, which no Cargo.toml names")
        texts = {path: text for path, (text, _) in changed.items()}
    for feature in tree.row.without:
        texts[crate], count = re.subn(
            rf'^(default = \[.*?)"{re.escape(feature)}",? ?', r"\1", texts[crate], flags=re.MULTILINE
        )
        if not count:
            raise UsageError(f"{tree.service.key}: its versions are to lack {feature}, which is no default feature")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def locker(environment: Mapping[str, str] = os.environ) -> Callable[[Tree], None]:
    """Resolves with this host's cargo, else with that of the image; what the lock holds already stays where it can."""

    def lock(tree: Tree) -> None:
        folder = tree.root / WORKSPACE
        cargo = _cargo(tree, environment)
        run(f"resolving {tree.service.image}", [*cargo, "update", "--quiet", "--workspace"], folder, environment)
        for name, version in tree.row.lock.items():
            command = [*cargo, "update", "--quiet", "--package", name, "--precise", version]
            run(f"resolving {name} {version} for {tree.service.image}", command, folder, environment)

    return lock


def _cargo(tree: Tree, environment: Mapping[str, str]) -> list[str]:
    if shutil.which("cargo", path=environment.get("PATH")):
        return ["cargo"]
    command = ["docker", "run", "--rm", "--user", f"{os.getuid()}:{os.getgid()}", "--env", "CARGO_HOME=/tmp/cargo"]
    command += ["--mount", f"type=bind,source={tree.root},target=/src", "--workdir", f"/src/{WORKSPACE}"]
    bundle = environment.get("SSL_CERT_FILE", _CA)
    if Path(bundle).is_file():
        command += ["--mount", f"type=bind,source={bundle},target={_CA},readonly"]
    text = dockerfile(tree.service, tree.root).read_text(encoding="utf-8")
    image, tool_chain = _IMAGE.search(text), _TOOL_CHAIN.search(text)
    if image is None or tool_chain is None:
        raise HostError("docker/rust.Dockerfile names no image or tool chain that compiles")
    return [*command, "--env", tool_chain[0], image[1], "cargo"]
