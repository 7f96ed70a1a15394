"""Bad tables: each is one clear line with file, place, column and what was found, or a stated outcome."""

import json

import pytest
from mlfleet.cli import status
from mlfleet.errors import UsageError
from mlfleet.review import Known, columns, read_known, read_table
from mlfleet.review import reading as reading_module
from mlfleet.review.names import called

HEAD = "framework,workload,time_s\n"


def write(tmp_path, data, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(tmp_path, data, name="table.csv", known=None):
    return read_table(write(tmp_path, data, name), known or Known())


BAD = [
    ("", "table.csv: line 1: found an empty file, a header line or a JSON array awaited"),
    (b"\xff\xfe\x00", "table.csv: line 1: found the byte 0xff, UTF-8 awaited"),
    (HEAD, "table.csv: found no row, at least two awaited"),
    ("a,b\n1,2\n", "table.csv: line 1: found the columns a, b, framework awaited"),
    ("framework;workload\na;b\n", "table.csv: line 1: found columns divided by ';', by commas awaited"),
    ("framework,framework\na,b\n", "table.csv: line 1: found the column 'framework' twice, each once awaited"),
    (HEAD + "a,w,1\nb,w\n", "table.csv: line 3: found 2 fields, 3 awaited as in the header"),
    (HEAD + "a,w,fast\n", "table.csv: line 2: column time_s: found 'fast', a number awaited"),
    (HEAD + "a,w,1_0\n", "table.csv: line 2: column time_s: found '1_0', a number awaited"),
    (HEAD + ",w,1\n", "table.csv: line 2: column framework: found nothing, the framework's name awaited"),
    (
        HEAD + "a,,1\n",
        "table.csv: line 2: columns workload, dataset and model: found nothing, what was measured awaited",
    ),
    (HEAD + "a,w,1\na,w,2\n", "table.csv: found one framework, a; two awaited for a ratio"),
    (HEAD + "a,w,1\nb,w,1\na,w,1\n", "table.csv: line 4: repeats line 2 word for word; each measurement once awaited"),
    ("framework,workload\na,w\nb,w\n", "table.csv: found the columns framework, workload, one of time_s"),
    (
        "framework,workload,time,time_unit\na,w,1,parsec\n",
        "table.csv: line 2: column time_unit: found 'parsec', one of ns, us, ms, s, min, h awaited",
    ),
    (
        'framework,workload,time_s,receipt\na,w,1,"{""e"":1,""e"":5}"\n',
        "table.csv: line 2: column receipt: found",
    ),
    (
        'framework,workload,time_s,receipt\na,w,1,"{""e"":NaN}"\n',
        "table.csv: line 2: column receipt: found",
    ),
    ("framework,workload,time_s,receipt\na,w,1," + "[" * 100_000 + "\n", "table.csv: line 2: column receipt: found"),
    (HEAD + "a,w,5 684.04\n", "table.csv: line 2: column time_s: found '5 684.04', a number awaited"),
    (HEAD + 'a,w,"5,684.04"\n', "table.csv: line 2: column time_s: found '5,684.04', a number awaited"),
    (HEAD + "a,w,906 s\n", "table.csv: line 2: column time_s: found '906 s', a number awaited"),
    (
        "framework,workload,time_s,time_ms\na,w,1,1000\n",
        "table.csv: line 2: column time_ms: a second column of time in this row; one awaited",
    ),
    (
        "framework,workload,time_s,block\na,w,1,1\na,w,2,1\nb,w,1,1\n",
        "table.csv: line 3: is block 1 of a, w, as line 2 is; each measurement once awaited",
    ),
    (
        "framework,workload,time_s,block\na,w,1,-1\n",
        "table.csv: line 2: column block: found '-1', a whole number of at least 0 awaited",
    ),
    (
        "framework,workload,time_s,receipt\na,w,1,[1]\n",
        "table.csv: line 2: column receipt: found '[1]', a JSON object of plain values awaited",
    ),
    (HEAD + 'a,"w,1\nb,w,1\n', "table.csv: line 2: found what is no CSV"),
]


@pytest.mark.parametrize(("data", "told"), BAD)
def test_a_bad_csv_names_file_place_and_what_was_found(tmp_path, data, told):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, data)
    assert str(caught.value).startswith(told)
    assert status(["review", str(tmp_path / "table.csv")]) == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("{", "t.json: found what is no JSON"),
        ('{"cells": []}', "t.json: found an object with cells, an array of objects or"),
        ("3", "t.json: found int, an array of objects or"),
        ("[1]", "t.json: record 1: found int, an object awaited"),
        ('[{"framework": "a", "framework": "b"}]', "t.json: found what is no JSON (the key 'framework' twice"),
        ('[{"framework": ["a"]}]', "t.json: record 1: column framework: found ['a'], a text awaited"),
        ('[{"framework": "a", "workload": "w", "time_s": true}]', "t.json: record 1: column time_s: found True, a"),
        ("[" * 100_000, "t.json: found what is no JSON"),
        (f'[{{"framework": "a", "workload": "w", "time_s": {"9" * 400}}}]', "t.json: record 1: column time_s: found a"),
        (f'[{{"framework": "a", "workload": "w", "block": {"9" * 400}}}]', "t.json: record 1: column block: found a"),
        ('{"a": [{"framework": "a"}], "b": [{"framework": "b"}]}', "t.json: found an object with a, b, an array of"),
    ],
)
def test_json_of_the_wrong_shape_is_told(tmp_path, data, told):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, data, "t.json")
    assert str(caught.value).startswith(told)


