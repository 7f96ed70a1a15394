"""Hugging Face's transformers behind the contract: stock models in eager PyTorch, one function per task."""

import torch
import transformers
from delivered import bert, check_ids, count, gpt2
from mlfleet_sdk import I64Matrix, Job, Rotation, Service, Weights, batches, device, libtorch, require
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, GenerationConfig, GPT2LMHeadModel

libtorch.limit_threads()
DEVICE = torch.device(device())
KERNELS = f"libtorch {libtorch.version()}"
service = Service(
    "transformers",
    transformers.__version__,
    facts=libtorch.facts(),
    pools=libtorch.pools,
    devices=libtorch.devices(),
)


@service.task("bert.infer", origin="stock", kernels=KERNELS)
def bert_infer(ids: I64Matrix, mask: I64Matrix, w: Weights, *, heads: int, batch: int) -> Job[None]:
    """Masked mean of the last hidden states of one batch."""
    model = bert(w, heads, DEVICE)
    require(mask.shape == ids.shape, f"tensor mask has shape {list(mask.shape)}, awaited {list(ids.shape)} as ids has")
    require(((mask == 0) | (mask == 1)).all(), f"tensor mask holds {mask.min()} .. {mask.max()}, awaited 0 or 1")
    require(mask.any(axis=1).all(), "tensor mask has a row of zeros, awaited at least one 1 in each")
    tokens, kept = _tokens("ids", ids, model.config.vocab_size), torch.from_numpy(mask).to(DEVICE)
    _check_positions(ids.shape[1], model.config.max_position_embeddings)
    # The model's own would be of its device "meta", where it was described.
    places = torch.arange(ids.shape[1], device=DEVICE).unsqueeze(0)
    types = torch.zeros_like(places)

    @torch.inference_mode()
    def embed(passages: tuple[Tensor, Tensor]) -> Tensor:
        tokens, kept = passages
        hidden = model(tokens, attention_mask=kept, position_ids=places, token_type_ids=types).last_hidden_state
        weight = kept.unsqueeze(-1).to(hidden.dtype)
        return _done((hidden * weight).sum(1) / weight.sum(1))

    turns = Rotation([(tokens[part], kept[part]) for part in batches("ids", len(ids), batch)], embed)
    return Job(
        step=turns.step,
        outputs=lambda _: {
            "embedding": turns.first.cpu().numpy(),
            "receipt.tokens": len(turns.first) * tokens.shape[1],
            "receipt.layers": len(model.encoder.layer),
            "receipt.n_params": count(model),
        },
    )


@service.task("gpt2.generate", origin="stock", kernels=KERNELS)
def gpt2_generate(ids: I64Matrix, w: Weights, *, heads: int, new: int) -> Job[Tensor]:
    """The stock `generate`: greedy, with its cache, no token ends it."""
    model, tokens = _gpt2("ids", ids, w, heads)
    positions = model.config.n_positions
    prompt = ids.shape[1]
    require(
        1 <= new <= positions - prompt,
        f"new is {new}, a prompt has {prompt} tokens and the model {positions} positions, "
        f"awaited 1 to {positions - prompt}",
    )
    model.generation_config = GenerationConfig(
        do_sample=False, min_new_tokens=new, max_new_tokens=new, use_cache=True, pad_token_id=0
    )
    seen = torch.ones_like(tokens)

    def step() -> Tensor:
        return _done(model.generate(tokens, attention_mask=seen)[:, prompt:])

    return Job(step, lambda found: {"tokens": found.cpu().numpy(), **_receipt(model, tokens, found.numel())})


@service.task("gpt2.perplexity", origin="stock", kernels=KERNELS)
def gpt2_perplexity(ids: I64Matrix, w: Weights, *, heads: int) -> Job[Tensor]:
    """The loss of every token but the first of its window."""
    model, tokens = _gpt2("ids", ids, w, heads)
    require(ids.shape[1] > 1, f"tensor ids has windows of {ids.shape[1]} token, awaited at least 2")
    labels = tokens[:, 1:]

    @torch.inference_mode()
    def step() -> Tensor:
        logits = model(tokens[:, :-1], use_cache=False).logits
        return _done(functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels))

    return Job(
        step,
        lambda losses: {
            "token_losses": losses.cpu().numpy(),
            "receipt.tokens": tokens.numel(),
            "receipt.layers": len(model.transformer.h),
            "receipt.n_params": count(model),
        },
    )


@service.task("gpt2.prefill", origin="stock", kernels=KERNELS)
def gpt2_prefill(ids: I64Matrix, w: Weights, *, heads: int) -> Job[Tensor]:
    """Logits of the last position, the cache filled as for a generation."""
    model, tokens = _gpt2("ids", ids, w, heads)

    @torch.inference_mode()
    def step() -> Tensor:
        return _done(model(tokens, use_cache=True, logits_to_keep=1).logits[:, -1])

    return Job(step, lambda logits: {"logits": logits.cpu().numpy(), **_receipt(model, tokens)})


@service.task("gpt2.decode", origin="stock", kernels=KERNELS)
def gpt2_decode(ids: I64Matrix, forced: I64Matrix, w: Weights, *, heads: int) -> Job[Tensor]:
    """Logits after forced tokens, one at a time on the prompt's cache, which is cut back to it before."""
    model, tokens = _gpt2("ids", ids, w, heads)
    require(len(forced) == len(ids), f"tensor forced has {len(forced)} rows, ids {len(ids)}")
    given = _tokens("forced", forced, model.config.vocab_size)
    _check_positions(ids.shape[1] + forced.shape[1], model.config.n_positions)
    prompt = tokens.shape[1]
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)

    @torch.inference_mode()
    def step() -> Tensor:
        if extra := cache.get_seq_length() - prompt:
            cache.crop(-extra)
        for token in given.split(1, dim=1):
            logits = model(token, past_key_values=cache, use_cache=True).logits
        return _done(logits[:, -1])

    def outputs(logits: Tensor) -> dict[str, object]:
        done = len(tokens) * (cache.get_seq_length() - prompt)
        return {"logits": logits.cpu().numpy(), **_receipt(model, tokens, done)}

    return Job(step, outputs)


def _gpt2(name: str, ids: I64Matrix, w: Weights, heads: int) -> tuple[GPT2LMHeadModel, Tensor]:
    model = gpt2(w, heads, DEVICE)
    _check_positions(ids.shape[1], model.config.n_positions)
    return model, _tokens(name, ids, model.config.vocab_size)


def _tokens(name: str, ids: I64Matrix, vocabulary: int) -> Tensor:
    check_ids(ids, name, vocabulary)
    return torch.from_numpy(ids).to(DEVICE)


def _check_positions(length: int, positions: int) -> None:
    require(length <= positions, f"a sequence has {length} tokens, awaited at most {positions}, the model's positions")


def _receipt(model: GPT2LMHeadModel, tokens: Tensor, new: int | None = None) -> dict[str, int]:
    found = {
        "receipt.tokens_in": tokens.numel(),
        "receipt.layers": len(model.transformer.h),
        "receipt.n_params": count(model),
    }
    return found if new is None else {**found, "receipt.tokens_out": new}


def _done(result: Tensor) -> Tensor:
    """The result when it is there: a GPU answers before it has finished."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)
    return result
