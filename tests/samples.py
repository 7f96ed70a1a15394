"""A small run that shows every outcome, built without measuring anything; tests alter it with `replace`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from mlfleet.model import (
    Calibration,
    Environment,
    Finding,
    Identity,
    Phase,
    Quality,
    Reading,
    Record,
    Sample,
    Service,
    TaskFact,
    ThreadPool,
    Trial,
    Turn,
    Workload,
)
from mlfleet.names import Name
from mlfleet.plan import plan_blocks
from mlfleet.runfile import Contestant, PlannedWorkload, RunFile
from mlfleet.table import Table, fold
from mlfleet.verdict import Verdict

# A suite that only the controls can do: for tests of what happens around a run.
NULLS = """
[suite]
name = "nulls"
blocks = 5
schedule = "short"
memory = "512 MiB"
budget = "1 min"

[[workload]]
name = "control.noop-short"
task = "control.noop"
dataset = "control"
"""
BLOCKS = 5
MIB = 1 << 20
SHA = "ab" * 32
LANGUAGES: dict[str, Literal["python", "rust"]] = {"sklearn": "python", "linfa": "rust", "candle": "rust"}
KERNELS = {"sklearn": "cython+openblas", "linfa": "ndarray", "candle": "gemm"}
# What a block adds to every value of a cell, as a factor, so that intervals are neither empty nor wide.
STEADY = (1.00, 1.01, 0.99, 1.005, 0.995)
RESTLESS = (1.0, 1.9, 0.6, 1.4, 0.8)


@dataclass(frozen=True)
class Cell:
    """What a cell of the sample run measures, and what it answers."""

    ns: float
    mib: float = 100.0
    noise: tuple[float, ...] = STEADY
    verdict: Verdict = Verdict.OK
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    metric: str = "accuracy"
    quality: float = 0.97
    receipt: Mapping[str, bool | int | float | str] = field(default_factory=lambda: {"rows": 120})


def lloyd(n_iter: int) -> dict[str, bool | int | float | str]:
    """The receipt of a k-means fit."""
    return {"rows": 120, "n_iter": n_iter, "converged": True}


SHORT = Finding("work", Verdict.SHORT_WORK.value, "receipt rows is 40, 404 awaited")
POOR = Finding("quality", Verdict.OUTSIDE_TOLERANCE.value, "r2 is -3.1, at least 0.6 awaited")


class Failure(TypedDict):
    """What makes a cell INVALID."""

    verdict: Verdict
    reason: str
    findings: tuple[Finding, ...]


UNTRAINED = Failure(verdict=Verdict.OUTSIDE_TOLERANCE, reason=POOR.detail, findings=(SHORT, POOR))
# One workload for every outcome; linfa's 3.25 MiB lie below what has a memory ratio.
CELLS: dict[str, dict[str, Cell]] = {
    "kmeans.fit-iris": {
        "sklearn": Cell(2.2e6, 101.5, metric="inertia", quality=139.82, receipt=lloyd(7)),
        "linfa": Cell(3.6e4, 3.25, (1.01, 0.99, 1.0, 1.02, 0.98), metric="inertia", quality=139.82, receipt=lloyd(11)),
        "candle": Cell(2.21e6, 60.0, (1.02, 1, 1, 1, 0.99), metric="inertia", quality=139.82, receipt=lloyd(7)),
    },
    "ridge.fit-diabetes": {
        "sklearn": Cell(8.8e5, 99.0, metric="r2", quality=0.512),
        "linfa": Cell(8.81e5, 98.0, (1.001, 1.011, 0.991, 1.004, 0.995), metric="r2", quality=0.512),
    },
    "knn_classify.predict-wine": {
        "sklearn": Cell(1.5e6, 98.0),
        "linfa": Cell(1.6e6, 44.0, RESTLESS),
    },
    "ridge.predict-boston_housing": {
        "sklearn": Cell(9.1e4, 98.0, metric="r2", quality=0.67),
        "linfa": Cell(2.7e3, 12.0, metric="r2", quality=-3.1, **UNTRAINED),
    },
    "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)},
}


def contestant(key: str, version: str = "1.9.1", reason: str = "") -> Contestant:
    """A service of the sample run; one with a reason is not built."""
    control = key.startswith("null")
    service = Service(key, LANGUAGES.get(key, "rust"), f"mlfleet/{key}:{version}", control, 512 * MIB)
    if reason:
        return Contestant(service, None, None, None, reason, None)
    return Contestant(service, f"sha256:{SHA}", 180 * MIB, None, "", identity(key, version))


def identity(key: str, version: str) -> Identity:
    """Describe, as a service with every task that the sample run gives it would answer."""
    names = {workload.rpartition("-")[0] or workload for workload, cells in CELLS.items() if key in cells}
    return Identity(
        framework=key,
        version=version,
        language=LANGUAGES.get(key, "rust"),
        protocol=1,
        devices=("cpu",),
        optimised=True,
        debug_assertions=False,
        facts={"compiler": "1.95"},
        thread_pools=(ThreadPool("blas", "openblas", "0.3.29", 1, 1),),
        cpus=(1,),
        boot_id="boot",
        tasks=tuple(TaskFact(name, "stock", KERNELS.get(key, "none")) for name in sorted(names)),
    )


def planned(name: str, cells: Mapping[str, Cell]) -> PlannedWorkload:
    """A workload of the sample run."""
    task = name.rpartition("-")[0] or name
    dataset = name.rpartition("-")[2]
    return PlannedWorkload(
        workload=Workload(name, task, dataset),
        params={"k": 3, "tol": 1e-4},
        dataset_version="1",
        dataset_licence="CC-BY-4.0",
        dataset_label="real",
        dataset_sha256=SHA,
        payload_sha256=SHA,
        payload_bytes=4800,
        tensors_sha256=SHA,
        parity="F(0.0001), A(0.99)",
        title_time="time to the same objective" if task == "kmeans.fit" else "time",
        unit="row",
        unit_key="rows",
        control=task == "control.noop",
        unavailable="",
        cells={key: f"{name}/{key}" for key in cells},
    )


def run_file(cells: Mapping[str, Mapping[str, Cell]] = CELLS, blocks: int = BLOCKS) -> RunFile:
    """The plan of the sample run."""
    return RunFile(
        schema_version=1,
        run="sample",
        created="2026-01-02T03:04:05+00:00",
        mlfleet_version="0.1.0",
        suite="smoke",
        schedule="short",
        seed=7,
        blocks=blocks,
        margin=0.03,
        metrics=("time", "memory"),
        baselines={name: next(iter(mine)) for name, mine in cells.items() if mine},
        setting="1 thread",
        environment=Environment("cpu", (1,), 1, 2048 * MIB, "docker", "mapped"),
        contestants=(
            *(contestant(key) for key in dict.fromkeys(key for mine in cells.values() for key in mine)),
            contestant("tch", reason="not_built: no image mlfleet/tch:0.24.0; try: mlfleet build tch"),
        ),
        workloads=tuple(planned(name, mine) for name, mine in cells.items()),
        plan=plan_blocks({name: list(mine) for name, mine in cells.items()}, blocks, dict.fromkeys(cells, 1), 7),
        host={"cpu": "sample CPU", "cpus": 2, "gpu": None, "gpu.reason": "not_visible"},
        host_fingerprint={"cpu": "sample CPU"},
        proto_sha256=SHA,
        commit="0123abcd",
        constants={"stats.ALPHA": 0.03},
    )


def record(name: str, key: str, cell: Cell, block: int) -> Record:
    """A trial of the sample run: one turn of one discarded and four timed samples."""
    noise = cell.noise[(block - 1) % len(cell.noise)]
    ns, size = cell.ns * noise, int(cell.mib * MIB * (1 + (noise - 1) / 10))
    iterations = max(1, round(5e6 / ns))
    samples, start = [], 1_000_000 * block
    for factor in (1.3, 1.0, 1.001, 0.999, 1.0):
        end = start + round(ns * factor * iterations)
        samples.append(Sample(iterations, start, end))
        start = end
    readings = {
        Name.CPU.value: Reading(int(5 * ns * iterations), "ns", "cpuacct.usage"),
        Name.PEAK_ANONYMOUS.value: Reading(size, "bytes", "memory.stat", method="sampled"),
        Name.PEAK_CHARGED.value: Reading(size + 3 * MIB, "bytes", "memory.max_usage_in_bytes"),
    }
    return Record(
        trial=Trial(f"{name}/{key}", name, "1 thread", key, block, 1),
        verdict=cell.verdict,
        reason=cell.reason,
        phase="collect",
        findings=cell.findings,
        image_id=f"sha256:{SHA}",
        identity=identity(key, "1.9.1"),
        calibration=Calibration(iterations, 4, 1, 1, ns),
        steady=True,
        phases=(Phase("launch", 0, 150_000_000), Phase("import", 150_000_000, 900_000_000)),
        cold=Sample(1, 0, round(ns * 4)),
        turns=(Turn(1, 1, 1, 0, start, tuple(samples), readings),),
        receipt=cell.receipt,
        quality=Quality({cell.metric: cell.quality}, cell.metric, {"labels": 1.0}),
        outputs_sha256=SHA,
        recipe={"network": "none"},
    )


def records(cells: Mapping[str, Mapping[str, Cell]] = CELLS, blocks: int = BLOCKS) -> list[Record]:
    """Every trial of the sample run."""
    return [
        record(name, key, cell, block)
        for block in range(1, blocks + 1)
        for name, mine in cells.items()
        for key, cell in mine.items()
    ]


def table(cells: Mapping[str, Mapping[str, Cell]] = CELLS, blocks: int = BLOCKS) -> Table:
    """The sample run, folded."""
    return fold(run_file(cells, blocks), records(cells, blocks))
