"""A bisection from its ends to its answer: whatever becomes known is kept before the next is built. Touches nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mlfleet.across.bisect import Found, Like, Side, search
from mlfleet.across.known import Known, Question
from mlfleet.across.sides import Ends, Kind, Sought, ends, side
from mlfleet.errors import HostError
from mlfleet.table import Table

# The run that both ends are measured in; that of each release between them has the release's name.
ENDS = "ends"
_WORDS: dict[Like, str] = {
    "old": "as the old end",
    "new": "as the new end",
    "nearer_old": "as neither end, nearer to the old: something else changed before it",
    "nearer_new": "as neither end, nearer to the new: something else changed after it",
    "second": "as neither end: something else changed, too",
    "undecided": "skipped, nothing tells",
    "not_built": "skipped, not built",
}


@dataclass(frozen=True)
class Site:
    """What a bisection needs from outside."""

    # Builds a release: empty, or why there is none.
    build: Callable[[str], str]
    # Measures releases as contestants of one run of that name, the old end first. The run folded twice: others divided
    # by the old end, and by the new one.
    measure: Callable[[str, Sequence[str]], tuple[Table, Table]]
    keep: Callable[[Known], None]
    say: Callable[[str], None]


class Bisection:
    """Goes on from what is known."""

    def __init__(self, known: Known, site: Site) -> None:
        self.known = known
        self._site = site
        question = known.question
        old, new = (contestant(question, version) for version in question.ends)
        self._sought = Sought(question.workload, question.metric, question.threshold / 100, old, new)

    def run(self) -> Found | None:
        """The releases that the change lies between; None where the ends differ in nothing that is known.

        Raises HostError where an end cannot be built.
        """
        found = self._ends()
        if found.kind == "none":
            return None
        return search(self.known.releases, lambda version: self._side(version, found.kind))

    def _ends(self) -> Ends:
        if self.known.ends is not None:
            return self.known.ends
        for version in self.known.question.ends:
            if why := self._site.build(version):
                raise HostError(
                    f"{contestant(self.known.question, version)}, an end of the search, cannot be built: {why}"
                )
        table, _ = self._site.measure(ENDS, self.known.question.ends)
        found = ends(table, self._sought)
        self._learn(replace(self.known, ends=found))
        return found

    def _side(self, version: str, kind: Kind) -> Side:
        if (there := self.known.sides.get(version)) is not None:
            return there
        why = self._site.build(version)
        found = Side("not_built", (why,)) if why else self._measured(version, kind)
        self._learn(replace(self.known, sides={**self.known.sides, version: found}))
        self._site.say(f"{version}: {_WORDS[found.like]}")
        return found

    def _measured(self, version: str, kind: Kind) -> Side:
        by_old, by_new = self._site.measure(version, (*self.known.question.ends, version))
        return side(by_old, by_new, self._sought, kind, contestant(self.known.question, version))

    def _learn(self, known: Known) -> None:
        self._site.keep(known)
        self.known = known


def contestant(question: Question, version: str) -> str:
    """The name of a release where several of one service take part: "sklearn:1.5.2"."""
    return f"{question.service}:{version}"


def lines(known: Known, found: Found | None) -> Iterator[str]:
    """What a reader wants to know: what the ends differ in, what each release was like, and the answer last."""
    question, between = known.question, known.ends or Ends("none", ())
    old, new = question.ends
    what = f"{question.service} {old}..{new}, {question.metric} of {question.workload}"
    if found is None:
        yield f"{what}: no change between the ends that can be named"
        yield from (f"  {text}" for text in between.said)
        return
    yield f"{what}: {'work differs' if between.kind == 'work' else 'different'}"
    yield from (f"  {text}" for text in between.said)
    for version, one in found.asked.items():
        yield f"{version}: {_WORDS[one.like]}"
        yield from (f"  {text}" for text in one.said)
    built = [old, new, *(version for version, one in found.asked.items() if one.like != "not_built")]
    yield f"built: {', '.join(built)} ({len(built)} of {len(known.releases)} releases)"
    if found.between:
        skipped = ", ".join(found.between)
        yield f"changed after {found.last}, at the latest in {found.first}; nothing tells of {skipped}"
    elif _parted(found):
        yield f"most of it changed in {found.first}; the last before is {found.last}"
    else:
        yield f"first changed in {found.first}; the last unchanged is {found.last}"
    yield from (f"  {text}" for text in (between.said if found.first == new else found.asked[found.first].said[:1]))


def _parted(found: Found) -> bool:
    """Whether one of the two releases is only nearer to its end than to the other."""
    both = (found.asked.get(version) for version in (found.last, found.first))
    return any(one is not None and one.like.startswith("nearer") for one in both)
