"""One job of one peer, in a process of its own: peers.py THREADS TIMES JOB ENGINE ARGUMENTS…

Prints one JSON object: the seconds of each time, measured inside the process, and the peak memory.
Every engine is used in the fastest form we know; where two forms compete, both are here."""

import glob
import json
import os
import pathlib
import resource
import shutil
import sys
import time

from peers_common import sync

threads, times = int(sys.argv[1]), int(sys.argv[2])
os.environ["POLARS_MAX_THREADS"] = str(threads)
os.environ["OMP_NUM_THREADS"] = str(threads)


def duckdb_connection():
    import duckdb

    db = duckdb.connect(config={"threads": threads})
    db.execute("SET preserve_insertion_order = true")
    return db


def arrow():
    import pyarrow as pa

    pa.set_cpu_count(threads)
    pa.set_io_thread_count(max(threads, 1))
    return pa


# ---- compaction: every partition directory of SOURCE becomes one file in TARGET ----


def compact_duckdb_copy(source, target, column):
    db = duckdb_connection()
    db.execute(
        f"COPY (SELECT * FROM read_parquet('{source}/**/*.parquet', hive_partitioning = false)) TO '{target}' "
        f"(FORMAT parquet, COMPRESSION zstd, PARTITION_BY ({column}), WRITE_PARTITION_COLUMNS true)"
    )


def partitions(source):
    return sorted(d for d in pathlib.Path(source).iterdir() if d.is_dir())


def compact_duckdb_each(source, target, column):
    db = duckdb_connection()
    for d in partitions(source):
        out = pathlib.Path(target, d.name)
        out.mkdir(parents=True)
        db.execute(
            f"COPY (SELECT * FROM read_parquet('{glob.escape(str(d))}/*.parquet', hive_partitioning = false)) "
            f"TO '{out}/data.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )


def compact_polars_sink(source, target, column):
    import polars as pl

    pl.scan_parquet(f"{source}/**/*.parquet", hive_partitioning=False).sink_parquet(
        pl.PartitionBy(target, key=column, include_key=True), compression="zstd", mkdir=True
    )


def compact_polars_each(source, target, column):
    import polars as pl

    for d in partitions(source):
        out = pathlib.Path(target, d.name)
        out.mkdir(parents=True)
        pl.read_parquet(sorted(d.glob("*.parquet")), hive_partitioning=False).write_parquet(
            out / "data.parquet", compression="zstd"
        )


def compact_pyarrow_each(source, target, column):
    arrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    for d in partitions(source):
        out = pathlib.Path(target, d.name)
        out.mkdir(parents=True)
        tables = [pq.ParquetFile(f).read(use_threads=threads > 1) for f in sorted(d.glob("*.parquet"))]
        pq.write_table(pa.concat_tables(tables), out / "data.parquet", compression="zstd")


def compact_pyarrow_dataset(source, target, column):
    pa = arrow()
    import pyarrow.dataset as ds

    data = ds.dataset(source, format="parquet")
    schema = pa.schema([(column, pa.string())])
    ds.write_dataset(
        data.scanner(use_threads=threads > 1),
        target,
        format="parquet",
        partitioning=ds.partitioning(schema, flavor="hive"),
        max_partitions=4096,
        max_open_files=4096,
        file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
    )


COMPACT = {
    "duckdb COPY PARTITION_BY": compact_duckdb_copy,
    "duckdb per partition": compact_duckdb_each,
    "polars sink PartitionBy": compact_polars_sink,
    "polars per partition": compact_polars_each,
    "pyarrow per partition": compact_pyarrow_each,
    "pyarrow write_dataset": compact_pyarrow_dataset,
}


def compact(engine, source, target, column):
    seconds = []
    for _ in range(times):
        shutil.rmtree(target, ignore_errors=True)
        sync(pathlib.Path(target).parent)
        start = time.perf_counter()
        COMPACT[engine](source, target, column)
        sync(target)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "files": len(glob.glob(f"{target}/**/*.parquet", recursive=True))}


# ---- one file with row groups too large for memory ----


