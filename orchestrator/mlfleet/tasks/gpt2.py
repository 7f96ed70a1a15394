"""GPT-2: text continued greedily, the perplexity of text, and the two phases at true shape, prefill and decode."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import exp, log

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.models import Model
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Size, Task
from mlfleet.tasks.bounds import product, transformer
from mlfleet.tasks.criteria import Close, Criterion, EqualUntil, Metrics, Objective
from mlfleet.tasks.language import (
    HEADS,
    asked_model,
    check_length,
    model_param,
    parameter_count,
    sequences,
    weights_of,
)
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.transformer_numpy import greedy, last_logits, log_softmax, token_losses

# Beyond it a perplexity is no float.
_LARGEST_LOSS = 700.0
_GENERATE: tuple[Criterion, ...] = (EqualUntil("tokens", "decided"),)
_PERPLEXITY: tuple[Criterion, ...] = (Objective("perplexity", 1e-3), Close("token_losses", 1e-4))
_LOGITS: tuple[Criterion, ...] = (Close("logits", 1e-3),)

_MODEL = model_param("gpt2")
_BATCH = ParamSpec(int, low=1, wire=False)
_PROMPT = ParamSpec(int, low=1, wire=False)


def _generate(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    batch, prompt, new = int(params["batch"]), int(params["prompt"]), int(params["new"])
    check_length("gpt2.generate", str(params["model"]), prompt + new)
    model = asked_model(params)
    text = sequences("gpt2.generate", dataset, model, batch, prompt + new)
    ids = np.ascontiguousarray(text[:, :prompt])

    inputs = {"ids": ids}
    planned = {"tokens_in": batch * prompt, "tokens_out": batch * new}

    def answer() -> Arrays:
        tokens, decided = greedy(model.weights, ids, model.entry.heads, new)
        return {"tokens": tokens, "decided": decided}

    return replace(
        _asked("gpt2.generate", dataset, params, model, inputs, planned),
        outputs={"tokens": Output("I64", (batch, new), below=model.entry.vocabulary)},
        criteria=_GENERATE,
        truth={"text": text[:, prompt:]},
        guess={"tokens": np.zeros((batch, new), np.int64)},
        answer=answer,
    )


def _perplexity(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    length = int(params["length"])
    check_length("gpt2.perplexity", str(params["model"]), length)
    model = asked_model(params)
    ids = sequences("gpt2.perplexity", dataset, model, params["windows"], length)
    recipe = model.entry.recipe
    return replace(
        _asked("gpt2.perplexity", dataset, params, model, {"ids": ids}, {"tokens": ids.size}),
        outputs={"token_losses": Output("F32", (len(ids), length - 1))},
        criteria=_PERPLEXITY,
        # Random weights have no quality: a guess that nothing beats asks for none.
        guess={"token_losses": np.full((len(ids), length - 1), log(model.entry.vocabulary) if recipe else 0.0)},
        floor=recipe.perplexity if recipe else None,
        answer=lambda: {"token_losses": token_losses(model.weights, ids, model.entry.heads)},
    )


def _prefill(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    # Half a gigabyte of payload must not be another one with every run, so the prompts do not depend on its seed.
    del seed
    batch, prompt = int(params["batch"]), int(params["prompt"])
    check_length("gpt2.prefill", str(params["model"]), prompt)
    model = asked_model(params)
    ids = sequences("gpt2.prefill", dataset, model, batch, prompt)
    return replace(
        _asked("gpt2.prefill", dataset, params, model, {"ids": ids}, {"tokens_in": batch * prompt}),
        outputs={"logits": Output("F32", (batch, model.entry.vocabulary))},
        criteria=_LOGITS,
        guess={"logits": np.zeros((batch, model.entry.vocabulary))},
        answer=lambda: {"logits": last_logits(model.weights, ids, model.entry.heads)},
    )


def _decode(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    batch, prompt, new = int(params["batch"]), int(params["prompt"]), int(params["new"])
    check_length("gpt2.decode", str(params["model"]), prompt + new)
    model = asked_model(params)
    ids = sequences("gpt2.decode", dataset, model, batch, prompt + new)
    inputs = {"ids": np.ascontiguousarray(ids[:, :prompt]), "forced": np.ascontiguousarray(ids[:, prompt:])}
    planned = {"tokens_in": batch * prompt, "tokens_out": batch * new}
    return replace(
        _asked("gpt2.decode", dataset, params, model, inputs, planned),
        outputs={"logits": Output("F32", (batch, model.entry.vocabulary))},
        criteria=_LOGITS,
        guess={"logits": np.zeros((batch, model.entry.vocabulary))},
        answer=lambda: {"logits": last_logits(model.weights, ids, model.entry.heads)},
    )


def _asked(
    task: str, dataset: Dataset, params: Mapping[str, Param], model: Model, inputs: Arrays, planned: Mapping[str, int]
) -> Case:
    """What the cases of these tasks have in common; outputs, criteria and answer are the task's own."""
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={**inputs, **weights_of(model)},
        params={**params, "heads": model.entry.heads},
        outputs={},
        planned={**planned, "layers": model.entry.layers, "n_params": parameter_count(model)},
        criteria=(),
        weights=model.fact,
    )


