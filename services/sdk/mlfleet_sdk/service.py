"""A framework's tasks: a function's signature is its schema."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from mlfleet_sdk.errors import InvalidArgument, UnknownTask, require

Value = NDArray[Any] | np.generic | bool | int | float | str
Param = bool | int | float | str
R = TypeVar("R")


@dataclass(frozen=True)
class Tensor:
    """What an annotated tensor argument must be; floating-point tensors must be finite too."""

    dtype: str
    rank: int


@dataclass(frozen=True)
class Group:
    """An argument that takes every tensor named `<argument>.*`, by the rest of its name: a model's weights."""

    dtype: str


F64Matrix = Annotated[NDArray[np.float64], Tensor("float64", 2)]
F64Vector = Annotated[NDArray[np.float64], Tensor("float64", 1)]
F32Vector = Annotated[NDArray[np.float32], Tensor("float32", 1)]
F32Matrix = Annotated[NDArray[np.float32], Tensor("float32", 2)]
F32Images = Annotated[NDArray[np.float32], Tensor("float32", 4)]
I64Vector = Annotated[NDArray[np.int64], Tensor("int64", 1)]
I64Matrix = Annotated[NDArray[np.int64], Tensor("int64", 2)]
U8Vector = Annotated[NDArray[np.uint8], Tensor("uint8", 1)]
Weights = Annotated[Mapping[str, NDArray[np.float32]], Group("float32")]
# A keyword-only argument of this type gets Setup.seed: for tasks that draw for themselves.
Seed = NewType("Seed", int)


@dataclass(frozen=True)
class Job(Generic[R]):
    """A prepared task. `step` is the timed iteration, `outputs` turns the last step's result into named tensors.

    Scalars become 0-d tensors; the work receipt is the outputs named `receipt.*`, which may also be text.
    """

    step: Callable[[], R]
    outputs: Callable[[R], Mapping[str, Value]]


@dataclass(frozen=True)
class Pool:
    """A thread pool that only the framework can report."""

    pool: str
    library: str
    version: str
    effective: int


Adapter = Callable[..., Job[Any]]


@dataclass(frozen=True)
class RegisteredTask:
    """An adapter with what it says of itself."""

    adapter: Adapter
    origin: Literal["stock", "in_repo"]
    kernels: str
    tensors: Mapping[str, Tensor | Group | None]
    params: Mapping[str, type]
    # The argument that gets the seed, if the adapter has one.
    seed: str | None = None

    def build(self, tensors: Mapping[str, NDArray[Any]], params: Mapping[str, Param], seed: int = 0) -> Job[Any]:
        """Check tensors and parameters against the signature, then let the adapter build its job."""
        found = _grouped(tensors, self.tensors)
        _same_names("tensor", found, self.tensors)
        _same_names("parameter", params, self.params)
        for name, expected in self.tensors.items():
            if isinstance(expected, Group):
                _check_group(name, found[name], expected)
            elif expected is not None:
                _check_tensor(name, found[name], expected)
        arguments = {name: _typed(name, value, self.params[name]) for name, value in params.items()}
        if self.seed is not None:
            arguments[self.seed] = seed
        return self.adapter(*(found[name] for name in self.tensors), **arguments)


@dataclass(frozen=True)
class Service:
    """One framework: its name, version, and tasks registered by decorator."""

    framework: str
    version: str
    facts: Mapping[str, str] = field(default_factory=dict)
    pools: Callable[[], list[Pool]] = list
    devices: tuple[str, ...] = ("cpu",)
    tasks: dict[str, RegisteredTask] = field(default_factory=dict)

    def task(self, name: str, *, origin: Literal["stock", "in_repo"], kernels: str) -> Callable[[Adapter], Adapter]:
        """Register a function: positional arguments are tensors, keyword-only ones parameters with their types."""

        def register(adapter: Adapter) -> Adapter:
            hints = get_type_hints(adapter, include_extras=True)
            tensors: dict[str, Tensor | Group | None] = {}
            params: dict[str, type] = {}
            seed = None
            for argument in inspect.signature(adapter).parameters.values():
                if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
                    tensors[argument.name] = _tensor(hints.get(argument.name))
                elif hints[argument.name] is Seed:
                    seed = argument.name
                else:
                    params[argument.name] = hints[argument.name]
            self.tasks[name] = RegisteredTask(adapter, origin, kernels, tensors, params, seed)
            return adapter

        return register

    def find(self, name: str) -> RegisteredTask:
        """The task of that name; UnknownTask otherwise."""
        if name not in self.tasks:
            message = f"{self.framework} has no task {name!r}; it has: {', '.join(sorted(self.tasks))}"
            raise UnknownTask(message)
        return self.tasks[name]


def _tensor(hint: object) -> Tensor | Group | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((extra for extra in get_args(hint)[1:] if isinstance(extra, Tensor | Group)), None)


def _grouped(tensors: Mapping[str, NDArray[Any]], awaited: Mapping[str, Tensor | Group | None]) -> dict[str, Any]:
    """The tensors by argument: those of a group as one mapping, in the byte order of their names."""
    found: dict[str, Any] = {}
    for name, tensor in sorted(tensors.items()):
        argument, _, rest = name.partition(".")
        if rest and isinstance(awaited.get(argument), Group):
            found.setdefault(argument, {})[rest] = tensor
        else:
            found[name] = tensor
    return found


def _same_names(kind: str, found: Mapping[str, object], awaited: Mapping[str, object]) -> None:
    if unknown := sorted(set(found) - set(awaited)):
        message = f"unknown {kind} {', '.join(unknown)}; awaited: {', '.join(awaited) or 'none'}"
        raise InvalidArgument(message)
    if missing := sorted(set(awaited) - set(found)):
        message = f"missing {kind} {', '.join(missing)}; found: {', '.join(sorted(found)) or 'none'}"
        raise InvalidArgument(message)


def _check_group(name: str, found: object, awaited: Group) -> None:
    require(isinstance(found, dict), f"tensor {name} is one tensor, awaited a group of tensors {name}.*")
    for inner, tensor in found.items() if isinstance(found, dict) else ():
        _check_tensor(f"{name}.{inner}", tensor, Tensor(awaited.dtype, tensor.ndim))


def _check_tensor(name: str, found: NDArray[Any], awaited: Tensor) -> None:
    require(
        found.dtype.name == awaited.dtype and found.ndim == awaited.rank,
        f"tensor {name} is {found.dtype.name} of rank {found.ndim}, awaited {awaited.dtype} of rank {awaited.rank}",
    )
    require(found.dtype.kind != "f" or np.isfinite(found).all(), f"tensor {name} holds NaN or infinity")


def _typed(name: str, found: Param, awaited: type) -> Param:
    if awaited is float and type(found) is int:
        return float(found)
    require(type(found) is awaited, f"parameter {name} is {type(found).__name__} {found!r}, awaited {awaited.__name__}")
    require(awaited is not float or np.isfinite(float(found)), f"parameter {name} is {found}, awaited a finite number")
    return found
