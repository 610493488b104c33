"""The benchmarks: us and the peers in turn in one run, on the same data. run.py [SECTION…]

Sections: footer, sidecar, pack, decode, compact, wide, scan, nested, where, write. Prints a table in Markdown and writes it to bench/results.md. Every number is a
median of several rounds; in a round each engine has its turn, so that a slow minute of a shared machine slows all.
Times are taken inside the processes, memory is the peak resident set. Compactions are as durable as ours: a peer's
time ends when its files are on the disk. Data are made once in bench/data (LAMELLA_BENCH_DATA)."""

import itertools
import json
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("LAMELLA_BUILD", ROOT / "build/release"))
DATA = pathlib.Path(os.environ.get("LAMELLA_BENCH_DATA", ROOT / "bench/data"))
LAMELLA = BUILD / "lamella"
ROUNDS = int(os.environ.get("LAMELLA_BENCH_ROUNDS", "5"))
MIB = 1 << 20
lines = []


def say(text=""):
    print(text, flush=True)
    lines.append(text)


def run(command, **options):
    """Output, and the peak memory of the child in MiB."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    out, err = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {err.strip() or out.strip()}"[-800:])
    return out


def measured(command):
    """The JSON of one of our commands, with its peak memory, by way of a small parent of its own."""
    code = (
        "import json,resource,subprocess,sys;"
        "r=subprocess.run(sys.argv[1:],capture_output=True,text=True);"
        "sys.stderr.write(r.stderr+(r.stdout if r.returncode else ''));"
        "o=json.loads(r.stdout) if not r.returncode else {};"
        "o['peak_mib']=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024;"
        "print(json.dumps(o));sys.exit(r.returncode)"
    )
    return json.loads(run([sys.executable, "-c", code, *command]))


def peer(threads, times, *arguments):
    return json.loads(run([sys.executable, ROOT / "bench/peers.py", threads, times, *arguments]))


def median(values):
    return statistics.median(values)


def flights():
    given = os.environ.get("DATA")
    return given or ROOT.parent / "shared/data/flights-3m.parquet"


# ---- compaction of the demo's table ----


def demo_table():
    table = DATA / "flights"
    if not table.exists():
        run([LAMELLA, "import", flights(), "--into", table, "--partition-by", "origin", "--rows-per-file", "1250"])
    return table


def fresh(source, target):
    for path in (target, pathlib.Path(f"{target}.lamella")):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, target)
    os.sync()


def section_compact():
    source, target, out = demo_table(), DATA / "compacted", DATA / "peer-out"
    engines = [
        "duckdb COPY PARTITION_BY", "duckdb per partition", "polars sink PartitionBy", "polars per partition",
        "pyarrow per partition", "pyarrow write_dataset",
    ]
    seconds, peak, files = {e: [] for e in ["lamella", *engines]}, {}, {}
    for _ in range(ROUNDS):
        fresh(source, target)
        result = measured([LAMELLA, "--json", "compact", target])
        seconds["lamella"].append(result["seconds"])
        peak["lamella"] = max(peak.get("lamella", 0), result["peak_mib"])
        files["lamella"] = result["files_after"]
        for engine in list(engines):
            try:
                result = peer(2, 1, "compact", engine, source, out, "origin")
            except RuntimeError as error:
                engines.remove(engine)
                seconds.pop(engine)
                print(f"{engine} is left out: {error}", file=sys.stderr)
                continue
            seconds[engine] += result["seconds"]
            peak[engine] = max(peak.get(engine, 0), result["peak_mib"])
            files[engine] = result["files"]
    ours = median(seconds["lamella"])
    fastest = min(engines, key=lambda e: median(seconds[e]))
    count = len(list(source.rglob("*.parquet")))
    say(f"### Compaction of the demo's table: {count:,} files of flights in 229 partitions, 2 threads")
    say()
    say("| engine | median s | times ours | peak MiB | files after |")
    say("|---|---:|---:|---:|---:|")
    for engine in ["lamella", *engines]:
        m = median(seconds[engine])
        name = f"**{engine}**" if engine == "lamella" else engine
        say(f"| {name} | {m:.3f} | {m / ours:.1f} | {peak[engine]:.0f} | {files[engine]:,} |")
    say()
    ratio = median(seconds[fastest]) / ours
    verdict(ratio >= 2, f"{ratio:.1f} times as fast as the fastest peer ({fastest}); at least 2 is asked for")
    verdict(peak["lamella"] <= 160, f"peak {peak['lamella']:.0f} MiB; at most 160 is asked for")


def verdict(ok, text):
    say(f"- {'reached' if ok else '**missed**'}: {text}")
    say()


# ---- compaction of wide rows in little memory ----


def wide_table():
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = DATA / "wide"
    if table.exists():
        return table
    part = DATA / "wide.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    rng = np.random.default_rng(7)
    words = np.array([bytes(rng.integers(97, 123, rng.integers(3, 12), dtype=np.uint8)).decode() for _ in range(5000)])
    rows = 250_000  # of about 4 kB: a row group of 1 GB decoded
    pool = [" ".join(words[rng.integers(0, len(words), 520)]) for _ in range(4000)]
    for f in range(5):
        name = part / f"part-{f}.parquet"
        pick = rng.integers(0, len(pool), (rows, 2))
        cut = rng.integers(0, 2000, rows)
        text = [pool[a][c:] + pool[b][:c] + str(i) for i, ((a, b), c) in enumerate(zip(pick, cut))]
        columns = {"id": pa.array(np.arange(rows) + f * rows), "text": pa.array(text), "score": pa.array(rng.random(rows))}
        pq.write_table(pa.table(columns), name, compression="zstd", row_group_size=rows, use_dictionary=False)
    part.rename(table)
    return table


def section_wide():
    source, target = wide_table(), DATA / "wide-compacted"
    size = sum(f.stat().st_size for f in source.iterdir())
    say(f"### Compaction of wide rows: 5 files, each a row group of 1 GB decoded ({size / 1e9:.1f} GB on disk), "
        "`--memory-limit 256MB`")
    say()
    say("| job | s | peak MiB |")
    say("|---|---:|---:|")
    peaks = []
    jobs = [
        ("lamella: row groups copied", []),
        ("lamella: decoded and encoded anew", ["--compression", "snappy"]),
        ("lamella: sorted", ["--sort-by", "score"]),
    ]
    for name, options in jobs:
        fresh(source, target)
        result = measured([LAMELLA, "--json", "--memory-limit", "256MB", "compact", target, "--target-size", "2300MB", *options])
        peaks.append(result["peak_mib"])
        say(f"| {name} | {result['seconds']:.1f} | {result['peak_mib']:.0f} |")
    for engine in ("duckdb", "polars", "pyarrow"):
        out = DATA / "wide-peer"
        shutil.rmtree(out, ignore_errors=True)
        out.unlink(missing_ok=True) if out.is_file() else None
        try:
            result = peer(2, 1, "rewrite", engine, source, out, "256MB")
            say(f"| {engine}: decoded and encoded anew | {result['seconds'][0]:.1f} | {result['peak_mib']:.0f} |")
        except RuntimeError as error:
            say(f"| {engine} | failed: {str(error).splitlines()[-1][:80]} | |")
        shutil.rmtree(out, ignore_errors=True) if out.is_dir() else out.unlink(missing_ok=True)
    say()
    verdict(max(peaks) <= 320, f"peak {max(peaks):.0f} MiB; at most 320 is asked for")
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(f"{target}.lamella", ignore_errors=True)


# ---- scans and writes of one column ----


def column_classes():
    import numpy as np
    import pyarrow as pa

    n, rng = 8_000_000, np.random.default_rng(1)
    words = np.array([f"product-{i:05d}" for i in range(2000)])
    yield "integers", "int", pa.array(rng.integers(0, 1 << 40, n)), {"use_dictionary": False}
    yield "integers, dictionary", "int", pa.array(rng.integers(0, 5000, n)), {}
    yield "strings, dictionary", "string", pa.array(words[rng.integers(0, 2000, n)]), {}
    m = n // 40
    base = ["".join(words[rng.integers(0, 2000, 80)]) for _ in range(500)]
    pick, cut = rng.integers(0, 500, m), rng.integers(0, 600, m)
    yield "strings, long", "string", pa.array([base[p][c:] + str(i) for i, (p, c) in enumerate(zip(pick, cut))]), {
        "use_dictionary": False}
    yield "doubles", "double", pa.array(rng.random(n)), {"use_dictionary": False}
    yield "integers, 20 % NULL", "int", pa.array(rng.integers(0, 1 << 40, n), mask=rng.random(n) < 0.2), {
        "use_dictionary": False}
    yield "strings, 20 % NULL", "string", pa.array(words[rng.integers(0, 2000, n)], mask=rng.random(n) < 0.2), {}


def column_files(codec):
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = DATA / "columns"
    directory.mkdir(parents=True, exist_ok=True)
    names = ["integers", "integers, dictionary", "strings, dictionary", "strings, long", "doubles",
             "integers, 20 % NULL", "strings, 20 % NULL"]
    kinds = ["int", "int", "string", "string", "double", "int", "string"]
    paths = [directory / f"{name.replace(', ', '-').replace(' % ', '').replace(' ', '-')}.{codec}.parquet" for name in names]
    if not all(p.exists() for p in paths):
        for path, (_, _, values, options) in zip(paths, column_classes()):
            pq.write_table(pa.table({"v": values}), path, compression=codec, row_group_size=1 << 20, **options)
    return list(zip(names, kinds, paths))


def floats(text):
    return [float(x) for x in text.split()]


def section_scan():
    for codec, threads in itertools.product(("none", "zstd", "snappy"), (1, 2)):
        name_of_codec = "not compressed" if codec == "none" else codec
        say(f"### Full scans of one column, {name_of_codec}, {threads} thread{'s' if threads > 1 else ''} (median ms)")
        say()
        say("| column | lamella | as dictionaries | as views | DuckDB | Polars | pyarrow | fastest peer / ours |")
        say("|---|---:|---:|---:|---:|---:|---:|---:|")
        missed = []
        for name, kind, path in column_files(codec):
            times = {}
            for _ in range(3):
                for mode in ("plain", "dictionaries", "views") if kind == "string" else ("plain",):
                    out = run([BUILD / "bench_scan_class", path, 0, threads, ROUNDS, mode])
                    times.setdefault(mode, []).extend(t / 1e3 for t in floats(out))
                for engine in ("duckdb", "polars", "pyarrow batches", "pyarrow table"):
                    times.setdefault(engine, []).extend(peer(threads, ROUNDS, "scan", engine, path, kind)["seconds"])
            ms = {k: median(v) * 1e3 for k, v in times.items()}
            arrow = min(ms["pyarrow batches"], ms["pyarrow table"])
            best = min(ms["duckdb"], ms["polars"], arrow)
            # DuckDB's vectors of strings are views or dictionaries, Polars' views: the form that a reader of ours would ask
            # for counts.
            ours = min(ms[mode] for mode in ("plain", "dictionaries", "views") if mode in ms)
            forms = " | ".join(f"{ms[mode]:.1f}" if mode in ms else "" for mode in ("dictionaries", "views"))
            say(f"| {name} | {ms['plain']:.1f} | {forms} | {ms['duckdb']:.1f} | {ms['polars']:.1f} | {arrow:.1f} "
                f"| {best / ours:.2f} |")
            if best < ours:
                missed.append(name)
        say()
        verdict(not missed, f"at least as fast as the fastest peer{'; not: ' + ', '.join(missed) if missed else ''}")


# ---- nested columns ----


def nested_columns():
    """Name, the aggregate that makes DuckDB read all of it, and the values."""
    import numpy as np
    import pyarrow as pa

    n, rng = 1_000_000, np.random.default_rng(2)
    words = np.array([f"product-{i:05d}" for i in range(2000)])

    def offsets(longest):
        return pa.array(np.concatenate([[0], np.cumsum(rng.integers(0, longest, n))]).astype(np.int32))

    some = offsets(9)
    entries = some[-1].as_py()
    integers = pa.array(rng.integers(0, 1 << 40, entries))
    yield "list of integers", "sum(len(v))", pa.ListArray.from_arrays(some, integers)
    nullable = pa.array(rng.integers(0, 1 << 40, entries), mask=rng.random(entries) < 0.2)
    yield "list of integers, NULLs", "sum(len(v))", pa.ListArray.from_arrays(some, nullable, mask=pa.array(rng.random(n) < 0.1))
    picks = pa.array(rng.integers(0, 2000, entries).astype(np.int32))
    strings = pa.DictionaryArray.from_arrays(picks, pa.array(words)).dictionary_decode()
    yield "list of strings", "sum(len(v))", pa.ListArray.from_arrays(some, strings)
    pair = pa.StructArray.from_arrays([integers, strings], ["a", "b"])
    yield "list of structs", "sum(len(v))", pa.ListArray.from_arrays(some, pair)
    yield "map", "sum(cardinality(v))", pa.MapArray.from_arrays(some, strings, integers)
    yield "struct", "sum(v.a) + sum(strlen(v.b))", pair.slice(0, 4 * n)
    inner = pa.ListArray.from_arrays(some, integers)
    outer = pa.array(np.arange(0, n + 1, 4).astype(np.int32))
    yield "list of lists", "sum(len(v))", pa.ListArray.from_arrays(outer, inner)


def nested_files(codec):
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = DATA / "nested"
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, aggregate, values in nested_columns():
        path = directory / f"{name.replace(', ', '-').replace(' ', '-')}.{codec}.parquet"
        if not path.exists():
            dictionary = any(word in name for word in ("string", "struct", "map"))
            pq.write_table(pa.table({"v": values}), path, compression=codec, row_group_size=1 << 18, use_dictionary=dictionary)
        files.append((name, aggregate, path))
    return files


def section_nested():
    for codec, threads in itertools.product(("none", "zstd"), (1, 2)):
        name_of_codec = "not compressed" if codec == "none" else codec
        say(f"### Full scans of nested columns, {name_of_codec}, {threads} thread{'s' if threads > 1 else ''} (median ms)")
        say()
        say("| column | lamella | DuckDB | Polars | pyarrow | fastest peer / ours |")
        say("|---|---:|---:|---:|---:|---:|")
        missed = []
        for name, aggregate, path in nested_files(codec):
            times = {}
            for _ in range(3):
                out = run([BUILD / "bench_scan_class", path, 0, threads, ROUNDS])
                times.setdefault("lamella", []).extend(t / 1e3 for t in floats(out))
                for engine in ("duckdb", "polars", "pyarrow batches", "pyarrow table"):
                    seconds = peer(threads, ROUNDS, "scan", engine, path, aggregate)["seconds"]
                    times.setdefault(engine, []).extend(seconds)
            ms = {k: median(v) * 1e3 for k, v in times.items()}
            arrow = min(ms["pyarrow batches"], ms["pyarrow table"])
            best = min(ms["duckdb"], ms["polars"], arrow)
            say(f"| {name} | {ms['lamella']:.1f} | {ms['duckdb']:.1f} | {ms['polars']:.1f} | {arrow:.1f} "
                f"| {best / ms['lamella']:.2f} |")
            if best < ms["lamella"]:
                missed.append(name)
        say()
        verdict(not missed, f"at least as fast as the fastest peer{'; not: ' + ', '.join(missed) if missed else ''}")


def section_write():
    target = DATA / "written.parquet"
    for codec in ("snappy", "zstd"):
        for threads in (1, 2):
            say(f"### Writing one column from memory, {codec}, {threads} thread{'s' if threads > 1 else ''} (median ms, MB)")
            say()
            say("| column | lamella | DuckDB | Polars | pyarrow | fastest peer / ours | our size / its |")
            say("|---|---:|---:|---:|---:|---:|---:|")
            missed = []
            for name, _, path in column_files("snappy"):
                times, sizes = {}, {}
                for _ in range(3):
                    out = floats(run([BUILD / "bench_write_file", path, target, codec, threads, ROUNDS]))
                    times.setdefault("lamella", []).extend(out[:-1])
                    sizes["lamella"] = out[-1]
                    for engine in ("duckdb", "polars", "pyarrow"):
                        result = peer(threads, ROUNDS, "write", engine, path, target, codec)
                        times.setdefault(engine, []).extend(result["seconds"])
                        sizes[engine] = result["bytes"]
                ms = {k: median(v) * 1e3 for k, v in times.items()}
                best = min(("duckdb", "polars", "pyarrow"), key=lambda e: ms[e])
                cells = " | ".join(f"{ms[e]:.0f} ({sizes[e] / 1e6:.1f})" for e in ("lamella", "duckdb", "polars", "pyarrow"))
                ratio, size = ms[best] / ms["lamella"], sizes["lamella"] / sizes[best]
                say(f"| {name} | {cells} | {ratio:.2f} | {size:.3f} |")
                if ratio < 1 or size > 1.02:
                    missed.append(name)
            say()
            verdict(not missed, "at least as fast as the fastest peer, at no more than 1.02 of its size"
                    f"{'; not: ' + ', '.join(missed) if missed else ''}")
    target.unlink(missing_ok=True)


# ---- rows that match ----


def where_files():
    """The same 8 million rows written by pyarrow and by us, with page indexes: `ts` is sorted, the others are in no order."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = (("pyarrow", "none"), ("lamella", "none"), ("pyarrow", "snappy"), ("lamella", "zstd"))
    files = [(f"{writer}, {codec}", DATA / f"where.{writer}.{codec}.parquet") for writer, codec in made]
    if all(path.exists() for _, path in files):
        return files
    n, rng = 8_000_000, np.random.default_rng(3)
    words = np.array([f"product-{i:05d}" for i in range(2000)])
    table = pa.table({
        "ts": pa.array(np.arange(n) * 1000 + 10**15, pa.timestamp("us")),
        "k": pa.array(rng.integers(0, 1_000_000, n)),
        "d": pa.array(rng.random(n)),
        "s": pa.array(words[rng.integers(0, 2000, n)]),
        "v": pa.array(rng.integers(0, 1 << 40, n)),
        "w": pa.array(words[rng.integers(0, 2000, n)]),
    })
    for codec in ("none", "snappy"):
        path = DATA / f"where.pyarrow.{codec}.parquet"
        pq.write_table(table, path, compression=codec, row_group_size=1 << 20, write_page_index=True, use_dictionary=["s", "w"])
    for codec in ("none", "zstd"):
        run([BUILD / "bench_write_file", DATA / "where.pyarrow.none.parquet", DATA / f"where.lamella.{codec}.parquet", codec, 2, 1])
    return files


