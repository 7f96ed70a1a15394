"""`mlfleet new-framework`: a service that passes its first check, to be made into an adapter."""

import re
from typing import get_args

import click
from packaging.version import Version

from mlfleet import compose
from mlfleet.builders.versions.releases import releases
from mlfleet.commands.common import ROOT
from mlfleet.compose import Language
from mlfleet.errors import HostError, UsageError, printable
from mlfleet.newcomer import COMPOSE, OWN_VERSION, PYTHON, Newcomer, add

_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,100})(?:==([A-Za-z0-9][A-Za-z0-9._]{0,60}))?")
# The task that the templates have worked out.
_TASK = "ridge.fit"


@click.command("new-framework")
@click.argument("name")
@click.option("--language", type=click.Choice(get_args(Language)), required=True, help="Python or Rust.")
@click.option(
    "--package",
    metavar="NAME[==VERSION]",
    help="What a Python service stands on, by its name on the index; by default in its latest release for our Python.",
)
def new_framework(name: str, language: Language, package: str | None) -> None:
    """Begin a service NAME: its folder from a template with one task, and its stanza in compose.yaml.

    It builds and passes its check as it is. NAME is lower case with hyphens: the folder, the image, and the name in
    every report.
    """
    new = Newcomer(name, language, *_pinned(package, language))
    for path in add(new, ROOT):
        print(path.relative_to(ROOT))
    print("next:")
    for line in _next(new):
        print(f"  {line}")


def _pinned(package: str | None, language: Language) -> tuple[str, str]:
    """Name and version of the package. Raises UsageError, HostError where the index has no release of it."""
    if package is None:
        return "", OWN_VERSION
    if language != "python":
        raise UsageError("--package is of Python services; a crate's dependencies are added by cargo add")
    found = _PACKAGE.fullmatch(package)
    if found is None:
        raise UsageError(f"--package {printable(package)!r}: awaited NAME or NAME==VERSION, such as xgboost==3.1.2")
    return found[1], found[2] or _latest(found[1])


def _latest(package: str) -> str:
    """The latest stable release that the services' Python can run."""
    stable = [one for one in releases(package) if not Version(one.version).is_prerelease]
    fit = [one.version for one in stable if one.runs_on(PYTHON)]
    if not fit:
        what = f"for Python {PYTHON}, which services run" if stable else "that is stable"
        raise HostError(f"{package} has no release {what}; try: --package {package}==VERSION")
    return fit[-1]


def _next(new: Newcomer) -> list[str]:
    """Every command up to the first comparison."""
    known = compose.load(ROOT / COMPOSE)
    other = next(one.key for one in known if not one.control)
    # A run needs the controls, and a crate changes the lock that all of Rust is built from.
    beside = " ".join((other, *(one.key for one in known if one.control)))
    lock = {
        "python": f".venv/bin/uv lock --project services/{compose.folder(new.key, 'python')}",
        "rust": f"(cd rust_services && cargo check --quiet -p mlfleet-{new.key})",
    }
    return [
        lock[new.language],
        f".venv/bin/mlfleet build {new.key} {beside}",
        f".venv/bin/mlfleet check {new.key}",
        f".venv/bin/mlfleet run smoke --workloads '{_TASK}*' --frameworks {other} --frameworks {new.key}",
    ]
