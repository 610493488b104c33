"""Rows out: formats, columns, limits, partitions, files, globs; and counts."""

import datetime
import decimal
import io
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def hive(write):
    """Partition columns in the path and in the data; 2 x 3 partitions of 2 rows."""
    number = 0
    for a in ("x", "y"):
        for d in ("2025-01-01", "2025-01-02", "2025-01-03"):
            write(f"t/a={a}/d={d}/f.parquet",
                  pa.table({"a": [a, a], "d": [datetime.date.fromisoformat(d)] * 2, "n": [number, number + 1]}))
            number += 2
    return "t"


def lines(done):
    return done.text.splitlines()


def test_csv_and_json(lamella, write):
    write("x.parquet", pa.table({
        "i": pa.array([1, None], pa.int32()), "s": ['say "hi", twice\n', ""], "f": [0.1, float("inf")],
        "d": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(9, 2)), "b": [True, False],
        "t": pa.array([0, 1], pa.timestamp("ms")), "day": pa.array([0, 20000], pa.date32()), "raw": [b"\x00\xff", None]}))
    out = lamella("cat", "x.parquet").text
    assert out.split("\n", 1)[0] == "i,s,f,d,b,t,day,raw"
    assert out.split("\n", 1)[1].startswith('1,"say ""hi"", twice\n",0.1,1.50,true,1970-01-01')
    assert lines(lamella("cat", "x.parquet"))[-1].startswith(',"",inf,,false,')
    first, second = map(json.loads, lines(lamella("cat", "x.parquet", "--format", "json")))
    assert first["i"] == 1 and first["s"] == 'say "hi", twice\n' and first["f"] == 0.1 and first["b"] is True
    assert first["day"] == "1970-01-01" and first["raw"] == "00ff" and second["raw"] is None and second["i"] is None
    assert lamella("--json", "cat", "x.parquet").out == lamella("cat", "x.parquet", "--format", "json").out


def test_csv_comes_back(lamella, write, tmp_path, rng):
    texts = ["", "a", 'q"q', "x,y", "l\nl", "é", " pad ", "NULL", "\r\n", None]
    table = pa.table({"n": list(range(300)), "s": [rng.choice(texts) for _ in range(300)]})
    write("x.parquet", table)
    lamella("cat", "x.parquet", "-o", "x.csv")
    lamella("import", "x.csv", "--into", "t", "--type", "s=string")
    assert pq.read_table(tmp_path / "t").equals(table)


def test_parquet(lamella, write, tmp_path):
    table = pa.table({"a": list(range(1000)), "s": [str(i) for i in range(1000)]})
    write("x.parquet", table)
    assert pq.read_table(io.BytesIO(lamella("cat", "x.parquet", "--format", "parquet").out)).equals(table)
    assert lamella("cat", "x.parquet", "--format", "parquet", "-o", "y.parquet").out == b""
    assert pq.read_table(tmp_path / "y.parquet").equals(table)


def test_columns_and_limit(lamella, hive):
    assert lines(lamella("cat", hive, "--columns", "n,a", "--limit", 3)) == ["n,a", "0,x", "1,x", "2,x"]
    assert lines(lamella("cat", hive, "--columns", "n", "--columns", "d", "--limit", 1)) == ["n,d", "0,2025-01-01"]
    assert lines(lamella("cat", hive, "--limit", 0)) == ["a,d,n"]
    assert 'no column "zz"' in lamella("cat", hive, "--columns", "zz", status=1).err


@pytest.mark.parametrize("chosen, numbers", [
    (["a=y"], range(6, 12)),
    (["d=2025-01-02"], [2, 3, 8, 9]),  # lesson 1: only some levels
    (["a=x", "d=2025-01-03"], [4, 5]),
    (["d=2025-01-01", "d=2025-01-03"], [0, 1, 4, 5, 6, 7, 10, 11]),
    (["a=x", "a=y"], range(12)),
])
def test_partition_filter_on_any_subset(lamella, hive, chosen, numbers):
    """Lesson 1."""
    arguments = [word for text in chosen for word in ("--partition", text)]
    assert [int(v) for v in lines(lamella("cat", hive, "--columns", "n", *arguments))[1:]] == list(numbers)
    assert lamella("count", hive, *arguments).text == f"{len(list(numbers))}\n"


@pytest.mark.parametrize("chosen", ["a=z", "d=2024-01-01", "nope=1"])
def test_partition_that_is_not_there(lamella, hive, chosen):
    """Lesson 1: it says so."""
    for command in ("cat", "count", "verify", "compact"):
        done = lamella(command, hive, "--partition", chosen, status=1)
        assert chosen.split("=")[0] in done.err and "partition" in done.err


