"""Planning tables of many files: ours by the pack, and the peers. many_files.py ENGINE JOB TABLE TIMES prints the seconds of
each time, measured inside the process, as JSON, and what came out of the last. Run by run.py, section `pack`."""

import json
import os
import pathlib
import shutil
import sys
import time

DIRECTORIES, FILES = 1000, 100  # of the large table
DAY, FIRST, LAST = "d0017", 4000, 4100  # the partition and the range: one file holds the rows
POINT = ("2001-01-01 00:04:00", 187)  # date and distance


def make_table(root):
    """100,000 files: 100 with disjoint ranges, linked into each of 1,000 partitions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pathlib.Path(f"{root}.files")
    source.mkdir()
    for f in range(FILES):
        n = 20
        ids = list(range(f * 1000, f * 1000 + n))
        pq.write_table(pa.table({"id": ids, "price": [i / 7 for i in ids], "side": ["buy", "sell"] * (n // 2)}),
                       source / f"{f:03}.parquet", compression="zstd")
    for d in range(DIRECTORIES):
        directory = pathlib.Path(root, f"day=d{d:04}")
        directory.mkdir(parents=True)
        for f in range(FILES):
            os.link(source / f"{f:03}.parquet", directory / f"part-{f:03}.parquet")


def remove_table(root):
    for path in (root, f"{root}.files", f"{root}.lamella"):
        shutil.rmtree(path, ignore_errors=True)


# ---- peers: plan as far as an engine goes without reading rows, or query, where planning is not to be had alone ----


def duckdb_query(table, job):
    import duckdb

    db = duckdb.connect()
    files = f"read_parquet('{table}/**/*.parquet', hive_partitioning = true)"
    where = f"day = '{DAY}' AND id BETWEEN {FIRST} AND {LAST}" if job == "range" else \
        f"date = TIMESTAMP '{POINT[0]}' AND distance = {POINT[1]}"
    return lambda: db.execute(f"SELECT count(*) FROM {files} WHERE {where}").fetchone()[0]


def polars_query(table, job):
    import datetime

    import polars as pl

    if job == "range":
        where = (pl.col("day") == DAY) & pl.col("id").is_between(FIRST, LAST)
    else:
        where = (pl.col("date") == datetime.datetime.fromisoformat(POINT[0])) & (pl.col("distance") == POINT[1])
    return lambda: pl.scan_parquet(f"{table}/**/*.parquet", hive_partitioning=True).filter(where).select(pl.len()).collect().item()


def pyarrow_query(table, job):
    import datetime

    import pyarrow.dataset as ds

    if job == "range":
        within = (ds.field("id") >= FIRST) & (ds.field("id") <= LAST)

        def plan():
            dataset = ds.dataset(table, partitioning="hive")
            return sum(len(f.split_by_row_group(within)) for f in dataset.get_fragments(filter=(ds.field("day") == DAY) & within))

        return plan
    where = (ds.field("date") == datetime.datetime.fromisoformat(POINT[0])) & (ds.field("distance") == POINT[1])
    return lambda: ds.dataset(table, partitioning="hive").count_rows(filter=where)


def main():
    engine, job, table, times = sys.argv[1:5]
    run = {"duckdb": duckdb_query, "polars": polars_query, "pyarrow": pyarrow_query}[engine](table, job)
    taken = []
    for _ in range(int(times)):
        start = time.perf_counter()
        result = run()
        taken.append(time.perf_counter() - start)
    print(json.dumps({"seconds": taken, "result": result}))


if __name__ == "__main__":
    main()
