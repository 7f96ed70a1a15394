"""What is said of all workloads together, and of how the next run could use its time better."""

from mlfleet.advice import Advice, advice
from mlfleet.report.units import duration, percent, plural, ratio_span
from mlfleet.stats import ALPHA
from mlfleet.summary import MAX_INCONCLUSIVE_SHARE, MIN_WORKLOADS, Mean, Standing, Summary, summaries
from mlfleet.table import Table

_S = 1e9
# Why a workload is not in the mean, in words.
_STANDING: dict[Standing, str] = {
    "refused": "refused",
    "inconclusive": "inconclusive",
    "partial": "not measured by every framework",
    "absolute": "with a difference that is no ratio",
    "trivial": "whose work is no more than a call costs",
}


def over_workloads(table: Table) -> tuple[str, ...]:
    """The geometric means, or why there are none; nothing where there are too few workloads to ask for any."""
    return tuple(_summary(one) for one in summaries(table) if len(one.standing) >= MIN_WORKLOADS)


def turns(table: Table) -> tuple[str, ...]:
    """How many turns a trial should have, for workloads where that is known."""
    return tuple(text for one in advice(table) if (text := _advice(one)))


def _summary(one: Summary) -> str:
    defended, total = one.count("defended"), len(one.standing)
    left_out = [f"{many} {text}" for standing, text in _STANDING.items() if (many := one.count(standing))]
    counted = f"{defended} of {plural(total, 'workload')}" + (f"; {', '.join(left_out)}" if left_out else "")
    head = f"{one.metric} against {one.baseline}"
    if one.means:
        return f"{head}, geometric mean over {counted}: {'; '.join(map(_mean, one.means))}"
    if one.reason == "few_workloads":
        return f"{head}: no geometric mean: every framework has a defended ratio in {counted}; {MIN_WORKLOADS} needed"
    return (
        f"{head}: no geometric mean: too many are inconclusive: {counted}; at most 1 in "
        f"{round(1 / MAX_INCONCLUSIVE_SHARE)} of those that passed parity may be"
    )


def _mean(one: Mean) -> str:
    if one.low is None or one.high is None:
        return f"{one.framework} {one.ratio:.3g}x (no interval: too few workloads)"
    shown = ratio_span(one.ratio, one.low, one.high)
    return f"{one.framework} {shown.point}x ({percent(1 - ALPHA)} interval {shown.interval})"


def _advice(one: Advice) -> str:
    if one.reason == "no_variance_between_trials":
        return (
            f"{one.workload}: trials differ no more than their turns do: more turns would help as much as more blocks."
        )
    if one.turns is None:
        return ""
    had = "as in this run" if one.turns == one.used else f"this run had {one.used}"
    return (
        f"{one.workload}: {plural(one.turns, 'turn')} a trial would use the time best, {had} (standard deviation of "
        f"ln(time) {one.between_turns:.2g} between turns, {one.between_trials:.2g} between trials; a trial costs "
        f"{duration(one.trial_s * _S)}, a turn {duration(one.turn_s * _S)})."
    )
