"""Every flag of a turn at its limit and beyond it, and what makes a trial disturbed: readings of the machine only."""

from dataclasses import replace

import pytest
from calm import CALM, CPUS, MS, sentinel, turn
from mlfleet.disturbed import disturbances
from mlfleet.meters.reading import null
from mlfleet.model import Reading, Sample, Sentinel
from mlfleet.names import Name
from mlfleet.noise import Limits, cpu_wait_ns, known_flags, quiet, shares, turn_flags


def flags(**values):
    return known_flags(turn(**values), CPUS, Limits())


def test_a_quiet_turn_has_no_flag():
    assert flags() == ()


# By flag: the highest value that is quiet still, and the lowest that is not.
EDGES = {
    "throttled": [({"throttled_periods": 0}, {"throttled_periods": 1})],
    # 1 % of 1 s x 2 CPUs, which is two ticks.
    "stolen": [({"set_steal": 20 * MS}, {"set_steal": 30 * MS})],
    "pressure": [
        ({"cpu_pressure": 50_000}, {"cpu_pressure": 50_001}),
        ({"memory_pressure": 10_000}, {"memory_pressure": 10_001}),
    ],
    # Beyond the service's own 1.2 s: 10 % of 1 s x 2 CPUs.
    "foreign": [({"set_busy": 1400 * MS}, {"set_busy": 1401 * MS})],
    # 20 % of 1 s x 2 other CPUs.
    "load": [({"others_busy": 400 * MS}, {"others_busy": 401 * MS})],
    "faults": [({"major_faults": 0}, {"major_faults": 1})],
    "hot": [({"core_throttles": 0}, {"core_throttles": 1})],
    "gap": [({"sampler_gap": 1000 * MS}, {"sampler_gap": 1001 * MS})],
}
CASES = [(flag, *pair) for flag, pairs in EDGES.items() for pair in pairs]


@pytest.mark.parametrize(("flag", "still", "beyond"), CASES)
def test_a_flag_begins_beyond_its_limit_and_comes_alone(flag, still, beyond):
    assert flags(**still) == ()
    assert flags(**beyond) == (flag,)


@pytest.mark.parametrize("name", [name.name.lower() for name in CALM])
def test_what_is_null_flags_nothing(name):
    assert flags(**{name: None}) == ()


def test_in_a_short_turn_two_ticks_are_nothing():
    short = {"cpu": 40 * MS, "cpu_pressure": 0, "others_busy": 0}
    # 25 ms: of 50 ms of two CPUs two ticks each are 40 ms.
    assert flags(window_ms=25, set_busy=80 * MS, set_steal=20 * MS, **short) == ()
    assert flags(window_ms=25, set_busy=81 * MS, set_steal=21 * MS, **short) == ("stolen", "foreign")


def test_flags_know_nothing_of_the_samples():
    slow = replace(turn(), samples=(Sample(1, 0, 10**12),) * 9)
    assert known_flags(slow, CPUS, Limits()) == ()
    assert disturbances([slow], CPUS, Limits()) == {}


USUAL = quiet([turn(sentinel=(sentinel(1000 + n, 2000 + n), sentinel(1, 1))) for n in (-9, 0, 9)], {})


def test_the_usual_sentinel_is_the_median_of_the_run():
    assert (USUAL.compute_ns, USUAL.memory_ns) == (1000, 2000)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("compute", "memory", "flagged"),
    [
        (1049, 2199, False),
        (951, 1801, False),
        (1051, 2000, True),
        (949, 2000, True),
        (1000, 2201, True),
        (1000, 1799, True),
    ],
)
def test_a_sentinel_on_either_side_that_is_far_from_the_median_flags(side, compute, memory, flagged):
    pair = [sentinel(1000, 2000), sentinel(1000, 2000)]
    pair[side] = sentinel(compute, memory)
    assert turn_flags(turn(sentinel=tuple(pair)), USUAL) == (("sentinel",) if flagged else ())


def test_a_turns_own_flags_are_kept_and_ordered():
    found = turn_flags(replace(turn(sentinel=(sentinel(2000, 2000),)), flags=("peers_running", "foreign")), USUAL)
    assert found == ("foreign", "sentinel", "peers_running")


def test_a_sentinel_that_could_not_be_read_flags_nothing():
    unread = Sentinel(null(Name.CPU, "x", "no_permission"), null(Name.CPU, "x", "no_permission"))
    assert turn_flags(turn(sentinel=(unread, unread)), USUAL) == ()
    nothing = quiet([turn(sentinel=(unread,)), turn()], {})
    assert (nothing.compute_ns, nothing.memory_ns) == (None, None)
    assert turn_flags(turn(sentinel=(sentinel(9, 9),)), nothing) == ()


