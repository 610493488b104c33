"""Two writers and three readers on one table at once: what each of them gets is that of some serial order.

The order is that of the commits' sequence numbers. Operations are chosen so that their order shows in the rows: v = c - v
does not commute. After the last one, all are replayed in that order; the table, and what every reader saw, must be
states of the replay. A conflict has status 3 and changes nothing, so it is not replayed."""

import csv
import io
import itertools
import json
import random
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import SEED
from tables import no_stage

GROUPS = ["a", "b/c", "d e"]
IDS = 120


class Writer(threading.Thread):
    def __init__(self, lamella, directory, number, steps, seconds, mode):
        super().__init__()
        self.lamella, self.directory, self.number = lamella, directory, number
        self.steps, self.seconds = steps, seconds
        self.mode = ["--mode", mode]
        self.rng = random.Random(f"{SEED} writer {number}")
        self.fresh = 1_000_000 * (number + 1)
        self.log = []  # (sequence, operation and what it needs)
        self.conflicts = 0
        self.failure = None

    def run(self):
        try:
            end = time.monotonic() + self.seconds
            for step in itertools.count():
                if step >= self.steps and time.monotonic() >= end:
                    break
                self.step(step)
        except Exception as failure:  # for the test to raise
            self.failure = failure

    def command(self, effect, *arguments):
        """The sequence of its commit; None after a conflict."""
        process = self.lamella.start("--json", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=300)
        result = json.loads(out or b"{}")
        if process.returncode == 1 and result.get("status") == "not found" and "--partition" in arguments:
            return None  # of no row any more
        assert process.returncode in (0, 3), (arguments, process.returncode, result, err.decode())
        if process.returncode == 3:
            assert result["status"] == "conflict" and "nothing was changed" in result["error"], result
            self.conflicts += 1
            return None
        if result["sequence"]:
            self.log.append((result["sequence"], effect))
        return result["sequence"]

    def source(self, rows):
        path = self.directory / f"source{self.number}.parquet"
        columns = {"id": pa.array([r[0] for r in rows], pa.int64()), "g": [r[1] for r in rows],
                   "v": pa.array([r[2] for r in rows], pa.int64())}  # fmt: skip
        pq.write_table(pa.table(columns), path)
        return path

    def step(self, step):
        rng = self.rng
        low = rng.randrange(IDS)
        high = low + rng.randrange(6)
        group, c = rng.choice(GROUPS), rng.randrange(100)
        kind = rng.choice(["delete", "update", "update", "move", "upsert", "upsert", "import", "compact", "undo", "dedup", "repartition"])
        if kind == "delete":
            self.command((kind, low, high), "delete", "t", "--where", f"id BETWEEN {low} AND {high}",
                         *self.mode)  # fmt: skip
        elif kind == "update":
            self.command((kind, group, c), "update", "t", "--set", f"v = {c} - v", "--where", f"g = '{group}'",
                         *self.mode)  # fmt: skip
        elif kind == "move":
            self.command((kind, low, high, group), "update", "t", "--set", f"g = '{group}'", "--where",
                         f"id BETWEEN {low} AND {high}")  # fmt: skip
        elif kind == "upsert":
            rows = [(i, rng.choice(GROUPS), rng.randrange(1000)) for i in rng.sample(range(IDS), 5)]
            self.command((kind, rows), "upsert", "t", "--from", self.source(rows), "--key", "id", *self.mode)
        elif kind == "import":
            rows = [(self.fresh + i, rng.choice(GROUPS), c) for i in range(3)]
            self.fresh += 3
            self.command((kind, rows), "import", self.source(rows), "--into", "t", "--partition-by", "g")
        elif kind == "compact":
            self.command((kind,), "compact", "t")
        elif kind == "repartition":
            self.command((kind,), "repartition", "t", "t", "--by", "g", "--rows-per-file", "15", "--row-group-rows", "5",
                         *rng.choice([[], ["--partition", f"g={group}"]]))  # fmt: skip
        elif kind == "dedup":
            self.command((kind,), "dedup", "t", "--key", "id")
        else:
            kept = self.directory / f"backup{self.number}-{step}"
            done = self.command(("update", group, c), "update", "t", "--set", f"v = {c} - v", "--where",
                                f"g = '{group}'", "--backup", kept)  # fmt: skip
            if done:
                (backup,) = kept.iterdir()
                self.command(("undo", done), "restore", backup)


