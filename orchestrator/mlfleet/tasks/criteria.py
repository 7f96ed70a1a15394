"""The parity classes: how an output is held against the float64 reference, and the words for what was found."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlfleet.tasks.metrics import adjusted_rand

Arrays = Mapping[str, NDArray[Any]]
Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Answer:
    """Outputs of one side, and the metrics made of them."""

    outputs: Arrays
    metrics: Metrics


@dataclass(frozen=True)
class Judgement:
    """A distance from the reference, and a sentence if it is too far."""

    name: str
    distance: float
    failure: str | None


class Criterion(Protocol):
    """One way to agree."""

    @property
    def text(self) -> str:
        """The class as the report prints it: "C(1e-08)"; empty for a quality tolerance that is no parity class."""

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Hold one answer against the reference."""


@dataclass(frozen=True)
class Equal:
    """E: every element equal."""

    output: str
    text: str = "E"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: share of equal rows."""
        share, rows = _equal_rows(found.outputs[self.output], reference.outputs[self.output])
        failure = f"{self.output} agree on {_share(share)} of {rows} rows, 1 awaited" if share < 1 else None
        return Judgement(self.output, share, failure)


@dataclass(frozen=True)
class EqualUntil:
    """E of sequences [b,n], each up to the step that the reference's `decided` i64[b] names.

    Rounding decides the rest, which is held against nobody.
    """

    output: str
    decided: str
    text: str = "E"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: share of equal elements among those that are held against each other."""
        mine, theirs = found.outputs[self.output], reference.outputs[self.output]
        held = np.arange(theirs.shape[1]) < reference.outputs[self.decided][:, np.newaxis]
        count = int(held.sum())
        share = float((mine == theirs)[held].mean()) if count else 0.0
        failed = share < 1
        words = f"{self.output} agree on {_share(share)} of {count} steps that rounding does not decide, 1 awaited"
        return Judgement(self.output, share, words if failed else None)


@dataclass(frozen=True)
class Share:
    """A(x): the share of equal rows is at least x; one row may always differ."""

    output: str
    least: float

    @property
    def text(self) -> str:
        """A(x)."""
        return f"A({self.least:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: share of equal rows."""
        share, rows = _equal_rows(found.outputs[self.output], reference.outputs[self.output])
        failed = share < self.least and round((1 - share) * rows) > 1
        words = f"{self.output} agree on {_share(share)} of {rows} rows, {self.least:.3f} awaited"
        return Judgement(self.output, share, words if failed else None)


@dataclass(frozen=True)
class Partition:
    """A(x) of a partition: adjusted Rand index at least x; one row may always differ."""

    output: str
    least: float

    @property
    def text(self) -> str:
        """A(x)."""
        return f"A({self.least:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: adjusted Rand index, which does not care how the parts are numbered."""
        mine, theirs = found.outputs[self.output], reference.outputs[self.output]
        share, rows = _equal_rows(mine, theirs)
        index = adjusted_rand(theirs, mine)
        failed = index < self.least and round((1 - share) * rows) > 1
        words = f"{self.output} agree by an adjusted Rand index of {_share(index)} over {rows} rows"
        return Judgement(self.output, index, f"{words}, {self.least:.3f} awaited" if failed else None)


@dataclass(frozen=True)
class Close:
    """C(r): norm of the difference at most r of the reference's; largest at most 10 r of the reference's largest.

    `first`: how many rows are compared, where later ones are driven apart by rounding alone; None compares all.
    """

    output: str
    ratio: float
    first: int | None = None

    @property
    def text(self) -> str:
        """C(r)."""
        return f"C({self.ratio:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: the larger of both quotients, the second divided by 10; 1 means as large as the reference."""
        mine, theirs = found.outputs[self.output], reference.outputs[self.output]
        if self.first is not None:
            mine, theirs = mine[: self.first], theirs[: self.first]
        with np.errstate(over="ignore", invalid="ignore"):
            apart = np.abs(mine - theirs)
            norm = _quotient(float(np.linalg.norm(apart)), float(np.linalg.norm(theirs)))
            largest = _quotient(float(apart.max()), float(np.abs(theirs).max()))
        distance = max(norm, largest / 10)
        failed = not distance <= self.ratio
        words = f"{self.output} lie {distance:.2g} of the reference's norm apart, {self.ratio:g} awaited"
        return Judgement(self.output, distance, words if failed else None)


@dataclass(frozen=True)
class Objective:
    """F(r): the objective, recomputed from the outputs, within r of the reference's; lower is unequal, too."""

    metric: str
    ratio: float

    @property
    def text(self) -> str:
        """F(r)."""
        return f"F({self.ratio:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: relative."""
        mine, theirs = found.metrics[self.metric], reference.metrics[self.metric]
        distance = _quotient(_apart(mine, theirs), abs(theirs or 0.0))
        words = f"{self.metric} is {_number(mine)}, {_number(theirs)} within {self.ratio:g} awaited"
        return Judgement(self.metric, distance, words if distance > self.ratio else None)


@dataclass(frozen=True)
class Within:
    """A quality metric within an absolute tolerance of the reference's.

    With `rows`, one row of that output may differ whatever it does to the metric, as A(x) allows.
    """

    metric: str
    tolerance: float
    rows: str | None = None
    text: str = ""

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: absolute."""
        mine, theirs = found.metrics[self.metric], reference.metrics[self.metric]
        distance = _apart(mine, theirs)
        failed = distance > self.tolerance
        if failed and self.rows:
            share, rows = _equal_rows(found.outputs[self.rows], reference.outputs[self.rows])
            failed = round((1 - share) * rows) > 1
        words = f"{self.metric} is {_number(mine)}, {_number(theirs)} ± {self.tolerance:g} awaited"
        return Judgement(self.metric, distance, words if failed else None)


@dataclass(frozen=True)
class Spread:
    """S(k, δ): answers vary with the seed of a block, so a metric is judged over all blocks of a pair, not in a trial.

    From `blocks` on both sides must be equal within `margin`; their means must reach `floor` at once. Higher is better.
    """

    metric: str
    blocks: int
    margin: float
    floor: float

    @property
    def text(self) -> str:
        """S(k, δ)."""
        return f"S({self.blocks}, {self.margin:g})"


def class_text(criteria: tuple[Criterion, ...], alone: str = "") -> str:
    """The classes of a task, each once: "F(0.0001), A(0.99)"; "N" before them where frameworks do other work."""
    classes = [criterion.text for criterion in criteria if criterion.text]
    return ", ".join(dict.fromkeys(["N", *classes] if alone else classes))


def _equal_rows(mine: NDArray[Any], theirs: NDArray[Any]) -> tuple[float, int]:
    rows = len(theirs) if theirs.ndim else 1
    equal = (mine == theirs).reshape(rows, -1).all(axis=1)
    return float(equal.mean()), rows


def _quotient(part: float, whole: float) -> float:
    if part == 0:
        return 0.0
    # A record holds finite numbers only; what is not finite is as far as can be.
    return min(part / whole, sys.float_info.max) if whole and isfinite(part) else sys.float_info.max


def _apart(mine: float | None, theirs: float | None) -> float:
    if mine is None and theirs is None:
        return 0.0
    return sys.float_info.max if mine is None or theirs is None else abs(mine - theirs)


def _share(value: float) -> str:
    # 0.9996 must not read as the 1.000 that was awaited.
    return f"{value:.3f}" if value < 0.9995 else f"{value:.6f}"  # noqa: PLR2004


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6g}"