def where_conditions():
    """Column, share of the rows, the literal as SQL has it."""
    import datetime

    for share in (0.001, 0.01, 0.5):
        since = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=10**15 + int(8_000_000 * share) * 1000)
        yield "ts", share, f"TIMESTAMP '{since}'"
        yield "k", share, str(int(1_000_000 * share))
        yield "d", share, str(share)
        yield "s", share, f"'product-{int(2000 * share):05d}'"


def section_where():
    kinds = {"ts": "sorted timestamps", "k": "integers", "d": "doubles", "s": "dictionary strings"}
    for (name, path), threads in itertools.product(where_files(), (1, 2)):
        say(f"### `SELECT ts, v, w … WHERE`, written by {name}, {threads} thread{'s' if threads > 1 else ''} (median ms)")
        say()
        say("| column | rows that match | lamella | DuckDB | Polars | pyarrow | fastest peer / ours |")
        say("|---|---:|---:|---:|---:|---:|---:|")
        missed = []
        for column, share, literal in where_conditions():
            times, rows = {}, set()
            for turn in range(3):
                out = run([BUILD / "bench_where_scan", path, f"{column} < {literal}", threads, ROUNDS, "ts", "v", "w"]).split()
                times.setdefault("lamella", []).extend(float(t) / 1e3 for t in out[:-1])
                rows.add(int(out[-1]))
                for engine in ("duckdb", "polars", "pyarrow")[:2 if turn else 3]:  # pyarrow takes seconds
                    result = peer(threads, ROUNDS if engine != "pyarrow" else 1, "where", engine, path, column, literal)
                    times.setdefault(engine, []).extend(result["seconds"])
                    rows.add(result["rows"])
            if len(rows) != 1:
                raise RuntimeError(f"{path}, {column} < {literal}: the engines find {rows} rows")
            ms = {k: median(v) * 1e3 for k, v in times.items()}
            ratio = min(ms[e] for e in ("duckdb", "polars", "pyarrow")) / ms["lamella"]
            cells = " | ".join(f"{ms[e]:.1f}" for e in ("lamella", "duckdb", "polars", "pyarrow"))
            say(f"| {kinds[column]} | {share * 100:g} % | {cells} | {ratio:.2f} |")
            if ratio < 1.5:
                missed.append(f"{kinds[column]} {share * 100:g} %")
        say()
        verdict(not missed, f"at least 1.5 times as fast as the fastest peer{'; not: ' + ', '.join(missed) if missed else ''}")


