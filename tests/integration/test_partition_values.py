"""Partition columns of every type and with every awkward value, in every command that changes rows; files of different
schemas; what needs no file at all."""

import datetime
import os
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import files_of
from test_import import NASTY

MOMENT = datetime.datetime(2024, 1, 1)
CASES = {
    "string": (pa.string(), [*NASTY, ".", "..", "a.b", "1.50", "2024-01-01", "null", "NULL"], lambda v: "'" + v.replace("'", "''") + "'"),
    "int64": (pa.int64(), [-(2**63), 0, 2**63 - 1], lambda v: f"CAST('{v}' AS int64)"),
    "date": (pa.date32(), [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29)], lambda v: f"DATE '{v}'"),
    "timestamp": (pa.timestamp("us"), [MOMENT, MOMENT + datetime.timedelta(microseconds=1), datetime.datetime(1969, 12, 31, 23, 59, 59, 500000)], lambda v: f"TIMESTAMP '{v}'"),
    "milliseconds": (pa.timestamp("ms"), [MOMENT, MOMENT + datetime.timedelta(milliseconds=1)], lambda v: f"TIMESTAMP '{v}'"),
    "decimal": (pa.decimal128(10, 2), [Decimal("-0.01"), Decimal("0.00"), Decimal("12345678.90")], lambda v: f"CAST('{v}' AS decimal(10,2))"),
    "bool": (pa.bool_(), [True, False], lambda v: str(v).lower()),
    "double": (pa.float64(), [0.1, -2.25, 1e300, float("inf")], lambda v: f"CAST('{v}' AS double)"),
}  # fmt: skip


def held(tmp_path):
    """Rows by id, and that each lies in a directory of its own value's."""
    rows = {}
    for path in files_of(tmp_path / "t"):
        found = pq.ParquetFile(path).read().to_pylist()
        assert len({r["p"] for r in found}) == 1, path
        rows.update({r["id"]: (r["p"], r["v"]) for r in found})
    return rows


@pytest.mark.parametrize("kind", CASES)
def test_every_command(lamella, write, tmp_path, kind):
    arrow, values, literal = CASES[kind]
    values = [*dict.fromkeys(v for v in values if v is not None), None]
    last = len(values) - 1  # of NULL

    def table(first, ps, v):
        ids = range(first, first + len(ps))
        return pa.table({"id": pa.array(ids, pa.int64()), "p": pa.array(ps, arrow), "v": pa.array([v] * len(ps), pa.int64())})

    def is_value(p):
        return "p IS NULL" if p is None else f"p = {literal(p)}"

    # All but one of the values, four rows each: that one is for rows that move.
    ps = [p for p in values[1:] for _ in range(4)]
    lamella("import", write("source.parquet", table(0, ps, 0)), "--into", "t", "--partition-by", "p", "--row-group-rows", "2")
    expected = {i: (p, 0) for i, p in enumerate(ps)}
    assert held(tmp_path) == expected

    def change(*arguments, **counts):
        done = lamella.json(*arguments, "--verify", "full")
        assert {name: done[name] for name in counts} == counts
        assert held(tmp_path) == expected
        assert lamella.json("verify", "t", "--full")["faults"] == 0
        return done

    for i, p in enumerate(values[1:]):  # one row each
        assert lamella("count", "t", "--where", is_value(p)).text.split()[-1] == "4"
        if i % 8 and p is not None:
            continue
        expected.pop(4 * i)
        done = change("delete", "t", "--where", f"{is_value(p)} AND id = {4 * i}", rows_deleted=1, partitions_affected=1)
        assert done["files_read"] <= 1  # paths rule out the others
    expected = {i: (p, 7 if p is None else v) for i, (p, v) in expected.items()}
    change("update", "t", "--set", "v = 7", "--where", "p IS NULL", rows_updated=3, files_rewritten=1)
    # To a partition that is new, and to that of NULL.
    expected |= {i: (values[0], expected[i][1]) for i in expected if i % 4 == 1}
    change("update", "t", "--set", f"p = {literal(values[0])}", "--where", "id % 4 = 1", rows_updated=last, files_added=1)
    expected |= {i: (None, expected[i][1]) for i in expected if i % 4 == 2}
    change("update", "t", "--set", "p = NULL", "--where", "id % 4 = 2", rows_updated=last)
    # Keys with the partition column: a NULL is none.
    write("u.parquet", table(1, [values[0], None, values[0]], 9))
    expected = {**expected, 1: (values[0], 9), 3: expected[3]}
    done = lamella.json("upsert", "t", "--from", "u.parquet", "--key", "id,p")
    # Row 1 is found; row 2 has a NULL; row 3 lies in another partition (or is there, where the table has one value).
    assert (done["rows_updated"], done["rows_inserted"], done["null_keys"]) == (1, 2, 1)
    lamella("dedup", "t", "--key", "id", "--keep", "first", "--verify", "full")
    assert {k: v for k, v in held(tmp_path).items() if k not in (2, 3)} == {k: v for k, v in expected.items() if k not in (2, 3)}
    # Another partitioning and back.
    expected = held(tmp_path)
    lamella("repartition", "t", "t", "--by", "v", "--verify", "full")
    assert not list((tmp_path / "t").glob("p=*"))
    change("repartition", "t", "t", "--by", "p", rows_written=len(expected))
    lamella("compact", "t", "--verify", "full")
    assert held(tmp_path) == expected
    if kind not in ("double", "timestamp", "milliseconds", "decimal"):  # whose texts are ours alone
        p = next(p for p in values if p is not None and any(q == p for q, _ in expected.values()))
        expected = {i: row for i, row in expected.items() if row[0] != p}
        change("delete", "t", "--partition", f"p={str(p).lower() if kind == 'bool' else p}", "--where", "true")


