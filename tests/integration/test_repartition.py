"""Rows into another partitioning: derived columns, where and set, what is refused, in place, one appearance. Numbers of
lessons are those of lessons.md."""

import contextlib
import datetime
import fcntl
import shutil
import signal
import subprocess
import time

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, files_of, no_stage, read_table
from test_import import NASTY

START = datetime.datetime(2025, 11, 26, 22)


def ticks(n, first=0):
    ids = list(range(first, first + n))
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "ts": pa.array([START + datetime.timedelta(minutes=2 * i) for i in ids], pa.timestamp("us")),
        "s": pa.array([None if i % 11 == 0 else f"é{i % 13}xyz" for i in ids], pa.string()),
        "v": pa.array([i / 4 for i in ids], pa.float64()),
    })


def rows(table, order="id"):
    return read_table(table).sort_by(order).to_pylist()


def test_columns_and_derived_ones(lamella, write, tmp_path):
    for part in range(3):
        write(f"src/p={part}/a.parquet", ticks(400, part * 400))
    done = lamella.json("repartition", "src", "dst", "--by", "day=CAST(ts AS date), hour(ts), b=bucket(4, id), truncate(2, s)",
                        "--verify", "full")
    assert done["rows_read"] == done["rows_written"] == 1200 and done["partitions_before"] == 3
    found = {}
    for path in files_of(tmp_path / "dst"):
        table = pq.ParquetFile(path).read()
        assert table.column_names == ["id", "ts", "s", "v", "p", "day", "ts_hour", "b", "s_trunc"]
        for row in table.to_pylist():
            found[row["id"]] = row
            assert row["day"] == row["ts"].date() and row["ts_hour"] == row["ts"].hour
            assert row["s_trunc"] == (None if row["s"] is None else row["s"][:2])
            assert row["p"] == row["id"] // 400
        assert table["id"].to_pylist() == sorted(table["id"].to_pylist()), "rows keep their order"
        keys = [dict(part.split("=") for part in path.relative_to(tmp_path / "dst").parts[:-1])]
        assert list(keys[0]) == ["day", "ts_hour", "b", "s_trunc"]
    assert sorted(found) == list(range(1200))
    assert found[34]["b"] == 2017239379 % 4  # Iceberg's hash of 34
    assert done["partitions_after"] == len({p.parent for p in files_of(tmp_path / "dst")})
    assert done["files_written"] == len(files_of(tmp_path / "dst")) == done["partitions_after"]
    assert done["bytes_written"] == sum(p.stat().st_size for p in files_of(tmp_path / "dst"))
    assert lamella.json("verify", "dst")["faults"] == 0
    no_stage(tmp_path / "dst")


def test_lesson_12_set_and_where_come_before_the_partitioning(lamella, write, tmp_path):
    """Lesson 12: the partition column may be one that --set makes."""
    write("src/a.parquet", ticks(300))
    arguments = ["repartition", "src", "dst", "--by", "kind", "--where", "id >= 100",
                 "--set", "kind = CASE WHEN id % 2 = 0 THEN 'even' ELSE 'odd' END, v = id * 2, id = id + 1000"]
    dry = lamella.json(*arguments, "--dry-run")
    assert not (tmp_path / "dst").exists() and not (tmp_path / "dst.lamella").exists()
    done = lamella.json(*arguments, "--verify", "full")
    for key in ("rows_read", "rows_written", "files_written", "partitions_after", "bytes_written", "files_removed"):
        assert dry[key] == done[key], key  # lesson 15
    assert (done["rows_read"], done["rows_written"], done["partitions_after"]) == (300, 200, 2)
    wanted = [{**r, "v": float(r["id"] * 2), "kind": "even" if r["id"] % 2 == 0 else "odd", "id": r["id"] + 1000}
              for r in ticks(300).to_pylist() if r["id"] >= 100]
    assert rows(tmp_path / "dst") == wanted, "all right-hand sides see the old row"
    assert read_table(tmp_path / "dst").schema.field("v").type == pa.float64(), "a column keeps its type"


