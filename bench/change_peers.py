"""One change of one peer, in a process of its own: change_peers.py JOB ENGINE TABLE SOURCE

Prints one JSON object: the seconds, measured inside the process, and the rows that the table has then. TABLE is a directory
of Parquet files for DuckDB, Polars and pyarrow, which change it as the fastest script we know would: only files that
statistics do not rule out are read and written anew, under a name beside, then renamed. delta-rs and PyIceberg have
their own tables of the same rows. All end with what they wrote on the disk."""

import glob
import json
import os
import pathlib
import resource
import shutil
import sys
import time

from peers_common import sync

job, engine, table, source = sys.argv[1:5]
ORDER, MONTH = 4_000_001, "1995-06"  # the order that is deleted, the month of which 1 % is updated
FLOWN = "2001-03"  # of the flights, where one route is deleted
KEY = ["l_orderkey", "l_linenumber"]
CODEC = "snappy"  # as the files have it
table = pathlib.Path(table)


def files():
    return sorted(glob.glob(f"{table}/**/*.parquet", recursive=True))


def replace(path, part):
    os.replace(part, path)


def touched(low, high, column="l_orderkey"):
    """The files whose statistics leave [low, high] open."""
    import pyarrow.parquet as pq

    for path in files():
        meta = pq.read_metadata(path)
        place = meta.schema.names.index(column)
        chunks = [meta.row_group(i).column(place).statistics for i in range(meta.num_row_groups)]
        if any(not s or (s.min <= high and s.max >= low) for s in chunks):
            yield path


def month_files():
    return sorted(str(p) for p in (table / f"l_shipmonth={MONTH}").glob("*.parquet"))


# ---- DuckDB ----


def duck():
    import duckdb

    db = duckdb.connect(config={"threads": os.cpu_count()})
    db.execute("SET memory_limit = '8GB'")
    return db


def duck_rewrite(paths, select):
    db = duck()
    for path in paths:
        db.execute(f"COPY ({select.format(path=path)}) TO '{path}.part' (FORMAT parquet, COMPRESSION {CODEC})")
        replace(path, f"{path}.part")


def duckdb_delete():
    duck_rewrite(touched(ORDER, ORDER), f"SELECT * FROM read_parquet('{{path}}', hive_partitioning = false) WHERE l_orderkey <> {ORDER}")


def duckdb_update():
    duck_rewrite(
        month_files(),
        "SELECT * REPLACE (CASE WHEN l_orderkey % 100 = 0 THEN CAST(0.5 AS DECIMAL(15, 2)) ELSE l_discount END AS l_discount)"
        " FROM read_parquet('{path}', hive_partitioning = false)",
    )


def duckdb_upsert():
    db = duck()
    db.execute(f"CREATE TABLE s AS SELECT * FROM '{source}'")
    low, high = db.execute("SELECT min(l_orderkey), max(l_orderkey) FROM s").fetchone()
    db.execute("CREATE TABLE found (l_orderkey BIGINT, l_linenumber INTEGER)")
    for path in touched(low, high):
        db.execute(f"INSERT INTO found SELECT l_orderkey, l_linenumber FROM '{path}' SEMI JOIN s USING (l_orderkey, l_linenumber)")
        db.execute(
            f"COPY (SELECT * FROM '{path}' t ANTI JOIN s USING (l_orderkey, l_linenumber) UNION ALL SELECT s.* FROM s SEMI JOIN "
            f"(FROM '{path}') t USING (l_orderkey, l_linenumber)) TO '{path}.part' (FORMAT parquet, COMPRESSION {CODEC})"
        )
        replace(path, f"{path}.part")
    db.execute(
        f"COPY (SELECT * FROM s ANTI JOIN found USING (l_orderkey, l_linenumber)) TO '{table}/new.parquet' (FORMAT parquet)"
    )


def duckdb_repartition():
    db = duck()
    db.execute("SET preserve_insertion_order = false")
    db.execute(
        f"COPY (FROM read_parquet('{table}/**/*.parquet', hive_partitioning = false)) TO '{table}.out' (FORMAT parquet, COMPRESSION {CODEC}, "
        "PARTITION_BY (l_shipdate), WRITE_PARTITION_COLUMNS true)"
    )


def duckdb_sort():
    db = duck()
    db.execute(
        f"COPY (FROM read_parquet('{table}/**/*.parquet', hive_partitioning = false) ORDER BY l_shipdate, l_orderkey) TO '{table}.out' "
        f"(FORMAT parquet, COMPRESSION {CODEC}, FILE_SIZE_BYTES '128MB')"
    )


# ---- Polars ----


def polars_rewrite(paths, change):
    import polars as pl

    for path in paths:
        change(pl.scan_parquet(path, hive_partitioning=False)).sink_parquet(f"{path}.part", compression=CODEC)
        replace(path, f"{path}.part")


def polars_delete():
    import polars as pl

    polars_rewrite(touched(ORDER, ORDER), lambda frame: frame.filter(pl.col("l_orderkey") != ORDER))


