"""A regression tree of limited depth, scikit-learn's alone: linfa's trees know classes only."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Answer, Judgement, Metrics, Within
from mlfleet.tasks.metrics import regression
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS
from mlfleet.tasks.tree_numpy import MEASURES, grow

_CLOSE = 1e-6


@dataclass(frozen=True)
class CloseRows:
    """A(x): the share of rows within 1e-6 of the largest is at least x; one row may always differ."""

    output: str
    least: float

    @property
    def text(self) -> str:
        """A(x)."""
        return f"A({self.least:g})"

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: share of close rows."""
        mine, theirs = found.outputs[self.output], reference.outputs[self.output]
        with np.errstate(over="ignore"):
            far = int((np.abs(mine - theirs) > _CLOSE * np.abs(theirs).max()).sum())
        share = 1 - far / len(theirs)
        failed = share < self.least and far > 1
        words = f"{self.output} is close on {share:.3f} of {len(theirs)} rows, {self.least:g} awaited"
        return Judgement(self.output, share, words if failed else None)


# Of equal cuts, as there are in nodes of few rows, each library takes another, and so says other things of some rows.
_CRITERIA = (CloseRows("pred", 0.95), Within("r2_fitted", 1e-3))


def _answer(x: Floats, y: Floats, x_test: Floats, depth: int, criterion: str) -> Arrays:
    pred = grow(x, y, np.vstack([x_test, x]), depth, MEASURES[criterion]).pred
    return {"pred": pred[: len(x_test)], "fitted": pred[len(x_test) :]}


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    # scikit-learn's trees hold single precision, so that is what is delivered to all.
    x, x_test = (part.astype(np.float32).astype(np.float64) for part in dataset.standardised())
    y, depth, criterion = dataset.y_train, int(params["depth"]), str(params["criterion"])
    return Case(
        task="tree.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params=params,
        outputs={"pred": Output("F64", (len(x_test),)), "fitted": Output("F64", (len(x),))},
        planned={"rows": len(x)},
        criteria=_CRITERIA,
        truth={"y_test": dataset.y_test},
        guess={"pred": np.full(len(x_test), y.mean()), "fitted": np.full(len(x), y.mean())},
        answer=partial(_answer, x, y, x_test, depth, criterion),
        most={"depth": depth, "leaves": min(2**depth, len(x))},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    """REG of the test rows, and the R2 of the training rows, which tells how well so greedy a tree was grown."""
    fitted = regression(case.inputs["y_train"], outputs["fitted"])
    return {**regression(case.truth["y_test"], outputs["pred"]), "r2_fitted": fitted["r2"]}


def _bound(case: Case) -> Bound:
    """Every number is looked at once, to find the first cut."""
    return Bound(float(case.inputs["x_train"].size), "F64")


TASKS = (
    Task(
        name="tree.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("real",),
        params={
            "criterion": ParamSpec(str, words=tuple(MEASURES)),
            "depth": ParamSpec(int, low=1),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="r2_fitted",
        direction=1,
        criteria=_CRITERIA,
        reached={"leaves": Reached(int, "equal", low=2), "depth": Reached(int, "equal", low=1)},
        alone="of equal cuts each library takes another, so that the same tree comes from versions of one alone",
        bound=_bound,
        value_dependent=True,
    ),
)
