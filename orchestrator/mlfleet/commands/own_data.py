"""`mlfleet data --add` and `--remove`: data sets of the user's own."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mlfleet import tasks
from mlfleet.datasets import own
from mlfleet.datasets.manifest import Entry, Target
from mlfleet.datasets.tabular import Learnt, read
from mlfleet.errors import UsageError

Label = Literal["real", "synthetic"]
_OTHER = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True)
class Added:
    """What the user said of a file."""

    file: Path
    name: str | None
    target: Learnt | None
    column: str | None
    label: Label
    licence: str


def add(asked: Added) -> None:
    """Keep the file as a data set, and say what can be done with it. Raises UsageError, StorageError."""
    if asked.target is None:
        raise UsageError(f"--add needs --target, {' or '.join(get_args(Learnt))}: what is to be learnt of {asked.file}")
    name = own.PREFIX + (asked.name or _OTHER.sub("-", asked.file.stem.lower()).strip("-")).removeprefix(own.PREFIX)
    columns = read(asked.file, asked.target, asked.column)
    digest = hashlib.sha256(asked.file.read_bytes()).hexdigest()
    described = Entry(
        version=digest[:12],
        kind="own",
        source=own.SOURCE,
        licence=asked.licence,
        rows=0,
        columns=0,
        target=asked.target,
        classes=0,
        files=(),
        decoded="",
        label=asked.label,
        note=f"{asked.file.name}, SHA-256 {digest}",
    )
    kept = own.add(name, columns, described)
    classes = f", {kept.classes} classes" if kept.classes else ""
    print(f"{name}: {kept.rows} rows, {kept.columns} columns{classes}, digest {kept.decoded[:12]}, in {own.folder()}")
    fit = [one for one in tasks.names() if _fits(one, name, asked.target)]
    print(f"tasks that take such a target: {', '.join(fit) or 'none'}")
    print(f"in a suite of yours: dataset = {name!r}".replace("'", '"'))


def _fits(task: str, dataset: str, target: Target) -> bool:
    try:
        tasks.get(task).check_target(dataset, target)
    except UsageError:
        return False
    return True


def remove(name: str) -> None:
    """Forget a data set of the user's own. Raises UsageError, StorageError."""
    own.remove(name)
    print(f"{name}: removed")
