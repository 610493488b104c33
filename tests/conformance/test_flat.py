"""Columns read to the values that pyarrow gives: the public test files, and random files of every flat type, encoding,
codec and page version that pyarrow writes. tests/integration/test_nested_read.py has random nested ones."""

import datetime
import decimal
import os
import pathlib
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lamella_library as lamella

SHARED = pathlib.Path(os.environ.get("LAMELLA_SHARED", lamella.ROOT.parent / "shared")) / "parquet-testing"
LARGE = "large_string_map.brotli.parquet"  # two strings of 1 GiB
FILES = sorted(path for path in SHARED.glob("data/**/*.parquet") if path.name != LARGE)
BAD = sorted(SHARED.glob("bad_data/*.parquet"))
DAMAGED = {"datapage_v1-corrupt-checksum.parquet", "rle-dict-uncompressed-corrupt-checksum.parquet"}


def same(ours, theirs):
    """Equal values, NaN included, whatever the types are called."""
    assert len(ours) == len(theirs)
    if ours.type != theirs.type:
        if pa.types.is_timestamp(ours.type) and pa.types.is_timestamp(theirs.type):
            theirs = theirs.cast(ours.type, safe=False)
        else:
            ours = ours.cast(theirs.type)
    ours, theirs = ours.combine_chunks(), theirs.combine_chunks()
    assert ours.null_count == theirs.null_count
    assert ours.equals(theirs) or repr(ours.to_pylist()) == repr(theirs.to_pylist())


# From int96_from_spark.md: pyarrow wraps them differently.
SPARK_INT96 = [1704141296123456, 1704070800000000, 253402225200000000, 1735599600000000, None, 9089380393200000000]


# Its keys are optional, which pyarrow refuses; from incorrect_map_schema.md.
OPTIONAL_KEYS = [[("parent", "another"), ("name", "report")]]


def theirs_of(path, column):
    if path.name == "incorrect_map_schema.parquet":
        return pa.chunked_array([pa.array(OPTIONAL_KEYS, pa.map_(pa.string(), pa.string()))])
    if path.name == "int96_from_spark.parquet":
        return pa.chunked_array([pa.array(SPARK_INT96, pa.timestamp("us"))])
    # INT96 of Spark holds dates that nanoseconds do not.
    file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
    return file.read([column])[column]


def compare(path, **options):
    ours = lamella.read(path, **options)
    for name in ours.schema.names:
        same(ours[name], theirs_of(path, name))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_public_file(path):
    if path.name in DAMAGED:
        with pytest.raises(lamella.LamellaError, match=r"column '.*page at byte \d+: its checksum is"):
            lamella.read(path)
        compare(path, no_checksums=True)
        return
    compare(path)
    compare(path, batch_rows=7)
    ours = lamella.read(path, dictionaries=True, batch_rows=100)
    for name in ours.schema.names:
        column = ours[name]
        if pa.types.is_dictionary(column.type):
            plain = [chunk.dictionary_decode() for chunk in column.chunks]
            column = pa.chunked_array(plain, column.type.value_type)
        same(column, theirs_of(path, name))


@pytest.mark.slow
def test_public_file_of_large_strings():
    path = SHARED / "data" / LARGE
    if not path.exists():
        pytest.skip("no large file")
    with lamella.Context(memory_limit=5 << 30) as context, lamella.File(context, path) as file:
        reader, lengths = file.batches(batch_rows=1), []
        for batch in reader:
            keys = batch.column(0).keys
            lengths += [len(keys[i].as_buffer()) for i in range(len(keys))]
            del batch, keys
        reader.close()
    assert lengths == [1 << 30, 1 << 30]


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.name)
def test_bad_file(path):
    try:
        theirs = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError):
        theirs = None
    try:
        ours = lamella.read(path)
    except lamella.LamellaError as error:
        assert len(str(error)) > 20
        return
    for name in ours.schema.names if theirs is not None else []:
        same(ours[name], theirs[name])


def test_encrypted_footer_is_refused():
    path = next(SHARED.glob("data/encrypt_columns_and_footer.parquet.encrypted"), None)
    if not path:
        pytest.skip("no encrypted file")
    with pytest.raises(lamella.LamellaError, match="encrypted"):
        lamella.read(path)


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
