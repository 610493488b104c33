"""Nested columns read to the arrays and types that pyarrow gives: random schemas up to five levels deep, in pages of
either version, however small, and leaves of structs alone."""

import json
import os
import pathlib
import random
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import lamella_library as library  # noqa: E402

SEED = int(os.environ.get("LAMELLA_TEST_SEED", "20261121"))
LEAVES = {
    "int64": (pa.int64(), lambda rng: rng.choice([-(1 << 63), 0, 7, (1 << 63) - 1, rng.randrange(1000)])),
    "int8": (pa.int8(), lambda rng: rng.randrange(-128, 128)),
    "bool": (pa.bool_(), lambda rng: rng.random() < 0.5),
    "double": (pa.float64(), lambda rng: rng.choice([rng.random(), -0.0, float("inf")])),
    "string": (pa.string(), lambda rng: rng.choice(["", "one", "two", "é" * rng.randrange(40)])),
    "binary": (pa.binary(), lambda rng: rng.randbytes(rng.randrange(12))),
    "fixed": (pa.binary(3), lambda rng: rng.randbytes(3)),
    "decimal": (pa.decimal128(20, 3), lambda rng: rng.randrange(10**9)),
    "timestamp": (pa.timestamp("us", "UTC"), lambda rng: rng.randrange(1 << 50)),
    "null": (pa.null(), lambda rng: None),
}


def random_type(rng, depth):
    kind = rng.choice(["leaf", "list", "struct", "map"]) if depth else "leaf"
    if kind == "list":
        return pa.list_(random_field(rng, "element", depth - 1))
    if kind == "struct":
        return pa.struct([random_field(rng, f"f{i}", depth - 1) for i in range(rng.randrange(1, 4))])
    if kind == "map":
        key = random_type(rng, 0 if rng.random() < 0.8 else depth - 1)
        while pa.types.is_null(key):
            key = random_type(rng, 0)
        return pa.map_(pa.field("key", key, nullable=False), random_field(rng, "value", depth - 1))
    return rng.choice(list(LEAVES.values()))[0]


def random_field(rng, name, depth):
    kind = random_type(rng, depth)
    return pa.field(name, kind, nullable=pa.types.is_null(kind) or rng.random() < 0.75)


def random_value(rng, field, nulls):
    kind = field.type
    if field.nullable and rng.random() < nulls:
        return None
    many = rng.choice([0, 1, 2, 3, rng.randrange(12)])
    if pa.types.is_map(kind):
        key = pa.field("key", kind.key_type, nullable=False)
        return [(random_value(rng, key, nulls), random_value(rng, kind.item_field, nulls)) for _ in range(many)]
    if pa.types.is_list(kind):
        return [random_value(rng, kind.value_field, nulls) for _ in range(many)]
    if pa.types.is_struct(kind):
        return {child.name: random_value(rng, child, nulls) for child in kind}
    return next(make for other, make in LEAVES.values() if other == kind)(rng)


def random_table(rng, rows, depth=5):
    fields = [random_field(rng, f"c{i}", depth) for i in range(3)]
    arrays = []
    for field in fields:
        nulls = rng.choice([0.0, 0.1, 0.6])
        array = pa.array([random_value(rng, field, nulls) for _ in range(rows)], field.type)
        arrays.append(array.slice(rng.randrange(rows + 1)) if rng.random() < 0.2 else array)
    rows = min(len(array) for array in arrays)
    return pa.Table.from_arrays([array.slice(0, rows) for array in arrays], schema=pa.schema(fields))


def write_random(rng, table, path):
    pq.write_table(
        table,
        path,
        use_dictionary=rng.random() < 0.6,
        compression=rng.choice(["none", "none", "snappy", "zstd", "gzip"]),
        data_page_version=rng.choice(["1.0", "2.0"]),
        data_page_size=rng.choice([40, 400, 1 << 20]),
        dictionary_pagesize_limit=rng.choice([100, 1 << 20]),
        row_group_size=rng.choice([20, 333, 1 << 20]),
        write_batch_size=rng.choice([1, 10, 1000]),
        write_page_index=rng.random() < 0.5,
        store_schema=False,
    )


def shown(kind):
    """With the names of lists' children; pyarrow calls the entries of a map as the map."""
    return re.sub(r" \('[^']*'\)", "", str(kind))


