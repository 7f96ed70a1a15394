"""The release that a change came in with: which are built, in which order, and what becomes known on the way."""

import json
import re
from dataclasses import replace

import pytest
from mlfleet import build as builds
from mlfleet import cli, tasks
from mlfleet.across.bisect import Found, Side, most_steps, search
from mlfleet.across.bisection import Bisection, Site, lines
from mlfleet.across.known import FILE, Known, Question, keep, read
from mlfleet.across.sides import Ends, Sought, differs, ends, side
from mlfleet.builders.versions.releases import Release, between
from mlfleet.catalogue import load_suite
from mlfleet.commands import bisect as command
from mlfleet.errors import HostError, InterruptedRun, StorageError, UsageError
from mlfleet.table import fold
from mlfleet.tasks.base import Reached
from mlfleet.verdict import Verdict
from runs import write_run
from samples import RESTLESS, UNTRAINED, Cell, contestant, record, run_file

SIXTEEN = tuple(f"1.{minor}" for minor in range(16))
NAME = "ridge.fit-diabetes"
# One of smoke.
OFFERED = "ridge.fit-boston_housing"
QUESTION = Question("kit", ("1.0", "1.15"), NAME, "smoke", "time", 0.0, "1", None, "cpu")
SOUGHT = Sought(NAME, "time", 0.0, "kit:1.0", "kit:1.15")
STEADY = Cell(8.8e5, 99.0, metric="r2", quality=0.512, receipt={"rows": 353})


class Fake:
    """Releases of which those from `changed` on are new; some do as `told`."""

    def __init__(self, changed, **told):
        self.changed = changed
        self.told = {name.replace("_", ".").removeprefix("v"): like for name, like in told.items()}
        self.asked = []

    def __call__(self, version):
        self.asked.append(version)
        usual = "new" if SIXTEEN.index(version) >= self.changed else "old"
        return Side(self.told.get(version, usual))


# The search.


@pytest.mark.parametrize("changed", range(1, 16))
def test_of_16_releases_at_most_4_between_the_ends_are_measured(changed):
    fake = Fake(changed)
    found = search(SIXTEEN, fake)
    assert (found.last, found.first, found.between) == (SIXTEEN[changed - 1], SIXTEEN[changed], ())
    assert len(fake.asked) <= 4
    assert list(found.asked) == fake.asked


def test_the_middle_of_what_is_left_is_asked_for():
    fake = Fake(6)
    search(SIXTEEN, fake)
    assert fake.asked == ["1.7", "1.3", "1.5", "1.6"]


@pytest.mark.parametrize("count", range(2, 70))
def test_the_most_steps_are_needed_and_never_more(count):
    releases = tuple(map(str, range(count)))
    steps = []
    for changed in range(1, count):
        asked = []

        def measure(version, asked=asked, changed=changed):
            asked.append(version)
            return Side("new" if int(version) >= changed else "old")

        assert search(releases, measure).first == str(changed)
        steps.append(len(asked))
    assert max(steps) == most_steps(releases)


@pytest.mark.parametrize("like", ["not_built", "undecided", "second"])
def test_what_tells_nothing_is_skipped_and_its_neighbour_is_asked_for(like):
    fake = Fake(6, v1_7=like, v1_8=like)
    found = search(SIXTEEN, fake)
    assert fake.asked[:3] == ["1.7", "1.8", "1.6"]
    assert (found.last, found.first, found.between) == ("1.5", "1.6", ())


@pytest.mark.parametrize(("like", "last", "first"), [("nearer_old", "1.7", "1.8"), ("nearer_new", "1.6", "1.7")])
def test_of_two_changes_the_larger_one_is_followed(like, last, first):
    found = search(SIXTEEN, Fake(8 if like == "nearer_old" else 7, v1_7=like))
    assert (found.last, found.first, found.between) == (last, first, ())
    said = list(lines(replace(KNOWN, ends=Ends("metric", ("x",)), sides=found.asked), found))
    assert f"most of it changed in {first}; the last before is {last}" in said


def test_a_skipped_release_beside_the_change_stays_between():
    found = search(SIXTEEN, Fake(7, v1_7="not_built"))
    assert (found.last, found.first, found.between) == ("1.6", "1.8", ("1.7",))


def test_where_no_release_between_can_be_built_each_is_tried_once():
    fake = Fake(6, **{f"v1_{minor}": "not_built" for minor in range(1, 15)})
    found = search(SIXTEEN, fake)
    assert sorted(fake.asked) == sorted(SIXTEEN[1:-1])
    assert (found.last, found.first, found.between) == ("1.0", "1.15", SIXTEEN[1:-1])


def test_neighbours_need_no_measurement():
    fake = Fake(1)
    assert search(SIXTEEN[:2], fake) == Found("1.0", "1.1", (), {})
    assert fake.asked == []


def test_releases_between_are_stable_ones_in_the_order_of_versions():
    index = [Release(one, None) for one in ("1.2", "1.9", "1.10rc1", "1.10.dev3", "1.10", "1.10.post1", "2.0")]
    found = between(index, index[0], index[-1])
    assert [one.version for one in found] == ["1.2", "1.9", "1.10", "1.10.post1", "2.0"]
    assert [one.version for one in between(index, index[2], index[4])] == ["1.10rc1", "1.10"]
    for wrong in ((4, 1), (1, 1)):
        with pytest.raises(UsageError, match="is no older than"):
            between(index, index[wrong[0]], index[wrong[1]])


# Where a release belongs, by a run of three.


def tables(service="kit", workload=NAME, **cells):
    """A run of releases of a service, folded by the old end and by the new one; `v1_7` is release 1.7."""
    mine = {workload: {f"{service}:{name[1:].replace('_', '.')}": cell for name, cell in cells.items()}}
    run = run_file(mine)
    records = [record(workload, key, cell, block) for block in range(1, 6) for key, cell in mine[workload].items()]
    ends = f"{service}:1.0", f"{service}:1.15"
    return tuple(fold(replace(run, baselines={workload: end}), records) for end in ends)


def times(factor, **changes):
    return replace(STEADY, ns=STEADY.ns * factor, **changes)


def like(middle, new, sought=SOUGHT, kind="metric"):
    return side(*tables(v1_0=STEADY, v1_15=new, v1_7=middle), sought, kind, "kit:1.7").like


@pytest.mark.parametrize(
    ("factor", "awaited"),
    [(1.0, "old"), (1.5, "new"), (3.0, "nearer_new"), (0.5, "nearer_old"), (1.2, "nearer_old"), (1.25, "nearer_new")],
)
def test_a_release_is_as_the_end_that_it_does_not_differ_from_or_nearer_to_one(factor, awaited):
    assert like(times(factor), times(1.5)) == awaited


def test_a_release_that_differs_from_neither_end_tells_nothing():
    found = side(*tables(v1_0=STEADY, v1_15=times(1.5), v1_7=times(1.2, noise=RESTLESS)), SOUGHT, "metric", "kit:1.7")
    assert found.like == "undecided"
    assert len(found.said) == 2
    assert all("inconclusive" in text for text in found.said)


def test_a_threshold_must_be_exceeded_by_the_whole_interval():
    above, below = (replace(SOUGHT, least=share) for share in (0.3, 0.6))
    both, _ = tables(v1_0=STEADY, v1_15=times(1.5))
    assert ends(both, above).kind == "metric"
    found = ends(both, below)
    assert found.kind == "none"
    assert "below the threshold of 0.6" in found.said[0]
    # 10 % more than the old end is a change only without a threshold.
    assert like(times(1.1), times(1.5)) == "nearer_old"
    assert like(times(1.1), times(1.5), above) == "old"
    faster, _ = tables(v1_0=STEADY, v1_15=times(1 / 1.5))
    assert [ends(faster, sought).kind for sought in (above, below)] == ["metric", "none"]


def test_a_difference_without_a_ratio_crosses_no_threshold():
    both, _ = tables(v1_0=replace(STEADY, mib=2.0), v1_15=replace(STEADY, mib=6.0))
    (one,) = [one for one in both.comparisons if one.metric == "memory"]
    assert (one.absolute, one.outcome) == (True, "different")
    assert differs(one, 0.0)
    assert not differs(one, 0.01)


@pytest.mark.parametrize(
    ("new", "words"), [(STEADY, "no difference above 3 %"), (times(1.5, noise=RESTLESS), "inconclusive")]
)
def test_ends_that_do_not_differ_are_told_with_the_reason(new, words):
    both, _ = tables(v1_0=STEADY, v1_15=new)
    found = ends(both, SOUGHT)
    assert found.kind == "none"
    assert words in found.said[0]


def test_other_quality_alone_is_no_change_that_is_looked_for():
    both, _ = tables(v1_0=STEADY, v1_15=replace(times(0.2), **(UNTRAINED | {"findings": UNTRAINED["findings"][1:]})))
    found = ends(both, SOUGHT)
    assert found.kind == "none"
    assert "refused: quality outside_tolerance" in found.said[0]


LAZY = times(0.2, **UNTRAINED)


def test_other_work_is_a_change_whatever_the_metric():
    both, _ = tables(v1_0=STEADY, v1_15=LAZY)
    found = ends(both, SOUGHT)
    assert found.kind == "work"
    assert "receipt rows is 40, 404 awaited" in found.said[0]


def test_ends_that_both_fail_the_gate_of_work_do_not_differ_in_it():
    both, _ = tables(v1_0=LAZY, v1_15=LAZY)
    assert ends(both, SOUGHT).kind == "none"


@pytest.mark.parametrize(("old", "new"), [(STEADY, LAZY), (LAZY, STEADY)])
def test_a_release_belongs_to_the_end_whose_work_it_does(old, new):
    def found(middle):
        return side(*tables(v1_0=old, v1_15=new, v1_7=middle), SOUGHT, "work", "kit:1.7").like

    assert (found(old), found(new)) == ("old", "new")
    # Another time is no other work.
    assert found(replace(old, ns=old.ns * 2)) == "old"


def test_a_release_that_failed_otherwise_says_nothing_of_its_work():
    crashed = times(1.0, verdict=Verdict.CRASHED, reason="signal 11")
    found = side(*tables(v1_0=STEADY, v1_15=LAZY, v1_7=crashed), SOUGHT, "work", "kit:1.7")
    assert found.like == "undecided"
    assert "crashed" in found.said[0]
    found = side(*tables(v1_0=STEADY, v1_15=times(1.5), v1_7=crashed), SOUGHT, "metric", "kit:1.7")
    assert found.like == "undecided"


def test_receipts_that_the_task_wants_equal_are_work_too(monkeypatch):
    # No finding of either alone: only the pair shows it.
    strict = replace(tasks.get("ridge.fit"), reached={"steps": Reached(int, "equal", low=1)})
    monkeypatch.setitem(tasks._TASKS, "ridge.fit", strict)
    old, new = (replace(STEADY, receipt={"rows": 353, "steps": steps}) for steps in (10, 20))
    both, _ = tables(v1_0=old, v1_15=new)
    found = ends(both, SOUGHT)
    assert found.kind == "work"
    assert "receipt steps is 20, kit:1.0 has 10" in found.said[0]
    assert [side(*tables(v1_0=old, v1_15=new, v1_7=one), SOUGHT, "work", "kit:1.7").like for one in (old, new)] == [
        "old",
        "new",
    ]


def test_who_takes_no_part_is_named_with_the_reason():
    by_old, by_new = tables(v1_0=STEADY, v1_15=times(1.5))
    absent = contestant("kit", reason="gave no description")
    absent = replace(absent, service=replace(absent.service, key="kit:1.7"))
    run = replace(by_old.run, contestants=(*by_old.run.contestants, absent))
    found = side(replace(by_old, run=run), replace(by_new, run=run), SOUGHT, "metric", "kit:1.7")
    assert found == Side("undecided", ("kit:1.7 takes no part: gave no description",))


# The way from the ends to the answer.


class World:
    """Builds and measures nothing; notes what it is asked for. `slow`: releases from this one on take half more."""

    def __init__(self, slow=6, broken=(), **named):
        self.slow, self.broken, self.named = slow, broken, named
        self.events, self.kept, self.said = [], [], []

    def site(self):
        return Site(self.build, self.measure, self.kept.append, self.said.append)

    def build(self, version):
        self.events.append(f"build {version}")
        return "no wheel of its day" if version in self.broken else ""

    def measure(self, part, versions):
        self.events.append(f"measure {' '.join(versions)} as {part}")
        cells = {
            f"v{version.replace('.', '_')}": times(1.5 if SIXTEEN.index(version) >= self.slow else 1.0)
            for version in versions
        }
        return tables(**self.named, **cells)


KNOWN = Known(QUESTION, SIXTEEN)


def test_ends_come_first_then_each_middle_beside_both():
    world = World()
    found = Bisection(KNOWN, world.site()).run()
    assert world.events[:5] == [
        "build 1.0",
        "build 1.15",
        "measure 1.0 1.15 as ends",
        "build 1.7",
        "measure 1.0 1.15 1.7 as 1.7",
    ]
    assert sum(event.startswith("build") for event in world.events) == 2 + 4
    assert (found.last, found.first) == ("1.5", "1.6")


def test_ends_that_do_not_differ_end_it():
    world = World(slow=16)
    bisection = Bisection(KNOWN, world.site())
    assert bisection.run() is None
    assert len(world.events) == 3
    assert "no change between the ends that can be named" in next(lines(bisection.known, None))


def test_an_end_that_cannot_be_built_is_an_error_that_says_which():
    world = World(broken=["1.15"])
    with pytest.raises(HostError, match=r"kit:1\.15, an end of the search, cannot be built: no wheel of its day"):
        Bisection(KNOWN, world.site()).run()
    assert world.kept == []


def test_a_release_that_is_not_built_is_not_measured_and_is_named():
    world = World(broken=["1.7", "1.6"])
    bisection = Bisection(KNOWN, world.site())
    found = bisection.run()
    assert not any(event.startswith("measure") and event.endswith(("as 1.7", "as 1.6")) for event in world.events)
    said = "\n".join(lines(bisection.known, found))
    assert "1.7: skipped, not built\n  no wheel of its day" in said
    assert "changed after 1.5, at the latest in 1.8; nothing tells of 1.6, 1.7" in said


def test_whatever_becomes_known_is_kept_before_the_next_is_built():
    world = World()
    Bisection(KNOWN, world.site()).run()
    assert [len(known.sides) for known in world.kept] == [0, 1, 2, 3, 4]
    assert world.kept[0].ends.kind == "metric"


@pytest.mark.parametrize("there", range(5))
def test_it_goes_on_from_what_is_known_and_ends_alike(there, tmp_path):
    first = World()
    found = Bisection(KNOWN, first.site()).run()
    keep(tmp_path, first.kept[there])
    again = World()
    assert Bisection(read(tmp_path, QUESTION), again.site()).run() == found
    assert sum(event.startswith("build") for event in again.events) == 4 - there


def test_the_answer_is_told_with_its_ratio_and_interval():
    world = World()
    bisection = Bisection(KNOWN, world.site())
    said = list(lines(bisection.known, bisection.run()))
    assert "built: 1.0, 1.15, 1.7, 1.3, 1.5, 1.6 (6 of 16 releases)" in said
    assert said[-2] == "first changed in 1.6; the last unchanged is 1.5"
    assert re.fullmatch(
        r"  kit:1\.6 takes 1\.50*x the time of kit:1\.0 \(98\.5 % interval 1\.\d+ to 1\.\d+, 5 blocks\).*", said[-1]
    )


def test_a_second_change_is_said():
    known = replace(KNOWN, ends=Ends("work", ("work short_work: x",)), sides={"1.7": Side("second", ("a", "b"))})
    said = "\n".join(lines(known, Found("1.6", "1.8", ("1.7",), known.sides | {"1.8": Side("new", ("c", "d"))})))
    assert "work differs" in said
    assert "1.7: as neither end: something else changed, too\n  a\n  b" in said


def test_a_file_of_another_question_or_of_nonsense_is_refused(tmp_path):
    assert read(tmp_path, QUESTION) is None
    keep(tmp_path, KNOWN)
    assert read(tmp_path, QUESTION) == KNOWN
    with pytest.raises(UsageError, match=r"answers another question \(workload, threshold differ\)"):
        read(tmp_path, replace(QUESTION, workload="other", threshold=5.0))
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(StorageError):
        read(tmp_path, QUESTION)


# The command.


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host with an engine on which sklearn's releases are 1.0 to 1.15, and nothing is built or measured."""
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "lock"))
    world = World(service="sklearn", workload=OFFERED)
    monkeypatch.setattr(command, "choose_runtime", lambda asked: asked)
    monkeypatch.setattr(command, "known_releases", lambda *_: [Release(version, None) for version in SIXTEEN])
    state = builds.BuildState("current", "", built=replace(builds.BuildState("current", "").built, seconds=90.0))
    monkeypatch.setattr(command.builds, "builder", lambda *_: type("Builder", (), {"state": lambda *_: state})())
    monkeypatch.setattr(command._Live, "_build", lambda self, version: world.build(version))
    monkeypatch.setattr(command._Live, "_measure", lambda self, part, versions: world.measure(part, versions))
    return world


def bisected(tmp_path, *more, ends="1.0..1.15", service="sklearn", workload=OFFERED):
    arguments = ["bisect", service, ends, "--workload", workload, "--out", str(tmp_path / "out"), *more]
    return cli.status(arguments)


def test_the_command_says_beforehand_how_much_it_is_and_then_the_answer(host, tmp_path, capsys):
    assert bisected(tmp_path) == 0
    said = capsys.readouterr()
    # Six builds of 90 s, five runs of twice the budget of 40 s.
    assert "16 releases from 1.0 to 1.15: at most 6 builds (both ends, 4 between) and 5 runs, about 16 min" in said.err
    assert "first changed in 1.6; the last unchanged is 1.5" in said.out
    assert json.loads((tmp_path / "out" / FILE).read_bytes())["releases"] == list(SIXTEEN)
    before = len(host.events)
    assert bisected(tmp_path) == 0
    assert len(host.events) == before


def test_json_has_the_answer_and_what_it_rests_on(host, tmp_path, capsys):
    assert bisected(tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["found"] == {"last": "1.5", "first": "1.6", "between": []}
    assert found["sides"]["1.7"]["like"] == "new"


@pytest.mark.parametrize(("slow", "broken"), [(16, []), (6, ["1.6"])])
def test_it_exits_1_where_no_single_release_is_found(host, tmp_path, slow, broken):
    host.slow, host.broken = slow, broken
    assert bisected(tmp_path) == 1


def test_a_signal_keeps_what_is_known_and_prints_the_command_that_goes_on(host, tmp_path, capsys, monkeypatch):
    def stopped(self, version):
        if version == "1.3":
            message = "stopped by SIGINT"
            raise InterruptedRun(message, 2)
        return host.build(version)

    monkeypatch.setattr(command._Live, "_build", stopped)
    assert bisected(tmp_path, "--threshold", "5", "--blocks", "10") == 130
    said = capsys.readouterr().err
    line = next(line for line in said.splitlines() if "To go on: " in line).partition("To go on: mlfleet ")[2]
    assert list(json.loads((tmp_path / "out" / FILE).read_bytes())["sides"]) == ["1.7"]
    monkeypatch.setattr(command._Live, "_build", lambda self, version: host.build(version))
    assert cli.status(line.split()) == 0
    assert host.events.count("build 1.7") == 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"ends": "1.0"}, 2, "is no pair of releases; awaited OLD..NEW"),
        ({"ends": "1.9..1.2"}, 2, "1.9 is no older than 1.2"),
        ({"ends": "1.0..9.9"}, 3, "has no release 9.9; the nearest"),
        ({"service": "sklaern"}, 2, "did you mean 'sklearn'"),
        ({"service": "rust"}, 3, "rust: no dependency is pinned to 1.95.0, the tag; it has no other version"),
        ({"workload": "kmeans.*"}, 2, "--workload names kmeans.fit-iris, kmeans.fit-digits; awaited one"),
        ({"workload": "kmeans.fti"}, 2, "unknown workload"),
    ],
)
def test_nonsense_is_told_in_one_line_before_anything_is_built(host, tmp_path, capsys, changes, code, words):
    assert bisected(tmp_path, **changes) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert host.events == []
    assert not (tmp_path / "out").exists()


def test_a_metric_that_the_suite_does_not_decide_is_refused(host, tmp_path, capsys):
    assert bisected(tmp_path, "--metric", "cpu") == 2
    assert "suite smoke decides time, memory; --metric cpu awaits it" in capsys.readouterr().err


def test_another_question_in_the_same_folder_is_refused(host, tmp_path, capsys):
    bisected(tmp_path)
    assert bisected(tmp_path, "--threshold", "5") == 2
    assert "answers another question (threshold differ)" in capsys.readouterr().err


@pytest.mark.parametrize("there", [False, True])
def test_a_release_is_measured_with_both_ends_as_run_does_it_or_its_run_goes_on(there, tmp_path, monkeypatch):
    cells = {
        NAME: {"kit:1.0": STEADY, "kit:1.15": times(1.5), "kit:1.7": STEADY},
        "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)},
    }
    events = []

    def new(asked, suite, _name, folder, max_time, _stop):
        events.append((asked.frameworks, asked.workloads, [(one.key, one.text) for one in asked.images], max_time))
        write_run(folder, cells)

    monkeypatch.setattr(command, "measure_new", new)
    monkeypatch.setattr(command, "begun_in", lambda folder: folder)
    monkeypatch.setattr(command, "measure_on", lambda run, folder, max_time, stop: events.append((run, folder)))
    folder = tmp_path / "1.7"
    if there:
        write_run(folder, cells)
        (folder / "report.html").unlink()
    live = command._Live(QUESTION, None, command._options(QUESTION), load_suite("smoke"), (), tmp_path, None)
    live = replace(live, service=replace(contestant("kit").service, key="kit"))
    by_old, by_new = live._measure("1.7", ("1.0", "1.15", "1.7"))
    images = [("kit", "1.0"), ("kit", "1.15"), ("kit", "1.7")]
    assert events == [(folder, folder) if there else (("kit",), (NAME,), images, None)]
    assert [{one.baseline for one in table.comparisons} for table in (by_old, by_new)] == [{"kit:1.0"}, {"kit:1.15"}]
    assert side(by_old, by_new, SOUGHT, "metric", "kit:1.7").like == "old"
    assert (folder / "report.html").is_file()
