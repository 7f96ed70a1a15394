"""What a task must refuse whose payload holds a model: weights of no such model, and data that do not fit it."""

from collections.abc import Iterator

import numpy as np
from contract.refusals import Wrong
from mlfleet.payload import Arrays

WEIGHTS = "w."
# Rows of these are a model's vocabulary and its positions, under the names of the architectures that have them.
VOCABULARY = ("w.wte.weight", "w.embeddings.word_embeddings.weight")
POSITIONS = ("w.wpe.weight", "w.embeddings.position_embeddings.weight")
TOKENS = ("ids", "forced")
HEADS = "heads"


def wrong_models(case) -> Iterator[Wrong]:
    """Inputs, one of them wrong."""
    inputs = case.case.inputs
    for name in [name for name in inputs if name.startswith(WEIGHTS)]:
        cut = np.ascontiguousarray(inputs[name][..., :-1])
        # Whichever of all that no longer fit together is named.
        yield Wrong(f"{name} shorter on its last axis", {**inputs, name: cut}, ("awaited",))
    for name in [name for name in TOKENS if name in inputs]:
        yield from _strange_tokens(inputs, name)
        yield from _too_many_tokens(inputs, name)


def wrong_heads(case) -> Iterator[Wrong]:
    """Parameters: more heads than the width of the weights can be shared by."""
    if HEADS in case.case.params:
        width = case.case.inputs[_first(case.case.inputs, VOCABULARY)].shape[1]
        values = {**case.case.params, HEADS: width + 1}
        yield Wrong(f"{HEADS} = {width + 1}", values, (HEADS, str(width + 1), str(width)))


def _strange_tokens(inputs: Arrays, name: str) -> Iterator[Wrong]:
    vocabulary = len(inputs[_first(inputs, VOCABULARY)])
    for token in (-1, vocabulary):
        spoilt = inputs[name].copy()
        spoilt.flat[-1] = token
        yield Wrong(f"{name} with {token}", {**inputs, name: spoilt}, (name, str(token), str(vocabulary - 1)))


def _too_many_tokens(inputs: Arrays, name: str) -> Iterator[Wrong]:
    """One more than the model has positions; whatever has a number for each token grows with them."""
    positions = len(inputs[_first(inputs, POSITIONS)])
    like = [other for other, array in inputs.items() if array.shape == inputs[name].shape]
    longer = {other: np.resize(inputs[other], (len(inputs[other]), positions + 1)) for other in like}
    yield Wrong(f"{name} of {positions + 1} tokens", {**inputs, **longer}, (str(positions), "positions"))


def _first(inputs: Arrays, names: tuple[str, ...]) -> str:
    return next(name for name in names if name in inputs)
