"""A run that is stopped or killed at drawn instants, again and again: nothing stays, no block is lost or doubled.

`--kills N` is the number of instants of each signal, `--kill-seed` draws them; `make soak` takes the full set.
"""

import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from os import environ, kill
from pathlib import Path

from mlfleet import compose
from mlfleet.assemble import run8
from mlfleet.launch.engine import connect
from mlfleet.ledger_lines import closed_blocks, read_lines, read_records
from mlfleet.locks import Holder, holder
from mlfleet.runfile import read_run
from samples import NULLS

ROOT = Path(__file__).parents[2]
MLFLEET = str(Path(sys.executable).with_name("mlfleet"))
SHM = Path("/dev/shm")
BYSTANDER = next(s.key for s in compose.load(ROOT / "compose.yaml") if s.language == "rust" and not s.control)
# The control of every run comes on top; two services measure each.
BLOCKS = 4
# What a session has reached, and how many seconds later at most it is met: planning or resuming, a launch up to its
# last turn, between two records of a block, between two blocks.
INSTANTS = {"begun": 3.0, "start": 1.5, "record": 0.03, "block": 0.3}
# Generous: a host at work is no failure. What was seen is printed.
STOP_S, REAPER_S, REAPER_START_S, RUN_S = 10.0, 12.0, 3.0, 240.0


