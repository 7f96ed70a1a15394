"""For tests only: an honest sum, but for the one failure that MLFLEET_FAULT names.

A fault strikes once, so that the same process can be asked for honest work afterwards.
"""

import os
import sys

from mlfleet_sdk import F64Vector, Job, Service

# Of each value of MLFLEET_FAULT: where it strikes, and what is raised there.
FAULTS = {
    "internal": ("step", RuntimeError("the fault internal: a step that fails")),
    "exit": ("step", SystemExit("the fault exit: a step that wants to leave")),
    "memory": ("step", MemoryError("the fault memory: a step without memory")),
    "internal_prepare": ("prepare", RuntimeError("the fault internal_prepare: a job that cannot be built")),
    "memory_prepare": ("prepare", MemoryError("the fault memory_prepare: a job without memory")),
    "internal_outputs": ("outputs", RuntimeError("the fault internal_outputs: outputs that fail")),
    "memory_outputs": ("outputs", MemoryError("the fault memory_outputs: outputs without memory")),
}
fault = os.environ.get("MLFLEET_FAULT")
if fault is not None and fault not in FAULTS:
    sys.exit(f"MLFLEET_FAULT is {fault!r}; awaited one of: {', '.join(FAULTS)}")
pending = [FAULTS[fault]] if fault else []
service = Service("fault-python", "0.1.0")


def strike(place):
    if pending and pending[0][0] == place:
        raise pending.pop()[1]


@service.task("fault.sum", origin="in_repo", kernels="numpy")
def fault_sum(x: F64Vector) -> Job[float]:
    """The sum of the delivered vector."""
    strike("prepare")

    def step():
        strike("step")
        return float(x.sum())

    def outputs(total):
        strike("outputs")
        return {"sum": total, "receipt.rows": len(x)}

    return Job(step=step, outputs=outputs)