# ---- footers ----


def wide_footer():
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = DATA / "columns-10000.parquet"
    if path.exists():
        return path
    rng = np.random.default_rng(1)
    kinds = [lambda: pa.array(rng.integers(0, 1000, 4)), lambda: pa.array(rng.random(4)),
             lambda: pa.array([f"s{x}" for x in rng.integers(0, 100, 4)])]
    table = pa.table([kinds[i % 3]() for i in range(10_000)], names=[f"column_{i}" for i in range(10_000)])
    with pq.ParquetWriter(f"{path}.part", table.schema) as writer:
        for _ in range(20):
            writer.write_table(table)
    pathlib.Path(f"{path}.part").rename(path)
    return path


def arrow_rs():
    """The program of bench/arrow_rs, built where cargo is; else None."""
    if not shutil.which("cargo"):
        return None
    target = DATA / "arrow_rs"
    run(["cargo", "build", "--release", "--quiet", "--manifest-path", ROOT / "bench/arrow_rs/Cargo.toml", "--target-dir", target])
    return target / "release/bench-arrow-rs"


FOOTER_PEERS = ("duckdb", "polars", "pyarrow")


def footer_times(rust, path, ms):
    """Adds the peers' milliseconds of opening a footer."""
    for engine in FOOTER_PEERS:
        ms.setdefault(engine, []).extend(t * 1e3 for t in peer(1, ROUNDS, "footer", engine, path)["seconds"])
    if rust:
        ms.setdefault("arrow-rs", []).extend(floats(run([rust, path, ROUNDS + 1]))[1:])
        ms.setdefault("arrow-rs, statistics skipped", []).extend(floats(run([rust, path, ROUNDS + 1, "skip"]))[1:])


