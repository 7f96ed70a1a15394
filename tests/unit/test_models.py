"""Models: what is drawn is the same everywhere, and what is not what its entry says is refused."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlfleet import datasets, model_maker, payload
from mlfleet.datasets import DataUnavailable, models
from mlfleet.datasets.drawn import drawn_weights, gpt2_shapes, misfits
from mlfleet.datasets.models import load_model, model_entry, model_names, trained_folder
from mlfleet.datasets.text import documents, passages, token_stream, train_tiny_bpe
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    load_model.cache_clear()
    yield
    load_model.cache_clear()


def entry_is(monkeypatch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    known = {**models.read_models(), name: replace(model_entry(name), **changes)}
    monkeypatch.setattr(models, "read_models", lambda: known)


@pytest.mark.parametrize("name", ["gpt2_micro", "bert_micro"])
def test_drawn_weights_have_the_digest_and_the_shapes_of_their_entry(name: str) -> None:
    model = load_model(name)
    assert model.sha256 == model.entry.weights
    assert misfits(model.weights, model.entry.shapes) == []
    assert model.fact.kind == "random"


def test_gpt2_at_its_true_shape_has_as_many_parameters_as_published() -> None:
    entry = model_entry("gpt2")
    assert sum(int(np.prod(shape)) for shape in entry.shapes.values()) == entry.parameters == 124_439_808


def test_the_start_is_gpt2s_own() -> None:
    drawn = drawn_weights(gpt2_shapes(2, 64, 32, 512), layers=2, seed=1, std=0.02)
    assert drawn["wte.weight"].std() == pytest.approx(0.02, rel=0.02)
    assert drawn["h.0.mlp.c_proj.weight"].std() == pytest.approx(0.01, rel=0.02)
    assert not drawn["h.0.attn.c_attn.bias"].any()
    assert (drawn["ln_f.weight"] == 1).all()
    assert abs(drawn["wte.weight"].mean()) < 1e-3


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'minilm'"):
        load_model("minlm")


def test_weights_of_another_digest_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_is(monkeypatch, "gpt2_micro", weights="0" * 64)
    with pytest.raises(DataUnavailable, match=f"have sha256 .*, {'0' * 64} awaited"):
        load_model("gpt2_micro")


def test_a_model_without_its_wheel_says_how_to_get_it() -> None:
    with pytest.raises(DataUnavailable, match=r"model minilm: .*nothing found; run `mlfleet data`"):
        load_model("minilm")
    (state,) = datasets.states(["minilm"])
    assert (state.state, state.label) == ("fetchable", "real weights")


def test_a_model_that_was_not_trained_is_missing_and_says_what_to_try() -> None:
    (state,) = datasets.states(["gpt2_tiny"])
    assert state.state == "missing"
    assert "try: mlfleet data gpt2_tiny" in state.why


def kept(weights, name: str = "gpt2_tiny") -> Path:
    return payload.store(weights, trained_folder(name, model_entry(name))).path


def test_a_trained_model_is_what_its_file_holds() -> None:
    drawn = model_entry("gpt2_tiny").drawn()
    kept(drawn)
    assert load_model("gpt2_tiny").sha256 == payload.tensors_sha256(drawn)


def test_a_trained_file_that_was_changed_is_refused() -> None:
    path = kept(model_entry("gpt2_tiny").drawn())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    found = hashlib.sha256(data).hexdigest()
    with pytest.raises(DataUnavailable, match=f"{found}, its name says otherwise; remove it"):
        load_model("gpt2_tiny")


def test_weights_that_do_not_match_their_config_are_refused() -> None:
    drawn = model_entry("gpt2_tiny").drawn()
    kept({name: array for name, array in drawn.items() if name != "ln_f.bias"})
    with pytest.raises(DataUnavailable, match=r"model gpt2_tiny: ln_f\.bias is missing"):
        load_model("gpt2_tiny")


def test_another_recipe_has_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    before = trained_folder("gpt2_tiny", model_entry("gpt2_tiny"))
    entry_is(monkeypatch, "gpt2_tiny", seed=43)
    assert trained_folder("gpt2_tiny", model_entry("gpt2_tiny")) != before


def test_the_text_is_split_by_topic_and_the_tokenizer_gives_it_back() -> None:
    text = datasets.load("pydoc_text")
    train, held_out = documents(text, text.train), documents(text, text.test)
    assert (len(train), len(held_out)) == (72, 7)
    assert sum(len(one) for one in (*train, *held_out)) == 464_970
    tokenizer = train_tiny_bpe(tuple(train))
    stream = token_stream(tokenizer, held_out[:1])
    assert 0 <= stream.min() < stream.max() < 2048
    assert all(len(passage) > 120 and "\n" not in passage for passage in passages(text))


def test_a_service_that_is_not_built_cannot_train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(model_maker, "_has_image", lambda service, root: False)
    service = Service("transformers", "python", "mlfleet/transformers:1", control=False, memory_bytes=1)
    with pytest.raises(HostError, match="not built; try: mlfleet build transformers"):
        model_maker.trainer_command(service, tmp_path)


def test_a_training_that_fails_is_quoted_and_keeps_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    command = [sys.executable, "-c", "import sys; sys.exit('no torch here')"]
    with pytest.raises(HostError, match="training ended with 1: no torch here"):
        model_maker.train_model("gpt2_tiny", command, said.append)
    assert not (tmp_path / "models").exists()
    assert said[0].startswith("model gpt2_tiny: training on")


def test_a_training_that_learns_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn = {f"w.{name}": array for name, array in model_entry("gpt2_tiny").drawn().items()}
    monkeypatch.setattr(model_maker, "_run", lambda *_: payload.encode(drawn))
    monkeypatch.setattr(model_maker, "_perplexity", lambda *_: 2048.0)
    with pytest.raises(HostError, match=r"perplexity 2048.0 on the held-out text, at most 130 awaited"):
        model_maker.train_model("gpt2_tiny", [], lambda _: None)
    assert not (tmp_path / "models").exists()


def test_every_model_has_a_licence_and_a_note() -> None:
    assert all(model_entry(name).licence and model_entry(name).note for name in model_names())