@pytest.mark.parametrize("in_data", [False, True])
def test_a_delete_of_partitions_opens_no_file(lamella, write, tmp_path, in_data):
    """Where the pack knows the table: the files' bytes are gone, and the delete does not notice."""
    for day in range(1, 5):
        rows = {"x": [1, 2, 3]}
        if in_data:
            rows["d"] = pa.array([datetime.date(2024, 1, day)] * 3)
        write(f"t/d=2024-01-0{day}/a.parquet", rows)
    lamella("sidecar", "build", "t")
    for path in files_of(tmp_path / "t"):
        info = path.stat()
        with open(path, "r+b") as file:
            file.write(bytes(info.st_size))
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    for path in (tmp_path / "t.lamella" / "pm").rglob("*._pm"):
        path.unlink()
    done = lamella.json("delete", "t", "--where", "d = DATE '2024-01-02' OR d > DATE '2024-01-03'")
    assert (done["rows_deleted"], done["files_removed"], done["files_read"], done["bytes_read"]) == (6, 2, 0, 0)
    done = lamella.json("delete", "t", "--where", "true", "--partition", "d=2024-01-03")
    assert (done["rows_deleted"], done["files_removed"], done["files_read"]) == (3, 1, 0)
    assert [path.parent.name for path in files_of(tmp_path / "t")] == ["d=2024-01-01"]
    assert sorted(os.listdir(tmp_path / "t")) == ["d=2024-01-01"]


def test_files_of_different_schemas(lamella, write, tmp_path):
    """A column that a file lacks is NULL there, in conditions, on right-hand sides and in keys."""
    write("t/p=1/a.parquet", {"k": pa.array([1, 2], pa.int32()), "a": ["x", None]})
    write("t/p=1/b.parquet", {"k": pa.array([3, 2**40], pa.int64()), "b": [0.5, 1.5]})
    write("t/p=2/c.parquet", {"a": ["y", "z"], "b": [2.5, None]})

    def rows():
        found = lamella("cat", "t", "--columns", "k,a,b,p", "--format", "parquet", "-o", "out.parquet") and pq.read_table(tmp_path / "out.parquet")
        (tmp_path / "out.parquet").unlink()
        return sorted(map(str, map(tuple, (r.values() for r in found.to_pylist()))))

    def change(*arguments, **counts):
        dry = lamella.json(*arguments, "--dry-run")
        done = lamella.json(*arguments, "--verify", "full")
        assert {name: done[name] for name in counts} == counts == {name: dry[name] for name in counts}
        assert lamella.json("verify", "t", "--full")["faults"] == 0
        return rows()

    one, two, three, big, y, z = (1, "x", None, 1), (2, None, None, 1), (3, None, 0.5, 1), (2**40, None, 1.5, 1), (None, "y", 2.5, 2), (None, "z", None, 2)
    assert rows() == sorted(map(str, [one, two, three, big, y, z]))
    found = change("update", "t", "--set", "b = coalesce(b, 0) + 1, a = coalesce(a, 'none')", "--where", "a IS NULL", rows_updated=3)
    two, three, big = (2, "none", 1.0, 1), (3, "none", 1.5, 1), (2**40, "none", 2.5, 1)
    assert found == sorted(map(str, [one, two, three, big, y, z]))
    # Only the other partition's files have a k: it is NULL here, and none is no column of the table.
    only = ["--partition", "p=2"]
    assert change("update", "t", "--set", "b = k", "--where", "k = 1", *only, rows_updated=0, rows_unchanged=2) == found
    assert change("delete", "t", "--where", "k > 0", *only, rows_deleted=0, files_scanned=1) == found
    assert "no column" in lamella("delete", "t", "--where", "none > 0", *only, status=1).err
    assert "no column" in lamella("update", "t", "--set", "b = none", "--where", "true", *only, status=1).err
    found = change("delete", "t", "--where", "k IS NULL AND b IS NULL", *only, rows_deleted=1)
    assert found == sorted(map(str, [one, two, three, big, y]))
    write("u.parquet", {"k": pa.array([2, None, 9], pa.int64()), "b": [8.0, 9.0, 10.0], "p": pa.array([1, 2, 2], pa.int64())})
    found = change("upsert", "t", "--from", "u.parquet", "--key", "k", rows_updated=1, rows_inserted=2, null_keys=1)
    assert found == sorted(map(str, [one, (2, "none", 8.0, 1), three, big, y, (None, None, 9.0, 2), (9, None, 10.0, 2)]))
    found = change("dedup", "t", "--key", "a", duplicates_removed=2, null_keys=2)
    assert found == sorted(map(str, [one, (2, "none", 8.0, 1), y, (None, None, 9.0, 2), (9, None, 10.0, 2)]))
