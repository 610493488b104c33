"""lamella restore: a table comes back exactly, in one commit, or not at all."""

import os
import pathlib
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest



def put(path, ids, g):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"g": pa.array([g] * len(ids), pa.string()), "id": pa.array(ids, pa.int64())}), path,
                   row_group_size=4)  # fmt: skip


def make(table):
    """Three partitions of two files each, with what Hadoop leaves beside them, under modes and times of their own."""
    for n, g in enumerate(["a", "b", "c d"]):
        for f in range(2):
            path = table / f"g={g}" / "h=1" / f"f{f}.parquet"
            put(path, range(100 * n + 10 * f, 100 * n + 10 * f + 10), g)
            os.utime(path, ns=(0, 1_700_000_000_123_456_789 + n * 10 + f))
            path.chmod(0o640)
    (table / "_metadata").write_bytes(b"summary")
    (table / "g=a" / "h=1" / ".f0.parquet.crc").write_bytes(b"sum")
    (table / "g=a" / "h=1" / "notes.txt").write_bytes(b"notes")
    (table / "g=a" / "h=1").chmod(0o750)
    (table / "g=b").chmod(0o700)


def nothing_staged(table):
    beside = pathlib.Path(f"{table}.lamella")
    assert not (beside / "journal").exists() and list((beside / "stage").iterdir()) == []


def state(table):
    """All names, with kind, mode, time and bytes of files, and extended attributes."""
    out = {}
    for path in sorted(table.rglob("*")):
        info = path.stat()
        bytes_ = path.read_bytes() if path.is_file() else None
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        out[str(path.relative_to(table))] = (info.st_mode, info.st_mtime_ns if bytes_ is not None else 0, bytes_, attributes)
    return out


CHANGES = {
    "compact": ["compact", "t"],
    "delete": ["delete", "t", "--where", "id IN (3, 104, 205)"],
    "delete a partition": ["delete", "t", "--where", "g = 'b'"],
    "delete all": ["delete", "t", "--where", "true"],
    "update": ["update", "t", "--set", "id = id + 1000", "--where", "id > 100"],
    "update, moving": ["update", "t", "--set", "g = 'z/y'", "--where", "id < 15"],
    "update, new column": ["update", "t", "--set", "n = 1", "--where", "id = 5"],
    "append": ["delete", "t", "--where", "id = 3", "--mode", "append"],
    "upsert": ["upsert", "t", "--from", "source.parquet", "--key", "id"],
    "dedup": ["dedup", "t", "--key", "g"],
    "import": ["import", "source.parquet", "--into", "t", "--partition-by", "g,h"],
    "repartition": ["repartition", "t", "t", "--by", "g"],
}


COUNTS = ["files_returned", "files_removed", "rows_returned", "rows_removed"]


@pytest.fixture
def table(tmp_path):
    pq.write_table(pa.table({"g": ["a", "new"], "h": pa.array([1, 2], pa.int32()), "id": [5, 5000]}),
                   tmp_path / "source.parquet")  # fmt: skip
    make(tmp_path / "t")
    try:
        os.setxattr(tmp_path / "t" / "g=b" / "h=1" / "f0.parquet", "user.mine", b"kept")
    except OSError:
        pass  # this file system has none
    return tmp_path / "t"


def change(lamella, name):
    lamella(*CHANGES[name], "--backup", "backups")
    (folder,) = (pathlib.Path(lamella.directory) / "backups").iterdir()
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_everything_comes_back(lamella, table, name):
    before = state(table)
    backup = change(lamella, name)
    assert state(table) != before
    changed = state(table)
    dry = lamella.json("restore", backup, "--dry-run")
    assert state(table) == changed
    done = lamella.json("restore", backup)
    assert state(table) == before
    nothing_staged(table)
    assert done["sequence"] == 2 and dry["sequence"] == 0
    different = {"operation", "sequence", "seconds"}
    assert {k: v for k, v in dry.items() if k not in different} == {k: v for k, v in done.items() if k not in different}
    removed = sum(1 for p in changed if p.endswith(".parquet") and changed[p] != before.get(p))
    assert (done["files_returned"], done["files_removed"]) == (
        sum(1 for p in before if p.endswith(".parquet") and changed.get(p) != before[p]), removed)  # fmt: skip
    assert lamella.json("verify", "t")["faults"] == 0

    # Once is enough.
    result = lamella("restore", backup, status=3)
    assert "nothing was changed" in result.err
    assert state(table) == before


