"""The language of --where against DuckDB: the same rows for many conditions on random data with NULL, NaN, -0.0, in
several row groups and pages."""

import datetime
import decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 3000


def some(rng, values, nulls=0.1):
    return [None if rng.random() < nulls else rng.choice(values) if isinstance(values, list) else values() for _ in range(ROWS)]


@pytest.fixture
def table(rng):
    day = datetime.date(2025, 11, 26)
    instant = datetime.datetime(2025, 11, 26, 10, 20, 30, 500000)
    texts = ["", "a", "ab", "abc", "b", "é", "aéz", "abab", "A", "a%b", "x_y", "cab"]
    floats = [float("nan"), 0.0, -0.0, 1.5, -2.25, 0.125, 3.0, float("inf"), float("-inf")]
    return pa.table({
        "id": pa.array(range(ROWS), pa.int64()),
        "i8": pa.array(some(rng, [-128, 127, 0, 1, -1, 2, 3]), pa.int8()),
        "i": pa.array(some(rng, lambda: rng.randrange(-5, 6)), pa.int32()),
        "l": pa.array(sorted(some(rng, lambda: rng.randrange(-1000, 1000)), key=lambda x: (x is None, x)), pa.int64()),
        "big": pa.array(some(rng, [-(2**63), 2**63 - 1, 0, 2**53, 2**53 + 1]), pa.int64()),
        "ul": pa.array(some(rng, [0, 1, 5, 2**63, 2**64 - 1]), pa.uint64()),
        "u8": pa.array(some(rng, [0, 1, 200, 255]), pa.uint8()),
        "f": pa.array(some(rng, floats), pa.float32()),
        "d": pa.array(some(rng, floats), pa.float64()),
        "e": pa.array(some(rng, [decimal.Decimal(x) for x in ("1.50", "-2.55", "0.00", "99.99", "-0.01")]),
                      pa.decimal128(9, 2)),
        "s": pa.array(some(rng, texts)),
        "ss": pa.array(some(rng, lambda: "".join(rng.choice("abc%_é") for _ in range(rng.randrange(8))))),
        "b": pa.array(some(rng, [True, False]), pa.bool_()),
        "day": pa.array(some(rng, lambda: day + datetime.timedelta(rng.randrange(-400, 400))), pa.date32()),
        "ts": pa.array(some(rng, lambda: instant + datetime.timedelta(hours=rng.randrange(-9000, 9000))),
                       pa.timestamp("us")),
        "ms": pa.array(some(rng, lambda: instant + datetime.timedelta(minutes=rng.randrange(-90, 90))),
                       pa.timestamp("ms")),
        "none": pa.array([None] * ROWS, pa.int32()),
    })


NUMBERS = ["i8", "i", "l", "u8", "e", "d", "f", "none", "i + i8", "-i", "abs(l)", "i * 2 - e", "l % 7", "i / 4", "round(e)",
           "floor(e)", "ceil(d)", "round(e, 1)", "length(s)", "year(day)", "month(ts)", "hour(ms)", "minute(ms)", "coalesce(i, 0)",
           "coalesce(none, e, 7)", "CASE WHEN i > 0 THEN l WHEN b THEN i8 END", "CASE i WHEN 1 THEN 10 ELSE 2.5 END",
           "CAST(e AS double)", "CAST(i AS decimal(10,2))", "0", "1", "-1", "2.5", "0.125", "300", "-129", "1e0", "NULL"]
WHOLE = ["i8", "i", "l", "big", "ul", "u8", "0", "5", "-1", "9223372036854775807", "18446744073709551615", "300"]
TEXTS = ["s", "ss", "lower(s)", "substr(s, 2)", "substr(ss, 2, 2)", "coalesce(s, ss)", "'a'", "'ab'", "''", "'é'"]
INSTANTS = ["day", "ts", "ms", "DATE '2025-11-26'", "TIMESTAMP '2025-11-26 10:20:30.5'", "TIMESTAMP '2025-06-01 00:00:00'",
            "date_trunc('month', ts)", "date_trunc('hour', ms)", "CAST(ts AS date)"]
