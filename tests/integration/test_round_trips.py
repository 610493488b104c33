"""Random tables between the command and pyarrow, Polars and DuckDB, both ways, values and types compared."""

import datetime
import decimal
import random

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from conftest import SEED
from tables import files_of

EPOCH = datetime.datetime(1970, 1, 1)


def number(bits, signed=True):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda r: r.choice([low, high, 0, 1, r.randint(low, high), r.randint(max(low, -9), 9)])


def real(r):
    return r.choice([0.0, -0.0, 1.5, float("inf"), r.uniform(-1e9, 1e9), r.randint(-5, 5) / 4])


def text(r):
    return "".join(r.choice("aé€😀 \n\"',") for _ in range(r.choice([0, 1, 3, 3, 20, 90])))


def digits(precision, scale):
    most = 10**precision - 1
    return lambda r: decimal.Decimal(r.choice([most, -most, 0, r.randint(-most, most)])).scaleb(
        -scale, decimal.Context(prec=80))


def moment(unit_per_second):
    return lambda r: r.randint(-(10**9), 4 * 10**9) * unit_per_second + r.randint(0, unit_per_second - 1)


# name: type, a value (of timestamps and times: the integer)
TYPES = {
    **{f"int{b}": (getattr(pa, f"int{b}")(), number(b)) for b in (8, 16, 32, 64)},
    **{f"uint{b}": (getattr(pa, f"uint{b}")(), number(b, False)) for b in (8, 16, 32, 64)},
    "bool": (pa.bool_(), lambda r: r.random() < 0.5),
    "float32": (pa.float32(), lambda r: float(np.float32(real(r)))),
    "float64": (pa.float64(), real),
    "string": (pa.string(), text),
    "binary": (pa.binary(), lambda r: r.randbytes(r.choice([0, 1, 7, 40]))),
    "fixed": (pa.binary(11), lambda r: r.randbytes(11)),
    "date": (pa.date32(), lambda r: r.randint(-700000, 2900000)),
    "time_ms": (pa.time32("ms"), lambda r: r.randrange(86400000)),
    "time_us": (pa.time64("us"), lambda r: r.randrange(86400000000)),
    "timestamp_ms": (pa.timestamp("ms"), moment(10**3)),
    "timestamp_us": (pa.timestamp("us"), moment(10**6)),
    "timestamp_us_utc": (pa.timestamp("us", "UTC"), moment(10**6)),
    "timestamp_ns": (pa.timestamp("ns"), moment(10**9)),
    "decimal9": (pa.decimal128(9, 2), digits(9, 2)),
    "decimal18": (pa.decimal128(18, 0), digits(18, 0)),
    "decimal38": (pa.decimal128(38, 10), digits(38, 10)),
    "decimal60": (pa.decimal256(60, 5), digits(60, 5)),
    "float16": (pa.float16(), lambda r: np.float16(r.uniform(-100, 100))),
}
# What each peer takes and gives back as it was.
POLARS = [n for n in TYPES if n not in ("fixed", "decimal60", "time_ms", "time_us", "float16")]
DUCKDB = [n for n in TYPES if n not in ("fixed", "decimal60", "time_ms", "timestamp_ms", "float16")]


def column(name, rows, nulls, r, distinct):
    type, value = TYPES[name]
    pool = [value(r) for _ in range(distinct)] if distinct else None
    values = [None if r.random() < nulls else r.choice(pool) if pool else value(r) for _ in range(rows)]
    if pa.types.is_timestamp(type) or pa.types.is_time64(type):
        return pa.array(values, pa.int64()).cast(type)
    if pa.types.is_time32(type) or pa.types.is_date32(type):
        return pa.array(values, pa.int32()).cast(type)
    return pa.array(values, type)


def table_of(names, rows, nulls, r, distinct=None):
    return pa.table({n: column(n, rows, nulls, r, distinct) for n in names})


