"""Every flat type that the writer takes, in every encoding and codec, read back by us and by the peers."""

import datetime
import decimal
import os
import random

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamella_writer import CODECS, LamellaError, column, read, write

SEED = int(os.environ.get("LAMELLA_TEST_SEED", "20261121"))


def integers(low, high):
    return lambda r: r.choice([low, high, 0, 1, r.randint(low, high), r.randint(max(low, -50), min(high, 50))])


def text(r):
    alphabet = r.choice(["ab", "aé€😀", "xyz\u0000"])
    return "".join(r.choice(alphabet) for _ in range(r.choice([0, 1, 5, 5, 12, 100])))


def real(r):
    return r.choice([0.0, -0.0, 1.5, -2.25, float("inf"), r.uniform(-1e6, 1e6), r.randint(-9, 9) / 4])


def digits(precision, scale):
    most = 10**precision - 1
    return lambda r: decimal.Decimal(r.choice([most, -most, 0, r.randint(-most, most), r.randint(-9, 9)])).scaleb(
        -scale, decimal.Context(prec=80)
    )


EPOCH = datetime.datetime(1970, 1, 1)

# name: type, a value
TYPES = {
    "bool": (pa.bool_(), lambda r: r.random() < 0.5),
    "int8": (pa.int8(), integers(-(2**7), 2**7 - 1)),
    "int16": (pa.int16(), integers(-(2**15), 2**15 - 1)),
    "int32": (pa.int32(), integers(-(2**31), 2**31 - 1)),
    "int64": (pa.int64(), integers(-(2**63), 2**63 - 1)),
    "uint8": (pa.uint8(), integers(0, 2**8 - 1)),
    "uint16": (pa.uint16(), integers(0, 2**16 - 1)),
    "uint32": (pa.uint32(), integers(0, 2**32 - 1)),
    "uint64": (pa.uint64(), integers(0, 2**64 - 1)),
    "float16": (pa.float16(), lambda r: np.float16(r.choice([0.0, -0.0, float("inf"), r.uniform(-9, 9)]))),
    "float32": (pa.float32(), lambda r: float(np.float32(real(r)))),
    "float64": (pa.float64(), real),
    "decimal5": (pa.decimal128(5, 2), digits(5, 2)),
    "decimal15": (pa.decimal128(15, 4), digits(15, 4)),
    "decimal38": (pa.decimal128(38, 10), digits(38, 10)),
    "decimal60": (pa.decimal256(60, 10), digits(60, 10)),
    "date32": (pa.date32(), lambda r: datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randint(-40000, 40000))),
    "date64": (pa.date64(), lambda r: datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randint(-40000, 40000))),
    "time32s": (pa.time32("s"), integers(0, 86399)),
    "time32ms": (pa.time32("ms"), integers(0, 86399999)),
    "time64us": (pa.time64("us"), integers(0, 86399999999)),
    "time64ns": (pa.time64("ns"), integers(0, 86399999999999)),
    "timestamp_s": (pa.timestamp("s"), integers(-(10**10), 10**10)),
    "timestamp_ms": (pa.timestamp("ms"), integers(-(10**13), 10**13)),
    "timestamp_us": (pa.timestamp("us", "UTC"), integers(-(10**16), 10**16)),
    "timestamp_ns": (pa.timestamp("ns"), integers(-(10**18), 10**18)),
    "string": (pa.string(), text),
    "large_string": (pa.large_string(), text),
    "binary": (pa.binary(), lambda r: text(r).encode() + bytes([r.choice([0, 255])]) * r.randint(0, 3)),
    "large_binary": (pa.large_binary(), lambda r: text(r).encode()),
    "string_view": (pa.string_view(), text),
    "fixed3": (pa.binary(3), lambda r: bytes(r.choice([0, 1, 255]) for _ in range(3))),
    "fixed16": (pa.binary(16), lambda r: bytes(r.randrange(256) for _ in range(16))),
    "null": (pa.null(), lambda r: None),
}
# What the file has instead of a type that Parquet does not.
STORED = {
    "date64": pa.date32(),
    "time32s": pa.time32("ms"),
    "timestamp_s": pa.timestamp("ms"),
    "large_string": pa.string(),
    "large_binary": pa.binary(),
    "string_view": pa.string(),
}
INTEGERS = ["int8", "int32", "int64", "uint16", "uint64", "date32", "timestamp_us", "time32ms"]
FIT = {
    "plain": list(TYPES),
    "dictionary": [name for name in TYPES if name != "bool"],
    "delta": INTEGERS + ["string", "binary"],
    "delta_bytes": ["string", "binary", "fixed3", "fixed16", "decimal38"],
    "split": INTEGERS + ["float16", "float32", "float64", "fixed3", "decimal15"],
    "rle": ["bool"],
}