PATTERNS = ["'%'", "'a%'", "'%b'", "'%ab%'", "'_'", "'a_%'", "'%_b%'", "'_%_'", "'a%b%'", "'é%'", "''", "'ab'", "'%!%%' ESCAPE '!'",
            "'a!_%' ESCAPE '!'"]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]


def leaf(rng):
    kind = rng.choice([NUMBERS, NUMBERS, WHOLE, TEXTS, INSTANTS])
    a, b, c = (rng.choice(kind) for _ in range(3))
    return rng.choice([
        f"{a} {rng.choice(COMPARISONS)} {b}", f"{a} {rng.choice(COMPARISONS)} {c}", f"{a} BETWEEN {b} AND {c}",
        f"{a} NOT BETWEEN {b} AND {c}", f"{a} IN ({b}, {c})", f"{a} NOT IN ({b}, {c})", f"{a} IS NULL", f"{b} IS NOT NULL",
        "b", "NOT b", "b = (i > 0)", f"{rng.choice(TEXTS[:6])} {rng.choice(['LIKE', 'NOT LIKE'])} {rng.choice(PATTERNS)}",
        f"l BETWEEN {rng.randrange(-1000, 0)} AND {rng.randrange(0, 1000)}", f"l IN ({rng.randrange(-999, 999)}, 3, -7.0)",
        f"day >= '{2025 + rng.randrange(2)}-0{rng.randrange(1, 9)}-15'"])


def condition(rng, depth):
    if depth == 0:
        return "(" + leaf(rng) + ")"
    parts = [condition(rng, depth - 1) for _ in range(rng.randrange(2, 4))]
    return rng.choice([" AND ", " OR "]).join(parts).join("()") if rng.random() < 0.8 else f"(NOT {parts[0]})"


def expected(connection, where):
    return [row[0] for row in connection.execute(f"SELECT id FROM t WHERE {where} ORDER BY id").fetchall()]


def test_random_conditions(lamella, tmp_path, table, rng):
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1000, data_page_size=512, write_batch_size=64,
                   write_page_index=True)
    connection = duckdb.connect()
    connection.register("t", table)
    compared, differ = 0, []
    for n in range(120):
        where = condition(rng, n % 3)
        try:
            rows = expected(connection, where)
        except duckdb.Error:  # what it cannot convert or compare, or where its arithmetic overflows
            continue
        compared += 1
        found = [int(line) for line in lamella("cat", "t.parquet", "--columns", "id", "--where", where).text.splitlines()[1:]]
        if sorted(found) != rows:
            differ.append((where, len(found), len(rows), sorted(set(found) ^ set(rows))[:5]))
        if n % 4 == 0:
            assert int(lamella("count", "t.parquet", "--where", where).text) == len(rows), where
    assert not differ
    assert compared > 60


@pytest.mark.parametrize("where, count", [("x = 1", 1), ("x <> 1", 1), ("NOT x = 1", 1), ("x IS NULL", 1), ("x NOT IN (1, NULL)", 0),
                                          ("x < 2.5 AND x > 1.5", 1), ("x = 1 OR NULL", 1), ("TRUE", 3), ("NULL", 0)])
def test_null_is_not_true(lamella, write, where, count):
    write("x.parquet", {"x": [1, None, 2]})
    assert int(lamella("count", "x.parquet", "--where", where).text) == count


def test_messages(lamella, write):
    write("x.parquet", {"Price": [1]})
    error = lamella("cat", "x.parquet", "--where", "Price = 1 AND", status=2).err
    assert "expected a value at position 14, found the end" in error
    error = lamella("cat", "x.parquet", "--where", "price = 1", status=1).err
    assert 'no column "price"' in error and 'there is "Price"' in error
    assert "2.5" in lamella("count", "x.parquet", "--where", "Price = '2.5x'", status=1).err
    assert "row 0" in lamella("cat", "x.parquet", "--where", "Price % 0 = 1", status=1).err
