"""The published JSON Schemas: fresh, and what a run writes is valid by them to the last field."""

import json
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_args

import pytest
import samples
from mlfleet.codec import canonical, decode
from mlfleet.errors import StorageError
from mlfleet.ledger_lines import _FIELDS, Kind, StopBody
from mlfleet.model import Calibration, Phase, Reading, Record, Sample, Sentinel, Turn
from mlfleet.report import report_json
from mlfleet.report.schema import RECORD, REPORT, schemas
from mlfleet.report.shape import Report
from mlfleet.resolution import Limit, Resolution
from mlfleet.table import fold
from runs import write_run
from samples import Cell

FOLDER = Path(__file__).parents[2] / "docs/schema"
WORDS = {"$schema", "$id", "$defs", "title", "description", "default"}
# Of a trial that passed.
LEFT_EMPTY = {"reason", "findings"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def flaws(rule, value, root, at="$"):
    """What a schema of draft 2020-12 has against a value. Knows the words that these schemas use, and no others."""
    found = []
    for word in rule.keys() - WORDS:
        found += CHECKS[word](rule[word], value, (rule, root, at))
    return found


def reference(name, value, context):
    _, root, at = context
    return flaws(root["$defs"][name.removeprefix("#/$defs/")], value, root, at)


def members(wanted, value, context):
    _, root, at = context
    keys = wanted.keys() & value if isinstance(value, dict) else ()
    return [flaw for key in keys for flaw in flaws(wanted[key], value[key], root, f"{at}.{key}")]


def others(wanted, value, context):
    """Members that `properties` does not name."""
    rule, root, at = context
    left = value.keys() - rule.get("properties", {}) if isinstance(value, dict) else ()
    if wanted is False:
        return [f"{at}.{key}: unknown" for key in left]
    return [flaw for key in left for flaw in flaws(wanted, value[key], root, f"{at}.{key}")]


def items(wanted, value, context):
    rule, root, at = context
    left = value[len(rule.get("prefixItems", ())) :] if isinstance(value, list) else ()
    return [flaw for number, one in enumerate(left) for flaw in flaws(wanted, one, root, f"{at}[{number}]")]


def choices(most):
    def check(wanted, value, context):
        _, root, at = context
        tried = [flaws(one, value, root, at) for one in wanted]
        fit = sum(not one for one in tried)
        return [] if 1 <= fit <= most else [f"{at}: fits {fit} of {len(wanted)}: {min(tried, key=len)}"]

    return check


def names(wanted, value, context):
    _, root, at = context
    keys = value if isinstance(value, dict) else ()
    return [flaw for key in keys for flaw in flaws(wanted, key, root, f"{at} (name)")]


def simple(holds):
    def check(wanted, value, context):
        return [] if holds(wanted, value) else [f"{context[2]}: {value!r}, awaited {wanted!r}"]

    return check


CHECKS = {
    "$ref": reference,
    "properties": members,
    "additionalProperties": others,
    "propertyNames": names,
    "items": items,
    "anyOf": choices(most=99),
    "oneOf": choices(most=1),
    "type": simple(lambda wanted, value: TYPES[wanted](value)),
    "required": simple(lambda wanted, value: not isinstance(value, dict) or set(wanted) <= value.keys()),
    "enum": simple(lambda wanted, value: value in wanted),
    "const": simple(lambda wanted, value: value == wanted and isinstance(value, bool) == isinstance(wanted, bool)),
    "minimum": simple(lambda wanted, value: not isinstance(value, int) or value >= wanted),
    "pattern": simple(lambda wanted, value: not isinstance(value, str) or re.search(wanted, value) is not None),
}


def schema(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def report_flaws(report):
    found = schema(REPORT)
    return flaws(found, report, found)


def line_flaws(line):
    found = schema(RECORD)
    return flaws(found, line, found)


def resolved():
    """The sample run on a host that was validated, measured with looks: every part of a report has something in it."""
    cells = {f"ridge.fit-w{number}": {"sklearn": Cell(1e6, 101.5), "linfa": Cell(2e6, 3.25)} for number in range(9)}
    table = samples.table(cells)
    limit = Limit("1 thread", "short", "time", "compute", 0.004, 40, 4, 10)
    run = replace(table.run, resolution=Resolution("validation-1", "2026-01-01", (limit,)))
    records = [one for cell in table.cells for one in cell.records]
    return fold(run, records, (), [StopBody("ridge.fit-w0", "precision", 10)])


REPORTS = {
    "of every outcome": samples.table,
    "of many workloads": resolved,
    "of no record": lambda: fold(samples.run_file(), []),
    "of one block": lambda: samples.table(blocks=1),
}


@pytest.mark.parametrize("name", [REPORT, RECORD])
def test_the_files_are_what_the_types_make(name):
    made = schemas()
    assert set(made) == {REPORT, RECORD}
    assert (FOLDER / name).read_text(encoding="utf-8") == made[name], (
        "stale; try: .venv/bin/python -m mlfleet.report.schema docs/schema"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_valid_by_the_file_and_by_the_types(name):
    report = json.loads(json.dumps(report_json(REPORTS[name]())))
    assert report_flaws(report) == []
    decode(Report, canonical(report))


def test_the_reports_of_this_test_leave_no_part_of_a_report_empty():
    made = [report_json(make()) for make in REPORTS.values()]
    for key in ("cells", "comparisons", "stops", "resolution", "summaries", "advice"):
        assert any(one[key] for one in made), key
    assert any(summary["means"] for one in made for summary in one["summaries"])
    for key in ("unflagged", "difference", "compares", "ratio"):
        assert any(pair[key] for one in made for pair in one["comparisons"]), key


def objects(value, place=()):
    """Where an object with known keys stands in a report."""
    if isinstance(value, dict):
        yield place
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(inner, (*place, key))


def test_a_field_that_the_schema_lacks_is_seen_in_every_object():
    report = json.loads(json.dumps(report_json(resolved())))
    named = {"cells", "comparisons", "multiplicity", "resolution", "summaries", "advice", "stops"}
    # Any label may come, with how often it did.
    places = [place for place in objects(report) if place[-1:] != ("labels",)]
    assert len({place[0] for place in places if place} & named) == len(named)
    seen = set()
    for place in places:
        kind = tuple("" if isinstance(key, int) else key for key in place)
        if kind in seen:
            continue
        seen.add(kind)
        changed = deepcopy(report)
        inner = changed
        for key in place:
            inner = inner[key]
        inner["surprise"] = 1
        assert report_flaws(changed), place
        with pytest.raises(StorageError):
            decode(Report, canonical(changed))


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("run",), None),
        (("cells", 0, "verdict"), "fine"),
        (("cells", 0, "trials"), "5"),
        (("cells", 0, "estimates", "time", "unit"), "ms"),
        (("comparisons", 0, "outcome"), "faster"),
        (("comparisons", 0, "ratio"), "1.0"),
        (("comparisons", 0, "reasons"), "wide"),
        (("multiplicity", "alpha"), None),
    ],
)
def test_a_value_of_another_kind_is_seen(place, wrong):
    report = json.loads(json.dumps(report_json(samples.table())))
    inner = report
    for key in place[:-1]:
        inner = inner[key]
    assert place[-1] in inner
    inner[place[-1]] = wrong
    assert report_flaws(report)


