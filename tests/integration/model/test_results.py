"""What operations report: the same fields as text, as JSON and as a struct in C, with the same values; and a dry run says
what the run will do, for every command and mode."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import change_library as c

# Of the issue; the rest says more of the same.
EDIT = {"rows_matched", "rows_deleted", "rows_updated", "rows_inserted", "rows_unchanged", "duplicates_removed",
        "files_read", "files_rewritten", "files_removed", "files_added", "row_groups_copied", "row_groups_encoded",
        "bytes_read", "bytes_written", "partitions_scanned", "partitions_affected"}  # fmt: skip
# Operation: its command, and the same through the library.
COMMANDS = {
    "delete": (["delete", "t", "--where", "id % 7 = 0"], lambda l, t, **o: l.delete(t, "id % 7 = 0", **o)),
    "delete a partition": (["delete", "t", "--where", "g = 'a' or id = 40"],
                           lambda l, t, **o: l.delete(t, "g = 'a' or id = 40", **o)),
    "update": (["update", "t", "--set", "v = v + 1", "--where", "id in (3, 77)"],
               lambda l, t, **o: l.update(t, "v = v + 1", "id in (3, 77)", **o)),
    "move": (["update", "t", "--set", "g = 'new/er', n = 5", "--where", "id in (3, 77)"],
             lambda l, t, **o: l.update(t, "g = 'new/er', n = 5", "id in (3, 77)", **o)),
    "upsert": (["upsert", "t", "--from", "s.parquet", "--key", "id"],
               lambda l, t, **o: l.upsert(t, t.parent / "s.parquet", ["id"], **o)),
    "upsert columns": (["upsert", "t", "--from", "s.parquet", "--key", "g,id", "--columns", "v"],
                       lambda l, t, **o: l.upsert(t, t.parent / "s.parquet", ["g", "id"], ["v"], **o)),
    "dedup": (["dedup", "t", "--key", "v"], lambda l, t, **o: l.dedup(t, ["v"], **o)),
    "nothing": (["delete", "t", "--where", "id > 1000"], lambda l, t, **o: l.delete(t, "id > 1000", **o)),
    "import": (["import", "s.parquet", "--into", "t", "--partition-by", "g"],
               lambda l, t, **o: l.import_(t, t.parent / "s.parquet", ["g"], **o)),
    "compact": (["compact", "t"], lambda l, t, **o: l.compact(t, **o)),
    "sort": (["compact", "t", "--sort-by", "v"], lambda l, t, **o: l.compact(t, ["v"], **o)),
    "repartition": (["repartition", "t", "t", "--by", "bucket(3, id)"], lambda l, t, **o: l.repartition(t, "bucket(3, id)", **o)),
}  # fmt: skip
EDITS = [name for name in COMMANDS if name not in ("import", "compact", "sort", "repartition")]
# The one of a kind: what names the run, how long it took, and (in a copy of the table) where it ended.
OWN = {"operation", "seconds", "sequence", "tasks"}


@pytest.fixture(scope="module")
def library():
    return c.Library(threads=2)


def make(directory):
    for g in "abc":
        for f in range(2):
            ids = [ord(g) % 97 * 40 + 20 * f + i for i in range(20)]
            rows = pa.table({"id": pa.array(ids, pa.int64()), "g": [g] * 20, "v": pa.array([i % 50 for i in ids], pa.int64())})
            path = directory / "t" / f"g={g}" / f"f{f}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, row_group_size=5)
    rows = {"id": [5, 41, None, 500], "g": ["a", "b", "b", "d"], "v": pa.array([7, None, 8, 9], pa.int64())}
    pq.write_table(pa.table(rows), directory / "s.parquet")


CASES = [(name, mode) for name in COMMANDS for mode in ("rewrite", "append") if mode == "rewrite" or name in EDITS]


@pytest.mark.parametrize("name, mode", CASES)
def test_text_json_c_and_dry_run(lamella, library, tmp_path, name, mode):
    make(tmp_path)
    kept = CASES.index((name, mode)) % 3 != 1  # two of three with a backup
    command, call = COMMANDS[name]
    command = [*command, *(["--mode", mode] if name in EDITS else []), *(["--backup", "kept"] if kept else [])]
    for copy in ("library", "text"):
        (tmp_path / copy).mkdir()
        shutil.copytree(tmp_path / "t", tmp_path / copy / "t")
        shutil.copy(tmp_path / "s.parquet", tmp_path / copy)
    dry = lamella.json(*command, "--dry-run")
    assert not (tmp_path / "kept").exists() and not list(tmp_path.glob("t.lamella/stage/*"))
    done = lamella.json(*command)
    assert {k: v for k, v in dry.items() if k not in OWN} == {k: v for k, v in done.items() if k not in OWN}
    assert dry["operation"] == f"{done['operation']} (dry run)" and dry["sequence"] == 0
    assert (done["sequence"] != 0) == (name != "nothing")
    options = {"mode": 1} if mode == "append" else {}
    if kept:
        options["backup"] = tmp_path / "library" / "kept"
    result = call(library, tmp_path / "library" / "t", **options)
    fields = {field for field, _ in result._fields_} - {"struct_size"}
    assert fields <= done.keys() and (name not in EDITS or EDIT <= fields)
    assert {f: getattr(result, f) for f in fields} == {f: done[f] for f in fields}
    if name in EDITS:
        assert done.keys() - fields == {"operation", "seconds"}
    text = lamella(*[a if a not in ("t", "s.parquet", "kept") else f"text/{a}" for a in command]).text
    lines = {line.split("  ")[0].strip().replace(" ", "_"): line.split("  ")[-1].strip() for line in text.splitlines()}
    assert fields | {"operation", "seconds"} <= lines.keys()
    for field in fields:
        assert lines[field].split(" (")[0].replace(",", "") == str(done[field]), field
    assert kept == (tmp_path / "kept").exists() or name in ("nothing", "import")


def test_a_compacted_copy(lamella, library, tmp_path):
    make(tmp_path)
    groups = sum(pq.ParquetFile(f).num_row_groups for f in (tmp_path / "t").rglob("*.parquet"))
    dry = lamella.json("compact", "t", "--keep-source", "--into", "u", "--row-group-rows", "15", "--dry-run")
    done = lamella.json("compact", "t", "--keep-source", "--into", "u", "--row-group-rows", "15")
    written = sum(pq.ParquetFile(f).num_row_groups for f in (tmp_path / "u").rglob("*.parquet"))
    assert (done["row_groups_copied"], done["row_groups_merged"], done["row_groups_written"]) == (0, groups, written) == (0, 24, 9)
    assert {k: v for k, v in dry.items() if k not in OWN} == {k: v for k, v in done.items() if k not in OWN}
    for option in (["--min-files", "3"], ["--max-file-size", "1MB"]):
        assert "mean nothing" in lamella("compact", "t", "--keep-source", "--into", "v", *option, status=1).err


def test_an_estimate_counts(lamella, tmp_path):
    """What only --json prints is no count of 0 in text."""
    make(tmp_path)
    lines = lamella("estimate", "compact", "t").text.splitlines()
    assert [line.split("  ")[0] for line in lines[3:]] == [
        "operation", "partitions before", "files before", "bytes before", "partitions", "files", "rows", "bytes", "bytes error",
        "sample rows", "seconds", "files compacted", "files written"]  # fmt: skip


# What a run refuses its dry run refuses, with the same words.
REFUSED = {
    "state in the table": ["delete", "t", "--where", "id = 1", "--meta-dir", "t/state"],
    "state nowhere": ["delete", "t", "--where", "id = 1", "--meta-dir", "no/where"],
    "compact, state in the table": ["compact", "t", "--meta-dir", "t/state"],
    "compact a partition": ["compact", "t/g=a"],
    "import into a partition": ["import", "s.parquet", "--into", "t/g=a"],
    "import into a file": ["import", "s.parquet", "--into", "t/g=a/f0.parquet"],
    "import into nowhere": ["import", "s.parquet", "--into", "no/where"],
    "import of partitions": ["import", "s.parquet", "--into", "t", "--partition", "g=a"],
    "import into another format": ["import", "s.parquet", "--into", "delta/new"],
    "repartition into a partition": ["repartition", "t", "u/g=a", "--by", "v"],
    "repartition into nowhere": ["repartition", "t", "no/where", "--by", "g"],
    "repartition into another format": ["repartition", "t", "delta/new", "--by", "g"],
    "delete a partition as the source": ["repartition", "t/g=a", "u", "--by", "v", "--delete-source"],
    "schema, state in the table": ["schema", "t", "--drop", "v", "--meta-dir", "t/state"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_dry_run_refuses_what_the_run_does(lamella, tmp_path, name):
    make(tmp_path)
    (tmp_path / "delta" / "_delta_log").mkdir(parents=True)
    before = sorted(p for p in tmp_path.rglob("*"))
    dry, run = (lamella.json(*REFUSED[name], *option, status=1) for option in (["--dry-run"], []))
    assert dry == run
    assert sorted(p for p in tmp_path.rglob("*")) == before


def test_a_backup_has_a_place(lamella, tmp_path):
    make(tmp_path)
    changes = (["delete", "t", "--where", "true"], ["compact", "t"], ["import", "s.parquet", "--into", "t"],
               ["repartition", "t", "t", "--by", "v"], ["schema", "t", "--drop", "v"],
               ["repartition", "t", "u", "--by", "g", "--delete-source"])  # fmt: skip
    for place in ([], [""], ["t"], ["t/kept"], ["t.lamella/kept"], ["no/where"]):
        for change in changes:
            if place:
                dry = lamella.json(*change, "--dry-run", "--backup", *place, status=1)
                assert dry == lamella.json(*change, "--backup", *place, status=1)
            else:
                assert lamella(*change, "--backup", status=2).err
    assert not (tmp_path / "t" / "kept").exists() and not (tmp_path / "u").exists()
    assert sum(pq.ParquetFile(f).metadata.num_rows for f in (tmp_path / "t").rglob("*.parquet")) == 120
