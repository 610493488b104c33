"""plan and partitions on tables that pyarrow wrote, against the rows and the metadata that pyarrow finds."""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq


def sparse(rows=60000):
    """Rows in row groups of a third and in small pages, so that page indexes have something to say."""
    return dict(row_group_size=rows // 3, data_page_size=16384, write_page_index=True, use_dictionary=False,
                compression="none", store_schema=True)


def flat(rows, first=0):
    return pa.table({"id": pa.array(range(first, first + rows), pa.int64()),
                     "name": pa.array([f"name {i % 977}" for i in range(rows)]),
                     "price": pa.array([None if i % 7 == 0 else i / 8 for i in range(rows)], pa.float64())})


def nested(rows):
    return pa.table({"id": pa.array(range(rows), pa.int64()),
                     "place": pa.array([None if i % 11 == 0 else {"city": f"c{i // 100}", "zip": i} for i in range(rows)]),
                     "tags": pa.array([[f"t{i}", "x"][: i % 3] for i in range(rows)])})


def zeroed(path, plan, to):
    """The file with nothing left but the ranges of its plan, page indexes and the footer."""
    data = path.read_bytes()
    meta = pq.ParquetFile(path).metadata
    end = max(c.data_page_offset + c.total_compressed_size
              for g in range(meta.num_row_groups) for c in (meta.row_group(g).column(i) for i in range(meta.num_columns)))
    out = bytearray(len(data))
    out[:4], out[end:] = data[:4], data[end:]  # pyarrow puts indexes and bloom filters behind all chunks
    for offset, size in plan["ranges"]:
        out[offset:offset + size] = data[offset:offset + size]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(out)
    return len(out) - out.count(0)


def rows_of(lamella, *arguments):
    return [json.loads(line) for line in lamella("cat", *arguments, "--format", "json").text.splitlines()]


def test_a_plan_agrees_with_metadata(lamella, write):
    path = write("t/a.parquet", flat(60000), **sparse())
    meta = pq.ParquetFile(path).metadata
    found = lamella.json("plan", "t", "--columns", "name", "--where", "id >= 20000")
    (file,) = found["files"]
    assert file["path"] == "t/a.parquet" and file["bytes"] == path.stat().st_size and file["rows"] == 60000
    assert [(g["verdict"], g["rule"], g["rows"]) for g in file["row_groups"]] == [
        ("skipped", "statistics", []), ("whole", "statistics", [[0, 20000]]), ("whole", "statistics", [[0, 20000]])]
    chunks = [meta.row_group(g).column(1) for g in (1, 2)]
    assert found["totals"]["bytes_wanted"] == sum(c.total_compressed_size for c in chunks)  # and none of the condition's
    for chunk in chunks:
        assert any(o <= chunk.data_page_offset and o + s >= chunk.data_page_offset + chunk.total_compressed_size
                   for o, s in file["ranges"])
    totals = found["totals"]
    assert totals["rows"] == 60000 and totals["rows_kept"] == totals["rows_whole"] == 40000
    assert totals["row_groups_skipped_by_statistics"] == 1 and totals["bytes"] == path.stat().st_size
    assert lamella.json("count", "t", "--where", "id >= 20000")["rows"] == 40000


def test_ranges_suffice_for_pyarrow(lamella, write, tmp_path):
    path = write("t/a.parquet", flat(60000), **sparse())
    plan = lamella.json("plan", "t", "--where", "id BETWEEN 20000 AND 39999", "--columns", "name,price")["files"][0]
    copy = tmp_path / "z" / "a.parquet"
    assert zeroed(path, plan, copy) < path.stat().st_size / 2
    kept = [g["index"] for g in plan["row_groups"] if g["verdict"] == "whole"]
    assert kept == [1]
    expected = pq.read_table(path).slice(20000, 20000).select(["name", "price"])
    assert pq.ParquetFile(copy).read_row_groups(kept, columns=["name", "price"]).equals(expected)


def test_ranges_suffice_for_us_page_by_page(lamella, write, tmp_path):
    path = write("t/a.parquet", flat(60000), **sparse())
    for where in "id BETWEEN 31000 AND 31100", "id < 5 OR id = 59999", "id >= 40000 AND price < 5200":
        plan = lamella.json("plan", "t", "--where", where)["files"][0]
        kept = sum(end - first for g in plan["row_groups"] for first, end in g["rows"])
        assert plan["rows_kept"] == kept < 60000
        zeroed(path, plan, tmp_path / "z" / "a.parquet")
        assert rows_of(lamella, "z", "--where", where) == rows_of(lamella, "t", "--where", where) != []


def test_nested_columns(lamella, write, tmp_path):
    path = write("t/a.parquet", nested(60000), **sparse())
    meta = pq.ParquetFile(path).metadata
    names = [meta.row_group(0).column(i).path_in_schema for i in range(meta.num_columns)]
    plan = lamella.json("plan", "t", "--columns", "place.city")
    assert plan["totals"]["bytes_wanted"] == sum(
        meta.row_group(g).column(names.index("place.city")).total_compressed_size for g in range(3))
    where = "place.zip BETWEEN 55000 AND 55050"
    plan = lamella.json("plan", "t", "--where", where, "--columns", "tags,place")["files"][0]
    assert [g["verdict"] for g in plan["row_groups"]] == ["skipped", "skipped", "kept"]
    assert 0 < plan["rows_kept"] < 20000 and plan["row_groups"][2]["rule"] == "page_index"
    arguments = ["--where", where, "--columns", "tags,place"]
    zeroed(path, plan, tmp_path / "z" / "a.parquet")
    found = rows_of(lamella, "z", *arguments)
    assert found == rows_of(lamella, "t", *arguments)
    assert [r["place"]["zip"] for r in found] == [i for i in range(55000, 55051) if i % 11]