def polars_update():
    import polars as pl

    new = pl.when(pl.col("l_orderkey") % 100 == 0).then(pl.lit("0.50").cast(pl.Decimal(15, 2))).otherwise(pl.col("l_discount"))
    polars_rewrite(month_files(), lambda frame: frame.with_columns(new.alias("l_discount")))


def polars_upsert():
    import polars as pl

    s = pl.read_parquet(source)
    found = []
    for path in touched(s["l_orderkey"].min(), s["l_orderkey"].max()):
        keys = pl.scan_parquet(path).select(KEY).join(s.lazy().select(KEY), on=KEY, how="semi").collect()
        found.append(keys)
        frame = pl.scan_parquet(path)
        mine = s.lazy().join(keys.lazy(), on=KEY, how="semi")
        pl.concat([frame.join(s.lazy().select(KEY), on=KEY, how="anti"), mine]).sink_parquet(f"{path}.part", compression=CODEC)
        replace(path, f"{path}.part")
    s.join(pl.concat(found), on=KEY, how="anti").write_parquet(table / "new.parquet")


def polars_repartition():
    import polars as pl

    pl.scan_parquet(f"{table}/**/*.parquet", hive_partitioning=False).sink_parquet(
        pl.PartitionBy(f"{table}.out", key="l_shipdate", include_key=True), compression=CODEC, mkdir=True
    )


def polars_sort():
    import polars as pl

    pathlib.Path(f"{table}.out").mkdir()
    pl.scan_parquet(f"{table}/**/*.parquet", hive_partitioning=False).sort("l_shipdate", "l_orderkey").sink_parquet(
        f"{table}.out/data.parquet", compression=CODEC
    )


# ---- pyarrow ----


def pyarrow_rewrite(paths, change):
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file, pq.ParquetWriter(f"{path}.part", file.schema_arrow, compression=CODEC) as out:
            for i in range(file.num_row_groups):
                out.write_table(change(file.read_row_group(i)))
        replace(path, f"{path}.part")


def pyarrow_delete():
    import pyarrow.compute as pc

    pyarrow_rewrite(touched(ORDER, ORDER), lambda t: t.filter(pc.not_equal(t["l_orderkey"], ORDER)))


def pyarrow_update():
    import decimal

    import pyarrow as pa
    import pyarrow.compute as pc

    def change(t):
        key = t["l_orderkey"]
        hit = pc.equal(pc.multiply(pc.divide(key, 100), 100), key)
        place = t.schema.get_field_index("l_discount")
        new = pc.if_else(hit, pa.scalar(decimal.Decimal("0.50"), t.schema.field(place).type), t["l_discount"])
        return t.set_column(place, t.schema.field(place), new)

    pyarrow_rewrite(month_files(), change)


def pyarrow_upsert():
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    s = pq.read_table(source)
    found = []

    def change(t):
        keys = t.select(KEY).join(s.select(KEY), KEY, join_type="left semi")
        found.append(keys)
        if keys.num_rows == 0:
            return t
        kept = t.join(keys, KEY, join_type="left anti").cast(t.schema)
        return pa.concat_tables([kept, s.join(keys, KEY, join_type="left semi").cast(t.schema)])

    pyarrow_rewrite(touched(pc.min(s["l_orderkey"]).as_py(), pc.max(s["l_orderkey"]).as_py()), change)
    pq.write_table(s.join(pa.concat_tables(found), KEY, join_type="left anti").cast(s.schema), table / "new.parquet")


def pyarrow_repartition():
    import pyarrow as pa
    import pyarrow.dataset as ds

    ds.write_dataset(
        ds.dataset(table, format="parquet"),
        f"{table}.out",
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("l_shipdate", pa.date32())]), flavor="hive"),
        max_partitions=4096,
        max_open_files=4096,
        file_options=ds.ParquetFileFormat().make_write_options(compression=CODEC),
    )


def pyarrow_sort():
    import pyarrow.parquet as pq

    pathlib.Path(f"{table}.out").mkdir()
    rows = pq.read_table(table).sort_by([("l_shipdate", "ascending"), ("l_orderkey", "ascending")])
    pq.write_table(rows, f"{table}.out/data.parquet", compression=CODEC)


# ---- the flights ----


def flown_files():
    return sorted(str(p) for p in (table / f"month={FLOWN}").glob("*.parquet"))


def duckdb_flights_delete():
    keep = "(origin = 'LAX' AND destination = 'LAS') IS NOT TRUE"
    duck_rewrite(flown_files(), f"SELECT * FROM read_parquet('{{path}}', hive_partitioning = false) WHERE {keep}")


def duckdb_flights_update():
    new = "CASE WHEN origin = 'SFO' AND delay < 0 THEN 0 ELSE delay END AS delay"
    duck_rewrite(touched("SFO", "SFO", "origin"), f"SELECT * REPLACE ({new}) FROM read_parquet('{{path}}', hive_partitioning = false)")


