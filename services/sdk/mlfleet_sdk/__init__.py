"""The Python side of the mlfleet contract: write tasks, the SDK does the rest.

`python -m mlfleet_sdk service.py` binds the socket, imports the file (the framework's import, a phase of its own) and
serves the `service` that it defines.
"""

import os

from mlfleet_sdk.errors import InvalidArgument, require
from mlfleet_sdk.rotation import Rotation, batches
from mlfleet_sdk.service import (
    F32Images,
    F32Matrix,
    F32Vector,
    F64Matrix,
    F64Vector,
    I64Matrix,
    I64Vector,
    Job,
    Pool,
    Seed,
    Service,
    U8Vector,
    Weights,
)

__all__ = [
    "F32Images",
    "F32Matrix",
    "F32Vector",
    "F64Matrix",
    "F64Vector",
    "I64Matrix",
    "I64Vector",
    "InvalidArgument",
    "Job",
    "Pool",
    "Rotation",
    "Seed",
    "Service",
    "U8Vector",
    "Weights",
    "batches",
    "device",
    "require",
    "threads",
]


def device() -> str:
    """What the launcher lets this service compute on: "cpu", "cuda", "cuda:1"."""
    return os.environ.get("MLFLEET_DEVICE", "cpu")


def threads() -> int:
    """How many threads the launcher lets each pool have."""
    return int(os.environ.get("MLFLEET_THREADS", "1"))
