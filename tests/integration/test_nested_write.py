"""Nested columns of any depth, written by us from arrays with slices, offsets and values under nulls, read by the peers
and by us."""

import datetime
import decimal
import os
import random
import re

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamella_writer import Context, LamellaError, Writer, column, read, write

SEED = int(os.environ.get("LAMELLA_TEST_SEED", "20261121"))
DEPTH = 5

# name: type, a value
LEAVES = {
    "bool": (pa.bool_(), lambda r: r.random() < 0.5),
    "int8": (pa.int8(), lambda r: r.randint(-128, 127)),
    "int32": (pa.int32(), lambda r: r.choice([0, 1, -(2**31), r.randint(-9, 9)])),
    "int64": (pa.int64(), lambda r: r.randint(-(2**63), 2**63 - 1)),
    "uint16": (pa.uint16(), lambda r: r.randint(0, 9)),
    "float": (pa.float32(), lambda r: r.randint(-9, 9) / 4),
    "double": (pa.float64(), lambda r: r.uniform(-9, 9)),
    "decimal": (pa.decimal128(9, 2), lambda r: decimal.Decimal(r.randint(-(10**9) + 1, 10**9 - 1)).scaleb(-2)),
    "date": (pa.date32(), lambda r: datetime.date(1970, 1, 1) + datetime.timedelta(days=r.randint(-9, 9))),
    "timestamp": (pa.timestamp("us"), lambda r: datetime.datetime(2000, 1, 1) + datetime.timedelta(r.randint(0, 9))),
    "string": (pa.string(), lambda r: "é" * r.randint(0, 3) + str(r.randint(0, 9))),
    "large_string": (pa.large_string(), lambda r: str(r.randint(0, 99999))),
    "binary": (pa.binary(), lambda r: bytes([r.randint(0, 255)]) * r.randint(0, 9)),
    "string_view": (pa.string_view(), lambda r: "a long string of more than twelve bytes"[: r.randint(0, 39)]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), lambda r: r.choice(["a", "b", "c"])),
    "null": (pa.null(), lambda r: None),
}


def random_type(r, depth):
    kind = r.choice(["list", "large_list", "fixed", "struct", "struct", "map"]) if depth > 1 else "leaf"
    if kind == "leaf" or (depth < DEPTH and r.random() < 0.15):
        return LEAVES[r.choice(list(LEAVES))][0]
    if kind == "struct":
        return pa.struct([random_field(r, f"f{i}", depth - 1) for i in range(r.randint(1, 3))])
    if kind == "map":
        return pa.map_(r.choice([pa.int32(), pa.string()]), random_field(r, "value", depth - 1))
    value = random_field(r, "item", depth - 1)
    return {"list": pa.list_, "large_list": pa.large_list, "fixed": lambda f: pa.list_(f, r.randint(1, 3))}[kind](value)


def random_field(r, name, depth):
    type = random_type(r, depth)
    return pa.field(name, type, nullable=type == pa.null() or r.random() < 0.75)


def build(r, field, count):
    """An array of the field: a slice of a longer one, as often as not."""
    before, behind = (r.randint(0, 3), r.randint(0, 3)) if r.random() < 0.5 else (0, 0)
    return whole(r, field, before + count + behind).slice(before, count)


def whole(r, field, count):
    type, often = field.type, r.choice([0, 0.1, 0.5, 0.9]) if field.nullable else 0
    mask = pa.array([r.random() < often for _ in range(count)], pa.bool_())
    if pa.types.is_struct(type):
        children = [build(r, f, count) for f in type]
        return pa.StructArray.from_arrays(children, fields=list(type), mask=mask if often else None)
    if pa.types.is_fixed_size_list(type):
        values = build(r, type.value_field, count * type.list_size)
        return pa.FixedSizeListArray.from_arrays(values, type=type, mask=mask if often else None)
    if pa.types.is_list(type) or pa.types.is_large_list(type) or pa.types.is_map(type):
        return lists(r, type, count, mask if often else None)
    value = next(make for t, make in LEAVES.values() if t == type)
    return pa.array([None if m.as_py() else value(r) for m in mask], type)


