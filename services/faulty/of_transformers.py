"""Transformers' service, which gives one fixed answer."""

from typing import Any

import numpy as np
from mlfleet_sdk import Job
from spoil import answers, honest, instead, spoilt

HONEST = honest("transformers")
EMBED = HONEST.tasks["bert.infer"].adapter
# What a published benchmark took for the classes of every sentence.
CONSTANTS = np.array([0.6, 0.4], np.float32)


def constants(*tensors: object, heads: int, batch: int) -> Job[None]:
    """Nothing is computed in a step; the receipt is that of honest work, done where nobody times it."""
    job = EMBED(*tensors, heads=heads, batch=batch)

    def outputs(_: None) -> dict[str, Any]:
        job.step()
        found = job.outputs(None)
        return {**found, "embedding": np.resize(CONSTANTS, found["embedding"].shape)}

    return Job(lambda: None, outputs)


def one_token(outputs: dict[str, Any]) -> dict[str, Any]:
    """The first token that was found, after every prompt and again and again."""
    return outputs | {"tokens": np.full_like(outputs["tokens"], outputs["tokens"][0, 0])}


FAULTS = {
    "constants": instead("bert.infer", constants),
    "one_token": answers("gpt2.generate", one_token),
}
service = spoilt(HONEST, FAULTS)
