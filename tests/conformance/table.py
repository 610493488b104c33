"""Makes docs/conformance.md: every public test file, what Lamella makes of it, and what the peers do.

    LAMELLA_LIBRARY=build/release/liblamella.so python tests/conformance/table.py

The peers run in processes of their own, which a crash ends or 120 seconds do. With one of their names as argument the
program is such a process: paths in, a line of JSON out for each."""

import decimal
import importlib.metadata
import json
import pathlib
import re
import selectors
import subprocess
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

import lamella_library as lamella
from public_files import BAD, DAMAGED, ENCRYPTED, FILES, LARGE, SHARED, SHREDDED, VALID, our_result

PEERS = ["pyarrow", "duckdb", "polars"]
ABOUT = json.loads((pathlib.Path(__file__).parent / "files" / "about.json").read_text())
SECONDS = 120
LONGEST = 100  # characters of an error

HEAD = """# The public Parquet test files

Made by `make conformance`; do not edit. `tests/conformance/test_table.py` checks that Lamella's column is what this
version does.

The files are those of the Parquet project's [parquet-testing](https://github.com/apache/parquet-testing). *Equal to
pyarrow* means: every column has the values, NULLs and NaNs that pyarrow reads, whatever the types are called. *The expected
values* are those that come with the files. A peer's cell says whether all of its values are ours ("equal"), in
which columns they are not, or the error. Values are compared as plain ones: text and its bytes are the same, and so are a time and
the same time in another unit; names of columns are not compared. Bad and encrypted files, where a peer reads one, show
how many rows it gives.
"""

NOTES = """Of the bad files, all but `ARROW-GH-43605.parquet`, which is valid, are to be refused, and of the encrypted ones all, by an
error that says so: Lamella's number counts that. DuckDB gives the variants that shredded columns stand for, where the others
give the columns; "other values" are those. Of the 137 shredded files some hold variants that are invalid on purpose;
their storage is valid.
"""


# ---- a peer ----


def read_pyarrow(path):
    return pq.ParquetFile(path).read()


def read_duckdb(path):
    import duckdb

    with duckdb.connect() as connection:
        connection.sql("SET arrow_large_buffer_size = true; SET TimeZone = 'UTC'")
        return connection.sql(f"SELECT * FROM read_parquet('{path}')").to_arrow_table()


def read_polars(path):
    import polars

    return polars.read_parquet(path, use_pyarrow=False).to_arrow()


