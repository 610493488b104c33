"""delete and update: rows, counts, what is copied, moved, kept, refused. Numbers of lessons are of lessons.md."""

import datetime
import decimal
import json
import math
import os
import pathlib
import random
import stat
import struct

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, column, files_of, no_stage, read_table

COUNTS = [
    "rows_matched", "rows_deleted", "rows_updated", "rows_inserted", "rows_unchanged", "duplicates_removed",
    "null_keys", "source_rows", "files_scanned", "files_read", "files_rewritten", "files_removed", "files_added",
    "row_groups_copied", "row_groups_encoded", "bytes_read", "bytes_written", "partitions_scanned",
    "partitions_affected", "runs_spilled", "retries",
]  # fmt: skip


def counts(result):
    return {name: result[name] for name in COUNTS}


def run(lamella, *arguments):
    """With a dry run before it, which changes nothing and counts the same."""
    table = lamella.directory / arguments[1]
    before = bytes_of(table)
    dry = lamella.json(*arguments, "--dry-run")
    assert bytes_of(table) == before and dry["sequence"] == 0
    done = lamella.json(*arguments)
    assert counts(dry) == counts(done)
    no_stage(table)
    return done


def identities(table):
    return {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in files_of(table)}


def trades(write, **options):
    """trades/product=…/day=…: 2 x 2 partitions of 6 rows, the partition columns in the data too."""
    n = 0
    for product in ("BTC", "ETH"):
        for day in ("2024-01-01", "2024-01-02"):
            rows = range(n, n + 6)
            n += 6
            write(
                f"t/product={product}/day={day}/a.parquet",
                {
                    "id": list(rows),
                    "price": [None if i % 5 == 0 else i * 1.5 for i in rows],
                    "product": [product] * 6,
                    "day": pa.array([datetime.date.fromisoformat(day)] * 6),
                },
                row_group_size=2,
                **options,
            )


# ---- lessons ----


def test_lesson_01_any_subset_of_the_partition_columns(lamella, write, tmp_path):
    trades(write)
    done = run(lamella, "delete", "t", "--where", "id % 2 = 0", "--partition", "product=BTC")
    assert done["rows_deleted"] == 6 and done["files_scanned"] == 2 and done["partitions_scanned"] == 2
    done = run(lamella, "delete", "t", "--where", "id % 3 = 0", "--partition", "day=2024-01-02")
    assert column(tmp_path / "t", "id") == [1, 3, 5, 7, 11, 12, 13, 14, 15, 16, 17, 19, 20, 22, 23]
    before = bytes_of(tmp_path / "t")
    for wrong in ("product=DOGE", "day=2024-01-03", "month=1"):
        failed = lamella("delete", "t", "--where", "true", "--partition", wrong, status=1)
        assert wrong.split("=")[0] in failed.err
        lamella("update", "t", "--set", "price=1", "--where", "true", "--partition", wrong, status=1)
    assert bytes_of(tmp_path / "t") == before


def test_lesson_02_null_is_not_true(lamella, write, tmp_path):
    write("t/a.parquet", {"x": [1, None, 3, None], "y": [1, 2, 3, 4]})
    assert run(lamella, "delete", "t", "--where", "x <> 1")["rows_deleted"] == 1
    assert column(tmp_path / "t", "y") == [1, 2, 4]
    assert run(lamella, "update", "t", "--set", "y=0", "--where", "NOT (x = 7)")["rows_updated"] == 1
    assert column(tmp_path / "t", "y") == [0, 2, 4]
    assert run(lamella, "delete", "t", "--where", "NULL")["rows_deleted"] == 0


def test_lesson_03_all_is_evaluated_on_the_old_row(lamella, write, tmp_path):
    write("t/a.parquet", {"a": [1, 2, 3], "b": [10, 20, 30], "c": [0, 0, 0]})
    done = run(lamella, "update", "t", "--set", "a=b, b=a", "--set", "c = a + b", "--where", "a < 3")
    assert done["rows_updated"] == 2 and done["rows_unchanged"] == 1
    assert read_table(tmp_path / "t").to_pydict() == {"a": [10, 20, 3], "b": [1, 2, 30], "c": [11, 22, 0]}


