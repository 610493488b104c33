"""Changing a table's columns: values, chunks that stay byte for byte, metadata, refusals."""

import datetime
import decimal
import json

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, files_of, no_stage, read_files

DECIMAL = decimal.Decimal


# ---- tables made to order, and what a change should make of them ----

MAKE = {
    pa.int8(): lambda r: r.randrange(-128, 128),
    pa.int16(): lambda r: r.randrange(-(2**15), 2**15),
    pa.int32(): lambda r: r.randrange(-(2**31), 2**31),
    pa.int64(): lambda r: r.randrange(-(2**63), 2**63),
    pa.uint8(): lambda r: r.randrange(256),
    pa.uint16(): lambda r: r.randrange(2**16),
    pa.uint32(): lambda r: r.randrange(2**32),
    pa.float32(): lambda r: r.randrange(1000) / 4,
    pa.float64(): lambda r: r.random(),
    pa.bool_(): lambda r: r.random() < 0.5,
    pa.string(): lambda r: f"text {r.randrange(40)}",
    pa.binary(): lambda r: r.randbytes(r.randrange(20)),
    pa.date32(): lambda r: datetime.date(2026, 1, 1) + datetime.timedelta(r.randrange(1000)),
    pa.timestamp("ms"): lambda r: datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=r.randrange(10**6)),
    pa.decimal128(7, 2): lambda r: DECIMAL(r.randrange(10**6)) / 100,
    pa.decimal128(20, 4): lambda r: DECIMAL(r.randrange(10**9)) / 10000,
    pa.list_(pa.int32()): lambda r: [r.choice([None, r.randrange(9)]) for _ in range(r.randrange(4))],
    pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))]): lambda r: {"a": r.randrange(99), "b": ["x", None]},
    pa.map_(pa.string(), pa.float64()): lambda r: [(str(k), k / 2) for k in range(r.randrange(3))],
}
WIDER = {
    pa.int8(): {"smallint": pa.int16(), "integer": pa.int32(), "int64": pa.int64(), "double": pa.float64()},
    pa.int16(): {"int32": pa.int32(), "bigint": pa.int64()},
    pa.int32(): {"int64": pa.int64(), "float64": pa.float64()},
    pa.uint8(): {"int16": pa.int16(), "uint32": pa.uint32(), "int32": pa.int32()},
    pa.uint16(): {"int32": pa.int32(), "uint64": pa.uint64()},
    pa.uint32(): {"int64": pa.int64()},
    pa.float32(): {"double": pa.float64()},
    pa.timestamp("ms"): {"timestamp[us]": pa.timestamp("us"), "timestamp[ns]": pa.timestamp("ns")},
    pa.decimal128(7, 2): {"decimal(9,2)": pa.decimal128(9, 2), "decimal(30,2)": pa.decimal128(30, 2)},
    pa.decimal128(20, 4): {"decimal(38,4)": pa.decimal128(38, 4)},
}
ADDED = {"bigint": pa.int64(), "string": pa.string(), "double": pa.float64(), "decimal(10,2)": pa.decimal128(10, 2),
         "timestamp[us]": pa.timestamp("us"), "boolean": pa.bool_(), "date": pa.date32()}


def random_schema(r):
    types = list(MAKE)
    with_ids = r.random() < 0.5
    fields = []
    for i in range(r.randrange(2, 9)):
        metadata = {"PARQUET:field_id": str(10 + i)} if with_ids else None
        name = r.choice([f"c{i}", f"c {i}", f"c.{i}", f"größe {i}"])
        fields.append(pa.field(name, r.choice(types), nullable=r.random() < 0.7, metadata=metadata))
    return pa.schema(fields, metadata={"owner": "test"}), with_ids


def random_rows(r, schema, rows):
    def value(field):
        return None if field.nullable and r.random() < 0.2 else MAKE[field.type](r)

    return pa.table([pa.array([value(f) for _ in range(rows)], f.type) for f in schema], schema=schema)