class Replay:
    def __init__(self, rows):
        self.rows = {row[0]: (row[1], row[2]) for row in rows}
        self.before = {}  # sequence: rows that an update changed, as they were

    def apply(self, sequence, effect):
        kind = effect[0]
        rows = self.rows
        if kind == "delete":
            for i in range(effect[1], effect[2] + 1):
                rows.pop(i, None)
        elif kind == "update":
            self.before[sequence] = {i: row for i, row in rows.items() if row[0] == effect[1]}
            rows.update({i: (g, effect[2] - v) for i, (g, v) in self.before[sequence].items()})
        elif kind == "move":
            rows.update({i: (effect[3], rows[i][1]) for i in range(effect[1], effect[2] + 1) if i in rows})
        elif kind in ("upsert", "import"):
            rows.update({i: (g, v) for i, g, v in effect[1]})
        elif kind == "undo":
            rows.update(self.before[effect[1]])
        return self.state()

    def state(self):
        return tuple(sorted((i, g, v) for i, (g, v) in self.rows.items()))


def read(lamella):
    text = lamella("cat", "t", "--columns", "id,g,v", "--format", "csv").text
    rows = list(csv.reader(io.StringIO(text)))[1:]
    return tuple(sorted((int(i), g, int(v)) for i, g, v in rows))


class Reader(threading.Thread):
    def __init__(self, lamella, writers, stop):
        super().__init__()
        self.lamella, self.writers, self.stop = lamella, writers, stop
        self.seen = []  # (the last commit that was made before, the state)
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                made = max([entry[0] for w in self.writers for entry in list(w.log)], default=0)
                self.seen.append((made, read(self.lamella)))
        except Exception as failure:
            self.failure = failure


def run(lamella, tmp_path, mode, steps=0, seconds=0):
    """So many steps of each writer, and for as long."""
    print(f"LAMELLA_TEST_SEED={SEED}")
    writers = [Writer(lamella, tmp_path, i, steps, seconds, mode) for i in range(2)]
    rows = [(i, GROUPS[i % 3], i) for i in range(IDS)]
    lamella("import", writers[0].source(rows), "--into", "t", "--partition-by", "g", "--rows-per-file", "15",
            "--row-group-rows", "5")  # fmt: skip
    stop = threading.Event()
    readers = [Reader(lamella, writers, stop) for _ in range(3)]
    for thread in [*writers, *readers]:
        thread.start()
    for writer in writers:
        writer.join()
    stop.set()
    for reader in readers:
        reader.join()
    for thread in [*writers, *readers]:
        if thread.failure:
            raise thread.failure
    log = sorted(entry for writer in writers for entry in writer.log)
    assert len({sequence for sequence, _ in log}) == len(log), "two commits with one sequence"
    replay = Replay(rows)
    states = {1: replay.state()}  # by sequence; the import is the first commit
    for sequence, effect in log:
        states[sequence] = replay.apply(sequence, effect)
    found = read(lamella)
    assert found == replay.state(), (set(found) ^ set(replay.state()), log)
    for reader in readers:
        last = 1
        assert reader.seen
        for made, state in reader.seen:
            # Not older than what was committed before, nor than what this reader has seen.
            last = next((s for s in sorted(states) if s >= max(made, last) and states[s] == state), None)
            assert last is not None, (made, sorted(s for s in states if states[s] == state))
    assert lamella.json("verify", "t")["faults"] == 0
    no_stage(tmp_path / "t")
    print(f"{len(log)} commits, {sum(w.conflicts for w in writers)} conflicts, {sum(len(r.seen) for r in readers)} reads")


@pytest.mark.parametrize("mode", ["rewrite", "append"])
def test_two_writers_and_three_readers(lamella, tmp_path, mode):
    run(lamella, tmp_path, mode, steps=25)


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["rewrite", "append"])
def test_two_writers_and_three_readers_for_a_minute(lamella, tmp_path, mode):
    run(lamella, tmp_path, mode, steps=200, seconds=60)
