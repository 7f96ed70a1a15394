"""Which releases of a crate there are, out of cargo's sparse index."""

import json

import pytest
from mlfleet.builders.versions import crates
from mlfleet.errors import HostError

LINES = [
    {"vers": "0.10.0", "yanked": False, "pubtime": "2026-01-02T03:04:05Z"},
    {"vers": "0.9.0-alpha.4", "yanked": False},
    {"vers": "0.9.0", "yanked": False, "pubtime": "2025-01-02T03:04:05Z"},
    {"vers": "0.8.0", "yanked": True},
]


def test_releases_of_a_crate_are_in_the_order_of_versions_without_those_withdrawn():
    asked = []

    def get(url):
        asked.append(url)
        return "\n".join(json.dumps(line) for line in LINES).encode()

    found = crates.releases("candle-core", get)
    assert [(one.version, str(one.published)[:10]) for one in found] == [
        ("0.9.0-alpha.4", "None"),
        ("0.9.0", "2025-01-02"),
        ("0.10.0", "2026-01-02"),
    ]
    for crate in ("tch", "ab", "a"):
        crates.releases(crate, get)
    assert asked == [f"{crates.INDEX}/{place}" for place in ("ca/nd/candle-core", "3/t/tch", "2/ab", "1/a")]


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[3]"])
def test_an_index_that_answers_nonsense_is_told(answer):
    with pytest.raises(HostError, match="no index of crates tells which releases of a there are"):
        crates.releases("a", lambda _: answer)
