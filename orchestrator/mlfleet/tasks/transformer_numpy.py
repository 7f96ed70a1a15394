"""BERT's encoder and GPT-2 in float64 NumPy, from their papers and the names that Hugging Face gives their tensors."""

from collections.abc import Mapping
from functools import partial
from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Weights = Mapping[str, NDArray[Any]]
# Keys and values of one layer so far, f64[b,heads,t,width/heads] each.
Cached = tuple[Floats, Floats]

BERT_EPSILON = 1e-12
GPT2_EPSILON = 1e-5
# Where the two likeliest tokens are nearer than this, rounding decides; nothing after it is held against anybody.
_GAP = 1e-3
# Rows of the embedding in float64 at a time: a head of 50,257 tokens would be 300 MB.
_HEAD_ROWS = 8192


def bert_embedding(weights: Weights, ids: Integers, mask: Integers, heads: int) -> Floats:
    """Mean f64[b,width] of the last hidden states where the mask i64[b,t] is 1; token types are 0."""
    from scipy.special import erf  # noqa: PLC0415 - half a second that commands without a score need not pay

    linear, norm = partial(_linear, weights), partial(_norm, weights, epsilon=BERT_EPSILON)
    x = _rows(weights, "embeddings.word_embeddings.weight", ids)
    x = x + _rows(weights, "embeddings.position_embeddings.weight", np.arange(ids.shape[1]))
    x = norm("embeddings.LayerNorm", x + _rows(weights, "embeddings.token_type_embeddings.weight", np.array(0)))
    seen = mask[:, np.newaxis, np.newaxis, :] == 1
    for layer in range(layers_of(weights, "encoder.layer.")):
        of = f"encoder.layer.{layer}"
        names = [f"{of}.attention.self.{name}" for name in ("query", "key", "value")]
        query, key, value = (_split(linear(name, x), heads) for name in names)
        mixed = _merge(_attend(query, key, value, seen))
        x = norm(f"{of}.attention.output.LayerNorm", x + linear(f"{of}.attention.output.dense", mixed))
        wide = linear(f"{of}.intermediate.dense", x)
        wide = wide * (1 + erf(wide / sqrt(2))) / 2
        x = norm(f"{of}.output.LayerNorm", x + linear(f"{of}.output.dense", wide))
    kept = mask[:, :, np.newaxis]
    return np.asarray((x * kept).sum(axis=1) / kept.sum(axis=1), np.float64)


def gpt2_hidden(weights: Weights, ids: Integers, heads: int, cache: list[Cached] | None = None) -> Floats:
    """Hidden states f64[b,t,width] before the head. `cache`: the layers so far, which grows by what is computed."""
    product, norm = partial(_product, weights), partial(_norm, weights, epsilon=GPT2_EPSILON)
    past = cache[0][0].shape[2] if cache else 0
    places = np.arange(past, past + ids.shape[1])
    seen = places[:, np.newaxis] >= np.arange(past + ids.shape[1])
    x = _rows(weights, "wte.weight", ids) + _rows(weights, "wpe.weight", places)
    for layer in range(layers_of(weights, "h.")):
        of = f"h.{layer}"
        joined = product(f"{of}.attn.c_attn", norm(f"{of}.ln_1", x))
        query, key, value = (_split(part, heads) for part in np.split(joined, 3, axis=-1))
        if cache is not None:
            if layer < len(cache):
                key, value = (np.concatenate(pair, axis=2) for pair in zip(cache[layer], (key, value), strict=True))
            cache[layer : layer + 1] = [(key, value)]
        x = x + product(f"{of}.attn.c_proj", _merge(_attend(query, key, value, seen)))
        wide = product(f"{of}.mlp.c_fc", norm(f"{of}.ln_2", x))
        wide = wide * (1 + np.tanh(sqrt(2 / pi) * (wide + 0.044715 * wide**3))) / 2
        x = x + product(f"{of}.mlp.c_proj", wide)
    return norm("ln_f", x)


def gpt2_logits(weights: Weights, hidden: Floats) -> Floats:
    """Logits f64[...,vocabulary]: the head is the embedding."""
    head = weights["wte.weight"]
    parts = [hidden @ head[row : row + _HEAD_ROWS].T.astype(np.float64) for row in range(0, len(head), _HEAD_ROWS)]
    return np.concatenate(parts, axis=-1)


def greedy(weights: Weights, ids: Integers, heads: int, new: int) -> tuple[Integers, Integers]:
    """Tokens i64[b,new], and of each row how many steps i64[b] come before the first that rounding may decide."""
    cache: list[Cached] = []
    tokens, decided = np.empty((len(ids), new), np.int64), np.full(len(ids), new)
    last = ids
    for step in range(new):
        hidden = gpt2_hidden(weights, last, heads, cache)
        logits = gpt2_logits(weights, hidden[:, -1])
        first, second = np.sort(logits, axis=-1)[:, :-3:-1].T
        decided = np.where(first - second < _GAP, np.minimum(decided, step), decided)
        tokens[:, step] = logits.argmax(axis=-1)
        last = tokens[:, step : step + 1]
    return tokens, decided


def token_losses(weights: Weights, ids: Integers, heads: int) -> Floats:
    """Minus the log-probability f64[w,t-1] of each token after the first of its window."""
    rows = []
    for window in ids:
        logits = gpt2_logits(weights, gpt2_hidden(weights, window[np.newaxis, :-1], heads))[0]
        rows.append(-log_softmax(logits)[np.arange(len(window) - 1), window[1:]])
    return np.array(rows)


def last_logits(weights: Weights, ids: Integers, heads: int) -> Floats:
    """Logits f64[b,vocabulary] after the last token of ids i64[b,t]."""
    return gpt2_logits(weights, gpt2_hidden(weights, ids, heads)[:, -1])


def log_softmax(logits: Floats) -> Floats:
    """Along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)


def layers_of(weights: Weights, prefix: str) -> int:
    """How many layers the names count."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in weights if name.startswith(prefix)})


def _rows(weights: Weights, name: str, rows: Integers) -> Floats:
    return weights[name][rows].astype(np.float64)


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    return x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]


def _product(weights: Weights, name: str, x: Floats) -> Floats:
    """GPT-2 keeps its products as [in,out]."""
    return x @ weights[f"{name}.weight"].astype(np.float64) + weights[f"{name}.bias"]


def _norm(weights: Weights, name: str, x: Floats, *, epsilon: float) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"], np.float64)


def _split(x: Floats, heads: int) -> Floats:
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)


def _merge(x: Floats) -> Floats:
    batch, heads, length, width = x.shape
    return x.transpose(0, 2, 1, 3).reshape(batch, length, heads * width)


def _attend(query: Floats, key: Floats, value: Floats, seen: NDArray[np.bool_]) -> Floats:
    scores = np.where(seen, query @ key.transpose(0, 1, 3, 2) / sqrt(query.shape[-1]), -np.inf)
    return np.asarray(np.exp(log_softmax(scores)) @ value, np.float64)
