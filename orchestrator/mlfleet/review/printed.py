"""A review as text and as JSON: claims that fail alike together, and never a quotient of what was refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlfleet.compare import SMALL_MEMORY_BYTES
from mlfleet.errors import printable
from mlfleet.parity import Refusal
from mlfleet.report.sentences import amount
from mlfleet.report.units import percent, plural, ratio_span
from mlfleet.review.claims import MARGIN, SMALL_MEMORY, Claim, Review
from mlfleet.review.gates import GATES
from mlfleet.stats import MIN_BLOCKS

_LIMIT = 1000
_WHAT = {"time": "time", "cpu": "CPU time", "memory": "memory"}
UNITS = {"time": "ns", "cpu": "ns", "memory": "bytes"}


# Of more cells or places a reason names the first ones.
_NAMED = 3


@dataclass(frozen=True)
class _Refused:
    """All refused claims of a pair, in cells or as means."""

    claims: tuple[Claim, ...]

    @property
    def head(self) -> str:
        one = self.claims[0]
        metrics = ", ".join(_WHAT[metric] for metric in dict.fromkeys(claim.metric for claim in self.claims))
        cells = list(dict.fromkeys(claim.cell for claim in self.claims))
        where = "mean over all rows" if one.scope == "mean" else cells[0] if len(cells) == 1 else f"{len(cells)} cells"
        return f"REFUSED  {one.contestant} / {one.baseline}   {metrics}; {where}"

    def reasons(self) -> Iterator[tuple[str, str, str]]:
        """Gate with code, sentence, and where it holds: each sentence once."""
        seen: dict[tuple[str, str, str], list[tuple[Claim, str]]] = {}
        for claim in self.claims:
            for refusal in claim.refusals:
                key = (refusal.gate, refusal.code, refusal.detail)
                seen.setdefault(key, []).append((claim, refusal.where))
        for (gate, code, detail), found in sorted(seen.items(), key=lambda item: GATES.index(item[0][0])):
            yield f"{gate} {code}", detail, self._where(found)

    def _where(self, found: Sequence[tuple[Claim, str]]) -> str:
        all_cells = {claim.cell for claim in self.claims}
        cells = list(dict.fromkeys(claim.cell for claim, _ in found))
        metrics = list(dict.fromkeys(claim.metric for claim, _ in found))
        parts = (
            [] if len(all_cells) == 1 else [f"all {len(cells)} cells" if len(cells) == len(all_cells) else _few(cells)]
        )
        if len(metrics) < len({claim.metric for claim in self.claims}):
            parts.append(", ".join(_WHAT[metric] for metric in metrics))
        return "; ".join([*parts, _few(list(dict.fromkeys(where for _, where in found)))])

    def values(self) -> Iterator[str]:
        for claim in self.claims:
            a, b = claim.values
            if a is not None and b is not None:
                text = f"{claim.contestant} {amount(claim.metric, b)}, {claim.baseline} {amount(claim.metric, a)}"
                yield f"{claim.cell or 'mean'}, {_WHAT[claim.metric]}: {text}"


def _few(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more


def first_line(review: Review) -> str:
    """How many of the table's ratios it can defend: the first thing a reader sees."""
    defended = sum(claim.defended for claim in review.cells)
    refused = sum(claim.outcome == "refused" for claim in review.cells)
    return (
        f"{review.table.name}: {plural(len(review.table.rows), 'row')}; {defended} of "
        f"{plural(len(review.cells), 'ratio')} can be defended, {refused} refused"
    )


def render_terminal(review: Review, console: Console) -> None:
    """Print the review; foreign text is made harmless."""
    _say(console, first_line(review), "bold")
    for claim in review.cells:
        if claim.outcome != "refused":
            _say(console, f"- {sentence(claim)}")
    for group in _refused((*review.means, *review.cells)):
        console.print()
        _say(console, group.head, "bold")
        grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold", ratio=5)
        grid.add_column(overflow="fold", ratio=3)
        for reason in group.reasons():
            grid.add_row(*(_safe(text) for text in reason))
        for text in group.values():
            grid.add_row(_safe("value"), _safe(text), _safe("no quotient"))
        console.print(grid)
    console.print()
    if not review.cells:
        _say(console, "no cell is shared by two frameworks: there is no ratio to defend")
    if review.table.lost:
        _say(console, f"{plural(review.table.lost, 'row')} of lost trials left out", "dim")
    if review.table.read_as:
        _say(console, f"columns read by other names: {', '.join(review.table.read_as)}", "dim")
    if review.table.unread:
        _say(console, f"columns not read: {', '.join(review.table.unread)}", "dim")


def sentence(claim: Claim) -> str:
    """The outcome of a claim that was not refused, in one sentence."""
    what = f"{claim.cell}, {_WHAT[claim.metric]} of {claim.contestant} against {claim.baseline}"
    if claim.estimate is None:
        needed = f"{plural(claim.pairs, 'paired trial')}, {MIN_BLOCKS} needed"
        if SMALL_MEMORY in claim.reasons:
            needed = f"below {SMALL_MEMORY_BYTES >> 20} MiB a factor would be noise"
        return f"inconclusive: {what}: {claim.undecided or needed}"
    found = claim.estimate
    shown = ratio_span(exp(found.point), exp(found.low), exp(found.high))
    basis = f"{percent(found.level)} interval {shown.interval}, {plural(claim.pairs, 'paired trial')}"
    if claim.outcome == "inconclusive":
        return f"inconclusive: {what}: {basis}, too wide to name a winner"
    if claim.outcome == "equivalent":
        return f"no difference above {percent(MARGIN)}: {what} ({basis})"
    return f"{shown.point}x: {what} ({basis})"


def review_json(review: Review) -> dict[str, object]:
    """The same for programs: codes and sentences, null where there is no number."""
    return {
        "table": review.table.name,
        "rows": len(review.table.rows),
        "defended": review.defended,
        "claims": [_claim(claim) for claim in review.cells],
        "means": [_claim(claim) for claim in review.means],
        "columns_read_as": list(review.table.read_as),
        "columns_not_read": list(review.table.unread),
        "lost_rows": review.table.lost,
    }


def _claim(claim: Claim) -> dict[str, object]:
    point, low, high = claim.ratio or (None, None, None)
    return {
        "cell": claim.cell or None,
        "metric": claim.metric,
        "baseline": claim.baseline,
        "contestant": claim.contestant,
        "outcome": claim.outcome,
        "ratio": point,
        "low": low,
        "high": high,
        "level": claim.estimate.level if claim.estimate and claim.ratio else None,
        "pairs": claim.pairs,
        "reasons": list(claim.reasons),
        "sentences": [_sentence(refusal) for refusal in claim.refusals]
        or ([claim.undecided] if claim.undecided else []),
        "values": {"baseline": claim.values[0], "contestant": claim.values[1], "unit": UNITS[claim.metric]},
    }


def _sentence(refusal: Refusal) -> Mapping[str, str]:
    return {"gate": refusal.gate, "code": refusal.code, "detail": refusal.detail, "where": refusal.where}


def _refused(claims: Sequence[Claim]) -> Iterator[_Refused]:
    pairs: dict[tuple[str, str, str], list[Claim]] = {}
    for claim in claims:
        if claim.outcome == "refused":
            pairs.setdefault((claim.scope, claim.baseline, claim.contestant), []).append(claim)
    return (_Refused(tuple(same)) for same in pairs.values())


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(_safe(text, style))


def _safe(text: str, style: str = "") -> Text:
    return Text(printable(text, _LIMIT), style, overflow="fold")