def test_counts(lamella, table):
    backup = change(lamella, "delete a partition")
    done = lamella.json("restore", backup)
    assert done["rows_returned"] == 20 and done["rows_removed"] == 0
    assert done["files_returned"] == 2 and done["partitions_affected"] == 1


def test_in_the_reverse_order(lamella, table):
    states, backups = [state(table)], []
    for i, name in enumerate(["delete", "compact", "update, moving", "dedup"]):
        lamella(*CHANGES[name], "--backup", f"backup{i}")
        backups += list((table.parent / f"backup{i}").iterdir())
        states.append(state(table))
    for backup in backups[:-1]:
        assert "nothing was changed" in lamella("restore", backup, status=3).err
    while backups:
        lamella("restore", backups.pop())
        states.pop()
        if states[-1] != states[0]:
            assert state(table) == states[-1]
    # All but the summary, which was right before the first change and is again: nothing else has changed it.
    now = state(table)
    now.setdefault("_metadata", states[0]["_metadata"])
    now.setdefault("g=a/h=1/.f0.parquet.crc", states[0]["g=a/h=1/.f0.parquet.crc"])
    assert now == states[0]


def test_one_partitioning(lamella, table):
    """A repartition is not undone under files that came since, in directories by the new columns."""
    before = state(table)
    backup = change(lamella, "repartition")
    repartitioned = state(table)
    lamella("import", "source.parquet", "--into", "t", "--partition-by", "g")
    changed = state(table)
    for arguments in (["restore", backup, "--dry-run"], ["restore", backup]):
        err = lamella(*arguments, status=3).err
        assert "partitioned by other columns" in err and "nothing was changed" in err
    assert state(table) == changed
    nothing_staged(table)
    for path in sorted(changed.keys() - repartitioned.keys(), reverse=True):
        (table / path).rmdir() if (table / path).is_dir() else (table / path).unlink()
    lamella("restore", backup)
    assert {k: v for k, v in before.items() if k.endswith(".parquet")}.items() <= state(table).items()
    assert lamella.json("verify", "t")["faults"] == 0


def test_other_partitions_may_change(lamella, table):
    """A summary of the whole table does not come back then: it would be wrong."""
    backup = change(lamella, "delete a partition")
    lamella("delete", "t", "--where", "id = 201")
    lamella("restore", backup)
    assert lamella.json("count", "t")["rows"] == 59
    assert (table / "g=b" / "h=1" / "f1.parquet").exists() and not (table / "_metadata").exists()


def conflict_removed(table):
    next(table.glob("g=a/h=1/*-*.parquet")).unlink()


def conflict_changed(table):
    put(next(table.glob("g=a/h=1/*-*.parquet")), [1], "a")


def conflict_taken(table):
    put(table / "g=a" / "h=1" / "f0.parquet", [1], "a")


@pytest.mark.parametrize("meddle", [conflict_removed, conflict_changed, conflict_taken])
def test_conflicts(lamella, table, meddle):
    backup = change(lamella, "compact")
    meddle(table)
    before = state(table)
    for options in (["--dry-run"], []):
        result = lamella("restore", backup, *options, status=3)
        assert "g=a/h=1/" in result.err and "nothing was changed" in result.err
        assert state(table) == before
    nothing_staged(table)


def damage_missing(backup):
    next(backup.rglob("f1.parquet")).unlink()


def damage_shorter(backup):
    os.truncate(next(backup.rglob("f1.parquet")), 100)


