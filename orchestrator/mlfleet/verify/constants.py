"""What run.json says decided, against what decides here: names are the writer's, values this program's own."""

from collections.abc import Mapping

from mlfleet.verify import claims, estimates, folded, gates, idle, looks, machine, meters, numbers, order
from mlfleet.verify.findings import Findings
from mlfleet.verify.plan import Run

_KIND = "constants"
CONSTANTS: Mapping[str, float] = {
    "advice.FIRST_LOOK": folded.FIRST_LOOK,
    "charged.BATCH_BYTES": meters.BATCH_BYTES,
    "charged.PAYLOAD_SHARE": meters.PAYLOAD_SHARE,
    "compare.MEMORY_SE_BYTES": estimates.MEMORY_SE_BYTES,
    "compare.SMALL_MEMORY_BYTES": estimates.SMALL_MEMORY_BYTES,
    "course.APPENDED_LEAST": looks.APPENDED_LEAST,
    "course.APPENDED_SHARE": looks.APPENDED_SHARE,
    "gates.CPU_SLACK_NS": claims.METER_NS,
    "gates.IDLE_CPU_NS": claims.IDLE_NS,
    "gates.LINEAR_HIGH": claims.LINEAR[1],
    "gates.LINEAR_LOW": claims.LINEAR[0],
    "gates.LINEAR_PAIRS": claims.PAIRS,
    "gates.LINEAR_WAITED_SHARE": claims.WAITED_SHARE,
    "gates.MEMORY_BOUND_CACHES": claims.CACHES,
    "gates.ROOF_FACTOR": claims.ROOF_FACTOR,
    "gates.UNEXPLAINED_NS": claims.CALL_NS,
    "gates.UNEXPLAINED_SHARE": claims.SHARE,
    "gates.WAITS_SHARE": claims.WAITS_SHARE,
    "judged.TOO_FAST_FACTOR": claims.TOO_FAST,
    **{f"looks.LOOKS.{number}": look for number, look in enumerate(looks.LOOKS, start=1)},
    "looks.PRECISION": looks.PRECISION,
    "looks.PRECISION_OF_EFFECT": looks.OF_EFFECT,
    **{f"noise.{name.upper()}": value for name, value in machine.STARTING.items()},
    "noise.GAP_NS": machine.GAP_NS,
    "parity.EQUALITY_ALPHA": estimates.QUALITY_ALPHA,
    "runner.ATTEMPTS": order.ATTEMPTS,
    "schedule.HEADROOM": gates.HEADROOM,
    "schedule.IDLE_NS": idle.IDLE_NS,
    "schedule.LATENCY_SAMPLES": gates.LATENCY_SAMPLES,
    **{f"schedule.RULES.{name}.sample_ns": rules[0] for name, rules in gates.SCHEDULES.items()},
    **{f"schedule.RULES.{name}.timed": rules[1] for name, rules in gates.SCHEDULES.items()},
    **{f"schedule.RULES.{name}.turns": rules[2] for name, rules in gates.SCHEDULES.items()},
    "schedule.STEADY_LONG_NS": claims.STEADY_LONG_NS,
    "schedule.STEADY_SLOPE": claims.STEADY_CHANGE,
    "schedule.STEADY_WINDOW": claims.STEADY_WINDOW,
    "schedule.STEADY_WINDOW_LONG": claims.STEADY_LEAST,
    "stats.ALPHA": estimates.ALPHA,
    "stats.MIN_BLOCKS": estimates.MIN_BLOCKS,
    "stats.MIN_SE": estimates.MIN_SE,
    "stats.TRIM_FROM": estimates.TRIM_FROM,
    "stats.TRIM_SHARE": 1 / estimates.TRIM_DIVISOR,
    "summary.MAX_INCONCLUSIVE_SHARE": folded.INCONCLUSIVE_SHARE,
    "summary.MIN_WORKLOADS": folded.LEAST,
    "summary.MIN_WORKLOADS_INTERVAL": folded.LEAST_INTERVAL,
    **{f"values.PERCENTILES.{name}.1": share / 100 for name, (share, _) in numbers.PERCENTILES.items()},
    **{f"values.PERCENTILES.{name}.2": needed for name, (_, needed) in numbers.PERCENTILES.items()},
}


def check_baselines(run: Run, findings: Findings) -> None:
    """Whom others are divided by must be measured beside them: else nothing is compared, and nobody would miss it."""
    for work in run.workloads:
        baseline = run.baselines.get(work.name)
        if baseline is not None and work.cells:
            awaited = f"one of its cells: {', '.join(work.cells)}"
            field, holds = f"baselines.{work.name}", baseline in work.cells
            findings.rule("run.json", None, field, baseline, awaited, holds=holds, kind=_KIND)


def check_constants(run: Run, findings: Findings) -> None:
    """Each that the plan says; one that it does not say was not yet recorded when it was made."""
    said = run.body["constants"].members()
    for name in CONSTANTS.keys() & said.keys():
        findings.held("run.json", None, f"constants.{name}", said[name], CONSTANTS[name], kind=_KIND)