def test_a_field_that_is_missing_is_seen():
    report = json.loads(json.dumps(report_json(samples.table())))
    for key in list(report):
        assert report_flaws({name: value for name, value in report.items() if name != key}), key
    for part in ("cells", "comparisons"):
        for key in report[part][0]:
            changed = deepcopy(report)
            del changed[part][0][key]
            assert report_flaws(changed), key


def whole(record):
    """A record in which every part is there."""
    reading = Reading(5, "ns", "x", method="sampled")
    turn = Turn(
        1, 1, 1, 1, 2, record.turns[0].samples, {"cpu_ns": reading}, 3, 4, (Sentinel(reading, reading),), ("load",)
    )
    parts = {
        "clock": "own",
        "calibration": Calibration(1, 4, 1, 1, 2.5),
        "phases": (Phase("prepare", 1, 2, {"cpu_ns": Reading(None, "ns", "x", "lost")}),),
        "warm_up": (Sample(1, 2, 3),),
        "latency": turn,
        "turns": (turn,),
        "flags": ("contended",),
        "labels": ("waits",),
        "linear": (Sample(1, 2, 3),),
        "linear_waited_ns": (1, None),
        "linear_cpu_ns": (4,),
        "idle_cpu": reading,
        "turn_outputs": (samples.SHA,),
        "log_tail": "end",
    }
    return replace(record, **parts)


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """Lines of a whole run, as they were written."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    cells = {"ridge.fit-diabetes": {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
    run = write_run(
        tmp_path / "run",
        cells,
        change=lambda record: whole(record) if record.trial.block == 2 else record,
        stops=[StopBody("ridge.fit-diabetes", "precision", 5)],
    )
    return [json.loads(line.partition(" ")[2]) for line in (run / "ledger.jsonl").read_text().splitlines()]


def test_every_line_of_a_ledger_is_valid(ledger):
    assert {line["kind"] for line in ledger} == {"open", "start", "record", "block", "stop", "close"}
    for line in ledger:
        assert line_flaws(line) == []
    full = [line["body"] for line in ledger if line["kind"] == "record" and line["body"]["latency"]]
    assert full
    assert all(full[0][one.name] not in (None, [], {}) for one in fields(Record) if one.name not in LEFT_EMPTY)


def test_a_line_is_that_of_its_kind(ledger):
    record = next(line for line in ledger if line["kind"] == "record")
    for kind in set(get_args(Kind)) - {"record"}:
        assert line_flaws(record | {"kind": kind}), kind
    assert line_flaws(record | {"kind": "other"})
    note = record | {"kind": "note", "body": {"code": "torn", "detail": "torn-1"}}
    assert line_flaws(note) == []
    assert line_flaws(record | {"kind": "resume", "body": {}}) == []
    assert line_flaws(record | {"kind": "resume", "body": {"x": 1}})


def test_a_field_that_the_schema_of_a_record_lacks_is_seen(ledger):
    record = next(line for line in ledger if line["kind"] == "record" and line["body"]["latency"])
    for path in [(), ("body",), ("body", "trial"), ("body", "identity"), ("body", "turns", 0), ("body", "quality")]:
        changed = deepcopy(record)
        inner = changed
        for key in path:
            inner = inner[key]
        inner["surprise"] = 1
        assert line_flaws(changed), path


def test_the_head_of_a_line_is_the_ledgers():
    found = schema(RECORD)
    assert set(found["properties"]) == set(found["required"]) == _FIELDS
    assert [one["properties"]["kind"]["const"] for one in found["oneOf"]] == list(get_args(Kind))


def test_no_object_of_known_fields_is_open():
    for name in (REPORT, RECORD):
        for title, rule in schema(name)["$defs"].items():
            if rule.get("type") == "object":
                assert rule["additionalProperties"] is False, title
                assert isinstance(rule["properties"], Mapping)


def test_every_field_of_a_record_is_in_its_schema():
    known = schema(RECORD)["$defs"]
    assert is_dataclass(Record)
    assert list(known["Record"]["properties"]) == [one.name for one in fields(Record)]
