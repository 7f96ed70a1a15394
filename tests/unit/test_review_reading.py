"""Bad tables: each is one clear line with file, place, column and what was found, or a stated outcome."""

import json

import pytest
from mlfleet.cli import status
from mlfleet.errors import UsageError
from mlfleet.review import Known, columns, read_known, read_table
from mlfleet.review import reading as reading_module

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
    ("framework,workload,time\na,w,1\n", "table.csv: line 2: column time_unit: found nothing, one of ns"),
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