def plain(value):
    """Values as each engine can give them."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return value.normalize(decimal.Context(prec=80))
    if isinstance(value, tuple):
        return {"key": plain(value[0]), "value": plain(value[1])}
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def equal(ours, theirs):
    ours, theirs = (c.cast(c.type.storage_type) if isinstance(c.type, pa.ExtensionType) else c for c in (ours, theirs))
    if pa.types.is_timestamp(ours.type) and pa.types.is_timestamp(theirs.type):
        ours, theirs = (c.cast(pa.timestamp("us", c.type.tz), safe=False).cast(pa.int64()) for c in (ours, theirs))
    try:
        return plain(ours.to_pylist()) == plain(theirs.to_pylist())
    except (OverflowError, ValueError):  # times that Python does not have
        return ours.cast(theirs.type).combine_chunks().equals(theirs.combine_chunks())


def answer(peer, path):
    theirs = globals()[f"read_{peer}"](path)
    if path.name == LARGE:
        return {"result": f"reads {theirs.num_rows} rows"}
    try:
        ours = lamella.read(path, no_checksums=path.name in DAMAGED)
    except lamella.LamellaError:
        return {"result": f"reads {theirs.num_rows} rows"}
    if ours.num_rows != theirs.num_rows:
        return {"result": f"reads {theirs.num_rows} rows"}
    if ours.num_columns != theirs.num_columns:
        return {"result": f"reads {theirs.num_columns} columns"}
    pairs = zip(ours.schema.names, ours.columns, theirs.columns)
    others = [name for name, a, b in pairs if not equal(a, b)]
    return {"result": "other values: " + ", ".join(others) if others else "equal"}


def serve(peer):
    for line in sys.stdin:
        path = pathlib.Path(line.strip())
        try:
            found = answer(peer, path)
        except BaseException as error:  # PyO3's panics are no Exception
            found = {"error": re.sub(r"^\w+( \w+)* Error: ", "", str(error).replace(str(path), path.name))}
        print(json.dumps(found), flush=True)


class Peer:
    """Its process, begun anew after a crash."""

    def __init__(self, name):
        self.name, self.process = name, None

    def __call__(self, path):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        print(path, file=self.process.stdin, flush=True)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(SECONDS) else None
        if line:
            found = json.loads(line)
            return found.get("result") or "error: " + shortened(found["error"])
        self.end()
        return "crashes" if line == "" else f"no end in {SECONDS} s"

    def end(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


# ---- the table ----


def shortened(text):
    text = re.sub(r"\bId\(\d+\)", "Id(…)", re.sub(r"\s+", " ", text).strip())  # of threads: another number each time
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def cells(*values):
    return "| " + " | ".join(str(value).replace("|", "\\|").replace("<", "&lt;") for value in values) + " |"


def name_of(path):
    return str(path.relative_to(SHARED / "data" if SHARED / "data" in path.parents else path.parent))


def size_of(path):
    """Rows and top-level columns; nothing of a file whose footer cannot be read."""
    try:
        with lamella.Context() as context, lamella.File(context, path) as file:
            return file.rows(), file.columns()
    except lamella.LamellaError:
        return "", ""


def is_as_wanted(path, result):
    """Whether the result is the one that this kind of file calls for."""
    if path in ENCRYPTED:
        return "encrypted" in result
    return result.startswith("refused") == (path in BAD and path.name not in VALID)


def section(title, paths, peers):
    ours = [our_result(path) for path in paths]
    theirs = [[peer(path) for path in paths] for peer in peers]
    lines = [f"## {title}", "", cells("file", "what it is about", "rows", "columns", "Lamella", *PEERS)]
    lines.append("|---|---|--:|--:|---|---|---|---|")
    for path, result, *others in zip(paths, ours, *theirs):
        name = name_of(path)
        lines.append(cells(f"`{name}`", ABOUT[name], *size_of(path), result, *others))
    return lines + [""], [ours, *theirs]


def sums(title, paths, results):
    """How many of the files each has with our values, or as here is right."""
    right = sum(is_as_wanted(path, result) for path, result in zip(paths, results[0]))
    return cells(title, len(paths), right, *(tally(found) for found in results[1:]))


def tally(results):
    kinds = {"equal": 0, "other values": 0, "reads": 0, "error": 0, "crashes": 0, "no end": 0}
    for result in results:
        kinds[next(kind for kind in kinds if result.startswith(kind))] += 1
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)


def shredded(peers):
    """Read as their storage; those that give variants instead are not compared."""
    ours = [our_result(path) for path in SHREDDED]
    theirs = [["reads" if not r.startswith(("error", "crashes", "no end")) else r for r in map(p, SHREDDED)] for p in peers]
    return [ours, *theirs]


def document(peers, versions):
    parts = [
        ("Files to be read", FILES),
        ("Bad files", BAD),
        ("Encrypted files", ENCRYPTED),
    ]
    body, totals = [], [cells("files", "how many", "Lamella", *versions), "|---|--:|---|---|---|---|"]
    for title, paths in parts:
        lines, results = section(title, paths, peers)
        body += lines
        totals.append(sums(title.lower(), paths, results))
    totals.append(sums("shredded variants, as stored", SHREDDED, shredded(peers)))
    return ["## Totals", "", *totals, "", NOTES, *body]


def main():
    peers = [Peer(name) for name in PEERS]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in PEERS]
    try:
        print(HEAD)
        print("\n".join(document(peers, versions)))
    finally:
        for peer in peers:
            peer.end()


if __name__ == "__main__":
    serve(sys.argv[1]) if len(sys.argv) > 1 else main()
