"""A re-enactment by a spoilt service: what is spoilt in whom, beside whom it is measured, and what must refuse it."""

from collections.abc import Sequence
from dataclasses import dataclass

# The mark of a twin: `sklearn:twin`, beside `sklearn:false_svm`.
TWIN = "twin"
# The one fault of a Rust service that needs no other source: `rust:debug` is its build without --release.
DEBUG = "debug"


@dataclass(frozen=True)
class LiveDemo:
    """A fault of a service in `services/faulty`, or a Rust one's DEBUG or a binary of `rust_services/fault`.

    `audited`: no trial shows it, an audit does.
    """

    name: str
    shows: str
    title: str
    # In demos.toml.
    workload: str
    # The service that others are divided by, and the one that is spoilt.
    baseline: str
    service: str
    fault: str
    # Codes that must refuse it.
    awaited: frozenset[str]
    # The honest twin, where it is not the spoilt service itself.
    twin: str = ""
    controls: tuple[str, ...] = ("null-python",)
    audited: bool = False
    # At least so many: a gate that judges by an interval needs five.
    blocks: int = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """Services that must be built."""
        return tuple(dict.fromkeys((*self.controls, self.baseline, self.service, self.honest)))

    @property
    def honest(self) -> str:
        """The service that its twin is."""
        return self.twin or self.service

    @property
    def faulty_key(self) -> str:
        """The contestant: the service, marked with its fault."""
        return f"{self.service}:{self.fault}"

    @property
    def twin_key(self) -> str:
        """The contestant that differs from the faulty one in nothing else."""
        return f"{self.honest}:{TWIN}"

    @property
    def together(self) -> tuple[object, ...]:
        """Those that agree in this are measured in the same blocks."""
        return self.workload, self.baseline, self.twin_key, self.controls, self.audited, self.blocks


def faults_together(demos: Sequence[LiveDemo]) -> list[list[LiveDemo]]:
    """Those that can be measured in the same blocks, together."""
    groups: dict[object, list[LiveDemo]] = {}
    for demo in demos:
        groups.setdefault(demo.together, []).append(demo)
    return list(groups.values())