def section_footer():
    path, rust = wide_footer(), arrow_rs()
    ms = {}
    for _ in range(3):
        ms.setdefault("lamella", []).extend(floats(run([BUILD / "bench_footer_decode", path, ROUNDS + 1]))[1:])
        footer_times(rust, path, ms)
    say(f"### Decoding a footer of 10,000 columns and 20 row groups with statistics, 1 thread (median ms)")
    say()
    say("| engine | ms | times ours |")
    say("|---|---:|---:|")
    ours = median(ms["lamella"])
    for engine, times in ms.items():
        name = f"**{engine}**" if engine == "lamella" else engine
        say(f"| {name} | {median(times):.1f} | {median(times) / ours:.1f} |")
    say()
    if not rust:
        say("arrow-rs is not here: there is no cargo.")
        say()
    fastest = min((e for e in ms if e != "lamella"), key=lambda e: median(ms[e]))
    ratio = median(ms[fastest]) / ours
    verdict(ratio >= 2, f"{ratio:.1f} times as fast as the fastest peer ({fastest}); at least 2 is asked for")


# ---- sidecars ----


def built_sidecars(table):
    """Files, their bytes, the sidecars' bytes and the median seconds of building all of them, as a process."""
    state = pathlib.Path(f"{table}.lamella")
    seconds = []
    for _ in range(ROUNDS):
        shutil.rmtree(state / "pm", ignore_errors=True)
        start = time.monotonic()
        result = json.loads(run([LAMELLA, "--json", "sidecar", "build", table]))
        seconds.append(time.monotonic() - start)
    shutil.rmtree(state / "pm")
    return result["files"], result["file_bytes"], result["bytes"], median(seconds)


