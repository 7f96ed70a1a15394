"""Models whose weights come in the payload: their configuration is read off the shapes, nothing is drawn or copied."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from mlfleet_sdk import I64Matrix, Weights, require
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, PreTrainedModel

M = TypeVar("M", bound=PreTrainedModel)


def bert(w: Weights, heads: int, device: torch.device) -> BertModel:
    """The stock encoder without a pooler; raises InvalidArgument where weights and heads make no such model."""
    width = _size(w, "embeddings.LayerNorm.weight", rank=1)
    _check_heads(heads, width)
    config = BertConfig(
        vocab_size=_size(w, "embeddings.word_embeddings.weight"),
        hidden_size=width,
        num_hidden_layers=_layers(w, "encoder.layer."),
        num_attention_heads=heads,
        intermediate_size=_size(w, "encoder.layer.0.intermediate.dense.bias", rank=1),
        max_position_embeddings=_size(w, "embeddings.position_embeddings.weight"),
        type_vocab_size=_size(w, "embeddings.token_type_embeddings.weight"),
        layer_norm_eps=1e-12,
        hidden_act="gelu",
        attn_implementation="sdpa",
    )
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    return _filled(model, w, device)


def gpt2(w: Weights, heads: int, device: torch.device) -> GPT2LMHeadModel:
    """The stock decoder, its head tied to the embedding; raises InvalidArgument as `bert` does."""
    width = _size(w, "ln_f.weight", rank=1)
    _check_heads(heads, width)
    config = GPT2Config(
        vocab_size=_size(w, "wte.weight"),
        n_positions=_size(w, "wpe.weight"),
        n_embd=width,
        n_layer=_layers(w, "h."),
        n_head=heads,
        n_inner=_size(w, "h.0.mlp.c_fc.bias", rank=1),
        activation_function="gelu_new",
        layer_norm_epsilon=1e-5,
        attn_implementation="sdpa",
        # GPT-2's own lie outside of a small vocabulary.
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.device("meta"):
        model = GPT2LMHeadModel(config)
    _filled(model.transformer, w, device)
    model.tie_weights()
    return model.eval()


def count(model: torch.nn.Module) -> int:
    """Parameters; a tied one counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def check_ids(ids: I64Matrix, name: str, vocabulary: int) -> None:
    """Raise InvalidArgument unless there is a token, and every one is in the vocabulary."""
    require(ids.size > 0, f"tensor {name} has shape {list(ids.shape)}, awaited at least one token")
    low, high = ids.min(), ids.max()
    require(low >= 0 and high < vocabulary, f"tensor {name} holds {low} .. {high}, awaited 0 .. {vocabulary - 1}")


def _filled(model: M, w: Weights, device: torch.device) -> M:
    awaited = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    _check_shapes({name: list(array.shape) for name, array in w.items()}, awaited)
    model.load_state_dict({name: torch.from_numpy(array).to(device) for name, array in w.items()}, assign=True)
    return model.eval()


def _check_shapes(found: Mapping[str, list[int]], awaited: Mapping[str, list[int]]) -> None:
    for name in {**awaited, **found}:
        require(name in found, f"tensor w.{name} is missing, awaited with shape {awaited.get(name)}")
        require(name in awaited, f"unknown tensor w.{name}, awaited the {len(awaited)} tensors of the architecture")
        require(found[name] == awaited[name], f"tensor w.{name} has shape {found[name]}, awaited {awaited[name]}")


def _check_heads(heads: int, width: int) -> None:
    require(heads >= 1 and width % heads == 0, f"heads is {heads}, awaited a divisor of the width {width}")


def _layers(w: Weights, prefix: str) -> int:
    return len({name.removeprefix(prefix).partition(".")[0] for name in w if name.startswith(prefix)})


def _size(w: Weights, name: str, rank: int = 2) -> int:
    require(name in w, f"tensor w.{name} is missing, awaited one of rank {rank}")
    require(w[name].ndim == rank, f"tensor w.{name} has shape {list(w[name].shape)}, awaited rank {rank}")
    return w[name].shape[0]