def assert_same(ours, theirs):
    assert ours.num_rows == theirs.num_rows
    for name in theirs.schema.names:
        assert ours.schema.field(name).equals(theirs.schema.field(name)), name
        assert shown(ours[name].type) == shown(theirs[name].type), name
        assert ours[name].combine_chunks().equals(theirs[name].combine_chunks()), name


@pytest.mark.parametrize("seed", range(int(os.environ.get("LAMELLA_SEEDS", "60"))))
def test_random_file(seed, tmp_path):
    rng = random.Random(SEED + seed)
    path = tmp_path / "nested.parquet"
    table = random_table(rng, rng.choice([0, 1, 10, 400]))
    write_random(rng, table, path)
    print(f"seed {SEED + seed}: {table.schema}")
    try:
        theirs = pq.ParquetFile(path).read()
    except OSError as error:
        assert "Definition levels exceeded" in str(error)  # where pyarrow does not read its own
        theirs = table
    for batch_rows in (0, rng.choice([1, 3, 7, 50])):
        assert_same(library.read(path, batch_rows=batch_rows, threads=rng.choice([1, 2])), theirs)


def leaves_of(field, path=""):
    """Paths of the leaves below a field as pyarrow's reader takes them, in the file's order."""
    kind, path = field.type, f"{path}.{field.name}" if path else field.name
    if pa.types.is_map(kind):
        entries = f"{path}.key_value"
        return leaves_of(kind.key_field, entries) + leaves_of(kind.item_field, entries)
    if pa.types.is_list(kind):
        return leaves_of(kind.value_field, f"{path}.list")
    if pa.types.is_struct(kind):
        return [leaf for child in kind for leaf in leaves_of(child, path)]
    return [path]


@pytest.mark.parametrize("seed", range(20))
def test_leaves_of_structs(seed, tmp_path):
    rng = random.Random(SEED - seed)
    path = tmp_path / "nested.parquet"
    table = random_table(rng, 100)
    write_random(rng, table, path)
    leaves = [leaf for field in table.schema for leaf in leaves_of(field)]
    maps = [i for i, leaf in enumerate(leaves) if ".key_value." in leaf]  # are never read in part
    chosen = sorted({*rng.sample(range(len(leaves)), min(len(leaves), 3)), *maps})
    theirs = pq.ParquetFile(path).read(columns=[leaves[i] for i in chosen])
    top = [i for i, name in enumerate(table.schema.names) if name in theirs.schema.names]
    ours = library.read(path, columns=top, leaves=chosen, batch_rows=rng.choice([0, 9]))
    assert ours.schema.names == theirs.schema.names
    for name in theirs.schema.names:  # of which pyarrow forgets what is not nullable
        assert ours[name].to_pylist() == theirs[name].to_pylist(), name


def test_a_row_of_many_pages(tmp_path):
    """Rows that are longer than a page, a block of levels and a run."""
    rows = [list(range(100_000)), [], None, [7] * 30_000, [1]]
    strings = [["abc"] * 50_000, None, ["x" * 300_000] * 4, [], ["y" * 100_000] * 20]
    table = pa.table({"n": pa.array(rows, pa.list_(pa.int64())), "s": pa.array(strings, pa.list_(pa.string()))})
    path = tmp_path / "long.parquet"
    for version in ("1.0", "2.0"):
        pq.write_table(
            table, path, data_page_size=1000, use_dictionary=["n"], data_page_version=version, store_schema=False
        )
        for options in ({}, {"batch_rows": 1}, {"memory_limit": 100 << 20}):
            assert_same(library.read(path, **options), pq.read_table(path))


def test_runs_end_at_the_limit_of_bytes(tmp_path):
    """Leaves that fill their runs after different numbers of rows."""
    rng = random.Random(SEED)
    rows = [
        [{"s": "z" * rng.randrange(20_000), "n": i, "b": i % 3 == 0} for i in range(rng.randrange(6))] or None
        for _ in range(3000)
    ]
    table = pa.table({"c": pa.array(rows), "n": pa.array(range(3000))})
    path = tmp_path / "wide.parquet"
    for dictionary in (False, True):
        pq.write_table(table, path, use_dictionary=dictionary, store_schema=False, data_page_size=50_000)
        assert_same(library.read(path), pq.read_table(path))
        assert_same(library.read(path, batch_rows=100_000, memory_limit=100 << 20), pq.read_table(path))