@pytest.mark.parametrize("verify", [[], ["--verify", "full"]])
def test_lesson_04_a_new_column(lamella, write, tmp_path, verify):
    trades(write)
    done = run(lamella, "update", "t", "--set", "note = CASE WHEN id = 1 THEN 'first' ELSE 'x' END", "--where",
               "id in (1, 3)", "--partition", "product=BTC", *verify)  # fmt: skip
    assert done["rows_updated"] == 2 and done["rows_unchanged"] == 10 and done["files_scanned"] == 2
    assert done["files_rewritten"] == 4 and done["partitions_affected"] == 1
    assert done["row_groups_encoded"] == 2 and done["row_groups_copied"] == 10
    for path in files_of(tmp_path / "t"):  # everyone sees one schema
        assert pq.ParquetFile(path).schema_arrow.field("note").type == pa.string()
    assert column(tmp_path / "t", "note") == [None, "first", None, "x"] + [None] * 20
    assert column(tmp_path / "t", "id") == list(range(24))
    assert polars.read_parquet(tmp_path / "t")["note"].null_count() == 22
    assert duckdb.sql(f"select count(note) from '{tmp_path}/t/**/*.parquet'").fetchall() == [(2,)]
    lamella("verify", "t", "--full")
    before = bytes_of(tmp_path / "t")
    assert run(lamella, "update", "t", "--set", "other = 1", "--where", "id = 99")["sequence"] == 0
    assert bytes_of(tmp_path / "t") == before


def test_lesson_05_a_row_whose_partition_is_set_moves(lamella, write, tmp_path):
    trades(write)
    done = run(lamella, "update", "t", "--set", "day = DATE '2024-02-29'", "--where", "id in (0, 1, 6, 20)")
    assert done["rows_updated"] == 4 and done["files_added"] == 2 and done["files_rewritten"] == 3
    assert done["partitions_affected"] == 5
    moved = tmp_path / "t" / "product=BTC" / "day=2024-02-29"
    assert column(moved, "id") == [0, 1, 6] and set(column(moved, "day")) == {datetime.date(2024, 2, 29)}
    lamella("verify", "t", "--full")
    done = run(lamella, "update", "t", "--set", "product = 'A/B=%', day = NULL", "--where", "price IS NULL")
    assert done["rows_updated"] == 5
    (path,) = files_of(tmp_path / "t" / "product=A%2FB%3D%25" / "day=__HIVE_DEFAULT_PARTITION__")
    assert sorted(column(path.parent, "id")) == [0, 5, 10, 15, 20]
    assert sorted(column(tmp_path / "t", "id")) == list(range(24))
    lamella("verify", "t", "--full")
    # Back again: the partitions they leave go.
    run(lamella, "update", "t", "--set", "product = 'ETH', day = DATE '2024-01-01'", "--where", "product = 'A/B=%'")
    assert not path.parent.parent.exists()
    assert len(column(tmp_path / "t" / "product=ETH" / "day=2024-01-01", "id")) == 6 - 1 + 5


def test_lesson_05_a_column_of_the_path_alone(lamella, write, tmp_path):
    for p in (1, 2):
        write(f"t/p={p}/a.parquet", {"id": [10 * p, 10 * p + 1]})
    done = run(lamella, "update", "t", "--set", "p = p + 1, id = id + p", "--where", "id % 10 = 0")
    assert done["rows_updated"] == 2 and done["files_added"] == 2
    assert {p.name: column(p, "id") for p in (tmp_path / "t").iterdir()} == {"p=1": [11], "p=2": [21, 11], "p=3": [22]}
    assert all(pq.ParquetFile(p).schema_arrow.names == ["id"] for p in files_of(tmp_path / "t"))
    done = run(lamella, "update", "t", "--set", "p = p, id = 0", "--where", "p = 2")  # none of them moves
    assert done["rows_updated"] == 2 and done["files_added"] == 0 and column(tmp_path / "t/p=2", "id") == [0, 0]


def test_lesson_08_one_failure_fails_all(lamella, write, tmp_path):
    trades(write, write_page_checksum=True)
    before = bytes_of(tmp_path / "t")
    failed = lamella("update", "t", "--set", "id = id * 500000000000000000", "--where", "id > 0", status=1)
    assert "row group" in failed.err and ".parquet" in failed.err and '"id"' in failed.err
    assert bytes_of(tmp_path / "t") == before
    victim = files_of(tmp_path / "t")[3]
    damaged = bytearray(victim.read_bytes())
    damaged[60] ^= 255
    victim.write_bytes(damaged)
    before = bytes_of(tmp_path / "t")
    lamella("delete", "t", "--where", "price > 1 AND id % 2 = 1", status=1)
    assert bytes_of(tmp_path / "t") == before
    no_stage(tmp_path / "t")


