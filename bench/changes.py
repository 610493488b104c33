"""Changes of rows and partitions, us and the peers in turn: changes.py [SCALE] [--jobs …] [--peers …] [--memory-limit …]

TPC-H lineitem at the given scale (1): 16 files with row groups of about 1 M rows, in the order of the order keys; the same
partitioned by the month of l_shipdate; and, where they are there, the flights. For each job every engine gets a fresh copy
of the table; DuckDB, Polars and pyarrow change it by the fastest script we know (change_peers.py), delta-rs and PyIceberg
their own table of the same rows. A peer is stopped after 600 s or at 12 GiB. Times are taken inside the processes and end when
the change is on the disk; memory is the peak resident set. Prints tables in Markdown and writes them to
bench/changes-SCALE.md, of some jobs or peers only where --out says where. At scale 10, within an hour:

    changes.py 10 --jobs delete,upsert,repartition,sort --peers duckdb,polars --memory-limit 512MB --rounds 1 \\
        --out bench/changes-10.md"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("LAMELLA_BUILD", ROOT / "build/release"))
DATA = pathlib.Path(os.environ.get("LAMELLA_BENCH_DATA", ROOT / "bench/data"))
LAMELLA = BUILD / "lamella"
PEERS = ["duckdb", "polars", "pyarrow", "delta", "pyiceberg"]
SECONDS, MEMORY = 600, 12 << 30
BYTES_A_SCALE = 2 << 30  # of disk for the tables, their Delta and Iceberg forms, and two copies
ORDER, MONTH, FLOWN = 4_000_001, "1995-06", "2001-03"
lines = []


def arguments():
    """Of a job only the part before a '-' is the peers' (change_peers.py)."""
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("scale", nargs="?", type=int, default=1)
    parser.add_argument("--jobs", type=lambda text: text.split(","), help=f"of {', '.join(JOBS)}; else all of them")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=PEERS, help=f"of {', '.join(PEERS)}; else all")
    parser.add_argument("--memory-limit", help="of ours, as 512MB; else as it comes")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("LAMELLA_BENCH_ROUNDS", "3")))
    parser.add_argument("--out", type=pathlib.Path, help="the file that is written")
    given = parser.parse_args()
    for name in [n for n in given.jobs or [] if n not in JOBS] + [n for n in given.peers if n not in PEERS]:
        parser.error(f"there is no {name}")
    if not given.jobs and given.peers == PEERS and not given.out:
        given.out = ROOT / f"bench/changes-{given.scale}.md"
    given.jobs = given.jobs or JOBS
    return given


JOBS = ["delete", "update", "upsert", "upsert-spread", "repartition", "sort", "flights_delete", "flights_update",
        "flights_repartition"]  # fmt: skip
given = arguments()
HOME = DATA / f"tpch{given.scale}"


def say(text=""):
    print(text, flush=True)
    lines.append(text)


# ---- data ----


def part(path):
    shutil.rmtree(f"{path}.part", ignore_errors=True)
    return pathlib.Path(f"{path}.part")


def forget_arrow(path):
    """The generator's footers ask for string views, which pyarrow and PyIceberg cannot filter: the key gets another name."""
    with open(path, "r+b") as file:
        file.seek(-8, os.SEEK_END)
        footer = int.from_bytes(file.read(4), "little")
        file.seek(-8 - footer, os.SEEK_END)
        start, data = file.tell(), file.read(footer)
        file.seek(start + data.index(b"ARROW:schema"))
        file.write(b"other")


def lineitem():
    table = HOME / "lineitem"
    if table.exists():
        return table
    out = part(table)
    command = [pathlib.Path(sys.executable).parent / "tpchgen-cli", "parquet", "-s", given.scale, "--tables=lineitem", "--parts=16",
               "--row-group-bytes=75MB", f"--output-dir={out}"]
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for file in (out / "lineitem").iterdir():
        forget_arrow(file)
        file.rename(file.with_name(f"part-{int(file.name.split('.')[1]):02}.parquet"))
    (out / "lineitem").rename(table)
    out.rmdir()
    return table


def monthly():
    import duckdb

    table = HOME / "monthly"
    if table.exists():
        return table
    out = part(table)
    db = duckdb.connect()
    db.execute("SET memory_limit = '8GB'")
    db.execute(
        f"COPY (SELECT *, strftime(l_shipdate, '%Y-%m') AS l_shipmonth FROM '{lineitem()}/*.parquet') TO '{out}' "
        "(FORMAT parquet, COMPRESSION snappy, PARTITION_BY (l_shipmonth), WRITE_PARTITION_COLUMNS true, ROW_GROUP_SIZE 1000000)"
    )
    out.rename(table)
    return table