def random_file(r, path, schema):
    rows = r.choice([0, 1, 50, 700])
    table = random_rows(r, schema, rows)
    flat = [i for i, f in enumerate(schema) if not pa.types.is_nested(f.type)]
    pq.write_table(
        table,
        path,
        row_group_size=r.choice([100, 1000]),
        compression=r.choice(["snappy", "zstd", "none"]),
        data_page_version=r.choice(["1.0", "2.0"]),
        use_dictionary=r.random() < 0.6,
        write_page_index=r.random() < 0.7,
        write_page_checksum=r.random() < 0.5,
        data_page_size=r.choice([200, 1 << 20]),
        store_decimal_as_integer=r.random() < 0.5,
        store_schema=r.random() < 0.7,
        sorting_columns=[pq.SortingColumn(len(flat) - 1)] if flat and flat == list(range(len(schema))) else None,
    )
    return table


class Change:
    """Random steps, as options of the command, and what they make of a table and of a schema."""

    def __init__(self, r, schema, with_ids):
        self.options, self.dropped, self.renamed, self.retyped, self.nullable, self.added = [], set(), {}, {}, set(), []
        names = schema.names
        for i, name in enumerate(names):
            kind = r.randrange(8)
            if kind == 0 and len(self.dropped) + 1 < len(names):
                self.dropped.add(name)
                self.options += ["--drop", name]
                continue
            if kind in (1, 2):
                self.renamed[name] = f"new {i}"
                self.options += ["--rename", f"{name}=new {i}"]
            if kind in (2, 3, 4) and schema.field(name).type in WIDER:
                text, to = r.choice(list(WIDER[schema.field(name).type].items()))
                self.retyped[name] = to
                self.options += ["--widen", f"{name}={text}"]
            if kind == 5:
                self.nullable.add(name)
                self.options += ["--nullable", name]
        for i in range(r.randrange(3) if self.options else 1):
            text, to = r.choice(list(ADDED.items()))
            metadata = {"PARQUET:field_id": str(10 + len(names) + i)} if with_ids else None
            self.added.append(pa.field(f"added {i}", to, metadata=metadata))
            self.options += ["--add", f'"added {i}" {text}']

    def __call__(self, table):
        columns, fields = [], []
        for field, column in zip(table.schema, table.columns):
            if field.name in self.dropped:
                continue
            to = self.retyped.get(field.name, field.type)
            columns.append(column.cast(to))
            nullable = field.nullable or field.name in self.nullable
            name = self.renamed.get(field.name, field.name)
            fields.append(pa.field(name, to, nullable=nullable, metadata=field.metadata))
        columns += [pa.nulls(len(table), f.type) for f in self.added]
        return pa.table(columns, schema=pa.schema(fields + self.added))

    def copied(self, field):
        """Whether its chunks must be the same bytes."""
        becomes_null = field.name in self.nullable and not field.nullable
        return field.name not in self.dropped and field.name not in self.retyped and not becomes_null


def leaves_by_column(metadata):
    """Leaf indices of each top-level column, by its position."""
    schema, out = metadata.schema.to_arrow_schema(), []

    def count(t):
        if pa.types.is_struct(t):
            return sum(count(t.field(i).type) for i in range(t.num_fields))
        if pa.types.is_map(t):
            return count(t.key_type) + count(t.item_type)
        if pa.types.is_list(t) or pa.types.is_large_list(t):
            return count(t.value_type)
        return 1

    at = 0
    for field in schema:
        out.append(list(range(at, at + count(field.type))))
        at += count(field.type)
    return out


def chunk_bytes(path, chunk):
    start = chunk.data_page_offset
    if chunk.has_dictionary_page:
        start = min(start, chunk.dictionary_page_offset)
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(chunk.total_compressed_size)


