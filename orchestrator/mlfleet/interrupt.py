"""Signals by flag and wake-up pipe: a handler that raises leaks containers, one that counts cannot."""

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from mlfleet.errors import InterruptedRun

# The reaper removes what is then still there.
LEAVE_AT = 3
SHOW_CURSOR = b"\x1b[?25h"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether and how often we were told to stop; a context manager, for the main thread only.

    The first signal asks for an orderly end: who runs the phases asks `check` between them. The second skips grace: who
    would remove things asks `hurried`, and leaves them to the reaper. The third ends the process in its handler.
    """

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        """Nothing is installed before the context is entered. `leave` ends the process with a status, at once."""
        self._leave = leave
        self._signals: list[int] = []
        self._before: dict[signal.Signals, object] = {}
        self._reader = self._writer = -1

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return bool(self._signals)

    def hurried(self) -> bool:
        """Whether a second signal came."""
        return self.count > 1

    @property
    def count(self) -> int:
        """How many came."""
        return len(self._signals)

    @property
    def signal(self) -> signal.Signals | None:
        """The first one: it decides the exit status."""
        return signal.Signals(self._signals[0]) if self._signals else None

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until a signal comes; returns whether to stop.

        A signal that came since the last wait ends this one at once, earlier ones do not: cleaning up sleeps too.
        """
        # poll, not select: descriptors of long runs may lie beyond select's 1,024.
        waiting = select.poll()
        waiting.register(self._reader, select.POLLIN)
        if waiting.poll(seconds * 1000):
            os.read(self._reader, 4096)
        return self.requested

    def check(self) -> None:
        """Raise InterruptedRun if a signal came: at points where everything can be undone."""
        if self._signals:
            first = signal.Signals(self._signals[0])
            raise InterruptedRun(f"stopped by {first.name}", first)

    def __enter__(self) -> Self:
        """Install the handlers."""
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in SIGNALS:
            # nohup: who started us wants it to outlive the terminal.
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give the old handlers back."""
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        os.close(self._reader)
        os.close(self._writer)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)
        # Full: whoever waits is awake already.
        with suppress(BlockingIOError):
            os.write(self._writer, b"!")
        if len(self._signals) == LEAVE_AT:
            # Of the terminal, which may have lost its cursor to a live display.
            os.write(2, (SHOW_CURSOR if os.isatty(2) else b"") + b"mlfleet: left at once; the reaper cleans up\n")
            self._leave(128 + self._signals[0])
