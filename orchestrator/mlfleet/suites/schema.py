"""The JSON Schema of a suite, made of what parses one: with it an editor completes keys, tasks and parameters.

`.venv/bin/python -m mlfleet.suites.schema > docs/schema/suite.schema.json` writes it anew. Draft 4, which the TOML
support of every editor reads. What it cannot say, the parser still refuses: that names of workloads differ.
"""

import json
import re
from collections.abc import Sequence
from typing import get_args

from mlfleet import datasets, tasks
from mlfleet.catalogue import BLOCKS, HOUR, METRICS, NAME, SCHEDULES, SIZE, SPAN, THREADS, WORKLOADS
from mlfleet.datasets import own
from mlfleet.datasets.tabular import Learnt
from mlfleet.stats import MIN_BLOCKS
from mlfleet.tasks import Task
from mlfleet.tasks.params import ParamSpec

Schema = dict[str, object]

# Which data sets of the user's own there are, each host knows for itself.
_OWN: Schema = {"type": "string", "pattern": f"^(?:{own.NAME.pattern})$"}
_KINDS: dict[type, str] = {int: "integer", float: "number", bool: "boolean"}


def schema() -> Schema:
    """The schema of a whole file."""
    rows = {"type": "array", "minItems": 1, "maxItems": WORKLOADS, "items": _workload()}
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A suite of mlfleet",
        "description": "What `mlfleet run` measures, and how.",
        **_table({"suite": _suite(), "workload": rows}, ("suite", "workload")),
    }


def text() -> str:
    """The file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _suite() -> Schema:
    """Keys of the table [suite]."""
    keys: dict[str, Schema] = {
        "name": _worded(NAME, "Name of the suite, and of the folders of its runs."),
        "blocks": {
            "anyOf": [{"enum": ["looks"]}, _fixed()],
            "description": f'How often every pair meets: "looks" until it is known to 2 % or the budget is spent, or a '
            f"number from {MIN_BLOCKS} on.",
        },
        "schedule": {
            "enum": list(SCHEDULES),
            "default": "standard",
            "description": "How long trials are: short ones show that all runs, standard ones give ratios to defend.",
        },
        "threads": {**_list(THREADS, "Thread settings; each is a run of its own."), "default": ["1"]},
        "memory": _span(SIZE, 'Limit of each measured container: "2 GiB".'),
        "budget": {**_span(SPAN, 'What each workload may take: "40 s", "15 min".'), "default": "15 min"},
        "limit": _span(SPAN, "What all of it may take: workloads that do not fit are left out, from the end."),
        "margin": {**_margin("Two are called equivalent whose ratio is nearer to 1 than this share."), "default": 0.03},
        "metrics": {**_list(METRICS, "What is compared."), "default": ["time", "memory"]},
        "latency": {
            "type": "boolean",
            "default": False,
            "description": "Whether each trial ends with single iterations, timed one by one, for percentiles.",
        },
    }
    return {**_table(keys, ("name", "blocks", "memory")), "description": "How all workloads are measured."}


def _workload() -> Schema:
    """Keys of a table [[workload]]; what its task wants of data set and parameters is one of many branches."""
    keys: dict[str, Schema] = {
        "name": _worded(NAME, "Name of the workload in every report; stands once in a suite."),
        "task": {"enum": list(tasks.names()), "description": "An algorithm and one operation: `mlfleet list`."},
        "dataset": {
            "anyOf": [{"enum": list(datasets.packaged_names())}, _OWN],
            "description": "What it works on: `mlfleet data --list`.",
        },
        "params": {"type": "object", "description": "The task's parameters, all of them."},
        "seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": HOUR,
            "description": "What an iteration takes on average, where that is long enough to matter to a forecast.",
        },
        "blocks": {**_fixed(), "description": "Blocks of this workload, all measured, in place of the suite's."},
        "budget": _span(SPAN, "What this workload may take, in place of the suite's."),
        "margin": _margin("The margin of this workload, in place of the suite's."),
        "schedule": {"enum": list(SCHEDULES), "description": "How long its trials are, in place of the suite's."},
        "threads": _list(THREADS, "Thread settings of this workload, in place of the suite's."),
        "memory": _span(SIZE, "Limit of the containers of this workload, in place of the suite's."),
        "metrics": _list(METRICS, "What is compared of this workload, in place of the suite's."),
    }
    return {
        **_table(keys, ("name", "task", "dataset")),
        "description": "A task with a data set and parameters.",
        "anyOf": [_branch(tasks.get(name)) for name in tasks.names()],
    }


def _branch(task: Task) -> Schema:
    specs = {name: spec for name, spec in task.params.items() if not spec.derived}
    packaged = [name for name in datasets.packaged_names() if datasets.entry(name).target in task.targets]
    takes_own = not task.golden and not set(task.targets).isdisjoint(get_args(Learnt))
    data: Schema = {"anyOf": [{"enum": packaged}, _OWN]} if takes_own else {"enum": packaged}
    required = [name for name, spec in specs.items() if spec.default is None]
    params = _table({name: _param(spec) for name, spec in specs.items()}, required)
    found: Schema = {"properties": {"task": {"enum": [task.name]}, "dataset": data, "params": params}}
    return {**found, "required": ["params"]} if required else found


def _param(spec: ParamSpec) -> Schema:
    words: list[Schema] = [{"enum": list(spec.words)}] if spec.words else []
    number: list[Schema] = [] if spec.kind is str else [_number(spec)]
    both = [*number, *words]
    found: Schema = both[0] if len(both) == 1 else {"anyOf": both}
    return {**found, "description": spec.awaited}


def _number(spec: ParamSpec) -> Schema:
    found: Schema = {"type": _KINDS[spec.kind]}
    if spec.low is not None:
        found["minimum"] = spec.low
    if spec.above is not None:
        found |= {"minimum": spec.above, "exclusiveMinimum": True}
    if spec.most is not None:
        found["maximum"] = spec.most
    return found


def _table(keys: dict[str, Schema], required: Sequence[str]) -> Schema:
    found: Schema = {"type": "object", "properties": keys, "additionalProperties": False}
    # An empty list of required keys is none to draft 4.
    return {**found, "required": list(required)} if required else found


def _worded(pattern: re.Pattern[str], description: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern.pattern})$", "description": description}


def _span(pattern: re.Pattern[str], description: str) -> Schema:
    """A number with its unit, which is not 0."""
    return {"type": "string", "pattern": f"^(?!0+ )(?:{pattern.pattern})$", "description": description}


def _fixed() -> Schema:
    return {"type": "integer", "minimum": MIN_BLOCKS, "maximum": BLOCKS}


def _margin(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1, "description": description}


def _list(words: Sequence[str], description: str) -> Schema:
    items: Schema = {"enum": list(words)}
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True, "description": description}


if __name__ == "__main__":
    print(text(), end="")