def expect_copied(before, after, old, new):
    """The chunks of column `old` of one file are those of column `new` of the other."""
    a, b = pq.read_metadata(before), pq.read_metadata(after)
    groups = [g for g in range(a.num_row_groups) if a.row_group(g).num_rows]
    assert b.num_row_groups == len(groups)
    for to, g in enumerate(groups):
        assert a.row_group(g).num_rows == b.row_group(to).num_rows
        for x, y in zip(leaves_by_column(a)[old], leaves_by_column(b)[new], strict=True):
            x, y = a.row_group(g).column(x), b.row_group(to).column(y)
            assert chunk_bytes(before, x) == chunk_bytes(after, y)
            assert sorted(x.encodings) == sorted(y.encodings) and x.compression == y.compression
            assert x.has_offset_index == y.has_offset_index and x.has_column_index == y.has_column_index
            if x.is_stats_set:
                assert y.statistics.null_count == x.statistics.null_count
                assert y.statistics.has_min_max == x.statistics.has_min_max
                if x.statistics.has_min_max:
                    assert (y.statistics.min, y.statistics.max) == (x.statistics.min, x.statistics.max)


def same(a, b):
    assert a.schema.equals(b.schema), f"{a.schema}\n{b.schema}"
    for name, x, y in zip(a.column_names, a.columns, b.columns):
        assert x.equals(y), name


# ---- tests ----


@pytest.mark.parametrize("number", range(40))
def test_random_changes(lamella, tmp_path, rng, number):
    r = rng
    schema, with_ids = random_schema(r)
    table, before = tmp_path / "t", tmp_path / "before"
    tables = {}
    for i in range(r.randrange(1, 4)):
        name = r.choice([f"p=1/f{i}.parquet", f"p=2/f{i}.parquet"])
        for root in (table, before):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
        tables[name] = random_file(r, table / name, schema)
        (before / name).write_bytes((table / name).read_bytes())
    change = Change(r, schema, with_ids)
    options = change.options + (["--verify", "full"] if r.random() < 0.5 else [])
    dry = lamella.json("schema", "t", *options, "--dry-run")
    assert bytes_of(table) == bytes_of(before)
    done = lamella.json("schema", "t", *options)
    for key in ("rows_unchanged", "files_rewritten", "row_groups_copied", "row_groups_encoded", "bytes_read", "bytes_written"):
        assert dry[key] == done[key], key
    assert done["files_rewritten"] == len(tables) and done["sequence"] == 1
    assert done["rows_unchanged"] == sum(len(t) for t in tables.values())
    after = {}
    for old in tables:
        (after[old],) = (table / old).parent.glob(f"{(table / old).stem}-*.parquet")
    assert sorted(after.values()) == sorted(files_of(table))
    for old, path in after.items():
        same(pq.ParquetFile(path).read(), change(tables[old]))
        assert pq.read_schema(path).metadata == pq.read_schema(before / old).metadata
        kept = [f for f in schema if f.name not in change.dropped]
        for position, field in enumerate(kept):
            if change.copied(field):
                expect_copied(before / old, path, schema.names.index(field.name), position)
        polars.read_parquet(path)
        assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(len(tables[old]),)]
    assert lamella.json("verify", "t", "--full")["faults"] == 0
    no_stage(table)
    if change.dropped or change.renamed or change.added:
        again = lamella("schema", "t", *options, status=1)  # the names are gone, or taken
        assert "column" in again.err
    else:
        assert lamella.json("schema", "t", *options)["sequence"] == 0


def test_new_columns_cost_their_pages(lamella, write, tmp_path):
    """A chunk of NULLs: pages of some bytes, an index, exact counts, whatever the rows."""
    write("t/a.parquet", {"n": list(range(300000))}, row_group_size=200000)
    size = next(iter(files_of(tmp_path / "t"))).stat().st_size
    done = lamella.json("schema", "t", "--add", "s string", "--add", "d decimal(20,3)")
    assert (done["row_groups_copied"], done["row_groups_encoded"]) == (2, 0)
    (path,) = files_of(tmp_path / "t")
    assert path.stat().st_size < size + 4000
    metadata = pq.read_metadata(path)
    for g in range(2):
        for c in (1, 2):
            chunk = metadata.row_group(g).column(c)
            assert chunk.statistics.null_count == chunk.num_values == metadata.row_group(g).num_rows
            assert chunk.has_offset_index and chunk.has_column_index and chunk.total_compressed_size < 400
    assert duckdb.sql(f"select count(*), count(s), count(d), sum(n) from '{path}'").fetchall() == [
        (300000, 0, 0, sum(range(300000)))
    ]
    assert polars.scan_parquet(path).filter(polars.col("s").is_null()).select(polars.len()).collect().item() == 300000
    assert lamella("count", "t", "--where", "s IS NULL").text.split()[0] in ("300000", "300,000")


