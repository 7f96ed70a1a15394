"""Evidence in, exactly one verdict out: pure and total. A measured time never decides a retry."""

from dataclasses import dataclass, field

from mlfleet.client import PROTOCOL
from mlfleet.launch.base import Exit, LaunchFailed
from mlfleet.model import Clock, Environment, Finding, Identity, Prepared, Sample
from mlfleet.verdict import Flag, Verdict

# Signals of a process's own making; others come from outside.
_OWN_SIGNALS = {4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV", 31: "SIGSYS"}
_OUTSIDE_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 9: "SIGKILL", 15: "SIGTERM"}
_SIGNAL_BASE = 128
# Ends the name of a pool whose threads run whole operators beside each other.
ONE_EACH = "-interop"


@dataclass
class Evidence:
    """What a trial has gathered; the phase is the last one that was entered."""

    phase: str = "launch"
    interrupted: bool = False
    launch_error: LaunchFailed | None = None
    # NotServing's text.
    not_serving: str | None = None
    # A gRPC status: its code, the service's reason, its message.
    call: tuple[str, str, str] | None = None
    malformed: str | None = None
    exit: Exit | None = None
    out_of_memory: bool = False
    identity: Identity | None = None
    clock: Clock | None = None
    prepared: Prepared | None = None
    findings: tuple[Finding, ...] = ()
    # What the machine did, with a sentence that says how much.
    disturbed: dict[Flag, str] = field(default_factory=dict)
    # An exception of the orchestrator's own.
    own_error: str | None = None


def classify(evidence: Evidence) -> tuple[Verdict, str]:
    """The verdict and its reason; the order of the rules is their weight, and the first match wins."""
    for rule in (_interrupted, _launch, _memory, _exit, _own, _call, _findings, _disturbed):
        if found := rule(evidence):
            return found
    return Verdict.OK, ""


def check_identity(identity: Identity, version: str, task: str, environment: Environment) -> list[Finding]:
    """Gates `release build`, `threads` and `device`, protocol, version: what a service says of itself, by the plan."""
    threads, cpus = environment.threads, environment.cpus
    found = []
    if identity.protocol != PROTOCOL:
        found.append(f"speaks protocol {identity.protocol}, awaited {PROTOCOL}")
    if identity.version != version:
        found.append(f"reports version {identity.version}, awaited {version}, as planned")
    if not identity.optimised or identity.debug_assertions:
        found.append("is a debug build, awaited an optimised one without debug assertions")
    if identity.cpus != cpus:
        found.append(f"may run on CPUs {list(identity.cpus)}, awaited {list(cpus)}")
    for pool in identity.thread_pools:
        # Operators run one after the other in every framework: n threads share the work of each.
        awaited = 1 if pool.pool.endswith(ONE_EACH) else threads
        if pool.effective != awaited:
            found.append(f"pool {pool.pool} ({pool.library}) has {pool.effective} threads, awaited {awaited}")
    findings = [Finding("environment", Verdict.VERSION_MISMATCH.value, text) for text in found]
    if environment.visible_device not in identity.devices:
        text = f"computes on {', '.join(identity.devices) or 'nothing'}, {environment.visible_device} was asked for"
        findings.append(Finding("environment", Verdict.WRONG_DEVICE.value, text))
    if identity.task(task) is None:
        findings.append(Finding("environment", Verdict.UNSUPPORTED.value, f"has no task {task}"))
    return findings


def check_payload(prepared: Prepared, payload_sha256: str, tensors_sha256: str) -> list[Finding]:
    """The service's digests against our own: of the bytes, and of the tensors that it decoded."""
    pairs = (
        ("payload", prepared.payload_sha256, payload_sha256),
        ("decoded tensors", prepared.tensors_sha256, tensors_sha256),
    )
    return [
        Finding(
            "payload", Verdict.WRONG_PAYLOAD.value, f"{what} answered as {found[:12] or 'nothing'}, sent {sent[:12]}"
        )
        for what, found, sent in pairs
        if found != sent
    ]


def check_stamps(samples: tuple[Sample, ...], sent_ns: int, received_ns: int, clock: Clock | None) -> list[Finding]:
    """Rule T1: samples in order, inside the call that carried them; by a clock of its own, no longer than the call."""
    first = samples[0].start_ns if clock == "own" and samples else sent_ns
    last = first
    for number, sample in enumerate(samples):
        if not last <= sample.start_ns <= sample.end_ns:
            text = f"sample {number} goes from {sample.start_ns} to {sample.end_ns} ns, awaited a start from {last} on"
            return [Finding("time", Verdict.IMPOSSIBLE_TIME.value, text)]
        last = sample.end_ns
    if clock == "own":
        took, most = last - first, received_ns - sent_ns
        text = f"samples go over {took} ns by a clock of its own, the call took {most} ns"
        return [Finding("time", Verdict.IMPOSSIBLE_TIME.value, text)] if took > most else []
    if last > received_ns:
        text = f"the last sample ends {last - received_ns} ns after its answer was here"
        return [Finding("time", Verdict.IMPOSSIBLE_TIME.value, text)]
    return []


