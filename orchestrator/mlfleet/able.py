"""Which services may do a task, before any is built or launched: those whose own sources name it.

A service says itself what it can do, but only once it runs; a task that its adapter does not even spell it cannot have.
So nobody keeps a list, and a suite of two frameworks need not build or launch all others.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from mlfleet.builders.source import files_of, service_folder
from mlfleet.model import Service


def able(services: Iterable[Service], tasks: Collection[str], root: Path) -> tuple[Service, ...]:
    """Of the services those whose sources hold the name of at least one of the tasks, quoted."""
    return tuple(service for service in services if _names_one(service, tasks, root))


def _names_one(service: Service, tasks: Collection[str], root: Path) -> bool:
    texts = (file.read_text("utf-8", errors="replace") for file in files_of(service_folder(service, root)))
    return any(f'"{task}"' in text for text in texts for task in tasks)