@pytest.mark.parametrize("by, message", [
    ("nope", 'no column "nope"'),
    ("id=hour(ts)", 'a column "id" already'),
    ("hour(ts), hour(ts)", "twice"),
    ("hour(ts) + 1", "needs a name"),
    ("bucket(0, id)", "expected bucket(WIDTH, column)"),
    ("bucket(4, v)", "Iceberg has no such transform"),
    ("truncate(3, ts)", "Iceberg has no such transform"),
    ("id,,s", "empty part"),
    ("x=", "in the partitioning"),
])
def test_partitionings_refused(lamella, write, tmp_path, by, message):
    write("src/a.parquet", ticks(10))
    assert message in lamella("repartition", "src", "dst", "--by", by, status=1).err
    assert not (tmp_path / "dst").exists()


def test_lesson_12_target_with_files(lamella, write, tmp_path):
    """Lesson 12: a target that is not empty is refused unless asked for, and its files are not counted."""
    write("src/a.parquet", ticks(100))
    write("more/a.parquet", ticks(50, 100))
    lamella("repartition", "src", "dst", "--by", "bucket(2,id)")
    before = bytes_of(tmp_path / "dst")
    assert "already" in lamella("repartition", "more", "dst", "--by", "bucket(2,id)", status=1).err
    assert "partitioned by id_bucket" in lamella("repartition", "more", "dst", "--by", "s", "--append", status=1).err
    assert bytes_of(tmp_path / "dst") == before
    done = lamella.json("repartition", "more", "dst", "--by", "bucket(2,id)", "--append")
    assert done["rows_written"] == 50 and done["files_removed"] == 0 and done["partitions_after"] == 2
    after = bytes_of(tmp_path / "dst")
    assert all(after[name] == data for name, data in before.items())
    assert [r["id"] for r in rows(tmp_path / "dst")] == list(range(150))
    done = lamella.json("repartition", "more", "dst", "--by", "hour(ts)", "--replace", "--backup", "kept")
    assert done["files_removed"] == 4 and done["rows_written"] == 50
    assert [r["id"] for r in rows(tmp_path / "dst")] == list(range(100, 150))
    assert {p.parent.name.split("=")[0] for p in files_of(tmp_path / "dst")} == {"ts_hour"}
    assert lamella("--json", "repartition", "more", "dst", "--by", "s", "--append", "--replace", status=1).json["error"]
    lamella("restore", next((tmp_path / "kept").iterdir()))
    assert [r["id"] for r in rows(tmp_path / "dst")] == list(range(150))


