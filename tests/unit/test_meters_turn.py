"""A turn's readings from two edges and the line between: deltas, levels, peaks; null stays null."""

import pytest
from mlfleet.meters import Name, Sampled, turn_readings
from mlfleet.meters.reading import null, unit_of
from mlfleet.model import Reading
from mlfleet.names import COUNTERS, EDGE, HOST_EDGE, LEVELS

MIB = 1 << 20


def edge(**values):
    """Every reading 0 but those given."""
    given = {Name[name.upper()]: value for name, value in values.items()}
    return {
        name: given[name] if isinstance(given.get(name), Reading) else Reading(given.get(name, 0), unit_of(name), "x")
        for name in EDGE
    }


def turn(before, after, sampled=None, *, reset_ok=True):
    return turn_readings(before, after, sampled or Sampled(), reset_ok=reset_ok)


def test_counters_are_differences_and_levels_are_those_at_the_end():
    found = turn(edge(cpu=5, user=1, anonymous=7), edge(cpu=12, user=4, anonymous=3))
    assert (found[Name.CPU].value, found[Name.CPU].unit) == (7, "ns")
    assert (found[Name.USER].value, found[Name.USER].unit) == (3, "us")
    assert found[Name.ANONYMOUS].value == 3
    assert {*COUNTERS, *LEVELS} < set(found)
    assert Name.MARK not in found


def test_the_machine_is_told_from_where_the_line_began_to_where_it_ended():
    began = {name: Reading(100, unit_of(name), "x") for name in HOST_EDGE}
    ended = began | {Name.SET_BUSY: Reading(130, "ns", "x"), Name.OTHER_CPUS: Reading(3, "count", "x")}
    found = turn(edge(), edge(), Sampled(machine=(began, ended)))
    assert (found[Name.SET_BUSY].value, found[Name.SET_STEAL].value, found[Name.OTHER_CPUS].value) == (30, 0, 3)
    assert set(HOST_EDGE) < set(found)
    assert not set(HOST_EDGE) & set(turn(edge(), edge()))


def test_a_counter_that_went_back_is_null():
    found = turn(edge(cpu=5), edge(cpu=4))[Name.CPU]
    assert (found.value, found.reason) == (None, "counter_went_back")


@pytest.mark.parametrize("side", [0, 1])
def test_null_stays_null_with_its_reason(side):
    edges = [edge(), edge()]
    edges[side] = edge(cpu=null(Name.CPU, "cpuacct.usage", "no_permission"))
    found = turn(*edges)[Name.CPU]
    assert (found.value, found.reason, found.source) == (None, "no_permission", "cpuacct.usage")


def test_peak_charged_is_the_mark_after_a_reset():
    found = turn(edge(mark=900), edge(mark=300, charged=200), Sampled(charged_max=250))
    assert found[Name.PEAK_CHARGED] == Reading(300, "bytes", "x")
    assert Name.PEAK_BOUND not in found


def test_reset_refused_and_the_mark_rose():
    found = turn(edge(mark=300), edge(mark=900), Sampled(charged_max=250), reset_ok=False)
    assert (found[Name.PEAK_CHARGED].value, found[Name.PEAK_CHARGED].method) == (900, "lifetime_mark")


@pytest.mark.parametrize(
    ("before", "sampled", "after", "peak"), [(1, 2, 3, 3), (1, 3, 2, 3), (3, 2, 1, 3), (1, None, 2, 2)]
)
def test_reset_refused_and_the_mark_did_not_rise(before, sampled, after, peak):
    found = turn(
        edge(mark=900, charged=before), edge(mark=900, charged=after), Sampled(charged_max=sampled), reset_ok=False
    )
    assert (found[Name.PEAK_CHARGED].value, found[Name.PEAK_CHARGED].method) == (peak, "sampled")
    assert found[Name.PEAK_BOUND].value == 900


def test_peak_charged_without_a_mark_is_sampled():
    gone = null(Name.MARK, "memory.peak", "no_such_file")
    found = turn(edge(mark=gone), edge(mark=gone, charged=4), Sampled(charged_max=5), reset_ok=False)
    assert (found[Name.PEAK_CHARGED].value, found[Name.PEAK_CHARGED].method) == (5, "sampled")
    assert Name.PEAK_BOUND not in found


@pytest.mark.parametrize(("before", "sampled", "after"), [(9, 2, 3), (1, 9, 2), (1, 2, 9), (9, None, 1)])
def test_peak_anonymous_is_the_highest_of_samples_and_edges(before, sampled, after):
    found = turn(edge(anonymous=before), edge(anonymous=after), Sampled(anonymous_max=sampled))
    assert found[Name.PEAK_ANONYMOUS].value == 9


def test_a_peak_that_nobody_saw_is_null():
    lost = {name: null(name, "cgroup", "lost") for name in EDGE}
    found = turn(lost, lost, Sampled(), reset_ok=False)
    assert {found[name].value for name in (Name.PEAK_CHARGED, Name.PEAK_ANONYMOUS)} == {None}
    assert {found[name].reason for name in (Name.PEAK_CHARGED, Name.PEAK_ANONYMOUS)} == {"lost"}


def test_the_sampler_accounts_for_itself():
    found = turn(edge(), edge(), Sampled(samples=20, missed=1, gap_ns=11, own_cpu_ns=7))
    assert [found[name].value for name in (Name.SAMPLER_SAMPLES, Name.SAMPLER_MISSED)] == [20, 1]
    assert [found[name].unit for name in (Name.SAMPLER_GAP, Name.SAMPLER_CPU)] == ["ns", "ns"]
