"""How numbers read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfleet.report.units import count, duration, duration_span, number, percent, plural, ratio_span, size, size_span


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0 ns"), (0.25, "0.25 ns"), (85.24, "85.2 ns"), (1234, "1.23 µs"), (999.96e6, "1000 ms"), (12.34e9, "12.3 s")],
)
def test_durations_have_three_digits(ns, text):
    assert duration(ns) == text


@pytest.mark.parametrize(("found", "text"), [(17, "17.0 B"), (2.1 * 2**20, "2.10 MiB"), (1020 * 2**10, "1020 KiB")])
def test_sizes_are_binary(found, text):
    assert size(found) == text


def test_an_interval_shows_two_digits_of_its_width():
    assert ratio_span(1.011566, 1.007957, 1.015188).value == "1.0116"
    assert ratio_span(115.76, 101.2, 131.9).interval == "101 to 132"
    assert duration_span(2.2e6, 2.174e6, 2.226e6).interval == "2.174 to 2.226 ms"


def test_a_difference_across_zero_takes_the_unit_of_its_ends():
    assert size_span(10.0, -3 * 2**20, 3.1 * 2**20).interval == "-3.0 to 3.1 MiB"
    assert size_span(-10.0, -3 * 2**20, 3.1 * 2**20).interval == "-3.0 to 3.1 MiB"


def test_small_words():
    assert (percent(0.97), percent(0.03)) == ("97 %", "3 %")
    assert (plural(1, "block"), plural(5, "block"), count(12345)) == ("1 block", "5 blocks", "12,345")
    assert (number(139.8249), number(3.0), number(1e-4), number(7)) == ("139.82", "3", "0.0001", "7")


@given(st.floats(1e-3, 1e12), st.floats(0, 1), st.floats(0, 1))
def test_a_span_keeps_its_order_and_its_value(point, below, above):
    shown = duration_span(point, point * (1 - below), point * (1 + above))
    assert float(shown.low) <= float(shown.point) <= float(shown.high)