def test_in_place(lamella, write, tmp_path):
    for part in range(4):
        write(f"t/p={part}/a.parquet", ticks(100, part * 100))
    wanted = [{**r, "p": r["id"] // 100, "ts_hour": r["ts"].hour} for r in ticks(400).to_pylist()]
    done = lamella.json("repartition", "t", "t/", "--by", "hour(ts)", "--verify", "full", "--grace", "0")
    assert done["files_removed"] == 4 and done["partitions_before"] == 4 and done["rows_written"] == 400
    assert rows(tmp_path / "t") == wanted
    assert not list((tmp_path / "t").glob("p=*")), "emptied directories go"
    # Once more, by a column that there is now; then to no partitions at all.
    assert "already" in lamella("repartition", "t", "t", "--by", "hour(ts)", status=1).err
    lamella("repartition", "t", "t", "--by", "p, ts_hour")
    assert rows(tmp_path / "t") == wanted
    done = lamella.json("repartition", "t", "t", "--by", "", "--sort-by", "id desc")
    (path,) = files_of(tmp_path / "t")
    assert pq.ParquetFile(path).read()["id"].to_pylist() == list(range(399, -1, -1)) and done["partitions_after"] == 1
    for option in (["--append"], ["--where", "id > 5"], ["--delete-source"]):
        assert "source and the target" in lamella("repartition", "t", "t", "--by", "p", *option, status=1).err
    assert "no partition column" in lamella("repartition", "t", "t", "--by", "p", "--partition", "p=1", status=1).err


def test_in_place_where(lamella, write, tmp_path):
    """Rows are lost only where --replace says so: of the table, or of the partitions that are named."""
    for part in range(3):
        write(f"t/p={part}/a.parquet", ticks(100, part * 100))
    before = bytes_of(tmp_path / "t")
    command = ["repartition", "t", "t", "--by", "p", "--where", "id % 2 = 0", "--verify", "full"]
    scope = ["--partition", "p=1", "--partition", "p=2"]
    assert "say to replace" in lamella(*command, status=1).err
    assert "same columns" in lamella("repartition", "t", "t", "--by", "s", "--where", "true", "--replace", *scope, status=1).err
    assert "no row" in lamella("repartition", "t", "t", "--by", "p", "--where", "false", "--replace", status=1).err
    assert bytes_of(tmp_path / "t") == before
    command += ["--replace", "--backup", "kept"]
    dry = lamella.json(*command, *scope, "--dry-run")
    assert bytes_of(tmp_path / "t") == before
    done = lamella.json(*command, *scope)
    assert (done["rows_read"], done["rows_written"], done["files_removed"]) == (200, 100, 2)
    assert all(dry[name] == done[name] for name in done if name not in ("operation", "seconds", "sequence"))
    assert [r["id"] for r in rows(tmp_path / "t")] == [*range(100), *range(100, 300, 2)]
    lamella("restore", next((tmp_path / "kept").iterdir()))
    assert bytes_of(tmp_path / "t") == before
    done = lamella.json("repartition", "t", "t", "--by", "bucket(2, id)", "--where", "p = 1", "--replace")
    assert (done["rows_read"], done["rows_written"], done["files_removed"]) == (300, 100, 3)
    assert [r["id"] for r in rows(tmp_path / "t")] == list(range(100, 200))
    assert lamella.json("verify", "t", "--full")["faults"] == 0


def test_in_place_some_partitions(lamella, write, tmp_path):
    """They are written anew by the columns that the table has; files of the others are not touched."""
    for part in range(3):
        for name in "ab":
            write(f"t/p={part}/{name}.parquet", ticks(100, part * 200 + 100 * (name == "b")))
    scope = ["--partition", "p=1"]
    assert "same columns" in lamella("repartition", "t", "t", "--by", "hour(ts)", *scope, status=1).err
    assert "schema" in lamella("repartition", "t", "t", "--by", "p", "--set", "w = v", *scope, status=1).err
    assert "p=9" in lamella("repartition", "t", "t", "--by", "p", "--partition", "p=9", status=1).err
    before = bytes_of(tmp_path / "t")
    command = ["repartition", "t", "t", "--by", "p", "--sort-by", "id desc", "--verify", "full", *scope,
               "--set", "v = v * 2, p = CASE WHEN id >= 390 THEN 2 ELSE p END"]  # fmt: skip
    dry = lamella.json(*command, "--dry-run")
    assert bytes_of(tmp_path / "t") == before
    done = lamella.json(*command)
    assert {**dry, "seconds": 0, "sequence": 0} == {**done, "operation": dry["operation"], "seconds": 0, "sequence": 0}
    assert (done["rows_read"], done["files_removed"], done["partitions_before"], done["partitions_after"]) == (200, 2, 1, 2)
    after = bytes_of(tmp_path / "t")
    assert {k: v for k, v in before.items() if "p=1" not in str(k)}.items() <= after.items()
    found = {r["id"]: r for r in rows(tmp_path / "t")}
    for r in ticks(600).to_pylist():
        assert found.pop(r["id"]) == {**r, "v": r["v"] * (2 if 200 <= r["id"] < 400 else 1)}
    assert not found
    assert {r["id"] for r in rows(tmp_path / "t" / "p=2")} == set(range(390, 600))
    (path,) = [p for p in files_of(tmp_path / "t") if "p=1" in str(p)]
    assert pq.ParquetFile(path).read()["id"].to_pylist() == list(range(389, 199, -1))
    assert lamella.json("verify", "t", "--full")["faults"] == 0
    # The same where the column is in the data.
    lamella("import", write("s.parquet", {"id": [1, 2, 3], "p": ["a", "b/c", "a"]}), "--into", "u", "--partition-by", "p")
    done = lamella.json("repartition", "u", "u", "--by", "p", "--set", "id = id + 7", "--partition", "p=b/c", "--verify", "full")
    assert done["rows_written"] == 1
    assert rows(tmp_path / "u") == [{"id": 1, "p": "a"}, {"id": 3, "p": "a"}, {"id": 9, "p": "b/c"}]


def test_append_is_undone(lamella, write, tmp_path):
    write("src/a.parquet", {"g": ["x", "y"], "id": [1, 2]})
    lamella("repartition", "src", "dst", "--by", "g")
    before = {p: p.read_bytes() for p in (tmp_path / "dst").rglob("*.parquet")}
    lamella("repartition", "src", "dst", "--by", "g", "--append", "--backup", "kept")
    (folder,) = (tmp_path / "kept").iterdir()
    assert lamella.json("restore", folder)["files_removed"] == 2
    assert {p: p.read_bytes() for p in (tmp_path / "dst").rglob("*.parquet")} == before


@pytest.mark.parametrize("by, status", [("g", 0), ("id", 3)])
def test_a_table_that_comes_while_another_writer_works(lamella, write, tmp_path, by, status):
    """It takes the place of the directory that the other has open."""
    write("src/a.parquet", {"g": ["x", "y"], "id": [1, 2]})
    other = lamella.start("import", "-", "--into", "dst", "--partition-by", by, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("dst.lamella/lock")):
        time.sleep(0.01)
    lamella("repartition", "src", "dst", "--by", "g")
    _, said = other.communicate(b"g,id\nz,3\n")
    assert other.returncode == status, said
    assert status == 0 or b"partitioned anew" in said
    no_stage(tmp_path / "dst")
    rows = duckdb.sql(f"select id from '{tmp_path}/dst/**/*.parquet' order by id").fetchall()
    assert rows == [(1,), (2,), (3,)][: 3 if status == 0 else 2]


def test_a_source_that_stays(lamella, write, tmp_path):
    """Two commits: what was done when the second fails is said, and is no "nothing was changed" of status 3."""
    write("src/a.parquet", {"g": ["x", "y"], "id": [1, 2]})
    lamella("delete", "src", "--where", "false")
    lock = open(tmp_path / "src.lamella" / "lock", "r+b")
    fcntl.lockf(lock, fcntl.LOCK_EX)
    failed = lamella.json("repartition", "src", "dst", "--by", "g", "--delete-source", "--no-wait", status=1)
    assert "the rows are in dst, but the source was not deleted" in failed["error"] and failed["status"] == "io"
    lock.close()
    assert lamella.json("count", "dst")["rows"] == lamella.json("count", "src")["rows"] == 2


def test_paths_that_overlap_and_delete_source(lamella, write, tmp_path):
    write("src/a/b.parquet", ticks(20))
    for target in ("src/new", "src/a", "."):
        assert "one in the other" in lamella("repartition", "src", target, "--by", "id", status=1).err, target
    assert "left out" not in lamella("repartition", "src", "other", "--by", "bucket(2,id)").err
    assert "would be lost" in lamella("repartition", "src", "x", "--by", "id", "--where", "id>1", "--delete-source",
                                      status=1).err
    assert len(files_of(tmp_path / "src")) == 1
    done = lamella.json("repartition", "src", "dst", "--by", "bucket(2,id)", "--delete-source", "--grace", "0")
    assert done["files_removed"] == 1 and files_of(tmp_path / "src") == [] and len(rows(tmp_path / "dst")) == 20
    # A file may have its partitions beside it.
    write("data/one.parquet", ticks(20))
    assert lamella.json("repartition", "data/one.parquet", "data/parts", "--by", "bucket(2,id)")["rows_written"] == 20


def test_scope_and_file_sizes(lamella, write, tmp_path):
    for part in range(3):
        write(f"src/p={part}/a.parquet", ticks(3000, part * 3000))
    done = lamella.json("repartition", "src", "dst", "--by", "p", "--partition", "p=1", "--rows-per-file", "1000")
    assert done["rows_read"] == 3000 and done["files_written"] == 3
    assert [r["id"] for r in rows(tmp_path / "dst")] == list(range(3000, 6000))
    write("one/a.parquet", ticks(60000))
    lamella("repartition", "one", "big", "--by", "x=id - id", "--target-size", "200kB", "--row-group-rows",
            "5000", "--compression", "snappy")
    sizes = [p.stat().st_size for p in files_of(tmp_path / "big")]
    assert len(sizes) > 3 and all(abs(size - 200000) < 20000 for size in sizes[:-1]), "within 10 %, lesson 11"
    assert pq.ParquetFile(files_of(tmp_path / "big")[0]).metadata.row_group(0).column(0).compression == "SNAPPY"


def test_many_partitions_in_little_memory(lamella, write, tmp_path):
    """More rows than may be held, over hundreds of partitions in one batch: all but the last are spilled, in
    their order."""
    n = 400000
    table = pa.table({"k": [i * 7919 % 500 for i in range(n)], "i": list(range(n)),
                      "s": [f"text of row {i}" for i in range(n)], "l": [[i, i + 1] if i % 3 else None for i in range(n)]})
    write("src/a.parquet", table, row_group_size=30000)
    done = lamella.json("--memory-limit", "32MB", "repartition", "src", "dst", "--by", "k", "--verify", "full", "--no-sync")
    assert done["runs_spilled"] >= 1 and done["partitions_after"] == done["files_written"] == 500
    for path in files_of(tmp_path / "dst")[::97]:
        k = int(path.parent.name.split("=")[1])
        assert pq.ParquetFile(path).read().equals(table.filter(pa.compute.equal(table["k"], k)).combine_chunks())
    again = lamella.json("--memory-limit", "48MB", "repartition", "dst", "back", "--by", "", "--sort-by", "i", "--no-sync")
    assert again["rows_written"] == n
    assert read_table(tmp_path / "back").equals(table)


# ---- directories of others, both ways ----


def peers(tmp_path, table):
    pq.write_to_dataset(table, tmp_path / "pyarrow", partition_cols=["p"])
    yield "pyarrow"
    con = duckdb.connect()
    con.register("tbl", table)
    con.execute(f"COPY tbl TO '{tmp_path}/duckdb' (FORMAT parquet, PARTITION_BY (p))")
    yield "duckdb"
    frame = polars.from_arrow(table).lazy()
    frame.sink_parquet(polars.PartitionBy(f"{tmp_path}/polars", key="p", include_key=False), mkdir=True)
    yield "polars"


def test_path_columns_of_others_become_data(lamella, tmp_path):
    """Issue 5, shown by 5: names that pyarrow, DuckDB and Polars wrote."""
    values = [v for v in NASTY if v not in ("", "..", ".", "100%", "%2F")] + ["x y", "z"]
    table = pa.table({"p": pa.array(values * 2, pa.string()), "n": list(range(len(values) * 2))})
    wanted = dict(zip(table["n"].to_pylist(), table["p"].to_pylist()))
    for name in peers(tmp_path, table):
        lamella("repartition", name, f"{name}-new", "--by", "p")
        found = {}
        for path in files_of(tmp_path / f"{name}-new"):
            found.update({r["n"]: r["p"] for r in pq.ParquetFile(path).read().to_pylist()})
        assert found == wanted, name


def test_others_read_our_directories(lamella, write, tmp_path):
    """Issue 5, shown by 5: Hive readers of pyarrow, DuckDB and Polars, by the path alone."""
    table = pa.table({"p": pa.array(NASTY * 2, pa.string()), "n": list(range(len(NASTY) * 2))})
    write("src/a.parquet", table)
    lamella("repartition", "src", "dst", "--by", "p", "--verify", "full")
    wanted = sorted(zip(table["n"].to_pylist(), table["p"].to_pylist()))
    # Without the column in the data, so that nothing but the path can tell.
    for path in files_of(tmp_path / "dst"):
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["p"]), path)
    schema = pa.schema([("p", pa.string())])
    hive = ds.dataset(tmp_path / "dst", partitioning=ds.partitioning(schema, flavor="hive")).to_table().sort_by("n")
    assert list(zip(hive["n"].to_pylist(), hive["p"].to_pylist())) == wanted
    read = duckdb.sql(f"select n, p from read_parquet('{tmp_path}/dst/**/*.parquet', hive_partitioning=true, "
                      "hive_types={'p': VARCHAR}) order by n").fetchall()
    assert read == wanted
    frame = polars.scan_parquet(tmp_path / "dst", hive_partitioning=True, hive_schema={"p": polars.String},
                                glob=False).collect().sort("n")
    assert list(zip(frame["n"].to_list(), frame["p"].to_list())) == wanted
    # And we ourselves.
    lamella("repartition", "dst", "again", "--by", "")
    back = read_table(tmp_path / "again").sort_by("n")
    assert list(zip(back["n"].to_pylist(), back["p"].to_pylist())) == wanted