def test_lesson_09_the_old_files_go(lamella, write, tmp_path):
    trades(write)
    names = {p.name for p in files_of(tmp_path / "t")}
    run(lamella, "update", "t", "--set", "price = 0", "--where", "true")
    assert len(files_of(tmp_path / "t")) == 4 and names.isdisjoint(p.name for p in files_of(tmp_path / "t"))
    assert ds.dataset(tmp_path / "t", partitioning=None).count_rows() == 24


def test_lesson_10_backups_are_apart_and_come_back(lamella, write, tmp_path):
    trades(write)
    first = bytes_of(tmp_path / "t")
    run(lamella, "delete", "t", "--where", "product = 'BTC' or id = 13", "--backup", tmp_path / "kept")
    second = bytes_of(tmp_path / "t")
    lamella("update", "t", "--set", "price = 7", "--where", "id > 13", "--backup", tmp_path / "kept")
    backups = sorted((tmp_path / "kept").iterdir(), key=lambda p: p.stat().st_mtime_ns)
    assert len(backups) == 2
    lamella("restore", backups[1])
    assert bytes_of(tmp_path / "t") == second
    lamella("restore", backups[0])
    assert bytes_of(tmp_path / "t") == first
    lamella("delete", "t", "--where", "true", "--backup", tmp_path / "t" / "kept", status=1)
    assert bytes_of(tmp_path / "t") == first


def test_lesson_15_a_dry_run_counts_as_the_run(lamella, write, tmp_path):
    trades(write)
    dry = lamella.json("delete", "t", "--where", "id in (2, 3, 9)", "--dry-run")
    assert dry["operation"] == "delete (dry run)" and dry["rows_deleted"] == 3 and dry["bytes_written"] > 0
    assert not (tmp_path / "t.lamella").exists()
    assert counts(dry) == counts(lamella.json("delete", "t", "--where", "id in (2, 3, 9)"))


@pytest.mark.parametrize("codec", ["snappy", "gzip", "none"])
def test_lesson_17_codecs_and_dictionaries_are_kept(lamella, write, tmp_path, codec):
    table = pa.table({"a": list(range(1000)), "s": [f"s{i % 7}" for i in range(1000)]})
    write("t/a.parquet", table, compression=codec, use_dictionary=["s"], row_group_size=300)
    run(lamella, "delete", "t", "--where", "a between 100 and 110 or a = 500")
    run(lamella, "update", "t", "--set", "s = 'new'", "--where", "a = 5 or a = 650")
    (path,) = files_of(tmp_path / "t")
    meta = pq.ParquetFile(path).metadata
    for g in range(meta.num_row_groups):
        for c in range(2):
            assert meta.row_group(g).column(c).compression == {"none": "UNCOMPRESSED"}.get(codec, codec.upper())
        assert any("DICTIONARY" in name for name in meta.row_group(g).column(1).encodings)
        assert not any("DICTIONARY" in name for name in meta.row_group(g).column(0).encodings)
    assert column(tmp_path / "t", "s")[5] == "new" and len(column(tmp_path / "t", "a")) == 988


@pytest.mark.parametrize(
    "type, value, message",
    [
        (pa.int8(), "i * 100", "out of range"),
        (pa.uint16(), "0 - i", "out of range"),
        (pa.int32(), "2147483647.6", "out of range"),
        (pa.decimal128(4, 2), "i * 60.001", "out of range"),
        (pa.date32(), "'2024-02-30'", ""),
        (pa.bool_(), "'maybe'", ""),
    ],
)
def test_lesson_27_what_does_not_fit_is_an_error(lamella, write, tmp_path, type, value, message):
    write("t/a.parquet", pa.table({"i": [1, 2, 3], "v": pa.nulls(3, type)}))
    before = bytes_of(tmp_path / "t")
    failed = lamella("update", "t", "--set", f"v = {value}", "--where", "i >= 2", status=1)
    assert message in failed.err and '"v"' in failed.err
    assert bytes_of(tmp_path / "t") == before


