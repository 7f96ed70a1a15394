"""A re-enactment by a plan: what becomes of a workload whose data is not there. Nothing is launched."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import as_file, files

from mlfleet import assemble
from mlfleet.catalogue import load_suite
from mlfleet.demos.shown import Shown
from mlfleet.demos.stage import SEED, SUITE
from mlfleet.model import Environment
from mlfleet.parity import Refusal
from mlfleet.runfile import PlannedWorkload
from mlfleet.verdict import Verdict

_CACHE = "MLFLEET_CACHE"
_ENVIRONMENT = Environment("cpu", (0,), 1, 1 << 30, "process", "mapped")


@dataclass(frozen=True)
class PlannedDemo:
    """A workload of demos.toml, planned where its data was never fetched."""

    name: str
    shows: str
    title: str
    workload: str
    # A dataset that others have quietly put in its place; by its own name it is honest.
    instead: str
    awaited: frozenset[str]
    needs: tuple[str, ...] = ()

    def replay(self) -> Shown:
        """Plan both on a host that has fetched nothing."""
        with _nothing_fetched():
            asked, own = self._planned(None), self._planned(self.instead)
        code = Verdict.DATA_UNAVAILABLE.value
        return Shown(
            name=self.name,
            title=f"{self.title}: {self.workload}",
            awaited=self.awaited,
            refused=(Refusal("payload", code, asked.unavailable, "the plan"),) if asked.unavailable else (),
            twin=(f"{own.workload.dataset}, by its own name: {own.payload_bytes} bytes of {own.dataset_label} data",),
            against=(Refusal("payload", code, own.unavailable, "the plan"),) if own.unavailable else (),
        )

    def _planned(self, dataset: str | None) -> PlannedWorkload:
        with as_file(files("mlfleet.demos") / SUITE) as path:
            asked = next(one for one in load_suite(str(path)).workloads if one.name == self.workload)
        return assemble.planned_workload(replace(asked, dataset=dataset or asked.dataset), (), _ENVIRONMENT, SEED)


@contextmanager
def _nothing_fetched() -> Iterator[None]:
    before = os.environ.get(_CACHE)
    with tempfile.TemporaryDirectory(prefix="mlfleet-demo-") as empty:
        os.environ[_CACHE] = empty
        try:
            yield
        finally:
            if before is None:
                del os.environ[_CACHE]
            else:
                os.environ[_CACHE] = before
