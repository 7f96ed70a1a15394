"""Sentence embeddings of a BERT encoder: the mean of the last hidden states over the tokens of a passage."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Integers
from mlfleet.datasets.models import Model
from mlfleet.datasets.text import padded, passages
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.bounds import transformer
from mlfleet.tasks.criteria import Close, Criterion, Metrics
from mlfleet.tasks.language import HEADS, asked_model, check_length, model_param, parameter_count, weights_of
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.transformer_numpy import bert_embedding

# Noise of float32 is 8e-7, the other gelu 2.4e-3: this tells them apart.
_CRITERIA: tuple[Criterion, ...] = (Close("embedding", 1e-4),)


def _passages(task: str, dataset: Dataset, model: Model, rows: int, length: int) -> tuple[Integers, Integers]:
    """Tokens and mask i64[rows,length]: passages spread over a text, or drawn tokens of several lengths."""
    if dataset.target == "tokens":
        if rows * length > len(dataset.x):
            raise UsageError(f"{task}: {rows} passages of {length} tokens, {dataset.name} has {len(dataset.x)} tokens")
        words = dataset.x[: rows * length].reshape(rows, length)
        mask = (np.arange(length) < length - np.arange(rows)[:, np.newaxis] % (length // 2)).astype(np.int64)
        return words % model.entry.vocabulary * mask, mask
    if model.tokenizer is None:
        raise UsageError(f"{task}: {model.name} has no tokenizer for a text; awaited: a dataset of tokens")
    found = passages(dataset)
    if rows > len(found):
        raise UsageError(f"{task}: {rows} passages, {dataset.name} has {len(found)}")
    return padded(model.tokenizer, [found[place] for place in np.linspace(0, len(found) - 1, rows, dtype=int)], length)


def _infer(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    name = "bert.infer"
    batch, rows, length = int(params["batch"]), int(params["rows"]), int(params["length"])
    check_length(name, str(params["model"]), length)
    if batch > rows:
        raise UsageError(f"parameter 'batch' of {name} is {batch}, there are {rows} passages")
    model = asked_model(params)
    heads, width = model.entry.heads, model.entry.width
    ids, mask = _passages(name, dataset, model, rows, length)

    def answer() -> Arrays:
        return {"embedding": bert_embedding(model.weights, ids[:batch], mask[:batch], heads)}

    return Case(
        task=name,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"ids": ids, "mask": mask, **weights_of(model)},
        params={**params, "heads": heads},
        outputs={"embedding": Output("F32", (batch, width))},
        planned={"tokens": batch * length, "layers": model.entry.layers, "n_params": parameter_count(model)},
        criteria=_CRITERIA,
        guess={"embedding": np.zeros((batch, width))},
        answer=answer,
        weights=model.fact,
    )


def _bound(case: Case) -> Bound:
    """Every layer for every token that the mask keeps, in the batch that keeps fewest; padding may be left out."""
    batch, mask = int(case.params["batch"]), case.inputs["mask"]
    kept = [mask[first : first + batch].sum() for first in range(0, len(mask) - batch + 1, batch)]
    width = case.outputs["embedding"].shape[1]
    return Bound(transformer(float(min(kept)), case.planned["layers"], width), "F32")


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    """How alike the passages of the batch are: the mean cosine over pairs; None where there is no pair."""
    del case
    embedding = outputs["embedding"].astype(np.float64)
    norms = np.linalg.norm(embedding, axis=1, keepdims=True)
    rows = len(embedding)
    if rows == 1 or not norms.all():
        return {"mean_cosine": None}
    cosines = (embedding / norms) @ (embedding / norms).T
    return {"mean_cosine": float((cosines.sum() - rows) / (rows * (rows - 1)))}


TASKS = (
    Task(
        name="bert.infer",
        stage="infer",
        unit_key="tokens",
        unit="token",
        targets=("text", "tokens"),
        params={
            "model": model_param("bert"),
            "rows": ParamSpec(int, low=1, wire=False),
            "length": ParamSpec(int, low=4, wire=False),
            "batch": ParamSpec(int, low=1),
            "heads": HEADS,
        },
        make=_infer,
        metrics=_metrics,
        decides="mean_cosine",
        direction=1,
        criteria=_CRITERIA,
        bound=_bound,
    ),
)
