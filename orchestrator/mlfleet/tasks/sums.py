"""Sums of whole numbers: what a loop costs in a language, and three things that are often taken for it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Size, Task
from mlfleet.tasks.criteria import Equal, Metrics
from mlfleet.tasks.params import ParamSpec

_CHUNKED, _ARANGE = "sum.chunked", "sum.arange"
_CRITERIA = (Equal("sum"),)
# n (n + 1), before it is halved, fits 64 bits.
_MOST_TERMS = 3_000_000_000
# Of those that are all in memory at once: 8 GB.
_MOST_ELEMENTS = 1_000_000_000
# Numbers of a range of `sum.chunked`: the adapters have the same.
CHUNK = 1_000_000
# What a buffer may hold at most, so that no sum of 31-bit numbers leaves 64 bits.
_MOST_NUMBERS = 1 << 31


def _loop(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """Buffers i64[buffers,m]; an iteration sums the next one, and outputs answer buffer 0.

    The numbers exist in memory, and in rotation they come from there as long as the payload, 8 m x buffers bytes, is at
    least four times the host's last-level cache: then at most a quarter is still in it when its turn comes again.
    """
    del seed
    if dataset.x.dtype != np.int64:
        raise UsageError(f"sum.loop cannot use dataset {dataset.name!r}: it holds {dataset.x.dtype}, int64 awaited")
    m, buffers = int(params["m"]), int(params["buffers"])
    numbers = np.resize(dataset.x.ravel(), m)
    # Each has a sum of its own, so that the answer tells which one was read.
    delivered = numbers + np.arange(buffers)[:, np.newaxis]
    # In the integers of Python, which do not overflow.
    right = sum(delivered[0].tolist())
    return _case("sum.loop", dataset, params, {"buffers": delivered}, {"additions": m}, right)


def _count(name: str, planned: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """The sum of 1 .. n; nothing is delivered but n, when the work starts."""
    del seed
    n = int(params["n"])
    done = {"additions": n, "multiplications": 1}[planned]
    return _case(name, dataset, params, {}, {planned: done}, n * (n + 1) // 2)


def _written(name: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """The sum of 1 .. n, whose numbers are made within the step: by ranges, or all before the first is added."""
    del seed
    n = int(params["n"])
    ranges = 1 if name == _ARANGE else -(-n // CHUNK)
    return _case(name, dataset, params, {}, {"elements_written": n, "ranges": ranges}, n * (n + 1) // 2)


def _case(
    name: str, dataset: Dataset, params: Mapping[str, Param], inputs: Arrays, planned: Mapping[str, int], right: int
) -> Case:
    return Case(
        task=name,
        dataset=dataset.name,
        label=dataset.label,
        inputs=inputs,
        params=params,
        outputs={"sum": Output("I64", ())},
        planned=planned,
        criteria=_CRITERIA,
        guess={"sum": np.asarray(0)},
        reference={"sum": np.asarray(right)},
    )


def _loop_bound(case: Case) -> Bound:
    """Every number of a buffer is added, and comes from memory where all buffers are larger than the cache.

    Vector units add no more whole numbers of 64 bits in a second than they do FLOP in products of doubles.
    """
    buffers = case.inputs["buffers"]
    return Bound(float(case.planned["additions"]), "F64", float(buffers[0].nbytes), float(buffers.nbytes))


def _range_bound(case: Case) -> Bound:
    """As many additions as there are terms: the task is the loop, the formula is another one."""
    return Bound(float(case.planned["additions"]), "F64")


def _chunked_bound(case: Case) -> Bound:
    """As many additions as elements; a range may stay in a cache."""
    return Bound(float(case.planned["elements_written"]), "F64")


def _arange_bound(case: Case) -> Bound:
    """All elements lie in memory before they are added: each is read again."""
    size = 8.0 * case.planned["elements_written"]
    return Bound(float(case.planned["elements_written"]), "F64", size, size)


def _equal(case: Case, outputs: Arrays) -> Metrics:
    return {"equal": float(outputs["sum"] == case.reference["sum"])}


_COMMON: dict[str, Any] = {
    "stage": "feature",
    "targets": ("none",),
    "metrics": _equal,
    "decides": "equal",
    "direction": 1,
    "criteria": _CRITERIA,
}
_N = {"n": ParamSpec(int, low=1, most=_MOST_TERMS)}

TASKS = (
    Task(
        name="sum.loop",
        unit_key="additions",
        unit="addition",
        params={
            "m": ParamSpec(int, low=1, most=_MOST_NUMBERS, wire=False),
            "buffers": ParamSpec(int, low=1, wire=False),
        },
        make=_loop,
        bound=_loop_bound,
        size=lambda _: Size("m", 1, ("buffers",)),
        **_COMMON,
    ),
    Task(
        name="sum.range",
        unit_key="additions",
        unit="addition",
        params=_N,
        make=partial(_count, "sum.range", "additions"),
        bound=_range_bound,
        size=lambda _: Size("n", 1),
        nudged="n",
        **_COMMON,
    ),
    # Other work than the loop: memory is written and read, and where it is asked of the system anew, pages come first.
    Task(
        name=_CHUNKED,
        unit_key="elements_written",
        unit="element",
        params=_N,
        make=partial(_written, _CHUNKED),
        bound=_chunked_bound,
        size=lambda _: Size("n", 1),
        nudged="n",
        **_COMMON,
    ),
    Task(
        name=_ARANGE,
        unit_key="elements_written",
        unit="element",
        params={"n": ParamSpec(int, low=1, most=_MOST_ELEMENTS)},
        make=partial(_written, _ARANGE),
        bound=_arange_bound,
        size=lambda _: Size("n", 1),
        nudged="n",
        **_COMMON,
    ),
    # What a compiler makes of the loop if nothing holds it: another algorithm, so another task, whatever n is.
    Task(
        name="sum.formula",
        unit_key="multiplications",
        unit="multiplication",
        params=_N,
        make=partial(_count, "sum.formula", "multiplications"),
        title_time="time by the formula, one multiplication whatever n",
        trivial=True,
        size=lambda _: Size("n", 0),
        nudged="n",
        **_COMMON,
    ),
)
