"""What a task must refuse, derived from what the orchestrator knows of it; no task is named.

Each wrong thing comes with the words that the service's message must hold: what was found, and what was awaited.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mlfleet import datasets
from mlfleet.errors import UsageError
from mlfleet.payload import Arrays

STRAY = "stray"
# Of each dtype of a payload one of the same kind, or nearly, and another size.
OTHER_SIZE = {"<f8": "f4", "<f4": "f8", "<i8": "i4", "<i4": "i8", "|u1": "i4", "|b1": "u1"}


@dataclass(frozen=True)
class Wrong:
    """A wrong parameter or tensor in place of an honest one."""

    what: str
    # All parameters or all inputs, one of them wrong.
    values: dict[str, Any]
    words: tuple[str, ...]


def wrong_params(case) -> Iterator[Wrong]:
    params = case.case.params
    yield Wrong("unknown", {**params, STRAY: 1}, (STRAY, *params))
    for name in params:
        left = {other: value for other, value in params.items() if other != name}
        yield Wrong(f"{name} missing", left, (name,))
        for value in (*_ill_typed(case, name), *_out_of_range(case, name)):
            words = (name, f"{value:g}" if isinstance(value, float) else str(value))
            yield Wrong(f"{name} = {value!r}", {**params, name: value}, (*words, "awaited"))
        for value, rows in _above_rows(case, name):
            yield Wrong(f"{name} = {value}", {**params, name: value}, (name, str(value), str(rows)))


def _ill_typed(case, name):
    """A value of every other type, but a whole number where a real one is awaited."""
    kind = case.task.params[name].kind
    fits = (int, float) if kind is float else (kind,)
    yield from (value for value in (1, 1.5, "1", True) if type(value) not in fits)
    if kind is float:
        yield from (float("nan"), float("inf"))


def _out_of_range(case, name):
    spec = case.task.params[name]
    if spec.kind is str:
        yield "no-such-word"
    if spec.low is not None:
        yield spec.kind(spec.low - 1)
    if spec.above is not None:
        yield spec.kind(spec.above)
        yield spec.kind(spec.above - 1)
    if spec.most is not None:
        yield spec.most + 1


def _above_rows(case, name):
    """One more than an input has rows, where the orchestrator's task refuses that; the least of these is the limit."""
    spec = case.task.params[name]
    if spec.kind is int and not spec.derived:
        lengths = sorted({len(array) for array in case.case.inputs.values() if array.ndim})
        refused = [rows for rows in lengths if not case.accepts(name, rows + 1)]
        yield from ((rows + 1, refused[0]) for rows in refused)


def wrong_inputs(case) -> Iterator[Wrong]:
    inputs = case.case.inputs
    yield Wrong("unknown", {**inputs, STRAY: np.zeros(1)}, (STRAY, *_groups(inputs)))
    for name in _groups(inputs).values():
        left = {other: array for other, array in inputs.items() if other != name}
        yield Wrong(f"{name} missing", left or {STRAY: np.zeros(1)}, (name,))
        if case.typed:
            yield from _ill_formed(inputs, name)
    yield from _apart(inputs)
    yield from _regrouped(inputs)
    yield from _too_long(case)
    yield from _wrong_folds(inputs)
    yield from _deficient(case)
    if {"machines", "classes"} & case.case.planned.keys():
        yield from _one_class(inputs)
        if "folds" in inputs:
            yield from _lone_class(inputs)


def _groups(inputs: Arrays) -> dict[str, str]:
    """What a service awaits: tensors, and groups such as a model's weights, each with one tensor that stands for it."""
    return {name.partition(".")[0]: name for name in reversed(inputs)}


def _regrouped(inputs: Arrays) -> Iterator[Wrong]:
    """A tensor more in a group, of a name that the model does not have."""
    for group, name in _groups(inputs).items():
        if group != name:
            more = f"{group}.{STRAY}"
            yield Wrong(f"{more} beside {name}", {**inputs, more: inputs[name]}, (more,))


