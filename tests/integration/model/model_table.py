"""A table in DuckDB that gets the same operations, and what both hold in a form that can be compared."""

import collections
import functools
import math
import os
import struct

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema([
    ("k", pa.int64()),
    ("g", pa.string()),
    ("p", pa.string()),
    ("q", pa.int32()),
    ("n", pa.int32()),
    ("s", pa.string()),
    ("f", pa.float64()),
    ("d", pa.date32()),
])  # fmt: skip


def canonical(value):
    """Values that differ, differ in this: -0.0 and 0.0 do, NaNs do not."""
    if isinstance(value, float):
        return ("nan",) if math.isnan(value) else ("float", struct.pack("<d", value))
    return (str(type(value).__name__), value)


def rows_of(table):
    """The rows as a multiset. NULLs are left out, so that a column of NULLs is none: schemas have tests of their own."""
    names = sorted(table.column_names)
    columns = [[(name, canonical(v)) if v is not None else None for v in table[name].to_pylist()] for name in names]
    rows = zip(*columns) if columns else [()] * table.num_rows
    return collections.Counter(tuple(v for v in row if v) for row in rows)


def data_files(table):
    """Paths in the order of a scan: directories by their whole key, then names, as bytes."""
    found = []
    for directory, directories, names in os.walk(table):
        key = os.path.relpath(directory, table)
        found += [(b"" if key == "." else os.fsencode(key), os.fsencode(n)) for n in names if n.endswith(".parquet")]
    return [os.path.join(os.fsencode(table), d, n).decode() for d, n in sorted(found)]


def states_of(table):
    """Every file of the table: what a restore must bring back."""
    out = {}
    for directory, _, names in os.walk(table):
        for name in names:
            path = os.path.join(directory, name)
            info = os.stat(path)
            out[os.path.relpath(path, table)] = (info.st_size, info.st_mtime_ns)
    return out


def directories_of(table):
    return sorted(os.path.relpath(d, table) for d, _, _ in os.walk(table))


def layouts_of(table):
    """The partition columns of each file, as a set."""
    parts = (os.path.relpath(path, table).split(os.sep)[:-1] for path in data_files(table))
    return {tuple(part.partition("=")[0] for part in names) for names in parts}


@functools.lru_cache(4096)
def read_file(path, size, mtime):
    return pq.ParquetFile(path).read(use_threads=False)


def read_plainly(table):
    """All rows in order, as a reader that knows nothing of us sees them."""
    found = [(path, os.stat(path)) for path in data_files(table)]
    tables = [read_file(path, info.st_size, info.st_mtime_ns) for path, info in found]
    return pa.concat_tables(tables, promote_options="permissive") if tables else SCHEMA.empty_table()


