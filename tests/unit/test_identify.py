"""How long a service takes to start is asked of a start like those of a trial."""

import pytest
from mlfleet import identify
from mlfleet.identify import Met
from samples import identity


@pytest.mark.parametrize(
    ("starts", "awaited", "launches"),
    [((0.4,), 0.4, 1), ((9.8, 3.1), 3.1, 2)],
    ids=["quick", "read from disk the first time"],
)
def test_a_slow_first_start_is_not_forecast(monkeypatch, starts, awaited, launches):
    left = list(starts)
    monkeypatch.setattr(identify, "_meet", lambda *_: Met(identity("sklearn", "1.0"), left.pop(0)))
    found = identify.identify(None, None, None, None)
    assert (found.start_s, len(starts) - len(left)) == (awaited, launches)


def test_one_that_does_not_start_is_not_started_again(monkeypatch):
    left = ["launch_failed: no image"]
    monkeypatch.setattr(identify, "_meet", lambda *_: left.pop())
    assert identify.identify(None, None, None, None) == "launch_failed: no image"
