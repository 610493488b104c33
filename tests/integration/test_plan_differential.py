"""Random tables and conditions: the plan by footers, by sidecars and by the pack is the same, and none skips a row that a
table without statistics, filters and indexes shows to match."""

import datetime
import os
import random
import shutil
import time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SEED = int(os.environ.get("LAM_SEED", "20261121"))
ROUNDS = int(os.environ.get("LAM_ROUNDS", "6"))
DAYS = ["2024-01-01", "2024-01-02", "2024-02-29"]
EPOCH = datetime.datetime(2024, 1, 1)


def rows_of(rng, count, step):
    """Columns of every kind that decisions know; `step` moves the values from file to file."""
    def maybe(value):
        return None if rng.random() < 0.1 else value

    def number():
        return rng.choice([float("nan"), -0.0, 0.0, float("inf"), step + rng.random()])

    base = [step * 10 + rng.randrange(20) for _ in range(count)]
    long = ["prefix " * 12 + f"{b:04}" if rng.random() < 0.5 else f"{b:04}" for b in base]
    ids = {"PARQUET:field_id": str(7)}
    fields = [pa.field("i", pa.int32() if step % 2 else pa.int64(), metadata=ids), pa.field("d", pa.float64()), pa.field("s", pa.string()),
              pa.field("e", pa.decimal128(9, 2)), pa.field("t", pa.timestamp("us")), pa.field("b", pa.bool_()),
              pa.field("p", pa.struct([("x", pa.int64()), ("y", pa.string())])), pa.field("l", pa.list_(pa.int64()))]
    values = [[maybe(b) for b in base], [maybe(number()) for _ in base], [maybe(v) for v in long],
              [maybe(f"{b}.25") for b in base], [maybe(EPOCH + datetime.timedelta(minutes=b)) for b in base],
              [maybe(b % 3 == 0) for b in base], [maybe({"x": maybe(b), "y": maybe(f"y{b:03}")}) for b in base],
              [maybe([maybe(b)] * (b % 3)) for b in base]]
    if step % 5 == 4:  # an older schema
        fields, values = fields[:3], values[:3]
    if step == 3:
        values[0] = [None] * count
    arrays = [pa.array([Decimal(v) if v is not None and f.name == "e" else v for v in c], f.type) for f, c in zip(fields, values)]
    return pa.table(arrays, schema=pa.schema(fields))


def make_tables(rng, root):
    """The same rows twice: with all that plans go by, and with nothing."""
    for step in range(12):
        table = rows_of(rng, rng.choice([0, 1, 40, 90]), step)
        key = f"day={DAYS[step % 3]}/n={step % 4 - 1}/g={['a b', '__HIVE_DEFAULT_PARTITION__', 'x%2Fy'][step % 3]}"
        for name, options in (("t", {"write_page_index": True, "bloom_filter_options": {"i": {"ndv": 40}, "s": {"ndv": 40}}}),
                              ("plain", {"write_statistics": False, "use_dictionary": False})):
            (root / name / key).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, root / name / key / f"{step}.parquet", row_group_size=30, data_page_size=64, **options)


def condition(rng, depth=0):
    value = rng.randrange(-5, 150)
    when = EPOCH + datetime.timedelta(minutes=value)
    atoms = [f"i = {value}", f"i BETWEEN {value} AND {value + 9}", f"i IN ({value}, {value + 30})", f"i < {value}.5", "i IS NULL",
             f"d > {value / 10}", "d = 0", "d IS NOT NULL", f"s = '{value:04}'", f"s LIKE '{value // 10:03}%'",
             f"s >= '{'prefix ' * 12}{value:04}'", "s LIKE 'prefix prefix%'", f"e <= {value}.25", f"t >= TIMESTAMP '{when}'",
             "b", f"p.x = {value}", f"p.y > 'y{value:03}'", "p.x IS NULL", "l IS NULL", f"day >= '{rng.choice(DAYS)}'",
             f"day = DATE '{rng.choice(DAYS)}'", "n < 1", "n IN (2, 7)", "g IS NULL", "g = 'x/y'", f"n + 1 = {rng.randrange(4)}"]
    if depth == 2 or rng.random() < 0.3:
        return rng.choice(atoms)
    if rng.random() < 0.25:
        return f"NOT ({condition(rng, depth + 1)})"
    return f"({condition(rng, depth + 1)} {rng.choice(['AND', 'OR'])} {condition(rng, depth + 1)})"


def kept(plan):
    """What is to be read; a file of which nothing is may be known to be so by its path, its bounds or its row groups."""
    return {f["path"]: ([(g["index"], g["rows"]) for g in f["row_groups"] if g["rows"]], f["ranges"])
            for f in plan["files"] if f["verdict"] != "skipped"}


@pytest.mark.parametrize("seed", range(2))
def test_three_ways(lamella, seed):
    rng = random.Random(SEED + seed)
    root = lamella.directory
    make_tables(rng, root)
    time.sleep(0.15)  # the clock's grain
    ways = {"footers": ["t"], "sidecars": ["t", "--meta-dir", "only-sidecars"], "pack": ["t", "--meta-dir", "pack"],
            "pack, files checked": ["t", "--meta-dir", "pack", "--check-files"]}
    lamella("sidecar", "build", "t", "--meta-dir", "pack", *(["--bloom", "inline"] if seed else []))
    shutil.copytree(root / "pack", root / "only-sidecars")
    (root / "only-sidecars/pm/pack").unlink()
    for _ in range(ROUNDS):
        where = condition(rng)
        rows = lamella.json("count", "plain", "--where", where)["rows"]
        plans = {way: lamella.json("plan", *arguments, "--where", where) for way, arguments in ways.items()}
        expected = kept(plans["footers"])
        for way, plan in plans.items():
            assert kept(plan) == expected, f"{way}: {where} (LAM_SEED={SEED})"
            assert plan["totals"]["rows_kept"] >= rows, f"{way}: {where} (LAM_SEED={SEED})"
        for way in ("footers", "pack"):
            assert lamella.json("count", *ways[way], "--where", where)["rows"] == rows, f"{way}: {where} (LAM_SEED={SEED})"
