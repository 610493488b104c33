"""Compaction of directories: rows, order, sizes, codecs, metadata, conflicts. Numbers of lessons are of lessons.md."""

import fcntl
import json
import pathlib
import random
import shutil
import stat
import subprocess
import time

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, column, files_of, no_stage, read_files, read_table


def small_files(write, name, count, rows=100, **options):
    """`count` files of `rows` numbered rows each; returns the numbers in the order of the files."""
    for i in range(count):
        numbers = list(range(i * rows, (i + 1) * rows))
        write(f"{name}/{i:04}.parquet", {"n": numbers, "s": [f"row {n}" for n in numbers]}, **options)
    return list(range(count * rows))


def test_order_is_kept(lamella, write, tmp_path):
    numbers = small_files(write, "t", 30)
    before = read_table(tmp_path / "t")
    done = lamella.json("compact", "t")
    (path,) = files_of(tmp_path / "t")
    assert pq.ParquetFile(path).read().equals(before) and column(tmp_path / "t", "n") == numbers
    assert done["files_before"] == 30 and done["files_after"] == 1 and done["files_compacted"] == 30
    assert done["files_written"] == 1 and done["rows"] == 3000 and done["partitions_compacted"] == 1
    assert done["bytes_after"] == done["bytes_written"] == path.stat().st_size
    assert done["bytes_before"] == done["bytes_read"] and done["sequence"] == 1
    assert polars.read_parquet(path).to_arrow().cast(before.schema).equals(before)
    assert duckdb.sql(f"select sum(n), count(distinct s) from '{path}'").fetchall() == [(sum(numbers), 3000)]
    no_stage(tmp_path / "t")


def test_second_compaction_changes_nothing(lamella, write, tmp_path):
    small_files(write, "t/p=1", 10)
    small_files(write, "t/p=2", 10)
    lamella("compact", "t")
    before = bytes_of(tmp_path / "t")
    done = lamella.json("compact", "t")
    assert done["files_compacted"] == done["files_written"] == done["sequence"] == 0
    assert bytes_of(tmp_path / "t") == before


def test_lesson_11_target_size(lamella, write, tmp_path):
    """Lessons 11 and 40: files of the target size within 10 %, several where one would be too large."""
    r = np.random.default_rng(1)
    for i in range(40):
        write(f"t/{i:02}.parquet", {"v": r.integers(0, 2**62, 10000)}, compression="none", use_dictionary=False)
    values = column(tmp_path / "t", "v")
    target = 1_000_000
    done = lamella.json("compact", "t", "--target-size", "1MB")
    sizes = [p.stat().st_size for p in files_of(tmp_path / "t")]
    assert done["files_after"] == len(sizes) and column(tmp_path / "t", "v") == values
    assert all(0.9 * target <= size <= 1.1 * target for size in sizes[:-1]), sizes
    assert sizes[-1] <= 1.1 * target


def test_target_size_of_row_groups_that_are_copied(lamella, write, tmp_path):
    r = np.random.default_rng(2)
    for i in range(12):
        write(f"t/{i:02}.parquet", {"v": r.integers(0, 2**62, 50000)}, compression="none", use_dictionary=False)
    values = column(tmp_path / "t", "v")
    done = lamella.json("compact", "t", "--target-size", "2MB", "--row-group-size", "300kB")
    sizes = [p.stat().st_size for p in files_of(tmp_path / "t")]
    assert column(tmp_path / "t", "v") == values and done["row_groups_copied"] == 12
    assert all(1_800_000 <= size <= 2_200_000 for size in sizes[:-1]), sizes


def test_target_size_between_row_groups(lamella, write, tmp_path):
    """No whole number of row groups makes a file of the target: some are decoded, so that files end where they should."""
    r = np.random.default_rng(3)
    for i in range(20):
        write(f"t/{i:02}.parquet", {"v": r.integers(0, 2**62, 90000)}, compression="none", use_dictionary=False)
    values = column(tmp_path / "t", "v")
    done = lamella.json("compact", "t", "--target-size", "1MB", "--verify", "full")
    sizes = [p.stat().st_size for p in files_of(tmp_path / "t")]
    assert column(tmp_path / "t", "v") == values
    assert len(sizes) == 15 and all(900_000 <= size <= 1_100_000 for size in sizes[:-1]), sizes
    assert done["row_groups_copied"] >= 5 and done["row_groups_copied"] + done["row_groups_merged"] == 20
    assert lamella.json("compact", "t", "--target-size", "1MB")["files_compacted"] == 0