def _ill_formed(inputs: Arrays, name) -> Iterator[Wrong]:
    array = inputs[name]
    other = np.dtype("f8") if array.dtype.kind == "i" else np.dtype("i8")
    sized = np.dtype(OTHER_SIZE[array.dtype.str])
    changed = {
        f"of {other}": array.astype(other),
        f"of {sized}": array.astype(sized),
        "of one more dimension": array[np.newaxis],
        "of no dimension": np.asarray(array.flat[0]),
    }
    for what, value in changed.items():
        yield Wrong(f"{name} {what}", {**inputs, name: value}, (name, "awaited"))
    if array.dtype.kind == "f":
        for value in (np.nan, -np.inf):
            spoilt = array.copy()
            spoilt.flat[-1] = value
            yield Wrong(f"{name} with {value}", {**inputs, name: spoilt}, (name, "nan"))


def _apart(inputs: Arrays) -> Iterator[Wrong]:
    """Two inputs that agree in the length of an axis must go on agreeing."""
    for name, array in ((name, inputs[name]) for name in _groups(inputs).values()):
        for axis, length in enumerate(array.shape):
            if any(length == other.shape[axis] for other in _others(inputs, name) if other.ndim > axis):
                shorter = np.ascontiguousarray(array.take(range(length - 1), axis))
                words = (str(length - 1), str(length))
                yield Wrong(f"{name} shorter on axis {axis}", {**inputs, name: shorter}, words)


def _others(inputs: Arrays, name):
    return [array for other, array in inputs.items() if other != name]


def _too_long(case) -> Iterator[Wrong]:
    """A parameter that only shapes the payload is the length of an input; where it has a limit, the service sees it."""
    inputs = case.case.inputs
    for name in [name for name, spec in case.task.params.items() if not spec.wire]:
        for key in [key for key, array in inputs.items() if len(array) == case.workload.params.get(name)]:
            rows = max((len(array) for array in _others(inputs, key)), default=0)
            if case.accepts(name, rows + 1):
                continue
            longer = np.resize(inputs[key], (rows + 1, *inputs[key].shape[1:]))
            yield Wrong(f"{key} as long as {name} = {rows + 1}", {**inputs, key: longer}, (str(rows + 1), str(rows)))


def _one_class(inputs: Arrays) -> Iterator[Wrong]:
    for name in [name for name, array in inputs.items() if array.dtype.kind == "i"]:
        yield Wrong(f"{name} of one class", {**inputs, name: np.zeros_like(inputs[name])}, (name, "1", "2"))


def _wrong_folds(inputs: Arrays) -> Iterator[Wrong]:
    """Every fold from 0 to the last must hold rows out, and leave rows to fit."""
    if "folds" in inputs:
        ids = inputs["folds"]
        changed = {"without fold 1": np.where(ids == 1, 0, ids), "of one fold": 0 * ids, "from -1": ids - 1}
        for what, folds in changed.items():
            yield Wrong(f"folds {what}", {**inputs, "folds": folds}, ("folds", "awaited"))


def _deficient(case) -> Iterator[Wrong]:
    """A constant column, where the orchestrator's task refuses data of less than full rank."""
    dataset = datasets.load(case.workload.dataset)
    if dataset.x.ndim != 2 or "x_train" not in case.case.inputs:
        return
    flat = dataset.x.copy()
    flat[:, 0] = 1
    try:
        case.task.case(replace(dataset, x=flat), case.workload.params, 1)
    except UsageError as error:
        if "rank" in str(error):
            x = case.case.inputs["x_train"].copy()
            x[:, 0] = 1
            words = ("x_train", f"rank {x.shape[1] - 1}", str(x.shape[1]))
            yield Wrong("x_train with a constant column", {**case.case.inputs, "x_train": x}, words)


def _lone_class(inputs: Arrays) -> Iterator[Wrong]:
    """A fold that holds out all rows of a class."""
    folds, y = inputs["folds"], inputs["y_train"]
    alone = np.where(y == 1, 0, np.maximum(folds, 1))
    yield Wrong("a fold of all rows of a class", {**inputs, "folds": alone}, ("folds", "fold 0", "1 class", "2"))
