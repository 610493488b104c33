"""Rows into tables: sources, partitions, types, errors. Numbers of lessons are those of lessons.md."""

import datetime
import decimal
import urllib.parse

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, column, files_of, no_stage, read_table


def test_parquet(lamella, write, tmp_path):
    table = pa.table({"a": [3, 1, 2], "s": ["x", None, "é"]})
    write("x.parquet", table)
    done = lamella.json("import", "x.parquet", "--into", "t")
    (path,) = files_of(tmp_path / "t")
    assert done["rows"] == 3 and done["files_written"] == 1 and done["sources"] == 1 and done["partitions"] == 1
    assert done["bytes_written"] == path.stat().st_size
    assert pq.ParquetFile(path).read().equals(table)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    no_stage(tmp_path / "t")


def test_csv(lamella, tmp_path):
    (tmp_path / "x.csv").write_text(
        'id,name,price,day,at,ok,empty,quoted\n'
        '1,"a ""b"" c",1.5,2025-11-26,2025-11-26 10:20:30,true,,""\n'
        '2,"two\nlines",-2,2025-11-27,2025-11-26 10:20:31.5,false,,"x,y"\n'
        '3,,,,,,,\n'
    )
    assert lamella.json("import", "x.csv", "--into", "t")["rows"] == 3
    table = read_table(tmp_path / "t")
    assert table["id"].type == pa.int64() and table["id"].to_pylist() == [1, 2, 3]
    assert table["name"].to_pylist() == ['a "b" c', "two\nlines", None]
    assert table["price"].type == pa.float64() and table["price"].to_pylist() == [1.5, -2.0, None]
    assert table["day"].type == pa.date32()
    assert table["day"].to_pylist() == [datetime.date(2025, 11, 26), datetime.date(2025, 11, 27), None]
    assert pa.types.is_timestamp(table["at"].type)
    assert [v and v.replace(tzinfo=None) for v in table["at"].to_pylist()] == [
        datetime.datetime(2025, 11, 26, 10, 20, 30), datetime.datetime(2025, 11, 26, 10, 20, 31, 500000), None]
    assert table["ok"].type == pa.bool_() and table["ok"].to_pylist() == [True, False, None]
    assert table["quoted"].to_pylist() == ["", "x,y", None]


def test_types_given(lamella, tmp_path):
    (tmp_path / "x.csv").write_text("a,p,z,t\n1,10.25,007,1\n2,-0.01,008,2\n")
    lamella("import", "x.csv", "--into", "t", "--type", "a=int16", "--type", "p=decimal(10,2)", "--type=z=string",
            "--type", "t=float64")
    table = read_table(tmp_path / "t")
    assert [f.type for f in table.schema] == [pa.int16(), pa.decimal128(10, 2), pa.string(), pa.float64()]
    assert table.to_pylist()[0] == {"a": 1, "p": decimal.Decimal("10.25"), "z": "007", "t": 1.0}
    assert "nope" in lamella("import", "x.csv", "--into", "u", "--type", "nope=int64", status=1).err


def test_stdin_tsv_and_nulls(lamella, tmp_path):
    lamella("import", "-", "--into", "t", "--delimiter", "\\t", "--null", "NA", "--no-header", stdin="1\tNA\n2\tx\n")
    assert read_table(tmp_path / "t").to_pydict() == {"column0": [1, 2], "column1": [None, "x"]}
    (tmp_path / "x.tsv").write_text("a\tb\n1\t2,3\n")
    lamella("import", "x.tsv", "--into", "u")
    assert read_table(tmp_path / "u").to_pylist() == [{"a": 1, "b": "2,3"}]


@pytest.mark.parametrize(
    "text, line, name",
    [
        ("a,b\n1,2\n3,x\n", "3", "b"),
        ('a,b\n"multi\nline",2\nx,oops\n', "4", "b"),
        ("a,b\n1,2\n3\n", "3", ""),
        ("a,b\n1,2\n3,4,5\n", "3", ""),
    ],
)
def test_bad_row_names_line_and_column(lamella, tmp_path, text, line, name):
    """Lesson 33: what, where, expected, found; and nothing is stored."""
    (tmp_path / "x.csv").write_text(text)
    done = lamella("import", "x.csv", "--into", "t", "--type", "b=int64", "--type", "a=string", status=1)
    assert "x.csv" in done.err and f"line {line}" in done.err
    assert not name or f'"{name}"' in done.err
    assert files_of(tmp_path / "t") == []
    no_stage(tmp_path / "t")