def test_compact_into_another_table(lamella, write, tmp_path):
    for part in range(2):
        for file in range(5):
            write(f"t/p={part}/f{file}.parquet", ticks(50, part * 250 + file * 50))
    before = bytes_of(tmp_path / "t")
    assert "go together" in lamella("compact", "t", "--into", "u", status=2).err
    assert "another table" in lamella("compact", "t", "--keep-source", "--into", "t", status=1).err
    dry = lamella.json("compact", "t", "--keep-source", "--into", "u", "--dry-run")
    assert not (tmp_path / "u").exists()
    done = lamella.json("compact", "t", "--keep-source", "--into", "u", "--sort-by", "id desc", "--verify", "full")
    assert (done["files_before"], done["files_after"], done["rows"]) == (10, 2, 500) and dry["files_after"] == 2
    assert bytes_of(tmp_path / "t") == before
    assert [r["id"] for r in read_files_of(tmp_path / "u" / "p=1")] == list(range(499, 249, -1))
    assert "already" in lamella("compact", "t", "--keep-source", "--into", "u", status=1).err


def read_files_of(directory):
    return read_table(directory).to_pylist()


# ---- estimates ----


def test_estimate_of_a_sample_that_is_all(lamella, write, tmp_path):
    """Where all rows fit into the sample, the estimate is what the run gives."""
    for part in range(3):
        for file in range(4):
            write(f"t/p={part}/f{file}.parquet", ticks(100, part * 400 + file * 100), compression="snappy")
    said = lamella.json("estimate", "repartition", "t", "--by", "hour(ts)", "--where", "id > 50", "--rows-per-file", "20")
    assert not (tmp_path / "t.lamella").exists()
    done = lamella.json("repartition", "t", "u", "--by", "hour(ts)", "--where", "id > 50", "--rows-per-file", "20")
    assert said["bytes_error"] == 0 and said["rows"] == said["sample_rows"] == done["rows_written"]
    assert (said["partitions"], said["files"], said["bytes"]) == (
        done["partitions_after"], done["files_written"], done["bytes_written"])
    assert (said["partitions_before"], said["files_before"], said["bytes_before"]) == (3, 12, done["bytes_read"])
    said = lamella.json("estimate", "compact", "t")
    done = lamella.json("compact", "t")
    assert said["bytes_error"] == 0
    for mine, theirs in (("files", "files_after"), ("bytes", "bytes_after"), ("files_compacted", "files_compacted"),
                         ("files_written", "files_written"), ("rows", "rows")):
        assert said[mine] == done[theirs], mine
    assert [(p["directory"], p["files"], p["files_after"]) for p in said["where"]] == [
        (f"p={part}", 4, 1) for part in range(3)]
    assert lamella.json("estimate", "compact", "t")["where"] == []
    text = lamella("estimate", "compact", "u").text
    assert "± 0 %" in text and "would be 1" in text
    assert "expected estimate compact" in lamella("estimate", "nothing", status=2).err


