"""The Python control: no framework, the harness alone."""

from typing import Any

from mlfleet_sdk import Job, Service, device
from numpy.typing import NDArray

# It computes nothing, so it does that on whatever a run is on.
service = Service("null-python", "0.1.0", devices=(device(),))


@service.task("control.noop", origin="stock", kernels="none")
def noop(x: NDArray[Any]) -> Job[None]:
    """An iteration that does nothing; the payload goes back as it came, so that transport can be proved."""
    rows = len(x) if x.ndim else 1
    return Job(step=lambda: None, outputs=lambda _: {"x": x, "receipt.rows": rows})
