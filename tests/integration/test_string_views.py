"""Strings and binaries as Arrow's views: pyarrow imports them, finds them valid and gets the values that it reads itself."""

import os
import pathlib
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import lamella_library as library  # noqa: E402

SEED = int(os.environ.get("LAMELLA_TEST_SEED", "20261121"))
ROWS = 20000


def texts(rng, nulls):
    words = ["é" * rng.randrange(30) + str(i) for i in range(200)]
    longest = rng.choice([12, 13, 40, 900])
    return [None if rng.random() < nulls else rng.choice(words) + "x" * rng.randrange(longest) for _ in range(ROWS)]


@pytest.mark.parametrize("nulls", [0, 0.2])
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("encoding", ["PLAIN", "DICTIONARY", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_values_are_those_of_pyarrow(tmp_path, encoding, codec, nulls):
    print(f"seed {SEED}")
    rng = random.Random(f"{SEED}{encoding}{codec}{nulls}")
    strings = texts(rng, nulls)
    table = pa.table({
        "text": pa.array(strings, pa.string()),
        "bytes": pa.array([s and s.encode() for s in reversed(strings)], pa.binary()),
        "number": list(range(ROWS)),
        "list": pa.array([[s] for s in strings], pa.list_(pa.string())),
    })
    path = tmp_path / "f.parquet"
    dictionary = encoding == "DICTIONARY"
    pq.write_table(
        table, path, compression=codec, row_group_size=rng.choice([ROWS, 7000]), use_dictionary=dictionary,
        dictionary_pagesize_limit=rng.choice([1 << 12, 1 << 20]), data_page_size=rng.choice([2000, 1 << 20]),
        column_encoding=None if dictionary else {"text": encoding, "bytes": encoding},
        data_page_version=rng.choice(["1.0", "2.0"]))
    for batch_rows in (0, 777):
        read = library.read(path, string_views=True, batch_rows=batch_rows)
        assert read.schema.types == [pa.string_view(), pa.binary_view(), pa.int64(), table.schema.field("list").type]
        for name in table.column_names:
            assert read[name].to_pylist() == table[name].to_pylist()


def test_batches_stay_as_they_are_while_they_are_held(tmp_path):
    strings = texts(random.Random(SEED), 0.1)
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"text": strings}), path, compression="snappy", use_dictionary=False, data_page_size=3000)
    with library.Context() as context, library.File(context, path) as file:
        reader = file.batches(string_views=True, batch_rows=500)
        held = list(reader)
        reader.close()
        assert sum((batch.column(0).to_pylist() for batch in held), []) == strings
        del held


def test_dictionaries_come_first(tmp_path):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"text": ["a", "b", None, "a"]}), path)
    read = library.read(path, string_views=True, dictionaries=True)
    assert pa.types.is_dictionary(read.schema.field(0).type)
    assert read["text"].to_pylist() == ["a", "b", None, "a"]
