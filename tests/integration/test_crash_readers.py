"""What plain readers see of a table whose writer was killed at any moment, before anything has recovered it; signals;
writers and readers at the same time."""

import collections
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from conftest import BINARY
from tables import bytes_of, no_stage

DRIVER = pathlib.Path(BINARY).resolve().parent / "compact_driver"
KILLED = 99


def put(path, ids):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "g": pa.array([i // 100 for i in ids], pa.int64())}), path)


def partitioned(table):
    for g in (1, 2):
        put(table / f"g={g}" / "f1.parquet", [100 * g + 1, 100 * g + 2])
        put(table / f"g={g}" / "f2.parquet", [100 * g + 3])
        put(table / f"g={g}" / "f3.parquet", [100 * g + 4, 100 * g + 5])


def unpartitioned(table):
    for i in range(3):
        put(table / f"f{i}.parquet", [10 * i + 1, 10 * i + 2])


# ---- readers: {partition directory: ids} ----


def by_pathlib(table):
    found = collections.defaultdict(list)
    for path in sorted(table.glob("**/*.parquet"), key=str):
        found[str(path.parent.relative_to(table))] += pq.ParquetFile(path).read(["id"])["id"].to_pylist()
    return dict(found)


def grouped(table, pairs):
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for path, number in pairs:
        path = pathlib.Path(path)
        found[str(path.parent.relative_to(table))][path.name].append(number)
    return {key: [i for name in sorted(files) for i in files[name]] for key, files in found.items()}


def by_duckdb(table):
    query = f"select filename, id from read_parquet('{table}/**/*.parquet', filename=true, hive_partitioning=false)"
    return grouped(table, duckdb.connect(config={"threads": 1}).sql(query).fetchall())


def by_polars(table):
    frame = polars.scan_parquet(f"{table}/**/*.parquet", include_file_paths="path", hive_partitioning=False)
    return grouped(table, frame.select("path", "id").collect().rows())


def by_pyarrow(table):
    found = ds.dataset(table, format="parquet")
    pairs = [(part.path, i) for part in found.get_fragments() for i in part.to_table(columns=["id"])["id"].to_pylist()]
    return grouped(table, pairs)


PEERS = [by_duckdb, by_polars, by_pyarrow]


def by_lamella(lamella, table):
    lines = lamella("cat", table, "--columns", "id").text.split()
    return [int(line) for line in lines[1:]]


def in_order(partitions):
    return [i for key in sorted(partitions) for i in partitions[key]]


# ---- killed at the Nth operation ----

SCENARIOS = {
    "compact": (partitioned, ["compact"], []),
    "sort": (partitioned, ["sort"], ["id"]),
    "import": (partitioned, ["import"], ["SOURCE", "g"]),
    "root": (unpartitioned, ["compact"], []),
}


def kill_everywhere(tmp_path, lamella, name, step):
    make, before_n, after_n = SCENARIOS[name]
    source = tmp_path / "source.parquet"
    put(source, [106, 206, 301])
    after_n = [str(source) if a == "SOURCE" else a for a in after_n]
    new_table = tmp_path / "new"
    make(new_table)
    old = by_pathlib(new_table)
    subprocess.run([DRIVER, *before_n, "0", new_table, *after_n], check=True)
    new = by_pathlib(new_table)
    assert sum(map(len, new.values())) == sum(map(len, old.values())) + (3 if name == "import" else 0)
    n = 1
    while True:
        table = tmp_path / f"t{n}"
        make(table)
        code = subprocess.run([DRIVER, *before_n, str(n), table, *after_n]).returncode
        assert code in (0, KILLED)
        # Root files are renamed one by one: there may be none for a moment, which some peers refuse.
        peers = PEERS if n % 5 == 1 and by_pathlib(table) else []
        for reader in [by_pathlib, *peers]:
            seen = reader(table)
            for key in {*old, *new, *seen}:
                rows = seen.get(key, [])
                where = f"{reader.__name__} of {key} when killed at {n}"
                assert len(rows) == len(set(rows)), where
                if name != "root":
                    assert rows in (old.get(key, []), new.get(key, [])), where
                else:
                    assert set(rows) <= set(old[key]), where
        if n % 5 == 1:
            ours = by_lamella(lamella, table)
            assert ours in (in_order(old), in_order(new)), n
        lamella("compact", table)
        mended = by_pathlib(table)
        assert mended in (old, new), n
        if n % 5 == 1:
            assert in_order(mended) == ours
            for reader in PEERS:
                assert reader(table) == mended
        shutil.rmtree(table)
        shutil.rmtree(f"{table}.lamella")
        if code == 0:
            break
        n += step
    assert n > 20


@pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}")
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_some_operations(tmp_path, lamella, name):
    kill_everywhere(tmp_path, lamella, name, 4)


@pytest.mark.slow
@pytest.mark.skipif(not DRIVER.exists(), reason=f"there is no {DRIVER}")
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_operation(tmp_path, lamella, name):
    kill_everywhere(tmp_path, lamella, name, 1)


# ---- signals ----


def larger(table, partitions=6, files=8, rows=2000):
    for g in range(partitions):
        for f in range(files):
            first = (g * files + f) * rows
            path = table / f"g={g}" / f"f{f}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            ids = list(range(first, first + rows))
            pq.write_table(pa.table({"id": ids, "text": [f"row {i}" for i in ids]}), path)


def test_killed_at_random_moments(tmp_path, lamella, rng):
    whole = tmp_path / "whole"
    larger(whole)
    wanted = by_pathlib(whole)
    start = time.monotonic()
    measured = tmp_path / "measured"
    shutil.copytree(whole, measured)
    lamella("compact", measured)
    seconds = time.monotonic() - start
    for i in range(12):
        table = tmp_path / f"t{i}"
        shutil.copytree(whole, table)
        running = lamella.start("compact", table)
        time.sleep(rng.uniform(0, seconds))
        running.kill()
        running.wait()
        assert by_pathlib(table) == wanted
        assert by_lamella(lamella, table) == in_order(wanted)
        lamella("compact", table)
        assert by_pathlib(table) == wanted and len(list(table.rglob("*.parquet"))) == 6
        shutil.rmtree(table)


def test_interrupted(tmp_path, lamella, rng):
    table = tmp_path / "t"
    larger(table, partitions=12)
    before = bytes_of(table)
    interrupted = 0
    for i in range(8):
        running = lamella.start("compact", table, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(0.02 * (i + 1))
        running.send_signal(signal.SIGINT)
        _, message = running.communicate()
        if running.returncode == 0:
            break  # it was faster
        if running.returncode == -signal.SIGINT:
            continue  # before it could take signals
        assert running.returncode == 130, message
        interrupted += 1
        assert bytes_of(table) == before
        no_stage(table)
    assert interrupted


# ---- at the same time ----


def test_two_writers(tmp_path, lamella):
    table = tmp_path / "t"
    larger(table)
    wanted = by_pathlib(table)
    running = [lamella.start("compact", table, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
    ends = [(r.communicate()[1], r.returncode) for r in running]
    assert all(code in (0, 3) for _, code in ends), ends
    assert any(code == 0 for _, code in ends), ends
    assert by_pathlib(table) == wanted and len(list(table.rglob("*.parquet"))) == 6
    no_stage(table)


def test_readers_while_a_writer_commits(tmp_path, lamella):
    """Imports grow every partition by one row at a time and compactions fold them: each read is one whole state."""
    table = tmp_path / "t"
    partitioned(table)
    states = [in_order(by_pathlib(table))]
    stop = threading.Event()
    seen, failures = [], []

    def read():
        while not stop.is_set():
            try:
                seen.append(by_lamella(lamella, table))
            except AssertionError as failure:
                failures.append(failure)
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for i in range(6):
            source = tmp_path / "source.parquet"
            put(source, [110 + i, 210 + i])
            lamella("import", source, "--into", table, "--partition-by", "g")
            states.append(in_order(by_pathlib(table)))
            lamella("compact", table)
            assert in_order(by_pathlib(table)) == states[-1]
    finally:
        stop.set()
        reader.join()
    assert not failures, failures[0]
    assert all(rows in states for rows in seen) and seen