def test_too_little_memory_is_an_error(tmp_path):
    path = tmp_path / "long.parquet"
    pq.write_table(pa.table({"n": [list(range(3_000_000))]}), path)
    with pytest.raises(library.LamellaError, match="column 'n': leaf 'element': from row 0 on"):
        library.read(path, memory_limit=8 << 20)


def test_paths_of_members(lamella, tmp_path):
    """Members by their path, of files whose structs are not the same."""
    folder = tmp_path / "t"
    folder.mkdir()
    address = {"city": "Bern", "zip.code": 3000, "geo": {"lat": 46.9}}
    one = pa.table({"id": [1, 2], "address": [address, None], "l": [[{"a": 1, "b": "x"}], []]})
    two = pa.table({"id": [3], "address": [{"city": "Rome"}], "l": [[{"a": 2, "b": "y"}]]})
    pq.write_table(one, folder / "1.parquet")
    pq.write_table(two, folder / "2.parquet")

    def rows(*arguments):
        out = lamella("cat", "t", "--format", "json", *arguments).text
        return [json.loads(line) for line in out.splitlines()]

    assert rows("--columns", "address.city") == [
        {"address": {"city": "Bern"}},
        {"address": None},
        {"address": {"city": "Rome"}},
    ]
    assert rows("--columns", "address.geo.lat,id,address.city") == [
        {"address": {"city": "Bern", "geo": {"lat": 46.9}}, "id": 1},
        {"address": None, "id": 2},
        {"address": {"city": "Rome", "geo": None}, "id": 3},
    ]
    assert rows("--columns", "l.b,address.geo") == [
        {"l": [{"b": "x"}], "address": {"geo": {"lat": 46.9}}},
        {"l": [], "address": None},
        {"l": [{"b": "y"}], "address": {"geo": None}},
    ]
    assert rows("--columns", 'address."zip.code"', "--where", "id = 1") == [
        {"address": {"zip.code": 3000}},
    ]
    assert rows("--columns", "address.city,address", "--where", "id = 2") == [{"address": None}]
    assert 'has no column "address.town"' in lamella("cat", "t", "--columns", "address.town", status=1).err
    assert 'has no column "id.town"' in lamella("cat", "t", "--columns", "id.town", status=1).err


def test_a_member_alone_is_what_is_read(lamella, tmp_path):
    """The bytes of another member are damaged, and nobody looks at them."""
    path = tmp_path / "x.parquet"
    table = pa.table({"s": [{"good": i, "bad": i} for i in range(1000)]})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    data = bytearray(path.read_bytes())
    size = chunk.total_compressed_size
    data[chunk.data_page_offset : chunk.data_page_offset + size] = bytes(size)
    path.write_bytes(data)
    lines = lamella("cat", "x.parquet", "--format", "json", "--columns", "s.good").text.splitlines()
    assert [json.loads(line) for line in lines] == [{"s": {"good": i}} for i in range(1000)]
    assert "leaf 'bad'" in lamella("cat", "x.parquet", "--format", "json", status=1).err


CONDITIONS = {
    "id = 7777": lambda i: i == 7777,
    "id IN (3, 5000, 9999)": lambda i: i in (3, 5000, 9999),
    "id > 3900 AND id < 6100": lambda i: 3900 < i < 6100,
    "id < 2 OR id > 9997": lambda i: i < 2 or i > 9997,
}


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_rows_that_match(lamella, tmp_path, version, dictionary):
    """Pages of lists between the rows that match are passed over by the offset index."""
    rows = 10_000
    lists = [[i, i + 1, None] if i % 3 else (None if i % 2 else []) for i in range(rows)]
    structs = [{"a": i, "b": [str(i)] * (i % 4)} for i in range(rows)]
    table = pa.table({"id": range(rows), "l": lists, "s": structs})
    pq.write_table(
        table,
        tmp_path / "x.parquet",
        write_page_index=True,
        data_page_size=500,
        write_batch_size=50,
        data_page_version=version,
        use_dictionary=dictionary,
        row_group_size=4500,
    )
    for condition, matches in CONDITIONS.items():
        out = lamella("cat", "x.parquet", "--where", condition, "--format", "json").text
        wanted = [row for row in table.to_pylist() if matches(row["id"])]
        assert [json.loads(line) for line in out.splitlines()] == wanted, condition