def lists(r, type, count, mask):
    """Null lists span values too, and values before the first list and behind the last are nobody's."""
    most = r.choice([1, 3, 10])
    offsets = [r.randint(0, 3)]
    for _ in range(count):
        offsets.append(offsets[-1] + (r.randint(0, most) if r.random() < 0.8 else 0))
    size = offsets[-1] + r.randint(0, 3)
    if pa.types.is_map(type):
        keys = pa.array(range(size)).cast(type.key_type)
        items = build(r, type.item_field, size)
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, type=type, mask=mask)
    kind, width = (pa.LargeListArray, pa.int64()) if pa.types.is_large_list(type) else (pa.ListArray, pa.int32())
    values = build(r, type.value_field, size)
    return kind.from_arrays(pa.array(offsets, width), values, type=type, mask=mask)


def write_batch(path, batch, cuts=None, columns=(), **options):
    """Slices of one batch, of the numbers of rows given in turn."""
    with Context(options.pop("threads", 1)) as context, Writer(context, path, batch.schema, columns, **options) as writer:
        at, turn = 0, 0
        while at < batch.num_rows:
            some = cuts[turn % len(cuts)] if cuts else batch.num_rows
            writer.write(batch.slice(at, some))
            at, turn = at + some, turn + 1
        return writer.finish()


def plain(value, entries=False):
    """Values as every engine gives them: entries of maps as structs, where an engine has no maps."""
    if isinstance(value, list):
        return [plain(v, entries) for v in value]
    if isinstance(value, tuple):
        key, item = (plain(v, entries) for v in value)
        return {"key": key, "value": item} if entries else (key, item)
    if isinstance(value, dict):
        return {k: plain(v, entries) for k, v in value.items()}
    return value


def expect(found, batch, entries=False):
    for name in batch.schema.names:
        expected = plain(batch[name].to_pylist(), entries)
        got = plain(found[name].to_pylist(), entries)
        assert len(got) == len(expected), name
        for i, (a, b) in enumerate(zip(got, expected)):
            assert a == b, f"column {name}, row {i}: {a} where {b} was written"


OPTIONS = {
    "default": {},
    "v2": {"data_page_v2": True},
    "tiny pages": {"page_bytes": 64},
    "tiny pages v2": {"page_bytes": 64, "data_page_v2": True},
    "pages of rows": {"page_rows": 3, "data_page_v2": True},
    "tiny groups": {"row_group_rows": 7},
    "plain": {"columns": [column(encoding="plain", codec="none")]},
    "small dictionary": {"dictionary_bytes": 40, "page_bytes": 200},
    "delta": {"columns": [column(encoding="delta")], "data_page_v2": True},
    "split": {"columns": [column(encoding="split", codec="snappy")], "page_bytes": 500},
}


def random_batch(r, rows):
    fields = [random_field(r, f"c{i}", DEPTH) for i in range(3)] + [pa.field("id", pa.int64())]
    arrays = [build(r, f, rows) for f in fields[:-1]] + [pa.array(range(rows))]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


@pytest.mark.parametrize("turn", range(40))
def test_random(tmp_path, turn):
    r = random.Random(f"{SEED} {turn}")
    print(f"LAMELLA_TEST_SEED={SEED}")
    batch = random_batch(r, r.choice([1, 10, 100, 300]))
    print(batch.schema)
    cuts = [r.randint(1, 50) for _ in range(5)] if r.random() < 0.7 else None
    name = list(OPTIONS)[turn % len(OPTIONS)]
    print(name, cuts)
    path = tmp_path / "x.parquet"
    result = write_batch(path, batch, cuts, threads=r.choice([1, 2]), **OPTIONS[name])
    assert result.rows == batch.num_rows
    found = pq.read_table(path)
    found.validate(full=True)
    expect(found, batch)
    check_metadata(path, found)
    if name != "split":  # they do not take the split bytes of decimals
        check_peers(path, batch)
    check_ours(path, batch)


