"""What other releases of a framework need beside them: `versions.toml`, a table beside the adapter that knows it."""

import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mlfleet.errors import HostError, printable
from mlfleet.model import STRICT
from mlfleet.suites.strict_toml import read

NAME = "versions.toml"
# In the place of a layer's tag: the plain base image.
NO_LAYER = "none"


@dataclass(frozen=True, config=STRICT)
class Row:
    """Releases that need the same."""

    # A range, as PEP 440 writes it: ">=0.7.0,<0.8".
    of: str
    # Requirements in the place of those that the adapter's manifest has, by package.
    with_: Annotated[Mapping[str, str], Field(alias="with")] = field(default_factory=dict)
    # Versions in the place of those that a plain resolve picks, by package.
    lock: Mapping[str, str] = field(default_factory=dict)
    # Features of the adapter's crate that the release cannot have, of those that are its default.
    without: tuple[str, ...] = ()
    # The tag of the layer that it stands on, NO_LAYER for none; absent: today's.
    layer: str | None = None
    # Why it cannot be built; absent: it can.
    refused: str | None = None

    def holds(self, version: str) -> bool:
        """Whether that release is of this row."""
        return SpecifierSet(self.of).contains(Version(version), prereleases=True)


_ROWS = TypeAdapter(tuple[Row, ...])


def row_of(key: str, version: str, folder: Path) -> Row:
    """What that release needs; what no row holds is tried with today's.

    Raises HostError where the table refuses it, UsageError for a table that cannot be read.
    """
    rows = read_table(folder / NAME)
    row = next((one for one in rows if one.holds(version)), Row(of=f"=={version}"))
    if row.refused is not None:
        known = "; ".join(_shown(one) for one in rows if one.refused is None) or "none"
        raise HostError(f"{key} {version} is not built: {row.refused}. Known: {known}")
    return row


def _shown(row: Row) -> str:
    return row.of if row.layer in (None, NO_LAYER) else f"{row.of} on {row.layer}"


def read_table(path: Path) -> tuple[Row, ...]:
    """Its rows in their order, none where there is no file. Raises UsageError with the line that cannot be read."""
    if not path.is_file():
        return ()
    document = read(path)
    if set(document.data) != {"releases"} or not isinstance(document.data["releases"], list):
        document.refuse(f"awaited [[releases]] alone, found {printable(', '.join(document.data)) or 'nothing'}")
    try:
        # As JSON, since strict rows are not made of dicts.
        rows = _ROWS.validate_json(json.dumps(document.data["releases"]))
    except ValidationError as error:
        first = error.errors()[0]
        number, *where = first["loc"]
        key = str(where[0]) if where else ""
        document.refuse(f"{key}: {first['msg']}", "releases", int(number), key)
    for number, row in enumerate(rows):
        try:
            SpecifierSet(row.of)
        except InvalidSpecifier as error:
            document.refuse(f"{printable(str(error))}; awaited a range: '>=0.7,<0.8'", "releases", number, "of")
    return rows
