"""Readings a second time: whether two sides' may be compared, and whether a container was charged for its payload."""

from collections.abc import Sequence

from mlfleet.verify import numbers
from mlfleet.verify.plain import Json
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, reading

# More of a payload in a container's file pages, and its memory is not its own.
PAYLOAD_SHARE = 0.10
# The kernel accounts for memory in up to 64 pages of 4 KiB per CPU: less than that is no reading.
BATCH_BYTES = 262_144
PAGES, FILE, LABEL = "memory_payload_pages", "memory_file", "payload_charged"
_READ_FROM = {"cpu": numbers.CPU, "memory": numbers.ANONYMOUS_PEAK}


def refused(metric: str, sides: Sequence[Sequence[Trial]]) -> list[str]:
    """The code of readings that cannot be compared: of other sources, by another method, of memory that was charged."""
    fine = [[trial for trial in side if trial.verdict == "ok"] for side in sides]
    if metric == "memory" and any(LABEL in _labels(trial) for side in fine for trial in side):
        return ["meter"]
    both = numbers.both_ok(*sides) if metric in _READ_FROM else []
    found = [tuple(_taken(trial, _READ_FROM[metric]) for trial in pair) for pair in both]
    return ["meter"] if any(all(pair) and len(set(pair)) > 1 for pair in found) else []


def label(run: Run, trial: Trial) -> list[str]:
    """The label that a trial's own pages give it."""
    prepare, work = trial.phase("prepare"), run.workload(trial.workload)
    node = prepare["readings"].get(PAGES) if prepare else None
    pages = reading(node).value if node else None
    if pages is None or work is None:
        return []
    return [LABEL] if pages > PAYLOAD_SHARE * work.body["payload_bytes"].integer() else []


def pages(run: Run, trial: Trial) -> tuple[Json, Json] | None:
    """What is said of the payload's pages, and what the levels on either side give; None: recorded before it was."""
    prepare, work, environment = trial.phase("prepare"), run.workload(trial.workload), run.body["environment"]
    said = prepare["readings"].get(PAGES) if prepare else None
    if said is None or work is None:
        return None
    least = BATCH_BYTES * len(environment["cpus"].items())
    shows = environment["transport"].text() == "mapped" and environment["runtime"].text() != "process"
    before, after = (numbers.level(trial, FILE, phase) for phase in ("import", "prepare"))
    if not shows or PAYLOAD_SHARE * work.body["payload_bytes"].integer() <= least or before is None or after is None:
        return reading(said).value, None
    return reading(said).value, max(int(after - before), 0)


def _labels(trial: Trial) -> list[str]:
    return [node.text() for node in trial.nodes("labels")]


def _taken(trial: Trial, name: str) -> frozenset[tuple[str, str]]:
    """From which sources, and by which methods, the readings of that name that have a value were taken."""
    nodes = [node for turn in trial.nodes("turns") if (node := turn["readings"].get(name))]
    return frozenset(
        (node["source"].text(), method.text() if (method := node.get("method")) else "")
        for node in nodes
        if reading(node).value is not None
    )
