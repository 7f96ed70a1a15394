"""What the tasks of language models share: the model that a parameter names, and the tokens it is given."""

from collections.abc import Mapping
from math import prod

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Integers
from mlfleet.datasets.models import Architecture, Model, load_model, model_entry, model_names
from mlfleet.datasets.text import documents, token_stream, train_tiny_bpe
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays
from mlfleet.tasks.params import ParamSpec

HEADS = ParamSpec(int, low=1, derived=True)


def model_param(architecture: Architecture) -> ParamSpec:
    """Which model: the service gets its weights and its number of heads."""
    return ParamSpec(str, words=model_names(architecture), wire=False)


def check_length(task: str, model: str, length: int) -> None:
    """Raises UsageError where the model has no position for so many tokens."""
    positions = model_entry(model).positions
    if length > positions:
        raise UsageError(f"{task}: a sequence of {length} tokens, {model} has {positions} positions")


def asked_model(params: Mapping[str, Param]) -> Model:
    """The model of the parameter `model`. Raises DataUnavailable."""
    return load_model(str(params["model"]))


def weights_of(model: Model) -> Arrays:
    """The tensors as they travel: those that the architecture computes with."""
    return {f"w.{name}": model.weights[name] for name in model.entry.shapes}


def parameter_count(model: Model) -> int:
    """Elements of all tensors that travel."""
    return sum(prod(shape) for shape in model.entry.shapes.values())


def sequences(task: str, dataset: Dataset, model: Model, count: Param, length: int) -> Integers:
    """Tokens i64[count,length] that follow one another in the held-out part of a text, or drawn; "all": as many as fit.

    Raises UsageError if there are fewer.
    """
    if dataset.target == "tokens":
        stream = dataset.x % model.entry.vocabulary
    else:
        stream = token_stream(
            train_tiny_bpe(tuple(documents(dataset, dataset.train))), documents(dataset, dataset.test)
        )
        if stream.max() >= model.entry.vocabulary:
            raise UsageError(f"{task}: {model.name} has a vocabulary of {model.entry.vocabulary}, too small for a text")
    most = len(stream) // length
    asked = most if count == "all" else int(count)
    if asked > most:
        raise UsageError(f"{task}: {asked} sequences of {length} tokens, {dataset.name} has {most}")
    return np.ascontiguousarray(stream[: asked * length].reshape(asked, length))