def rewrite(engine, source, target, limit):
    start = time.perf_counter()
    if engine == "duckdb":
        db = duckdb_connection()
        db.execute(f"SET memory_limit = '{limit}'")
        db.execute(f"COPY (SELECT * FROM '{source}/*.parquet') TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    elif engine == "polars":
        import polars as pl

        pl.scan_parquet(f"{source}/*.parquet").sink_parquet(target, compression="zstd")
    else:
        arrow()
        import pyarrow.dataset as ds

        ds.write_dataset(
            ds.dataset(source).scanner(batch_size=1024, batch_readahead=1, fragment_readahead=1),
            target,
            format="parquet",
            file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
        )
    sync(pathlib.Path(target).parent)
    return {"seconds": [time.perf_counter() - start]}


# ---- scans of one column ----


def scan(engine, path, kind):
    if engine == "duckdb":
        db = duckdb_connection()
        # Aggregates that statistics cannot answer (max would be), and that cost next to nothing on a vector.
        what = {"string": "sum(strlen(v))", "int": "sum(v)", "double": "sum(v)"}.get(kind, kind)

        def run():
            db.execute(f"SELECT {what} FROM '{path}'").fetchall()

    elif engine == "polars":
        import polars as pl

        def run():
            pl.read_parquet(path)

    else:
        arrow()
        import pyarrow.parquet as pq

        def run():
            if engine == "pyarrow batches":
                for _ in pq.ParquetFile(path).iter_batches(batch_size=65536, use_threads=threads > 1):
                    pass
            else:
                pq.read_table(path, use_threads=threads > 1)

    run()
    return {"seconds": timed(run)}


def timed(run):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


# ---- rows that match ----


def where(engine, path, column, literal):
    """Columns ts, v and w of the rows with `column` below the literal. DuckDB folds them into aggregates that cost next to
    nothing, where handing over the rows would cost it more."""
    import datetime

    value = literal
    if literal.startswith("TIMESTAMP"):
        value = datetime.datetime.fromisoformat(literal[11:-1])
    elif literal.startswith("'"):
        value = literal[1:-1]
    else:
        value = float(literal) if "." in literal else int(literal)
    found = []
    if engine == "duckdb":
        db = duckdb_connection()
        query = f"SELECT count(ts), sum(v), sum(strlen(w)) FROM '{path}' WHERE {column} < {literal}"

        def run():
            found.append(db.execute(query).fetchall()[0][0])

    elif engine == "polars":
        import polars as pl

        def run():
            found.append(pl.scan_parquet(path).filter(pl.col(column) < value).select("ts", "v", "w").collect().height)

    else:
        pa = arrow()
        import pyarrow.dataset as ds

        condition = ds.field(column) < (pa.scalar(value, pa.timestamp("us")) if column == "ts" else value)

        def run():
            table = ds.dataset(path).to_table(columns=["ts", "v", "w"], filter=condition, use_threads=threads > 1)
            found.append(table.num_rows)

    run()
    return {"seconds": timed(run), "rows": found[-1]}


# ---- footers ----


def footer(engine, path):
    """Every engine decodes all row groups' chunks again each time. DuckDB and Polars open the file for it, which is in
    the page cache; pyarrow has its bytes in memory."""
    if engine == "duckdb":
        db = duckdb_connection()
        db.execute("SET parquet_metadata_cache = false")

        def run():
            db.execute(f"SELECT num_rows FROM parquet_file_metadata('{path}')").fetchall()

    elif engine == "polars":
        import polars as pl

        def run():
            pl.read_parquet_schema(path)

    else:
        arrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = pathlib.Path(path).read_bytes()

        def run():
            pq.read_metadata(pa.BufferReader(data))

    run()
    return {"seconds": timed(run)}


# ---- writing a table that is in memory ----


def write(engine, source, target, codec):
    if engine == "duckdb":
        db = duckdb_connection()
        db.execute(f"CREATE TABLE t AS SELECT * FROM '{source}'")

        def run():
            db.execute(f"COPY t TO '{target}' (FORMAT parquet, COMPRESSION {codec})")

    elif engine == "polars":
        import polars as pl

        frame = pl.read_parquet(source)

        def run():
            frame.write_parquet(target, compression=codec)

    else:
        arrow()
        import pyarrow.parquet as pq

        table = pq.read_table(source)

        def run():
            pq.write_table(table, target, compression=codec)

    run()
    return {"seconds": timed(run), "bytes": os.path.getsize(target)}


JOBS = {"where": where, "compact": compact, "rewrite": rewrite, "scan": scan, "footer": footer, "write": write}

result = JOBS[sys.argv[3]](*sys.argv[4:])
result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(result))
