"""The published JSON Schemas: of report.json by the types of shape.py, of a ledger line by those that the codec reads.

.venv/bin/python -m mlfleet.report.schema docs/schema

They are draft 2020-12 and kept under docs/schema/; a test holds the files against what is made here.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter

from mlfleet.ledger_lines import BlockBody, CloseBody, Kind, NoteBody, StopBody
from mlfleet.model import SCHEMA, Record, Trial
from mlfleet.report.shape import Report

REPORT, RECORD = "report.schema.json", "record.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
# What each kind of line holds; the others hold nothing.
_BODIES: Mapping[Kind, type] = {
    "start": Trial,
    "record": Record,
    "block": BlockBody,
    "stop": StopBody,
    "note": NoteBody,
    "close": CloseBody,
}


def schemas() -> dict[str, str]:
    """The text of each published file, by its name."""
    made = {REPORT: _report(), RECORD: _line()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in made.items()}


def _report() -> dict[str, object]:
    return {"$schema": _DIALECT, "$id": f"urn:mlfleet:report:{SCHEMA}", **TypeAdapter(Report).json_schema()}


def _line() -> dict[str, object]:
    """Its body is that of its kind."""
    adapters = {kind: TypeAdapter[object](type_) for kind, type_ in _BODIES.items()}
    bodies, shared = TypeAdapter.json_schemas([(kind, "validation", adapter) for kind, adapter in adapters.items()])
    by_kind = {kind: bodies[kind, "validation"] for kind in adapters}
    nothing = {"type": "object", "additionalProperties": False}
    properties: dict[str, object] = {
        "schema": {"const": SCHEMA},
        "seq": {"type": "integer", "minimum": 0},
        "prev": _DIGEST,
        "wall": {"type": "string"},
        "mono_ns": {"type": "integer"},
        "boot": {"type": "string"},
        "kind": {"enum": list(get_args(Kind))},
        "body": {"type": "object"},
    }
    return {
        "$schema": _DIALECT,
        "$id": f"urn:mlfleet:record:{SCHEMA}",
        "title": "Line",
        "description": "A line of ledger.jsonl, without the CRC32 and the space before it.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "oneOf": [
            {"properties": {"kind": {"const": kind}, "body": by_kind.get(kind, nothing)}} for kind in get_args(Kind)
        ],
        **shared,
    }


def main(folder: str) -> None:
    """Write the files into that folder."""
    for name, text in schemas().items():
        (Path(folder) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