def test_a_missing_file_is_told(tmp_path, capsys):
    assert status(["review", str(tmp_path / "none.csv")]) == 2
    assert "No such file or directory; a CSV or JSON file awaited" in capsys.readouterr().err


def test_a_table_that_is_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(reading_module, "MOST_ROWS", 3)
    rows = [{"framework": "a", "workload": f"w{number}", "time_s": 1} for number in range(4)]
    with pytest.raises(UsageError, match=r"t.json: record 4: found more than 3 rows"):
        read(tmp_path, json.dumps(rows), "t.json")
    # A long CSV is told by its lines, before a million of them are read.
    with pytest.raises(UsageError, match=r"table.csv: found 5 lines, at most 3 rows awaited"):
        read(tmp_path, HEAD + "".join(f"a,w{number},1\n" for number in range(4)))


def test_byte_order_mark_line_ends_and_order_of_columns_change_nothing(tmp_path):
    plain = read(tmp_path, HEAD + "a,w,1.5\nb,w,2\n")
    for data in (
        ("\ufeff" + HEAD + "a,w,1.5\nb,w,2\n").replace("\n", "\r\n"),
        "time_s,framework,workload\n1.5,a,w\n2,b,w\n",
        HEAD + "a,w,1.5\n\nb,w,2",
    ):
        again = read(tmp_path, data)
        assert (
            [row.values for row in again.rows] == [row.values for row in plain.rows] == [{"time": 1.5e9}, {"time": 2e9}]
        )
    rows = [{"framework": "a", "workload": "w", "time_s": 1.5}, {"framework": "b", "workload": "w", "time_s": 2}]
    for document in (rows, {"records": rows}):
        found = read(tmp_path, json.dumps(document), "t.json").rows
        assert [row.values for row in found] == [{"time": 1.5e9}, {"time": 2e9}]
        assert [row.place for row in found] == ["record 1", "record 2"]


def test_units_are_read_from_the_columns_name(tmp_path):
    table = read(tmp_path, "framework,workload,time_ms,peak_memory_mb,cpu_us\na,w,1.5,2,3\nb,w,1,1,1\n")
    assert table.rows[0].values == {"time": 1.5e6, "memory": 2e6, "cpu": 3e3}
    table = read(tmp_path, "framework,workload,time,time_unit\na,w,1.5,min\nb,w,1,s\n")
    assert [row.values["time"] for row in table.rows] == [9e10, 1e9]


