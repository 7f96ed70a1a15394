"""A whole run folder without measuring anything: the sample run, written by the writer's own code.

Records are those of `samples.py`, made true in all that a reader may check: cell ids, schedules, stamps that follow
each other, outputs that are kept as blobs.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import samples
from mlfleet import audits, report, schedule
from mlfleet.assemble import cell_id
from mlfleet.codec import encode
from mlfleet.ledger import Ledger, Stamp
from mlfleet.ledger_lines import BlockBody, CloseBody, StopBody, read_records, read_stops
from mlfleet.model import Prepared, Reading, Record, Sample, Turn
from mlfleet.names import Name
from mlfleet.payload import encode as safetensors
from mlfleet.runfile import RunFile, read_run
from mlfleet.table import Table, fold
from samples import CELLS, Cell

S = 1_000_000_000
STAMP = Stamp("2026-01-02T03:04:05.000000+00:00", 1, "boot")


def write_run(
    folder: Path,
    cells: Mapping[str, Mapping[str, Cell]] = CELLS,
    blocks: int = samples.BLOCKS,
    change: Callable[[Record], Record] = lambda record: record,
    closed: str | None = "done",
    folded: Callable[..., Table] = fold,
    planned: Callable[[RunFile], RunFile] = lambda run: run,
    stops: Sequence[StopBody] = (),
) -> Path:
    """Write run.json, ledger, blobs and reports. `closed`: reason of the last line, None for a run that was killed."""
    run = planned(true_run(cells, blocks))
    with Ledger.create(folder, encode(run), stamp=lambda: STAMP) as ledger:
        clock = S
        for block in run.plan:
            seqs = []
            for key in block.launch:
                cell, position = cells[block.workload][key], block.turns[0].index(key) + 1
                record = true_record(run, block.workload, key, cell, block.number, clock + position * 1000 * S)
                ledger.blob(outputs(record))
                record = change(replace(record, turns=tuple(replace(t, position=position) for t in record.turns)))
                ledger.append("start", record.trial)
                seqs.append(ledger.append("record", record))
            ledger.append("block", BlockBody(block.workload, block.number, tuple(seqs)))
            clock += 10_000 * S
        for stop in stops:
            ledger.append("stop", stop)
        if closed:
            ledger.append("close", CloseBody(closed))
    write_reports(folder, folded)
    return folder


def write_reports(folder: Path, folded: Callable[..., Table] = fold) -> None:
    """What `mlfleet report` writes."""
    report.write(
        folded(read_run(folder), read_records(folder), audits.read([folder.parent]), read_stops(folder)), folder
    )


def true_run(cells: Mapping[str, Mapping[str, Cell]], blocks: int) -> RunFile:
    """The sample run with payloads of its workloads' own, and cell ids that are what they say."""
    run = samples.run_file(cells, blocks)
    own = tuple(
        replace(one, payload_sha256=hashlib.sha256(one.workload.name.encode()).hexdigest()) for one in run.workloads
    )
    return replace(
        run,
        workloads=tuple(
            replace(
                one,
                cells={
                    key: cell_id(one.workload, one.payload_sha256, run.contestant(key), run.environment, run.seed)
                    for key in one.cells
                },
            )
            for one in own
        ),
    )


def true_record(run: RunFile, name: str, key: str, cell: Cell, block: int, start: int) -> Record:
    """A trial of the sample run that begins at `start`, with the schedule that its time asks for."""
    record = samples.record(name, key, cell, block)
    planned = next(one for one in run.workloads if one.workload.name == name)
    calibration = schedule.fix(cell.ns, schedule.RULES["short"])
    per_iteration = cell.ns * cell.noise[(block - 1) % len(cell.noise)]
    found, at = [], start + 100
    for factor in (1.3, 1.0, 1.001, 0.999, 1.004):
        end = at + round(per_iteration * factor * calibration.iterations)
        found.append(Sample(calibration.iterations, at, end))
        at = end
    spent = Reading(at - start, "ns", "cpuacct.usage")
    turn = Turn(1, 1, 1, start, at + 100, tuple(found), {**record.turns[0].readings, Name.CPU.value: spent})
    record = replace(
        record,
        trial=replace(record.trial, cell=planned.cells[key]),
        prepared=Prepared(planned.payload_sha256, planned.tensors_sha256, 1, 2, 3),
        calibration=calibration,
        turns=(turn,),
        outputs_sha256=None,
    )
    return replace(record, outputs_sha256=samples_digest(record))


def outputs(record: Record) -> bytes:
    """What a service would have answered: its receipt, and values that no other trial has."""
    receipt = {f"receipt.{key}": np.asarray(value) for key, value in record.receipt.items()}
    mine = np.array([record.trial.block, len(record.trial.framework), hash_of(record)], dtype=np.float64)
    return safetensors({"values": mine, **receipt})


def hash_of(record: Record) -> int:
    """A number for a trial, the same in every process."""
    return sum(ord(letter) * place for place, letter in enumerate(record.trial.workload + record.trial.framework, 1))


def samples_digest(record: Record) -> str:
    """The name of its blob."""
    return hashlib.sha256(outputs(record)).hexdigest()
