"""The framework's one thread: the main one. gRPC runs beside it.

OpenMP keeps a team of threads per calling thread, so a framework called from a pool of gRPC threads would own several.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class MainThread:
    """A queue of calls that the main thread works off until told to stop."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    def call(self, function: Callable[[], T]) -> T:
        """Run the function on the main thread and give its result or exception; called from gRPC threads."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return future.result()

    def stop(self) -> None:
        """End `run` after the call under way; called from other threads."""
        self._calls.put(None)

    def run(self) -> None:
        """Work off calls until `stop`."""
        while (work := self._calls.get()) is not None:
            future, function = work
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
                future.set_exception(error)
