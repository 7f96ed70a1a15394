"""The course of a run: which block comes next, which workloads stop, what is measured again at the end. Pure."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import count

from mlfleet import looks
from mlfleet.ledger_lines import StopBody
from mlfleet.looks import Stop
from mlfleet.plan import Block, plan_blocks
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.schedule import rules_of
from mlfleet.state import State

S = 1_000_000_000
# Blocks that are appended to a workload for those that a busy machine disturbed, as a share of its planned ones, and at
# least. Beyond a fifth it is the host that must be quietened, and a run that says so ends; two are for short runs, of
# which a fifth is less than what one passing neighbour disturbs.
APPENDED_SHARE = 0.2
APPENDED_LEAST = 2


def course(run: RunFile, state: State) -> Iterator[Block | StopBody]:
    """Blocks in the order in which they are measured, and workloads that stop before their next one.

    `state` takes in each before the next is asked for. First the plan, then blocks appended for the disturbed ones:
    one of every workload that needs it, then a second one, and so on.
    """
    for block in run.plan:
        if (block.workload, block.number) not in state.closed:
            yield from _unless_stopped(run, state, block)
    while blocks := _appended(run, state):
        for block in blocks:
            yield from _unless_stopped(run, state, block)
    for planned in run.workloads:
        name = planned.workload.name
        if run.looks_of(name) and planned.cells and name not in state.stopped:
            yield StopBody(name, reason_to_stop(run, state, planned) or "max_blocks", state.blocks(name))


def blocks_left(run: RunFile, state: State) -> int:
    """Blocks of the plan that may still be measured."""
    return _left(run, state).total()


def seconds_left(run: RunFile, state: State) -> float | None:
    """Of the blocks that may still be measured, each as long as its workload's so far; None before the first.

    Where workloads may stop it is the most: a workload's budget, and the block that spends it, is all that it takes.
    """
    closed = Counter(workload for workload, _ in state.closed)
    if not closed:
        return None
    mean_s = state.spent_ns.total() / S / closed.total()
    seconds = 0.0
    for name, blocks in _left(run, state).items():
        spent_s = state.spent_ns[name] / S
        block_s = spent_s / closed[name] if closed[name] else mean_s
        most = max(0.0, run.budget_of(name) - spent_s) + block_s if run.looks_of(name) else math.inf
        seconds += min(blocks * block_s, most)
    return seconds


def reason_to_stop(run: RunFile, state: State, planned: PlannedWorkload) -> Stop | None:
    """Why no further block of a workload is measured, None while it goes on. Blocks that are fixed are all measured."""
    name = planned.workload.name
    if not run.looks_of(name) or name not in state.last:
        return None
    spent_s, budget_s = state.spent_ns[name] / S, run.budget_of(name)
    baseline = run.baselines.get(name)
    if planned.control or baseline is None or len(planned.cells) < 2:  # noqa: PLR2004 - a pair
        return "budget" if spent_s >= budget_s else None
    return looks.stop(state.pairs(planned, baseline), state.last[name], spent_s, budget_s)


def appended_most(planned_blocks: int) -> int:
    """Blocks that may be appended to a workload."""
    return max(APPENDED_LEAST, int(APPENDED_SHARE * planned_blocks))


def block_of(run: RunFile, workload: str, number: int) -> Block:
    """The block of that number as the seed draws it, within the plan or behind it."""
    planned = run.planned(workload)
    turns = rules_of(run.schedule_of(workload)).turns
    return plan_blocks({workload: list(planned.cells)}, number, {workload: turns}, run.seed)[-1]


def _left(run: RunFile, state: State) -> Counter[str]:
    """Blocks of the plan that may still be measured, by workload."""
    return Counter(
        block.workload
        for block in run.plan
        if (block.workload, block.number) not in state.closed and block.workload not in state.stopped
    )


def _unless_stopped(run: RunFile, state: State, block: Block) -> Iterator[Block | StopBody]:
    if block.workload in state.stopped:
        return
    planned = run.planned(block.workload)
    if reason := reason_to_stop(run, state, planned):
        yield StopBody(block.workload, reason, state.blocks(block.workload))
    else:
        yield block


def _appended(run: RunFile, state: State) -> list[Block]:
    """The next appended block of every workload that needs one and may have one; controls are never compared."""
    found = []
    for planned in (planned for planned in run.workloads if not planned.control):
        name = planned.workload.name
        most = sum(block.workload == name for block in run.plan)
        number = next(number for number in count(most + 1) if (name, number) not in state.closed)
        made = number - most - 1
        if (
            name not in state.stopped
            and state.disturbed(planned) > made
            and made < appended_most(most)
            and state.spent_ns[name] / S < run.budget_of(name)
        ):
            found.append(block_of(run, name, number))
    return found
