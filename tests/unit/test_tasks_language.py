"""Language models: their float64 references against what is known otherwise, and what the tasks refuse."""

from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.datasets.models import load_model
from mlfleet.errors import UsageError
from mlfleet.tasks.criteria import Answer, EqualUntil
from mlfleet.tasks.transformer_numpy import bert_embedding, gpt2_hidden, gpt2_logits, greedy

MICRO = {
    "bert.infer": {"model": "bert_micro", "rows": 7, "length": 19, "batch": 3},
    "gpt2.generate": {"model": "gpt2_micro", "batch": 5, "prompt": 9, "new": 12},
    "gpt2.perplexity": {"model": "gpt2_micro", "windows": 5, "length": 21},
    "gpt2.prefill": {"model": "gpt2_micro", "batch": 5, "prompt": 9},
    "gpt2.decode": {"model": "gpt2_micro", "batch": 5, "prompt": 9, "new": 7},
}
IDS = np.arange(24).reshape(2, 12) % 61


def case(name: str, **changes):
    return tasks.get(name).case(datasets.load("tokens-syn"), {**MICRO[name], **changes}, 1)


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))


@pytest.fixture
def gpt2():
    return load_model("gpt2_micro").weights


@pytest.fixture
def bert():
    return load_model("bert_micro").weights


@pytest.mark.parametrize("name", MICRO)
def test_the_reference_passes_and_zeros_do_not(name):
    task, made = tasks.get(name), case(name)
    reference = {output: task.reference(made)[output] for output in made.outputs}
    assert task.score(made, reference).findings == ()
    zeros = {output: np.zeros_like(array) for output, array in reference.items()}
    assert task.score(made, zeros).findings


@pytest.mark.parametrize("name", MICRO)
def test_the_case_says_that_its_weights_are_random_and_does_not_depend_on_the_seed(name):
    task, made = tasks.get(name), case(name)
    other = task.case(datasets.load("tokens-syn"), MICRO[name], 2)
    assert made.weights is not None
    assert made.weights.kind == "random"
    assert all(np.array_equal(made.inputs[tensor], other.inputs[tensor]) for tensor in made.inputs)
    assert made.params["heads"] == 3
    assert made.label == "synthetic"


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("bert.infer", {"length": 41}, "41 tokens, bert_micro has 40 positions"),
        ("bert.infer", {"batch": 8}, "'batch' of bert.infer is 8, there are 7 passages"),
        ("bert.infer", {"rows": 10_000}, "10000 passages of 19 tokens"),
        ("bert.infer", {"model": "gpt2_micro"}, "one of 'minilm', 'bert_micro'"),
        ("bert.infer", {"heads": 3}, "unknown parameter of bert.infer 'heads'"),
        ("gpt2.generate", {"new": 32}, "41 tokens, gpt2_micro has 40 positions"),
        ("gpt2.perplexity", {"length": 41}, "41 tokens, gpt2_micro has 40 positions"),
        ("gpt2.prefill", {"prompt": 41}, "41 tokens, gpt2_micro has 40 positions"),
        ("gpt2.decode", {"new": 32}, "41 tokens, gpt2_micro has 40 positions"),
        ("gpt2.prefill", {"batch": 10_000}, "10000 sequences of 9 tokens"),
    ],
)
def test_what_a_model_or_its_data_cannot_do_is_refused(name, changes, words):
    with pytest.raises(UsageError, match=words):
        case(name, **changes)


def test_a_text_needs_a_tokenizer():
    text = datasets.load("pydoc_text")
    with pytest.raises(UsageError, match="bert_micro has no tokenizer"):
        tasks.get("bert.infer").case(text, MICRO["bert.infer"], 1)
    with pytest.raises(UsageError, match="vocabulary of 61, too small"):
        tasks.get("gpt2.prefill").case(text, MICRO["gpt2.prefill"], 1)


def test_padding_does_not_reach_an_embedding(bert):
    mask = np.ones_like(IDS)
    mask[:, 7:] = 0
    padded = bert_embedding(bert, IDS, mask, 3)
    assert np.allclose(padded, bert_embedding(bert, IDS[:, :7], mask[:, :7], 3), rtol=0, atol=1e-12)
    assert not np.allclose(padded, bert_embedding(bert, IDS, np.ones_like(IDS), 3), atol=1e-3)


def test_a_token_sees_none_after_it(gpt2):
    changed = IDS.copy()
    changed[:, 8:] = 0
    whole, cut = (gpt2_hidden(gpt2, ids, 3) for ids in (IDS, changed))
    assert np.array_equal(whole[:, :8], cut[:, :8])
    assert not np.allclose(whole[:, 8:], cut[:, 8:])


def test_a_cache_changes_nothing(gpt2):
    cache = []
    parts = [gpt2_hidden(gpt2, part, 3, cache) for part in (IDS[:, :5], IDS[:, 5:6], IDS[:, 6:])]
    assert np.allclose(np.concatenate(parts, axis=1), gpt2_hidden(gpt2, IDS, 3), rtol=0, atol=1e-12)


def test_greedy_takes_the_likeliest_token_of_the_whole_text_so_far():
    model = load_model("gpt2_micro")
    tokens, decided = greedy(model.weights, IDS, 3, 4)
    text = np.concatenate([IDS, tokens], axis=1)
    for step in range(4):
        logits = gpt2_logits(model.weights, gpt2_hidden(model.weights, text[:, : 12 + step], 3)[:, -1])
        assert np.array_equal(logits.argmax(axis=-1), tokens[:, step])
    assert decided.max() <= 4


@pytest.mark.parametrize("drop", ["h.1.attn.c_attn.bias", "ln_f.bias", "h.0.ln_1.weight", "wpe.weight"])
def test_every_tensor_matters(gpt2, drop):
    without = {**gpt2, drop: np.zeros_like(gpt2[drop])}
    whole, less = (gpt2_hidden(weights, IDS, 3) for weights in (gpt2, without))
    assert np.linalg.norm(whole - less) > 1e-2 * np.linalg.norm(whole)


def test_steps_that_rounding_decides_are_held_against_nobody():
    reference = Answer({"tokens": np.array([[1, 2, 3], [4, 5, 6]]), "decided": np.array([3, 1])}, {})
    criterion = EqualUntil("tokens", "decided")
    assert criterion.judge(Answer({"tokens": np.array([[1, 2, 3], [4, 0, 0]])}, {}), reference).failure is None
    judged = criterion.judge(Answer({"tokens": np.array([[1, 0, 3], [4, 5, 6]])}, {}), reference)
    assert judged.failure == "tokens agree on 0.750 of 4 steps that rounding does not decide, 1 awaited"
    nothing = replace(reference, outputs={**reference.outputs, "decided": np.array([0, 0])})
    assert criterion.judge(reference, nothing).failure is not None