def test_integers_out_of_range_are_errors(lamella, tmp_path):
    """Lesson 27."""
    (tmp_path / "x.csv").write_text("a\n1\n300\n")
    done = lamella("import", "x.csv", "--into", "t", "--type", "a=int8", status=1)
    assert "line 3" in done.err and "300" in done.err and files_of(tmp_path / "t") == []


def test_several_sources_merge(lamella, write, tmp_path):
    """Widened, missing columns NULL, in the order of the sources."""
    write("a.parquet", pa.table({"x": pa.array([1, 2], pa.int8()), "only_a": ["p", "q"]}))
    write("d/b.parquet", pa.table({"x": pa.array([2**40], pa.int64()), "y": [1.5]}))
    write("d/c.parquet", pa.table({"y": pa.array([2.5], pa.float32()), "x": pa.array([7], pa.uint16())}))
    (tmp_path / "d.csv").write_text("x,only_a\n9,r\n")
    assert lamella.json("import", "a.parquet", "d", "d.csv", "--into", "t")["rows"] == 5
    table = read_table(tmp_path / "t")
    assert table["x"].to_pylist() == [1, 2, 2**40, 7, 9] and table["x"].type == pa.int64()
    assert table["y"].to_pylist() == [None, None, 1.5, 2.5, None] and table["y"].type == pa.float64()
    assert table["only_a"].to_pylist() == ["p", "q", None, None, "r"]


def test_schemas_that_do_not_merge(lamella, write, tmp_path):
    write("a.parquet", pa.table({"x": [1]}))
    write("b.parquet", pa.table({"x": ["one"]}))
    done = lamella("import", "a.parquet", "b.parquet", "--into", "t", status=1)
    assert "a.parquet" in done.err and "b.parquet" in done.err and '"x"' in done.err
    assert files_of(tmp_path / "t") == []


def test_into_an_existing_table(lamella, write, tmp_path):
    write("a.parquet", pa.table({"p": ["u", "v"], "x": [1, 2]}))
    lamella("import", "a.parquet", "--into", "t", "--partition-by", "p")
    before = bytes_of(tmp_path / "t")
    write("b.parquet", pa.table({"p": ["v", "w"], "x": [3, 4], "new": [True, None]}))
    done = lamella.json("import", "b.parquet", "--into", "t", "--partition-by", "p")
    assert done["partitions"] == 2 and done["sequence"] == 2
    after = bytes_of(tmp_path / "t")
    assert all(after[name] == data for name, data in before.items()), "files that were there stay"
    rows = lamella("cat", "t", "--format", "json", "--columns", "p,x,new").text.splitlines()
    assert rows == ['{"p":"u","x":1,"new":null}', '{"p":"v","x":2,"new":null}', '{"p":"v","x":3,"new":true}',
                    '{"p":"w","x":4,"new":null}']


NASTY = ["plain", "a/b", "x=y", "100%", "%2F", "", None, "Ünï→", "trailing  ", " leading", "a'b\"c", "..", ".", "a:b*c?",
         "#&+~", "tab\there", "new\nline", "__HIVE_DEFAULT_PARTITION", "[x]", "{y}", "back\\slash", "日本"]