def test_merged_schemas_and_partitions(lamella, write):
    write("t/g=1/a.parquet", pa.table({"n": pa.array([1, 2, 3], pa.int32())}))
    write("t/g=1/b.parquet", pa.table({"n": pa.array([2**40, 5], pa.int64()), "other": ["x", "y"]}))
    write("t/g=2/c.parquet", pa.table({"other": ["z", None]}))
    found = lamella.json("plan", "t", "--where", "n >= 2 AND g = 1", "--columns", "other")
    a, b, c = found["files"]
    assert (a["verdict"], a["rows_kept"]) == ("kept", 3)
    assert b["row_groups"] == [{"index": 0, "verdict": "whole", "rule": "statistics", "row_count": 2, "rows": [[0, 2]]}]
    assert (c["verdict"], c["rule"], c["row_groups"], c["ranges"]) == ("skipped", "partition_value", [], [])
    found = lamella.json("plan", "t", "--where", "n IS NULL", "--columns", "other")
    assert [f["verdict"] for f in found["files"]] == ["skipped", "skipped", "whole"]
    assert found["totals"]["row_groups_skipped_by_statistics"] == 2 and found["totals"]["rows_whole"] == 2

    one, two = lamella.json("partitions", "t", "--columns", "n,other")["partitions"]
    assert one["directory"] == "g=1" and one["values"] == {"g": "1"} and (one["files"], one["rows"]) == (2, 5)
    n, other = one["columns"]
    assert (n["min"], n["max"], n["min_exact"], n["nulls"]) == (1, 2**40, True, 0)
    assert (other["min"], other["max"], other["nulls"]) == ("x", "y", 3)  # NULL in the file that lacks it
    n, other = two["columns"]
    assert (n["min"], n["max"], n["nulls"]) == (None, None, 2) and (other["min"], other["max"]) == ("z", "z")


def test_partitions_text_and_filter(lamella, write, tmp_path):
    for day in "2025-11-26", "2025-11-27":
        write(f"t/day={day}/a.parquet", {"x": [1, 2]})
    text = lamella("partitions", "t", "--columns", "x", "--partition", "day=2025-11-27").text
    assert "day=2025-11-27" in text and "2025-11-26" not in text and "1 … 2" in text
    found = lamella.json("partitions", "t", "--max-file-size", "1")
    assert found["totals"]["small_files"] == 0 and found["totals"]["dead_bytes"] == 0
    assert found["totals"]["bytes"] == sum(f.stat().st_size for f in (tmp_path / "t").rglob("*.parquet"))
    assert [p["values"]["day"] for p in found["partitions"]] == ["2025-11-26", "2025-11-27"]


def test_partitions_by_the_sort_key(lamella, write):
    """What nobody asks for is the column that the files are sorted by: its overlap says what a lookup costs."""
    lamella("import", write("a.parquet", {"x": [3, 1], "y": [0, 0]}), "--into", "t", "--sort-by", "x,y")
    lamella("import", write("b.parquet", {"x": [2, 9], "y": [0, 0]}), "--into", "t", "--sort-by", "x")
    (part,) = lamella.json("partitions", "t")["partitions"]
    assert [(c["name"], c["min"], c["max"], c["overlap"]) for c in part["columns"]] == [("x", 1, 9, 2)]
    assert "1 … 9 ×2" in lamella("partitions", "t").text
    (part,) = lamella.json("partitions", "t", "--columns", "y")["partitions"]
    assert [c["name"] for c in part["columns"]] == ["y"]
    write("u/a.parquet", {"x": [3, 1]})
    assert lamella.json("partitions", "u")["partitions"][0]["columns"] == []


def test_text(lamella, write):
    write("t/g=1/" + 40 * "long-" + ".parquet", flat(100))
    write("t/g=2/b.parquet", flat(100))
    text = lamella("plan", "t", "--where", "g = 1 AND id < 10").text
    assert 40 * "long-" + ".parquet" in text and "b.parquet" not in text
    assert "row groups skipped by partition value  1" in text and "rows kept                              100" in text
    assert lamella("--quiet", "plan", "t").text == ""


def test_errors(lamella, write):
    write("t/a.parquet", flat(10))
    assert "--where" in lamella("plan", "t", "--where", "id <", status=2).err
    assert lamella("--json", "plan", "t", "--where", "no = 1", status=1).json["status"] == "not found"
    assert "nothing" in lamella("plan", "t", "--columns", "nothing", status=1).err
    assert "nothing" in lamella("partitions", "t", "--columns", "nothing", status=1).err
    assert "column=value" in lamella("partitions", "t", "--partition", "x", status=2).err
    assert "too few" in lamella("plan", status=2).err
    (pathlib.Path(lamella.directory) / "t" / "b.parquet").write_bytes(b"PAR1 no file PAR1")
    out = lamella("--json", "plan", "t", status=1).json
    assert set(out) == {"error", "status"}