def section_sidecar():
    """One condition on one of 10,000 columns in 20 row groups: the sidecar against opening the footer."""
    path, rust = wide_footer(), arrow_rs()
    place = DATA / "sidecar"
    place.mkdir(exist_ok=True)
    file = place / "data.parquet"
    if not file.exists():
        os.link(path, file)
    (place / "_pm").unlink(missing_ok=True)  # one just written lies in the cache in large pages, one read back in small ones
    run([LAMELLA, "sidecar", "build", file])
    modes = {"cold": "cold handle, what is touched verified", "whole": "cold handle, all bytes verified", "open": "open handle"}
    ms = {}
    for _ in range(3):
        for mode in modes:
            command = [BUILD / "bench_sidecar_plan", place / "_pm", "column_5001 > 2000", mode, 1 + 100 * ROUNDS]
            ms.setdefault(mode, []).extend(floats(run(command))[1:])
        footer_times(rust, path, ms)
    say("### One condition on one of 10,000 columns in 20 row groups: a sidecar, and the peers' opening of the footer")
    say()
    say("| engine | median µs |")
    say("|---|---:|")
    for engine, times in ms.items():
        say(f"| {'**lamella**, ' + modes[engine] if engine in modes else engine} | {median(times) * 1e3:,.1f} |")
    say()
    fastest = min((e for e in ms if e not in modes), key=lambda e: median(ms[e]))
    for mode, least in (("cold", 100), ("whole", 25)):
        ratio = median(ms[fastest]) / median(ms[mode])
        verdict(ratio >= least, f"{modes[mode]}: {ratio:.0f} times as fast as the fastest peer ({fastest}); at least {least} is asked for")
    verdict(median(ms["open"]) <= 0.02, f"open handle: {median(ms['open']) * 1e3:.1f} µs; at most 20 µs are asked for")
    say()
    say("| table | files | sidecars' share of the bytes | built, files/s | MB/s |")
    say("|---|---:|---:|---:|---:|")
    for name, table in (("the demo's table", demo_table()), ("flights, 5 MB a file", sidecar_flights())):
        files, file_bytes, size, seconds = built_sidecars(table)
        say(f"| {name} | {files:,} | {size / file_bytes:.2%} | {files / seconds:,.0f} | {file_bytes / seconds / 1e6:,.0f} |")
    say()