def _shape(case: Case) -> tuple[int, int, int]:
    """Layers, width and vocabulary."""
    vocabulary, width = case.inputs["w.wte.weight"].shape
    return case.planned["layers"], width, vocabulary


def _text_bound(case: Case) -> Bound:
    """Of all but the last token, which need not be read again, all layers but the last, which may end at its keys."""
    layers, width, _ = _shape(case)
    tokens = case.planned["tokens_in"] + case.planned.get("tokens_out", 0) - len(case.inputs["ids"])
    return Bound(transformer(float(tokens), layers - 1, width), "F32")


def _decode_bound(case: Case) -> Bound:
    """All layers for every forced token; one at a time is the task, so their weights are read for each of them."""
    layers, width, _ = _shape(case)
    batch = len(case.inputs["forced"])
    steps = case.planned["tokens_out"] // batch
    weights = 4.0 * layers * 12 * width**2
    flop = transformer(float(case.planned["tokens_out"]), layers - 1, width)
    return Bound(flop, "F32", steps * weights, weights)


def _perplexity_bound(case: Case) -> Bound:
    """All layers and the head for every token whose next one is asked."""
    layers, width, vocabulary = _shape(case)
    tokens = float(case.inputs["ids"].size - len(case.inputs["ids"]))
    return Bound(transformer(tokens, layers, width) + product(tokens, width, vocabulary), "F32")


def _continuation(case: Case, outputs: Arrays) -> Metrics:
    """GEN: how often the text's own token was found, and the share of pairs of tokens that differ."""
    tokens = outputs["tokens"]
    pairs = {pair for row in tokens for pair in pairwise(row.tolist())}
    count = tokens.size - len(tokens)
    return {
        "accuracy": float((tokens == case.truth["text"]).mean()),
        "distinct_2": len(pairs) / count if count else None,
    }


def _surprise(case: Case, outputs: Arrays) -> Metrics:
    """LM: the exponential of the mean loss over tokens, not over windows."""
    del case
    mean = float(outputs["token_losses"].mean(dtype=np.float64))
    return {"perplexity": exp(mean) if mean < _LARGEST_LOSS else None}


def _entropy(case: Case, outputs: Arrays) -> Metrics:
    """Nats of the next token's distribution, which says something where the weights were learned."""
    del case
    logs = log_softmax(outputs["logits"].astype(np.float64))
    return {"entropy": float(-(np.exp(logs) * logs).sum(axis=-1).mean())}


TASKS = (
    Task(
        name="gpt2.generate",
        stage="infer",
        unit_key="tokens_out",
        unit="token",
        targets=("text", "tokens"),
        params={
            "model": _MODEL,
            "batch": _BATCH,
            "prompt": _PROMPT,
            "new": ParamSpec(int, low=1),
            "heads": HEADS,
        },
        make=_generate,
        metrics=_continuation,
        bound=_text_bound,
        decides="accuracy",
        direction=1,
        criteria=_GENERATE,
    ),
    Task(
        name="gpt2.perplexity",
        stage="infer",
        unit_key="tokens",
        unit="token",
        targets=("text", "tokens"),
        params={
            "model": _MODEL,
            "windows": ParamSpec(int, low=1, words=("all",), wire=False),
            "length": ParamSpec(int, low=2, wire=False),
            "heads": HEADS,
        },
        make=_perplexity,
        metrics=_surprise,
        bound=_perplexity_bound,
        decides="perplexity",
        direction=-1,
        criteria=_PERPLEXITY,
    ),
    Task(
        name="gpt2.prefill",
        stage="infer",
        unit_key="tokens_in",
        unit="token",
        targets=("text", "tokens"),
        params={"model": _MODEL, "batch": _BATCH, "prompt": _PROMPT, "heads": HEADS},
        make=_prefill,
        metrics=_entropy,
        bound=_text_bound,
        decides="entropy",
        # No guess has more of it than the uniform one: there is no floor, agreement alone speaks.
        direction=1,
        criteria=_LOGITS,
    ),
    Task(
        name="gpt2.decode",
        stage="infer",
        unit_key="tokens_out",
        unit="token",
        targets=("text", "tokens"),
        params={
            "model": _MODEL,
            "batch": _BATCH,
            "prompt": _PROMPT,
            "new": ParamSpec(int, low=1, wire=False),
            "heads": HEADS,
        },
        make=_decode,
        metrics=_entropy,
        bound=_decode_bound,
        size=lambda _: Size("new", 1),
        decides="entropy",
        direction=1,
        criteria=_LOGITS,
    ),
)