@pytest.mark.parametrize("by", ["day=CAST(ts AS date)", "bucket(20, id)"])
def test_estimate_from_a_sample(lamella, tmp_path, by):
    """More rows than the sample has: partitions and rows are exact, bytes within the error that is stated."""
    n = 1_200_000
    duckdb.sql(f"""copy (select range as id, timestamp '2025-11-26' + to_seconds(range // 10) as ts,
                   'name ' || (hash(range // 3) % 50) as s, (hash(range) % 100000) / 100.0 as v from range({n}))
                   to '{tmp_path}/a.parquet' (format parquet, row_group_size 200000)""")
    said = lamella.json("estimate", "repartition", "a.parquet", "--by", by)
    done = lamella.json("repartition", "a.parquet", "u", "--by", by, "--no-sync")
    assert said["sample_rows"] < n == said["rows"] and said["partitions"] == done["partitions_after"]
    assert said["files"] == done["files_written"]
    assert 0 < said["bytes_error"] < 0.3
    assert abs(said["bytes"] - done["bytes_written"]) <= said["bytes_error"] * done["bytes_written"]


@pytest.mark.parametrize("by, where", [("k", None), ("day=CAST(ts AS date)", None), ("k", "v % 5 <> 0"),
                                       ("bucket(4, id)", "id > 1400000")])
