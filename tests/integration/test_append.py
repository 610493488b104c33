"""Files that are continued in place (--mode append): what peers read then, backups, limits, other programs, and readers in
other processes while a writer appends."""

import os
import pathlib
import random
import subprocess
import threading
import zlib

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY, SEED

DRIVER = pathlib.Path(BINARY).resolve().parent / "append_driver"
GROUPS, ROWS = 10, 200


def make_table(path, parts=(1, 2), **options):
    for p in parts:
        (path / f"p={p}").mkdir(parents=True)
        ids = range(p * 100_000, p * 100_000 + GROUPS * ROWS)
        columns = {
            "id": pa.array(ids, pa.int64()),
            "s": [None if i % 7 == 0 else f"s{i % 91}" for i in ids],
            "v": [i / 3 for i in ids],
            "l": [[i, None, i + 1][: i % 4] for i in ids],
        }
        pq.write_table(pa.table(columns), path / f"p={p}" / "a.parquet", row_group_size=ROWS, **options)


def rows_of(path):
    """By pyarrow; the other readers agree."""
    files = sorted(path.glob("**/*.parquet"))
    tables = [pq.ParquetFile(f).read() for f in files]
    rows = [r for t in tables for r in zip(*(t[c].to_pylist() for c in ("id", "s", "v", "l")))]
    by_duckdb = duckdb.sql(f"select id, s, v, l from read_parquet({[str(f) for f in files]}, hive_partitioning=false)")
    assert sorted(by_duckdb.fetchall()) == sorted(rows)
    by_polars = pl.concat([pl.read_parquet(f) for f in files]).select("id", "s", "v", "l").rows()
    assert sorted((i, s, v, l) for i, s, v, l in by_polars) == sorted(rows)
    return {r[0]: r[1:] for r in rows}


def state(path):
    return {f: (f.stat().st_ino, f.stat().st_size) for f in path.glob("**/*.parquet")}


def dead_bytes(lamella, path):
    return lamella.json("partitions", path)["totals"]["dead_bytes"]


@pytest.fixture
def table(tmp_path):
    make_table(tmp_path / "t")
    return tmp_path / "t"


def test_delete(lamella, table):
    expected, before = rows_of(table), state(table)
    done = lamella.json("delete", table, "--where", "id in (100500, 100501, 201999)", "--mode", "append")
    for i in (100500, 100501, 201999):
        del expected[i]
    assert rows_of(table) == expected
    after = state(table)
    for f, (inode, size) in before.items():
        assert after[f][0] == inode and after[f][1] > size  # continued, not replaced
    assert (done["rows_deleted"], done["files_rewritten"], done["row_groups_encoded"]) == (3, 2, 2)
    assert done["bytes_written"] == sum(after[f][1] - size for f, (_, size) in before.items())
    assert lamella("count", table).text.strip() == str(len(expected))
    assert lamella("count", table, "--where", "id >= 100499 and id <= 100502").text.strip() == "2"
    lamella("verify", table, "--full")
    assert 0 < dead_bytes(lamella, table) < sum(size for _, size in after.values()) / 2


def test_dry_run_counts_the_same(lamella, table):
    arguments = ("delete", table, "--where", "id % 2000 = 0", "--mode", "append")
    before = state(table)
    dry = lamella.json(*arguments, "--dry-run")
    assert state(table) == before
    done = lamella.json(*arguments)
    for d in (dry, done):
        for key in ("operation", "seconds", "sequence"):
            del d[key]
    assert dry == done


def test_update_of_one_column(lamella, table):
    """The other columns' chunks stay where they are."""
    expected, before = rows_of(table), state(table)
    lamella("update", table, "--set", "v = v + 1", "--where", "id = 100700", "--mode", "append")
    s, v, l = expected[100700]
    expected[100700] = (s, v + 1, l)
    assert rows_of(table) == expected
    f = table / "p=1" / "a.parquet"
    assert state(table)[f][0] == before[f][0]
    assert state(table)[table / "p=2" / "a.parquet"] == before[table / "p=2" / "a.parquet"]
    lamella("verify", table, "--full")


def test_verify_full(lamella, table):
    expected = rows_of(table)
    lamella("delete", table, "--where", "id = 100700", "--mode", "append", "--verify", "full")
    del expected[100700]
    assert rows_of(table) == expected