def sidecar_flights():
    import pyarrow.parquet as pq

    out = DATA / "sidecar-flights"
    if not out.exists():
        table = pq.read_table(flights())
        building = pathlib.Path(f"{out}.part")
        building.mkdir(exist_ok=True)
        rows = 250_000
        for i in range(0, min(table.num_rows, 40 * rows), rows):
            pq.write_table(table.slice(i, rows), building / f"{i // rows}.parquet")
        building.rename(out)
    return out


# ---- decoding on one core ----


def decode_files():
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = DATA / "decode"
    n, rng = 8_000_000, np.random.default_rng(1)
    few, steps = (lambda: rng.integers(0, 5000, n)), (lambda: np.cumsum(rng.integers(0, 200, n)))
    plain, delta = {"use_dictionary": False}, {"use_dictionary": False, "column_encoding": {"v": "DELTA_BINARY_PACKED"}}
    kinds = {
        "int64, dictionary": ("none", few, np.int64, {}),
        "int32, dictionary": ("none", few, np.int32, {}),
        "int64, delta": ("none", steps, np.int64, delta),
        "int32, delta": ("none", steps, np.int32, delta),
        "int64, PLAIN": ("none", steps, np.int64, plain),
        **{f"int64, PLAIN, {codec}": (codec, steps, np.int64, plain) for codec in ("snappy", "zstd", "lz4", "gzip")},
    }
    paths = {name: directory / f"{name.replace(', ', '-')}.parquet" for name in kinds}
    directory.mkdir(parents=True, exist_ok=True)
    for name, (codec, make, kind, options) in kinds.items():
        if not paths[name].exists():
            pq.write_table(pa.table({"v": make().astype(kind)}), f"{paths[name]}.part", compression=codec,
                           row_group_size=1 << 20, **options)
            pathlib.Path(f"{paths[name]}.part").rename(paths[name])
    return paths


def section_decode():
    paths = decode_files()
    ms = {name: {} for name in paths}
    for _ in range(3):
        for name, path in paths.items():
            for mode in ("chunk", "memcpy" if name.endswith("PLAIN") else "codec"):
                out = floats(run([BUILD / "bench_decode", path, 0, ROUNDS + 1, mode]))
                ms[name].setdefault(mode, []).extend(out[1:])
            if "PLAIN" not in name:
                scans = floats(run([BUILD / "bench_scan_class", path, 0, 1, ROUNDS + 1, "plain"]))
                ms[name].setdefault("scan", []).extend(scans[1:])
                ms[name].setdefault("duckdb", []).extend(t * 1e3 for t in peer(1, ROUNDS, "scan", "duckdb", path, "int")["seconds"])
    ms = {name: {mode: median(times) for mode, times in modes.items()} for name, modes in ms.items()}
    say("### Decoding 8,000,000 integers, 1 thread (median ms)")
    say()
    say("| column | lamella, from memory | the least: memcpy or codec | lamella / the least | lamella, whole file | DuckDB | DuckDB / ours |")
    say("|---|---:|---:|---:|---:|---:|---:|")
    for name, m in ms.items():
        least = m.get("memcpy", m.get("codec"))
        if "PLAIN" in name:
            say(f"| {name} | {m['chunk']:.1f} | {least:.1f} | {m['chunk'] / least:.2f} | | | |")
        else:
            say(f"| {name} | {m['chunk']:.1f} | | | {m['scan']:.1f} | {m['duckdb']:.1f} | {m['duckdb'] / m['scan']:.1f} |")
    say()
    slow = [name for name, m in ms.items() if "duckdb" in m and m["duckdb"] < 3 * m["scan"]]
    verdict(not slow, f"dictionary and delta integers at 3 times DuckDB's rate{'; not: ' + ', '.join(slow) if slow else ''}")
    plain = ms["int64, PLAIN"]
    ratio = plain["chunk"] / plain["memcpy"]
    verdict(ratio <= 1.2, f"PLAIN takes {ratio:.2f} of memcpy into a reused buffer; at most 1.2 is asked for")
    slow = [name for name, m in ms.items() if "PLAIN," in name and m["chunk"] > 1.15 * m["codec"]]
    verdict(not slow, f"with a codec within 15 % of the codec alone{'; not: ' + ', '.join(slow) if slow else ''}")