def test_estimate_of_a_table_that_drifts(lamella, tmp_path, by, where):
    """Rows grow twentyfold from the first file to the last, and the first half of one column is constant."""
    n = 2_400_000
    for part in range(3):
        lines = f"select * from range({part * n // 3}, {(part + 1) * n // 3}) t(range)"
        duckdb.sql(f"""copy (select range as id, timestamp '2025-01-01' + to_seconds(range * 5) as ts, range % 7 as k,
                       repeat('x', (range // 200000)::int) || (hash(range) % (1 + range // 10))::varchar as s,
                       case when range < {n // 2} then 0 else (hash(range + 1) % 1000000)::int end as v from ({lines}))
                       to '{tmp_path}/{part}.parquet' (format parquet, row_group_size 300000)""")
    condition = ["--where", where] if where else []
    said = lamella.json("estimate", "repartition", "*.parquet", "--by", by, *condition)
    done = lamella.json("repartition", "*.parquet", "u", "--by", by, *condition, "--no-sync")
    assert said["rows"] == done["rows_written"] and said["partitions"] == done["partitions_after"]
    assert said["files"] == done["files_written"]
    if said["bytes_error"] == 0:
        assert said["bytes"] == done["bytes_written"]
    else:
        assert 0.1 <= said["bytes_error"] < 0.35 and said["sample_rows"] < said["rows"] / 1.5
        assert abs(said["bytes"] / done["bytes_written"] - 1) <= said["bytes_error"]
    again = lamella.json("estimate", "repartition", "*.parquet", "--by", by, *condition)
    assert all(again[name] == said[name] for name in said if name != "seconds"), "the same sample every time"