def test_unknown_columns_are_named_and_not_read(tmp_path):
    table = read(tmp_path, "framework,workload,time_s,payload_sha265,colour\na,w,1,x,red\nb,w,1,x,red\n")
    assert table.unread == ("payload_sha265 (did you mean payload_sha256?)", "colour")
    assert table.rows[0].payload == ""


@pytest.mark.parametrize(
    ("header", "canonical"),
    [
        ("Library", "framework"),
        ("lib", "framework"),
        ("System", "framework"),
        ("Training Time (s)", "time_s"),
        ("trainTimeMs", "time_ms"),
        ("runtime_seconds", "time_s"),
        ("Duration [µs]", "time_us"),
        ("ms", "time_ms"),
        ("Peak Memory (MB)", "peak_memory_mb"),
        ("peakMemoryMiB", "peak_memory_mib"),
        ("Max RSS KB", "memory_kb"),
        ("acc", "accuracy"),
        ("Test Accuracy (%)", "accuracy_percent"),
        ("benchmark", "workload"),
        ("time_s", "time_s"),
        ("std_time_s", None),
        ("cpu_percent", None),
        ("min_accuracy", None),
        ("", None),
        ("%", None),
    ],
)
def test_columns_by_other_names_are_read(header, canonical):
    found = called(header)
    assert (found.column if found else None) == canonical


def test_a_strangers_table_is_read_and_what_was_read_as_what_is_said(tmp_path):
    table = read(tmp_path, "Library,Benchmark,Training Time (ms),Accuracy (%),Device\na,w,1.5,77,cpu\nb,w,2,9,cpu\n")
    assert [(row.framework, row.cell, row.values) for row in table.rows] == [
        ("a", "w cpu", {"time": 1.5e6}),
        ("b", "w cpu", {"time": 2e6}),
    ]
    assert table.rows[0].quality.value == pytest.approx(0.77)
    assert table.read_as == (
        *("Library as framework", "Benchmark as workload", "Training Time (ms) as time_ms"),
        *("Accuracy (%) as accuracy_percent", "Device as device"),
    )
    assert table.unread == ()


def test_of_two_names_for_one_column_the_surer_is_read_and_the_other_is_said_not_to_be(tmp_path):
    head = "system,library,workload,time_s,latency_s,mean_time_s,std_time_s\n"
    table = read(tmp_path, head + "linux,a,w,1,7,8,9\nlinux,b,w,2,7,8,9\n")
    assert [(row.framework, row.values, row.statistic) for row in table.rows] == [
        ("a", {"time": 1e9}, {}),
        ("b", {"time": 2e9}, {}),
    ]
    assert {name.partition(" ")[0] for name in table.unread} == {"system", "latency_s", "mean_time_s", "std_time_s"}


def test_runtime_is_a_time_where_a_number_stands_and_else_a_runtime(tmp_path):
    table = read(tmp_path, "framework,workload,runtime,time_s\na,w,docker,1\nb,w,docker,2\n")
    assert [row.environment for row in table.rows] == [{"runtime": "docker"}] * 2
    table = read(tmp_path, "framework,workload,runtime,time_unit\na,w,1,ms\nb,w,2,ms\n")
    assert [row.values for row in table.rows] == [{"time": 1e6}, {"time": 2e6}]


@pytest.mark.parametrize(
    ("columns", "statistic"),
    [
        (("best_time_s",), {"time": "best"}),
        (("Min Time (ms)",), {"time": "best"}),
        (("avg_runtime_s",), {"time": "mean"}),
        (("time_median_s",), {"time": "median"}),
        # Minimum, not minutes.
        (("time_min", "time_max"), {"time": "best"}),
        (("time_min",), {}),
    ],
)
def test_a_name_that_stands_for_several_trials_is_read_as_such(tmp_path, columns, statistic):
    values = [",".join(["1"] * len(columns)), ",".join(["2"] * len(columns))]
    table = read(tmp_path, f"framework,workload,{','.join(columns)}\na,w,{values[0]}\nb,w,{values[1]}\n")
    assert [row.statistic for row in table.rows] == [statistic] * 2


