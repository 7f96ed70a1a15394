"""The JSON Schema of suites says what the parser does: same keys, types, words, and the same files refused."""

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from mlfleet import catalogue, datasets, tasks
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.errors import UsageError
from mlfleet.suites.schema import schema, text

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/schema/suite.schema.json"
SCHEMA = schema()
SUITE, ROW = SCHEMA["properties"]["suite"], SCHEMA["properties"]["workload"]["items"]
WHOLE = {
    "suite": {
        "name": "own",
        "blocks": 5,
        "schedule": "short",
        "threads": ["1", "all"],
        "memory": "2 GiB",
        "budget": "40 s",
        "limit": "1 h",
        "margin": 0.05,
        "metrics": ["time", "cpu", "memory"],
        "latency": True,
    },
    "workload": [
        {
            "name": "a",
            "task": "kmeans.fit",
            "dataset": "iris",
            "params": {"k": 3, "max_iter": 300},
            "seconds": 0.5,
            "blocks": 10,
            "budget": "2 min",
            "margin": 0.1,
            "schedule": "standard",
            "threads": ["all"],
            "memory": "4 GiB",
            "metrics": ["cpu"],
        }
    ],
}
WORDS = {"$schema", "title", "description", "default"}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}


def flaws(rule, value):
    """What a rule of draft 4 has against a value. Knows the words that this schema uses, and no others."""
    found = []
    for word, wanted in rule.items():
        if word in WORDS or word == "exclusiveMinimum":
            continue
        if not CHECKS[word](wanted, value, rule):
            found.append(word)
    return found