def check_peers(path, batch):
    # DuckDB takes a null struct of nothing but columns of type null for one that is there, in pyarrow's files too.
    if "null" not in str(batch.schema).replace("not null", ""):
        with duckdb.connect() as connection:
            expect(connection.sql(f"select * from '{path}' order by id").to_arrow_table(), batch)
    expect(polars.read_parquet(path, use_pyarrow=False).to_arrow(), batch, entries=True)


def check_ours(path, batch):
    expect(read(path), batch)


@pytest.mark.parametrize("turn", range(24))
def test_there_and_back(tmp_path, turn):
    """Written by us, read and written by pyarrow, read by us, written by us as it came, and read by both."""
    r = random.Random(f"{SEED} back {turn}")
    print(f"LAMELLA_TEST_SEED={SEED}")
    batch = random_batch(r, r.choice([0, 1, 20, 200]))
    print(batch.schema)
    ours, theirs, again = (tmp_path / name for name in ("ours", "theirs", "again"))
    write_batch(ours, batch, [r.randint(1, 50) for _ in range(5)])
    pq.write_table(
        pq.read_table(ours),
        theirs,
        data_page_version=r.choice(["1.0", "2.0"]),
        data_page_size=r.choice([50, 1 << 20]),
        row_group_size=r.choice([9, 1 << 20]),
        store_schema=False,
    )
    found = read(theirs, batch_rows=r.choice([0, 1, 7]))
    expect(found, batch)
    write(again, found, batch_rows=[r.randint(1, 50) for _ in range(5)] if found.num_rows else None)
    assert shapes(again) == shapes(ours)
    last = read(again)
    assert last.schema.types == found.schema.types
    expect(last, batch)
    expect(pq.read_table(again), batch)


def shapes(path):
    """The elements of the schema but for field ids."""
    return [re.sub(r" field_id=-?\d+", "", line) for line in str(pq.ParquetFile(path).schema).splitlines()[1:]]


def depth(kind):
    if pa.types.is_map(kind):
        return 1 + depth(kind.item_type)
    return 1 + max((depth(kind.field(i).type) for i in range(kind.num_fields)), default=0)


def lengths(array):
    """None where a list is NULL, else how many entries it has, at every level."""
    kind = array.type
    if pa.types.is_struct(kind):
        return [n for i in range(kind.num_fields) for n in lengths(array.field(i))]
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind)):
        return []
    entries = array.items if pa.types.is_map(kind) else array.values
    return [None if entry is None else len(entry) for entry in array.to_pylist()] + lengths(entries)


def test_what_is_random():
    """The random batches have what they are for."""
    batches = [random_batch(random.Random(f"{SEED} {turn}"), 100) for turn in range(40)]
    columns = [column for batch in batches for column in batch.columns]
    assert max(depth(column.type) for column in columns) == DEPTH
    assert sum(depth(column.type) == DEPTH for column in columns) > 40
    assert sum(column.offset > 0 for column in columns) > 20
    found = [n for column in columns for n in lengths(column)]
    assert sum(n is None for n in found) > 1000 and sum(n == 0 for n in found) > 1000


def check_metadata(path, table):
    """Counts and bounds are pyarrow's of the same rows."""
    theirs = path.with_suffix(".theirs")
    pq.write_table(table, theirs)
    ours, theirs = pq.ParquetFile(path).metadata, pq.ParquetFile(theirs).metadata
    assert ours.num_columns == theirs.num_columns
    for i in range(ours.num_columns):
        chunks = [ours.row_group(g).column(i) for g in range(ours.num_row_groups)]
        other = theirs.row_group(0).column(i)
        assert chunks[0].path_in_schema == other.path_in_schema
        assert sum(c.num_values for c in chunks) == other.num_values
        if other.statistics is None:  # of type null
            continue
        assert sum(c.statistics.null_count for c in chunks) == other.statistics.null_count, other.path_in_schema
        if other.statistics.has_min_max:
            bounded = [c.statistics for c in chunks if c.statistics.has_min_max]
            assert min(s.min for s in bounded) == other.statistics.min
            assert max(s.max for s in bounded) == other.statistics.max


