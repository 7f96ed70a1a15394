"""A validation in which all is as expected, built without measuring anything; tests alter it with `replace`."""

from mlfleet.model import Environment
from mlfleet.resolution import Limit
from mlfleet.validate.result import Canary, Count, PairSeen, Validation

FOUND = Validation(
    validation="20260102-validate-quick",
    created="2026-01-02T03:04:05+00:00",
    kind="quick",
    schedule="short",
    setting="1 thread",
    environment=Environment("cpu", (1,), 1, 1 << 30, "process", "mapped"),
    host_fingerprint={"cpu_model": "sample"},
    seconds=601.0,
    constants={"counts.MISS_RATE": 0.05},
    left_out=("all that needs null-rust: not built",),
    canaries=(Canary("sleep of 20 ms", "null-python", "20 to 20.2 ms", "20.08 ms", "ok"),),
    counts=(
        Count("equal services whose 95 % interval excludes 1", 1, 9, "at most 2", "ok"),
        Count("+5 % found at 10 blocks, memory", 1, 1, "recorded", "not judged"),
    ),
    limits=(Limit("1 thread", "short", "time", "compute", 0.0123, 21, 7, 10),),
    pairs=(
        PairSeen(
            "x", "compute", "time", "null-rust:a", "null-rust:plus5", 5, 1.05, True, 10, "different", (), 0.049,
            0.04, 0.058, 0.038,
        ),
    ),
)  # fmt: skip