def is_type(wanted, value, _):
    return isinstance(value, TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def keys_fit(wanted, value, _):
    return not isinstance(value, dict) or all(not flaws(wanted[key], value[key]) for key in wanted.keys() & value)


def above(wanted, value, rule):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return value > wanted if rule.get("exclusiveMinimum") else value >= wanted


CHECKS = {
    "type": is_type,
    "properties": keys_fit,
    "required": lambda wanted, value, _: not isinstance(value, dict) or set(wanted) <= set(value),
    "additionalProperties": lambda wanted, value, rule: (
        wanted is False and (not isinstance(value, dict) or set(value) <= set(rule["properties"]))
    ),
    "enum": lambda wanted, value, _: any(type(one) is type(value) and one == value for one in wanted),
    "pattern": lambda wanted, value, _: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minimum": above,
    "maximum": lambda wanted, value, _: isinstance(value, bool | str | dict | list) or value <= wanted,
    "items": lambda wanted, value, _: not isinstance(value, list) or all(not flaws(wanted, one) for one in value),
    "minItems": lambda wanted, value, _: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda wanted, value, _: not isinstance(value, list) or len(value) <= wanted,
    "uniqueItems": lambda wanted, value, _: (
        not isinstance(value, list) or len({str(one) for one in value}) == len(value)
    ),
    "anyOf": lambda wanted, value, _: any(not flaws(one, value) for one in wanted),
}


def toml(value):
    """A value as TOML has it in a line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)


def written(document):
    tables = [("[suite]", document["suite"]), *(("[[workload]]", row) for row in document["workload"])]
    return "\n".join(
        line for head, table in tables for line in (head, *(f"{key} = {toml(one)}" for key, one in table.items()))
    )


def parsed(tmp_path, document):
    """Whether the parser takes it."""
    path = tmp_path / "own.toml"
    path.write_text(written(document) + "\n", encoding="utf-8")
    try:
        load_suite(str(path))
    except UsageError:
        return False
    return True


def altered(place, value):
    """The whole document with one value changed; None: left out."""
    document = json.loads(json.dumps(WHOLE))
    table = document["suite"] if place[0] == "suite" else document["workload"][0]
    for key in place[1:-1]:
        table = table[key]
    if value is None:
        del table[place[-1]]
    else:
        table[place[-1]] = value
    return document


def test_the_file_is_what_the_parser_makes_of_itself():
    assert FILE.read_text(encoding="utf-8") == text(), (
        "stale; try: .venv/bin/python -m mlfleet.suites.schema > docs/schema/suite.schema.json"
    )


def test_keys_words_and_names_are_those_of_the_parser():
    assert tuple(SUITE["properties"]) == catalogue.SUITE_KEYS
    assert tuple(ROW["properties"]) == catalogue.WORKLOAD_KEYS
    assert SUITE["properties"]["schedule"]["enum"] == list(catalogue.SCHEDULES)
    assert SUITE["properties"]["metrics"]["items"]["enum"] == list(catalogue.METRICS)
    for table in (SUITE, ROW):
        assert table["properties"]["threads"]["items"]["enum"] == list(catalogue.THREADS)
        assert table["additionalProperties"] is False
    assert ROW["properties"]["task"]["enum"] == list(tasks.names())
    packaged, own = ROW["properties"]["dataset"]["anyOf"]
    assert packaged["enum"] == list(datasets.packaged_names())
    assert re.search(own["pattern"], "own-churn")
    assert not re.search(own["pattern"], "churn")
    takes_own = {
        row["properties"]["task"]["enum"][0] for row in ROW["anyOf"] if "anyOf" in row["properties"]["dataset"]
    }
    assert {"ridge.fit", "kmeans.fit", "knn_classify.predict"} <= takes_own
    # A golden of each payload, and a text.
    assert takes_own.isdisjoint({"svc_ovo.fit", "bert.infer"})
    branches = {branch["properties"]["task"]["enum"][0]: branch["properties"]["params"] for branch in ROW["anyOf"]}
    assert list(branches) == list(tasks.names())
    for name, params in branches.items():
        asked = {key: spec for key, spec in tasks.get(name).params.items() if not spec.derived}
        assert list(params["properties"]) == list(asked)
        assert params.get("required", []) == [key for key, spec in asked.items() if spec.default is None]


def test_every_key_has_a_description_for_editors():
    for table in (SUITE, ROW):
        for name, rule in table["properties"].items():
            assert rule.get("description"), name
    assert all(
        rule["description"] for branch in ROW["anyOf"] for rule in branch["properties"]["params"]["properties"].values()
    )


def test_defaults_are_those_of_the_parser(tmp_path):
    least = {"suite": {key: WHOLE["suite"][key] for key in SUITE["required"]}, "workload": WHOLE["workload"]}
    defaults = {name: rule["default"] for name, rule in SUITE["properties"].items() if "default" in rule}
    suites = []
    for document in (least, {**least, "suite": least["suite"] | defaults}):
        (tmp_path / "own.toml").write_text(written(document))
        suites.append(load_suite(str(tmp_path / "own.toml")))
    assert suites[0] == suites[1]
    optional = set(SUITE["properties"]) - set(SUITE["required"])
    assert optional - set(defaults) == {"limit"}


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_of_the_package_fits_and_names_the_schema(name):
    path = ROOT / "orchestrator/mlfleet/suites" / f"{name}.toml"
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).resolve() == FILE
    assert flaws(SCHEMA, tomllib.loads(rest)) == []
    assert files("mlfleet.suites").joinpath(f"{name}.toml").is_file()


def test_the_whole_document_is_taken_by_both(tmp_path):
    assert set(WHOLE["suite"]) == set(catalogue.SUITE_KEYS)
    assert set(WHOLE["workload"][0]) == set(catalogue.WORKLOAD_KEYS)
    assert flaws(SCHEMA, WHOLE) == []
    assert parsed(tmp_path, WHOLE)


@pytest.mark.parametrize("table", ["suite", "workload"])
def test_the_same_keys_may_be_left_out(tmp_path, table):
    keys = catalogue.SUITE_KEYS if table == "suite" else catalogue.WORKLOAD_KEYS
    for key in keys:
        document = altered((table, key), None)
        assert (flaws(SCHEMA, document) == []) == parsed(tmp_path, document), key


VALUES = [
    (("suite", "name"), "Own", "own suite", "", 3, "a" * 64, "a" * 65),
    (("suite", "blocks"), "looks", "look", 4, 5, 100, 101, True, 5.5),
    (("suite", "schedule"), "standard", "long", 1),
    (("suite", "threads"), ["1"], ["2"], [], ["1", "1"], "1", [1]),
    (("suite", "memory"), "512 MiB", "2 GB", "0 GiB", "2GiB", 2, "1234567 MiB"),
    (("suite", "budget"), "2 h", "15 minutes", "0 s", 40),
    (("suite", "limit"), "15 min", "soon", 15),
    (("suite", "margin"), 1, 1.5, 0, -0.1, "3 %", True),
    (("suite", "metrics"), ["time"], ["energy"], [], ["time", "time"]),
    (("suite", "latency"), False, 1, "yes"),
    (("suite", "itres"), 1),
    (("workload", "name"), "A b", "b", 1),
    (("workload", "task"), "kmeans.fti", "ridge.fit", 1),
    (("workload", "dataset"), "irsi", "wine", "cartpole", 1),
    (("workload", "params"), {"k": 3}, {"k": 3, "max_iter": 300, "tol": 1.0}, {}, [3]),
    (("workload", "params", "k"), 2, 1, 2.5, True, "3"),
    (("workload", "params", "max_iter"), 1, 0),
    (("workload", "seconds"), 0, 3600, 3601, -1, "1", True),
    (("workload", "blocks"), 12, 4, "looks", 101, True),
    (("workload", "budget"), "1 min", "0 min", 1),
    (("workload", "margin"), 0.5, 0, 2),
    (("workload", "threads"), ["all", "1"], ["2"], []),
    (("workload", "schedule"), "short", "long"),
    (("workload", "memory"), "512 MiB", "0 GiB", 4),
    (("workload", "metrics"), ["time"], ["energy"], []),
    (("workload", "limit"), "1 h"),
]


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, *values in VALUES for value in values])
def test_a_value_is_taken_by_both_or_refused_by_both(tmp_path, place, value):
    document = altered(place, value)
    assert (flaws(SCHEMA, document) == []) == parsed(tmp_path, document)


OTHER = {
    "a word for a number": ("ridge.predict", "diabetes", {"alpha": 1.0, "batch": "all"}),
    "another word": ("ridge.predict", "diabetes", {"alpha": 1.0, "batch": "some"}),
    "a whole number for a number": ("ridge.predict", "diabetes", {"alpha": 1, "batch": 32}),
    "a number for a whole number": ("ridge.predict", "diabetes", {"alpha": 1.0, "batch": 3.5}),
    "below the least": ("ridge.fit", "diabetes", {"alpha": -1.0}),
    "a target that the task cannot use": ("ridge.fit", "iris", {"alpha": 1.0}),
    "a text": ("gd_regression.fit", "gd-syn", {"rows": 100, "lr": 0.05, "iterations": 9, "schedule": "fused"}),
    "another text": ("gd_regression.fit", "gd-syn", {"rows": 100, "lr": 0.05, "iterations": 9, "schedule": "x"}),
    "not above the least": ("gd_regression.fit", "gd-syn", {"rows": 100, "lr": 0, "iterations": 9, "schedule": "gram"}),
    "a flag": ("control.alloc", "control", {"mib": 3, "hold_ms": 2, "shared": False}),
    "no flag": ("control.alloc", "control", {"mib": 3, "hold_ms": 2, "shared": 0}),
    "beyond the most": ("control.alloc", "control", {"mib": 10**9, "hold_ms": 2, "shared": True}),
    "no parameters": ("control.noop", "control", {}),
    "parameters of a task that has none": ("control.noop", "control", {"x": 1}),
}


@pytest.mark.parametrize(("task", "dataset", "params"), OTHER.values(), ids=OTHER)
def test_parameters_of_other_tasks_are_taken_by_both_or_refused_by_both(tmp_path, task, dataset, params):
    row = {"name": "a", "task": task, "dataset": dataset, "params": params}
    document = {"suite": WHOLE["suite"], "workload": [row]}
    assert (flaws(SCHEMA, document) == []) == parsed(tmp_path, document)


def test_what_only_the_parser_can_see_is_refused_by_it(tmp_path):
    twins = {"suite": WHOLE["suite"], "workload": WHOLE["workload"] * 2}
    assert flaws(SCHEMA, twins) == []
    assert not parsed(tmp_path, twins)
    assert flaws(SCHEMA, {"suite": WHOLE["suite"], "workload": []}) == ["properties"]
    assert flaws(SCHEMA, {"suite": WHOLE["suite"]}) == ["required"]