@dataclass
class Session:
    """One orchestrator on the run's folder, from start to its end or ours."""

    folder: Path
    process: subprocess.Popen
    log: Path
    lines_before: Counter
    reached: str = ""

    def text(self):
        return self.log.read_text()

    def await_instant(self, reached, offset):
        """Whether it got there: it may be done before."""
        self.reached = reached
        end = time.monotonic() + RUN_S
        while not self._has(reached):
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < end, self.text()
            time.sleep(0.002)
        time.sleep(offset)
        return self.process.poll() is None

    def _has(self, reached):
        if reached == "begun":
            held = holder(self.folder.parent / "host.lock")
            return isinstance(held, Holder) and held.pid == self.process.pid
        return kinds(self.folder)[reached] > self.lines_before[reached]

    def run8(self):
        """The mark of what it launched; None where it had nothing to launch yet."""
        for lock in SHM.glob("mlf-*.lock"):
            held = holder(lock)
            if isinstance(held, Holder) and held.pid == self.process.pid:
                return lock.stem.removeprefix("mlf-")
        return None

    def reaper(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next((int(pid) for pid in children if "mlfleet.launch.reaper" in command(pid)), None)


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def kinds(folder):
    """Lines by kind, as text: while somebody writes, the last may be half there."""
    ledger = folder / "ledger.jsonl"
    return Counter(re.findall(r'"kind":"([a-z]+)"', ledger.read_text() if ledger.exists() else ""))


def closed(folder):
    return closed_blocks(read_lines(folder)) if (folder / "run.json").exists() else {}


def left_behind(short):
    """Containers, processes and files with the run's mark."""
    client = connect()
    # Not `containers.list`: it inspects each, and meets one that the reaper has just removed.
    rows = client.api.containers(all=True, filters={"label": f"dev.mlfleet.run={short}"})
    found = [row["Names"][0] for row in rows]
    client.close()
    mark = f"{SHM}/mlf-{short}/".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(f"process {entry.name}")
            elif entry.name.isdigit() and f"mlfleet.launch.reaper\0{short}\0" in command(entry.name):
                found.append(f"reaper {entry.name}")
        except OSError:
            continue
    return found + [str(path) for path in SHM.glob(f"mlf-{short}*")]


def nothing_left(short, seconds):
    """How long it took until nothing of it was left."""
    begin = time.monotonic()
    while found := left_behind(short):
        assert time.monotonic() - begin < seconds, found
        time.sleep(0.05)
    return time.monotonic() - begin


class Chain:
    """Runs of one suite, each stopped and gone on with until it is done, then the next."""

    def __init__(self, folder, runtime):
        self.root, self.runtime = folder, runtime
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        (folder / "nulls.toml").write_text(NULLS)
        self.number, self.sessions = 1, 0
        self.seen, self.slowest = Counter(), Counter()

    @property
    def run(self):
        return self.root / f"run{self.number}"

    def start(self):
        arguments = ["run", str(self.root / "nulls.toml"), "--runtime", self.runtime, "--out", str(self.run)]
        # It is asked what it can do, and has no part in the suite: the fewer are asked, the sooner it begins.
        arguments += ["--frameworks", BYSTANDER, "--blocks", "2"]
        if (self.run / "run.json").exists():
            arguments = ["run", "--resume", str(self.run)]
        self.sessions += 1
        log = self.root / f"session{self.sessions}.log"
        variables = environ | {"MLFLEET_LOCK": str(self.root / "host.lock"), "TMPDIR": str(self.temporary)}
        before = kinds(self.run)
        with log.open("wb") as output:
            process = subprocess.Popen([MLFLEET, *arguments], env=variables, stdout=output, stderr=output)
        return Session(self.run, process, log, before)

    def end(self, session, how):
        """Do to it what `how` says; what was finished before stays finished, and nothing else stays."""
        short, reaper = session.run8(), session.reaper()
        before = closed(self.run)
        begin = time.monotonic()
        expected = self._signal(session, how, reaper)
        status = session.process.wait(STOP_S)
        self._slow(f"{how}: prompt back", time.monotonic() - begin)
        if status == 0 or str(self.run / "report.html") in session.text():
            # It had measured and reported all when the signal came, and may have been on its way out.
            self.seen["done already"] += 1
        else:
            assert status == expected, session.text()
            self.seen[how] += 1
        after = closed(self.run)
        assert {place: after.get(place) for place in before} == before
        if status == expected != -signal.SIGKILL and session.reached != "begun":
            printed = re.search(r"To go on: mlfleet (.*)", session.text())[1]
            assert shlex.split(printed) == ["run", "--resume", str(self.run)]
        if short is None:
            return
        if how == "with the reaper":
            assert left_behind(short), "the reaper was killed"
            self._sweep_is_due(short)
        elif reaper is None and how == "SIGKILL":
            # Killed before there was a reaper: at most the folder that it would have looked after.
            time.sleep(REAPER_START_S)
            if found := left_behind(short):
                assert all(thing.startswith(f"{SHM}/") for thing in found), found
                self._sweep_is_due(short)
        elif how in {"SIGINT", "SIGTERM"}:
            assert left_behind(short) == []
        else:
            self._slow(f"{how}: nothing left", nothing_left(short, REAPER_S))

    def _signal(self, session, how, reaper):
        if how == "with the reaper":
            if reaper is not None:
                kill(reaper, signal.SIGKILL)
            how = "SIGKILL"
        name, _, twice = how.partition(" ")
        session.process.send_signal(signal.Signals[name])
        if twice:
            time.sleep(0.05)
            session.process.send_signal(signal.Signals[name])
        return -signal.SIGKILL if name == "SIGKILL" else 128 + signal.Signals[name]

    def _sweep_is_due(self, short):
        """Nobody looks after it any more: the next start does, and says so."""
        self.seen["objects left to the sweep"] += len(left_behind(short))
        session = self.start()
        end = time.monotonic() + RUN_S
        while f"removed what a killed run left: run {short}" not in session.text():
            assert session.process.poll() is None, session.text()
            assert time.monotonic() < end, session.text()
            time.sleep(0.01)
        self.end(session, "SIGINT")
        assert left_behind(short) == []

    def _slow(self, what, seconds):
        self.slowest[what] = max(self.slowest[what], round(seconds, 2))

    def finish(self):
        """To the end; then every block is there once, with every record."""
        session = self.start()
        assert session.process.wait(RUN_S) == 0, session.text()
        self.check_done()

    def check_done(self):
        assert kinds(self.run)["block"] == len(closed(self.run)) == BLOCKS
        records = read_records(self.run)
        cells = {(r.trial.workload, r.trial.framework, r.trial.block) for r in records}
        assert len(cells) == len(records) == 2 * BLOCKS
        assert {record.verdict.value for record in records} == {"ok"}
        assert (self.run / "report.html").exists()
        assert not list(self.run.rglob(".*")), "half written files"
        assert left_behind(run8(read_run(self.run).run)) == []
        self.seen["runs complete"] += 1
        self.number += 1


def test_killed_and_gone_on_with(tmp_path, request):
    number, seed = request.config.option.kills, request.config.option.kill_seed
    print(f"--kills {number} --kill-seed {seed}")
    draw = random.Random(seed)
    few = max(1, number // 4)
    deaths = {"SIGINT": number, "SIGTERM": number, "SIGKILL": number, "SIGINT twice": few, "with the reaper": few}
    pending = list(Counter(deaths).elements())
    draw.shuffle(pending)
    chain = Chain(tmp_path, request.config.option.runtime[0])
    while pending:
        how = pending[-1]
        reached = "start" if how == "with the reaper" else draw.choice(list(INSTANTS))
        session = chain.start()
        if session.await_instant(reached, draw.uniform(0, INSTANTS[reached])):
            late = chain.seen["done already"]
            chain.end(session, how)
            # One that came too late is drawn again.
            if chain.seen["done already"] == late:
                pending.pop()
            print(f"{how} {reached}: {len(closed(chain.run))} of {BLOCKS} blocks")
        if session.process.returncode == 0:
            chain.check_done()
    if chain.run.exists():
        chain.finish()
    print(dict(chain.seen), dict(chain.slowest))
    assert chain.seen["runs complete"] >= 1
    assert not list(chain.temporary.iterdir())