def test_integers_are_widened_without_decoding(lamella, write, tmp_path):
    """int8, int16 and int32 are one physical type: only the footer changes."""
    write("t/a.parquet", {"n": pa.array([-5, None, 100], pa.int8()), "m": pa.array([1, 2, 255], pa.uint8())})
    done = lamella.json("schema", "t", "--widen", "n=int32", "--widen", "m=int16")
    assert (done["row_groups_copied"], done["row_groups_encoded"]) == (1, 0)
    table = read_files(files_of(tmp_path / "t"))
    assert table.column("n").type == pa.int32() and table.column("m").to_pylist() == [1, 2, 255]
    assert lamella.json("verify", "t", "--full")["faults"] == 0
    done = lamella.json("schema", "t", "--widen", "n=int64")
    assert (done["row_groups_copied"], done["row_groups_encoded"]) == (0, 1)


def test_files_that_have_the_schema_stay(lamella, write, tmp_path):
    """A column that some files lack is added to the others: one schema for all readers."""
    write("t/a.parquet", {"n": [1], "s": ["x"]})
    write("t/b.parquet", {"n": [2]})
    write("t/c.parquet", {"n": [3], "s": ["z"], "d": [1.5]})
    kept = (tmp_path / "t/a.parquet").read_bytes()
    done = lamella.json("schema", "t", "--drop", "d")
    assert done["files_scanned"] == 3 and done["files_rewritten"] == 2 and done["rows_unchanged"] == 3
    assert (tmp_path / "t/a.parquet").read_bytes() == kept
    schemas = {str(pq.read_schema(path).remove_metadata()) for path in files_of(tmp_path / "t")}
    assert len(schemas) == 1
    assert read_files(files_of(tmp_path / "t")).to_pydict() == {"n": [1, 2, 3], "s": ["x", None, "z"]}


def test_ids_keep_their_meaning(lamella, tmp_path):
    (tmp_path / "t").mkdir()
    fields = [pa.field(n, pa.int64(), metadata={"PARQUET:field_id": str(i)}) for n, i in (("a", 1), ("b", 2))]
    pq.write_table(pa.table([[1], [2]], schema=pa.schema(fields)), tmp_path / "t/f.parquet")
    lamella("schema", "t", "--rename", "a=b", "--rename", "b=a", "--add", "c double")
    columns = lamella.json("schema", "t")["columns"]
    assert columns == [
        {"name": "b", "type": "int64", "nullable": True, "field_id": 1},
        {"name": "a", "type": "int64", "nullable": True, "field_id": 2},
        {"name": "c", "type": "double", "nullable": True, "field_id": 3},
    ]
    assert read_files(files_of(tmp_path / "t")).to_pydict() == {"b": [1], "a": [2], "c": [None]}


