"""Page indexes and bloom filters: ours read by others, others' read by ours, both checked by verify."""

import random
import struct
import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import SEED
from lamella_writer import column, write
from thrift_page_index import footer, indexes, pages

ROWS = 5000


def table(rows=ROWS):
    chance = random.Random(SEED)
    numbers = [chance.randrange(-1000, 1000) if chance.random() < 0.9 else None for _ in range(rows)]
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "n": pa.array(numbers, pa.int32()),
            "down": pa.array([rows - i for i in range(rows)], pa.int64()),
            "x": pa.array([chance.random() - 0.5 for _ in range(rows)], pa.float64()),
            "s": pa.array([f"value {i % 97}" if i % 7 else None for i in range(rows)]),
            "u": pa.array([str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(rows)]),
            "b": pa.array([i < rows // 2 for i in range(rows)]),
            "nulls": pa.array([None] * (rows // 2) + [1] * (rows - rows // 2), pa.int64()),
        }
    )


UNPACK = {
    "id": lambda b: struct.unpack("<q", b)[0],
    "n": lambda b: struct.unpack("<i", b)[0],
    "down": lambda b: struct.unpack("<q", b)[0],
    "x": lambda b: struct.unpack("<d", b)[0],
    "s": lambda b: b.decode(),
    "u": lambda b: b.decode(),
    "b": lambda b: b == b"\x01",
    "nulls": lambda b: struct.unpack("<q", b)[0],
}


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("encoding", ["default", "plain", "delta"])
def test_bounds_are_those_of_pages(tmp_path, encoding, v2):
    path, data = tmp_path / "t.parquet", table()
    columns = [column(encoding=encoding)]
    write(path, data, batch_rows=[700, 33, 1], columns=columns, page_rows=300, row_group_rows=3000, data_page_v2=v2)
    orders = {"id": 1, "down": 2, "nulls": 1, "x": 0, "n": 0}
    for group in range(2):
        for i, name in enumerate(data.column_names):
            count = 0
            for values, null_page, least, most, nulls in pages(path, i, group):
                some = [v for v in values if v is not None]
                count += 1
                assert len(values) <= 300 and nulls == len(values) - len(some) and null_page == (not some)
                if some:
                    assert (UNPACK[name](least), UNPACK[name](most)) == (min(some), max(some)), (name, count)
                else:
                    assert least == most == b""
            assert count == (10 if group == 0 else 7)
            assert indexes(path)[group][i][1][4] == orders.get(name, indexes(path)[group][i][1][4])
    sizes = [s for group in indexes(path) for s in group[4][0][2]]
    assert sum(sizes) == sum(len(s or "") for s in data.column("s").to_pylist())
    assert all(2 not in group[0][0] for group in indexes(path))  # integers have no such sizes
    assert pq.read_table(path).equals(data)


def test_nested_pages_begin_at_rows(lamella, tmp_path):
    chance = random.Random(SEED)
    lists = [[chance.randrange(100) for _ in range(chance.randrange(6))] if i % 5 else None for i in range(3000)]
    data = pa.table({"v": pa.array(lists, pa.list_(pa.int64())), "k": pa.array(range(3000))})
    write(tmp_path / "t.parquet", data, page_rows=250)
    offsets, index = indexes(tmp_path / "t.parquet")[0][0]
    starts = [p[3] for p in offsets[1]] + [3000]
    assert starts[:3] == [0, 250, 500]
    for i in range(len(starts) - 1):
        some = [v for row in lists[starts[i] : starts[i + 1]] for v in row or []]
        assert struct.unpack("<q", index[2][i])[0] == min(some) and struct.unpack("<q", index[3][i])[0] == max(some)
    assert lamella.json("verify", "--full", "t.parquet")["faults"] == 0


def test_verify_takes_what_others_write(lamella, tmp_path):
    data = table()
    blooms = {"id": True, "s": {"ndv": 97, "fpp": 0.01}, "u": True}
    pq.write_table(data, tmp_path / "pyarrow.parquet", write_page_index=True, max_rows_per_page=200, row_group_size=2000,
                   bloom_filter_options=blooms)
    duckdb.sql(f"copy (from data) to '{tmp_path}/duckdb.parquet' (row_group_size 2048)")
    for name in ("pyarrow", "duckdb"):
        assert lamella.json("verify", "--full", f"{name}.parquet")["faults"] == 0
        assert any(14 in chunk[3] for chunk in footer(tmp_path / f"{name}.parquet")[1][4][0][1])  # a bloom filter


def test_verify_finds_wrong_indexes(lamella, tmp_path):
    path = tmp_path / "t.parquet"
    write(path, table(), columns=[column(codec="none", bloom="always")], page_rows=1000)
    good, meta = footer(path)
    chunk = meta[4][0][1][0]  # of "id": pages of 0..999, 1000..1999, …
    at = good.index(struct.pack("<q", 1999), chunk[6])

    def broken(position, piece):
        path.write_bytes(good[:position] + piece + good[position + len(piece) :])
        return lamella("verify", "t.parquet", status=4).text

    found = broken(at, struct.pack("<q", 1990))
    assert '"id": page 1: a value lies above the maximum of the column index: found "1999", expected at most "1990"' in found
    low = good.index(struct.pack("<q", 2000), chunk[6])
    found = broken(low, struct.pack("<q", 2001))
    assert 'page 2: a value lies below the minimum of the column index: found "2000", expected at least "2001"' in found
    found = broken(low, struct.pack("<q", 100))
    assert "page 2: its bounds are not ascending, as the column index says" in found
    nulls = chunk[6] + chunk[7] - 2  # the last page's null count, before the end of the struct
    assert good[nulls] == 0
    found = broken(nulls, b"\x0a")
    assert "page 4: the column index says 5 nulls; there are 0" in found
    bits = chunk[3][14] + chunk[3][15] - 4096
    found = broken(bits, bytes(4096))
    assert '"id": the bloom filter does not have the value' in found
    place = chunk[4] + 3  # the first page's offset, 4
    assert good[place] == 8
    found = broken(place, b"\x06")
    assert "row group 0, column 0: the offset index has pages from byte 3" in found


def excluded(path, name, value):
    rows = duckdb.sql(f"select bloom_filter_excludes from parquet_bloom_probe('{path}', '{name}', {value})").fetchall()
    return [row[0] for row in rows]


def test_duckdb_probes_our_filters(tmp_path):
    path, data = tmp_path / "t.parquet", table()
    write(path, data, columns=[column(bloom="always")], row_group_rows=2500)
    assert excluded(path, "id", 10) == [False, True] and excluded(path, "id", 4000) == [True, False]
    for value in data.column("u").to_pylist()[::500]:
        assert False in excluded(path, "u", f"'{value}'")
    assert excluded(path, "u", "'nothing like it'") == [True, True]
    assert excluded(path, "s", "'value 3'") == [False, False]
    assert sum(excluded(path, "id", 10**9 + i).count(False) for i in range(100)) < 10
    assert duckdb.sql(f"select count(*) from '{path}' where u = '{data.column('u')[17]}'").fetchall() == [(1,)]


def test_default_filters(tmp_path):
    """Where the dictionary is given up, if the filter is small: the long unique strings."""
    path, data = tmp_path / "t.parquet", table(60000)
    write(path, data, columns=[column(codec="none")])
    chunks = footer(path)[1][4][0][1]
    assert [name for name, chunk in zip(data.column_names, chunks) if 14 in chunk[3]] == ["u"]
    size = chunks[data.column_names.index("u")][3]
    assert size[15] < size[7] / 16 + 64
    assert [e for e in excluded(path, "u", "'nothing like it'")] == [True]


def test_compaction_keeps_them(lamella, tmp_path):
    """Rows that are copied as bytes keep their indexes and filters, moved; rows that are rewritten get new ones."""
    (tmp_path / "t").mkdir()
    data = table(300_000)
    for i in range(2):
        pq.write_table(data.slice(i * 150_000, 150_000), tmp_path / f"t/large{i}.parquet", write_page_index=True,
                       bloom_filter_options={"id": True}, row_group_size=300_000, compression="none")
    for i in range(3):
        pq.write_table(data.slice(i, 1), tmp_path / f"t/small{i}.parquet", bloom_filter_options={"id": True})
    done = lamella.json("compact", "t")
    (path,) = (tmp_path / "t").glob("*.parquet")
    assert done["files_after"] == 1
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        first = file.metadata.row_group(group).column(0)
        assert first.bloom_filter_offset and first.has_offset_index and first.has_column_index
        values = file.read_row_group(group, ["id"]).column(0).to_pylist()
        assert excluded(path, "id", values[-1])[group] is False
    assert lamella.json("verify", "--full", "t")["faults"] == 0


def filtered(path):
    """The columns that have bloom filters in every row group."""
    file = pq.ParquetFile(path).metadata
    groups = [file.row_group(i) for i in range(file.num_row_groups)]
    columns = [[g.column(i) for g in groups] for i in range(groups[0].num_columns)]
    return [c[0].path_in_schema for c in columns if all(chunk.bloom_filter_offset for chunk in c)]


def test_chosen_filters(lamella, tmp_path):
    pq.write_table(table().select(["id", "n", "s", "b"]), tmp_path / "a.parquet")
    lamella("import", "a.parquet", "--into", "t", "--bloom", "id,s:0.001")
    (path,) = (tmp_path / "t").glob("*.parquet")
    assert filtered(path) == ["id", "s"]
    lamella("import", "a.parquet", "--into", "t")
    lamella("compact", "t", "--bloom", "n")
    (path,) = (tmp_path / "t").glob("*.parquet")
    assert filtered(path) == ["id", "n", "s"] and lamella.json("verify", "t")["faults"] == 0
    assert "there is no such column" in lamella("import", "a.parquet", "--into", "t", "--bloom", "none", status=1).err
    assert "cannot have a bloom filter" in lamella("import", "a.parquet", "--into", "t", "--bloom", "b", status=1).err


def test_no_page_index(lamella, write, tmp_path):
    """What is written has none where that is asked for; what is copied as bytes keeps its own."""

    def has_index(path):
        group = pq.read_metadata(path).row_group(0)
        return [group.column(c).has_offset_index for c in range(group.num_columns)]

    source = write("s.parquet", {"n": list(range(1000)), "s": ["x"] * 1000}, write_page_index=True)
    for table, options in (("with", []), ("without", ["--no-page-index"])):
        lamella("import", source, "--into", table, *options)
        (path,) = (tmp_path / table).glob("*.parquet")
        assert has_index(path) == [table == "with"] * 2
    lamella("schema", "with", "--add", "x date", "--no-page-index")
    (path,) = (tmp_path / "with").glob("*.parquet")
    assert has_index(path) == [True, True, False]


@pytest.mark.parametrize("codec", ["none", "snappy"])
def test_dictionaries_are_read_when_a_page_wants_them(lamella, tmp_path, codec):
    """A chunk begins with a dictionary that is given up; rows of plain pages that come before others with indices."""
    folder, rows = tmp_path / "t", 30_000
    folder.mkdir()
    data = pa.table({"id": pa.array(range(rows), pa.int64()), "s": pa.array([f"string number {i * 7}" for i in range(rows)]),
                     "n": pa.array([i * 1_000_003 for i in range(rows)], pa.int64())})
    pq.write_table(data, folder / "f.parquet", compression=codec, dictionary_pagesize_limit=200_000, write_page_index=True,
                   max_rows_per_page=1000, write_batch_size=500)
    lamella("update", folder, "--set", "s = 'new', n = 0", "--where", "id between 2100 and 2110")
    of_strings = [p["encoding"] for p in pages_of(lamella, next(folder.iterdir()), "s")]
    assert of_strings[2] == "PLAIN" and of_strings[3].endswith("DICTIONARY") and of_strings[-1] == "PLAIN"
    expected = data.to_pydict()
    expected["s"][2100:2111], expected["n"][2100:2111] = ["new"] * 11, [0] * 11
    for first, last in [(2100, 2110), (2050, 2970), (2900, 3100), (2500, 29_000), (29_990, 29_999), (0, 5), (500, 29_999), (2999, 3000)]:
        found = pa.BufferReader(lamella("cat", folder, "--where", f"id between {first} and {last}", "--format", "parquet").out)
        assert pq.read_table(found).to_pydict() == {k: v[first : last + 1] for k, v in expected.items()}
    chosen = lamella("cat", folder, "--where", "id in (2105, 2205, 3100, 29000)", "--format", "parquet").out
    assert pq.read_table(pa.BufferReader(chosen)).column("s").to_pylist() == [expected["s"][i] for i in (2105, 2205, 3100, 29000)]


def pages_of(lamella, path, name):
    found = lamella.json("inspect", path, "--pages")["pages"]
    return [p for p in found if p["column"] == name and p["kind"] != "DICTIONARY_PAGE"]
