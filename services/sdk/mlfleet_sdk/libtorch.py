"""For services that stand on PyTorch: their threads, their device, and which libtorch runs. Imports torch."""

import hashlib
from pathlib import Path

import torch

from mlfleet_sdk import Pool, device, threads

_HASHED_BYTES = 1 << 20


def limit_threads() -> None:
    """First of all: libtorch takes the number between operators only before its first work."""
    torch.set_num_interop_threads(1)
    torch.set_num_threads(threads())


def version() -> str:
    """Of the release, without the local part that names its CUDA: "2.11.0"."""
    return str(torch.__version__).partition("+")[0]


def pools() -> list[Pool]:
    """The pools of libtorch, as it reports them."""
    return [
        Pool("libtorch-intraop", "libtorch", version(), torch.get_num_threads()),
        Pool("libtorch-interop", "libtorch", version(), torch.get_num_interop_threads()),
    ]


def devices() -> tuple[str, ...]:
    """The device that this process was started for, else, where that is not there, the CPU."""
    name, _, number = device().partition(":")
    there = name == "cuda" and torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    return (device(),) if there else ("cpu",)


def facts() -> dict[str, str]:
    """Which libtorch this is: what its build says of itself, and evidence read off the library that is loaded.

    The whole of it is half a gigabyte; size and first MiB, which holds its table of symbols, tell builds apart.
    """
    library = _loaded("libtorch_cpu.so")
    with library.open("rb") as file:
        digest = hashlib.sha256(file.read(_HASHED_BYTES)).hexdigest()
    return {
        "libtorch": str(torch.__version__),
        "libtorch_git": str(torch.version.git_version),
        "libtorch_cuda": str(torch.version.cuda),
        "libtorch_cpu.so": f"{library.stat().st_size} bytes, sha256 of the first MiB {digest}",
    }


def _loaded(name: str) -> Path:
    """Where the library of that name, which this process has mapped, lies."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return next(path for line in lines if (path := Path(line.split(maxsplit=5)[-1])).name == name)
