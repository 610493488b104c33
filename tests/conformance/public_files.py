"""The public Parquet test files, and what Lamella makes of each: equal to pyarrow's values, or to the expected ones where
pyarrow does not have them, or refused. The tests and the table in docs/conformance.md are made of this."""

import csv
import os
import pathlib
import re

import pyarrow as pa
import pyarrow.parquet as pq

import lamella_library as lamella

SHARED = pathlib.Path(os.environ.get("LAMELLA_SHARED", lamella.ROOT.parent / "shared")) / "parquet-testing"
LARGE = "large_string_map.brotli.parquet"  # two strings of 1 GiB
FILES = sorted(SHARED.glob("data/**/*.parquet"), key=lambda p: (p.parent.name, p.name))
BAD = sorted(SHARED.glob("bad_data/*.parquet"))
ENCRYPTED = sorted(SHARED.glob("data/**/*.encrypted"), key=lambda p: (p.parent.name, p.name))
SHREDDED = sorted(SHARED.glob("shredded_variant/*.parquet"))

# Their pages have wrong checksums on purpose, and right values.
DAMAGED = {"datapage_v1-corrupt-checksum.parquet", "rle-dict-uncompressed-corrupt-checksum.parquet"}

# Of the bad ones: dictionary indices of 0 bits, which a dictionary of one entry may have.
VALID = {"ARROW-GH-43605.parquet"}

# From int96_from_spark.md: pyarrow wraps them differently.
SPARK_INT96 = [1704141296123456, 1704070800000000, 253402225200000000, 1735599600000000, None, 9089380393200000000]

# Its keys are optional, which pyarrow refuses; from the README of the test files.
OPTIONAL_KEYS = [[("parent", "another"), ("name", "report")]]

EXPECTED = {
    "incorrect_map_schema.parquet": {"my_map": pa.array(OPTIONAL_KEYS, pa.map_(pa.string(), pa.string()))},
    "int96_from_spark.parquet": {"a": pa.array(SPARK_INT96, pa.timestamp("us"))},
}


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


def columns_of(path):
    """Every column of the file as it should be, by name."""
    if path.name in EXPECTED:
        return {name: pa.chunked_array([array]) for name, array in EXPECTED[path.name].items()}
    table = pq.ParquetFile(path).read()
    assert len(set(table.schema.names)) == table.num_columns
    return {name: table[name] for name in table.schema.names}


def same_columns(ours, columns):
    """All columns, none more and none less."""
    assert ours.schema.names == list(columns)
    for name in columns:
        same(ours[name], columns[name])


def decoded(table):
    """Dictionary-encoded columns as plain ones."""
    for i, name in enumerate(table.schema.names):
        if pa.types.is_dictionary(table[name].type):
            chunks = [chunk.dictionary_decode() for chunk in table[name].chunks]
            table = table.set_column(i, name, pa.chunked_array(chunks, table[name].type.value_type))
    return table


def csv_of(path):
    expected = path.with_name(path.stem + "_expect.csv")
    return expected if expected.exists() else None


def same_csv(ours, path):
    """The CSV does not tell NULL from the empty string."""
    with csv_of(path).open(newline="") as file:
        names, *rows = csv.reader(file)
    assert [name.rstrip(":") for name in ours.schema.names] == [name.strip() for name in names]
    columns = [["" if v is None else str(v) for v in ours[name].to_pylist()] for name in ours.schema.names]
    assert [list(row) for row in zip(*columns)] == rows


def same_large(path):
    """A map of one string each, read a row at a time: "a" * 2**30, 1 (README)."""
    with lamella.Context(memory_limit=5 << 30) as context, lamella.File(context, path) as file:
        reader, rows = file.batches(batch_rows=1), 0
        for batch in reader:
            maps = batch.column(0)
            assert reader.schema.names == ["arr"] and len(maps) == 1 and len(maps.keys) == 1
            key = maps.keys[0].as_buffer()
            part = b"a" * (1 << 20)
            assert len(key) == 1 << 30
            assert all(key.slice(i, 1 << 20).to_pybytes() == part for i in range(0, 1 << 30, 1 << 20))
            assert maps.items.to_pylist() == [1]
            rows += 1
            del batch, maps, key
        reader.close()
    assert rows == 2


def message(error, path):
    """On a line of its own, without the file's name."""
    return re.sub(r"\s+", " ", str(error).replace(f"{path}: ", "").replace(str(path), path.name)).strip()


def our_result(path):
    """What docs/conformance.md says of the file."""
    if path.name == LARGE:
        same_large(path)
        return "equal to the expected values"
    if path.name in DAMAGED:
        same_columns(lamella.read(path, no_checksums=True), columns_of(path))
        try:
            lamella.read(path)
        except lamella.LamellaError as error:
            assert re.search(r"column '.*page at byte \d+: its checksum is", str(error))
            return "wrong checksum reported; without checksums equal to pyarrow"
        raise AssertionError("the wrong checksum is not reported")
    try:
        ours = lamella.read(path)
    except lamella.LamellaError as error:
        return f"refused: {message(error, path)}"
    same_columns(ours, columns_of(path))
    if csv_of(path):
        same_csv(ours, path)
        return "equal to pyarrow and to the expected values"
    return "equal to the expected values" if path.name in EXPECTED else "equal to pyarrow"
