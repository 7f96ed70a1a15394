"""A new service made from templates: its folder and its stanza in compose.yaml, both of them or neither."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from mlfleet import compose, strict_yaml
from mlfleet.builders.source import service_folder
from mlfleet.compose import Language
from mlfleet.errors import StorageError, UsageError, printable
from mlfleet.model import Service

TEMPLATES = Path(__file__).parent / "templates"
STANZA = "stanza.yaml.in"
COMPOSE = "compose.yaml"
# The version of a service that stands on no package of a version of its own, in Rust the workspace's.
OWN_VERSION = "0.1.0"
# What the images of Python services have (Debian bookworm).
PYTHON = "3.11.2"
_INDENT = "    "


@dataclass(frozen=True)
class Newcomer:
    """What is made. `package`: the name on the package index of what a Python service stands on; empty: nothing."""

    key: str
    language: Language
    package: str = ""
    version: str = OWN_VERSION

    @property
    def service(self) -> Service:
        """As compose.yaml will have it; its memory is the shared fragment's."""
        return Service(self.key, self.language, f"mlfleet/{self.key}:{self.version}", control=False, memory_bytes=0)

    @property
    def words(self) -> Mapping[str, str]:
        """What stands in the templates' places."""
        pinned = f', "{self.package}=={self.version}"' if self.package else ""
        return {
            "key": self.key,
            "language": self.language,
            "framework": self.package or self.key,
            "version": self.version,
            "variable": self.key.upper().replace("-", "_"),
            "argument": compose.argument(self.key, self.language),
            "dependencies": f'"mlfleet-sdk"{pinned}',
            "imports": "from importlib.metadata import version\n\n" if self.package else "",
            "reported": f'version("{self.package}")' if self.package else f'"{self.version}"',
        }


def add(new: Newcomer, root: Path) -> tuple[Path, ...]:
    """Make the service's files and its stanza, and say which files they are.

    Raises UsageError for a name that cannot be or is taken, StorageError where something cannot be written; then
    nothing is left behind.
    """
    _refuse(new, compose.load(root / COMPOSE))
    folder = service_folder(new.service, root)
    if os.path.lexists(folder):
        raise UsageError(f"{folder} is there already; try: another name")
    try:
        # Beside the folder, so that it can be moved there in one step.
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
            files = _write(new, Path(made) / folder.name)
            stanza = _composed(new, root / COMPOSE, Path(made) / COMPOSE)
            (Path(made) / folder.name).rename(folder)
            try:
                stanza.replace(root / COMPOSE)
            except BaseException:
                shutil.rmtree(folder)
                raise
    except OSError as error:
        raise StorageError(f"{error.filename}: {error.strerror}; nothing was made of {new.key}") from error
    return (*(folder / file for file in files), root / COMPOSE)


def with_stanza(text: str, stanza: str, line: int) -> str:
    """A compose file with one more stanza, below that whose key is in that line (from 1); all else stays as it is."""
    lines = text.splitlines(keepends=True)
    end = line
    while end < len(lines) and lines[end].startswith(_INDENT):
        end += 1
    return "".join((*lines[:end], "\n", stanza, *lines[end:]))


def _refuse(new: Newcomer, known: Sequence[Service]) -> None:
    if not compose.KEY.fullmatch(new.key):
        raise UsageError(f"{printable(new.key)!r} is no name of a service; awaited a-z, 0-9 and hyphens: my-kit")
    if new.key in {compose.ORCHESTRATOR, *(service.key for service in known)}:
        raise UsageError(f"{COMPOSE} has {new.key} already; try: another name")


def _write(new: Newcomer, folder: Path) -> list[Path]:
    """The service's files by their templates, relative to its folder."""
    top = TEMPLATES / new.language
    templates = sorted(top.rglob("*.in"))
    files = [template.relative_to(top).with_suffix("") for template in templates]
    for template, file in zip(templates, files, strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(_filled(template, new), encoding="utf-8")
    return files


def _composed(new: Newcomer, old: Path, made: Path) -> Path:
    """The compose file with its stanza, below the last framework's: it must read as the strict reader wants it."""
    frameworks = [service.key for service in compose.load(old) if not service.control]
    line = strict_yaml.read(old, {}).lines["services", frameworks[-1]]
    text = with_stanza(old.read_text(encoding="utf-8"), _filled(TEMPLATES / STANZA, new), line)
    made.write_text(text, encoding="utf-8")
    shutil.copymode(old, made)
    compose.load(made)
    return made


def _filled(template: Path, new: Newcomer) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(new.words)
