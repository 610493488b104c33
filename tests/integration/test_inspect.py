"""inspect against what pyarrow says of the same file."""

import datetime
import decimal
import json
import os
import pathlib
import subprocess
import uuid

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SHARED = pathlib.Path(os.environ.get("LAMELLA_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
FILES = sorted((SHARED / "parquet-testing" / "data").glob("*.parquet*"))


@pytest.fixture
def path(write):
    schema = pa.schema([
        pa.field("id", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "5"}),
        ("price", pa.decimal128(10, 2)), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC")), ("s", pa.string()),
        ("f", pa.float32()), ("ok", pa.bool_()), ("u", pa.uint8()), ("list", pa.list_(pa.int32())),
    ])
    rows = [{"id": i, "price": decimal.Decimal(i - 5).scaleb(-2), "day": datetime.date(2025, 11, 1 + i),
             "at": datetime.datetime(2025, 1, 1, i, tzinfo=datetime.timezone.utc), "s": None if i == 3 else f"v{i}",
             "f": i / 4, "ok": i > 4, "u": 250 + i % 5, "list": [i, i]} for i in range(10)]
    table = pa.Table.from_pylist(rows, schema).replace_schema_metadata({"owner": "me"})
    return write("x.parquet", table, row_group_size=6, compression="snappy",
                 sorting_columns=[pq.SortingColumn(0, True, False)], write_page_checksum=True)


def test_head_and_key_values(lamella, path):
    found = lamella.json("inspect", path)
    assert found["bytes"] == path.stat().st_size and found["rows"] == 10 and found["row_group_count"] == 2
    assert found["created_by"].startswith("parquet-cpp-arrow") and found["version"] == 2
    assert found["column_count"] == 9 and found["leaf_count"] == 9 and "pages" not in found
    assert {"key": "owner", "bytes": 2, "value": "me"} in found["key_values"]


def test_schema(lamella, path):
    nodes = {n["name"]: n for n in lamella.json("inspect", path)["schema"]}
    assert nodes["id"] == {"name": "id", "depth": 1, "repetition": "required", "physical": "INT64", "logical": None,
                           "converted": None, "id": 5}
    assert nodes["price"]["logical"] == "DECIMAL(10,2)" and nodes["price"]["converted"] == "DECIMAL(10,2)"
    assert nodes["price"]["physical"].startswith("FIXED_LEN_BYTE_ARRAY(")
    assert nodes["at"]["logical"] == "TIMESTAMP(micros, utc)" and nodes["u"]["logical"] == "UINT(8)"
    outer, inner = [n for n in lamella.json("inspect", path)["schema"] if n["name"] == "list"]
    assert outer["logical"] == "LIST" and outer["physical"] is None and inner["repetition"] == "repeated"
    assert (outer["depth"], inner["depth"], nodes["element"]["depth"]) == (1, 2, 3)


def test_row_groups_and_chunks(lamella, path):
    found, meta = lamella.json("inspect", path), pq.ParquetFile(path).metadata
    assert [g["rows"] for g in found["row_groups"]] == [6, 4]
    assert found["row_groups"][0]["sorting"] == ["id desc"]
    assert len(found["chunks"]) == 18
    for chunk in found["chunks"]:
        index = [c["column"] for c in found["chunks"]].index(chunk["column"])
        theirs = meta.row_group(chunk["row_group"]).column(index)
        assert chunk["column"] == theirs.path_in_schema and chunk["codec"] == theirs.compression == "SNAPPY"
        assert set(chunk["encodings"]) == set(theirs.encodings) and chunk["values"] == theirs.num_values
        assert chunk["compressed"] == theirs.total_compressed_size
        assert chunk["uncompressed"] == theirs.total_uncompressed_size
        assert chunk["data_at"] == theirs.data_page_offset and chunk["dictionary_at"] == theirs.dictionary_page_offset
        assert chunk["nulls"] == theirs.statistics.null_count
    bounds = {c["column"]: (c["min"], c["max"]) for c in found["chunks"] if c["row_group"] == 0}
    assert bounds == {"id": (0, 5), "price": ("-0.05", "0.00"), "day": ("2025-11-01", "2025-11-06"),
                      "at": bounds["at"], "s": ("v0", "v5"), "f": (0.0, 1.25), "ok": (False, True), "u": (250, 254),
                      "list.list.element": (0, 5)}
    assert [v.replace("T", " ")[:19] for v in bounds["at"]] == ["2025-01-01 00:00:00", "2025-01-01 05:00:00"]
    assert all(c["min_exact"] and c["max_exact"] and c["trusted"] and not c["deprecated"] for c in found["chunks"])


def test_pages(lamella, path):
    found = lamella.json("inspect", path, "--pages")
    for chunk in found["chunks"]:
        pages = [p for p in found["pages"] if (p["row_group"], p["column"]) == (chunk["row_group"], chunk["column"])]
        data = [p for p in pages if p["kind"] == "DATA_PAGE"]
        assert sum(p["values"] for p in data) == chunk["values"] and data[0]["offset"] == chunk["data_at"]
        assert sum(p["header"] + p["compressed"] for p in pages) == chunk["compressed"]
        assert sum(p["header"] + p["uncompressed"] for p in pages) == chunk["uncompressed"]
        assert all(p["crc"] is True for p in pages) and [p["page"] for p in pages] == list(range(len(pages)))


def test_page_indexes(lamella, tmp_path):
    data = pa.table({"n": [3, 1, None, None, 5, 9], "s": ["b", "a", "c", "d", None, "e"]})
    pq.write_table(data, tmp_path / "t.parquet", write_page_index=True, max_rows_per_page=2, bloom_filter_options={"n": True})
    found = lamella.json("inspect", "t.parquet", "--pages")
    pages = [p for p in found["pages"] if p["column"] == "n" and p["kind"] == "DATA_PAGE"]
    assert [(p["first_row"], p["index_nulls"], p["min"], p["max"]) for p in pages] == [
        (0, 0, 1, 3), (2, 2, None, None), (4, 0, 5, 9)]
    chunk = found["chunks"][0]
    assert chunk["bloom_bytes"] > 32 and chunk["bloom_at"] > chunk["data_at"]
    assert chunk["column_index_at"] < chunk["offset_index_at"] and found["chunks"][1]["bloom_at"] is None


def test_sizes_are_those_of_pyarrow(lamella, write):
    """Bytes of strings and levels of each chunk and page, where pyarrow and we write the same rows; and where our pages
    are copied as bytes."""
    lists = [None if i % 7 == 0 else [["x" * (k % 4), None][(i + k) % 5 == 0] for k in range(i % 4)] for i in range(500)]
    table = pa.table({
        "l": lists, "ll": [None if v is None else [v, [], None] for v in lists],
        "s": [None if i % 11 == 0 else {"a": i % 3, "b": None if i % 5 == 0 else "é" * (i % 2)} for i in range(500)],
        "m": pa.array([[("k", i)] * (i % 3) for i in range(500)], pa.map_(pa.string(), pa.int64())), "t": ["abc"] * 500})
    theirs = write("theirs.parquet", table, write_page_index=True, data_page_version="2.0")
    lamella("cat", theirs, "--format", "parquet", "-o", "ours.parquet")
    lamella("import", "ours.parquet", "--into", "t")
    (copied,) = (lamella.directory / "t").glob("*.parquet")
    keys = ("column", "nulls", "string_bytes", "repetition_levels", "definition_levels")
    found = []
    for path in (theirs, "ours.parquet", copied):
        lines = lamella.json("inspect", path, "--pages")
        pages = [p for p in lines["pages"] if p["kind"].startswith("DATA_PAGE")]
        found.append([[c[k] for k in keys] for c in lines["chunks"]] +
                     [[p[k] for k in ("column", "index_nulls", *keys[2:])] for p in pages])
        assert lamella("verify", path, "--full").code == 0
    ours = lamella.json("inspect", "ours.parquet")["chunks"]
    assert all("PLAIN_DICTIONARY" in c["encodings"] for c in ours if c["column"] != "m.key_value.value")  # nested ones too
    for line in found[0]:  # what nulls and values say is not said twice by us
        line[3], line[4] = line[3] if line[3] and len(line[3]) > 1 else None, line[4] if line[4] and len(line[4]) > 2 else None
    assert found[0] == found[1] == found[2] and sum(line[3] is not None for line in found[0]) >= 8


def test_nan_counts(lamella, write):
    nan = float("nan")
    write("x.parquet", pa.table({"d": [nan, 1.0, None, nan], "f": pa.array([1.0, 2.0, 3.0, 4.0], pa.float32()), "i": [1, 2, 3, 4]}))
    lamella("cat", "x.parquet", "--format", "parquet", "-o", "ours.parquet")
    found = lamella.json("inspect", "ours.parquet", "--pages")
    assert [(c["nans"], c["min"], c["max"]) for c in found["chunks"]] == [(2, 1.0, 1.0), (0, 1.0, 4.0), (None, 1, 4)]
    assert [p["index_nans"] for p in found["pages"] if p["kind"] == "DATA_PAGE"] == [2, 0, None]
    # Peers that do not know the counts have the bounds all the same.
    group = pq.ParquetFile(lamella.directory / "ours.parquet").metadata.row_group(0)
    assert [group.column(i).statistics.max for i in range(3)] == [1.0, 4.0, 4]
    rows = duckdb.sql(f"SELECT stats_min_value, stats_max_value FROM parquet_metadata('{lamella.directory}/ours.parquet')")
    assert [tuple(map(float, r)) for r in rows.fetchall()] == [(1.0, 1.0), (1.0, 4.0), (1.0, 4.0)]


def test_text_is_aligned(lamella, path):
    out = lamella("inspect", path, "--pages").text
    sections = out.split("\n\n")
    assert sections[0].startswith("file") and "created by" in sections[0]
    assert [s.split("\n")[0] for s in sections[1:]] == ["key-value metadata", "schema", "row groups", "chunks", "pages"]
    chunks = sections[4].rstrip("\n").split("\n")
    at = chunks[1].index("values") + len("values")
    assert all(line[at - 1].isdigit() and line[at : at + 2] == "  " for line in chunks[2:])
    assert "price" in out and "-0.05" in out


def test_inexact_bounds_and_control_characters(lamella, write):
    path = write("x.parquet", pa.table({"s\x1b[31m": ["a" * 200, "b" * 200]}))
    lamella("import", path, "--into", "t")
    (ours,) = (lamella.directory / "t").glob("*.parquet")
    (chunk,) = lamella.json("inspect", ours)["chunks"]
    assert chunk["min"] == "a" * 64 and chunk["min_exact"] is False and chunk["max_exact"] is False
    assert chunk["column"] == "s\x1b[31m" and chunk["max"] == "b" * 63 + "c"
    out = lamella("inspect", ours).text
    assert "\x1b" not in out and "s.[31m" in out and "aaaa…" in out


@pytest.mark.skipif(not FILES, reason="the public test files are not there")
@pytest.mark.parametrize("file", FILES, ids=lambda p: p.name)
def test_public_file(lamella, file):
    done = subprocess.run([lamella.binary, "--json", "inspect", "--pages", file], capture_output=True, text=True)
    assert "Sanitizer" not in done.stderr
    if not done.stdout.startswith('{"file"'):
        error = json.loads(done.stdout)["error"]
        assert done.returncode == 1
        assert "encrypted" in error if file.name.endswith(".encrypted") else "not a Parquet file" in error
        return
    found = json.loads(done.stdout)
    assert done.returncode == 0
    text = subprocess.run([lamella.binary, "inspect", "--pages", file], capture_output=True)
    assert text.returncode == 0 and text.stderr == b""
    if file.name.endswith(".encrypted"):
        assert any(c["encrypted"] for c in found["chunks"])
        return
    if file.name == "incorrect_map_schema.parquet":
        return  # pyarrow does not open it
    meta = pq.ParquetFile(file).metadata
    assert found["rows"] == meta.num_rows and found["leaf_count"] == meta.num_columns
    for chunk, theirs in zip(found["chunks"], (meta.row_group(g).column(i) for g in range(meta.num_row_groups)
                                               for i in range(meta.num_columns))):
        assert chunk["column"] == theirs.path_in_schema and chunk["values"] == theirs.num_values
        assert chunk["codec"] in (theirs.compression, f"{theirs.compression}_RAW") or theirs.compression == "UNKNOWN"
    data = [p for p in found["pages"] if p["kind"].startswith("DATA_PAGE")]
    assert sum(p["values"] for p in data) == sum(c["values"] for c in found["chunks"])