class Model:
    """`t` is the table. What depends on the order of rows reads `o`, the table's rows as they lay before, numbered
    in `rn`."""

    def __init__(self, connection):
        self.db = connection
        self.load(SCHEMA.empty_table())

    def load(self, given):
        self.db.execute("CREATE OR REPLACE TABLE t AS SELECT * FROM given")

    def table(self):
        return self.db.sql("SELECT * FROM t").to_arrow_table()

    def columns(self):
        return self.db.table("t").columns

    def number(self, sql):
        return self.db.execute(sql).fetchall()[0][0]

    def order(self, table):
        numbered = table.append_column("rn", pa.array(range(table.num_rows), pa.int64()))
        self.db.execute("CREATE OR REPLACE TABLE o AS SELECT * FROM numbered")

    def add_column(self, name, kind):
        self.db.execute(f"ALTER TABLE t ADD COLUMN {name} {kind}")

    def insert(self, given):
        columns = self.columns()
        for field in given.schema:
            if field.name not in columns:
                kind = self.db.execute(f"SELECT typeof({field.name}) FROM given LIMIT 1").fetchall()
                self.add_column(field.name, kind[0][0] if kind else "INTEGER")
        self.db.execute("INSERT INTO t BY NAME SELECT * FROM given")

    def delete(self, where):
        return self.number(f"DELETE FROM t WHERE {where}")

    def update(self, assignments, where):
        """Not by UPDATE, which leaves -0.0 where it is to become 0.0."""
        for name, _ in assignments:
            if name not in self.columns():
                self.add_column(name, "BIGINT")
        kinds = {row[0]: row[1] for row in self.db.execute("DESCRIBE t").fetchall()}
        text = ", ".join(f"CASE WHEN {where} THEN CAST({expression} AS {kinds[name]}) ELSE {name} END AS {name}"
                         for name, expression in assignments)  # fmt: skip
        count = self.number(f"SELECT count(*) FROM t WHERE {where}")
        self.db.execute(f"CREATE OR REPLACE TABLE t AS SELECT * REPLACE ({text}) FROM t")
        return count

    def one_of_each(self, table, keys, last):
        """The numbers of rows, one of each key. Not the rows of a window with that number: those have 0.0 for -0.0."""
        return f"SELECT {'max' if last else 'min'}(rn) FROM {table} GROUP BY {', '.join(keys)}"

    def dedup(self, keys, keep_last):
        columns = ", ".join(self.columns())
        kept = self.one_of_each("o", keys, keep_last)
        null = " OR ".join(f"{name} IS NULL" for name in keys)
        before = self.number("SELECT count(*) FROM o")
        self.db.execute(f"CREATE OR REPLACE TABLE t AS SELECT {columns} FROM o WHERE rn IN ({kept}) OR {null}")
        return {"duplicates_removed": before - self.number("SELECT count(*) FROM t"),
                "null_keys": self.number(f"SELECT count(*) FROM t WHERE {null}")}  # fmt: skip

    def upsert(self, source, keys, columns, last_wins):
        """None where the source holds a key twice and may not."""
        numbered = source.append_column("rn", pa.array(range(source.num_rows), pa.int64()))
        self.db.execute("CREATE OR REPLACE TABLE s AS SELECT * FROM numbered")
        using = " AND ".join(f"o.{name} = n.{name}" for name in keys)
        null = " OR ".join(f"{name} IS NULL" for name in keys)
        self.db.execute(f"""CREATE OR REPLACE TABLE n AS SELECT * FROM s
            WHERE rn IN ({self.one_of_each("s", keys, last=True)}) AND NOT ({null})""")
        keyed = self.number(f"SELECT count(*) FROM s WHERE NOT ({null})")
        found = self.number("SELECT count(*) FROM n")
        if found != keyed and not last_wins:
            return None
        replaced = set(source.column_names if columns is None else columns) - set(keys)
        merged = ", ".join(f"{'n' if name in replaced else 'o'}.{name} AS {name}" for name in self.columns())
        inserted = ", ".join(name if name in source.column_names else f"NULL AS {name}" for name in self.columns())
        plain = ", ".join(self.columns())
        self.db.execute(f"""CREATE OR REPLACE TABLE t2 AS
            SELECT {plain} FROM o WHERE NOT EXISTS (SELECT 1 FROM n WHERE {using})
            UNION ALL SELECT {merged} FROM o JOIN n ON {using} WHERE o.rn IN ({self.one_of_each("o", keys, last=False)})
            UNION ALL SELECT {inserted} FROM n WHERE NOT EXISTS (SELECT 1 FROM o WHERE {using})
            UNION ALL SELECT {inserted} FROM s WHERE {null}""")
        matched = self.number(f"SELECT count(*) FROM o WHERE EXISTS (SELECT 1 FROM n WHERE {using})")
        hit = self.number(f"SELECT count(*) FROM n WHERE EXISTS (SELECT 1 FROM o WHERE {using})")
        nulls = self.number(f"SELECT count(*) FROM s WHERE {null}")
        self.db.execute("DROP TABLE t")
        self.db.execute("ALTER TABLE t2 RENAME TO t")
        return {"rows_matched": matched, "rows_updated": hit if replaced else 0, "rows_inserted": found - hit + nulls,
                "duplicates_removed": matched - hit, "null_keys": nulls, "source_rows": source.num_rows}  # fmt: skip


def connect():
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection
