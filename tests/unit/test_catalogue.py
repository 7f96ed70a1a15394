"""Suites: read strictly, with file, line and place in every refusal."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfleet import catalogue, tasks
from mlfleet.catalogue import Own, Suite, load_suite, suite_names
from mlfleet.errors import UsageError
from mlfleet.looks import BUDGET_S

Written = Callable[[str | bytes], str]

HEAD = '[suite]\nname = "own"\nblocks = 5\nmemory = "2 GiB"\n'
ROW = '\n[[workload]]\nname = "a"\ntask = "kmeans.fit"\ndataset = "iris"\nparams = { k = 3, max_iter = 300 }\n'


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str | bytes) -> str:
        path = tmp_path / "own.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_smoke_is_what_the_catalogue_lists() -> None:
    suite = load_suite("smoke")
    assert [workload.name for workload in suite.workloads] == [
        "kmeans.fit-iris",
        "kmeans.fit-digits",
        "ridge.fit-boston_housing",
        "ridge.predict-diabetes-batch32",
        "knn_classify.predict-breast_cancer-all",
        "svc_ovo.fit-wine-rbf",
    ]
    assert (suite.blocks, suite.schedule, suite.threads, suite.memory_bytes) == (5, "short", ("1",), 2 << 30)
    assert (suite.margin, suite.metrics, suite.latency) == (0.03, ("time", "memory"), False)


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_of_the_package_loads_and_names_its_workloads_by_task_and_dataset(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    for workload in suite.workloads:
        assert workload.name.startswith(f"{workload.task}-{workload.dataset}")
        asked = {name for name, spec in tasks.get(workload.task).params.items() if not spec.derived}
        assert set(workload.params) == asked


def test_an_unknown_suite_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown suite 'smoek'.*did you mean 'smoke'"):
        load_suite("smoek")


def test_a_file_of_the_users_with_every_key(written: Written) -> None:
    more = 'schedule = "standard"\nthreads = ["all", "1"]\nbudget = "2 min"\nmargin = 0.05\nmetrics = ["cpu"]\n'
    suite = load_suite(written(HEAD + more + 'limit = "3 min"\nlatency = true\n' + ROW + "seconds = 0.5\n"))
    assert (suite.limit_seconds, suite.iteration_seconds) == (180, {"a": 0.5})
    assert (suite.threads, suite.budget_seconds, suite.margin, suite.metrics) == (("1", "all"), 120, 0.05, ("cpu",))
    assert suite.latency
    assert suite.workloads[0].params == {"k": 3, "max_iter": 300, "rows": "all"}


def test_a_suite_that_looks_has_its_looks_and_a_budget_of_15_minutes(written: Written) -> None:
    suite = load_suite(written(HEAD.replace("5", '"looks"') + ROW))
    assert (suite.blocks, suite.looks, suite.budget_seconds) == (40, (10, 15, 20, 30, 40), 900)


def test_blocks_that_are_fixed_have_no_looks(written: Written) -> None:
    assert load_suite(written(HEAD + ROW)).looks == ()


def test_a_workload_may_have_blocks_budget_margin_and_threads_of_its_own(written: Written) -> None:
    own = 'blocks = 12\nbudget = "2 h"\nmargin = 0.1\nthreads = ["all", "1"]\n'
    suite = load_suite(written(HEAD.replace("5", '"looks"') + ROW + own + ROW.replace('"a"', '"b"')))
    assert suite.own == {"a": Own(12, 7200, 0.1, ("1", "all"))}
    assert (suite.threads_of("a"), suite.threads_of("b")) == (("1", "all"), ("1",))


def test_what_is_asked_for_all_workloads_takes_the_place_of_their_own(written: Written) -> None:
    suite = load_suite(written(HEAD + ROW + 'blocks = 12\nthreads = ["all"]\nbudget = "2 h"\n'))
    # A budget is of looks.
    assert suite.fixed(3).own == {"a": Own(None, None, None, ("all",))}
    assert replace(suite, budget_seconds=120).fixed(3).budget_seconds == BUDGET_S
    assert suite.on("1").own == {"a": Own(12, 7200)}


def test_a_workload_may_have_a_schedule_memory_and_metrics_of_its_own(written: Written) -> None:
    own = 'schedule = "standard"\nmemory = "4 GiB"\nmetrics = ["memory", "cpu"]\n'
    suite = load_suite(written(HEAD + 'schedule = "short"\n' + ROW + own + ROW.replace('"a"', '"b"')))
    assert suite.own == {"a": Own(schedule="standard", memory_bytes=4 << 30, metrics=("cpu", "memory"))}
    assert (suite.metrics_of("a"), suite.metrics_of("b")) == (("cpu", "memory"), ("time", "memory"))
    short = suite.shortened()
    assert (short.schedule, short.own["a"].schedule, short.own["a"].memory_bytes) == ("short", None, 4 << 30)


REFUSED = {
    "unknown key": (HEAD + "itres = 1\n" + ROW, 5, "unknown key 'itres'"),
    "near key": (HEAD + "bloks = 1\n" + ROW, 5, "did you mean 'blocks'"),
    "near key of a workload": (HEAD + ROW + 'datasett = "x"\n', 11, "workload 'a': .*did you mean 'dataset'"),
    "second workload": (HEAD + ROW + ROW.replace('"a"', '"b"').replace("iris", "irsi"), 12, "did you mean 'iris'"),
    "unknown task": (HEAD + ROW.replace("kmeans.fit", "kmeans.fti"), 6, "did you mean 'kmeans.fit'"),
    "unknown parameter": (HEAD + ROW.replace("max_iter", "maxiter"), 6, "did you mean 'max_iter'"),
    "missing parameter": (HEAD + ROW.replace(", max_iter = 300", ""), 6, "'max_iter' of kmeans.fit is missing"),
    "ill-typed parameter": (HEAD + ROW.replace("300", "3.5"), 6, "is 3.5; awaited: a whole number of at least 1"),
    "target": (
        HEAD + ROW.replace("kmeans.fit", "ridge.fit").replace("k = 3, max_iter = 300", "alpha = 1"),
        6,
        "target",
    ),
    "name": (HEAD + ROW.replace('"a"', '"A b"'), 7, "name is"),
    "twins": (HEAD + ROW + ROW, 12, "stands twice"),
    "blocks": (HEAD.replace("5", "true") + ROW, 3, "blocks is True"),
    "blocks below 5": (
        HEAD.replace("5", "4") + ROW,
        3,
        'blocks is 4; awaited: "looks", or a whole number from 5 to 100',
    ),
    "no word for blocks": (HEAD.replace("5", '"look"') + ROW, 3, "blocks is 'look'; awaited: \"looks\""),
    "no blocks": (HEAD.replace("blocks = 5", "") + ROW, 1, "blocks is missing"),
    "memory": (HEAD.replace("2 GiB", "2 GB") + ROW, 4, "memory is '2 GB'; awaited: a size"),
    "no memory": (HEAD.replace("2 GiB", "0 GiB") + ROW, 4, "memory is '0 GiB'"),
    "threads": (HEAD + 'threads = ["2"]\n' + ROW, 5, "threads"),
    "threads twice": (HEAD + 'threads = ["1", "1"]\n' + ROW, 5, "threads"),
    "metrics": (HEAD + 'metrics = ["energy"]\n' + ROW, 5, "metrics"),
    "limit": (HEAD + 'limit = "soon"\n' + ROW, 5, "limit is 'soon'; awaited: a span"),
    "seconds": (HEAD + ROW + "seconds = -1\n", 11, "seconds is -1; awaited: a number from 0"),
    "own blocks below 5": (
        HEAD + ROW + "blocks = 4\n",
        11,
        "workload 'a': blocks is 4; awaited: a whole number from 5 to 100; fewer than 5 decide nothing",
    ),
    "own looks": (HEAD + ROW + 'blocks = "looks"\n', 11, "workload 'a': blocks is 'looks'; awaited: a whole number"),
    "own budget": (HEAD + ROW + 'budget = "soon"\n', 11, "workload 'a': budget is 'soon'; awaited: a span"),
    "own margin": (HEAD + ROW + "margin = 0\n", 11, "workload 'a': margin is 0; awaited: a number above 0"),
    "own threads": (HEAD + ROW + 'threads = ["2"]\n', 11, "workload 'a': threads is"),
    "own memory": (HEAD + ROW + 'memory = "4 GB"\n', 11, "workload 'a': memory is '4 GB'; awaited: a size"),
    "own schedule": (HEAD + ROW + 'schedule = "long"\n', 11, "workload 'a': schedule is 'long'; awaited: \"short\""),
    "own metrics": (HEAD + ROW + "metrics = []\n", 11, "workload 'a': metrics is"),
    "own limit": (HEAD + ROW + 'limit = "1 h"\n', 11, "workload 'a': unknown key 'limit'"),
    "margin": (HEAD + "margin = 0\n" + ROW, 5, "margin"),
    "latency": (HEAD + "latency = 1\n" + ROW, 5, "true or false"),
    "no workload": (HEAD, 1, "workload is missing"),
    "no suite": (ROW, 1, "suite is missing"),
    "suite no table": ("suite = 1\n" + ROW, 1, "suite is 1"),
    "workload no table": ("workload = [1]\n" + HEAD, 1, "1 is no table"),
    "syntax": (HEAD + "=\n" + ROW, 5, "Invalid statement"),
    "ends early": (HEAD + "x = [\n", 6, "Invalid value"),
    "date": (HEAD + "x = 2026-01-01\n", 1, "dates"),
    "nan": (HEAD + "x = nan\n", 1, "nan is no number"),
    "infinite": (HEAD + ROW.replace("3,", "inf,"), 6, "inf is no number"),
    "beyond 64 bit": (HEAD + "x = 9223372036854775808\n", 1, "beyond 64 bit"),
    "digits": (HEAD + "x = 0b" + "1" * 470 + "\n", 1, "beyond 64 bit"),
    "depth": (HEAD + "x = [[[[[[[1]]]]]]]\n", 1, "nested deeper than 6"),
    "depth by keys": (HEAD + "a.b.c.d.e.f.g = 1\n", 1, "nested deeper than 6"),
    "long line": ("# " + "x" * 511 + "\n" + HEAD, 1, "more than 512 bytes"),
    "dots": (HEAD + "a" + ".a" * 41 + " = 1\n", 5, "more than 40 dots"),
    "many lines in a string": (HEAD + 'x = """\n"""\n', 5, "over several lines"),
    "many bytes": ("#\n" * (128 << 10) + "#", 1, "more than 262144 bytes"),
    "no UTF-8": (b"\n# \xff\n", 2, "no UTF-8"),
    "too many workloads": (HEAD + "[[workload]]\n" * 1001, 1, "awaited: 1 to 1000"),
}


@pytest.mark.parametrize(("text", "line", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(written: Written, text: str | bytes, line: int, words: str) -> None:
    path = written(text)
    with pytest.raises(UsageError, match=words) as caught:
        load_suite(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)


def test_dots_inside_strings_are_free(written: Written) -> None:
    assert load_suite(written(HEAD + "# '" + "." * 45 + "'\n" + ROW)).name == "own"


def test_deep_brackets_end_in_a_refusal(written: Written) -> None:
    with pytest.raises(UsageError):
        load_suite(written(HEAD + "x = " + "[\n" * 60_000))


def test_hostile_text_is_escaped_and_cut(written: Written) -> None:
    with pytest.raises(UsageError) as caught:
        load_suite(written(HEAD + '"\\u001b[31m' + "x" * 200 + '" = 1\n' + ROW))
    assert "\x1b" not in str(caught.value)
    assert "x" * 100 not in str(caught.value)


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "absent"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "own.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "real.toml")
        (tmp_path / "real.toml").write_text(HEAD + ROW)
    with pytest.raises(UsageError, match=re.escape(str(path))):
        load_suite(str(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([*HEAD.splitlines(), *ROW.splitlines(), "[suite]", "x = [", "a.b = 1"])).map(
            lambda lines: "\n".join(lines).encode()
        ),
    )
)
def test_nonsense_ends_in_a_suite_or_in_a_usage_error(written: Written, data: bytes) -> None:
    try:
        suite = load_suite(written(data))
    except UsageError:
        return
    assert isinstance(suite, Suite)


def test_limits_are_those_of_the_specification() -> None:
    assert (catalogue.WORKLOADS, catalogue.BLOCKS) == (1000, 100)
