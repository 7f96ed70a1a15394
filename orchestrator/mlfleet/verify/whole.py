"""All checks of a run in their order, and what they came to."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlfleet.errors import StorageError
from mlfleet.verify import bootstrap
from mlfleet.verify.blobs import BLOBS, check_blobs
from mlfleet.verify.chain import LEDGER, Chain, Line, read_chain, read_run
from mlfleet.verify.constants import check_baselines, check_constants
from mlfleet.verify.findings import Findings
from mlfleet.verify.gates import check_plan, check_trial
from mlfleet.verify.idle import check_own_layers
from mlfleet.verify.judge import judged, read_audits
from mlfleet.verify.looks import check_looks
from mlfleet.verify.machine import check_machine
from mlfleet.verify.order import check_attempts, check_blocks, read_trials
from mlfleet.verify.outcomes import Decided, cells_of, decided
from mlfleet.verify.plain import UNREADABLE, Node
from mlfleet.verify.plan import Run, run_view
from mlfleet.verify.published_csv import check_csv
from mlfleet.verify.published_json import Recomputed, check_json
from mlfleet.verify.published_text import check_page, check_summary
from mlfleet.verify.trials import Trial

# Nobody waits longer without a word.
QUIET_S = 2.0


@dataclass(frozen=True)
class Width:
    """A comparison whose published interval is twice as wide as the bootstrap's, or half."""

    comparison: str
    published: float
    drawn: float


@dataclass(frozen=True)
class Verified:
    """What a verification came to."""

    run: str
    findings: Findings
    # The reason of the last `close` line; `interrupted` where there is none.
    ended: str
    blocks: int
    blocks_planned: int
    trials: int
    samples: int
    comparisons: int
    # SHA-256 of the ledger's last line: who keeps it elsewhere can tell a ledger that was rewritten as a whole.
    head: str
    widths: tuple[Width, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differed."""
        return not self.findings.differences


@dataclass
class Progress:
    """Says where the verification is, once it has taken longer than anybody waits in silence."""

    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    last: float = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.clock()

    def __call__(self, text: str) -> None:
        """A step is taken."""
        if self.clock() - self.last >= QUIET_S:
            self.last = self.clock()
            self.say(f"verify: {text}")


def verify(folder: Path, progress: Progress, audits: Sequence[Path] = ()) -> Verified:
    """Check a run's folder. `audits`: folders where audits are kept.

    Raises StorageError where it cannot be read, HostError where its schema is newer.
    """
    findings = Findings()
    body, run_sha256 = read_run(folder)
    try:
        run = run_view(body)
    except UNREADABLE as error:
        raise StorageError(f"{folder / 'run.json'}: {error}") from error
    chain = read_chain(folder, run_sha256, findings, progress)
    every, counted = read_trials(chain.lines, findings)
    ended = _ended(chain, findings)
    finished = _never_stopped(chain.lines)
    _guarded(findings, BLOBS, None, lambda: check_blobs(folder, every, findings, progress, finished=finished))
    _guarded(findings, "run.json", None, lambda: check_constants(run, findings))
    _guarded(findings, "run.json", None, lambda: check_baselines(run, findings))
    _guarded(findings, "run.json", None, lambda: check_plan(run, findings))
    _guarded(findings, "run.json", None, lambda: check_own_layers(run, findings))
    for trial in every:
        progress(f"gates of line {trial.line}")
        _guarded(findings, LEDGER, trial.line, lambda trial=trial: check_trial(run, trial, findings))  # type: ignore[misc]
    for check in (
        lambda: check_blocks(run, counted, findings),
        lambda: check_attempts(every, findings),
        lambda: check_machine(run, every, findings),
        lambda: check_looks(run, chain.lines, counted, findings),
    ):
        _guarded(findings, LEDGER, None, check)
    stops = [line.body for line in chain.lines if line.kind == "stop"]
    pairs = _numbers(folder, run, judged(run, counted, read_audits(audits)), stops, findings)
    return Verified(
        run=run.name,
        findings=findings,
        ended=ended,
        blocks=sum(line.kind == "block" for line in chain.lines),
        blocks_planned=len(run.body["plan"].items()),
        trials=len(every),
        samples=sum(len(turn.samples) for trial in every for turn in trial.turns),
        comparisons=len(pairs),
        head=chain.head,
        widths=_widths(pairs, findings, progress),
    )


def _guarded(findings: Findings, file: str, line: int | None, check: Callable[[], None]) -> None:
    """A value that is no longer what it was is a finding; the other checks go on."""
    try:
        check()
    except UNREADABLE as error:
        findings.differs(file, line, "a value", str(error), "what the schema says")


def _numbers(
    folder: Path, run: Run, counted: Sequence[Trial], stops: Sequence[Node], findings: Findings
) -> list[Decided]:
    """Recompute what was published. Without raw samples there is nothing to recompute, and that is said."""
    fine = [trial for trial in counted if trial.verdict == "ok"]
    if fine and not any(turn.timed for trial in fine for turn in trial.turns):
        findings.differs(
            LEDGER,
            None,
            "samples",
            f"none in {len(fine)} trials that are ok",
            "raw samples: without them no published number can be verified",
        )
        return []
    try:
        cells = cells_of(run, counted)
        pairs, selected = decided(run, cells)
        check_csv(folder, run, [trial for cell in cells.values() for trial in cell.trials], findings)
        check_json(folder, Recomputed(run, cells, pairs, selected, stops), findings)
        check_summary(folder, run, pairs, findings)
        check_page(folder, run, cells, pairs, findings)
    except UNREADABLE as error:
        findings.differs(LEDGER, None, "numbers", str(error), "what the schema says")
        return []
    return pairs


def _ended(chain: Chain, findings: Findings) -> str:
    if chain.torn:
        findings.note("the ledger ends within a line: its writer died; the next resume mends it")
    last = chain.lines[-1] if chain.lines else None
    if last and last.kind == "close":
        reason = last.body.get("reason")
        return reason.text() if reason else "unknown"
    return "interrupted"


def _never_stopped(lines: Sequence[Line]) -> bool:
    return bool(lines) and lines[-1].kind == "close" and not any(line.kind == "resume" for line in lines)


def _widths(pairs: Sequence[Decided], findings: Findings, progress: Progress) -> tuple[Width, ...]:
    found = []
    for one in pairs:
        progress(f"bootstrap of {one.pair.contestant}, {one.pair.workload}")
        drawn = bootstrap.width(one)
        if drawn is None or one.pair.first is None:
            continue
        findings.checked["widths by bootstrap"] += 1
        published = one.pair.first.high - one.pair.first.low
        if not published / bootstrap.TWOFOLD <= drawn <= published * bootstrap.TWOFOLD:
            name = f"{one.pair.contestant} / {one.pair.baseline}, {one.pair.workload}, {one.pair.metric}"
            found.append(Width(name, published, drawn))
    return tuple(found)