def test_schemas_are_as_pyarrow_writes_them(tmp_path):
    for turn in range(30):
        schema = random_batch(random.Random(f"{SEED} schema {turn}"), 1).schema
        fields = [f.with_metadata({"PARQUET:field_id": str(i + 1)}) for i, f in enumerate(schema)]
        empty = pa.schema(fields).empty_table()
        pq.write_table(empty, tmp_path / "theirs", store_schema=False)
        write(tmp_path / "ours", empty)
        assert str(pq.ParquetFile(tmp_path / "ours").schema).split("\n")[1:] == str(
            pq.ParquetFile(tmp_path / "theirs").schema
        ).split("\n")[1:]


def test_dictionary_given_up_within_rows(tmp_path):
    """Rows of many values, so that blocks of values begin and end within rows, and the dictionary with them."""
    r = random.Random(SEED)
    for turn in range(12):
        rows = [[str(r.randint(0, 60 if i < 40 else 10**6)) for _ in range(r.randint(0, 3000))] for i in range(80)]
        batch = pa.record_batch({"a": pa.array(rows), "b": pa.array([[len(x) for x in row] for row in rows])})
        path = tmp_path / "x.parquet"
        write_batch(path, batch, page_bytes=r.choice([1000, 20000]), dictionary_bytes=r.choice([3000, 30000]))
        expect(pq.read_table(path), batch)


def test_one_long_row(tmp_path):
    batch = pa.record_batch({"a": pa.array([[], list(range(300000)), None, [1]], pa.list_(pa.int32()))})
    for options in ({}, {"data_page_v2": True}, {"page_bytes": 100}, {"row_group_bytes": 1 << 20}):
        write_batch(tmp_path / "x.parquet", batch, **options)
        expect(pq.read_table(tmp_path / "x.parquet"), batch)


def test_nulls_that_may_not_be(tmp_path):
    inner = pa.field("x", pa.int32(), nullable=False)
    outer = pa.field("a", pa.list_(pa.field("item", pa.struct([inner]), nullable=False)))
    structs = pa.StructArray.from_arrays([pa.array([1, None, 3], pa.int32())], fields=[inner])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3], pa.int32()), structs, type=outer.type)
    with pytest.raises(LamellaError, match='column "a.list.element.x": value 1 of the batch is NULL'):
        write_batch(tmp_path / "x", pa.RecordBatch.from_arrays([lists], schema=pa.schema([outer])))
    nulls = pa.StructArray.from_arrays([pa.array([1, 2, 3], pa.int32())], fields=[inner], mask=pa.array([False, True, False]))
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 3], pa.int32()), nulls, type=outer.type)
    with pytest.raises(LamellaError, match='entry 1 of "item" is NULL'):
        write_batch(tmp_path / "x", pa.RecordBatch.from_arrays([lists], schema=pa.schema([outer])))


def test_refused_types(tmp_path):
    for type, message in [
        (pa.struct([]), "no structs without fields"),
        (pa.list_(pa.struct([])), "column 'a': field 'element'"),
        (pa.run_end_encoded(pa.int32(), pa.int64()), "run-end"),
        (pa.list_(pa.dense_union([pa.field("x", pa.int32())])), "union"),
        (pa.list_view(pa.int32()), "list view"),
    ]:
        with pytest.raises(LamellaError, match=message):
            with Context() as context:
                Writer(context, tmp_path / "x", pa.schema([("a", type)]))


