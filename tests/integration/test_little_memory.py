"""Sorting, repartitioning and upserts of random tables in little memory: what is planned before a job starts must hold
whatever the columns are, and however its threads come to run."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tables import files_of

WORDS = ["word %d %s" % (i, "y" * (i % 40)) for i in range(3000)]


def numbers(g, n):
    return g.integers(0, int(g.choice([10, 1000, 1 << 40])), n)


def lists(values):
    def make(g, n):
        ends = np.concatenate([[0], np.cumsum(g.integers(0, 6, n))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), values(g, int(ends[-1])))
    return make


def long_rows(g, n):
    """Few values are very long."""
    values = [str(v) for v in numbers(g, n)]
    for i in range(0, n, max(1, n // 20)):
        values[i] = "x" * int(g.integers(1000, 100_000))
    return pa.array(values)


COLUMNS = {
    "int": lambda g, n: pa.array(numbers(g, n), mask=g.random(n) < 0.1),
    "double": lambda g, n: pa.array(g.random(n)),
    "bool": lambda g, n: pa.array(numbers(g, n) % 2 == 0),
    "short": lambda g, n: pa.array([f"{v:012}" for v in numbers(g, n)]),
    "long": lambda g, n: pa.array([f"{v:0300}" for v in numbers(g, n)]),
    "long rows": long_rows,
    "few": lambda g, n: pa.array([WORDS[int(v) % len(WORDS)] for v in numbers(g, n)]),
    "dictionary": lambda g, n: pa.array([WORDS[int(v) % 30] for v in numbers(g, n)]).dictionary_encode(),
    "list": lists(lambda g, n: pa.array(g.integers(0, 1000, n))),
    "list of strings": lists(lambda g, n: pa.array([f"s{v}" for v in g.integers(0, 100_000, n)])),
    "struct": lambda g, n: pa.StructArray.from_arrays([pa.array(numbers(g, n)), pa.array(numbers(g, n)).cast("string")],
                                                      ["a", "b"]),
}


def plain(table):
    return pa.table({name: pc.cast(c, c.type.value_type) if pa.types.is_dictionary(c.type) else c
                     for name, c in zip(table.column_names, table.columns, strict=True)})


def read(directory):
    return pa.concat_tables(plain(pq.ParquetFile(path).read()) for path in files_of(directory))


@pytest.fixture
def table(tmp_path, rng):
    """Of 10,000 to 80,000 rows in several files; `id` is a permutation."""
    g = np.random.default_rng(rng.randrange(1 << 32))
    width, n = int(g.choice([0, 2, 5])), int(g.choice([10_000, 40_000, 80_000]))
    columns = {"id": pa.array(g.permutation(n)), "g": pa.array(g.integers(0, int(g.choice([3, 50, 400])), n)),
               "t": pa.array([f"k{v}" for v in g.integers(0, 1000, n)])}
    kinds = [rng.choice(sorted(COLUMNS)) for _ in range(width)]
    columns |= {f"c{i}": COLUMNS[kind](g, n) for i, kind in enumerate(kinds)}
    made, files = pa.table(columns), int(g.choice([1, 4, 12]))
    (tmp_path / "t").mkdir()
    for i in range(files):
        begin = i * n // files
        pq.write_table(made.slice(begin, (i + 1) * n // files - begin), tmp_path / "t" / f"{i:02}.parquet",
                       compression=rng.choice(["snappy", "zstd", "none"]), data_page_size=100_000,
                       dictionary_pagesize_limit=200_000, row_group_size=rng.choice([10_000, 100_000]))
    print(n, "rows in", files, "files:", kinds)
    return plain(made)


def little(rng):
    options = ["--memory-limit", f"{rng.choice([16, 20, 24, 32])}MiB", "--threads", rng.choice([1, 2, 4])]
    print(options)
    return options


@pytest.mark.parametrize("by", ["id", "g,id", "t desc,id", "g desc,t,id"])
def test_sorted_compaction(lamella, table, tmp_path, rng, by):
    lamella("compact", "t", "--sort-by", by, *little(rng))
    keys = [(key.split()[0], "descending" if "desc" in key else "ascending") for key in by.split(",")]
    assert read(tmp_path / "t").equals(table.sort_by(keys))


@pytest.mark.parametrize("by", ["g", "t", "b=bucket(16, id)"])
@pytest.mark.parametrize("order", [[], ["--sort-by", "id"]])
def test_repartition(lamella, table, tmp_path, rng, by, order):
    lamella("repartition", "t", "u", "--by", by, *order, *little(rng))
    found = read(tmp_path / "u").select(table.column_names).sort_by("id")
    assert found.equals(table.sort_by("id"))


@pytest.mark.parametrize("key", ["id", "id,t"])
def test_upsert_and_dedup(lamella, table, tmp_path, rng, key):
    source = table.slice(0, table.num_rows // 2)
    fresh = source.set_column(0, "id", pc.add(source["id"], 10 * table.num_rows))
    pq.write_table(pa.concat_tables([source, fresh]), tmp_path / "new.parquet", data_page_size=100_000,
                   dictionary_pagesize_limit=200_000)
    lamella("upsert", "t", "--from", "new.parquet", "--key", key, *little(rng))
    lamella("dedup", "t", "--key", "id", *little(rng))
    assert read(tmp_path / "t").sort_by("id").equals(pa.concat_tables([table, fresh]).sort_by("id"))
