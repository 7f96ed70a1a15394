"""A user's own table as a data set: read strictly, fixed by digest, and measured like any other."""

import json

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.catalogue import load_suite
from mlfleet.cli import status
from mlfleet.datasets import DataUnavailable, own
from mlfleet.datasets.tabular import read
from mlfleet.errors import UsageError

SUITE = """
[suite]
name = "mine"
blocks = 5
memory = "1 GiB"

[[workload]]
name = "w"
task = "{task}"
dataset = "{dataset}"
params = {{ {params} }}
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_DATA", str(tmp_path / "data"))


def file(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def numbers(rows, seed=3):
    return np.random.default_rng(seed).normal(size=(rows, 3)).round(4)


def table(tmp_path, rows=40, head="a,b,c,kind\n", kinds=("yes", "no")):
    lines = [",".join(map(str, row)) + f",{kinds[at % len(kinds)]}" for at, row in enumerate(numbers(rows))]
    return file(tmp_path, head + "\n".join(lines) + "\n")


def test_words_become_classes_in_the_order_of_the_alphabet_and_names_are_no_row(tmp_path):
    found = read(table(tmp_path), "classes", None)
    assert found.x.tolist() == numbers(40).tolist()
    assert found.y.tolist() == [1, 0] * 20
    assert found.y.dtype == np.int64


def test_the_target_is_named_or_numbered_and_the_last_column_otherwise(tmp_path):
    path = file(tmp_path, "a,b,c\n" + "".join(f"{n},{n * 10},{n * 100}\n" for n in range(12)))
    for column, ten in ((None, 100.0), ("c", 100.0), ("3", 100.0), ("b", 10.0), ("1", 1.0)):
        found = read(path, "real", column)
        assert found.y[1] == ten, column
        assert found.x.shape == (12, 2)


def test_without_a_row_of_names_the_first_row_counts(tmp_path):
    assert read(table(tmp_path, head=""), "classes", None).x.shape == (40, 3)


def test_arrays_are_taken_as_they_are(tmp_path):
    x, y = numbers(20), np.arange(20.0)
    np.savez(tmp_path / "a.npz", x=x.astype(np.float32), y=y)
    found = read(tmp_path / "a.npz", "real", None)
    assert found.x.dtype == found.y.dtype == np.float64
    assert found.x.tolist() == x.astype(np.float32).tolist()
    np.savez(tmp_path / "b.npz", x=x, y=np.array(["b", "a"] * 10))
    assert read(tmp_path / "b.npz", "classes", None).y.tolist() == [1, 0] * 10


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no rows"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", "row 3 has 1 columns, 2 awaited"),
        ("a,b\n1,2\n,4\n", "row 3, column 1 is 'empty'"),
        ("a,b\n1,2\nnan,4\n", "row 3, column 1 is 'nan'"),
        ("a,b\n1,2\n1e999,4\n", "awaited a finite number"),
        ("a,b\n1,2\n1_0,4\n", "row 3, column 1 is '1_0'"),
        ("a,b\n1,2\n1,x\n", "row 3, column 2 is 'x'"),
        ("y\n1\n2\n", "no column beside the target"),
        ('a,b\n1,"2\n', "no table of comma-separated UTF-8 text"),
    ],
)
def test_what_is_no_table_of_numbers_is_told_with_its_place(tmp_path, text, says):
    with pytest.raises(UsageError, match=says):
        read(file(tmp_path, text), "real", None)


def test_what_is_no_file_of_arrays_is_told(tmp_path):
    path = tmp_path / "a.npz"
    for content, says in (
        ({"x": numbers(9)}, "awaited an array y of 9 targets; found none"),
        ({"x": np.arange(9.0), "y": np.arange(9)}, "awaited an array x of numbers, rows by columns"),
        ({"x": numbers(9), "y": np.arange(8)}, "of 9 targets; found int64 of shape"),
        ({"x": np.where(numbers(9) > 2, np.nan, np.nan), "y": np.arange(9)}, "27 values that are NaN or infinite"),
        ({"x": numbers(9), "y": np.array(["a"] * 9)}, "awaited numbers in y"),
        ({"x": np.array([[object()]], dtype=object), "y": np.arange(1)}, "no .npz file of plain arrays"),
    ):
        np.savez(path, **content)
        with pytest.raises(UsageError, match=says):
            read(path, "real", None)
    for name, says in (("b.npz", "no .npz file"), ("b.txt", "awaited a .csv or .npz file")):
        with pytest.raises(UsageError, match=says):
            read(file(tmp_path, "nothing", name), "real", None)
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "absent.csv", "real", None)
    with pytest.raises(UsageError, match="not in a column"):
        read(path, "real", "a")
    with pytest.raises(UsageError, match="no column d; known: a, b, c, kind"):
        read(table(tmp_path), "classes", "d")


def add(path, *options):
    return status(["data", "--add", str(path), *options])


def test_what_was_added_is_listed_loaded_and_planned_with(tmp_path, capsys):
    assert add(table(tmp_path), "--name", "churn", "--target", "classes") == 0
    told = capsys.readouterr().out
    assert "own-churn: 40 rows, 3 columns, 2 classes" in told
    assert "knn_classify.predict" in told
    assert "svc_ovo.fit" not in told
    dataset = datasets.load("own-churn")
    assert (dataset.target, dataset.label, len(dataset.train), len(dataset.test)) == ("classes", "real", 32, 8)
    case = tasks.get("knn_classify.predict").case(dataset, {"k": 3, "index": "brute", "batch": "all"}, 1)
    assert case.inputs["x_train"].shape == (32, 3)
    text = SUITE.format(
        task="knn_classify.predict", dataset="own-churn", params='k = 3, index = "brute", batch = "all"'
    )
    assert load_suite(str(file(tmp_path, text, "mine.toml"))).workloads[0].dataset == "own-churn"
    assert status(["data", "own-churn", "--list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["source"], listed["state"]) == ("own-churn", "own", "present")
    assert listed["digest"] == dataset.decoded_sha256


def test_the_same_file_is_the_same_data_on_every_host(tmp_path, monkeypatch):
    digests = []
    for host in ("one", "two"):
        monkeypatch.setenv("MLFLEET_DATA", str(tmp_path / host))
        assert add(table(tmp_path), "--name", "churn", "--target", "classes") == 0
        digests.append(datasets.load("own-churn").decoded_sha256)
    assert digests[0] == digests[1]


def test_a_task_whose_right_answers_are_kept_beforehand_cannot_be_asked(tmp_path):
    add(table(tmp_path), "--name", "churn", "--target", "classes")
    text = SUITE.format(task="svc_ovo.fit", dataset="own-churn", params='c = 1.0, kernel = "rbf", gamma = "scale"')
    with pytest.raises(UsageError, match="right answers are kept of the manifest's alone"):
        load_suite(str(file(tmp_path, text, "mine.toml")))


def test_a_file_that_was_altered_later_is_not_used(tmp_path):
    add(table(tmp_path), "--name", "churn", "--target", "classes")
    kept = own.folder() / "own-churn.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x01")
    with pytest.raises(DataUnavailable, match=" found; try: mlfleet data --add"):
        datasets.load("own-churn")
    kept.unlink()
    with pytest.raises(DataUnavailable, match="no such file"):
        datasets.load("own-churn")


def test_a_name_can_be_given_up_and_never_hides_one_of_the_manifest(tmp_path, capsys):
    add(table(tmp_path), "--name", "iris", "--target", "classes")
    assert datasets.load("iris").decoded_sha256 != datasets.load("own-iris").decoded_sha256
    assert status(["data", "--remove", "own-iris"]) == 0
    assert own.names() == ()
    capsys.readouterr()
    assert status(["data", "--remove", "own-iris"]) == 2
    assert "own-iris" in capsys.readouterr().err
    with pytest.raises(UsageError, match="own-iris"):
        datasets.load("own-iris")


@pytest.mark.parametrize(
    ("rows", "kinds", "options", "says"),
    [
        (9, ("a", "b"), ["--target", "classes"], "9 rows; 10 or more awaited"),
        (20, ("a",), ["--target", "classes"], "1 classes, the smallest of 20 rows"),
        (11, ("a",) * 10 + ("b",), ["--target", "classes"], "2 classes, the smallest of 1 rows"),
        (20, ("7",), ["--target", "real"], "the target is 7 in every row"),
        (20, ("a", "b"), [], "--add needs --target, classes or real"),
        (20, ("a", "b"), ["--target", "classes", "--name", "A b"], "is no name"),
    ],
)
def test_what_nothing_can_be_learnt_of_is_refused_and_leaves_nothing(tmp_path, capsys, rows, kinds, options, says):
    assert add(table(tmp_path, rows, kinds=kinds), *options) == 2
    assert says in capsys.readouterr().err
    assert own.names() == ()