def values(name, rows, nulls, r, distinct=None):
    kind, make = TYPES[name]
    pool = [make(r) for _ in range(distinct)] if distinct else None
    drawn = [None if r.random() < nulls else r.choice(pool) if pool else make(r) for _ in range(rows)]
    if name == "float16":
        return pa.array([None if v is None else np.float16(v) for v in drawn], kind)
    if pa.types.is_temporal(kind) and any(isinstance(v, int) for v in drawn):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array(drawn, width).view(kind) if rows else pa.array([], kind)
    return pa.array(drawn, kind)


def table_of(names, rows, nulls, r, distinct=None):
    return pa.table({name: values(name, rows, nulls, r, distinct) for name in names})


def stored(table):
    fields = [pa.field(f.name, STORED.get(f.name, f.type)) for f in table.schema]
    return table.cast(pa.schema(fields))


def same(found, expected):
    assert found.num_rows == expected.num_rows
    for name in expected.column_names:
        a, b = found[name].combine_chunks(), expected[name].combine_chunks()
        if isinstance(a, pa.ExtensionArray):
            a = a.storage
        if a.type != b.type:
            a = a.cast(b.type)
        if pa.types.is_floating(b.type):  # NaN and the sign of zero count
            bits = pa.uint16() if b.type == pa.float16() else pa.uint32() if b.type == pa.float32() else pa.uint64()
            assert a.is_valid().equals(b.is_valid()), name
            a, b = a.drop_null().view(bits), b.drop_null().view(bits)
        assert a.equals(b), name


def check(path, table):
    expected = stored(table)
    same(pq.read_table(path, page_checksum_verification=True), expected)
    same(read(path), expected)


@pytest.mark.parametrize("nulls", [0, 0.3, 1])
@pytest.mark.parametrize("rows", [0, 1, 7, 3000])
@pytest.mark.parametrize("v2", [False, True])
def test_all_types(tmp_path, rows, nulls, v2):
    r = random.Random(f"{SEED} {rows} {nulls} {v2}")
    table = table_of(TYPES, rows, nulls, r)
    result = write(tmp_path / "t.parquet", table, [1, 3, 1000, 17], data_page_v2=v2, page_bytes=2000)
    assert result.rows == rows
    check(tmp_path / "t.parquet", table)


@pytest.mark.parametrize("codec", list(CODECS))
@pytest.mark.parametrize("encoding", list(FIT))
@pytest.mark.parametrize("v2", [False, True])
def test_encoding_and_codec(tmp_path, encoding, codec, v2):
    r = random.Random(f"{SEED} {encoding} {codec} {v2}")
    table = table_of(FIT[encoding], 2500, 0.2, r, distinct=40)
    path = tmp_path / "t.parquet"
    columns = [column(name, codec, encoding=encoding) for name in table.column_names]
    write(path, table, [700, 1, 64], columns=columns, data_page_v2=v2, page_bytes=4096, row_group_rows=1100)
    check(path, table)
    meta = pq.ParquetFile(path).metadata
    wanted = {
        "dictionary": "RLE_DICTIONARY" if v2 else "PLAIN_DICTIONARY",
        "delta_bytes": "DELTA_BYTE_ARRAY",
        "split": "BYTE_STREAM_SPLIT",
        "rle": "RLE",
        "plain": "PLAIN",
    }
    for i, name in enumerate(table.column_names):
        chunk = meta.row_group(0).column(i)
        assert chunk.compression == {"none": "UNCOMPRESSED", "lz4": "LZ4"}.get(codec, codec.upper())
        delta = "DELTA_LENGTH_BYTE_ARRAY" if name in ("string", "binary") else "DELTA_BINARY_PACKED"
        if name != "null":
            assert wanted.get(encoding, delta) in chunk.encodings, name