def test_lesson_28_not_null(lamella, write, tmp_path):
    schema = pa.schema([pa.field("i", pa.int64(), nullable=False), pa.field("v", pa.int64())])
    write("t/a.parquet", pa.table({"i": [1, 2, 3], "v": [1, None, 3]}, schema=schema), row_group_size=2)
    failed = lamella("update", "t", "--set", "i = v", "--where", "i > 1", status=1)
    assert "NOT NULL" in failed.err and "row group 0, row 1" in failed.err
    run(lamella, "update", "t", "--set", "i = v + 1", "--where", "v = 3")
    assert column(tmp_path / "t", "i") == [1, 2, 4]
    assert not pq.ParquetFile(files_of(tmp_path / "t")[0]).schema_arrow.field("i").nullable


def test_lesson_50_foreign_tables_are_refused(lamella, write, tmp_path):
    write("t/a.parquet", {"x": [1]})
    (tmp_path / "t" / "_delta_log").mkdir()
    (tmp_path / "t" / "_delta_log" / "00000000000000000000.json").write_text("{}")
    for dry in ([], ["--dry-run"]):
        lamella("delete", "t", "--where", "true", *dry, status=1)
        lamella("update", "t", "--set", "x=2", "--where", "true", *dry, status=1)
    assert column(tmp_path / "t", "x") == [1]


# ---- what is touched, and what is not ----


def test_untouched_files_and_row_groups(lamella, write, tmp_path):
    for f in range(3):
        rows = range(f * 1000, f * 1000 + 1000)
        write(f"t/{f}.parquet", {"id": list(rows), "s": [f"v{i}" for i in rows]}, row_group_size=100)
    before = identities(tmp_path / "t")
    done = run(lamella, "delete", "t", "--where", "id = 1234 or id between 1300 and 1399 or id in (1777, 1778)")
    assert done["rows_deleted"] == 103 and done["rows_unchanged"] == 2897
    assert done["files_rewritten"] == 1 and done["row_groups_copied"] == 7 and done["row_groups_encoded"] == 2
    after = identities(tmp_path / "t")
    assert {p: i for p, i in before.items() if p.name != "1.parquet"}.items() <= after.items() and len(after) == 3
    names = [p.name for p in files_of(tmp_path / "t")]
    assert names[0] == "0.parquet" and names[1].startswith("1-") and names[2] == "2.parquet"
    meta = pq.ParquetFile(files_of(tmp_path / "t")[1]).metadata
    assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [100, 100, 99, 100, 100, 100, 98, 100, 100]
    done = run(lamella, "update", "t", "--set", "s = 'x'", "--where", "id in (2000, 2999)")
    assert done["row_groups_copied"] == 8 and done["row_groups_encoded"] == 2 and done["files_rewritten"] == 1
    expected = [i for i in range(3000) if i != 1234 and not 1300 <= i <= 1399 and i not in (1777, 1778)]
    assert column(tmp_path / "t", "id") == expected
    assert column(tmp_path / "t", "s") == ["x" if i in (2000, 2999) else f"v{i}" for i in expected]


@pytest.mark.parametrize("mode", ["rewrite", "append"])
def test_untouched_files_are_not_opened(lamella, write, tmp_path, mode):
    """What bounds or bloom filters exclude by the pack and the sidecars: the bytes of these files are gone, and no change
    notices. Ids of all files lie in the bounds of each; names do in those of the file that is looked for alone."""
    for f in range(4):
        ids = [10 * i + f for i in range(300)]
        rows = {"id": ids, "n": [f * 1000 + i for i in range(300)], "v": [0] * 300}
        write(f"s/g={f}/{f}.parquet", rows, row_group_size=50)
    lamella("repartition", "s", "t", "--by", "g", "--bloom", "id", "--row-group-rows", "50")
    lamella("sidecar", "build", "t", "--bloom", "inline")
    touched = [p for p in files_of(tmp_path / "t") if "g=2" in str(p)]
    for path in set(files_of(tmp_path / "t")) - set(touched):
        info = path.stat()
        path.write_bytes(bytes(info.st_size))
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    before = identities(tmp_path / "t")
    write("new.parquet", {"id": [1002, 1012], "v": [7, 8]})
    write("one.parquet", {"g": [2], "n": [2004], "v": [9]})
    for arguments, rows in ((["delete", "t", "--where", "n between 2290 and 2295"], 6),
                            (["delete", "t", "--where", "id = 502"], 1),
                            (["update", "t", "--set", "v = 5", "--where", "n = 2003"], 1),
                            (["upsert", "t", "--from", "new.parquet", "--key", "id"], 2),
                            (["upsert", "t", "--from", "one.parquet", "--key", "g,n"], 1)):  # fmt: skip
        done = run(lamella, *arguments, "--mode", mode)
        assert done["rows_matched"] == rows and done["files_read"] == 1, arguments
    after = identities(tmp_path / "t")
    assert {p: i for p, i in before.items() if p not in touched}.items() <= after.items()


