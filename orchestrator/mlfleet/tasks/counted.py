"""Controls that do a counted amount of one thing: loops, memory read, sleep, CPU time, memory held.

`mlfleet validate` holds the harness's readings and ratios against these counts. What was done shows in the outputs, so
no count is taken on trust.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Equal, Metrics
from mlfleet.tasks.params import ParamSpec

# Numerical Recipes' generator, of which every state needs the one before.
MULTIPLIER, INCREMENT, MODULUS = 1_664_525, 1_013_904_223, 1 << 32
# Numbers in a chunk: 64 KiB of i64.
CHUNK = 1 << 13
PAGE_BYTES = 4096
# What a page of `control.alloc` holds: its number modulo this.
VALUES = 251
_MOST_UNITS, _MOST_CHUNKS, _MOST_MS, _MOST_MIB = 1_000_000_000, 1 << 16, 60_000, 4096


def with_share(name: str, count: int, percent: int) -> int:
    """The count and its share more. Raises UsageError for a share that is not whole: rounded, it is another share."""
    extra, rest = divmod(count * percent, 100)
    if rest:
        raise UsageError(f"{percent} % of {name} {count} is not whole; try: {name} a multiple of 100")
    return count + extra


def state_after(start: int, units: int) -> int:
    """The generator's state after that many units, by squaring its step instead of walking."""
    state, factor, summand = start % MODULUS, MULTIPLIER, INCREMENT
    while units:
        if units & 1:
            state = (state * factor + summand) % MODULUS
        factor, summand, units = factor * factor % MODULUS, (factor * summand + summand) % MODULUS, units >> 1
    return state


def _delay(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    total = with_share("units", int(params["units"]), int(params["percent"]))
    start = len(dataset.x)
    return _case("control.delay", dataset, params, "state", {"units": total}, state_after(start, total))


def _sweep(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """A buffer holds start, start + 1, and so on; whoever leaves out a chunk, or reads one twice, has another sum."""
    del seed
    chunks = int(params["chunks"])
    total = with_share("chunks", chunks, int(params["percent"]))
    start = len(dataset.x)
    rounds, rest = divmod(total, chunks)
    right = rounds * _sum(start, chunks * CHUNK) + _sum(start, rest * CHUNK)
    return _case("control.sweep", dataset, params, "sum", {"chunks": total}, right)


def _sum(start: int, count: int) -> int:
    return count * start + count * (count - 1) // 2


def _wait(name: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    return _case(name, dataset, params, "start", {"ms": int(params["ms"])}, len(dataset.x))


def _alloc(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    size = int(params["mib"]) << 20
    written = (np.arange(size // PAGE_BYTES) + len(dataset.x)) % VALUES
    return _case("control.alloc", dataset, params, "sum", {"bytes": size}, int(written.sum()))


def _case(
    name: str, dataset: Dataset, params: Mapping[str, Param], output: str, planned: Mapping[str, int], right: int
) -> Case:
    return Case(
        task=name,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"start": np.array([len(dataset.x)])},
        params=params,
        outputs={output: Output("I64", ())},
        planned=planned,
        criteria=(Equal(output),),
        guess={output: np.asarray(0)},
        reference={output: np.asarray(right)},
    )


def _equal(case: Case, outputs: Arrays) -> Metrics:
    return {"equal": float(all(outputs[name] == right for name, right in case.reference.items()))}


def _task(name: str, output: str, unit_key: str, unit: str, params: Mapping[str, ParamSpec], **made: Any) -> Task:  # noqa: ANN401 - the task's own `make`
    return Task(
        name=name,
        stage="infer",
        unit_key=unit_key,
        unit=unit,
        targets=("none",),
        params=params,
        metrics=_equal,
        decides="equal",
        direction=1,
        criteria=(Equal(output),),
        **made,
    )


_PERCENT = ParamSpec(int, low=0, most=100)
_MS = {"ms": ParamSpec(int, low=1, most=_MOST_MS)}

TASKS = (
    _task(
        "control.delay",
        "state",
        "units",
        "unit",
        {"units": ParamSpec(int, low=1, most=_MOST_UNITS), "percent": _PERCENT},
        make=_delay,
        nudged="units",
    ),
    _task(
        "control.sweep",
        "sum",
        "chunks",
        "chunk",
        {"chunks": ParamSpec(int, low=1, most=_MOST_CHUNKS), "percent": _PERCENT},
        make=_sweep,
    ),
    _task("control.sleep", "start", "ms", "ms", _MS, make=partial(_wait, "control.sleep")),
    _task("control.spin", "start", "ms", "ms", _MS, make=partial(_wait, "control.spin")),
    _task(
        "control.alloc",
        "sum",
        "bytes",
        "byte",
        {
            "mib": ParamSpec(int, low=1, most=_MOST_MIB),
            "hold_ms": ParamSpec(int, low=0, most=_MOST_MS),
            "shared": ParamSpec(bool),
        },
        make=_alloc,
    ),
)