def _interrupted(evidence: Evidence) -> tuple[Verdict, str] | None:
    return (Verdict.INTERRUPTED, "the run was stopped") if evidence.interrupted else None


def _launch(evidence: Evidence) -> tuple[Verdict, str] | None:
    return (evidence.launch_error.verdict, str(evidence.launch_error)) if evidence.launch_error else None


def _memory(evidence: Evidence) -> tuple[Verdict, str] | None:
    killed = evidence.out_of_memory or bool(evidence.exit and evidence.exit.out_of_memory)
    refused = evidence.call is not None and evidence.call[1] in {"memory", "device_memory"}
    if not (killed or refused):
        return None
    return Verdict.OUT_OF_MEMORY, "the kernel killed it at its memory limit" if killed else _said(evidence)


def _exit(evidence: Evidence) -> tuple[Verdict, str] | None:
    if evidence.exit is None:
        return None
    if evidence.exit.status is None:
        return Verdict.EXITED, "its process is gone; this runtime cannot tell how it ended"
    signal = evidence.exit.status - _SIGNAL_BASE
    if signal in _OWN_SIGNALS:
        return Verdict.CRASHED, f"died of {_OWN_SIGNALS[signal]}"
    if signal in _OUTSIDE_SIGNALS:
        return Verdict.KILLED, f"was ended by {_OUTSIDE_SIGNALS[signal]} from outside"
    return Verdict.EXITED, f"left by itself with status {evidence.exit.status}"


def _own(evidence: Evidence) -> tuple[Verdict, str] | None:
    return (Verdict.ORCHESTRATOR_ERROR, evidence.own_error) if evidence.own_error else None


def _call(evidence: Evidence) -> tuple[Verdict, str] | None:
    if evidence.not_serving is not None:
        return Verdict.TIMED_OUT, f"was not SERVING in time; found: {evidence.not_serving}"
    if evidence.malformed is not None:
        return Verdict.PROTOCOL_VIOLATION, evidence.malformed
    if evidence.call is None:
        return None
    code, reason, _ = evidence.call
    verdict = {
        "DEADLINE_EXCEEDED": Verdict.TIMED_OUT,
        "UNAVAILABLE": Verdict.TRANSPORT_FAILED,
        "DATA_LOSS": Verdict.DATA_LOSS,
        "OUT_OF_RANGE": Verdict.SIZE_EXCEEDED,
        "RESOURCE_EXHAUSTED": Verdict.SIZE_EXCEEDED,
        "FAILED_PRECONDITION": Verdict.ORCHESTRATOR_ERROR,
        "UNIMPLEMENTED": Verdict.UNSUPPORTED if reason == "unsupported" else Verdict.VERSION_MISMATCH,
    }.get(code, Verdict.ADAPTER_ERROR)
    return verdict, _said(evidence)


def _said(evidence: Evidence) -> str:
    code, reason, message = evidence.call or ("", "", "")
    return f"{code} ({reason or 'no reason given'}): {message}"


# Which gate speaks first when several failed in one trial.
_WEIGHT = (
    Verdict.VERSION_MISMATCH,
    Verdict.UNSUPPORTED,
    Verdict.WRONG_DEVICE,
    Verdict.WRONG_PAYLOAD,
    Verdict.PROTOCOL_VIOLATION,
    Verdict.IMPOSSIBLE_TIME,
    Verdict.UNEXPLAINED_TIME,
    Verdict.BAD_OUTPUT,
    Verdict.SHORT_WORK,
    Verdict.OUTSIDE_TOLERANCE,
    Verdict.CACHED,
    Verdict.BACKGROUND_WORK,
)


def _findings(evidence: Evidence) -> tuple[Verdict, str] | None:
    if not evidence.findings:
        return None
    first = min(evidence.findings, key=lambda finding: _WEIGHT.index(Verdict(finding.code)))
    return Verdict(first.code), first.detail


def _disturbed(evidence: Evidence) -> tuple[Verdict, str] | None:
    """Last of all: whatever else went wrong was not the machine's doing."""
    return (Verdict.DISTURBED, "; ".join(evidence.disturbed.values())) if evidence.disturbed else None