def test_a_host_may_have_wider_limits_but_no_narrower_ones():
    limits = Limits.fitted({"foreign": 0.2, "stolen": 0.0001, "wait": 0.6})
    assert limits.foreign == pytest.approx(0.3)
    assert limits.trial_foreign == pytest.approx(0.3)
    assert limits.trial_wait == pytest.approx(0.9)
    assert limits.stolen == Limits().stolen
    assert known_flags(turn(set_busy=1790 * MS), CPUS, limits) == ()
    assert known_flags(turn(set_busy=1801 * MS), CPUS, limits) == ("foreign",)


def test_limits_come_back_from_run_json():
    limits = Limits.fitted({"compute": 0.1})
    assert Limits.of_run(limits.constants() | {"stats.ALPHA": 0.03, "noise_limits.unknown": 1.0}) == limits
    assert Limits.of_run({}) == Limits()
    assert quiet([], limits.constants()).limits == limits


def test_waiting_is_pressure_or_else_that_of_the_threads():
    found = turn(cpu_pressure=None).readings
    assert cpu_wait_ns(found) is None
    assert cpu_wait_ns(found | {Name.CPU_WAIT.value: Reading(7, "us", "schedstat")}) == 7000
    assert cpu_wait_ns(turn(cpu_pressure=5).readings | {Name.CPU_WAIT.value: Reading(7, "us", "x")}) == 5000


def test_without_pressure_waiting_in_run_queues_flags_a_turn():
    def queued(us, pressure):
        one = turn(cpu_pressure=pressure)
        more = {Name.CPU_WAIT.value: Reading(us, "us", "schedstat")}
        return known_flags(replace(one, readings=one.readings | more), CPUS, Limits())

    assert queued(50_000, None) == ()
    assert queued(50_001, None) == ("pressure",)
    assert queued(50_001, 0) == ()


def test_no_more_was_waited_for_others_than_the_call_had_cpus_beside_its_own():
    """Of 998 ms of one CPU the service had all but 50 ms: a thread of its own waited longer, and not for others."""
    waits = {"cpu_pressure": 500_000, "set_busy": 950 * MS}

    def alone(own_ms):
        return known_flags(turn(cpu=own_ms * MS, **waits), 1, Limits())

    assert alone(948) == ()
    assert alone(947) == ("pressure",)
    assert alone(2000) == ()
    assert known_flags(turn(**waits | {"cpu": None}), 1, Limits()) == ("pressure",)


def test_shares_are_of_the_window_and_its_cpus():
    assert shares(turn(), CPUS) == pytest.approx(
        {"stolen": 0, "waiting": 0.04, "memory_pressure": 0, "foreign": 0.05, "load": 0.025, "wait": 0.04 / 1.2}
    )
    alone = turn(other_cpus=0, others_busy=0)
    assert "load" not in shares(alone, 4)


NEIGHBOUR = {"set_busy": 2000 * MS, "cpu": 1000 * MS, "cpu_pressure": 1_000_000}


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        (NEIGHBOUR, "contended"),
        ({"throttled_periods": 1}, "throttled"),
        ({"set_steal": 101 * MS}, "stolen"),
        ({"core_throttles": 1}, "hot"),
        ({"sampler_gap": 1001 * MS}, "gap"),
    ],
)
def test_a_disturbed_trial_says_by_what_and_how_much(values, flag):
    found = disturbances([turn(**values)], CPUS, Limits())
    assert set(found) == {flag}
    assert found[flag]


@pytest.mark.parametrize(
    "values",
    [
        {},
        # Both must be: waiting, and others on these CPUs.
        NEIGHBOUR | {"cpu_pressure": 500_000},
        NEIGHBOUR | {"set_busy": 1100 * MS},
        # Null proves nothing.
        NEIGHBOUR | {"cpu_pressure": None},
        NEIGHBOUR | {"set_busy": None},
        NEIGHBOUR | {"cpu": None},
        {"set_steal": 100 * MS},
    ],
)
def test_what_disturbs_no_trial(values):
    assert disturbances([turn(**values)], CPUS, Limits()) == {}


def test_a_wait_that_is_not_known_of_one_turn_is_not_known_of_the_trial():
    turns = [turn(**NEIGHBOUR | {"cpu_pressure": 3_000_000}), turn(**NEIGHBOUR | {"cpu_pressure": None})]
    assert disturbances(turns, CPUS, Limits()) == {}


def test_a_trial_is_judged_over_all_its_turns():
    assert disturbances([turn(**NEIGHBOUR), turn(), turn()], CPUS, Limits()) == {}
    assert set(disturbances([turn(**NEIGHBOUR), turn(**NEIGHBOUR), turn()], CPUS, Limits())) == {"contended"}
    assert disturbances([], CPUS, Limits()) == {}