def test_columns_that_are_not_set_are_copied(lamella, write, tmp_path):
    """An update of one of many columns writes little: the others keep their bytes, page for page."""
    r = random.Random(3)
    table = pa.table({"id": list(range(2000)), **{f"c{i}": [r.random() for _ in range(2000)] for i in range(5)},
                      "l": [[i, i + 1] for i in range(2000)]})  # fmt: skip
    write("t/a.parquet", table, compression="gzip", row_group_size=1000)
    old = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata
    run(lamella, "update", "t", "--set", "c2 = c1 + id", "--where", "id % 7 = 0")
    new = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata
    for g in range(2):
        for c in range(old.num_columns):
            a, b = old.row_group(g).column(c), new.row_group(g).column(c)
            if a.path_in_schema != "c2":
                assert a.total_compressed_size == b.total_compressed_size
                assert not a.statistics or a.statistics.to_dict() == b.statistics.to_dict()
    expected = table.to_pydict()
    expected["c2"] = [c1 + i if i % 7 == 0 else c2
                      for i, c1, c2 in zip(expected["id"], expected["c1"], expected["c2"])]  # fmt: skip
    assert read_table(tmp_path / "t").to_pydict() == expected
    lamella("verify", "t", "--full")


def test_row_groups_of_other_writers_are_copied(lamella, tmp_path):
    """DuckDB annotates by converted types, Polars by logical ones; it means the same."""
    (tmp_path / "t").mkdir()
    rows = """select i::bigint as id, i::integer as a, (i % 100)::utinyint as b, i::usmallint as c, i::hugeint as h,
        i::ubigint as u, i::tinyint % 50 as w, (i / 3)::decimal(12, 3) as d, 's' || i as s, date '2024-01-01' + i::integer as e,
        timestamp '2024-01-01' + interval (i) second as t, timestamptz '2024-01-01' + interval (i) second as z,
        [i, i + 1] as l, {'x': i, 'y': 'v' || i} as st, i % 2 = 0 as f, uuid() as id2, ('b' || i)::blob as y
        from range(100) r(i)"""
    duckdb.sql(rows.replace("range(100)", "range(10000)").replace("i::tinyint % 50", "(i % 50)::tinyint")).write_parquet(
        str(tmp_path / "t" / "a.parquet"), row_group_size=2048)  # fmt: skip
    polars.from_arrow(pq.read_table(tmp_path / "t" / "a.parquet")).write_parquet(
        tmp_path / "t" / "b.parquet", row_group_size=2500)  # fmt: skip
    for name, column_ in (("a", "id2"), ("b", "s")):
        (tmp_path / name).mkdir()
        (tmp_path / "t" / f"{name}.parquet").rename(tmp_path / name / "x.parquet")
        before = pq.read_table(tmp_path / name / "x.parquet")
        done = run(lamella, "delete", name, "--where", "id = 3000")
        groups = pq.ParquetFile(files_of(tmp_path / name)[0]).metadata.num_row_groups
        assert done["row_groups_copied"] == groups - 1 and done["row_groups_encoded"] == 1
        after = pq.read_table(files_of(tmp_path / name)[0])
        assert after.drop_columns([column_]).to_pylist() == (
            pa.concat_tables([before.slice(0, 3000), before.slice(3001)]).drop_columns([column_]).to_pylist())  # fmt: skip
        lamella("verify", name, "--full")


def test_all_rows(lamella, write, tmp_path):
    trades(write)
    done = run(lamella, "delete", "t", "--where", "product = 'BTC'")
    assert done["files_removed"] == 2 and done["rows_deleted"] == 12 and not (tmp_path / "t/product=BTC").exists()
    done = run(lamella, "delete", "t", "--where", "true")
    assert done["rows_deleted"] == 12 and done["rows_unchanged"] == 0
    (path,) = files_of(tmp_path / "t")  # the schema survives
    assert pq.ParquetFile(path).metadata.num_rows == 0
    assert pq.ParquetFile(path).schema_arrow.names == ["id", "price", "product", "day"]
    assert run(lamella, "delete", "t", "--where", "true")["sequence"] == 0
    assert lamella("count", "t").text.strip() == "0"


