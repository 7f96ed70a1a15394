"""What was published as JSON: each cell, comparison, mean and piece of advice against what the trials give."""

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlfleet.verify import estimates
from mlfleet.verify.findings import Findings
from mlfleet.verify.folded import LEAST_INTERVAL, Summary, advice, summaries
from mlfleet.verify.idle import contestant_of
from mlfleet.verify.outcomes import CellNumbers, Decided
from mlfleet.verify.plain import UNREADABLE, Json, Node, parse
from mlfleet.verify.plan import Run
from mlfleet.verify.published_csv import published
from mlfleet.verify.report import cell_of, comparison

JSON = "report.json"
_KIND = "published numbers"
# What the first reports did not give yet.
_LATER = [
    "half_width",
    "marks",
    "p",
    "tested_level",
    "unflagged",
    "resolution",
    "difference",
    "percentiles",
    "percentiles_absent",
    "cpus_used",
    "throughput",
    "throughput_absent",
    "verdicts",
    "labels",
    "turns",
    "flagged",
    "contestants",
    "stops",
    "multiplicity",
    "summaries",
    "advice",
]
# Two bootstraps of one mean differ by chance: their ends by less than this share of the interval.
_BOOTSTRAP_SHARE = 0.1


@dataclass(frozen=True)
class Recomputed:
    """All that a report is made of. `stops`: bodies of the ledger's `stop` lines."""

    run: Run
    cells: Mapping[tuple[str, str], CellNumbers]
    pairs: Sequence[Decided]
    selected: int
    stops: Sequence[Node]


def check_json(folder: Path, mine: Recomputed, findings: Findings) -> None:
    """Every number of the JSON."""
    text = published(folder / JSON, findings)
    if text is None:
        return
    try:
        report = Node(parse(text.encode()))
        _Check(report, findings).all(mine)
    except UNREADABLE as error:
        findings.differs(JSON, None, "text", str(error), "the JSON of a report")


class _Check:
    """One report, section by section."""

    def __init__(self, report: Node, findings: Findings) -> None:
        self._report, self._findings = report, findings

    def all(self, mine: Recomputed) -> None:
        run, pairs = mine.run, mine.pairs
        self._same(self._report["run"].value, run.name, "run")
        cells: dict[Hashable, dict[str, Json]] = {key: cell_of(run, *key, cell) for key, cell in mine.cells.items()}
        self._section("cells", ("workload", "framework"), cells)
        self._section("contestants", ("framework",), _contestants(mine))
        by_key: dict[Hashable, dict[str, Json]] = {
            (one.pair.contestant, one.pair.baseline, one.pair.workload, one.pair.metric): comparison(run, one)
            for one in pairs
        }
        self._section("comparisons", ("contestant", "baseline", "workload", "metric"), by_key)
        tested = [one for one in pairs if one.tested is not None]
        levels: dict[str, Json] = {
            "alpha": estimates.ALPHA,
            "comparisons": len(tested),
            "families": len({one.pair.family for one in tested}),
            "selected": mine.selected,
        }
        if found := self._report.get("multiplicity"):
            self._same(found.value, levels, "multiplicity")
        known = run.body.get("resolution")
        self._same(self._report.members().get("resolution"), known.value if known else None, "resolution")
        stops: dict[Hashable, dict[str, Json]] = {(one["workload"].text(),): one.members() for one in mine.stops}
        self._section("stops", ("workload",), stops)
        self._section("advice", ("workload",), {(name,): one for name, one in advice(run, mine.cells).items()})
        self._summaries(summaries(pairs, [work.name for work in run.workloads if work.trivial]), run.setting)

    def _section(self, name: str, key: Sequence[str], awaited: Mapping[Hashable, dict[str, Json]]) -> None:
        """A list of objects, each found by its key, against those that must be there."""
        section = self._report.get(name)
        if section is None:
            self._absent(name, name)
            return
        left = dict(awaited)
        for node in section.items():
            found = tuple(node[part].text() for part in key)
            place = f"{name}, {' '.join(found)}"
            if found in left:
                self._same(node.value, left.pop(found), place)
            else:
                self._findings.differs(JSON, None, place, "it is there", "none of that name, or a second one")
        for missing in left:
            self._findings.differs(JSON, None, f"{name}, {missing}", "none", "one of them")

    def _same(self, found: Json, awaited: Json, place: str, joint: str = ", ") -> None:
        """Objects by their members, so that a difference names one number."""
        if not (isinstance(awaited, dict) and isinstance(found, dict)):
            if isinstance(found, list) and isinstance(awaited, list):
                # An order of codes says nothing, nor does that of an object's members.
                found, awaited = (sorted(one, key=_text) for one in (found, awaited))
            self._findings.held(JSON, None, place, found, awaited, kind=_KIND)
            return
        for key, value in awaited.items():
            if key in found:
                self._same(found[key], value, f"{place}{joint}{key}", ".")
            else:
                self._absent(key, f"{place}{joint}{key}")

    def _absent(self, key: str, place: str) -> None:
        if key in _LATER:
            self._findings.note(f"{JSON} was written before it had {key}; mlfleet report writes it anew")
        else:
            self._findings.differs(JSON, None, place, "none", "a value")

    def _summaries(self, awaited: Mapping[tuple[str, str], Summary], setting: str) -> None:
        plain: dict[Hashable, dict[str, Json]] = {
            key: {
                "setting": setting,
                "frameworks": [*one.frameworks],
                "workloads": {**one.standing},
                "reason": one.reason,
            }
            for key, one in awaited.items()
        }
        self._section("summaries", ("metric", "baseline"), plain)
        section = self._report.get("summaries")
        for node in section.items() if section else ():
            one = awaited.get((node["metric"].text(), node["baseline"].text()))
            if one:
                self._means(node["means"].items(), one)

    def _means(self, found: Sequence[Node], one: Summary) -> None:
        place = f"summaries, {one.metric} {one.baseline}, means"
        mine = {mean.framework: mean for mean in one.means}
        self._same([node["framework"].text() for node in found], [*mine], place)
        for node in found:
            mean = mine.get(node["framework"].text())
            if mean is None:
                continue
            self._same(node["ratio"].value, mean.ratio, f"{place}, {mean.framework}, ratio")
            drawn = estimates.mean_by_bootstrap(mean.logs) if len(mean.logs) >= LEAST_INTERVAL else None
            for end, index in (("low", 0), ("high", 1)):
                self._end(node.members().get(end), drawn, index, f"{place}, {mean.framework}, {end}")

    def _end(self, found: Json, drawn: tuple[float, float] | None, index: int, place: str) -> None:
        """An end of a bootstrap's interval: not the same draws, so near is enough."""
        if drawn is None or not isinstance(found, float):
            self._same(found, None if drawn is None else drawn[index], place)
            return
        near = abs(found - drawn[index]) <= _BOOTSTRAP_SHARE * (drawn[1] - drawn[0]) + estimates.MIN_SE
        self._findings.rule(JSON, None, place, found, f"about {drawn[index]:.6g}", holds=near, kind=_KIND)


def _contestants(mine: Recomputed) -> dict[Hashable, dict[str, Json]]:
    """Each that the plan names, with all its cells."""
    found: dict[Hashable, dict[str, Json]] = {}
    for one in mine.run.body["contestants"].items():
        key = one["service"]["key"].text()
        found[(key,)] = contestant_of(one, [cell for (_, whose), cell in mine.cells.items() if whose == key])
    return found


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