def test_options_by_path(tmp_path):
    rows = [{"s": {"x": [1, 2], "y": "a"}, "m": [("k", 1.5)], "n": 1}] * 100
    schema = pa.schema(
        [
            ("s", pa.struct([("x", pa.list_(pa.int32())), ("y", pa.string())])),
            ("m", pa.map_(pa.string(), pa.float64())),
            ("n", pa.int32()),
        ]
    )
    table = pa.Table.from_pylist(rows, schema)
    options = [
        column("s", codec="snappy", encoding="delta"),
        column("s.x.list.element", codec="gzip"),
        column("m", codec="lz4", encoding="split"),
        column("n", codec="none", encoding="plain", statistics=False),
    ]
    write(tmp_path / "x", table, columns=options, sorting=[])
    group = pq.ParquetFile(tmp_path / "x").metadata.row_group(0)
    found = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {k: v.compression for k, v in found.items()} == {
        "s.x.list.element": "GZIP",
        "s.y": "SNAPPY",
        "m.key_value.key": "LZ4",
        "m.key_value.value": "LZ4",
        "n": "UNCOMPRESSED",
    }
    assert "DELTA_LENGTH_BYTE_ARRAY" in found["s.y"].encodings
    assert "BYTE_STREAM_SPLIT" in found["m.key_value.value"].encodings
    assert not found["n"].is_stats_set
    expect(pq.read_table(tmp_path / "x"), table)
    with pytest.raises(LamellaError, match="does not fit its type"):
        write(tmp_path / "x", table, columns=[column("m.key_value.key", encoding="split")])


def nested_table(rows, first=0):
    return pa.table(
        {
            "id": pa.array(range(first, first + rows)),
            "l": pa.array([[j, None] if j % 3 else None for j in range(rows)], pa.list_(pa.int32())),
            "s": pa.array(
                [{"a": str(j % 10), "m": [(1, j / 2)]} for j in range(rows)],
                pa.struct([("a", pa.string()), ("m", pa.map_(pa.int8(), pa.float64()))]),
            ),
        }
    )


def only_file(table):
    (file,) = table.glob("*.parquet")
    return file


def test_compaction_copies_full_row_groups(lamella, write, tmp_path):
    tables = [nested_table(1000, 0), nested_table(70000, 1000), nested_table(1000, 71000)]
    for i, table in enumerate(tables):
        write(f"t/{i}.parquet", table, compression="snappy")
    done = lamella.json("compact", "t", "--row-group-rows", "131072", "--verify", "full")
    assert (done["row_groups_copied"], done["row_groups_merged"]) == (1, 2)
    assert pq.read_table(tmp_path / "t").equals(pa.concat_tables(tables))
    lamella("verify", "t")
    group = pq.ParquetFile(only_file(tmp_path / "t")).metadata.row_group(1)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"SNAPPY"}


def test_lists_of_an_older_form_keep_their_codec(lamella, write, tmp_path):
    table = nested_table(100)
    for i in range(2):
        write(f"t/{i}.parquet", table, compression="gzip", use_compliant_nested_type=False)
    lamella.json("compact", "t")
    group = pq.ParquetFile(only_file(tmp_path / "t")).metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"GZIP"}
    assert group.column(1).path_in_schema == "l.list.element"
    assert pq.read_table(tmp_path / "t").equals(pa.concat_tables([table, table]))


@pytest.mark.parametrize("options", [[], ["--partition-by", "p"], ["--sort-by", "id"]])
def test_import(lamella, write, tmp_path, options):
    table = nested_table(1000)
    table = table.append_column("p", pa.array([i % 3 for i in range(1000)], pa.int32()))
    write("a.parquet", table)
    assert lamella.json("import", "a.parquet", "--into", "t", *options)["rows"] == 1000
    found = pa.concat_tables(pq.ParquetFile(f).read() for f in (tmp_path / "t").rglob("*.parquet"))
    assert found.sort_by("id").equals(table)