def damage_byte(backup):
    path = next(backup.rglob("f1.parquet"))
    bytes_ = bytearray(path.read_bytes())
    bytes_[50] ^= 1
    path.unlink()  # a second name of it may be read by somebody
    path.write_bytes(bytes_)


def damage_manifest(backup):
    path = backup / "manifest"
    path.write_bytes(path.read_bytes().replace(b"remove f0", b"remove f9"))


def damage_no_manifest(backup):
    (backup / "manifest").unlink()


@pytest.mark.parametrize("damage, says", [
    (damage_missing, "the backup is not whole"),
    (damage_shorter, "has 100 bytes, expected"),
    (damage_byte, "is damaged: the hash of its bytes"),
    (damage_manifest, "damaged"),
    (damage_no_manifest, "is not the folder of a backup"),
])  # fmt: skip
def test_damage(lamella, table, damage, says):
    backup = change(lamella, "compact")
    damage(backup)
    before = state(table)
    for options in (["--dry-run"], []):
        assert says in lamella("restore", backup, *options, status=1).err
        assert state(table) == before
    nothing_staged(table)


def test_a_copied_backup_and_a_moved_table(lamella, table):
    """As after cp -r to another machine: inodes are others, and times those of the copy."""
    before = state(table)
    backup = change(lamella, "compact")
    copy = table.parent / "elsewhere" / "copy"
    shutil.copytree(backup, copy, copy_function=shutil.copy)
    shutil.rmtree(backup)
    moved = table.parent / "moved"
    shutil.copytree(table, moved)
    shutil.rmtree(table)
    assert "there is no file or directory" in lamella("restore", copy, status=1).err
    lamella("restore", copy, "--table", "moved")
    after = state(moved)
    after["_metadata"] = before["_metadata"]  # whether it is right cannot be known without the table's state
    for states in (before, after):
        states["g=b/h=1/f0.parquet"] = states["g=b/h=1/f0.parquet"][:3]  # shutil.copy copies no attributes
    assert {k: v[1:] for k, v in after.items()} == {k: v[1:] for k, v in before.items()}


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_another_file_system(lamella, table, tmp_path):
    before = state(table)
    backups = pathlib.Path(f"/dev/shm/lamella-test-{os.getpid()}")
    try:
        lamella("compact", "t", "--backup", backups)
        (backup,) = backups.iterdir()
        lamella("restore", backup)
    finally:
        shutil.rmtree(backups, ignore_errors=True)
    after = state(table)
    assert {k: v[:3] for k, v in after.items()} == {k: v[:3] for k, v in before.items()}


def test_state_elsewhere(lamella, table):
    """The manifest knows where the table's state is, so that both writers meet at one lock."""
    before = state(table)
    lamella("compact", "t", "--meta-dir", "state", "--backup", "backups")
    (backup,) = (table.parent / "backups").iterdir()
    os.chdir("/")
    lamella("restore", backup)
    assert state(table) == before and not (table.parent / "t.lamella").exists()


def test_usage(lamella, table):
    assert "usage" in lamella("restore", status=2).err
    lamella("compact", "t", "--backup", "t/inside", status=1)
    lamella("compact", "t", "--dry-run", "--backup", "backups")
    assert not (table.parent / "backups").exists()
    assert "there is no 'manifest'" in lamella("restore", "t", status=1).err


def test_a_state_that_is_gone(lamella, table):
    """Losing it loses no rows, and a dry run says what the run does."""
    before = state(table)
    folder = change(lamella, "delete a partition")
    shutil.rmtree(f"{table}.lamella")
    dry = lamella.json("restore", folder, "--dry-run")
    assert not pathlib.Path(f"{table}.lamella").exists()
    done = lamella.json("restore", folder)
    assert [dry[k] for k in COUNTS] == [done[k] for k in COUNTS] == [2, 0, 20, 0]
    assert state(table).keys() == before.keys() - {"_metadata"}  # whether that is right still, only the state knew