def test_order_is_by_names(lamella, write):
    for name, value in (("b/1", 3), ("a/2", 2), ("a/1", 1), ("c", 4)):
        write(f"t/{name}.parquet", {"x": [value]})
    assert sorted(lines(lamella("cat", "t"))[1:]) == ["1", "2", "3", "4"]
    found = lines(lamella("cat", "t"))[1:]
    assert [v for v in found if v != "4"] == ["1", "2", "3"]


def test_glob_and_single_file(lamella, hive):
    assert lamella("count", "t/a=*/d=2025-01-02/*.parquet").text == "4\n"
    assert lamella("count", "t/a=x/d=2025-01-02/f.parquet").text == "2\n"
    assert lines(lamella("cat", "t/a=y/d=2025-01-0[12]/*.parquet", "--columns", "n"))[1:] == ["6", "7", "8", "9"]
    assert lamella("count", "t/nothing*", status=1).err


def test_columns_only_in_the_path(lamella, write):
    for key, name in ((1, "é%2F"), (2, "__HIVE_DEFAULT_PARTITION__")):
        write(f"t/k={key}/s={name}/f.parquet", {"n": [key * 10]})
    rows = [json.loads(line) for line in lines(lamella("cat", "t", "--format", "json"))]
    assert rows == [{"n": 10, "k": 1, "s": "é/"}, {"n": 20, "k": 2, "s": None}]
    out = pq.read_table(io.BytesIO(lamella("cat", "t", "--format", "parquet").out))
    assert out["k"].type == pa.int64() and out["s"].type == pa.string()
    assert lines(lamella("cat", "t", "--columns", "s", "--partition", "k=1")) == ["s", "é/"]


def field(name, type, id):
    return pa.field(name, type, metadata={"PARQUET:field_id": str(id)})


def test_field_ids_match_columns(lamella, write):
    """A renamed column is the same one; a name used again is another (lesson 34)."""
    write("t/1.parquet", pa.table([pa.array([1]), pa.array(["old"])], pa.schema([field("a", pa.int64(), 1), field("b", pa.string(), 2)])))
    write("t/2.parquet", pa.table([pa.array(["new"]), pa.array([2])], pa.schema([field("renamed", pa.string(), 2), field("a", pa.int64(), 1)])))
    rows = [json.loads(line) for line in lines(lamella("cat", "t", "--format", "json"))]
    assert [list(r.values()) for r in rows] == [[1, "old"], [2, "new"]] and len({tuple(r) for r in rows}) == 1


def test_widening_and_missing(lamella, write):
    write("t/1.parquet", pa.table({"x": pa.array([1], pa.int8())}))
    write("t/2.parquet", pa.table({"x": pa.array([2.5], pa.float64()), "y": ["z"]}))
    assert lines(lamella("cat", "t")) == ["x,y", "1.0,", "2.5,z"]


def test_non_parquet_files_are_left_alone(lamella, write, tmp_path):
    write("t/1.parquet", {"x": [1]})
    (tmp_path / "t" / "_SUCCESS").write_text("")
    (tmp_path / "t" / "notes.txt").write_text("hello")
    (tmp_path / "t" / "_hidden.parquet").write_bytes(b"not Parquet")
    (tmp_path / "t" / ".1.parquet.crc").write_bytes(b"crc")
    assert lamella("count", "t").text == "1\n"


def test_empty(lamella, write, tmp_path):
    write("t/1.parquet", pa.table({"x": pa.array([], pa.int64())}))
    assert lamella("cat", "t").text == "x\n" and lamella("count", "t").text == "0\n"
    assert pq.read_table(io.BytesIO(lamella("cat", "t", "--format", "parquet").out)).num_rows == 0


def test_truncated_and_garbage_files(lamella, write, tmp_path):
    data = write("x.parquet", {"a": list(range(100))}).read_bytes()
    for name, content in (("short", data[:-1]), ("empty", b""), ("text", b"hello, world"), ("head", data[:200])):
        (tmp_path / f"{name}.parquet").write_bytes(content)
        done = lamella.json("cat", f"{name}.parquet", status=1)
        assert done["status"] == "corrupt" and f"{name}.parquet" in done["error"]




def test_uuids_have_dashes_in_csv_and_json(lamella, tmp_path):
    """At every place that a UUID may have."""
    text = "5ff0cb44-ef4e-47ab-9136-57ddfc93fb79"
    duckdb.sql(f"""COPY (SELECT uuid '{text}' AS u, [uuid '{text}', NULL] AS l, MAP {{uuid '{text}': {{'x': uuid '{text}'}}}} AS m)
                   TO '{tmp_path}/u.parquet'""")
    assert lamella("cat", "u.parquet", "--columns", "u").text == f"u\n{text}\n"
    found = json.loads(lamella("cat", "u.parquet", "--format", "json").text)
    assert found == {"u": text, "l": [text, None], "m": {text: {"x": text}}}
