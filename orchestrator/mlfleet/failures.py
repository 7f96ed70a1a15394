"""What went wrong in a phase of a trial, kept as evidence."""

import traceback

from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.classify import Evidence
from mlfleet.errors import MlfleetError
from mlfleet.launch.base import LaunchFailed
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.model import Finding
from mlfleet.payload import OutputsRefused


def keep(evidence: Evidence, error: Exception) -> str:
    """Put the error where `classify` looks for it; gives the traceback of a bug of our own, else nothing.

    Raises the error again where it ends the whole run.
    """
    match error:
        case LaunchFailed():
            evidence.launch_error = error
        case NotServing():
            evidence.not_serving = str(error)
        case CallFailed():
            evidence.call = (error.code, error.reason, error.message)
        case Malformed() | NotOurSocket():
            evidence.malformed = str(error)
        case OutputsRefused():
            evidence.findings += (Finding("output", error.verdict.value, str(error)),)
        case MlfleetError():
            raise error
        case _:
            evidence.own_error = f"{type(error).__name__}: {error}"
            return "".join(traceback.format_exception(error))
    return ""
