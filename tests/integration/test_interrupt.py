"""Ctrl-C and SIGTERM during every command that changes a table: status 130 and nothing changed, or done and 0."""

import shutil
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, no_stage, read_table

ROWS, FILES, PARTITIONS = 4000, 3, 4

COMMANDS = {
    "compact": ["compact", "t"],
    "import": ["import", "source.parquet", "--into", "t", "--partition-by", "g"],
    "delete": ["delete", "t", "--where", "text LIKE '%7'"],
    "append": ["delete", "t", "--where", "id = 1", "--mode", "append"],
    "update": ["update", "t", "--set", "text = 'new'", "--where", "id > 5"],
    "upsert": ["upsert", "t", "--from", "source.parquet", "--key", "id"],
    "dedup": ["dedup", "t", "--key", "text"],
    "repartition": ["repartition", "t", "t", "--by", "h"],
    "restore": ["restore", "backup"],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tables are made once and copied: of a restored one the times count."""
    root = tmp_path_factory.mktemp("whole")
    for g in range(PARTITIONS):
        for f in range(FILES):
            first = (g * FILES + f) * ROWS
            ids = pa.array(range(first, first + ROWS), pa.int64())
            rows = pa.table({"id": ids, "g": pa.array([g] * ROWS, pa.int32()), "h": pa.array([i % 5 for i in range(ROWS)],
                             pa.int32()), "text": [f"row {i % 9000}" for i in range(first, first + ROWS)]})  # fmt: skip
            path = root / "t" / f"g={g}" / f"f{f}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, row_group_size=1000)
    shutil.copy(path, root / "source.parquet")
    return root


def rows_of(table):
    return sorted(zip(*read_table(table).to_pydict().values()))


@pytest.mark.parametrize("name", COMMANDS)
def test_interrupted(lamella, tmp_path, whole, name):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    if name == "restore":
        lamella("compact", "t", "--backup", "backups")
        next((tmp_path / "backups").iterdir()).rename(tmp_path / "backup")
    table = tmp_path / "t"
    look = bytes_of if name != "append" else rows_of  # what was appended in vain stays, behind it the old footer
    before = look(table)
    interrupted, delay = 0, 0.0
    for attempt in range(12):
        number = (signal.SIGINT, signal.SIGTERM)[attempt % 2]
        running = lamella.start("--threads", "1", *COMMANDS[name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        begun = time.monotonic()
        while running.poll() is None and not any((tmp_path / "t.lamella" / "stage").glob("*")):
            time.sleep(0.001)
            assert time.monotonic() < begun + 60
        time.sleep(delay)
        running.send_signal(number)
        out, message = running.communicate(timeout=60)
        if running.returncode == 0:
            assert look(table) != before and out
            no_stage(table)
            return
        assert running.returncode == 130, message
        interrupted += 1
        delay += 0.01
        assert look(table) == before and out == b""
        no_stage(table)
    assert interrupted
