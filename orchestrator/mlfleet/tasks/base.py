"""What a task is: everything about payload, work, quality and parity of one operation, in one place.

A family file fills in `Task`; the gates below are the same for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets import Dataset, goldens, own
from mlfleet.datasets.manifest import Target
from mlfleet.errors import UsageError, printable
from mlfleet.model import Bound, Finding, Param, Quality, WeightsFact
from mlfleet.payload import dtype_name
from mlfleet.tasks.criteria import Answer, Criterion, Metrics, Spread, class_text
from mlfleet.tasks.floors import Deciding
from mlfleet.tasks.params import ParamSpec, check
from mlfleet.tasks.remembered import remembered
from mlfleet.tasks.rows import ROWS, first_rows
from mlfleet.verdict import Verdict

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Output:
    """An awaited output: dtype as safetensors writes it; integers lie in 0 .. below - 1."""

    dtype: str
    shape: tuple[int, ...]
    below: int | None = None


@dataclass(frozen=True)
class Reached:
    """A receipt key whose value shows only when the work is done. `must`: the only flag that counts as done."""

    kind: type[bool] | type[int]
    # Equal between all, or printed beside the ratio; "versions": printed between frameworks, equal between versions of
    # one, whose other default is other work.
    between: Literal["equal", "printed", "versions"]
    low: int = 0
    must: bool | None = None


@dataclass(frozen=True)
class Case:
    """A task on a dataset: what is sent, what is awaited, and what only the orchestrator knows."""

    task: str
    dataset: str
    label: Literal["real", "synthetic"]
    # Contiguous tensors of the payload, of any dtype that payload.DTYPES has.
    inputs: Arrays
    # As Setup carries them: every word turned into its number.
    params: Mapping[str, Param]
    outputs: Mapping[str, Output]
    # Receipt keys that the plan fixes, with their exact values.
    planned: Mapping[str, int]
    criteria: tuple[Criterion, ...]
    # Never sent: y_test, ...
    truth: Arrays = field(default_factory=dict)
    # What one answers who saw the training targets only: the chance level.
    guess: Arrays = field(default_factory=dict)
    # The right answer in float64; empty where it is a golden.
    reference: Arrays = field(default_factory=dict)
    # Upper limits of reached receipt keys.
    most: Mapping[str, int] = field(default_factory=dict)
    golden: str | None = None
    # How the right answer is computed in float64 where that takes long: asked once, and remembered on disk.
    answer: Callable[[], Arrays] | None = None
    # Of the deciding metric, where it is known for these data; else a tenth of the way from the reference to chance.
    floor: float | None = None
    # The model whose weights are sent, where it is not the dataset's own.
    weights: WeightsFact | None = None
    # Class N of these parameters, where the task as a whole is not: see Task.alone.
    alone: str = ""

    @property
    def parity(self) -> str:
        """The parity classes of this case: "E", or "A(0.995)" where distances tie."""
        return class_text(self.criteria, self.alone)


@dataclass(frozen=True)
class Size:
    """A parameter that work grows with: time(2n) / time(n) is 2 to the power of the exponent."""

    param: str
    exponent: float
    # Parameters that are chosen with it, so that all else stays the same: more buffers where each is smaller.
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """An algorithm and one operation."""

    name: str
    stage: Literal["feature", "train", "infer"]
    # Receipt key that throughput counts, and the word for one of it.
    unit_key: str
    unit: str
    targets: tuple[Target, ...]
    params: Mapping[str, ParamSpec]
    make: Callable[[Dataset, Mapping[str, Param], int], Case]
    metrics: Callable[[Case, Arrays], Metrics]
    # The deciding metric, +1 if higher is better.
    decides: str
    direction: Literal[-1, 1]
    criteria: tuple[Criterion, ...]
    reached: Mapping[str, Reached] = field(default_factory=dict)
    title_time: str = "time"
    # True where right answers are goldens, made once by a service.
    golden: bool = False
    # Sentences about work that the outputs show was not done, such as parameters that did not move.
    undone: Callable[[Case, Arrays], Sequence[str]] = lambda _case, _outputs: ()
    # Class N: what frameworks do otherwise ("each draws its rows in another order"), so that only versions of one have
    # a ratio. Empty where frameworks may be compared.
    alone: str = ""
    # Where services draw for themselves: no trial is right or wrong, and pairs are judged over blocks (`parity.py`).
    spread: Spread | None = None
    # The least that any admissible algorithm does in an iteration; None where nothing is known.
    bound: Callable[[Case], Bound | None] = lambda _case: None
    # Its honest work is no more than a call costs: no gate tells it from nothing.
    trivial: bool = False
    # The parameter that work grows with, for these parameters; None where time follows from no single one.
    size: Callable[[Mapping[str, Param]], Size | None] = lambda _params: None
    # Where the payload holds nothing: the parameter that is raised by one to ask something else of the same size.
    nudged: str = ""
    # Time depends on the values, not on their number alone: trees, convergence, generation of free length.
    value_dependent: bool = False
    # The first iteration of a job may take long: what is compiled or tuned then.
    first_call: bool = False
    # Equal iterations may differ in their last bits: outputs of turns are compared by the task's criteria.
    nondeterministic: bool = False

    @property
    def parity(self) -> str:
        """The parity classes as the catalogue writes them: "F(0.0001), A(0.99)"."""
        return self.spread.text if self.spread else class_text(self.criteria, self.alone)

    def check_params(self, params: Mapping[str, object]) -> dict[str, Param]:
        """The parameters in their own types. Raises UsageError that names the nearest one."""
        return check(self.name, self.params, params)

    def check_target(self, dataset: str, target: Target) -> None:
        """Raises UsageError if the dataset's target is none that the task can use, or no right answer is kept of it."""
        if target not in self.targets:
            awaited = " or ".join(self.targets)
            raise UsageError(f"{self.name} cannot use dataset {dataset!r}: its target is {target}, {awaited} awaited")
        if self.golden and own.is_own(dataset):
            raise UsageError(
                f"{self.name} cannot use dataset {dataset!r}: right answers are kept of the manifest's alone"
            )

    def case(self, dataset: Dataset, params: Mapping[str, object], seed: int) -> Case:
        """Payload, plan and truth. Pure: equal arguments, equal bytes. Raises UsageError."""
        self.check_target(dataset.name, dataset.target)
        checked = self.check_params(params)
        if self.params.get("rows") is ROWS:
            dataset = first_rows(self.name, dataset, checked["rows"])
        case = self.make(dataset, checked, seed)
        wire = {name: value for name, value in case.params.items() if self.params[name].wire}
        return replace(case, params=wire, alone=case.alone or self.alone)

    def reference(self, case: Case) -> Arrays:
        """The right answer. Raises HostError if it is a golden that is absent or belongs to another payload."""
        if case.golden:
            found = goldens.load(case.golden, case.inputs, case.params)
            # A fit answers all rows of x_test; a prediction is asked for the first of them.
            parts = {name: tuple(slice(size) for size in output.shape) for name, output in case.outputs.items()}
            return {name: np.asarray(found[name][part]) for name, part in parts.items()}
        if case.answer:
            return remembered(self.name, case.inputs, case.params, case.answer)
        return case.reference

    def check_outputs(self, case: Case, outputs: Arrays) -> tuple[Finding, ...]:
        """Gate `output`: names, dtypes, shapes, finite, in range."""
        sentences = [f"output {printable(name)} is not awaited" for name in outputs if name not in case.outputs]
        for name, awaited in case.outputs.items():
            found = f"output {name} is missing" if name not in outputs else _flaw(name, awaited, outputs[name])
            sentences += [found] if found else []
        return tuple(Finding("output", Verdict.BAD_OUTPUT.value, sentence) for sentence in sentences)

    def check_receipt(self, case: Case, receipt: Mapping[str, object]) -> tuple[Finding, ...]:
        """Gate `work`: planned keys equal the plan, reached keys are present and can be."""
        sentences = []
        for name, planned in case.planned.items():
            found = receipt.get(name)
            if type(found) is not int or found != planned:
                sentences.append(f"receipt {name} is {_shown(found)}, {planned} awaited")
        for name, rule in self.reached.items():
            if (awaited := _unreached(rule, case.most.get(name), receipt.get(name))) is not None:
                sentences.append(f"receipt {name} is {_shown(receipt.get(name))}, {awaited} awaited")
        return tuple(Finding("work", Verdict.SHORT_WORK.value, sentence) for sentence in sentences)

    def check_work(self, case: Case, outputs: Arrays) -> tuple[Finding, ...]:
        """Gate `work` by outputs that `check_outputs` passed."""
        return tuple(Finding("work", Verdict.SHORT_WORK.value, sentence) for sentence in self.undone(case, outputs))

    def score(self, case: Case, outputs: Arrays) -> Quality:
        """Quality of outputs that `check_outputs` passed. Raises HostError as `reference` does."""
        if self.spread:
            return Quality(self.metrics(case, outputs), self.decides, agreement={})
        reference = self.reference(case)
        found, right = (Answer(arrays, self.metrics(case, arrays)) for arrays in (outputs, reference))
        deciding, floor = Deciding(self.decides, self.direction), case.floor
        if floor is None:
            floor = deciding.floor(right.metrics, self.metrics(case, case.guess))
        judgements = [criterion.judge(found, right) for criterion in case.criteria]
        sentences = [judgement.failure for judgement in judgements if judgement.failure]
        if floor is not None:
            sentences += deciding.below(floor, found.metrics)
        return Quality(
            metrics=found.metrics,
            decides=self.decides,
            agreement={judgement.name: judgement.distance for judgement in judgements},
            findings=tuple(Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, sentence) for sentence in sentences),
            floor=floor,
        )


def _flaw(name: str, awaited: Output, found: NDArray[Any]) -> str | None:
    if dtype_name(found) != awaited.dtype:
        return f"output {name} is {dtype_name(found)}, {awaited.dtype} awaited"
    if found.shape != awaited.shape:
        return f"output {name} has shape {list(found.shape)}, {list(awaited.shape)} awaited"
    if not np.isfinite(found).all():
        return f"output {name} has {np.count_nonzero(~np.isfinite(found))} values that are NaN or infinite"
    if awaited.below is not None and found.size and (found.min() < 0 or found.max() >= awaited.below):
        return f"output {name} lies in {found.min()} .. {found.max()}, 0 .. {awaited.below - 1} awaited"
    return None


def _unreached(rule: Reached, most: int | None, found: object) -> str | None:
    if rule.kind is bool:
        fits = type(found) is bool and rule.must in (None, found)
        return None if fits else ("true or false" if rule.must is None else str(rule.must).lower())
    fits = type(found) is int and found >= rule.low and (most is None or found <= most)
    limit = "" if most is None else f" and at most {most}"
    return None if fits else f"a whole number of at least {rule.low}{limit}"


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return str(value).lower() if isinstance(value, bool) else printable(str(value))