def flights():
    """Partitioned by month, one file each; None where the flights are not there (DATA says where)."""
    import duckdb

    given = pathlib.Path(os.environ.get("DATA") or (ROOT.parent / "shared/data/flights-3m.parquet"))
    table = HOME / "flights"
    if table.exists() or not given.exists():
        return table if table.exists() else None
    out = part(table)
    duckdb.connect().execute(
        f"COPY (SELECT *, strftime(date, '%Y-%m') AS month FROM '{given}') TO '{out}' (FORMAT parquet, COMPRESSION snappy, "
        "PARTITION_BY (month), WRITE_PARTITION_COLUMNS true, ROW_GROUP_SIZE 122880)"
    )
    out.rename(table)
    return table


def source(name, low, high):
    """10,000 rows: 5,000 whose keys the table has between the shares `low` and `high` of its order keys, and 5,000 behind."""
    import duckdb

    path = HOME / f"{name}.parquet"
    if path.exists():
        return path
    db = duckdb.connect()
    table = f"'{lineitem()}/*.parquet'"
    last = db.execute(f"SELECT max(l_orderkey) FROM {table}").fetchone()[0]
    between = f"l_orderkey BETWEEN {int(last * low)} AND {int(last * high)}"
    db.execute(
        f"COPY (SELECT * REPLACE (CAST(0.01 AS DECIMAL(15, 2)) AS l_tax) FROM (SELECT * FROM {table} WHERE {between} ORDER BY hash(l_orderkey, l_linenumber) "
        f"LIMIT 5000) UNION ALL SELECT * REPLACE (l_orderkey + {last} AS l_orderkey) FROM (SELECT * FROM {table} LIMIT 5000)) TO '{path}' (FORMAT parquet)"
    )
    return path


def delta_form(table):
    import deltalake
    import pyarrow.dataset as ds

    out = pathlib.Path(f"{table}.delta")
    if not out.exists():
        columns = ["l_shipmonth"] if table.name == "monthly" else None
        rows = ds.dataset(sorted(str(f) for f in table.rglob("*.parquet"))).scanner(batch_size=1 << 20).to_reader()
        deltalake.write_deltalake(str(part(out)), rows, partition_by=columns)
        part_of(out).rename(out)
    return out


def part_of(path):
    return pathlib.Path(f"{path}.part")


def iceberg_form(table):
    """Its metadata have absolute paths, so that it is made for each run anew: from the files as they are."""
    from pyiceberg.catalog.sql import SqlCatalog
    import pyarrow.parquet as pq

    files = sorted(str(f) for f in table.rglob("*.parquet"))
    catalog = SqlCatalog("c", uri=f"sqlite:///{table}/catalog.db", warehouse=f"file://{table}")
    catalog.create_namespace("b")
    made = catalog.create_table("b.lineitem", schema=pq.ParquetFile(files[0]).schema_arrow)
    made.add_files(files)


# ---- runs ----


