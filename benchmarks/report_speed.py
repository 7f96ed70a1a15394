"""How long a run of many records takes to read, fold and report, and whether a record costs the same in a large one.

.venv/bin/python benchmarks/report_speed.py [--million] [--profile]

Ledgers are generated from the records that the tests use, through the writer's own code without its fsync. Goals: 1e4
records of 100 cells in 5 s, 1e6 in 60 s. A million takes 3 GB of disk and more memory than most hosts have.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, get_args

from mlfleet import report
from mlfleet.codec import encode
from mlfleet.commands.report import read_table
from mlfleet.ledger import Ledger
from mlfleet.ledger_counted import read_counted
from mlfleet.ledger_files import Files
from mlfleet.ledger_lines import BlockBody
from mlfleet.report import Format
from mlfleet.report.figures import figures
from mlfleet.report.html import render_html
from mlfleet.runfile import read_run
from mlfleet.table import fold

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import samples

SMALL, LARGE, MILLION = 100, 10_000, 1_000_000
# Frameworks by workload: fifty of these are a hundred cells.
PAIR = {"sklearn": samples.Cell(8.8e5, 99.0), "linfa": samples.Cell(4.1e5, 40.0)}
MOST_WORKLOADS, LEAST_BLOCKS = 50, 5
TOP = 5
T = TypeVar("T")


class Unsynced(Files):
    """What is generated is thrown away."""

    def fsync(self, fd: int) -> None:
        """Not waited for."""


@dataclass
class Watch:
    """Seconds of each step, in the order in which they were made; and of them those of CPU time: a host may be busy."""

    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def __call__(self, name: str, call: Callable[[], T]) -> T:
        """Make a call and keep how long it took."""
        start, own = time.perf_counter(), time.process_time()
        made = call()
        self.seconds[name], self.cpu[name] = time.perf_counter() - start, time.process_time() - own
        return made

    def print(self, records: int) -> None:
        """A line for each step, and what all of them but the generation come to."""
        for name, taken in self.seconds.items():
            print(f"  {name:<10}{taken:8.3f} s, CPU {self.cpu[name]:8.3f} s")
        whole = sum(self.seconds.values()) - self.seconds["generate"]
        print(
            f"  report    {whole:8.3f} s, CPU {self.reported:8.3f} s, {self.reported / records * 1e6:.0f} us a record"
        )

    @property
    def reported(self) -> float:
        """CPU time of a report: all that follows the generation."""
        return sum(taken for name, taken in self.cpu.items() if name != "generate")


def generate(folder: Path, records: int) -> None:
    """A run of so many records, every block closed."""
    workloads = max(1, min(MOST_WORKLOADS, records // len(PAIR) // LEAST_BLOCKS))
    cells = {f"ridge.fit-d{number}": PAIR for number in range(workloads)}
    run = samples.run_file(cells, records // len(PAIR) // workloads)
    with Ledger.create(folder, encode(run), files=Unsynced()) as ledger:
        for block in run.plan:
            made = [samples.record(block.workload, key, PAIR[key], block.number) for key in block.launch]
            seqs = tuple(ledger.append("record", record) for record in made)
            ledger.append("block", BlockBody(block.workload, block.number, seqs))


def measure(folder: Path, records: int) -> Watch:
    """Every step of a report on a ledger of so many records."""
    watch = Watch()
    watch("generate", lambda: generate(folder, records))
    run = read_run(folder)
    found, stops = watch("read", lambda: read_counted(folder))
    table = watch("fold", lambda: fold(run, found, (), stops))
    for form in get_args(Format):
        watch(form, partial(report.exported, table, form))
    watch("summary", lambda: report.summary(table))
    watch("page", lambda: render_html(table))
    watch("figures", lambda: figures(table))
    return watch


def profiled(folder: Path) -> None:
    """Print what the whole of `mlfleet report` spends its time in."""
    profile = cProfile.Profile()
    profile.runcall(lambda: report.write(read_table(folder), folder))
    pstats.Stats(profile).sort_stats("tottime").print_stats(TOP)


def main(options: Sequence[str]) -> None:
    """Print the seconds of each step, and how much more a record costs in the larger run."""
    sizes = (SMALL, LARGE, MILLION) if "--million" in options else (SMALL, LARGE)
    found = {}
    with tempfile.TemporaryDirectory() as place:
        # Once for nothing: what is imported late is in no number.
        measure(Path(place) / "run", SMALL)
    for records in sizes:
        with tempfile.TemporaryDirectory() as place:
            print(f"{records:,} records")
            found[records] = measure(Path(place) / "run", records)
            found[records].print(records)
            if "--profile" in options and records == LARGE:
                profiled(Path(place) / "run")
    for smaller, larger in pairwise(sizes):
        ratio = found[larger].reported / larger / (found[smaller].reported / smaller)
        print(f"a record among {larger:,} costs {ratio:.2f} times one among {smaller:,}")


if __name__ == "__main__":
    main(sys.argv[1:])
