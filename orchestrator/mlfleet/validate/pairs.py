"""Records of an experiment folded into pairs, each as if it were a run of its own. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from mlfleet import stats, tasks
from mlfleet.errors import MlfleetError
from mlfleet.model import Metric, Record
from mlfleet.resolution import Bound
from mlfleet.runfile import RunFile
from mlfleet.table import fold
from mlfleet.validate.plan import share_of
from mlfleet.validate.result import PairSeen
from mlfleet.values import paired_values

# Level of the single intervals that are counted; a run decides at stats.ALPHA.
COUNTED_ALPHA = 0.05


def pairs_seen(bound: Bound, run: RunFile, records: Sequence[Record]) -> tuple[PairSeen, ...]:
    """Every pair of twins, and every slowed service against the first twin, by metric.

    Pairs of twins count as independent where no earlier counted pair has one of the two; a share's pair is the only
    one of its experiment, and shares are counted apart.
    """
    (planned,) = run.workloads
    twins = [key for key in planned.cells if not share_of(key)]
    slowed = [key for key in planned.cells if share_of(key)]
    apart = set(zip(twins[::2], twins[1::2], strict=False))
    found: list[PairSeen] = []
    for pair in combinations(twins, 2):
        found += _pair(bound, run, records, pair, independent=pair in apart)
    for key in slowed:
        found += _pair(bound, run, records, (twins[0], key), independent=True)
    return tuple(found)


def _pair(
    bound: Bound, run: RunFile, records: Sequence[Record], pair: tuple[str, str], *, independent: bool
) -> Iterator[PairSeen]:
    """The pair as the whole of a run: one pair a family."""
    (planned,) = run.workloads
    baseline, contestant = pair
    mine = [record for record in records if record.trial.framework in pair]
    alone = replace(
        run,
        workloads=(replace(planned, cells={key: planned.cells[key] for key in pair}),),
        baselines={planned.workload.name: baseline},
    )
    truth = _count(planned.workload.task, contestant, mine) / _count(planned.workload.task, baseline, mine)
    for one in fold(alone, mine).comparisons:
        logs = _differences(mine, pair, one.metric) if one.outcome != "refused" and not one.absolute else []
        enough = len(logs) >= stats.MIN_BLOCKS
        counted = stats.estimate(logs, COUNTED_ALPHA) if enough else None
        yield PairSeen(
            experiment=run.run,
            bound=bound,
            metric=one.metric,
            baseline=baseline,
            contestant=contestant,
            share=share_of(contestant),
            truth=truth,
            independent=independent,
            blocks=len(logs),
            outcome=one.outcome,
            reasons=one.reasons,
            point=counted.point if counted else None,
            low=counted.low if counted else None,
            high=counted.high if counted else None,
            decided_low=stats.estimate(logs).low if enough else None,
        )


def _differences(records: Sequence[Record], pair: tuple[str, str], metric: Metric) -> list[float]:
    """ln(contestant / baseline) of each block in which both are ok."""
    baseline, contestant = ([record for record in records if record.trial.framework == key] for key in pair)
    by_block, _ = paired_values(baseline, contestant, metric)
    return [math.log(b / a) for a, b in by_block if min(a, b) > 0]


def _count(task: str, framework: str, records: Sequence[Record]) -> int:
    """What the receipts of a service count; its trials differ in nothing, so they must say the same."""
    key = tasks.get(task).unit_key
    found = {record.receipt.get(key) for record in records if record.trial.framework == framework and record.receipt}
    if len(found) != 1:
        raise MlfleetError(f"{framework}: its trials counted {sorted(map(str, found)) or 'nothing'}, one count awaited")
    return int(found.pop() or 0)
