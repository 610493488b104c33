"""`cat --where` and `count --where` over tables whose files differ, against DuckDB's answers."""

import json
import random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import SEED

ROWS = 3000


def make_table(directory, rng):
    """Three partitions `p`, of which the column is in the path only; a file has narrower numbers, another one lacks a
    column; pages are small, with a page index, without, V2, or not dictionary-coded."""
    number = 0
    for p in ("a", "b", "c d"):
        for f in range(2):
            n = ROWS
            ids = pa.array(range(number, number + n), pa.int64())
            columns = {
                "id": ids,
                "k": pa.array([rng.choice([None, *range(40)]) for _ in range(n)], pa.int32() if f else pa.int64()),
                "x": pa.array([rng.choice([None, float("nan"), -0.0, rng.uniform(-100, 100)]) for _ in range(n)]),
                "s": pa.array([rng.choice([None, "", *(f"word {i}" for i in range(20))]) for _ in range(n)]),
                "t": pa.array(range(10**15 + number, 10**15 + number + n), pa.timestamp("us")),
                "l": pa.array([[1, None, i] if i % 3 else None for i in range(n)], pa.list_(pa.int32())),
            }
            if p == "b" and f:
                del columns["x"]
            path = directory / f"p={p}" / f"part-{f}.parquet"
            path.parent.mkdir(exist_ok=True, parents=True)
            pq.write_table(
                pa.table(columns),
                path,
                row_group_size=1000,
                data_page_size=600,
                write_batch_size=100,
                write_page_index=rng.random() < 0.7,
                data_page_version=rng.choice(["1.0", "2.0"]),
                use_dictionary=rng.random() < 0.5,
                compression=rng.choice(["snappy", "zstd", "none"]),
            )
            number += n


CLAUSES = [
    lambda r: f"id {r.choice(['<', '>=', '<>', '='])} {r.randrange(6 * ROWS)}",
    lambda r: f"id BETWEEN {(a := r.randrange(6 * ROWS))} AND {a + r.randrange(400)}",
    lambda r: f"k = {r.randrange(45)}",
    lambda r: f"k IN ({r.randrange(40)}, {r.randrange(40)}, 999)",
    lambda r: f"k IS {r.choice(['', 'NOT '])}NULL",
    lambda r: f"x > {r.uniform(-110, 110):.3f}",
    lambda r: f"s = 'word {r.randrange(22)}'",
    lambda r: f"s LIKE '%{r.randrange(10)}'",
    lambda r: f"p = '{r.choice(['a', 'b', 'c d', 'e'])}'",
    lambda r: f"p <> '{r.choice(['a', 'b'])}'",
    lambda r: f"t >= TIMESTAMP '2001-09-09 01:46:40.{r.randrange(6 * ROWS):06d}'",
    lambda r: f"k + id < {r.randrange(6 * ROWS)}",
]


def condition(rng):
    terms = [rng.choice(CLAUSES)(rng) for _ in range(rng.choice([1, 1, 2, 2, 3]))]
    if len(terms) == 3 and rng.random() < 0.4:
        return f"{terms[0]} AND ({terms[1]} OR NOT {terms[2]})"
    return " AND ".join(terms)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = random.Random(SEED)
    directory = tmp_path_factory.mktemp("where") / "t"
    make_table(directory, rng)
    return directory


def test_rows_that_match(table, lamella):
    rng = random.Random(SEED + 1)
    db = duckdb.connect()
    source = f"read_parquet('{table}/**/*.parquet', hive_partitioning = true, union_by_name = true)"
    for _ in range(40):
        where = condition(rng)
        columns = rng.sample(["id", "k", "x", "s", "t", "l", "p"], rng.randrange(1, 7))
        if "id" not in columns:
            columns.append("id")
        out = lamella("cat", table, "--columns", ",".join(columns), "--where", where, "--format", "json").text
        found = [json.loads(line) for line in out.splitlines()]
        expected = db.execute(f"SELECT id, k, s, p, l FROM {source} WHERE {where} ORDER BY id").fetchall()
        assert [row["id"] for row in found] == [e[0] for e in expected], where
        for row, e in zip(found, expected):
            for name, value in zip(("id", "k", "s", "p", "l"), e):
                if name in columns:
                    assert row.get(name) == value, (where, e)
        assert lamella.json("count", table, "--where", where)["rows"] == len(expected), where


