"""Equal and slowed services: which pairs are made, what is counted of them, and what makes a count fail."""

import math
from dataclasses import replace

import pytest
import samples
from mlfleet.errors import MlfleetError
from mlfleet.table import fold
from mlfleet.validate import counts as counting
from mlfleet.validate.pairs import pairs_seen
from mlfleet.validate.plan import BLOCKS, FULL, QUICK, share_of
from mlfleet.validate.result import PairSeen
from mlfleet.verdict import Verdict

WORKLOAD = "control.delay-control-compute"
NAMES = QUICK.names("compute", 1)
UNITS = 1000


def experiment(names=NAMES, ns=1e6, rounded=(), disturbed=()):
    """Records of an experiment on a host without noise: a share more work takes a share more time."""
    cells = {}
    for name in names:
        key = f"null-rust:{name}"
        share = share_of(key)
        units = UNITS if name in rounded else UNITS + UNITS * share // 100
        # Every service has a rhythm of its own, of less than a thousandth.
        noise = tuple(1 + (number * 7 + len(cells) * 3) % 5 / 10_000 for number in range(BLOCKS))
        time = ns * (1 + share / 100)
        cells[key] = samples.Cell(time, noise=noise, metric="equal", quality=1.0, receipt={"units": units})
    run = samples.run_file({WORKLOAD: cells}, BLOCKS)
    planned = replace(
        run.workloads[0], control=False, workload=replace(run.workloads[0].workload, task="control.delay")
    )
    records = [
        replace(one, verdict=Verdict.DISTURBED) if one.trial.framework.rpartition(":")[2] in disturbed else one
        for one in samples.records({WORKLOAD: cells}, BLOCKS)
    ]
    return replace(run, workloads=(planned,), metrics=("time", "cpu", "memory")), records


def seen(**options):
    run, records = experiment(**options)
    return pairs_seen("compute", run, records)


def by_name(pairs):
    return {count.name: count for count in counting.counts(pairs)}


ALARMS = "equal services whose 95 % interval excludes 1"


def test_seven_twins_make_21_pairs_of_which_three_share_no_service():
    times = [pair for pair in seen() if pair.metric == "time"]
    twins = [pair for pair in times if not pair.share]
    apart = [pair for pair in twins if pair.independent]
    assert (len(twins), len(apart)) == (21, 3)
    assert len({key for pair in apart for key in (pair.baseline, pair.contestant)}) == 6
    assert [(pair.contestant, pair.baseline) for pair in times if pair.share] == [
        (f"null-rust:plus{share}", "null-rust:a") for share in (2, 5, 10)
    ]


def test_the_truth_is_the_ratio_of_what_both_receipts_count():
    truths = {pair.share: pair.truth for pair in seen()}
    assert truths == {0: 1.0, 2: 1.02, 5: 1.05, 10: 1.1}
    rounded = by_name(seen(rounded=["plus2"]))["injected shares that were counted as they were asked for"]
    assert (rounded.found, rounded.of, rounded.state) == (2, 3, "off")


def test_a_service_whose_trials_count_differently_is_no_truth():
    run, records = experiment()
    records[0] = replace(records[0], receipt={"units": 7})
    with pytest.raises(MlfleetError, match=r"null-rust:a: its trials counted \['1000', '7'\], one count awaited"):
        pairs_seen("compute", run, records)


def test_each_pair_is_decided_as_a_run_of_its_own():
    """With others in its family the level would be another one."""
    run, records = experiment()
    (pair,) = [p for p in pairs_seen("compute", run, records) if (p.share, p.metric) == (5, "time")]
    keys = ("null-rust:a", "null-rust:plus5")
    (planned,) = run.workloads
    alone = replace(
        run,
        workloads=(replace(planned, cells={key: planned.cells[key] for key in keys}),),
        baselines={WORKLOAD: keys[0]},
    )
    found = fold(alone, [record for record in records if record.trial.framework in keys])
    (time,) = [one for one in found.comparisons if one.metric == "time"]
    assert (pair.outcome, pair.reasons) == (time.outcome, time.reasons) == ("different", ())
    assert pair.low < math.log(1.05) < pair.high
    assert pair.decided_low < pair.low


