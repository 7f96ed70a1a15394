"""What every runtime offers: a context manager that yields a running service, and freeze and thaw."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlfleet.model import Environment, Service
from mlfleet.verdict import Flag, Verdict


@dataclass(frozen=True)
class LaunchSpec:
    """One launch. `payload` is the mapped payload file `<sha256>.safetensors`, or None where it is streamed."""

    service: Service
    # Image id (docker); nothing that a process is launched by.
    image_id: str | None
    environment: Environment
    payload: Path | None
    # Unique on the host: mlf-<run8>-<cell8>-<block>-<attempt>; fixed before anything is created.
    name: str
    # A fresh folder, 0777 inside a 0700 one; the service binds `s` in it.
    socket_folder: Path
    labels: Mapping[str, str]
    # MLFLEET_FAULT of a test service; None for everything that is measured.
    fault: str | None = None


@dataclass(frozen=True)
class Exit:
    """How a service ended. `status` as a shell prints it: 128 + n for signal n; None where it cannot be told."""

    status: int | None
    out_of_memory: bool


class Running(Protocol):
    """A launched service; its socket may not be bound yet."""

    @property
    def pid(self) -> int:
        """Host pid of the service's process (docker: of the container's init)."""

    @property
    def socket(self) -> Path:
        """Where the service binds, as the orchestrator sees it."""

    @property
    def recipe(self) -> Mapping[str, str]:
        """What the runtime enforces, as read back after start."""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What this runtime could not give this launch."""

    def freeze(self) -> None:
        """Stop every thread; returns when they stand still."""

    def thaw(self) -> None:
        """Let them run again; returns when they do."""

    def exit(self) -> Exit | None:
        """How it ended, or None while it runs. Never waits."""

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that the service wrote; untrusted text."""


class Launcher(Protocol):
    """A runtime."""

    def launch(self, spec: LaunchSpec) -> AbstractContextManager[Running]:
        """Start a fresh service. Leaving the context removes all of it.

        Raises LaunchFailed with what the runtime said, or with the names of the recipe's rows that differ.
        """


class LaunchFailed(Exception):  # noqa: N818 - it is a verdict, not a bug
    """Create, start, freeze or thaw was refused; a subclass that knows more says so by its verdict."""

    verdict = Verdict.LAUNCH_FAILED