def test_metadata_is_kept(lamella, write, tmp_path):
    table = pa.table({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]}).replace_schema_metadata({"owner": "me"})
    path = write("t/a.parquet", table, sorting_columns=[pq.SortingColumn(0)], row_group_size=2)
    path.chmod(0o640)
    (tmp_path / "t" / "notes.txt").write_text("mine")
    run(lamella, "delete", "t", "--where", "a = 1")
    (path,) = files_of(tmp_path / "t")
    f = pq.ParquetFile(path)
    assert f.schema_arrow.metadata[b"owner"] == b"me" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert f.metadata.row_group(0).sorting_columns == (pq.SortingColumn(0),)
    run(lamella, "update", "t", "--set", "a = 9 - a", "--where", "true")
    (path,) = files_of(tmp_path / "t")
    assert not pq.ParquetFile(path).metadata.row_group(0).sorting_columns
    assert (tmp_path / "t" / "notes.txt").read_text() == "mine"


def test_links_are_not_changed(lamella, write, tmp_path):
    write("t/a.parquet", {"x": [1, 2]})
    outside = write("outside.parquet", {"x": [3, 4]})
    (tmp_path / "t" / "b.parquet").symlink_to(outside)
    assert run(lamella, "delete", "t", "--where", "x = 1")["rows_deleted"] == 1
    failed = lamella("delete", "t", "--where", "x >= 2", status=1)
    assert "symbolic link" in failed.err
    failed = lamella("update", "t", "--set", "x = 0", "--where", "x = 4", status=1)
    assert "symbolic link" in failed.err
    assert pq.read_table(outside)["x"].to_pylist() == [3, 4] and column(tmp_path / "t", "x") == [2, 3, 4]


def test_files_of_several_schemas(lamella, write, tmp_path):
    """Columns meet by name, widen, and are NULL where a file lacks them; a column that is set is as the table has it."""
    write("t/a.parquet", pa.table({"id": pa.array([1, 2], pa.int32()), "v": pa.array([1, 2], pa.int32())}))
    write("t/b.parquet", pa.table({"id": pa.array([3, 4], pa.int64()), "w": ["x", "y"]}))
    done = run(lamella, "update", "t", "--set", "id = id + 5000000000, w = 'new'", "--where", "id in (2, 4)")
    assert done["rows_updated"] == 2
    a, b = (pq.ParquetFile(p).read().to_pydict() for p in files_of(tmp_path / "t"))
    assert a == {"id": [1, 5000000002], "v": [1, 2], "w": [None, "new"]}
    assert b == {"id": [3, 5000000004], "w": ["x", "new"]}
    run(lamella, "update", "t", "--set", "v = 7", "--where", "v IS NULL")
    assert run(lamella, "delete", "t", "--where", "v = 7")["rows_deleted"] == 2


def test_nested_columns_are_carried(lamella, write, tmp_path):
    rows = [{"id": i, "l": [i] * (i % 3) or None, "s": {"a": i, "b": [str(i)]}, "m": [("k", i)]} for i in range(50)]
    type = pa.schema([("id", pa.int64()), ("l", pa.list_(pa.int64())),
                      ("s", pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])),
                      ("m", pa.map_(pa.string(), pa.int64()))])  # fmt: skip
    write("t/p=1/a.parquet", pa.Table.from_pylist(rows, type), row_group_size=20)
    run(lamella, "delete", "t", "--where", "s.a % 4 = 1", "--verify", "full")
    run(lamella, "update", "t", "--set", "id = s.a * 10", "--where", "id > 40")
    run(lamella, "update", "t", "--set", "p = 2", "--where", "id in (0, 30, 480)")
    expected = [{**r, "id": r["id"] * 10 if r["id"] > 40 else r["id"]} for r in rows if r["id"] % 4 != 1]
    got = sorted(read_table(tmp_path / "t").to_pylist(), key=lambda r: r["s"]["a"])
    assert got == expected
    failed = lamella("update", "t", "--set", "l = NULL", "--where", "true", status=1)
    assert "nested" in failed.err