def test_lesson_13_nasty_partition_values(lamella, write, tmp_path):
    """Lesson 13: Hive's escaping both ways; NULL is __HIVE_DEFAULT_PARTITION__."""
    table = pa.table({"p": NASTY * 3, "n": list(range(len(NASTY) * 3))})
    write("x.parquet", table)
    done = lamella.json("import", "x.parquet", "--into", "t", "--partition-by", "p")
    assert done["partitions"] == len(NASTY)
    found = {}
    for path in files_of(tmp_path / "t"):
        values = pq.ParquetFile(path).read()
        (value,) = set(values["p"].to_pylist())
        assert values["n"].to_pylist() == [i for i, p in enumerate(table["p"].to_pylist()) if p == value]
        found[path.parent.name] = value
    assert set(found.values()) == set(NASTY)
    for name, value in found.items():
        written = "__HIVE_DEFAULT_PARTITION__" if value is None else value
        assert urllib.parse.unquote(name) == f"p={written}" and name.isprintable()
    assert lamella.json("verify", "t")["faults"] == 0
    # Each is chosen by its value.
    for value in NASTY:
        wanted = "__HIVE_DEFAULT_PARTITION__" if value is None else value
        assert lamella("count", "t", "--partition", f"p={wanted}").text == "3\n", value
    # And others read the directories back: the file's own column is right in any case.
    hive = ds.dataset(tmp_path / "t", partitioning=None).to_table().sort_by("n")
    assert hive["p"].to_pylist() == table["p"].to_pylist()
    assert duckdb.sql(f"select count(*) from read_parquet('{tmp_path}/t/**/*.parquet', hive_partitioning=false)"
                      ).fetchall() == [(len(table),)]


def test_two_partition_columns_and_rows_per_file(lamella, write, tmp_path):
    n = 3000
    table = pa.table({"a": [i % 3 for i in range(n)], "d": [datetime.date(2025, 11, 20 + i % 2) for i in range(n)],
                      "i": list(range(n))})
    write("x.parquet", table)
    done = lamella.json("import", "x.parquet", "--into", "t", "--partition-by", "a,d", "--rows-per-file", 120)
    assert done["partitions"] == 6 and done["files_written"] == 6 * 5
    for path in files_of(tmp_path / "t"):
        assert pq.ParquetFile(path).metadata.num_rows <= 120
        assert path.parent.parent.name in ("a=0", "a=1", "a=2") and path.parent.name.startswith("d=2025-11-2")
    # The order of the source is kept within a partition, files in the order of their names.
    for part in (tmp_path / "t").glob("*/*"):
        values = column(part, "i")
        assert values == sorted(values) and len(values) == 500
    peers = [
        ds.dataset(tmp_path / "t", partitioning=None).to_table().sort_by("i"),
        polars.read_parquet(f"{tmp_path}/t/**/*.parquet", hive_partitioning=False).sort("i").to_arrow(),
    ]
    for found in peers:
        assert found.select(["a", "d", "i"]).to_pylist() == table.to_pylist()


def test_sort_by(lamella, write, tmp_path, rng):
    n = 5000
    rows = [(rng.choice([1, 2]), rng.choice([None, *range(20)]), rng.random()) for _ in range(n)]
    write("x.parquet", pa.table(dict(zip("pkv", map(list, zip(*rows))))))
    lamella("import", "x.parquet", "--into", "t", "--partition-by", "p", "--sort-by", "k desc nulls first,v",
            "--rows-per-file", 700)
    for p in (1, 2):
        found = [(r["k"], r["v"]) for r in read_table(tmp_path / "t" / f"p={p}").to_pylist()]
        wanted = [(k, v) for q, k, v in rows if q == p]
        assert found == sorted(wanted, key=lambda r: (r[0] is not None, -(r[0] or 0), r[1]))
    meta = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata
    assert meta.row_group(0).sorting_columns[0] == pq.SortingColumn(1, True, True)


def test_partition_column_that_is_not_there(lamella, write, tmp_path):
    write("x.parquet", {"a": [1]})
    err = lamella("import", "x.parquet", "--into", "t", "--partition-by", "nope", status=1).err
    assert '"nope" to partition by' in err
    assert files_of(tmp_path / "t") == []


@pytest.mark.parametrize("type", [pa.float32(), pa.float64()])
def test_zeros_are_one_partition(lamella, write, tmp_path, type):
    write("x.parquet", {"k": pa.array([-0.0, 0.0, 1.0, -0.0], type), "v": [1, 2, 3, 4]})
    lamella("import", "x.parquet", "--into", "t", "--partition-by", "k")
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == ["k=0.0", "k=1.0"]
    assert lamella.json("verify", "t", "--full")["faults"] == 0
    (tmp_path / "t" / "k=0.0").rename(tmp_path / "t" / "k=-0.0")
    assert lamella.json("verify", "t", "--full")["faults"] == 0


