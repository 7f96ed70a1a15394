"""Weights that nobody trained: an architecture's tensors, filled as its authors start them, alike on every machine."""

from collections.abc import Mapping
from functools import cache
from math import prod, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Shapes = dict[str, tuple[int, ...]]
# A normal of so many equally likely values: one for each 16-bit number.
_LEVELS = 1 << 16


def gpt2_shapes(layers: int, width: int, positions: int, vocabulary: int) -> Shapes:
    """GPT-2's tensors as Hugging Face names them; products are [in,out], and the head is `wte`."""
    found: Shapes = {"wte.weight": (vocabulary, width), "wpe.weight": (positions, width)}
    for layer in range(layers):
        of = f"h.{layer}"
        found |= _norm(f"{of}.ln_1", width)
        found |= {f"{of}.attn.c_attn.weight": (width, 3 * width), f"{of}.attn.c_attn.bias": (3 * width,)}
        found |= {f"{of}.attn.c_proj.weight": (width, width), f"{of}.attn.c_proj.bias": (width,)}
        found |= _norm(f"{of}.ln_2", width)
        found |= {f"{of}.mlp.c_fc.weight": (width, 4 * width), f"{of}.mlp.c_fc.bias": (4 * width,)}
        found |= {f"{of}.mlp.c_proj.weight": (4 * width, width), f"{of}.mlp.c_proj.bias": (width,)}
    return found | _norm("ln_f", width)


def bert_shapes(layers: int, width: int, positions: int, vocabulary: int) -> Shapes:
    """A BERT encoder's tensors as Hugging Face names them, without the pooler; products are [out,in]."""
    found: Shapes = {
        "embeddings.word_embeddings.weight": (vocabulary, width),
        "embeddings.position_embeddings.weight": (positions, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        **_norm("embeddings.LayerNorm", width),
    }
    for layer in range(layers):
        of = f"encoder.layer.{layer}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found |= _linear(f"{of}.{name}", width, width)
        found |= _norm(f"{of}.attention.output.LayerNorm", width)
        found |= _linear(f"{of}.intermediate.dense", 4 * width, width)
        found |= _linear(f"{of}.output.dense", width, 4 * width)
        found |= _norm(f"{of}.output.LayerNorm", width)
    return found


def drawn_weights(
    shapes: Shapes, layers: int, seed: int, std: float, *, everywhere: bool = False
) -> dict[str, Singles]:
    """Normal of that std, GPT-2's residual products by sqrt(2 layers) less; biases 0, norms 1, or drawn `everywhere`.

    numpy promises the words of a bit generator for ever, but not what `standard_normal` makes of them; so each 16 bits
    choose one of 65,536 equally likely values.
    """
    words = np.random.Philox(key=seed)
    found = {}
    for name, shape in shapes.items():
        norm = ".ln_" in f".{name}" or "LayerNorm" in name
        if (norm or name.endswith("bias")) and not everywhere:
            found[name] = np.full(shape, float(norm and name.endswith("weight")), np.float32)
            continue
        levels = words.random_raw(-(-prod(shape) // 4)).view(np.uint16)[: prod(shape)]
        values = _normal(std / sqrt(2 * layers) if name.endswith("c_proj.weight") else std)[levels].reshape(shape)
        found[name] = values + np.float32(1) if norm and name.endswith("weight") else values
    return found


@cache
def _normal(std: float) -> Singles:
    """Values f32[65536], each the middle of an equal share of the distribution."""
    quantile = NormalDist(0, std).inv_cdf
    return np.array([quantile((level + 0.5) / _LEVELS) for level in range(_LEVELS)], np.float32)


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, wide: int, width: int) -> Shapes:
    return {f"{name}.weight": (wide, width), f"{name}.bias": (wide,)}


def misfits(weights: Mapping[str, Singles], awaited: Shapes) -> list[str]:
    """Sentences about tensors that are missing or of another shape."""
    wrong = [f"{name} is missing" for name in awaited if name not in weights]
    shaped = [(name, list(weights[name].shape), list(shape)) for name, shape in awaited.items() if name in weights]
    return wrong + [f"{name} has shape {found}, {shape} awaited" for name, found, shape in shaped if found != shape]
