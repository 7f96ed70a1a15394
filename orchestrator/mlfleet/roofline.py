"""What a CPU set can compute and read at best: the roof that no honest time is below.

Probed in a process of its own, which may move to the measured CPUs, by CPU time: a neighbour takes that from nobody.
The best that this host has shown is kept, since a bound that a slow moment made too strict would refuse the honest.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlfleet.codec import canonical, decode, encode
from mlfleet.errors import StorageError
from mlfleet.model import Roof
from mlfleet.payload import cache_folder

MATRIX_ROWS = 2048
REPEATS = 5
CACHES_READ = 4
# Where the kernel does not tell the last-level cache: larger than most, so that reads come from memory all the same.
_ASSUMED_CACHE_BYTES = 64 << 20
_TIMEOUT_S = 120
_TYPES: Mapping[str, type[np.float32] | type[np.float64]] = {"F32": np.float32, "F64": np.float64}
_CACHES = "sys/devices/system/cpu/cpu{}/cache"

Probe = Callable[[Sequence[int], str, Mapping[str, str | int | None]], Roof]


def roof(cpus: Sequence[int], device: str, fingerprint: Mapping[str, str | int | None]) -> Roof:
    """The roof of this CPU set, probed now and joined with the best that it has shown before."""
    if device != "cpu":
        return _none("not_applicable")
    best = joined(_probed(cpus), _kept(path := _file(cpus, fingerprint)))
    if best.flop_per_s:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(best))
    return best


def once(probe: Probe) -> Probe:
    """The roof as it was found first: probing takes as long as a block, and runs of one command share the CPUs."""
    kept: list[Roof] = []

    def found(cpus: Sequence[int], device: str, fingerprint: Mapping[str, str | int | None]) -> Roof:
        if not kept:
            kept.append(probe(cpus, device, fingerprint))
        return kept[0]

    return found


def unknown(_cpus: Sequence[int], _device: str, _fingerprint: Mapping[str, str | int | None]) -> Roof:
    """Nothing was probed: of a bench that measures nothing, or of services that are merely attached to."""
    return _none("not_visible")


def joined(now: Roof, before: Roof | None) -> Roof:
    """The better of both, figure by figure."""
    if before is None:
        return now
    names = {*now.flop_per_s, *before.flop_per_s}
    reads = [found for found in (now.read_bytes_per_s, before.read_bytes_per_s) if found is not None]
    return Roof(
        {name: max(side.flop_per_s.get(name, 0.0) for side in (now, before)) for name in sorted(names)},
        max(reads) if reads else None,
        now.last_level_bytes or before.last_level_bytes,
        now.reasons,
    )


def last_level_bytes(cpus: Sequence[int], root: Path = Path("/")) -> int | None:
    """The largest cache of the CPU set's first; None where the kernel does not say."""
    sizes = []
    for size in (root / _CACHES.format(cpus[0])).glob("index*/size"):
        text = size.read_text().strip()
        sizes.append(int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]])
    return max(sizes) if sizes else None


def _probed(cpus: Sequence[int]) -> Roof:
    threads = str(len(cpus))
    pools = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    try:
        asked = subprocess.run(  # noqa: S603 - our own argument list
            [sys.executable, "-m", "mlfleet.roofline", *map(str, cpus)],
            env=os.environ | dict.fromkeys(pools, threads),
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
        return decode(Roof, asked.stdout)
    except (OSError, subprocess.SubprocessError, StorageError, ValueError):
        return _none("not_visible")


def _none(reason: str) -> Roof:
    return Roof({}, None, None, {"flop_per_s": reason, "read_bytes_per_s": reason})


def _file(cpus: Sequence[int], fingerprint: Mapping[str, str | int | None]) -> Path:
    host = {key: value for key, value in fingerprint.items() if key != "docker_engine"}
    name = hashlib.sha256(canonical(host | {"cpus": list(cpus)})).hexdigest()[:16]
    return cache_folder() / "roofs" / f"{name}.json"


def _kept(path: Path) -> Roof | None:
    try:
        return decode(Roof, path.read_bytes())
    except (OSError, StorageError, ValueError):
        return None


def _probe(cpus: Sequence[int]) -> Roof:
    """Runs on the CPU set: nothing here may be called in the orchestrator itself."""
    os.sched_setaffinity(0, cpus)
    cache = last_level_bytes(cpus)
    flops = {name: _flop_per_s(kind, len(cpus)) for name, kind in _TYPES.items()}
    return Roof(flops, _read_bytes_per_s(CACHES_READ * (cache or _ASSUMED_CACHE_BYTES), len(cpus)), cache)


def _flop_per_s(kind: type[np.float32] | type[np.float64], threads: int) -> float:
    a = np.ones((MATRIX_ROWS, MATRIX_ROWS), kind)
    out = np.empty_like(a)
    best = _best(lambda: np.matmul(a, a, out=out), time.process_time)
    return 2 * MATRIX_ROWS**3 / (best / threads)


def _read_bytes_per_s(size: int, threads: int) -> float:
    """Each thread reads a slice of its own: sums of whole numbers, and products, whichever is faster."""
    numbers = np.ones(size // 8, np.int64)  # Untouched zeros would all be one page, in the cache.
    reals = numbers.view(np.float64)
    slices = np.array_split(np.arange(len(numbers)), threads)
    bounds = [(int(part[0]), int(part[-1]) + 1) for part in slices]

    def by(read: Callable[[int, int], object]) -> float:
        def one(bound: tuple[int, int]) -> float:
            return (bound[1] - bound[0]) * 8 / _best(lambda: read(*bound), time.thread_time)

        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(one, bounds))

    return max(by(lambda a, b: numbers[a:b].sum()), by(lambda a, b: reals[a:b].max()))


def _best(work: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(REPEATS + 1):
        start = clock()
        work()
        times.append(clock() - start)
    # The first brings pages and threads up.
    return min(times[1:])


if __name__ == "__main__":
    sys.stdout.buffer.write(encode(_probe([int(cpu) for cpu in sys.argv[1:]])))
