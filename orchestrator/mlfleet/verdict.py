"""The closed list of verdicts of a trial, and what each group means for the rest of the run."""

from enum import StrEnum
from typing import Literal

# What a runtime could not give a trial; the others give all. `not_fresh` leaves its comparisons inconclusive. From
# `throttled` on: what the machine did over the trial's own turns, which makes it `disturbed`.
Flag = Literal["peers_running", "not_fresh", "throttled", "contended", "stolen", "hot", "gap", "memory_short"]
PEERS_RUNNING: Flag = "peers_running"
NOT_FRESH: Flag = "not_fresh"

# What was wrong with the machine during one turn. A flagged turn is kept and counted.
TurnFlag = Literal[
    "throttled",
    "stolen",
    "pressure",
    "foreign",
    "load",
    "sentinel",
    "faults",
    "hot",
    "gpu_shared",
    "gap",
    "peers_running",
]


class Group(StrEnum):
    """What a verdict says about its cell."""

    OK = "ok"
    NOT_RUN = "not_run"
    FAILED = "failed"
    INVALID = "invalid"
    # Says nothing about the framework: the attempt may be made again.
    LOST = "lost"
    # A bug of the orchestrator.
    OURS = "ours"


class Verdict(StrEnum):
    """Exactly one for every trial."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    NOT_BUILT = "not_built"
    DATA_UNAVAILABLE = "data_unavailable"
    DEVICE_UNAVAILABLE = "device_unavailable"
    LAUNCH_FAILED = "launch_failed"
    VERSION_MISMATCH = "version_mismatch"
    TIMED_OUT = "timed_out"
    EXITED = "exited"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    PIDS_EXHAUSTED = "pids_exhausted"
    SIZE_EXCEEDED = "size_exceeded"
    PROTOCOL_VIOLATION = "protocol_violation"
    ADAPTER_ERROR = "adapter_error"
    WRONG_DEVICE = "wrong_device"
    WRONG_PAYLOAD = "wrong_payload"
    IMPOSSIBLE_TIME = "impossible_time"
    UNEXPLAINED_TIME = "unexplained_time"
    BAD_OUTPUT = "bad_output"
    SHORT_WORK = "short_work"
    OUTSIDE_TOLERANCE = "outside_tolerance"
    CACHED = "cached"
    BACKGROUND_WORK = "background_work"
    # The machine, not the service: kept and counted, not estimated, measured again.
    DISTURBED = "disturbed"
    KILLED = "killed"
    TRANSPORT_FAILED = "transport_failed"
    DATA_LOSS = "data_loss"
    DAEMON_LOST = "daemon_lost"
    INTERRUPTED = "interrupted"
    ORCHESTRATOR_ERROR = "orchestrator_error"

    @property
    def group(self) -> Group:
        """The group that decides retry and print."""
        return _GROUPS[self]


_GROUPS = {
    verdict: group
    for group, verdicts in {
        Group.OK: [Verdict.OK],
        Group.NOT_RUN: [
            Verdict.UNSUPPORTED,
            Verdict.NOT_BUILT,
            Verdict.DATA_UNAVAILABLE,
            Verdict.DEVICE_UNAVAILABLE,
        ],
        Group.FAILED: [
            Verdict.LAUNCH_FAILED,
            Verdict.VERSION_MISMATCH,
            Verdict.TIMED_OUT,
            Verdict.EXITED,
            Verdict.CRASHED,
            Verdict.OUT_OF_MEMORY,
            Verdict.PIDS_EXHAUSTED,
            Verdict.SIZE_EXCEEDED,
            Verdict.PROTOCOL_VIOLATION,
            Verdict.ADAPTER_ERROR,
        ],
        Group.INVALID: [
            Verdict.WRONG_DEVICE,
            Verdict.WRONG_PAYLOAD,
            Verdict.IMPOSSIBLE_TIME,
            Verdict.UNEXPLAINED_TIME,
            Verdict.BAD_OUTPUT,
            Verdict.SHORT_WORK,
            Verdict.OUTSIDE_TOLERANCE,
            Verdict.CACHED,
            Verdict.BACKGROUND_WORK,
        ],
        Group.LOST: [
            Verdict.DISTURBED,
            Verdict.KILLED,
            Verdict.TRANSPORT_FAILED,
            Verdict.DATA_LOSS,
            Verdict.DAEMON_LOST,
            Verdict.INTERRUPTED,
        ],
        Group.OURS: [Verdict.ORCHESTRATOR_ERROR],
    }.items()
    for verdict in verdicts
}