@pytest.mark.parametrize("seed", range(12))
def test_random_tables(tmp_path, seed):
    r = random.Random(SEED * 1000 + seed)
    names = r.sample(list(TYPES), r.randint(1, 8))
    rows = r.choice([0, 1, 100, 5000, 20000])
    table = table_of(names, rows, r.choice([0, 0, 0.01, 0.5, 1]), r, r.choice([None, 1, 2, 300]))
    path = tmp_path / "t.parquet"
    write(
        path,
        table,
        [r.randint(1, 6000) for _ in range(4)],
        threads=r.choice([1, 2]),
        data_page_v2=r.random() < 0.5,
        page_bytes=r.choice([0, 100, 5000]),
        page_rows=r.choice([0, 0, 33]),
        row_group_rows=r.choice([0, 999]),
        row_group_bytes=r.choice([0, 0, 20000]),
        dictionary_bytes=r.choice([0, 0, 64, 3000]),
        columns=[column(codec=r.choice(list(CODECS)))],
    )
    check(path, table)


def test_peers_read_it(tmp_path):
    r = random.Random(SEED)
    names = [n for n in TYPES if n not in ("null", "decimal60", "float16", "time64ns")]
    table = table_of(names, 5000, 0.1, r)
    path = tmp_path / "t.parquet"
    write(path, table, 1234, row_group_rows=2000)
    same(pq.read_table(path), stored(table))
    found = polars.read_parquet(path).to_arrow()
    easy = [n for n in names if not n.startswith(("decimal", "time", "fixed"))]
    same(found.select(easy), stored(table).select(easy))
    found = duckdb.sql(f"select * from '{path}'").arrow()
    found = found.read_all() if hasattr(found, "read_all") else found
    easy = [n for n in names if not n.startswith(("time32", "fixed"))]
    same(found.select(easy), stored(table).select(easy))


def test_text_whose_long_passages_return(tmp_path):
    """Long enough for the trial of levels: zstd with long-distance matching, whatever reads it."""
    r = random.Random(SEED)
    texts = ["".join(f"product-{r.randrange(2000):05d}" for _ in range(80)) for _ in range(300)]
    table = pa.table({"s": [r.choice(texts)[r.randrange(600):] + str(i) for i in range(12000)]})
    sizes = {}
    for level in (0, 3):
        path = tmp_path / f"{level}.parquet"
        write(path, table, columns=[column(level=level, encoding="plain")])
        check(path, table)
        same(polars.read_parquet(path).to_arrow(), table)
        found = duckdb.sql(f"select * from '{path}'").arrow()
        same(found.read_all() if hasattr(found, "read_all") else found, table)
        sizes[level] = path.stat().st_size
    assert sizes[0] < sizes[3] * 0.99, sizes


KEYS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32()]


# A schema of plain values takes dictionaries of int32 indices.
@pytest.mark.parametrize("index, given", [(k, "dictionary") for k in KEYS] + [(pa.int32(), "plain")], ids=str)
@pytest.mark.parametrize("name", ["string", "large_string", "int64", "decimal38", "float64", "binary", "fixed3", "bool"])
def test_dictionary_arrays(tmp_path, index, name, given):
    r = random.Random(f"{SEED} {index} {name}")
    entries = values(name, 100, 0.1 if name in ("string", "int64") else 0, r)
    indices = pa.array([None if r.random() < 0.2 else r.randrange(100) for _ in range(4000)], index)
    coded = pa.DictionaryArray.from_arrays(indices, entries)
    table, plain = pa.table({name: coded}), pa.table({name: coded.dictionary_decode()})
    path = tmp_path / "t.parquet"
    schema = table.schema if given == "dictionary" else plain.schema
    for limit in (0, 90):  # the second gives the dictionary up
        write(path, table, [100, 3000, 7], schema=schema, page_bytes=300, dictionary_bytes=limit, row_group_rows=3500)
        check(path, plain)