@pytest.mark.parametrize("change", [["--widen", "p=int64"], ["--add", "z int64"], ["--rename", "v=w"], ["--drop", "v"]])
@pytest.mark.parametrize("full", [[], ["--verify", "full"]])
def test_a_file_whose_path_alone_has_the_partition(lamella, write, tmp_path, change, full):
    """Beside one that has the column too. Where the file was made anew it got the column with NULL in all its rows."""
    write("t/p=1/a.parquet", pa.table({"k": [1, 2], "p": pa.array([1, 1], pa.int32()), "v": [1.5, 1.5]}))
    write("t/p=2/b.parquet", pa.table({"k": [3, 4, 5], "v": [2.5] * 3}), row_group_size=2)
    lamella("schema", "t", *change, *full)
    lamella("verify", "t")
    shown = [json.loads(line) for line in lamella("cat", "t", "--format", "json").text.splitlines()]
    assert [(row["k"], row["p"]) for row in shown] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    for file in files_of(tmp_path / "t"):
        rows = pq.ParquetFile(file).read().to_pylist()
        assert all(row.get("p", row["k"] // 3 + 1) == row["k"] // 3 + 1 for row in rows), (file, rows)


def test_refusals_change_nothing(lamella, write, tmp_path):
    rows = {"n": pa.array([1], pa.int64()), "s": ["x"], "p": pa.array([1], pa.int32()), "l": [[1]]}
    write("t/p=1/a.parquet", rows)
    write("u/q=7/a.parquet", {"n": [1]})
    before = bytes_of(tmp_path / "t")
    for options, message in [
        (["--drop", "zz"], 'no column "zz"'),
        (["--drop", "p"], "is a partition column, which cannot be dropped"),
        (["--rename", "p=r"], "is a partition column, which cannot be renamed"),
        (["--widen", "p=double"], "is a partition column"),
        (["--drop", "n", "--drop", "s", "--drop", "l", "--drop", "p"], "is a partition column"),
        (["--add", "n string"], 'there is a column "n" already'),
        (["--add", "x string", "--add", "x string"], 'there is a column "x" already'),
        (["--rename", "n=s"], 'there is a column "s" already'),
        (["--widen", "n=int32"], "cannot be widened to int32 without losing values"),
        (["--widen", "s=int32"], "cannot be widened to int32"),
        (["--widen", "l=int32"], "cannot be widened to int32"),
        (["--widen", "n=nothing"], "nothing"),
        (["--drop", "n", "--rename", "n=m"], 'column "n" is changed twice'),
        (["--widen", "n=double", "--widen", "n=double"], 'column "n" is changed twice'),
        (["--add", "x bigint", "--partition", "p=1"], "a schema is that of the whole table"),
    ]:
        assert message in lamella("schema", "t", *options, status=1).err
    for options in (["--drop", "n"], ["--rename", "q=r"], ["--add", "q string"]):
        assert lamella("schema", "u", *options, status=1).err
    for options in (["--add", "x"], ["--rename", "n"], ["--widen", "=int64"], ["--rename", "n="]):
        lamella("schema", "t", *options, status=2)
    assert bytes_of(tmp_path / "t") == before
    done = lamella.json("schema", "t", "--drop", "n", "--add", "n string")  # the name is free
    assert done["files_rewritten"] == 1


def test_show(lamella, write):
    write("t/a.parquet", {"n": [1], "l": [[1]], "st": [{"a": "x", "b": [1.5]}]})
    lines = [line.split(None, 2) for line in lamella("schema", "t").text.splitlines()]
    assert lines[0][:3] == ["name", "type", "nullable"]
    assert [line[0] for line in lines[1:]] == ["n", "l", "st"]
    assert lamella.json("schema", "t")["columns"][2]["type"] == "struct<a: string, b: list<double>>"


def test_old_writers_are_decoded(lamella, tmp_path):
    """Chunks of writers with known faults are not passed on under another name."""
    (tmp_path / "t").mkdir()
    path = tmp_path / "t/old.parquet"
    pq.write_table(pa.table({"n": [1, None, 3], "s": ["a", "b", None]}), path, store_schema=False)
    data = path.read_bytes()
    name = pq.read_metadata(path).created_by.encode()
    old = b"parquet-cpp version 1.2.0".ljust(len(name))
    assert data.count(name) == 1
    path.write_bytes(data.replace(name, old))
    done = lamella.json("schema", "t", "--add", "x bigint", "--rename", "n=m")
    assert (done["row_groups_copied"], done["row_groups_encoded"]) == (0, 1)
    assert read_files(files_of(tmp_path / "t")).to_pydict() == {
        "m": [1, None, 3], "s": ["a", "b", None], "x": [None] * 3}
    assert lamella.json("verify", "t", "--full")["faults"] == 0


def test_backup_and_restore(lamella, write, tmp_path):
    write("t/a.parquet", {"n": [1, 2]})
    before = bytes_of(tmp_path / "t")
    lamella("schema", "t", "--rename", "n=m", "--backup", "b")
    assert read_files(files_of(tmp_path / "t")).column_names == ["m"]
    (backup,) = (tmp_path / "b").iterdir()
    lamella("restore", backup)
    assert bytes_of(tmp_path / "t") == before
