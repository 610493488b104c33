"""Random sequences of operations on small random tables, each step compared with DuckDB's on a plain table.

LAMELLA_TEST_SEED repeats a run; a failure prints the shortest sequence found that still fails, with its seed. A tenth
of the sequences run the command and kill it at random moments: the table is then as before the step, or as after it."""

import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from change_library import CONFLICT, INVALID, NOT_FOUND, UNSUPPORTED, Library, OperationFailed, has
from conftest import SEED, Command
from generate import Generator, quoted
from model_table import (
    SCHEMA,
    Model,
    connect,
    directories_of,
    layouts_of,
    read_plainly,
    rows_of,
    states_of,
)

STEPS = 8
OPERATIONS = [name for name in ("import", "compact", "delete", "update", "upsert", "dedup", "repartition", "restore")
              if has(name)]  # fmt: skip


class World:
    """A table, its model, and what has been done to it."""

    def __init__(self, directory, library, connection, kill=None, command=None):
        self.directory = pathlib.Path(directory)
        self.table, self.backups = self.directory / "t", self.directory / "backups"
        self.library, self.model = library, Model(connection)
        self.kill, self.command = kill, command
        self.by = []
        self.undo = []  # (backup, rows, files and directories before) of the steps that can be undone
        self.seconds = [0.02]

    # ---- what both must hold ----

    def compare(self):
        expected = rows_of(self.model.table())
        plain = read_plainly(self.table)
        differ("a plain reader", rows_of(plain), expected)
        differ("a reader of ours", rows_of(self.library.rows(self.table)), expected)
        assert self.library.verify(self.table) == []
        assert layouts_of(self.table) == {tuple(self.by)}, "its only partition columns, and there is a file"
        # No directory is left empty, and none is made that the values do not name.
        assert all(os.listdir(self.table / d) for d in directories_of(self.table))
        return plain

    # ---- steps ----

    def start(self, start):
        self.by = start["by"]
        source = self.source(start["rows"], start["row_group"])
        self.library.import_(self.table, source, partition_by=self.by, rows_per_file=start["rows_per_file"],
                             row_group_rows=start["row_group"])  # fmt: skip
        self.model.insert(pq.read_table(source))
        self.compare()

    def source(self, rows, row_group):
        path = self.directory / "source.parquet"
        schema = pa.schema([f for f in SCHEMA if rows and f.name in rows[0]])
        pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=row_group)
        return path

    def scope(self, step):
        """The partition a step is narrowed to: its text for the option, and as a condition."""
        name = step.get("partition")
        if not name or name not in self.by:
            return [], "true"
        values = [row[0] for row in self.model.db.execute(f"SELECT DISTINCT {name} FROM t ORDER BY 1").fetchall()]
        if not values:
            return [], "true"
        value = values[int(step["pick"] * len(values))]
        if value is None:
            return [f"{name}=__HIVE_DEFAULT_PARTITION__"], f"{name} IS NULL"
        return [f"{name}={value}"], f"{name} = {quoted(value) if isinstance(value, str) else value}"

    def step(self, step):
        before = (self.model.table(), states_of(self.table), directories_of(self.table), list(self.by))
        kept = set(os.listdir(self.backups)) if self.backups.exists() else set()
        done = getattr(self, "do_" + step["op"])(step)
        new = (set(os.listdir(self.backups)) if self.backups.exists() else set()) - kept
        assert len(new) <= 1, new
        if done and step["op"] != "restore":
            self.undo.append((self.backups / new.pop() if new else None, *before))
        plain = self.compare()
        assert plain.num_rows == self.model.number("SELECT count(*) FROM t")

    def run(self, operation, step, expected=(), **arguments):
        """True where the operation was done. `expected` are the failures that may be; nothing has changed then."""
        change = {name: step[name] for name in ("mode",) if name in step}
        if step.get("backup"):
            change["backup"] = self.backups
        if self.kill is not None:
            return self.run_killed(operation, {**arguments, **change}, expected)
        files = states_of(self.table)
        try:
            dry = step.get("dry") and getattr(self.library, operation)(**arguments, **{**change, "dry_run": True})
            self.result = getattr(self.library, operation)(**arguments, **change)
        except OperationFailed as failure:
            assert failure.status in expected, failure
            assert states_of(self.table) == files
            return False
        assert failure_expected(expected) is False, f"{operation} should have failed with {expected}"
        for name, kind in self.result._fields_:
            if dry and name.startswith(("rows", "files", "duplicates", "null_keys", "partitions")):
                assert getattr(dry, name) == getattr(self.result, name), f"the dry run says otherwise: {name}"
        return True

    def want(self, **counts):
        if self.kill is None:
            assert {name: getattr(self.result, name) for name in counts} == counts

    def do_import(self, step):
        source = self.source(step["rows"], step["row_group"])
        done = self.run("import_", step, table=self.table, source=source, partition_by=self.by,
                        rows_per_file=step["rows_per_file"], row_group_rows=step["row_group"])  # fmt: skip
        if done:
            self.want(rows=len(step["rows"]))
            self.model.insert(pq.read_table(source))
        return done

    def do_compact(self, step):
        partitions, where = self.scope(step)
        del where
        return self.run("compact", step, table=self.table, partitions=partitions, sort_by=step["sort_by"])

    def do_delete(self, step):
        partitions, scope = self.scope(step)
        rows = self.model.number(f"SELECT count(*) FROM t WHERE {scope}")
        if not self.run("delete", step, table=self.table, partitions=partitions, where=step["where"]):
            return False
        gone = self.model.delete(f"({scope}) AND ({step['where']})")
        self.want(rows_matched=gone, rows_deleted=gone, rows_unchanged=rows - gone, rows_updated=0)
        return True

    def do_update(self, step):
        partitions, scope = self.scope(step)
        rows = self.model.number(f"SELECT count(*) FROM t WHERE {scope}")
        where = step["where"]
        text = ", ".join(f"{name} = {expression}" for name, expression in step["set"])
        if not self.run("update", step, table=self.table, partitions=partitions, set=text, where=where):
            return False
        count = self.model.update(step["set"], f"({scope}) AND ({where or 'true'})")
        self.want(rows_matched=count, rows_updated=count, rows_unchanged=rows - count, rows_deleted=0)
        return True

    def do_upsert(self, step):
        before = self.model.table()
        source = self.source(step["rows"], step["row_group"])
        self.model.order(read_plainly_with(self.table, before.schema))
        counts = self.model.upsert(pq.read_table(source), step["keys"], step["columns"], step["last_wins"])
        done = self.run("upsert", step, (INVALID,) if counts is None else (), table=self.table, source=source,
                        keys=step["keys"], columns=step["columns"], last_wins=step["last_wins"])  # fmt: skip
        if done:
            self.want(**counts)
        else:
            self.model.load(before)
        return done

    def do_dedup(self, step):
        before = self.model.table()
        self.model.order(read_plainly_with(self.table, before.schema))
        counts = self.model.dedup(step["keys"], step["keep_last"])
        done = self.run("dedup", step, table=self.table, keys=step["keys"], keep_last=step["keep_last"])
        if done:
            self.want(**counts)
        else:
            self.model.load(before)
        return done

    def do_repartition(self, step):
        # Without a row there is no partition, which only a table without partition columns can do without.
        expected = () if self.model.number("SELECT count(*) FROM t") else (INVALID, UNSUPPORTED, None)
        done = self.run("repartition", step, expected, table=self.table, by=", ".join(step["by"]),
                        rows_per_file=step["rows_per_file"])  # fmt: skip
        if done:
            self.by = step["by"]
            rows = self.model.number("SELECT count(*) FROM t")
            self.want(rows_read=rows, rows_written=rows)
        return done

    def do_restore(self, step):
        """The last step is undone exactly. An earlier one is undone too, or is a conflict and changes nothing."""
        if not self.undo:
            return False
        if step["which"] < 0.8:
            backup, rows, files, directories, by = self.undo[-1]
            if backup is None or not self.run("restore", {}, backup=backup):
                return False
            self.undo.pop()
            self.model.load(rows)
            self.by = by
            assert states_of(self.table) == files
            assert directories_of(self.table) == directories
            return True
        backup = self.undo[int((step["which"] - 0.8) * 5 * len(self.undo))][0]
        if backup is None:
            return False
        added, kept = manifest_of(backup)
        files = [self.table / name for name in added]
        after = rows_of(self.model.table())
        if all(path.exists() for path in files):
            after -= sum_of(pq.ParquetFile(path).read() for path in files)
            after += sum_of(pq.ParquetFile(backup / name).read() for name in kept)
        if not self.run("restore", {}, (CONFLICT, None), backup=backup):
            return False
        differ("an older step undone", rows_of(read_plainly(self.table)), after)
        self.model.load(self.library.rows(self.table))
        (self.by,) = map(list, layouts_of(self.table))
        self.undo.clear()
        return True

    # ---- killed ----

    def run_killed(self, operation, arguments, expected):
        """Runs the command and kills it. True where the table is the new one, which only its files can say."""
        files = states_of(self.table)
        end = time.monotonic() + self.kill.uniform(0, 1.5 * statistics.median(self.seconds))
        journal = f"{self.table}.lamella/journal" if self.kill.random() < 0.6 else None  # else at that moment
        begun = time.monotonic()
        process = self.command.start(*command_line(operation, **arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and not (os.path.exists(journal) if journal else time.monotonic() > end):
            for _ in range(100):  # the journal is there for less than a call of poll takes
                if journal and os.path.exists(journal):
                    break
        if process.poll() is None:
            process.kill()
        else:
            self.seconds.append(time.monotonic() - begun)
        message = process.stderr.read().decode()
        code = process.wait()
        process.stderr.close()
        refused = (3 if CONFLICT in expected else 0) or (1 if expected else 0)
        assert code in (0, -9, refused), message
        seen = rows_of(self.library.rows(self.table))
        self.library.compact(self.table, min_files=1 << 30)  # a writer comes, and finishes what was left
        differ("a reader before the recovery", seen, rows_of(read_plainly(self.table)))
        return states_of(self.table) != files


def read_plainly_with(table, schema):
    """In the order of a scan, with every column of the model."""
    rows = read_plainly(table)
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field.name, pa.nulls(rows.num_rows, field.type))
    return rows.select(schema.names)


def failure_expected(expected):
    """None among them: it may also succeed."""
    return bool(expected) and None not in expected


def sum_of(tables):
    out = rows_of(SCHEMA.empty_table())
    for table in tables:
        out += rows_of(table)
    return out


def manifest_of(backup):
    """Data files that the operation added, and that the backup keeps. Names here need no escapes but those."""
    added, kept, directory = [], [], ""
    for line in (backup / "manifest").read_bytes().split(b"\n"):
        fields = [unescape(field) for field in line.split(b" ")]
        if fields[0] == "directory":
            directory = fields[2]
        elif fields[0] in ("add", "remove") and fields[1].endswith(".parquet"):
            (added if fields[0] == "add" else kept).append(os.path.join(directory, fields[1]))
    return added, kept


def unescape(field):
    out = bytearray()
    while field:
        if field[:1] == b"%":
            out.append(int(field[1:3], 16))
            field = field[3:]
        else:
            out += field[:1]
            field = field[1:]
    return out.decode()


def differ(who, found, expected):
    if found == expected:
        return
    missing, extra = expected - found, found - expected
    raise AssertionError(f"{who} has {sum(found.values())} rows, expected {sum(expected.values())}; "
                         f"missing {list(missing.items())[:3]}, extra {list(extra.items())[:3]}")  # fmt: skip


def command_line(operation, table=None, source=None, backup=None, partitions=(), mode=0, **rest):
    """The arguments of the command for what Library's methods take."""
    name = operation.rstrip("_")
    if name == "restore":
        return ["restore", backup, "--no-sync"]
    out = {"import": ["import", source, "--into", table], "upsert": ["upsert", table, "--from", source],
           "repartition": ["repartition", table, table]}.get(name, [name, table])  # fmt: skip
    for key, value in rest.items():
        option = "--" + {"keys": "key", "keep_last": "keep", "last_wins": "on-duplicate"}.get(key, key).replace("_", "-")
        if key == "where":
            value = value or "true"
        if key == "keep_last":
            value = "last" if value else "first"
        if key == "last_wins":
            value = "last" if value else "error"
        if isinstance(value, list):
            value = ",".join(value)
        if value or key == "by":
            out += [option, value]
    out += ["--backup", backup] if backup else []
    out += ["--mode", "append"] if mode else []
    for text in partitions:
        out += ["--partition", text]
    return [str(x) for x in [*out, "--no-sync"]]


# ---- sequences ----


def scratch():
    return tempfile.mkdtemp(prefix="lamella-model-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def play(start, steps, library, connection, kill_seed=None):
    """The index of the step that fails and why; None where none does. -1 is the start."""
    directory = scratch()
    at = -1
    try:
        kill = None if kill_seed is None else random.Random(kill_seed)
        world = World(directory, library, connection, kill, Command(directory))
        world.start(start)
        for at, step in enumerate(steps):
            world.step(step)
    except (AssertionError, OperationFailed, OSError, pa.ArrowException) as failure:
        return at, failure
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return None


def shrink(start, steps, library, connection, kill_seed):
    """Without each step, and then each row of the start, that the failure does not need."""
    at, failure = play(start, steps, library, connection, kill_seed) or (-1, None)
    if failure is None:
        return start, steps, "it does not fail again"
    steps = steps[: at + 1]
    for i in reversed(range(len(steps) - 1)):
        fewer = steps[:i] + steps[i + 1 :]
        if play(start, fewer, library, connection, kill_seed):
            steps = fewer
    for part in (16, 4, 1):
        for i in reversed(range(0, len(start["rows"]), part)):
            fewer = {**start, "rows": start["rows"][:i] + start["rows"][i + part :]}
            if fewer["rows"] and play(fewer, steps, library, connection, kill_seed):
                start = fewer
    return start, steps, play(start, steps, library, connection, kill_seed)


def run_sequences(count, killed, first=0):
    library, connection = Library(), connect()
    for i in range(first, first + count):
        seed = f"{SEED} {i}"
        rng = random.Random(seed)
        generator = Generator(rng, OPERATIONS)
        start, steps = generator.start(), [generator.step() for _ in range(rng.randrange(1, STEPS))]
        kill_seed = seed if killed(i) else None
        failed = play(start, steps, library, connection, kill_seed)
        if not failed:
            continue
        print(f"LAMELLA_TEST_SEED={SEED}, sequence {i}{', killed' if kill_seed else ''}, step {failed[0]}: {failed[1]}")
        if kill_seed is None:
            start, steps, failed = shrink(start, steps, library, connection, kill_seed)
        print(json.dumps(start, default=str), *[json.dumps(step, default=str) for step in steps], sep="\n")
        raise AssertionError(f"LAMELLA_TEST_SEED={SEED}, sequence {i}: {failed}")


def test_the_options_are_laid_out_as_in_the_header():
    """The structs of change_library.py are copies: sizes that differ are refused, and this says so first."""
    directory = pathlib.Path(scratch())
    try:
        world = World(directory, Library(), connect())
        world.start({"by": ["p"], "rows": [dict.fromkeys(SCHEMA.names)], "row_group": 1, "rows_per_file": 0})
        with pytest.raises(OperationFailed) as failure:
            world.library.compact(world.table, partitions=["p=none"])
        assert failure.value.status == NOT_FOUND
    finally:
        shutil.rmtree(directory)


@pytest.mark.bulk
def test_sequences():
    run_sequences(270, lambda _: False)


def test_sequences_killed():
    run_sequences(30, lambda _: True, first=270)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1000, 11000, 500))
def test_many_sequences(first):
    run_sequences(500, lambda i: i % 10 == 0, first)
