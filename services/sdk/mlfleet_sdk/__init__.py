"""The Python side of the mlfleet contract: write tasks, the SDK does the rest.

`python -m mlfleet_sdk service.py` binds the socket, imports the file (the framework's import, a phase of its own) and
serves the `service` that it defines.
"""

from mlfleet_sdk.errors import InvalidArgument, require
from mlfleet_sdk.service import F64Matrix, F64Vector, I64Vector, Job, Service

__all__ = ["F64Matrix", "F64Vector", "I64Vector", "InvalidArgument", "Job", "Service", "require"]
