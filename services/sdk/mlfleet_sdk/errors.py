"""What can go wrong in a call, each with the status code and the reason that the contract gives it."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import grpc

# A status message travels as a header: percent-encoded, and beyond 8 KiB a peer with default limits refuses it.
MESSAGE_CHARACTERS = 4000


class ContractError(Exception):
    """A call that the contract answers with a code and a reason."""

    code = grpc.StatusCode.INTERNAL
    reason = "bug"


class InvalidArgument(ContractError):  # noqa: N818 - named after its status code
    """Parameters, tensors or a schedule that the task refuses; says what was found and what was awaited."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "params"


class UnknownTask(ContractError):  # noqa: N818
    """The service has no task of that name."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "unsupported"


class PayloadDiffers(ContractError):  # noqa: N818
    """The payload is not the one that was announced."""

    code = grpc.StatusCode.DATA_LOSS
    reason = "digest"


class OutOfOrder(ContractError):  # noqa: N818
    """Measure before Prepare, or Collect before Measure."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "order"


def require(condition: object, message: str) -> None:
    """Raise InvalidArgument unless the condition holds: the check that adapters use while they prepare."""
    if not condition:
        raise InvalidArgument(message)


@contextmanager
def answered(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn what is raised inside into the contract's status, reason and message."""
    try:
        yield
    except ContractError as error:
        _abort(context, error.code, error.reason, str(error))
    except MemoryError as error:
        _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "memory", f"out of memory: {error}")
    # Whatever an adapter raises must reach the orchestrator with its traceback; gRPC leaves a SystemExit unanswered.
    except (Exception, SystemExit):  # noqa: BLE001
        _abort(context, grpc.StatusCode.INTERNAL, "bug", traceback.format_exc()[-MESSAGE_CHARACTERS:])


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str, message: str) -> NoReturn:
    context.set_trailing_metadata((("mlfleet-reason", reason),))
    context.abort(code, message[:MESSAGE_CHARACTERS])
    raise AssertionError  # abort has raised: this line is for the type checker
