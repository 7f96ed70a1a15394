"""Record equal services of this host for `benchmarks/procedures.py` and the tests; run by hand, kept in git.

.venv/bin/python benchmarks/record_equal.py FILE [BLOCKS [TWINS]]

One build under several names, in blocks, through the pipeline of every run (process runtime, short turns). What is kept
is every timed sample in ns per iteration, by block and service, in the order in which they were measured.
"""

import json
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mlfleet import host
from mlfleet.catalogue import load_suite
from mlfleet.commands.validate import site_of
from mlfleet.interrupt import Stop
from mlfleet.locks import host_lock
from mlfleet.validate.live import measured
from mlfleet.validate.plan import control_of, workload_of

SEED = 1
FACTS = ("cpu_model", "cpu_count", "kernel", "hypervisor", "load_1_minute")


def main(path: str, blocks: int = 60, twins: int = 4) -> None:
    """Measure, and write the file. A block in which a trial has no samples is left out whole."""
    suite = load_suite("validate")
    with (
        tempfile.TemporaryDirectory() as folder,
        Stop() as stop,
        host_lock("record-equal"),
        site_of("record-equal", Path(folder), suite, "process", SEED, stop) as site,
    ):
        control = control_of(site.services, "compute")
        names = tuple(replace(control, key=f"{control.key}:{name}") for name in "abcdefgh"[:twins])
        workloads = (workload_of(suite, "compute"),)
        _, records = measured(site, "twins", names, workloads, blocks=blocks, seed=SEED, schedule="short")
    found: dict[int, dict[str, list[float]]] = {}
    for record in records:
        if record.turns:
            samples = [round(sample.ns_per_iteration, 1) for turn in record.turns for sample in turn.timed]
            found.setdefault(record.trial.block, {})[record.trial.framework] = samples
    whole = [block for _, block in sorted(found.items()) if len(block) == twins]
    facts = host.facts()
    about = {
        "what": "one build (null-rust, control.delay) under several names: there is no difference to be found",
        "unit": "ns per iteration, by block, service and timed sample",
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "disturbed": sum(record.verdict.value == "disturbed" for record in records),
        "trials": len(records),
        "host": {name: facts[name] for name in FACTS},
        "blocks": [[block[key] for key in sorted(block)] for block in whole],
    }
    Path(path).write_text(json.dumps(about, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{path}: {len(whole)} blocks of {twins} services")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