# ---- one appearance ----


def test_a_new_target_appears_whole_or_not_at_all(lamella, write, tmp_path, rng):
    """Killed at any moment: there is no target, or all of it. And a reader never sees a part of it."""
    for part in range(4):
        write(f"src/a{part}.parquet", ticks(1500, part * 1500))
    arguments = ["repartition", "src", "dst", "--by", "bucket(50, id)", "--row-group-rows", "100"]
    begun = time.monotonic()
    lamella(*arguments)
    took = time.monotonic() - begun
    assert len(files_of(tmp_path / "dst")) == 50
    seen = set()
    for round in range(12):
        shutil.rmtree(tmp_path / "dst", ignore_errors=True)
        shutil.rmtree(tmp_path / "dst.lamella", ignore_errors=True)
        process = lamella.start(*arguments, stdout=-3, stderr=-3)
        end = time.monotonic() + rng.uniform(0, took * 1.2)
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(FileNotFoundError):  # an empty one goes to make room for the rename
                seen.add(len(files_of(tmp_path / "dst")))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.add(len(files_of(tmp_path / "dst")))
    assert seen <= {0, 50} and 0 in seen
    if len(files_of(tmp_path / "dst")) == 0:
        lamella(*arguments)
    assert [r["id"] for r in rows(tmp_path / "dst")] == list(range(6000))


def test_values_against_duckdb(lamella, write, tmp_path, rng):
    """Random tables, partitionings, conditions: the values are DuckDB's."""
    for round in range(6):
        n = rng.randrange(1, 3000)
        table = pa.table({
            "a": pa.array([rng.choice([None, *range(5)]) for _ in range(n)], pa.int32()),
            "d": pa.array([rng.choice([None, START.date() + datetime.timedelta(days=rng.randrange(3))]) for _ in range(n)]),
            "s": pa.array([rng.choice(NASTY) for _ in range(n)], pa.string()),
            "f": pa.array([rng.choice([None, 0.0, -0.0, 1.5, float("nan")]) for _ in range(n)], pa.float64()),
            "i": pa.array(range(n), pa.int64()),
        })
        for part in range(3):
            write(f"r{round}/{part}.parquet", table.slice(part * n // 3, (part + 1) * n // 3 - part * n // 3))
        by = rng.sample(["a", "d", "s", "f", "m=a % 2", "y=coalesce(day(d), 0)"], rng.randrange(1, 4))
        where = rng.choice([None, "i % 3 <> 0", "a > 1 or a is null"])
        arguments = ["repartition", f"r{round}", f"o{round}", "--by", ",".join(by), "--verify", "full"]
        arguments += ["--where", where] if where else []
        if n < 20 and where:
            continue
        done = lamella.json(*arguments)
        con = duckdb.connect()
        con.register("t", table)
        extra = ", a % 2 as m" if "m=a % 2" in by else ""
        extra += ", coalesce(day(d), 0) as y" if "y=coalesce(day(d), 0)" in by else ""
        query = f"select *{extra} from t {'where ' + where if where else ''}"
        names = [b.split("=")[0] for b in by]
        wanted = con.sql(f"{query} order by i").fetchall()
        columns = con.sql(query).columns
        got = read_table(tmp_path / f"o{round}").sort_by("i").select(columns).to_pylist()
        assert [repr(tuple(r.values())) for r in got] == [repr(w) for w in wanted], by
        groups = con.sql(f"select count(*) from (select distinct {', '.join(names)} from ({query}))").fetchall()[0][0]
        assert done["partitions_after"] == groups, by