def test_two_writers_both_change_what_they_should(lamella, write, tmp_path):
    """Whoever comes second is begun anew on what the first has left."""
    for i in range(4):
        write(f"t/{i}.parquet", {"id": list(range(i * 500, i * 500 + 500)), "v": [0] * 500}, row_group_size=50)
    writers = [lamella.start("--json", "update", "t", "--set", f"v = v + {10**k}", "--where", "id % 100 = 0",
                             stdout=-1, stderr=-1) for k in range(4)]  # fmt: skip
    done = [w.communicate() + (w.returncode,) for w in writers]
    total = sum(10**k for k, (_, _, code) in enumerate(done) if code == 0)
    for out, err, code in done:
        assert code == 0 or (code == 3 and b"another writer" in err), err
        if code == 0:
            assert json.loads(out)["rows_updated"] == 20
    assert set(column(tmp_path / "t", "v")) == {0, total} and total
    no_stage(tmp_path / "t")


def test_usage(lamella, write):
    write("t/a.parquet", {"x": [1]})
    lamella("delete", "t", status=2)
    lamella("update", "t", "--where", "true", status=2)
    lamella("update", "t", "--set", "x=1", status=2)
    lamella("delete", "t", "--where", "x = ", status=2)
    lamella("delete", "t/a.parquet", "--where", "x = 1", status=1)
    lamella("delete", "nowhere", "--where", "x = 1", status=1)
    assert "rows deleted         1" in lamella("delete", "t", "--where", "x = 1").text


# ---- at random, against DuckDB ----

CONDITIONS = [
    "i % {k} = 0", "i > {n}", "i between {n} and {n} + {k} * 20", "s = 's{k}'", "f < {k} * 0.1", "s IS NULL",
    "i = {n} or s like 's{k}%'", "d > DATE '2024-01-0{k}'", "NOT (f > 0.5) and i < {n}", "p = 'p{k}'", "true",
    "i in ({n}, {n} + 1, {n} + 7) and f is not null",
]  # fmt: skip
SETS = [
    "i = i + {k}", "f = i * 0.5, i = 0 - i", "s = 'new{k}'", "s = NULL, f = f + {k}", "d = DATE '2024-02-0{k}'",
    "f = CASE WHEN i % 2 = 0 THEN f ELSE {k} END", "p = 'p{k}'", "p = s, i = i", "s = p, p = 'q{k}'", "c = c + 0.25",
]  # fmt: skip



def rows_sorted(rows):
    return sorted(rows, key=lambda r: tuple((v is None, v if v is not None else 0) for v in r))


@pytest.mark.parametrize("number", range(12))
def test_random_against_duckdb(lamella, write, tmp_path, rng, number):
    r = random.Random(f"{rng.random()} {number}")
    partitioned = r.random() < 0.6
    tables = []
    for file in range(r.randint(1, 4)):
        p = f"p{file % 3}"
        n = r.randint(1, 600)
        table = pa.table({
            "i": pa.array([r.choice([None, r.randint(-500, 500), 7]) for _ in range(n)], pa.int64()),
            "f": pa.array([r.choice([None, r.randint(0, 9) / 8, 0.5]) for _ in range(n)], pa.float64()),
            "s": pa.array([r.choice([None, f"s{r.randint(0, 5)}", "sa" * 20]) for _ in range(n)], pa.string()),
            "d": pa.array([r.choice([None, datetime.date(2024, 1, r.randint(1, 9))]) for _ in range(n)], pa.date32()),
            "c": pa.array([decimal.Decimal(r.randint(-999, 999)).scaleb(-2) for _ in range(n)], pa.decimal128(9, 2)),
            "p": pa.array([p if partitioned else r.choice(["p1", "p2", "p3"]) for _ in range(n)], pa.string()),
        })  # fmt: skip
        tables.append(table)
        where = f"t/p={p}/{file}.parquet" if partitioned else f"t/{file}.parquet"
        write(where, table, row_group_size=r.choice([3, 50, 200, 1000]), compression=r.choice(["snappy", "zstd"]),
              use_dictionary=r.random() < 0.7, write_page_index=r.random() < 0.5)  # fmt: skip
    db = duckdb.connect()
    everything = pa.concat_tables(tables)
    db.execute("create table t as select * from everything")
    for step in range(5):
        values = {"k": r.randint(0, 5) or 1, "n": r.randint(-500, 500)}
        where = r.choice(CONDITIONS).format(**values)
        options = r.choice([[], ["--verify", "full"], ["--compression", "lz4"], ["--mode", "append"]])
        total = db.execute("select count(*) from t").fetchone()[0]
        if r.random() < 0.5:
            done = run(lamella, "delete", "t", "--where", where, *options)
            (expected,) = db.execute(f"delete from t where {where}").fetchone()
            assert done["rows_deleted"] == done["rows_matched"] == expected
        else:
            sets = r.choice(SETS).format(**values)
            done = run(lamella, "update", "t", "--set", sets, "--where", where, *options)
            (expected,) = db.execute(f"update t set {sets} where {where}").fetchone()
            assert done["rows_updated"] == done["rows_matched"] == expected
        assert done["rows_unchanged"] == total - expected
        got = pa.table(lamella_rows(lamella)).to_pylist()
        want = db.execute("select i, f, s, d, c, p from t").fetchall()
        assert rows_sorted([tuple(row.values()) for row in got]) == rows_sorted(want)
    lamella("verify", "t", "--full")


