"""sidecar build, check and show, on trees that pyarrow wrote: the files stay as they are."""

import datetime
import os
import pty
import shutil
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import files_of


def states(directory):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files_of(directory)}


def test_build_and_check_a_table(lamella, write):
    table = pa.table({"id": [1, 2, 3], "s": ["a", "longer than eight", None]})
    for day in range(3):
        write(f"t/day={day}/a.parquet", table)
    root = lamella.directory / "t"
    before = states(root)
    done = lamella.json("sidecar", "build", "t")
    assert (done["files"], done["built"], done["current"], done["failed"]) == (3, 3, 0, 0)
    sidecars = sorted((lamella.directory / "t.lamella/pm").rglob("*._pm"))
    assert [str(p.relative_to(lamella.directory)) for p in sidecars] == [
        f"t.lamella/pm/day={day}/a.parquet._pm" for day in range(3)]
    assert done["bytes"] == sum(p.stat().st_size for p in sidecars)
    assert states(root) == before
    # Up-to-date ones are passed over, by size, inode and time.
    assert lamella.json("sidecar", "build", "t")["current"] == 3
    assert lamella.json("sidecar", "build", "t", "--force")["built"] == 3
    sidecars[0].unlink()
    done = lamella.json("sidecar", "build", "t", "--partition", "day=0")
    assert (done["files"], done["built"]) == (1, 1)
    assert lamella.json("sidecar", "check", "t") == {"files": 3, "missing": 0, "faults": 0}
    # A file that something else rewrote: stale, and built anew.
    write("t/day=1/a.parquet", pa.table({"id": [9], "s": ["z"]}))
    assert "stale" in lamella("sidecar", "check", "t", status=4).text
    done = lamella.json("sidecar", "build", "t")
    assert (done["built"], done["current"]) == (1, 2)
    assert lamella.json("sidecar", "check", "t")["faults"] == 0


def test_damage_is_a_fault_and_repaired(lamella, write):
    write("t/a.parquet", {"id": list(range(100))})
    lamella("sidecar", "build", "t")
    path = lamella.directory / "t.lamella/pm/a.parquet._pm"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert "CRC" in lamella("sidecar", "check", "t", status=4).text


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_build_that_is_stopped_goes_on_where_it_was(lamella, write, how):
    count = 200
    path = write("t/d=0/0.parquet", {"id": list(range(50)), "s": [f"x{i}" for i in range(50)]})
    for i in range(1, count):
        copy = lamella.directory / f"t/d={i % 20}/{i}.parquet"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    (lamella.directory / "t/d=0/bad.parquet").write_bytes(b"PAR1")
    before, rows = states(lamella.directory / "t"), lamella("count", "t", "--partition", "d=1", "--where", "id > 40").out
    stopped = 0
    for _ in range(20):
        shutil.rmtree(lamella.directory / "t.lamella", ignore_errors=True)
        run = lamella.start("sidecar", "build", "t", "--threads", "2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pm = lamella.directory / "t.lamella/pm"
        while run.poll() is None and not (pm.exists() and list(pm.rglob("*._pm"))):
            time.sleep(0.001)
        run.send_signal(how)
        run.wait()
        made = len(list(pm.rglob("*._pm")))
        stopped += 0 < made < count
        assert states(lamella.directory / "t") == before
        assert lamella("count", "t", "--partition", "d=1", "--where", "id > 40").out == rows
        made = len(list(pm.rglob("*._pm")))  # readers make what is missing
        done = lamella.json("sidecar", "build", "t", status=4)
        assert (done["current"], done["built"], done["failed"]) == (made, count - made, 1)
        assert lamella.json("sidecar", "check", "t") == {"files": count + 1, "missing": 1, "faults": 0}
        if stopped == 2:
            break
    assert stopped and states(lamella.directory / "t") == before


def test_empty_and_corrupt_files_are_listed(lamella, write):
    write("t/good.parquet", {"id": [1]})
    (lamella.directory / "t/empty.parquet").touch()
    (lamella.directory / "t/bad.parquet").write_bytes(b"PAR1" + b"\xff" * 100 + b"\x60\0\0\0PAR1")
    done = lamella("sidecar", "build", "t", status=4)
    lines = [line for line in done.text.splitlines() if line.startswith("t/")]
    assert sorted(line.split(":")[0] for line in lines) == ["t/bad.parquet", "t/empty.parquet"]
    assert (lamella.directory / "t.lamella/pm/good.parquet._pm").exists()
    assert lamella.json("sidecar", "check", "t") == {"files": 3, "missing": 2, "faults": 0}


def test_lone_layout(lamella, write):
    path = write("d/data.parquet", {"id": [1, 2]})
    write("d2/other.parquet", {"id": [1]})
    lamella("sidecar", "build", path)
    assert (lamella.directory / "d/_pm").exists() and not (lamella.directory / "d.lamella").exists()
    assert lamella.json("sidecar", "check", path)["faults"] == 0
    for name in ("d", "d/_pm", "d/data.parquet"):
        assert lamella.json("sidecar", "show", name)["file_size"] == path.stat().st_size
    assert "data.parquet" in lamella("sidecar", "build", "d2/other.parquet", status=1).err


def test_show(lamella, write):
    time = pa.array([datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 2)], pa.timestamp("us", "UTC"))
    schema = pa.schema([pa.field("ts", time.type, nullable=False), ("n", pa.struct([("x", pa.int64())])), ("s", "string")])
    table = pa.table([time, [{"x": 5}, None], ["b", "a longer string"]], schema)
    path = write("d/data.parquet", table, sorting_columns=[pq.SortingColumn(0)], store_schema=False)
    lamella("sidecar", "build", path)
    shown = lamella.json("sidecar", "show", "d")
    assert [c["path"] for c in shown["leaves"]] == ["ts", "n.x", "s"]
    assert [c["designated"] for c in shown["leaves"]] == [True, False, False]
    assert [c["type"] for c in shown["leaves"]] == [8, 6, 26]
    group = pq.ParquetFile(path).metadata.row_group(0)
    for c, chunk in enumerate(shown["chunks"]):
        column = group.column(c)
        assert chunk["values"] == column.num_values and chunk["size"] == column.total_compressed_size
        assert chunk["offset"] == column.dictionary_page_offset and chunk["nulls"] == column.statistics.null_count
    assert shown["chunks"][2]["min"] == "a longer string" and shown["chunks"][2]["max"] == "b"
    text = lamella("sidecar", "show", "d").text
    assert "n.x" in text and "a longer string" in text