def test_min_files(lamella, write, tmp_path):
    small_files(write, "t/p=few", 3)
    small_files(write, "t/p=many", 6)
    done = lamella.json("compact", "t", "--min-files", 4)
    assert done["partitions_compacted"] == 1 and done["partitions_scanned"] == 2
    assert len(files_of(tmp_path / "t" / "p=few")) == 3 and len(files_of(tmp_path / "t" / "p=many")) == 1


def test_max_file_size(lamella, write, tmp_path):
    small_files(write, "t", 6)
    big = write("t/0009.parquet", {"n": list(range(100000)), "s": [str(i) for i in range(100000)]})
    data = big.read_bytes()
    done = lamella.json("compact", "t", "--max-file-size", "50kB")
    assert done["files_compacted"] == 6 and big.read_bytes() == data and len(files_of(tmp_path / "t")) == 2


def test_sort_by_spills(lamella, write, tmp_path, rng):
    n, width = 400_000, 12
    values = np.random.default_rng(3).permutation(n)
    for i in range(8):
        part = values[i * n // 8 : (i + 1) * n // 8]
        write(f"t/{i}.parquet", {"k": part, "s": [f"{v:0{width}}" * 4 for v in part], "g": part % 7})
    spill = tmp_path / "spill"
    spill.mkdir()
    done = lamella.json("compact", "t", "--sort-by", "g desc,k", "--memory-limit", "24MiB", "--threads", 2,
                        "--verify", "full", env={"TMPDIR": str(spill)})
    found = read_table(tmp_path / "t")
    g, k = found["g"].to_numpy(), found["k"].to_numpy()
    order = np.lexsort((values, -(values % 7)))
    assert np.array_equal(k, values[order]) and np.array_equal(g, (values % 7)[order])
    assert found["s"][12345].as_py() == f"{k[12345]:0{width}}" * 4 and done["rows"] == n
    meta = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata
    assert meta.row_group(0).sorting_columns == (pq.SortingColumn(2, True, False), pq.SortingColumn(0, False, False))
    assert list(spill.iterdir()) == []


def test_sorting_columns_of_few_values(lamella, write, tmp_path):
    """They are carried as numbers, whatever their type; dictionaries differ from file to file."""
    n, rng = 60_000, np.random.default_rng(4)
    parts = []
    for i in range(4):
        number = rng.integers(i, i + 9, n // 4)
        text = pa.array([f"word {v}" * int(v) for v in number], mask=number == i + 3)
        parts.append(pa.table({
            "k": rng.permutation(n // 4) + i * (n // 8),
            "text": text,
            "bytes": text.cast(pa.large_binary()),
            "number": pa.array(number * 1_000_000_007, pa.int64()),
            "money": pa.array(number, pa.int32()).cast(pa.decimal128(10, 0)).cast(pa.decimal128(15, 2)),
            "day": pa.array(number.astype(np.int32), pa.int32()).cast(pa.date32()),
            "real": pa.array(np.where(number % 2, -0.0, number / 3)),
            "many": rng.integers(0, 1 << 40, n // 4),
        }))
        write(f"t/{i}.parquet", parts[-1], store_schema=i % 2 == 0, row_group_size=5000 + 1000 * i)
    whole = pa.concat_tables(parts).sort_by([("k", "ascending"), ("many", "descending")])
    for limit in (16, 256):
        shutil.copytree(tmp_path / "t", tmp_path / "u")
        lamella("compact", "u", "--sort-by", "k,many desc", "--memory-limit", f"{limit}MiB", "--threads", 2, "--verify", "full")
        found = read_table(tmp_path / "u")
        for name in whole.column_names:
            assert found[name].cast(whole[name].type).to_pylist() == whole[name].to_pylist(), name
        shutil.rmtree(tmp_path / "u")
        shutil.rmtree(tmp_path / "u.lamella")


def test_sorting_when_few_values_become_many(lamella, write, tmp_path):
    """Each row group has 1,000 values of its own: together more than there are codes."""
    rows, groups = 12_000, 34
    v = np.concatenate([np.arange(rows) % 1000 + g * 1000 for g in range(groups)]).astype(np.int32)
    k = np.random.default_rng(5).permutation(rows * groups)
    path = write("t/0.parquet", {"k": k, "v": v}, row_group_size=rows, compression="zstd", compression_level=19)
    chunk = pq.ParquetFile(path).metadata.row_group(7).column(1)
    assert chunk.data_page_offset - chunk.dictionary_page_offset < rows / 8
    write("t/1.parquet", {"k": np.arange(-9000, 0), "v": pa.array([5] * 9000, pa.int32())})
    done = lamella.json("compact", "t", "--sort-by", "k", "--verify", "full")
    assert done["rows"] == rows * groups + 9000 and done["bytes_read"] == done["bytes_before"]
    assert column(tmp_path / "t", "v") == [5] * 9000 + v[np.argsort(k)].tolist()


def test_sorting_with_nulls(lamella, write, tmp_path):
    write("t/1.parquet", {"k": [3, None, 1]})
    write("t/2.parquet", {"k": [None, 2]})
    for order, wanted in (("k", [1, 2, 3, None, None]), ("k nulls first", [None, None, 1, 2, 3]),
                          ("k desc", [3, 2, 1, None, None])):
        shutil.copytree(tmp_path / "t", tmp_path / "u")
        lamella("compact", "u", "--sort-by", order)
        assert column(tmp_path / "u", "k") == wanted, order
        shutil.rmtree(tmp_path / "u")
        shutil.rmtree(tmp_path / "u.lamella")


@pytest.mark.parametrize("codec", ["NONE", "SNAPPY", "GZIP", "BROTLI", "ZSTD", "LZ4"])
def test_codec_is_kept(lamella, write, tmp_path, codec):
    """Lesson 17."""
    small_files(write, "t", 5, compression=codec)
    lamella("compact", "t")
    group = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata.row_group(0)
    assert {group.column(i).compression for i in range(2)} == {"UNCOMPRESSED" if codec == "NONE" else codec}


def test_codec_of_each_column_and_change(lamella, write, tmp_path):
    small_files(write, "t", 5, compression={"n": "GZIP", "s": "SNAPPY"})
    shutil.copytree(tmp_path / "t", tmp_path / "u")
    lamella("compact", "t")
    group = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata.row_group(0)
    assert [group.column(i).compression for i in range(2)] == ["GZIP", "SNAPPY"]
    lamella("compact", "u", "--compression", "zstd:9")
    group = pq.ParquetFile(files_of(tmp_path / "u")[0]).metadata.row_group(0)
    assert {group.column(i).compression for i in range(2)} == {"ZSTD"}
    assert read_table(tmp_path / "u").equals(read_table(tmp_path / "t"))


@pytest.mark.parametrize("encoding", ["DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "PLAIN"])
def test_encoding_is_kept(lamella, write, tmp_path, encoding):
    """Lesson 57: many calls to the writer, batches of many sizes, one page."""
    values = []
    for i in range(7):
        part = [i * 1000 + k * (1 if encoding != "BYTE_STREAM_SPLIT" else 0.37) for k in range(37 * i + 1)]
        write(f"t/{i}.parquet", {"x": part}, use_dictionary=False, column_encoding={"x": encoding})
        values += part
    lamella("compact", "t")
    (path,) = files_of(tmp_path / "t")
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert encoding in chunk.encodings and not chunk.has_dictionary_page
    assert column(tmp_path / "t", "x") == values
    assert polars.read_parquet(path)["x"].to_list() == values
    assert [v for v, in duckdb.sql(f"select x from '{path}'").fetchall()] == values


def test_field_ids_and_nullability_are_kept(lamella, write, tmp_path):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "7"}),
                        pa.field("b", pa.string(), metadata={"PARQUET:field_id": "3"})])
    for i in range(3):
        write(f"t/{i}.parquet", pa.table([[i], [str(i)]], schema))
    lamella("compact", "t")
    found = pq.read_schema(files_of(tmp_path / "t")[0])
    assert [f.metadata[b"PARQUET:field_id"] for f in found] == [b"7", b"3"] and not found.field("a").nullable


def test_key_values_that_agree_are_kept(lamella, write, tmp_path):
    for i in range(3):
        table = pa.table({"a": [i]}).replace_schema_metadata({"owner": "me", "part": str(i)})
        write(f"t/{i}.parquet", table)
    lamella("compact", "t")
    found = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata.metadata
    assert found[b"owner"] == b"me" and b"part" not in found


def test_statistics_are_right(lamella, write, tmp_path):
    """Lesson 58: of what was written, not of what was read."""
    small_files(write, "t", 5)
    lamella("compact", "t")
    meta = pq.ParquetFile(files_of(tmp_path / "t")[0]).metadata
    chunk = meta.row_group(0).column(0).statistics
    assert (chunk.min, chunk.max, chunk.null_count) == (0, 499, 0)
    text = meta.row_group(0).column(1).statistics
    assert (text.min, text.max) == ("row 0", "row 99")
    assert lamella.json("verify", "t")["faults"] == 0


def test_legacy_spark_keys_are_not_merged(lamella, write, tmp_path):
    """The keys change what the values mean: files that differ in one stay apart, their neighbours merge."""
    for i in range(6):
        table = pa.table({"a": [i]}).replace_schema_metadata({"org.apache.spark.legacyDateTime": ""} if i < 3 else None)
        write(f"t/{i}.parquet", table)
    assert lamella.json("compact", "t")["files_after"] == 2
    assert column(tmp_path / "t", "a") == list(range(6))
    keys = {tuple(pq.ParquetFile(p).read()["a"].to_pylist()): pq.ParquetFile(p).metadata.metadata or {}
            for p in files_of(tmp_path / "t")}
    assert b"org.apache.spark.legacyDateTime" in keys[0, 1, 2]
    assert b"org.apache.spark.legacyDateTime" not in keys[3, 4, 5]


def test_widening_and_missing_columns(lamella, write, tmp_path):
    write("t/1.parquet", pa.table({"x": pa.array([1, 2], pa.int16())}))
    write("t/2.parquet", pa.table({"x": pa.array([2**40], pa.int64()), "y": ["new"]}))
    lamella("compact", "t")
    assert read_table(tmp_path / "t").to_pydict() == {"x": [1, 2, 2**40], "y": [None, None, "new"]}


def test_schemas_that_do_not_merge(lamella, write, tmp_path):
    """Lesson 8: one failure fails the whole, and changes nothing."""
    small_files(write, "t/p=1", 3)
    write("t/p=2/a.parquet", {"x": [1]})
    write("t/p=2/b.parquet", {"x": ["one"]})
    before = bytes_of(tmp_path / "t")
    error = lamella("compact", "t", status=1).err
    assert "a.parquet" in error and "b.parquet" in error and '"x"' in error
    assert bytes_of(tmp_path / "t") == before
    no_stage(tmp_path / "t")


def test_dry_run(lamella, write, tmp_path):
    """Lesson 15."""
    for p in range(3):
        small_files(write, f"t/p={p}", 4 + p)
    before = bytes_of(tmp_path / "t")
    dry = lamella.json("compact", "t", "--dry-run")
    assert bytes_of(tmp_path / "t") == before and not (tmp_path / "t.lamella").exists()
    real = lamella.json("compact", "t")
    assert dry.pop("operation") == "compact (dry run)" and real.pop("operation") == "compact"
    assert len(dry.pop("tasks")) == 3
    for result in (dry, real):
        del result["seconds"], result["sequence"]
    assert dry == real and real["files_written"] == 3


def test_partition(lamella, write, tmp_path):
    for p in "ab":
        for d in (1, 2):
            small_files(write, f"t/p={p}/d={d}", 3)
    done = lamella.json("compact", "t", "--partition", "d=2")
    assert done["partitions_compacted"] == done["partitions_scanned"] == 2
    assert [len(files_of(tmp_path / "t" / f"p={p}" / f"d={d}")) for p in "ab" for d in (1, 2)] == [3, 1, 3, 1]
    assert "p=c" in lamella("compact", "t", "--partition", "p=c", status=1).err


def test_backups(lamella, write, tmp_path):
    """Lesson 10: each operation has its own folder. Lesson 55: a backup does not change later."""
    small_files(write, "t/p=1", 3)
    first = bytes_of(tmp_path / "t")
    lamella("compact", "t", "--backup", "bk")
    small_files(write, "t/p=1", 3)
    second = bytes_of(tmp_path / "t")
    lamella("compact", "t", "--backup", "bk")
    folders = sorted(p for p in (tmp_path / "bk").iterdir())
    assert len(folders) == 2
    kept = [{p.name: p.read_bytes() for p in folder.rglob("*.parquet")} for folder in folders]
    wanted = [{pathlib.Path(k).name: v for k, v in state.items()} for state in (first, second)]
    assert kept in ([wanted[0], wanted[1]], [wanted[1], wanted[0]])
    small_files(write, "t/p=1", 3)
    assert "outside" in lamella("compact", "t", "--backup", "t/bk", status=1).err
    assert not (tmp_path / "t/bk").exists()
    assert len(files_of(tmp_path / "t")) == 4


@pytest.mark.parametrize("mark", ["_delta_log/00000000000000000000.json", ".hoodie/hoodie.properties",
                                  "_spark_metadata/0", "metadata/v1.metadata.json"])
def test_foreign_formats_are_refused(lamella, write, tmp_path, mark):
    """Lesson 50; also below the mark and above it."""
    small_files(write, "lake/t/p=1", 3)
    path = tmp_path / "lake" / "t" / mark
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    before = bytes_of(tmp_path / "lake")
    for table in ("lake/t", "lake/t/p=1", "lake"):
        error = lamella.json("compact", table, status=1)
        assert error["status"] == "unsupported", table
    assert bytes_of(tmp_path / "lake") == before
    assert lamella("count", "lake/t/p=1/*.parquet").text == "300\n"


def test_files_and_globs_are_not_compacted(lamella, write, tmp_path):
    small_files(write, "t", 3)
    for table in ("t/0000.parquet", "t/*.parquet"):
        assert "only whole directories are changed" in lamella("compact", table, status=1).err
    assert len(files_of(tmp_path / "t")) == 3


def test_other_files_stay(lamella, write, tmp_path):
    small_files(write, "t/p=1", 3)
    others = {"t/p=1/notes.txt": b"hello", "t/_SUCCESS": b"", "t/p=1/.hidden": b"x", "t/p=1/data.csv": b"a,b\n"}
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "t" / "p=1" / ".0000.parquet.crc").write_bytes(b"crc")
    (tmp_path / "t" / "_metadata").write_bytes(b"old summary")
    lamella("compact", "t")
    assert {name: (tmp_path / name).read_bytes() for name in others} == others
    # Checksum files of files that are gone go with them, and summaries of what no longer is.
    assert not (tmp_path / "t" / "p=1" / ".0000.parquet.crc").exists() and not (tmp_path / "t" / "_metadata").exists()


def test_state_is_beside_the_table(lamella, write, tmp_path):
    """Lesson 51: what directory readers see is data only, and staged names do not end in .parquet."""
    small_files(write, "t/p=1", 3)
    lamella("compact", "t")
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == ["p=1"]
    for p in (tmp_path / "t.lamella" / "stage").rglob("*") if (tmp_path / "t.lamella" / "stage").exists() else []:
        assert p.suffix != ".parquet"
    small_files(write, "t/p=1", 3)
    lamella("compact", "t", "--meta-dir", "elsewhere")
    assert (tmp_path / "elsewhere").is_dir()


def test_mode_is_kept(lamella, write, tmp_path):
    small_files(write, "t", 3)
    for path in files_of(tmp_path / "t"):
        path.chmod(0o640)
    lamella("compact", "t")
    assert stat.S_IMODE(files_of(tmp_path / "t")[0].stat().st_mode) == 0o640


def test_verify_full(lamella, write, tmp_path):
    small_files(write, "t", 5)
    before = read_table(tmp_path / "t")
    assert lamella.json("compact", "t", "--verify", "full")["rows"] == 500
    assert read_table(tmp_path / "t").equals(before)


def test_corrupt_input_changes_nothing(lamella, write, tmp_path):
    small_files(write, "t", 3, compression="none", write_page_checksum=True, use_dictionary=False)
    path = files_of(tmp_path / "t")[1]
    data = bytearray(path.read_bytes())
    data[400] ^= 0xFF
    path.write_bytes(data)
    before = bytes_of(tmp_path / "t")
    error = lamella("compact", "t", status=1).err
    assert "0001.parquet" in error and "checksum" in error
    assert bytes_of(tmp_path / "t") == before
    no_stage(tmp_path / "t")


def test_concurrent_compactions(lamella, write, tmp_path):
    """Both finish; each either did its work, found nothing to do, or had a conflict. No row is lost or doubled."""
    numbers = small_files(write, "t", 40)
    processes = [lamella.start("--json", "compact", "t", stdout=subprocess.PIPE) for _ in range(4)]
    for process in processes:
        done = json.loads(process.communicate(timeout=120)[0])
        assert process.returncode in (0, 3)
        if process.returncode == 3:
            assert done["status"] == "conflict"
    assert column(tmp_path / "t", "n") == numbers and len(files_of(tmp_path / "t")) == 1
    no_stage(tmp_path / "t")


def hold_stage(lamella, tmp_path, *arguments):
    """A compaction that is under way: it writes slowly, and has listed its inputs."""
    process = lamella.start("--json", "--threads", "1", "compact", "t", "--compression", "brotli:11", *arguments,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stage = tmp_path / "t.lamella" / "stage"
    end = time.monotonic() + 60
    while not (stage.exists() and any(p.is_file() for p in stage.rglob("*"))) and time.monotonic() < end:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)
    return process


def slow_files(write):
    r = random.Random(5)
    for i in range(10):
        write(f"t/{i}.parquet", {"n": list(range(i * 20000, (i + 1) * 20000)),
                                 "s": ["%016x" % r.getrandbits(64) for _ in range(20000)]})
    return list(range(200000))


def test_a_file_that_arrives_meanwhile_survives(lamella, write, tmp_path):
    """Lessons 18 and 52: inputs are a fixed list, and only planned inputs go."""
    numbers = slow_files(write)
    process = hold_stage(lamella, tmp_path)
    late = write("t/zz-late.parquet", {"n": [-1], "s": ["late"]})
    data = late.read_bytes()
    process.communicate(timeout=120)
    assert process.returncode in (0, 3) and late.read_bytes() == data
    assert column(tmp_path / "t", "n") == numbers + [-1]
    no_stage(tmp_path / "t")


@pytest.mark.parametrize("how", ["rewritten", "removed"])
def test_an_input_that_changes_meanwhile_is_a_conflict(lamella, write, tmp_path, how):
    slow_files(write)
    process = hold_stage(lamella, tmp_path)
    if how == "removed":
        (tmp_path / "t" / "9.parquet").unlink()
    else:
        write("new.parquet", {"n": [-5], "s": ["rewritten"]}).rename(tmp_path / "t" / "9.parquet")
    before = bytes_of(tmp_path / "t")
    out, err = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("it was faster")
    assert process.returncode == 3, out
    assert json.loads(out)["status"] == "conflict" and bytes_of(tmp_path / "t") == before
    no_stage(tmp_path / "t")


def test_no_wait(lamella, write, tmp_path):
    small_files(write, "t", 3)
    lamella("compact", "t", "--min-files", 100)  # makes the lock
    lock = tmp_path / "t.lamella" / "lock"
    if not lock.exists():
        pytest.skip("no lock file before the first commit")
    with open(lock, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        before = bytes_of(tmp_path / "t")
        assert lamella.json("compact", "t", "--no-wait", status=3)["status"] == "conflict"
        assert bytes_of(tmp_path / "t") == before
        process = lamella.start("compact", "t", stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        assert process.poll() is None, "it waits"
        fcntl.lockf(file, fcntl.LOCK_UN)
        assert process.wait(60) == 0
    assert len(files_of(tmp_path / "t")) == 1


def test_replaced_files_stay_for_readers(lamella, write, tmp_path):
    """A reader that has opened a file reads on; lesson 9: nobody sees old and new files of a partition together."""
    numbers = small_files(write, "t", 5)
    opened = [pq.ParquetFile(p) for p in files_of(tmp_path / "t")]
    lamella("compact", "t")
    assert pa.concat_tables([f.read() for f in opened])["n"].to_pylist() == numbers
    assert sum(1 for _ in (tmp_path / "t.lamella" / "retired").rglob("*.retired")) == 5
    small_files(write, "t", 5)
    lamella("compact", "t", "--grace", 0)
    assert not list((tmp_path / "t.lamella" / "retired").rglob("*.retired"))


def test_one_footer_per_file(lamella, write, tmp_path):
    """Lesson 16: not the inputs glued together."""
    small_files(write, "t", 6)
    lamella("compact", "t", "--row-group-size", "1kB")
    (path,) = files_of(tmp_path / "t")
    assert pq.ParquetFile(path).metadata.num_rows == 600 and path.read_bytes().count(b"ARROW:schema") <= 1


def test_old_writers_statistics_do_not_survive(lamella, tmp_path):
    """Lesson 53: statistics of parquet-mr before 1.10 for strings are not believed under our created_by."""
    source = pathlib.Path(__file__).resolve().parents[3] / "shared/parquet-testing/data"
    name = source / "alltypes_plain.snappy.parquet"
    if not name.exists():
        pytest.skip(f"the public files are not in {source}")
    (tmp_path / "t").mkdir()
    for i in range(2):
        shutil.copy(name, tmp_path / "t" / f"{i}.parquet")
    lamella("compact", "t")
    (path,) = files_of(tmp_path / "t")
    assert lamella.json("verify", "t")["faults"] == 0
    assert pq.ParquetFile(path).metadata.created_by.startswith("lamella")
    assert pq.read_table(path)["id"].to_pylist() == pq.read_table(name)["id"].to_pylist() * 2


def test_memory_limit(lamella, write, tmp_path):
    """Lesson 11: long strings, a limit below the table's size."""
    r = random.Random(9)
    for i in range(12):
        write(f"t/{i:02}.parquet", {"s": [("%08x" % r.getrandbits(32)) * 500 for _ in range(500)]}, compression="snappy",
              use_dictionary=False)
    before = read_table(tmp_path / "t")
    lamella("compact", "t", "--memory-limit", "16MiB", "--verify", "full")
    assert read_table(tmp_path / "t").equals(before) and before.nbytes > 16 << 20


def test_empty_files_and_columns(lamella, write, tmp_path):
    """Lesson 36."""
    write("t/0.parquet", pa.table({"a": pa.array([], pa.int64()), "z": pa.array([], pa.null())}))
    write("t/1.parquet", pa.table({"a": pa.array([None, None], pa.int64()), "z": pa.nulls(2)}))
    write("t/2.parquet", pa.table({"a": pa.array([], pa.int64()), "z": pa.array([], pa.null())}))
    lamella("compact", "t")
    assert read_table(tmp_path / "t").to_pydict() == {"a": [None, None], "z": [None, None]}
    write("u/0.parquet", pa.table({"a": pa.array([], pa.int64())}))
    write("u/1.parquet", pa.table({"a": pa.array([], pa.int64())}))
    assert lamella.json("compact", "u")["files_after"] == 1
    assert read_table(tmp_path / "u").schema.types == [pa.int64()]


def test_types_that_widen_beyond_their_encoding(lamella, write, tmp_path):
    write("t/a.parquet", {"x": pa.array([1, 2], pa.int32())}, use_dictionary=False, column_encoding="DELTA_BINARY_PACKED")
    write("t/b.parquet", {"x": [2.5]})
    lamella("compact", "t")
    (file,) = (tmp_path / "t").glob("*.parquet")
    assert pq.read_table(file)["x"].to_pylist() == [1.0, 2.0, 2.5]


def test_nested_columns(lamella, write, tmp_path):
    """More of them in test_nested_write.py."""
    for i in range(2):
        write(f"t/{i}.parquet", {"a": [i], "list": [[1, None, i]], "struct": [{"x": None}]})
    lamella("compact", "t", "--verify", "full")
    (file,) = (tmp_path / "t").glob("*.parquet")
    assert pq.read_table(file).to_pylist() == [{"a": i, "list": [1, None, i], "struct": {"x": None}} for i in range(2)]


@pytest.mark.parametrize("seed", range(6))
def test_random_tables(lamella, write, tmp_path, seed, rng):
    """Whatever the files and options are, the rows stay."""
    number = 0
    for p in range(rng.randint(1, 3)):
        for i in range(rng.randint(1, 8)):
            rows = rng.choice([0, 1, 10, 1000])
            table = {"n": pa.array(range(number, number + rows), pa.int64()),
                     "s": pa.array([rng.choice([None, "", "x" * rng.randint(0, 50)]) for _ in range(rows)], pa.string()),
                     "f": pa.array([rng.choice([None, 0.5, rng.random()]) for _ in range(rows)], pa.float64())}
            number += rows
            write(f"t/p={p}/{i}.parquet", table, compression=rng.choice(["snappy", "zstd", "none"]),
                  row_group_size=rng.choice([1, 7, 500, 100000]) if rows < 100 else 500,
                  data_page_version=rng.choice(["1.0", "2.0"]), use_dictionary=rng.random() < 0.5)
    before = read_table(tmp_path / "t").sort_by("n")
    arguments = []
    for option, choices in (("--target-size", ["1kB", "20kB", "1MB"]), ("--min-files", [2, 3]),
                            ("--row-group-rows", [3, 100, 100000]), ("--compression", ["snappy", "lz4_raw"]),
                            ("--verify", ["full"]), ("--sort-by", ["f desc,n"]), ("--threads", [1, 2])):
        if rng.random() < 0.4:
            arguments += [option, rng.choice(choices)]
    print(arguments)
    lamella("compact", "t", *arguments)
    assert read_table(tmp_path / "t").sort_by("n").equals(before)
    assert lamella.json("verify", "t", "--full")["faults"] == 0


def test_dry_run_shows_the_plan(lamella, write, tmp_path):
    """Each task is an object that says all that the task needs."""
    for g in ("a", "b"):
        small_files(write, f"t/g={g}", 3)
    plan = lamella.json("compact", "t", "--dry-run", "--sort-by", "n", "--target-size", "1MB")
    tasks = sorted(plan["tasks"], key=lambda task: task["partition"])
    assert [task["partition"] for task in tasks] == ["g=a", "g=b"]
    for task in tasks:
        assert task["operation"] == "compact" and task["table"] == "t" and task["target_size"] == 1_000_000
        assert task["sort_by"] == [{"column": "n", "descending": False, "nulls_first": False}]
        assert task["compression"] is None
        names = files_of(tmp_path / "t" / task["partition"])
        assert [file["key"] for file in task["files"]] == [str(p.relative_to(tmp_path / "t")) for p in names]
        for file, path in zip(task["files"], names):
            status = path.stat()
            assert (file["size"], file["inode"], file["mtime_ns"]) == (status.st_size, status.st_ino, status.st_mtime_ns)
    assert "tasks" not in lamella.json("compact", "t", "--sort-by", "n")
