"""Text and tokens: the documents of a dataset, the tokenizers that turn them into numbers, and numbers drawn instead.

A text's rows are its documents: x holds the UTF-8 bytes of all of them one after another, y the length of each.
"""

import hashlib
from functools import cache
from itertools import pairwise

import numpy as np

# The library's classes carry no types.
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mlfleet.datasets.dataset import Dataset, Integers
from mlfleet.datasets.manifest import DataUnavailable

TINY_BPE = "tiny_bpe"
TINY_BPE_SHA256 = "41d7460679e0f2f135d33bb4926ad57b6111d70d6ab474905f9cc7eda7a3d9f8"
TINY_BPE_VOCABULARY = 2048
END_OF_TEXT = "<|endoftext|>"
# Shorter ones are headings and fragments.
PASSAGE_CHARACTERS = 120


def documents(dataset: Dataset, rows: Integers) -> list[str]:
    """The documents of those rows of a text."""
    ends = np.cumsum(dataset.y)
    data = dataset.x.tobytes()
    spans = list(pairwise([0, *ends.tolist()]))
    return [data[start:stop].decode() for start, stop in (spans[row] for row in rows)]


def passages(dataset: Dataset) -> list[str]:
    """Every paragraph of a text that is longer than 120 characters, in order."""
    every = documents(dataset, np.arange(len(dataset.y)))
    paragraphs = [" ".join(part.split()) for document in every for part in document.split("\n\n")]
    return [paragraph for paragraph in paragraphs if len(paragraph) > PASSAGE_CHARACTERS]


@cache
def train_tiny_bpe(corpus: tuple[str, ...]) -> str:
    """A byte-level BPE of 2,048 tokens learned from the train part of pydoc_text. Raises DataUnavailable.

    Learning takes a sixth of a second and depends on nothing but the text, so it is done anew and held to its digest.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TINY_BPE_VOCABULARY,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    text: str = tokenizer.to_str()
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != TINY_BPE_SHA256:
        raise DataUnavailable(
            f"tokenizer {TINY_BPE} has sha256 {found}, {TINY_BPE_SHA256} awaited; is the lock in use?"
        )
    return text


def token_stream(tokenizer: str, texts: list[str]) -> Integers:
    """Tokens i64[n] of the texts one after another, each followed by the end-of-text token."""
    encoder = Tokenizer.from_str(tokenizer)
    end = encoder.token_to_id(END_OF_TEXT)
    found = [token for text in texts for token in (*encoder.encode(text).ids, end)]
    return np.array(found, np.int64)


def padded(tokenizer: str, texts: list[str], length: int) -> tuple[Integers, Integers]:
    """Tokens and mask i64[n,length], each text cut to that length with its special tokens, or padded with 0."""
    encoder = Tokenizer.from_str(tokenizer)
    encoder.enable_truncation(length)
    encoder.enable_padding(length=length)
    found = encoder.encode_batch(texts)
    return np.array([one.ids for one in found], np.int64), np.array([one.attention_mask for one in found], np.int64)
