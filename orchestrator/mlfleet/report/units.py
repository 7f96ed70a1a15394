"""Numbers as text: the only place that formats them. Intervals show two digits of their own width, no more."""

import math
from dataclasses import dataclass

_TIME = ((1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s"))
_SIZE = ((1.0, "B"), (1024.0, "KiB"), (1024.0**2, "MiB"), (1024.0**3, "GiB"))
_RATE = ((1.0, ""), (1e3, "k "), (1e6, "M "), (1e9, "G "))
# Beyond this digits only repeat what a float cannot hold.
_MOST_DECIMALS = 6


@dataclass(frozen=True)
class Span:
    """A point with its interval, all in one unit and with the same decimals; `unit` is empty for ratios."""

    point: str
    low: str
    high: str
    unit: str

    @property
    def value(self) -> str:
        """The point with its unit: "1.23 ms"."""
        return f"{self.point} {self.unit}".rstrip()

    @property
    def interval(self) -> str:
        """The interval with its unit: "1.20 to 1.27 ms"."""
        return f"{self.low} to {self.high} {self.unit}".rstrip()


def duration(ns: float) -> str:
    """A time with three digits: "1.23 µs"."""
    return _scaled(ns, _TIME)


def size(number: float) -> str:
    """A number of bytes with three digits: "2.10 MiB"."""
    return _scaled(number, _SIZE)


def duration_span(point: float, low: float, high: float) -> Span:
    """Nanoseconds with their interval, in the unit of the point."""
    return _span(point, low, high, _TIME)


def size_span(point: float, low: float, high: float) -> Span:
    """Bytes with their interval: in the unit of the point, or where it holds 0 in that of the largest of the three."""
    return _span(point, low, high, _SIZE)


def rate_span(point: float, low: float, high: float, unit: str) -> Span:
    """Units in a second with their interval: "12.3 k rows/s"."""
    return _span(point, low, high, tuple((scale, f"{prefix}{unit}s/s") for scale, prefix in _RATE))


def ratio_span(point: float, low: float, high: float) -> Span:
    """A ratio with its interval, no unit."""
    return _span(point, low, high, ((1.0, ""),))


def number(value: float) -> str:
    """A quality, distance or parameter with five digits, whole numbers whole."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 10**_MOST_DECIMALS):
        return str(int(value))
    return f"{value:.5g}"


def count(value: int) -> str:
    """A whole number, thousands apart: "12,345"."""
    return f"{value:,}"


def percent(share: float) -> str:
    """A share of one: "97 %"."""
    return f"{100 * share:.4g} %"


def plural(value: int, noun: str) -> str:
    """A count with its noun: "1 block", "5 blocks"."""
    return f"{count(value)} {noun}" + ("" if value == 1 else "s")


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    scale, name = _unit(value, units)
    return f"{_three(value / scale)} {name}"


def _unit(value: float, units: tuple[tuple[float, str], ...]) -> tuple[float, str]:
    return next((unit for unit in reversed(units) if abs(value) >= unit[0]), units[0])


def _three(value: float) -> str:
    if value == 0 or abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _span(point: float, low: float, high: float, units: tuple[tuple[float, str], ...]) -> Span:
    scale, name = _unit(max(abs(point), abs(low), abs(high)) if low * high <= 0 else point, units)
    width = (high - low) / scale
    decimals = _MOST_DECIMALS if width <= 0 else min(max(0, 1 - math.floor(math.log10(width))), _MOST_DECIMALS)
    texts = [f"{value / scale:.{decimals}f}" for value in (point, low, high)]
    return Span(texts[0], texts[1], texts[2], name)