def test_a_share_with_a_percent_sign_is_one(tmp_path):
    table = read(tmp_path, "framework,workload,time_s,accuracy\na,w,1,77%\nb,w,2,0.77\n")
    assert [row.quality.value for row in table.rows] == pytest.approx([0.77, 0.77])
    assert table.rows[0].quality.shown == "77 %"


def test_a_digest_is_hexadecimal_in_either_case_and_a_word_is_none(tmp_path):
    digest = "AB" * 32
    head = "framework,workload,time_s,payload_sha256\n"
    table = read(tmp_path, head + f"a,w,1,{digest}\nb,w,1,sha256:{digest.lower()}\nc,w,1,same\n")
    assert [row.payload for row in table.rows] == ["ab" * 32, "ab" * 32, ""]


def test_the_only_list_of_an_object_is_the_table(tmp_path):
    rows = [{"framework": "a", "workload": "w", "time_s": 1}, {"framework": "b", "workload": "w", "time_s": 2}]
    assert len(read(tmp_path, json.dumps({"host": "x", "results": rows}), "t.json").rows) == 2


def test_a_verdict_that_says_something_is_not_taken_back_by_the_group_lost(tmp_path):
    rows = "a,w,9,1,lost,ok\na,w,1,2,ok,ok\nb,w,1,1,ok,ok\nb,w,1,3,lost,disturbed\n"
    table = read(tmp_path, "framework,workload,time_s,block,group,verdict\n" + rows)
    assert [row.values["time"] / 1e9 for row in table.rows] == [9, 1, 1]
    assert table.lost == 1


def test_lost_trials_are_left_out_since_they_were_measured_again(tmp_path):
    rows = "a,w,1,1,lost\na,w,2,1,ok\nb,w,1,1,ok\n"
    table = read(tmp_path, "framework,workload,time_s,block,group\n" + rows)
    assert [row.values["time"] for row in table.rows] == [2e9, 1e9]


def test_known_facts_fill_what_is_absent_and_change_nothing_that_is_there(tmp_path):
    path = write(
        tmp_path,
        json.dumps(
            {
                "source": "their code",
                "facts": [
                    {"framework": "a", "dataset": "d", "train_rows": 1000},
                    {"framework": "a", "device": "gpu"},
                    {"framework": "b", "train_rows": "10-20"},
                ],
            }
        ),
        "known.json",
    )
    table = "framework,dataset,time_s,device\na,d,1,unknown\na,e,1,cpu\nb,d,1,cpu\n"
    rows = read(tmp_path, table, known=read_known(path)).rows
    assert [row.train_rows for row in rows] == [(1000, 1000), None, (10, 20)]
    assert [row.environment["device"] for row in rows] == ["gpu", "cpu", "cpu"]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "found another shape"),
        ({"facts": []}, "found another shape"),
        ({"source": "s", "facts": [{"framework": "a", "colour": "red"}]}, "fact 1: found the column 'colour'"),
        ({"source": "s", "facts": [{"device": "cpu"}]}, "fact 1: found"),
    ],
)
def test_a_bad_file_of_facts_is_told(tmp_path, document, told):
    with pytest.raises(UsageError, match=told):
        read_known(write(tmp_path, json.dumps(document), "known.json"))


def test_every_column_is_listed(capsys):
    assert status(["review", "--columns"]) == 0
    listed = capsys.readouterr().out
    units = {*columns.NS, *columns.BYTES}
    for name, column in columns.COLUMNS.items():
        stem, _, unit = name.rpartition("_")
        known = stem if unit in units | {"percent"} and stem else name
        assert known.removeprefix("peak_") in listed or column.scope, name
    assert status(["review"]) == 2
