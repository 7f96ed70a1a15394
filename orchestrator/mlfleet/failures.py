"""What went wrong in a phase of a trial, kept as evidence."""

import traceback
from collections.abc import Callable

from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.classify import Evidence
from mlfleet.errors import MlfleetError
from mlfleet.launch.base import LaunchFailed, Running
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.model import Finding
from mlfleet.payload import OutputsRefused

# A service whose channel broke is given so long to be gone, and asked so often.
EXIT_WAIT_S, EXIT_POLL_S = 2.0, 0.05


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


def how_it_ended(evidence: Evidence, running: Running, wait: Callable[[float], object]) -> str:
    """Put how the service ended, if it did, into the evidence; gives its last lines.

    A broken channel looks the same for a crash, a kill and an OOM.
    """
    broken = evidence.not_serving is not None or (evidence.call or ("",))[0] == "UNAVAILABLE"
    polls = int(EXIT_WAIT_S / EXIT_POLL_S) if broken else 0
    try:
        while (ended := running.exit()) is None and polls > 0:
            wait(EXIT_POLL_S)
            polls -= 1
        evidence.exit = ended
        return running.log_tail()
    except LaunchFailed as error:
        evidence.launch_error = error
        return ""
