"""Scans of one column per class, us and the peers in turn on the same files: scan_class.py PROGRAM DIRECTORY [THREADS]

Prints medians in milliseconds. The files are made once in DIRECTORY."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

threads = sys.argv[3] if len(sys.argv) > 3 else "1"
os.environ["POLARS_MAX_THREADS"] = threads

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

pa.set_cpu_count(int(threads))
ROWS, TIMES = 4_000_000, 7


def classes():
    rng = np.random.default_rng(1)
    n = ROWS
    words = np.array([f"product-{i:05d}" for i in range(2000)])
    yield "int64 plain", pa.array(rng.integers(0, 1 << 62, n)), dict(use_dictionary=False)
    yield "int64 dictionary", pa.array(rng.integers(0, 5000, n)), dict(use_dictionary=True)
    yield "int64 delta", pa.array(np.cumsum(rng.integers(0, 1000, n))), dict(
        use_dictionary=False, column_encoding={"v": "DELTA_BINARY_PACKED"}
    )
    yield "int32 nullable", pa.array(rng.integers(0, 1 << 30, n, dtype=np.int32), mask=rng.random(n) < 0.2), dict(
        use_dictionary=False
    )
    yield "double plain", pa.array(rng.random(n)), dict(use_dictionary=False)
    yield "double split", pa.array(rng.random(n)), dict(
        use_dictionary=False, column_encoding={"v": "BYTE_STREAM_SPLIT"}
    )
    yield "double nullable", pa.array(rng.random(n), mask=rng.random(n) < 0.2), dict(use_dictionary=False)
    yield "string dictionary", pa.array(words[rng.integers(0, 2000, n)]), dict(use_dictionary=True)
    yield "string nullable", pa.array(words[rng.integers(0, 2000, n)], mask=rng.random(n) < 0.2), dict(
        use_dictionary=True
    )
    short = rng.integers(0, 1 << 40, n)
    yield "string short plain", pa.array([f"{x:x}" for x in short]), dict(use_dictionary=False)
    m = n // 40
    yield "string long", pa.array([bytes(rng.integers(97, 123, 400, dtype=np.uint8)).decode() * 3 for _ in range(m)]), dict(
        use_dictionary=False
    )
    yield "bool", pa.array(rng.random(n) < 0.3), dict(use_dictionary=False)


def timed(run):
    times = []
    for _ in range(TIMES):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def arrow(path):
    for _ in pq.ParquetFile(path, pre_buffer=False).iter_batches(batch_size=65536, use_threads=threads != "1"):
        pass


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": int(threads)})
    print(f"{'class':22}{'codec':8}{'lamella':>9}{'as dict':>9}{'pyarrow':>9}{'polars':>9}{'duckdb':>9}   best/ours")
    for codec in ("none", "snappy"):
        made = None
        for name, values, options in [] if made else classes():
            path = directory / f"{name.replace(' ', '_')}_{codec}.parquet"
            if not path.exists():
                pq.write_table(pa.table({"v": values}), path, compression=codec, row_group_size=1 << 20,
                               store_schema=False, **options)
            ours = []
            for mode in ("plain", "dictionaries"):
                out = subprocess.run(
                    [program, path, "0", threads, str(TIMES), mode], check=True, capture_output=True, text=True
                ).stdout.split()
                ours.append(statistics.median(map(float, out)))
            # An aggregate that statistics cannot answer.
            function = "count_if(v)" if name == "bool" else "max(strlen(v))" if "string" in name else "sum(v)"
            peers = [
                timed(lambda: arrow(path)),
                timed(lambda: pl.read_parquet(path)),
                timed(lambda: db.execute(f"SELECT {function} FROM '{path}'").fetchall()),
            ]
            cells = "".join(f"{t:9.1f}" for t in ours + peers)
            print(f"{name:22}{codec:8}{cells}   {min(peers) / ours[0]:.2f}", flush=True)


main()