def test_dictionary_then_plain_batches(tmp_path):
    schema = pa.schema([pa.field("s", pa.string())])
    table = pa.table({"s": ["a", "b", None, "c"] * 100}, schema)
    coded = pa.table({"s": table["s"].dictionary_encode()})
    from lamella_writer import Context, Writer

    with Context(1) as context, Writer(context, tmp_path / "t.parquet", schema) as writer:
        for t in (table, coded, table, coded):
            for batch in t.to_batches():
                writer.write(batch)
        writer.finish()
    check(tmp_path / "t.parquet", pa.concat_tables([table] * 4))


def bounds(path, name):
    meta = pq.ParquetFile(path).metadata
    statistics = meta.row_group(0).column(meta.schema.to_arrow_schema().names.index(name)).statistics
    return statistics


@pytest.mark.parametrize("distinct", [None, 30])
def test_statistics(tmp_path, distinct):
    r = random.Random(SEED)
    names = [n for n in TYPES if n not in ("null", "float16", "string_view")]
    table = table_of(names, 3000, 0.1, r, distinct)
    path = tmp_path / "t.parquet"
    write(path, table, 500)
    expected = stored(table)
    for name in names:
        found, column_ = bounds(path, name), expected[name]
        assert found.null_count == column_.null_count, name
        if name.startswith("decimal"):  # pyarrow does not show them; test_statistics.c has their order
            continue
        if name.endswith("_ns") or name == "time64ns":  # beyond what Python's types hold
            continue
        assert found.has_min_max, name
        present = [v.as_py() for v in column_ if v.is_valid]
        least, most = min(present), max(present)
        if pa.types.is_floating(column_.type):
            assert (found.min, found.max) == (least, most), name
        elif isinstance(least, (str, bytes)):
            low, high = found.min, found.max
            assert low <= least and high >= most, name
            assert len(low) <= 64, name
        else:
            assert (found.min, found.max) == (least, most), name


def test_a_null_in_a_required_column_is_refused(tmp_path):
    schema = pa.schema([pa.field("x", pa.int64(), nullable=False)])
    path = tmp_path / "t.parquet"
    with pytest.raises(LamellaError, match='column "x": row 2 of the batch is NULL'):
        write(path, pa.table({"x": [1, 2, None, 4]}), schema=schema)
    assert os.listdir(tmp_path) == []


def test_row_groups_are_bounded(tmp_path):
    table = pa.table({"s": ["%064d" % (i * 7919 % 100003) for i in range(20000)]})
    path = tmp_path / "t.parquet"
    write(path, table, row_group_bytes=200000, columns=[column(codec="none")])
    meta = pq.ParquetFile(path).metadata
    sizes = [meta.row_group(i).column(0).total_compressed_size for i in range(meta.num_row_groups)]
    assert len(sizes) > 4 and max(sizes) < 300000
    check(path, table)


def test_key_values_sorting_and_field_ids(tmp_path):
    from lamella_writer import KeyValue, SortKey

    field = pa.field("x", pa.int64(), metadata={"PARQUET:field_id": "17"})
    table = pa.table({"x": [1, 2, 3]}, schema=pa.schema([field]))
    path = tmp_path / "t.parquet"
    write(path, table, key_values=[KeyValue(b"owner", b"me")], sorting=[SortKey(b"x", False, True)])
    meta = pq.ParquetFile(path).metadata
    assert meta.metadata[b"owner"] == b"me"
    assert meta.created_by.startswith("lamella version ")
    assert meta.row_group(0).sorting_columns == (pq.SortingColumn(0, False, True),)
    assert pq.read_schema(path).field("x").metadata[b"PARQUET:field_id"] == b"17"