def test_nothing_gives_no_file_without_columns(lamella, tmp_path):
    """DuckDB refuses a Parquet file that has no columns."""
    (tmp_path / "nothing").mkdir()
    assert lamella.json("import", "nothing", "--into", "t")["files_written"] == 0
    assert files_of(tmp_path / "t") == []


def test_empty_source_keeps_the_schema(lamella, write, tmp_path):
    write("x.parquet", pa.table({"a": pa.array([], pa.int32()), "s": pa.array([], pa.string())}))
    assert lamella.json("import", "x.parquet", "--into", "t")["rows"] == 0
    assert read_table(tmp_path / "t").schema.types == [pa.int32(), pa.string()]
    (tmp_path / "x.csv").write_text("a,b\n")
    assert lamella.json("import", "x.csv", "--into", "u")["rows"] == 0
    assert read_table(tmp_path / "u").column_names == ["a", "b"]


def test_dry_run_counts(lamella, write, tmp_path):
    """Lesson 15: what the run would return."""
    write("x.parquet", {"p": [i % 5 for i in range(1000)], "x": list(range(1000))})
    arguments = ["import", "x.parquet", "--into", "t", "--partition-by", "p", "--rows-per-file", 64]
    dry = lamella.json(*arguments, "--dry-run")
    assert not (tmp_path / "t").exists() and not (tmp_path / "t.lamella").exists()
    real = lamella.json(*arguments)
    for result in (dry, real):
        for name in ("operation", "seconds", "sequence"):
            del result[name]
    assert dry == real and real["files_written"] == 20


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "gzip:9", "brotli", "brotli:3", "zstd", "zstd:12", "lz4_raw"])
def test_compression(lamella, write, tmp_path, codec):
    """Lesson 30: the setting is used. All three peers read it with equal values and types."""
    table = pa.table({"i": list(range(2000)), "s": [f"value {i % 50}" for i in range(2000)],
                      "d": [None if i % 7 == 0 else i / 3 for i in range(2000)],
                      "t": pa.array(range(2000), pa.timestamp("us", "UTC")), "b": [i % 3 == 0 for i in range(2000)]})
    write("x.parquet", table)
    lamella("import", "x.parquet", "--into", "t", "--compression", codec)
    (path,) = files_of(tmp_path / "t")
    group = pq.ParquetFile(path).metadata.row_group(0)
    name = {"none": "UNCOMPRESSED", "lz4_raw": "LZ4"}.get(codec, codec.split(":")[0].upper())
    assert {group.column(i).compression for i in range(5)} == {name}
    assert pq.read_table(path).equals(table)
    assert polars.read_parquet(path).to_arrow().cast(table.schema).equals(table)
    found = duckdb.sql(f"select * from '{path}'").to_arrow_table()
    assert found["t"].cast(pa.int64()).equals(table["t"].cast(pa.int64()))
    assert found.drop_columns(["t"]).equals(table.drop_columns(["t"]))


def test_foreign_tables_are_refused(lamella, write, tmp_path):
    """Lesson 50."""
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    write("x.parquet", {"a": [1]})
    assert "Delta" in lamella("import", "x.parquet", "--into", "t", status=1).err
    assert files_of(tmp_path / "t") == []


def test_a_source_that_is_the_table(lamella, write, tmp_path):
    write("t/a.parquet", {"a": [1, 2]})
    lamella("import", "t", "--into", "t")
    assert sorted(column(tmp_path / "t", "a")) == [1, 1, 2, 2]


def test_many_partitions(lamella, write, tmp_path):
    n = 1200
    write("x.parquet", {"p": [i % 400 for i in range(n)], "x": list(range(n))})
    assert lamella.json("import", "x.parquet", "--into", "t", "--partition-by", "p")["partitions"] == 400
    assert sorted(column(tmp_path / "t", "x")) == list(range(n))


def test_names_are_unique(lamella, write, tmp_path):
    """Lesson 19: names of one millisecond."""
    write("x.parquet", {"a": [1]})
    for _ in range(5):
        lamella("import", "x.parquet", "--into", "t", "--no-sync")
    assert len(files_of(tmp_path / "t")) == 5 and column(tmp_path / "t", "a") == [1] * 5