# ---- many files ----


def pack_plan(*arguments):
    """What came out of it, and the milliseconds of each time."""
    first, *times = run([BUILD / "bench_pack_plan", *arguments]).split()
    return first, [float(t) for t in times]


def many_files_rows(table, job, what, where, check):
    """A line for each engine: the median of ROUNDS turns, each of three times of which the best counts."""
    engines = ["ours", "duckdb", "polars", "pyarrow"]
    taken = {e: [] for e in engines}
    for _, engine in itertools.product(range(ROUNDS), engines):
        if engine == "ours":
            first, times = pack_plan(table, what, where, 3)
            assert int(first) == check, first
            taken[engine].append(min(times))
        else:
            out = json.loads(run([sys.executable, ROOT / "bench/many_files.py", engine, job, table, 2]))
            taken[engine].append(min(out["seconds"]) * 1e3)
    best = min(median(taken[e]) for e in engines[1:])
    say("| | ms | fastest peer is … times ours |")
    say("|---|--:|--:|")
    for e in engines:
        say(f"| {e} | {median(taken[e]):,.1f} | {f'{best / median(taken[e]):,.0f}' if e == 'ours' else ''} |")
    say()


def section_pack():
    import many_files

    table = DATA / "many"
    many_files.remove_table(table)
    many_files.make_table(table)
    files, size, took = run([BUILD / "bench_pack_plan", table, "make"]).split()
    say(f"### The pack: {int(files):,} files in {many_files.DIRECTORIES:,} partitions, one partition predicate and one range predicate")
    say()
    looked = median([float(t) for t in run([BUILD / "bench_pack_plan", table, "stat", 9]).split()])
    say(f"The pack has {int(size) / 1e6:.1f} MB; making it, with a sidecar for each file, took {float(took) / 1e3:.0f} s. Looking at the "
        f"directories alone takes {looked:.1f} ms, which is part of ours. Ours and pyarrow's are plans, DuckDB's and Polars' queries "
        "that count the 20 rows of the one file that is left.")
    say()
    where = f"day = '{many_files.DAY}' AND id BETWEEN {many_files.FIRST} AND {many_files.LAST}"
    many_files_rows(table, "range", "plan", where, 1)
    many_files.remove_table(table)
    table = demo_table()
    files = run([BUILD / "bench_pack_plan", table, "make"]).split()[0]
    say(f"### A point query over {int(files):,} files of flights: the rows of one minute and one distance are counted")
    say()
    where = f"date = TIMESTAMP '{many_files.POINT[0]}' AND distance = {many_files.POINT[1]}"
    many_files_rows(table, "point", "count", where, 1)


SECTIONS = {"footer": section_footer, "sidecar": section_sidecar, "pack": section_pack, "decode": section_decode, "compact": section_compact, "wide": section_wide, "scan": section_scan, "nested": section_nested, "where": section_where, "write": section_write}


def versions():
    import duckdb
    import polars
    import pyarrow

    return f"DuckDB {duckdb.__version__}, Polars {polars.__version__}, pyarrow {pyarrow.__version__}"


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[1:] or list(SECTIONS)
    say("# Benchmarks")
    say()
    say(f"`make bench` on {platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}; {versions()}; "
        f"medians of {ROUNDS} rounds.")
    say()
    for name in chosen:
        SECTIONS[name]()
    if not sys.argv[1:]:
        (ROOT / "bench/results.md").write_text("\n".join(lines).rstrip() + "\n")


main()