def duckdb_flights_repartition():
    duck().execute(
        f"COPY (FROM read_parquet('{table}/**/*.parquet', hive_partitioning = false)) TO '{table}.out' (FORMAT parquet, COMPRESSION {CODEC}, "
        "PARTITION_BY (origin), WRITE_PARTITION_COLUMNS true)"
    )


def polars_flights_delete():
    import polars as pl

    route = (pl.col("origin") == "LAX") & (pl.col("destination") == "LAS")
    polars_rewrite(flown_files(), lambda frame: frame.filter(~route.fill_null(False)))


def polars_flights_update():
    import polars as pl

    hit = (pl.col("origin") == "SFO") & (pl.col("delay") < 0)
    new = pl.when(hit).then(pl.lit(0, pl.Int64)).otherwise(pl.col("delay")).alias("delay")
    polars_rewrite(touched("SFO", "SFO", "origin"), lambda frame: frame.with_columns(new))


def polars_flights_repartition():
    import polars as pl

    pl.scan_parquet(f"{table}/**/*.parquet", hive_partitioning=False).sink_parquet(
        pl.PartitionBy(f"{table}.out", key="origin", include_key=True), compression=CODEC, mkdir=True
    )


def pyarrow_flights_delete():
    import pyarrow.compute as pc

    def change(t):
        route = pc.and_(pc.equal(t["origin"], "LAX"), pc.equal(t["destination"], "LAS"))
        return t.filter(pc.invert(pc.fill_null(route, False)))

    pyarrow_rewrite(flown_files(), change)


def pyarrow_flights_update():
    import pyarrow.compute as pc

    def change(t):
        hit = pc.fill_null(pc.and_(pc.equal(t["origin"], "SFO"), pc.less(t["delay"], 0)), False)
        place = t.schema.get_field_index("delay")
        return t.set_column(place, t.schema.field(place), pc.if_else(hit, 0, t["delay"]))

    pyarrow_rewrite(touched("SFO", "SFO", "origin"), change)


def pyarrow_flights_repartition():
    import pyarrow as pa
    import pyarrow.dataset as ds

    ds.write_dataset(
        ds.dataset(files(), format="parquet"),
        f"{table}.out",
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("origin", pa.string())]), flavor="hive"),
        file_options=ds.ParquetFileFormat().make_write_options(compression=CODEC),
    )


# ---- delta-rs, on a table of its own ----


def delta():
    import deltalake

    return deltalake.DeltaTable(str(table))


def delta_delete():
    delta().delete(f"l_orderkey = {ORDER}")


def delta_update():
    delta().update(
        predicate=f"l_shipmonth = '{MONTH}' AND l_orderkey % 100 = 0", updates={"l_discount": "CAST(0.5 AS DECIMAL(15, 2))"}
    )


def delta_upsert():
    import pyarrow.parquet as pq

    on = " AND ".join(f"t.{k} = s.{k}" for k in KEY)
    merge = delta().merge(pq.read_table(source), predicate=on, source_alias="s", target_alias="t")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def delta_repartition():
    import deltalake

    deltalake.write_deltalake(f"{table}.out", delta().to_pyarrow_dataset().scanner().to_reader(), partition_by=["l_shipdate"])


def delta_sort():
    delta().optimize.z_order(["l_shipdate", "l_orderkey"])


# ---- PyIceberg, on a table of its own ----


def iceberg():
    from pyiceberg.catalog.sql import SqlCatalog

    return SqlCatalog("c", uri=f"sqlite:///{table}/catalog.db", warehouse=f"file://{table}").load_table("b.lineitem")


def pyiceberg_delete():
    iceberg().delete(f"l_orderkey = {ORDER}")


def pyiceberg_update():
    import decimal

    import pyarrow as pa
    import pyarrow.compute as pc

    t = iceberg()
    rows = t.scan(row_filter=f"l_shipmonth = '{MONTH}'").to_arrow()
    key, place = rows["l_orderkey"], rows.schema.get_field_index("l_discount")
    hit = pc.equal(pc.multiply(pc.divide(key, 100), 100), key)
    new = pc.if_else(hit, pa.scalar(decimal.Decimal("0.50"), rows.schema.field(place).type), rows["l_discount"])
    t.overwrite(rows.set_column(place, rows.schema.field(place), new), overwrite_filter=f"l_shipmonth = '{MONTH}'")


def pyiceberg_upsert():
    import pyarrow.parquet as pq

    t = iceberg()
    t.upsert(pq.read_table(source).cast(t.scan(limit=0).to_arrow().schema), join_cols=KEY)


def settle():
    """What a script does for a table that it writes beside: nothing more than the rename."""
    out = pathlib.Path(f"{table}.out")
    sync(out if out.exists() else table)


start = time.perf_counter()
globals()[f"{engine}_{job}"]()
settle()
seconds = time.perf_counter() - start
shutil.rmtree(f"{table}.out", ignore_errors=True)
print(json.dumps({"seconds": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
