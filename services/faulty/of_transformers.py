"""Transformers' service, which gives one fixed answer."""

from typing import Any

import numpy as np
from spoil import answers, honest, spoilt


def one_token(outputs: dict[str, Any]) -> dict[str, Any]:
    """The first token that was found, after every prompt and again and again."""
    return outputs | {"tokens": np.full_like(outputs["tokens"], outputs["tokens"][0, 0])}


service = spoilt(honest("transformers"), {"one_token": answers("gpt2.generate", one_token)})
