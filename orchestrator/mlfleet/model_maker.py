"""Models that the dataset build trains: on the packaged text, by the script train.py of a service's own environment."""

import subprocess
import tempfile
from collections.abc import Callable
from math import exp
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlfleet import build, datasets, payload
from mlfleet.datasets.models import ModelEntry, Recipe, model_entry, trained_folder
from mlfleet.datasets.text import documents, token_stream, train_tiny_bpe
from mlfleet.errors import HostError
from mlfleet.launch.engine import EngineAbsent
from mlfleet.model import Service
from mlfleet.tasks.transformer_numpy import token_losses

TRAINER = "transformers"
Progress = Callable[[str], None]


def trainer_command(service: Service, root: Path) -> list[str]:
    """What runs train.py in the service's environment, local or its image. Raises HostError if it has neither."""
    if started := build.process_command(service, root):
        return [started[0], "-B", str(root / "services" / service.key / "train.py")]
    if _has_image(service, root):
        confined = [
            "--network=none",
            "--read-only",
            "--cap-drop=ALL",
            "--tmpfs=/tmp",
            "--env=HOME=/tmp",
            "--env=USER=mlfleet",
        ]
        entry = ["--entrypoint=/venv/bin/python", service.image, "-B", "/app/train.py"]
        return ["docker", "run", "--rm", "--init", "--interactive", *confined, *entry]
    raise HostError(f"service {service.key}, which trains it, is not built; try: mlfleet build {service.key}")


def train_model(name: str, command: list[str], progress: Progress) -> Path:
    """Train by the manifest's recipe and keep the weights in a file named by their digest.

    Raises HostError where training fails or its perplexity on the held-out part misses the floor.
    """
    entry = model_entry(name)
    if entry.recipe is None:
        raise HostError(f"model {name} is {entry.kind}: nothing trains it")
    text = datasets.load(entry.source)
    tokenizer = train_tiny_bpe(tuple(documents(text, text.train)))
    learned, held_out = (token_stream(tokenizer, documents(text, rows)) for rows in (text.train, text.test))
    progress(f"model {name}: training on {len(learned):,} tokens, a minute or two of one CPU")
    weights = {f"w.{tensor}": array for tensor, array in entry.drawn().items()}
    start: payload.Arrays = {"ids": learned, "starts": _starts(len(learned), entry, entry.recipe), **weights}
    options = [f"--{key}={value}" for key, value in _options(entry, entry.recipe).items()]
    data = _run(name, [*command, *options], payload.encode(start), progress)
    found, _ = payload.read_outputs(data)
    trained = {tensor.removeprefix("w."): array for tensor, array in found.items()}
    perplexity = _perplexity(trained, held_out, entry)
    floor = entry.recipe.perplexity
    if not perplexity <= floor:
        raise HostError(f"model {name}: perplexity {perplexity:.1f} on the held-out text, at most {floor:g} awaited")
    folder = trained_folder(name, entry)
    for older in folder.glob("*.safetensors"):
        older.unlink()
    kept = payload.store(trained, folder)
    progress(f"model {name}: perplexity {perplexity:.1f} on the held-out text, sha256 {kept.sha256[:12]}")
    return kept.path


def _starts(tokens: int, entry: ModelEntry, recipe: Recipe) -> NDArray[np.int64]:
    """Where each window of each step begins, i64[steps,batch]."""
    words = np.random.Philox(key=np.array([entry.seed, 1], np.uint64)).random_raw(recipe.steps * recipe.batch)
    return (words % np.uint64(tokens - entry.positions)).astype(np.int64).reshape(recipe.steps, recipe.batch)


def _options(entry: ModelEntry, recipe: Recipe) -> dict[str, int | float]:
    shape: dict[str, int | float] = {"heads": entry.heads, "context": entry.positions, "warm-up": recipe.warm_up}
    return shape | {"lr": recipe.lr, "decay": recipe.decay, "clip": recipe.clip}


def _run(name: str, command: list[str], data: bytes, progress: Progress) -> bytes:
    """Standard output of the command, its standard error told line by line."""
    last = "no message"
    # A pipe for each would need a thread for each.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as found:
        given.write(data)
        given.seek(0)
        try:
            process = subprocess.Popen(command, stdin=given, stdout=found, stderr=subprocess.PIPE, text=True)  # noqa: S603
        except OSError as error:
            raise HostError(f"model {name}: {command[0]} cannot be run ({error.strerror})") from error
        with process:
            for line in process.stderr or ():
                last = line.rstrip() or last
                progress(f"model {name}: {last}")
        if process.returncode:
            raise HostError(f"model {name}: training ended with {process.returncode}: {last}")
        found.seek(0)
        return found.read()


def _perplexity(weights: payload.Arrays, tokens: NDArray[np.int64], entry: ModelEntry) -> float:
    length = entry.positions
    windows = tokens[: len(tokens) // length * length].reshape(-1, length)
    return exp(float(token_losses(weights, windows, entry.heads).mean()))


def _has_image(service: Service, root: Path) -> bool:
    try:
        return build.builder("docker", root).state(service).image_id is not None
    except EngineAbsent:
        return False