def peak_and_output(command):
    """Runs it, with an eye on its memory: (output, peak MiB), or why it was stopped."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun, peak = time.monotonic(), 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                peak = max([peak] + [int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM")])
        except OSError:
            pass
        over = "more than 12 GiB" if peak > MEMORY else "more than 600 s" if time.monotonic() - begun > SECONDS else None
        if over:
            process.kill()
            process.wait()
            return over, peak
        time.sleep(0.005)
    out, err = process.communicate()
    if process.returncode == 0:
        return json.loads(out), peak
    if process.returncode < 0:
        return f"died of {signal.Signals(-process.returncode).name}", peak
    return ((err or out).strip().splitlines() or [f"ended with status {process.returncode}"])[-1][:70], peak


def fresh(table, engine, links):
    """A copy to change: of links where the engine does not write into files."""
    target = HOME / "work"
    for path in (target, pathlib.Path(f"{target}.lamella"), pathlib.Path(f"{target}.out"), pathlib.Path(f"{target}.out.lamella")):
        shutil.rmtree(path, ignore_errors=True)
    form = delta_form(table) if engine == "delta" else table
    shutil.copytree(form, target, copy_function=os.link if links else shutil.copy2)
    if engine == "pyiceberg":
        iceberg_form(target)
    os.sync()
    return target


def measure(job, table, ours, engines, upsert=""):
    """`ours`: name -> arguments of lamella, {t} the table."""
    seconds, peak, left_out = {}, {}, {}
    limit = ["--memory-limit", given.memory_limit] if given.memory_limit else []
    for _ in range(given.rounds):
        for name, arguments in ours.items():
            target = fresh(table, "lamella", links="append" not in name)
            if "sidecars" in name:
                subprocess.run([LAMELLA, "--quiet", "sidecar", "build", target], check=True, stdout=subprocess.DEVNULL)
            result, used = peak_and_output([LAMELLA, "--json", *limit, *(a.format(t=target) for a in arguments)])
            if isinstance(result, str):
                sys.exit(f"{name}: {result}")
            seconds.setdefault(name, []).append(result["seconds"])
            peak[name] = max(peak.get(name, 0), used)
        for engine in engines:
            if engine in left_out:
                continue
            target = fresh(table, engine, links=True)
            result, used = peak_and_output([sys.executable, ROOT / "bench/change_peers.py", job, engine, target, upsert])
            if isinstance(result, str):
                left_out[engine] = result
                continue
            seconds.setdefault(engine, []).append(result["seconds"])
            peak[engine] = max(peak.get(engine, 0), used)
    return {e: statistics.median(s) for e, s in seconds.items()}, peak, left_out


def table_of(title, ours, engines, measured, floor):
    seconds, peak, left_out = measured
    peers = [e for e in engines if e in seconds]
    first = min(ours, key=lambda e: seconds[e])
    say(f"### {title}")
    say()
    say("| engine | median s | times ours | peak MiB |")
    say("|---|---:|---:|---:|")
    for engine in [*ours, *peers]:
        name = f"**{engine}**" if engine == first else engine
        say(f"| {name} | {seconds[engine]:.3f} | {seconds[engine] / seconds[first]:.1f} | {peak[engine] / (1 << 20):.0f} |")
    for engine, why in left_out.items():
        say(f"| {engine} | {why} | | |")
    say()
    if not peers:
        return
    best = min(peers, key=lambda e: seconds[e])
    ratio, used = seconds[best] / seconds[first], peak[first] / (1 << 20)
    if floor:
        reached = "reached" if ratio >= floor and used <= 512 else "**missed**"
        say(f"- {reached}: {first} is {ratio:.1f} times as fast as the fastest peer ({best}), in {used:.0f} MiB; {floor} times in 512 MiB are asked for at scale 10")
    else:
        say(f"- {first} is {ratio:.1f} times as fast as the fastest peer ({best}), in {used:.0f} MiB")
    say()


def upsert_from(path, *mode):
    return ["upsert", "{t}", *mode, "--from", str(path), "--key", "l_orderkey,l_linenumber"]


def job_of(name):
    """Title, table, floor, what peers may take part, their source, and what ours are given. Tables are made when needed."""
    files, change = PEERS[:3], ["--compression", "snappy"]
    append = "lamella --mode append"
    if name == "delete":
        where = ["--where", f"l_orderkey = {ORDER}"]
        return ("Delete of one order, 16 files sorted by order key", lineitem(), 20, PEERS, "",
                {"lamella": ["delete", "{t}", *where], append: ["delete", "{t}", "--mode", "append", *where]})
    if name == "update":
        where = f"l_shipmonth = '{MONTH}' AND l_orderkey % 100 = 0"
        return ("Update of 1 % of one month, partitioned by month", monthly(), None, PEERS, "",
                {"lamella": ["update", "{t}", "--set", "l_discount=0.5", "--where", where]})
    if name == "upsert":
        recent = source("recent", 0.98, 1.0)
        return ("Upsert of 10,000 rows, half new, the others of the last 2 % of the orders", lineitem(), 5, PEERS, recent,
                {"lamella": upsert_from(recent), append: upsert_from(recent, "--mode", "append")})
    if name == "upsert-spread":
        spread = source("spread", 0.0, 1.0)
        return ("Upsert of 10,000 rows, half new, the others of all orders", lineitem(), 5, PEERS, spread,
                {"lamella": upsert_from(spread)})
    if name == "repartition":
        return ("Repartition into about 2,500 partitions, by day", lineitem(), 1.5, [*files, "delta"], "",
                {"lamella": ["repartition", "{t}", "{t}.out", "--by", "l_shipdate", *change]})
    if name == "sort":
        return ("Compaction to files sorted by day and order", lineitem(), 1.5, [*files, "delta"], "",
                {"lamella": ["compact", "{t}", "--sort-by", "l_shipdate,l_orderkey", *change]})
    if name == "flights_delete":
        where = f"month = '{FLOWN}' AND origin = 'LAX' AND destination = 'LAS'"
        return ("Delete of one route in one month, flights partitioned by month", flights(), None, files, "",
                {"lamella": ["delete", "{t}", "--where", where]})
    if name == "flights_update":
        return ("Update of the early flights of one airport, in all months", flights(), None, files, "",
                {"lamella": ["update", "{t}", "--set", "delay = 0", "--where", "origin = 'SFO' AND delay < 0"]})
    return ("Repartition of the flights into 229 partitions, by origin", flights(), None, files, "",
            {"lamella": ["repartition", "{t}", "{t}.out", "--by", "origin", *change]})


def main():
    HOME.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(HOME).free
    if free < given.scale * BYTES_A_SCALE:
        sys.exit(f"{HOME} has {free >> 30} GiB free; scale {given.scale} needs {given.scale * BYTES_A_SCALE >> 30}")
    limit = f", ours with --memory-limit {given.memory_limit}" if given.memory_limit else ""
    say(f"## Changes of TPC-H lineitem at scale {given.scale} ({platform.machine()}, {os.cpu_count()} cores, "
        f"{time.strftime('%Y-%m-%d')}{limit})")  # fmt: skip
    say()
    for name in given.jobs:
        title, table, floor, may, changes, ours = job_of(name)
        if not table:
            continue  # there are no flights here
        engines = [engine for engine in may if engine in given.peers]
        table_of(title, ours, engines, measure(name.partition("-")[0], table, ours, engines, str(changes)), floor)
    shutil.rmtree(HOME / "work", ignore_errors=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


main()
