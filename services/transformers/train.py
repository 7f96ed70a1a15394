"""Trains a GPT-2 from delivered weights on delivered tokens: a step of the dataset build, not of any measurement.

    python train.py --heads 4 ... < start.safetensors > trained.safetensors

In: `ids` i64[n] tokens, `starts` i64[steps,batch] where each window begins, `w.*` the weights to start from. Out: the
weights by the same names. Progress goes to stderr.
"""

import argparse
import math
import sys
import time

import torch
from delivered import gpt2
from safetensors.torch import load, save
from torch.nn import functional

_EVERY_S = 5.0


def main() -> int:
    """Read, train, write."""
    options = _options()
    # Products this small gain little from a second thread, and on a busy host the two wait for each other.
    torch.set_num_threads(1)
    tensors = load(sys.stdin.buffer.read())
    names = [name for name in tensors if name.startswith("w.")]
    weights = {name.removeprefix("w."): tensors[name].numpy() for name in names}
    # In evaluation mode, so without dropout: a text this small is seen a few times only.
    model = gpt2(weights, options.heads, torch.device("cpu"))
    train(model, tensors["ids"], tensors["starts"], options)
    found = {f"w.{name}": parameter.detach() for name, parameter in model.transformer.named_parameters()}
    sys.stdout.buffer.write(save(found))
    return 0


def train(model: torch.nn.Module, ids: torch.Tensor, starts: torch.Tensor, options: argparse.Namespace) -> None:
    """AdamW with clipped gradients, warm-up, then a cosine to 0; biases and norms do not decay."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [{"params": matrices, "weight_decay": options.decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.lr, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(starts), options.warm_up))
    windows = torch.arange(options.context)
    told = time.monotonic()
    for step, places in enumerate(starts, 1):
        batch = ids[places[:, None] + windows]
        logits = model(batch[:, :-1], use_cache=False).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
        optimizer.step()
        schedule.step()
        if step == len(starts) or time.monotonic() - told > _EVERY_S:
            told = time.monotonic()
            print(f"step {step} of {len(starts)}, loss {loss.item():.3f}", file=sys.stderr, flush=True)


def _rate(step: int, steps: int, warm_up: int) -> float:
    if step < warm_up:
        return (step + 1) / warm_up
    return (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up))) / 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("heads", "context", "warm-up"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("lr", "decay", "clip"):
        parser.add_argument(f"--{name}", type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