def test_again_and_again_until_it_is_rewritten(lamella, table):
    """An append that would leave too much of the file dead writes it anew."""
    expected, f = rows_of(table), table / "p=1" / "a.parquet"
    inode, appended = f.stat().st_ino, 0
    for i in range(30):
        victim = 100_000 + i * 61
        lamella("delete", table, "--where", f"id = {victim}", "--mode", "append")
        del expected[victim]
        if state(table).get(f, (0, 0))[0] != inode:
            break
        appended += 1
    assert appended > 3 and i < 29
    assert rows_of(table) == expected
    assert dead_bytes(lamella, table) == 0


def test_random_steps(lamella, table):
    """Deletes, updates of one column and of more, upserts and dedups, compared with a dictionary."""
    rng, expected, appended = random.Random(SEED), rows_of(table), 0
    lamella("sidecar", "build", table)
    for step in range(14):
        ids = sorted(expected)
        first = rng.choice(ids)
        last = first + rng.choice([0, 3, 30])
        touched = [i for i in ids if first <= i <= last]
        before, where = state(table), f"id >= {first} and id <= {last}"
        kind = rng.choice(["delete", "update", "updates", "upsert"])
        if kind == "delete":
            lamella("delete", table, "--where", where, "--mode", "append")
            for i in touched:
                del expected[i]
        elif kind == "update":
            lamella("update", table, "--set", f"s = 'step {step}'", "--where", where, "--mode", "append")
            expected |= {i: (f"step {step}", *expected[i][1:]) for i in touched}
        elif kind == "updates":
            lamella("update", table, "--set", f"s = NULL, v = {step}.5", "--where", where, "--mode", "append")
            expected |= {i: (None, step + 0.5, expected[i][2]) for i in touched}
        else:
            new = pa.table({"p": [i // 100_000 for i in touched], "id": touched, "s": ["up"] * len(touched)})
            pq.write_table(new, table.parent / "new.parquet")
            lamella("upsert", table, "--from", table.parent / "new.parquet", "--key", "id", "--mode", "append")
            expected |= {i: ("up", *expected[i][1:]) for i in touched}
        appended += any(f in before and before[f][0] == s[0] and before[f] != s for f, s in state(table).items())
        assert lamella("count", table, "--where", where).text.strip() == str(
            sum(first <= i <= last for i in expected)
        ), (step, kind)
        if step % 5 == 4:
            assert rows_of(table) == expected, (step, kind)
            lamella("verify", table, "--full")
        if step == 8:
            lamella("compact", table)
    assert rows_of(table) == expected
    lamella("sidecar", "check", table)
    assert appended > 4


def test_read_only(lamella, table):
    """A file that may not be written is replaced."""
    for f in table.glob("**/*.parquet"):
        f.chmod(0o444)
    before = state(table)
    lamella("delete", table, "--where", "id = 100700", "--mode", "append")
    assert not set(state(table)).issuperset(before)
    assert len(rows_of(table)) == 2 * GROUPS * ROWS - 1


def test_all_row_groups_touched(lamella, table):
    before = state(table)
    lamella("delete", table, "--where", "id % 2 = 0", "--mode", "append")
    assert not set(state(table)) & set(before)  # written anew
    assert len(rows_of(table)) == GROUPS * ROWS


def test_second_name(lamella, table, tmp_path):
    """A file with another name is somebody's backup: it stays what it was."""
    f = table / "p=1" / "a.parquet"
    os.link(f, tmp_path / "kept")
    bytes_before, expected = f.read_bytes(), rows_of(table)
    lamella("delete", table, "--where", "id = 100700", "--mode", "append")
    assert (tmp_path / "kept").read_bytes() == bytes_before
    assert not f.exists()
    del expected[100700]
    assert rows_of(table) == expected


@pytest.mark.parametrize("version, codec", [("1.0", "none"), ("2.6", "snappy")])
def test_other_layouts(lamella, tmp_path, version, codec):
    make_table(tmp_path / "t", (1,), version=version, compression=codec, data_page_version="2.0", use_dictionary=["s"])
    expected = rows_of(tmp_path / "t")
    lamella("delete", tmp_path / "t", "--where", "id = 100700", "--mode", "append")
    del expected[100700]
    assert rows_of(tmp_path / "t") == expected
    lamella("verify", tmp_path / "t", "--full")


@pytest.mark.parametrize("writer", ["duckdb", "polars"])
def test_files_of_others(lamella, tmp_path, writer):
    make_table(tmp_path / "t", (1,))
    f = tmp_path / "t" / "p=1" / "a.parquet"
    expected = rows_of(tmp_path / "t")
    if writer == "duckdb":
        duckdb.sql(
            f"copy (from read_parquet('{f}', hive_partitioning=false)) to '{tmp_path}/x.parquet' (row_group_size 2048)"
        )
    else:
        pl.read_parquet(f).write_parquet(tmp_path / "x.parquet", row_group_size=ROWS)
    os.replace(tmp_path / "x.parquet", f)
    lamella("delete", tmp_path / "t", "--where", "id = 100700", "--mode", "append")
    del expected[100700]
    assert rows_of(tmp_path / "t") == expected
    lamella("verify", tmp_path / "t", "--full")


def test_backup_and_restore(lamella, table, tmp_path):
    expected = rows_of(table)
    f = table / "p=1" / "a.parquet"
    bytes_before = f.read_bytes()
    lamella("delete", table, "--where", "id = 100700", "--mode", "append", "--backup", tmp_path / "backup")
    (backup,) = (tmp_path / "backup").iterdir()
    kept = backup / "p=1" / "a.parquet"
    assert kept.read_bytes() == bytes_before and kept.stat().st_ino != f.stat().st_ino
    assert 100700 not in rows_of(table)
    lamella("restore", backup)
    assert rows_of(table) == expected
    assert f.read_bytes() == bytes_before


def test_compaction_tidies(lamella, table):
    """A file of which more than a quarter is dead is written anew, even one that is alone."""
    expected, f = rows_of(table), table / "p=1" / "a.parquet"
    while not (dead := dead_bytes(lamella, table)) > f.stat().st_size / 4:
        lamella("compact", table)
        assert dead_bytes(lamella, table) == dead
        victim = min(i for i in expected if i > 100700)
        lamella("delete", table, "--where", f"id = {victim}", "--mode", "append")
        del expected[victim]
    done = lamella.json("compact", table)
    assert dead_bytes(lamella, table) == 0
    assert done["files_compacted"] == done["files_written"] == 1
    assert rows_of(table) == expected
    lamella("compact", table, "--mode", "append", status=1)


def test_sidecars(lamella, table):
    lamella("sidecar", "build", table)
    expected = rows_of(table)
    for i in (100100, 100700, 101500):
        lamella("delete", table, "--where", f"id = {i}", "--mode", "append")
        del expected[i]
        sidecar = table.parent / "t.lamella" / "pm" / "p=1" / "a.parquet._pm"
        lamella("sidecar", "check", table)
        assert lamella("count", table, "--where", f"id > {i - 2} and id < {i + 2}").text.strip() == "2"
        assert sidecar.stat().st_nlink == 1
    assert rows_of(table) == expected


def torn(table):
    """A writer that has died while it appended: the head knows the committed size, and something stands behind it."""
    f, head = table / "p=1" / "a.parquet", table.parent / "t.lamella" / "head"
    data, info = f.read_bytes(), f.stat()
    length = int.from_bytes(data[-8:-4], "little") + 8
    line = f"appending p=1/a.parquet {info.st_ino} {info.st_size} {info.st_mtime_ns} {zlib.crc32(data[-length:])}\n"
    body = "".join(k for k in head.read_text().splitlines(True) if not k.startswith(("end ", "append"))) + line
    head.write_text(body + f"end {zlib.crc32(body.encode()):08x}\n")
    with open(f, "ab") as out:
        out.write(random.Random(SEED).randbytes(5000))
    return info.st_size


def test_torn(lamella, table):
    """Our readers read the committed state; the next writer makes it everybody's, and cuts nothing off."""
    lamella("delete", table, "--where", "id = 100700", "--mode", "append")
    expected = rows_of(table)
    size = torn(table)
    f = table / "p=1" / "a.parquet"
    data = f.read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        pq.ParquetFile(f)
    assert lamella("count", table).text.strip() == str(len(expected))
    lamella("verify", table, "--full")
    assert f.read_bytes() == data  # readers write nothing
    done = lamella.json("delete", table, "--where", "id = 100701", "--mode", "append")
    assert done["retries"] == 0
    del expected[100701]
    assert rows_of(table) == expected
    assert f.read_bytes()[: len(data)] == data and f.stat().st_size > size
    assert "appending" not in (table.parent / "t.lamella" / "head").read_text()


def test_torn_and_written_by_others(lamella, table):
    """What another program has put there since is the file."""
    lamella("delete", table, "--where", "id = 100700", "--mode", "append")
    torn(table)
    f = table / "p=1" / "a.parquet"
    other = pq.ParquetFile(table / "p=2" / "a.parquet").read()
    pq.write_table(other.set_column(0, "id", pa.array(range(GROUPS * ROWS), pa.int64())), table.parent / "x")
    with open(f, "wb") as out:  # in place, the inode stays
        out.write((table.parent / "x").read_bytes())
    assert lamella("count", table, "--where", "id < 2000").text.strip() == "2000"
    lamella("delete", table, "--where", "id = 5", "--mode", "append")
    assert lamella("count", table, "--where", "id < 2000").text.strip() == "1999"
    assert len(rows_of(table)) == 3999


# ---- several processes ----


def run_readers(tmp_path, count, sidecars):
    table = tmp_path / "t"
    table.mkdir()
    if sidecars:
        (tmp_path / "t.lamella" / "pm").mkdir(parents=True)
    schema = pa.schema([pa.field("id", pa.int64(), False), pa.field("generation", pa.int64(), False)])
    pq.write_table(pa.table({"id": list(range(10)), "generation": [0] * 10}, schema), table / "f.parquet")
    readers = [
        subprocess.Popen([DRIVER, "read", str(count), table], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    try:
        done = subprocess.run([DRIVER, "write", str(count), table], capture_output=True, timeout=900)
        assert done.returncode == 0, done.stderr.decode()
        for reader in readers:
            out, err = reader.communicate(timeout=120)
            assert reader.returncode == 0, err.decode()
            reads, states = map(int, out.split())
            assert reads > 0 and states > 0
    finally:
        for reader in readers:
            reader.kill()
    assert pq.ParquetFile(table / "f.parquet").metadata.num_rows == 10 * (count + 1)


@pytest.mark.parametrize("sidecars", [False, True])
def test_readers_beside_a_writer(tmp_path, sidecars):
    run_readers(tmp_path, 30, sidecars)


@pytest.mark.soak
@pytest.mark.parametrize("sidecars", [False, True])
def test_readers_beside_a_writer_for_long(tmp_path, sidecars):
    run_readers(tmp_path, 1000, sidecars)


def test_two_writers(lamella, table):
    """Each appends to the same file; a conflict is planned anew, and no change is lost."""
    expected, counts = rows_of(table), {100300: 0, 100900: 0}

    def work(i):
        for _ in range(4):
            lamella("update", table, "--set", "v = v + 1", "--where", f"id = {i}", "--mode", "append")
            counts[i] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(counts.values()) == {4}
    for i, count in counts.items():
        s, v, l = expected[i]
        expected[i] = (s, pytest.approx(v + count), l)
    assert rows_of(table) == expected
    lamella("verify", table, "--full")


def test_snapshot_of_a_file(lamella, table):
    """--snapshot SIZE reads a file as it was when it had so many bytes."""
    file = table / "p=1" / "a.parquet"
    size = file.stat().st_size
    lamella("delete", table, "--where", "id = 100700", "--mode", "append")
    assert file.stat().st_size > size
    then = ("--snapshot", size)
    assert lamella("count", file).text == "1999\n"
    assert lamella("count", file, *then).text == lamella("count", file, "--where", "id >= 0", *then).text == "2000\n"
    rows = lamella("cat", file, "--columns", "id,s", "--where", "id = 100700", *then).text
    assert rows.splitlines()[1:] == [f"100700,s{100700 % 91}"]
    assert lamella.json("inspect", file, *then)["rows"] == 2000
    assert lamella.json("plan", file, *then)["totals"]["rows"] == 2000
    lamella("verify", file, *then)
    assert "is not a file" in lamella("count", table, *then, status=1).err
    assert f"has {file.stat().st_size} bytes" in lamella("count", file, "--snapshot", 10**9, status=1).err
