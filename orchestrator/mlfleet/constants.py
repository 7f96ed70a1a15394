"""Every number of the rules that decided something in a run, by module and name, for run.json.

A constant stands beside its rule; here are the modules that hold such rules. What is written is what was used: a later
reader need not know which version of mlfleet had which number.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import ModuleType

from mlfleet import (
    advice,
    charged,
    compare,
    course,
    deadlines,
    disturbed,
    gates,
    host,
    judged,
    looks,
    noise,
    parity,
    quiet,
    resolution,
    roofline,
    runner,
    schedule,
    sizing,
    stats,
    summary,
    values,
)
from mlfleet.meters import sampler, sentinel
from mlfleet.tasks import bounds

MODULES: tuple[ModuleType, ...] = (
    schedule, deadlines, host, sizing, runner, course, looks, sampler, stats, values, parity, compare,
    summary, advice, noise, disturbed, sentinel, quiet, gates, judged, roofline, bounds, resolution,
    charged,
)  # fmt: skip


@cache
def constants(modules: tuple[ModuleType, ...] = MODULES) -> dict[str, float | int]:
    """`schedule.CALIBRATION_NS`, `looks.LOOKS.1`, `schedule.RULES.short.turns`: each number of a module's constants.

    Once a process: where a source is edited meanwhile, it no longer says what this process runs.
    """
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": number
        for module in modules
        for constant in _defined(module)
        for name, number in _numbers(constant.lstrip("_"), vars(module)[constant])
    }


def _defined(module: ModuleType) -> list[str]:
    """Constants that the module itself defines: what it imports stands under its own module's name."""
    assigned = [
        node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    targets = [
        target for node in assigned for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name for name in names if name.isupper()]


def _numbers(name: str, value: object) -> Iterator[tuple[str, float | int]]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield name, value
        return
    parts: Mapping[object, object] = {}
    if isinstance(value, Mapping):
        parts = value
    elif isinstance(value, tuple):
        parts = dict(enumerate(value, start=1))
    elif is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
    for key, part in parts.items():
        yield from _numbers(f"{name}.{key}", part)