def test_on_a_host_without_noise_everything_is_as_expected():
    found = by_name(seen())
    assert {count.state for count in found.values()} == {"ok", "not judged"}
    assert (found[ALARMS].found, found[ALARMS].of) == (0, 3)
    assert found["95 % intervals that cover the counted +5 %"].found == 1
    assert found["+2 % found at 10 blocks, compute"].found == 1


def test_what_a_busy_machine_spoilt_is_not_shown():
    found = by_name(seen(disturbed=NAMES))
    whole = found["pairs with 10 undisturbed blocks"]
    assert (whole.found, whole.of, whole.state) == (0, 24, "not shown")
    assert ALARMS not in found


def pair(point=0.0, half=0.01, share=0, bound="compute", **changes):
    made = PairSeen(
        "x", bound, "time", "a", "b", share, 1 + share / 100, True, BLOCKS, "inconclusive", ("wide",), point,
        point - half, point + half, point - half,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize(("of", "most"), [(20, 3), (9, 2), (40, 5), (100, 10), (1, 1)])
def test_misses_that_an_honest_harness_has_once_in_sixty_times(of, most):
    assert counting.most_misses(of) == most


@pytest.mark.parametrize(("of", "state"), [(1, "not judged"), (2, "ok")])
def test_what_could_not_fail_is_not_judged(of, state):
    found = by_name([pair(math.log(1.05), share=5)] * of)["95 % intervals that cover the counted +5 %"]
    assert (found.found, found.of, found.state) == (of, of, state)


@pytest.mark.parametrize(("alarms", "state"), [(0, "ok"), (3, "ok"), (4, "off")])
def test_more_alarms_than_3_of_20_are_off(alarms, state):
    found = by_name([pair(0.02)] * alarms + [pair(0.0)] * (20 - alarms))[ALARMS]
    assert (found.found, found.of, found.expected, found.state) == (alarms, 20, "at most 3", state)


@pytest.mark.parametrize(("alarms", "state"), [(4, "ok"), (5, "off")])
def test_equal_services_are_seldom_called_different(alarms, state):
    pairs = [pair(0.02, outcome="different", reasons=())] * alarms + [pair()] * (20 - alarms)
    found = by_name(pairs)["equal services that a run calls different"]
    assert (found.found, found.expected, found.state) == (alarms, "at most 4", state)


def test_pairs_that_share_a_service_are_not_counted_twice():
    assert by_name([pair(0.0)] + [pair(0.02, independent=False)] * 20)[ALARMS].of == 1


@pytest.mark.parametrize(("covered", "state"), [(40, "ok"), (35, "ok"), (34, "off")])
def test_intervals_must_cover_the_counted_truth(covered, state):
    truth = math.log(1.05)
    pairs = [pair(truth, share=5)] * covered + [pair(truth + 0.02, share=5)] * (40 - covered)
    assert by_name(pairs)["95 % intervals that cover the counted +5 %"].state == state


@pytest.mark.parametrize(("found", "state"), [(35, "ok"), (34, "off")])
def test_five_per_cent_must_be_found_in_35_of_40(found, state):
    pairs = [pair(0.05, share=5)] * found + [pair(0.05, half=0.06, share=5)] * (40 - found)
    assert by_name(pairs)["+5 % found at 10 blocks, compute"].state == state
    memory = by_name([replace(one, bound="memory") for one in pairs])
    assert memory["+5 % found at 10 blocks, memory"].state == "not judged"


def test_an_honest_pair_that_is_refused_is_off():
    assert by_name([pair(), pair(outcome="refused")])["pairs of honest controls refused"].state == "off"


def test_the_resolution_needs_twenty_pairs_and_says_of_how_many_services():
    limits = counting.limits(seen(), "1 thread", "short")
    assert {(one.bound, one.metric) for one in limits} >= {("compute", "time"), ("compute", "cpu")}
    assert all((one.pairs, one.services, one.blocks) == (21, 7, BLOCKS) for one in limits)
    assert counting.limits(seen(names=FULL.names("compute", 1)), "1 thread", "short") == ()


def test_how_long_it_takes_is_said_beforehand():
    assert 480 < QUICK.seconds(docker=False, canaries=True) < 720
    assert QUICK.seconds(docker=True, canaries=True) > QUICK.seconds(docker=False, canaries=True)
    assert 2 < FULL.seconds(docker=False, canaries=True) / 3600 < 12