def test_limit_and_no_match(table, lamella):
    out = lamella("cat", table, "--columns", "id", "--where", "id >= 100 AND k IS NOT NULL", "--limit", "7", "--format", "json").text
    found = [json.loads(line)["id"] for line in out.splitlines()]
    assert len(found) == 7 and found == sorted(found) and found[0] >= 100
    assert lamella("cat", table, "--where", "p = 'nowhere'", "--format", "json").text == ""
    assert lamella("cat", table, "--where", "id < 0", "--format", "json").text == ""


def test_errors(table, lamella):
    assert "nosuch" in lamella("cat", table, "--where", "nosuch = 1", status=1).err
    assert "a condition is expected" in lamella("cat", table, "--where", "k + 1", status=1).err


def test_nothing_but_nan(lamella):
    """Counted from metadata, by the statistics of files and by the pack: NaN is above all numbers."""
    lamella("import", "-", "--format", "csv", "--into", "t", "--partition-by", "p",
            stdin="x,p\nnan,a\nnan,a\n1.5,b\n2,b\n,b\nnan,c\n,c\n")
    counts = {"x > 5": 3, "x < 5": 2, "x = 3": 0, "x <> 3": 5, "x IN (1, 7)": 0, "x IS NULL": 2, "NOT x <= 1e300": 3}
    for step in "statistics", "pack":
        for where, rows in counts.items():
            found = lamella.json("count", "t", "--where", f"({where}) AND p IN ('a', 'b')")
            in_c = lamella.json("count", "t", "--where", f"({where}) AND p = 'c'")
            assert found["rows"] + in_c["rows"] == rows, where
            if where in ("x < 5", "x = 3", "x IN (1, 7)"):
                assert in_c["rows_read"] == 0, (where, step)
        found = lamella.json("count", "t", "--where", "x > 5 AND p <> 'c'")
        assert (found["rows"], found["files_opened"], found["rows_read"]) == (2, 0, 0), step
        lamella("sidecar", "build", "t")


def test_fields_of_one_id(lamella, tmp_path):
    """Statistics of neither field are taken for the other's."""
    fields = [pa.field(name, pa.int64(), metadata={b"PARQUET:field_id": b"7"}) for name in "ab"]
    column = pa.array([{"a": i, "b": 1000 + i} for i in range(100)], pa.struct(fields))
    pq.write_table(pa.table({"s": column}), tmp_path / "t.parquet")
    assert lamella("count", "t.parquet", "--where", "s.a = 5").text.strip() == "1"
    assert lamella("count", "t.parquet", "--where", "s.b > 1095").text.strip() == "4"


def test_fields_that_changed_their_ids(lamella, tmp_path):
    """What was read as `a` is the other file's `b`: a condition on it is refused where that would have to be looked
    at, and not answered by the field of the same name."""
    (tmp_path / "t").mkdir()
    for name, ids in ("1", "12"), ("2", "21"):
        fields = [pa.field(n, pa.int64(), metadata={b"PARQUET:field_id": i.encode()}) for n, i in zip("ab", ids)]
        column = pa.array([{"a": i, "b": 1000 + i} for i in range(100)], pa.struct(fields))
        pq.write_table(pa.table({"s": column}), tmp_path / "t" / f"{name}.parquet")
    assert lamella("count", "t", "--where", "s.a = 5").text.strip() == "1"
    assert "nested in another way" in lamella("count", "t", "--where", "s.a + 0 = 5", status=1).err
