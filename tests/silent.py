"""Nobody watches: where runs of a test show how far they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mlfleet.catalogue import load_suite
from mlfleet.commands.validate import site_of
from mlfleet.interrupt import Stop
from mlfleet.model import Runtime
from mlfleet.validate.live import Site


class Silent:
    """Progress of a run and of a validation."""

    def phase(self, framework, phase):
        pass

    def block(self, block, number, total, left_s):
        pass

    def done(self, block, records):
        pass


@contextmanager
def site_in(folder: Path, runtime: Runtime) -> Iterator[Site]:
    """Where a test makes and keeps the runs of a validation."""

    @contextmanager
    def silent(part):
        yield Silent()

    suite = load_suite("validate")
    with Stop() as stop, site_of(f"test-{folder.name}", folder, suite, runtime, 1, stop) as site:
        yield replace(site, watched=silent)