def lamella_rows(lamella):
    lamella("cat", "t", "--columns", "i,f,s,d,c,p", "--format", "parquet", "-o", "out.parquet")
    return pq.read_table(lamella.directory / "out.parquet")


def test_counts_of_nan_and_sizes_go_along_with_copied_pages(lamella, write):
    """Of 200,000 rows one page changes: the others are copied, and the counts of all stay right; where the source has none
    for its pages, the chunk has none."""
    rows = 200_000
    table = pa.table({"id": range(rows), "f": [float("nan") if i % 1000 == 0 else i / 7 for i in range(rows)],
                      "s": [f"v{i % 10}" for i in range(rows)]})
    write("x.parquet", table)
    lamella("import", "x.parquet", "--into", "t")
    write("u/x.parquet", table, write_page_index=True, compression="zstd", use_dictionary=False, row_group_size=rows)
    for name, nans in (("t", 198), ("u", None)):
        lamella("delete", name, "--where", "id IN (1000, 2000, 2001)")
        (path,) = files_of(lamella.directory / name)
        chunks = {c["column"]: c for c in lamella.json("inspect", path)["chunks"]}
        assert chunks["f"]["nans"] == nans and chunks["f"]["values"] == rows - 3
        if name == "t":
            assert chunks["s"]["string_bytes"] == 2 * (rows - 3)
        lamella("verify", name, "--full")


def test_bounds_that_are_nan(lamella, tmp_path):
    """Old writers took a NaN for the bounds of its page or chunk: of copied pages they say nothing, and the values
    behind them are found again."""
    rows = 120_000
    table = pa.table({"id": range(rows), "x": [float(i) for i in range(rows)]})
    os.mkdir(tmp_path / "t")
    path = tmp_path / "t" / "f.parquet"
    pq.write_table(table, path, use_dictionary=False, compression="none", data_page_size=20_000, write_page_index=True)
    data = bytearray(path.read_bytes())
    x = pq.read_metadata(path).row_group(0).column(1)
    pages_end = x.data_page_offset + x.total_compressed_size
    values = {struct.pack("<d", i) for i in range(1, rows)}
    patched = 0
    for at in range(pages_end, len(data) - 8):
        if bytes(data[at : at + 8]) in values:
            data[at : at + 8] = struct.pack("<d", math.nan)
            patched += 1
    assert patched > 80
    path.write_bytes(data)
    assert lamella.json("delete", "t", "--where", "id = 5")["rows_deleted"] == 1
    for where, count in {"x = 119999e0": 1, "x BETWEEN 100000 AND 100009": 10, "x < 4000": 3999}.items():
        assert lamella.json("count", "t", "--where", where)["rows"] == count, where


@pytest.mark.parametrize("command", [["delete", "t", "--where", "a = 1"], ["update", "t", "--set", "a = 9", "--where", "a = 1"]])
def test_partitions_that_were_not_asked_for_are_not_looked_at(lamella, write, command):
    """Neither for the rows nor, by the commit, for what came meanwhile."""
    write("t/p=1/a.parquet", {"a": [1, 2]})
    write("t/p=2/p=3/a.parquet", {"a": [1, 2]})  # no table can be made of that
    assert "two values" in lamella(*command, status=1).err
    done = lamella.json(*command, "--partition", "p=1")
    assert done["rows_matched"] == 1 and done["partitions_scanned"] == 1
