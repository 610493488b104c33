"""Columns read to the values that pyarrow gives: the public test files, and random files of every flat type, encoding,
codec and page version that pyarrow writes. tests/integration/test_nested_read.py has random nested ones."""

import datetime
import decimal
import os
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lamella_library as lamella
from public_files import DAMAGED, FILES, LARGE, columns_of, decoded, same, same_columns

@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_public_file(path):
    """Every column, in batches of every size; test_table.py has the whole file at once."""
    if path.name == LARGE:
        pytest.skip("test_table.py reads it")
    wanted, options = columns_of(path), {"no_checksums": path.name in DAMAGED}
    same_columns(lamella.read(path, batch_rows=7, **options), wanted)
    same_columns(decoded(lamella.read(path, dictionaries=True, batch_rows=100, **options)), wanted)


# ---- random files ----

EPOCH = datetime.date(1970, 1, 1)


def text(rng, longest=30):
    return "".join(rng.choice("abcdefghij \u00e9\u4e16") for _ in range(rng.randrange(longest)))


def decimals(precision):
    return lambda rng: decimal.Decimal(rng.randrange(-(10**precision) + 1, 10**precision)).scaleb(
        -2, decimal.Context(prec=80)
    )


def integers(bits, signed=True):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return lambda rng: rng.choice([low, high, rng.randint(low, high), rng.randint(0, min(high, 100))])


def binary(size=None):
    return lambda rng: rng.randbytes(size if size is not None else rng.randrange(20))


TYPES = {
    "bool": (pa.bool_(), lambda rng: rng.random() < 0.5),
    "int8": (pa.int8(), integers(8)),
    "uint16": (pa.uint16(), integers(16, False)),
    "int32": (pa.int32(), integers(32)),
    "uint32": (pa.uint32(), integers(32, False)),
    "int64": (pa.int64(), integers(64)),
    "uint64": (pa.uint64(), integers(64, False)),
    "float16": (pa.float16(), lambda rng: np.float16(rng.random())),
    "float": (pa.float32(), lambda rng: float(np.float32(rng.random()))),
    "double": (pa.float64(), lambda rng: rng.choice([rng.random(), float("inf"), 0.0, -0.0])),
    "date": (pa.date32(), lambda rng: EPOCH + datetime.timedelta(rng.randrange(-99999, 99999))),
    "time_ms": (pa.time32("ms"), integers(24, False)),
    "time_ns": (pa.time64("ns"), integers(40, False)),
    "timestamp_us": (pa.timestamp("us", "UTC"), integers(50)),
    "timestamp_ns": (pa.timestamp("ns"), integers(60)),
    "decimal5": (pa.decimal128(5, 2), decimals(5)),
    "decimal18": (pa.decimal128(18, 2), decimals(18)),
    "decimal38": (pa.decimal128(38, 2), decimals(38)),
    "decimal60": (pa.decimal256(60, 2), decimals(60)),
    "string": (pa.string(), text),
    "word": (pa.string(), lambda rng: rng.choice(["", "one", "two", "a much longer word than the others"])),
    "binary": (pa.binary(), binary()),
    "fixed5": (pa.binary(5), binary(5)),
    "fixed16": (pa.binary(16), binary(16)),
}
ENCODINGS = ["PLAIN", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"]
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
ROWS = [0, 1, 7, 1000, 5000]


def random_array(rng, kind, make, rows, nulls):
    values = [None if rng.random() < nulls else make(rng) for _ in range(rows)]
    if pa.types.is_temporal(kind) and not pa.types.is_date(kind):
        storage = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array(values, storage).view(kind)
    return pa.array(values, kind)


def random_table(rng, rows):
    arrays, fields = [], []
    for name, (kind, make) in TYPES.items():
        nulls = rng.choice([None, 0.0, 0.1, 0.7, 1.0])
        arrays.append(random_array(rng, kind, make, rows, nulls or 0))
        fields.append(pa.field(name, kind, nullable=nulls is not None))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def write_random(rng, table, path):
    """With an encoding for each column that it can have; those that pyarrow refuses are left to its choice."""
    encodings = {}
    for name in table.schema.names:
        encoding = rng.choice([None, *ENCODINGS])
        if not encoding:
            continue
        try:
            pq.write_table(
                table.select([name]).slice(0, 1), path, use_dictionary=False, column_encoding={name: encoding}
            )
            encodings[name] = encoding
        except (pa.ArrowException, OSError, NotImplementedError):
            pass
    pq.write_table(
        table,
        path,
        use_dictionary=[n for n in table.schema.names if n not in encodings and rng.random() < 0.8],
        column_encoding=encodings,
        compression=rng.choice(CODECS),
        data_page_version=rng.choice(["1.0", "2.0"]),
        data_page_size=rng.choice([100, 3000, 1 << 20]),
        dictionary_pagesize_limit=rng.choice([200, 1 << 20]),
        row_group_size=rng.choice([50, 999, 1 << 20]),
        write_batch_size=rng.choice([10, 1000]),
        write_page_checksum=rng.random() < 0.5,
        store_schema=False,
        version="2.6",
    )


@pytest.mark.parametrize("seed", range(int(os.environ.get("LAMELLA_SEEDS", "40"))))
def test_random_file(seed, tmp_path):
    rng = random.Random(seed)
    table = random_table(rng, rng.choice(ROWS))
    path = tmp_path / "random.parquet"
    write_random(rng, table, path)
    theirs = pq.read_table(path)
    for batch_rows in (0, rng.choice([1, 3, 64, 1000]) if table.num_rows <= 1000 else 777):
        ours = lamella.read(path, batch_rows=batch_rows, threads=rng.choice([1, 2]))
        assert ours.schema.names == theirs.schema.names
        for name in theirs.schema.names:
            same(ours[name], theirs[name])
    ours = lamella.read(path, dictionaries=True, batch_rows=rng.choice([0, 17]))
    for name in theirs.schema.names:
        column = ours[name]
        if pa.types.is_dictionary(column.type):
            column = pa.chunked_array([c.dictionary_decode() for c in column.chunks], column.type.value_type)
        same(column, theirs[name])


def test_long_strings_within_the_budget(tmp_path):
    """One row group that is many times the limit is streamed."""
    path = tmp_path / "long.parquet"
    rows = [("x%d" % i) * 20000 for i in range(3000)]  # 60 kB to 100 kB each
    pq.write_table(pa.table({"id": list(range(3000)), "text": rows}), path, compression="zstd", row_group_size=3000,
                   use_dictionary=False, data_page_size=1 << 20, write_batch_size=10)
    with lamella.Context(threads=1, memory_limit=24 << 20) as context, lamella.File(context, path) as file:
        reader, row = file.batches(), 0
        for batch in reader:
            for i, value in zip(batch["id"].to_pylist(), batch["text"].to_pylist()):
                assert i == row and value == rows[row]
                row += 1
            del batch
        reader.close()
        assert row == len(rows)