def same(found, expected, types=True):
    assert found.column_names == expected.column_names and found.num_rows == expected.num_rows
    for name in expected.column_names:
        a, b = found[name].combine_chunks(), expected[name].combine_chunks()
        if types:
            assert a.type == b.type, name
        a = a.cast(b.type)
        assert a.equals(b), (name, next((i, x, y) for i, (x, y) in enumerate(zip(a, b)) if not x.equals(y)))


def random_shape(r):
    """names of types are drawn by the caller; here rows, share of nulls, distinct values"""
    return r.choice([0, 1, 50, 3000]), r.choice([0, 0.2, 1]), r.choice([None, 3, 200])


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_pyarrow(lamella, tmp_path, seed):
    r = random.Random(f"{SEED} pyarrow {seed}")
    rows, nulls, distinct = random_shape(r)
    table = table_of(r.sample(list(TYPES), r.randint(1, len(TYPES))), rows, nulls, r, distinct)
    pq.write_table(table, tmp_path / "x.parquet", compression=r.choice(["none", "snappy", "gzip", "brotli", "zstd", "lz4"]),
                   use_dictionary=r.random() < 0.5, row_group_size=r.choice([7, 1000, 100000]) if rows < 100 else 1000,
                   data_page_version=r.choice(["1.0", "2.0"]), data_page_size=r.choice([100, 5000, 1 << 20]),
                   store_decimal_as_integer=r.random() < 0.5, write_page_checksum=r.random() < 0.5,
                   version="2.6" if "timestamp_ns" in table.column_names else r.choice(["2.4", "2.6"]))
    expected = pq.read_table(tmp_path / "x.parquet")
    lamella("cat", "x.parquet", "--format", "parquet", "-o", "y.parquet")
    same(pq.ParquetFile(tmp_path / "y.parquet").read(), expected)
    lamella("import", "x.parquet", "--into", "t", "--row-group-rows", r.choice([11, 5000]))
    same(pa.concat_tables([pq.ParquetFile(p).read() for p in files_of(tmp_path / "t")]), expected)
    assert lamella.json("verify", "t", "--full")["faults"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_polars(lamella, tmp_path, seed):
    r = random.Random(f"{SEED} polars {seed}")
    rows, nulls, distinct = random_shape(r)
    table = table_of(r.sample(POLARS, r.randint(1, len(POLARS))), rows, nulls, r, distinct)
    frame = polars.from_arrow(table)
    frame.write_parquet(tmp_path / "x.parquet", compression=r.choice(["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"]),
                        row_group_size=r.choice([None, 500]), data_page_size=r.choice([None, 1000]))
    lamella("cat", "x.parquet", "--format", "parquet", "-o", "y.parquet")
    found = polars.read_parquet(tmp_path / "y.parquet")
    assert found.equals(frame, null_equal=True) and found.schema == frame.schema
    same(pq.ParquetFile(tmp_path / "y.parquet").read(), table, types=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_duckdb(lamella, tmp_path, seed):
    r = random.Random(f"{SEED} duckdb {seed}")
    rows, nulls, distinct = random_shape(r)
    table = table_of(r.sample(DUCKDB, r.randint(1, len(DUCKDB))), rows, nulls, r, distinct)
    connection = duckdb.connect()
    connection.register("given", table)
    codec = r.choice(["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"])
    version = r.choice(["v1", "v2"])
    connection.execute(f"copy given to '{tmp_path}/x.parquet' (format parquet, compression {codec}, parquet_version {version})")
    lamella("cat", "x.parquet", "--format", "parquet", "-o", "y.parquet")
    columns = ", ".join(f'"{n}"' for n in table.column_names)

    def rows_of(name):
        return connection.sql(f"select {columns} from '{tmp_path}/{name}'").to_arrow_table()

    same(rows_of("y.parquet"), rows_of("x.parquet"))
    types = [connection.execute(f"describe select * from '{tmp_path}/{n}.parquet'").fetchall() for n in "xy"]
    assert [t[:2] for t in types[0]] == [t[:2] for t in types[1]]
    same(pq.ParquetFile(tmp_path / "y.parquet").read(), table, types=False)


ENCODINGS = {
    "PLAIN": list(TYPES),
    "DELTA_BINARY_PACKED": ["int8", "int32", "int64", "uint16", "uint64", "date", "timestamp_us", "time_ms"],
    "DELTA_LENGTH_BYTE_ARRAY": ["string", "binary"],
    "DELTA_BYTE_ARRAY": ["string", "binary", "fixed", "decimal38"],
    "BYTE_STREAM_SPLIT": ["float32", "float64", "float16", "int32", "int64", "fixed", "decimal38", "timestamp_ns"],
    "RLE": ["bool"],
    "dictionary": [n for n in TYPES if n != "bool"],
}


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("encoding", list(ENCODINGS))
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_every_encoding_and_codec_of_pyarrow(lamella, tmp_path, encoding, codec, version):
    r = random.Random(f"{SEED} {encoding} {codec} {version}")
    table = table_of(ENCODINGS[encoding], 1500, 0.2, r, 60 if encoding == "dictionary" else None)
    chosen = {} if encoding == "dictionary" else {"column_encoding": dict.fromkeys(table.column_names, encoding)}
    pq.write_table(table, tmp_path / "x.parquet", compression=codec, use_dictionary=encoding == "dictionary",
                   data_page_version=version, data_page_size=2000, **chosen)
    lamella("cat", "x.parquet", "--format", "parquet", "-o", "y.parquet")
    same(pq.ParquetFile(tmp_path / "y.parquet").read(), pq.read_table(tmp_path / "x.parquet"))


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4_raw"])
def test_every_codec_of_ours(lamella, tmp_path, codec):
    """All three peers read it with equal values."""
    r = random.Random(f"{SEED} {codec}")
    names = [n for n in POLARS if n in DUCKDB]
    table = table_of(names, 2000, 0.1, r, 400)
    pq.write_table(table, tmp_path / "x.parquet")
    lamella("import", "x.parquet", "--into", "t", "--compression", codec, "--row-group-rows", 600)
    (path,) = files_of(tmp_path / "t")
    same(pq.ParquetFile(path).read(), pq.read_table(tmp_path / "x.parquet"))
    assert polars.read_parquet(path).equals(polars.read_parquet(tmp_path / "x.parquet"), null_equal=True)
    connection = duckdb.connect()
    same(*(connection.sql(f"select * from '{p}'").to_arrow_table() for p in (path, tmp_path / "x.parquet")))


@pytest.mark.bulk
def test_ten_million_rows(lamella, tmp_path):
    n = 10_000_000
    r = np.random.default_rng(SEED)
    number = np.arange(n, dtype=np.int64) * 3
    mask = r.random(n) < 0.1
    words = pa.array([f"word {i}" for i in range(1000)])
    table = pa.table({
        "i": number, "d": pa.array(r.random(n), mask=mask),
        "s": pa.DictionaryArray.from_arrays(pa.array(r.integers(0, 1000, n, dtype=np.int32)), words).cast(pa.string()),
    })
    pq.write_table(table, tmp_path / "x.parquet", compression="snappy")
    assert lamella("count", "x.parquet").text == f"{n}\n"
    done = lamella.json("import", "x.parquet", "--into", "t", "--rows-per-file", 3_000_000, "--compression", "snappy")
    assert done["rows"] == n and done["files_written"] == 4
    paths = files_of(tmp_path / "t")
    found = pa.concat_tables([pq.ParquetFile(p).read() for p in paths])
    for name in table.column_names:
        assert pc.all(pc.equal(found[name], table[name])).as_py(), name
        assert found[name].null_count == table[name].null_count
    assert duckdb.sql(f"select count(*), sum(i) from read_parquet({[str(p) for p in paths]})").fetchall() == [(n, int(number.sum()))]
    assert polars.scan_parquet(tmp_path / "t").select(polars.col("i").sum()).collect().item() == int(number.sum())
    lamella("compact", "t", "--target-size", "1GB", "--max-file-size", "1GB")
    (path,) = files_of(tmp_path / "t")
    found = pq.ParquetFile(path).read()
    assert all(pc.all(pc.equal(found[name], table[name])).as_py() for name in table.column_names)