def test_show_a_file_of_a_table(lamella, write):
    write("t/d=1/e=2/a.parquet", {"id": [1, 2, 3]})
    path = write("t/b.parquet", {"id": [4]})
    lamella("sidecar", "build", "t")
    assert lamella.json("sidecar", "show", "t/d=1/e=2/a.parquet")["chunks"][0]["max"] == "3"
    assert lamella.json("sidecar", "show", path)["file_size"] == path.stat().st_size
    lamella("sidecar", "build", "t", "--meta-dir", "elsewhere")
    shutil.rmtree(lamella.directory / "t.lamella")
    lamella("sidecar", "show", "t/b.parquet", status=1)
    assert lamella.json("sidecar", "show", "t/b.parquet", "--meta-dir", "elsewhere")["chunks"][0]["min"] == "4"


def test_show_an_older_state(lamella, write):
    path = write("t/a.parquet", {"id": list(range(1000))}, row_group_size=100)
    lamella("sidecar", "build", "t")
    size = path.stat().st_size
    lamella("delete", "t", "--where", "id = 5", "--mode", "append")
    assert path.stat().st_size > size
    now, then = lamella.json("sidecar", "show", path), lamella.json("sidecar", "show", path, "--snapshot", size)
    assert then["file_size"] == size and now["file_size"] == path.stat().st_size
    assert now["previous"] == then["bytes"] and now["dead_bytes"] > then["dead_bytes"] == 0
    assert [sum(c["values"] for c in shown["chunks"]) for shown in (then, now)] == [1000, 999]
    assert "stale" in lamella("sidecar", "show", path, "--snapshot", size + 1, status=1).err


def test_progress_bar_of_a_build(lamella, write):
    for i in range(3):
        write(f"t/{i}.parquet", {"id": list(range(1000))})
    main, other = pty.openpty()
    run = lamella.start("sidecar", "build", "t", stdout=subprocess.DEVNULL, stderr=other)
    os.close(other)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:
        pass
    os.close(main)
    assert run.wait(60) == 0 and b"sidecar build: " in shown


def test_inline_bloom(lamella, write):
    write("t/a.parquet", {"s": [f"value {i}" for i in range(5000)]})
    lamella("import", "t/a.parquet", "--into", "u", "--bloom", "s")
    assert lamella.json("sidecar", "build", "u")["built"] == 1
    small = next((lamella.directory / "u.lamella/pm").rglob("*._pm")).stat().st_size
    assert lamella.json("sidecar", "build", "u", "--bloom", "inline")["built"] == 1
    assert next((lamella.directory / "u.lamella/pm").rglob("*._pm")).stat().st_size > small + 4096
    assert lamella.json("sidecar", "check", "u")["faults"] == 0


def test_usage(lamella, write):
    write("t/a.parquet", {"id": [1]})
    assert "build, show or check" in lamella("sidecar", "make", "t", status=2).err
    assert "--bloom" in lamella("sidecar", "build", "t", "--bloom", "yes", status=2).err
    lamella("sidecar", "build", "none", status=1)
    lamella("sidecar", "show", "none", status=1)
    os.rename(lamella.directory / "t", lamella.directory / "s")
    assert lamella.json("sidecar", "check", "s")["missing"] == 1
