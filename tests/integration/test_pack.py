"""The pack: plan, count and cat of a table that has one, changed by ours and behind its back."""

import os
import time

import pyarrow as pa
import pytest


def columns(first, count=50):
    return pa.table({"id": list(range(first, first + count)), "s": [f"text {i}" for i in range(first, first + count)]})


@pytest.fixture
def trades(lamella, write):
    """12 files in 4 partitions, old enough to be trusted."""
    for d in range(4):
        for f in range(3):
            write(f"t/day=2024-01-0{d + 1}/{f}.parquet", columns(1000 * d + 100 * f))
    time.sleep(0.15)  # the clock's grain
    assert lamella.json("sidecar", "build", "t")["built"] == 12
    return lamella.directory / "t"


def plans(lamella, *arguments):
    by_pack = lamella.json("plan", "t", *arguments)
    by_files = lamella.json("plan", "t", "--check-files", *arguments)
    pack = lamella.directory / "t.lamella/pm/pack"
    if not pack.exists():
        return by_pack, by_files, by_files
    os.rename(pack, lamella.directory / "aside")
    by_footers = lamella.json("plan", "t", *arguments)
    os.rename(lamella.directory / "aside", pack)
    return by_pack, by_files, by_footers


def kept(plan):
    return [(f["path"], f["rows_kept"], f["ranges"]) for f in plan["files"] if f["verdict"] != "skipped"]


def want_same_plans(lamella):
    for where in ("id BETWEEN 1110 AND 1120", "day = DATE '2024-01-03' AND id < 2010", "s = 'text 3040'", "id < 0", "id IS NULL"):
        by_pack, by_files, by_footers = plans(lamella, "--where", where)
        assert kept(by_pack) == kept(by_files) == kept(by_footers), where
        rows = lamella.json("count", "t", "--where", where)["rows"]
        assert rows == lamella.json("count", "t", "--where", where, "--check-files")["rows"]
    return by_pack


def test_plans(lamella, trades):
    want_same_plans(lamella)
    plan = lamella.json("plan", "t", "--where", "id BETWEEN 1110 AND 1120")
    rules = [f["rule"] for f in plan["files"]]
    assert rules.count("statistics") == 11 and len(kept(plan)) == 1
    assert lamella.json("count", "t", "--where", "id >= 1000")["rows"] == 450
    # The files' bounds prove it: none is opened, not even one that is no Parquet any more.
    path = trades / "day=2024-01-01/0.parquet"
    with open(path, "r+b") as file:
        file.truncate(10)
    assert lamella.json("count", "t", "--where", "id >= 1000")["rows"] == 450
    assert "0.parquet" in lamella("count", "t", "--where", "id >= 1000", "--check-files", status=1).err


def test_other_programs(lamella, write, trades):
    write("t/day=2024-01-02/new.parquet", columns(1110, 10))
    want_same_plans(lamella)
    assert lamella.json("count", "t", "--where", "id = 1115")["rows"] == 2
    os.remove(trades / "day=2024-01-02/1.parquet")
    want_same_plans(lamella)
    assert lamella.json("count", "t", "--where", "id = 1115")["rows"] == 1
    write("t/day=2024-02-01/a/b.parquet", columns(1115, 1))
    os.rename(trades / "day=2024-01-04", trades / "day=2024-01-09")
    want_same_plans(lamella)
    assert lamella.json("count", "t", "--where", "id = 1115")["rows"] == 2
    assert lamella.json("count", "t", "--where", "day = DATE '2024-01-09'")["rows"] == 150


def test_our_changes_renew_it(lamella, trades):
    pack = lamella.directory / "t.lamella/pm/pack"
    before = pack.stat().st_ino
    lamella("compact", "t")
    assert pack.stat().st_ino != before
    want_same_plans(lamella)
    assert lamella.json("count", "t")["rows"] == 600
    before = pack.stat().st_ino
    lamella("delete", "t", "--where", "id >= 2000 AND id < 2100")
    assert pack.stat().st_ino != before
    want_same_plans(lamella)
    assert lamella.json("count", "t", "--where", "id BETWEEN 2000 AND 2200")["rows"] == 51
    assert lamella.json("sidecar", "check", "t")["faults"] == 0


def test_damage(lamella, trades):
    pack = lamella.directory / "t.lamella/pm/pack"
    data = bytearray(pack.read_bytes())
    data[300] ^= 1
    pack.write_bytes(data)
    result = lamella("count", "t", "--where", "id >= 1000")
    assert "450" in result.text and "the pack is not used" in result.err
    assert "checksum" in lamella("sidecar", "check", "t", status=4).text
    assert lamella.json("sidecar", "build", "t")["current"] == 12
    assert lamella.json("sidecar", "check", "t")["faults"] == 0
    pack.write_bytes(b"")
    want_same_plans(lamella)


def test_read_only_elsewhere(lamella, trades):
    """With --meta-dir the pack goes there."""
    lamella("sidecar", "build", "t", "--meta-dir", "state")
    assert (lamella.directory / "state/pm/pack").exists()
    assert lamella.json("count", "t", "--meta-dir", "state", "--where", "id < 100")["rows"] == 50


def destroy(path):
    """Every byte, in place and unseen."""
    state = path.stat()
    path.write_bytes(b"\xff" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("blooms", ["inline", "external"])
def test_partitions_touch_no_data_file(lamella, write, blooms):
    """The same by footers, sidecars and the pack, bounds too long for the pack included."""
    long = 50 * "long "
    for d in range(3):
        write(f"t/day={d}/a.parquet", pa.table({"n": [d, None, d + 5], "s": [long + "a", long + chr(98 + d), "x"],
                                                "l": [[1], [2, 3], None]}), bloom_filter_options={"n": {"ndv": 3}})
        write(f"t/day={d}/b.parquet", pa.table({"m": [float(d), float("nan")], "b": [b"\xff" * 100, b"\xff" * 70]}))
    time.sleep(0.15)
    command = ["partitions", "t", "--columns", "n,s,day,b,m"]
    before = lamella.json(*command)
    column = before["partitions"][2]["columns"][1]
    assert column["min"] == long + "a" and column["max"] == "x" and column["min_exact"]
    lamella("sidecar", "build", "t", *(["--bloom", "inline"] if blooms == "inline" else []))
    for path in (lamella.directory / "t").rglob("*.parquet"):
        destroy(path)
    assert lamella.json(*command) == before
    (lamella.directory / "t.lamella/pm/pack").unlink()
    assert lamella.json(*command) == before
    assert lamella.json(*command, "--check-files") == before


def test_an_older_form_is_made_anew(lamella, trades):
    pack = lamella.directory / "t.lamella/pm/pack"
    data = bytearray(pack.read_bytes())
    data[7] = ord("1")
    pack.write_bytes(data)
    result = lamella("count", "t", "--where", "id >= 1000")
    assert "450" in result.text and result.err == ""
    assert "form 1" in lamella("count", "t", "--log-level", "info").err
    lamella("delete", "t", "--where", "id = 1")
    assert pack.read_bytes()[:8] == b"LAMPACK2"


def test_two_columns_of_one_name(lamella, write):
    """Each has its own bounds; found by fuzzing."""
    for i in range(3):
        write(f"t/{i}.parquet", pa.Table.from_arrays([pa.array([10 * i, 10 * i + 1]), pa.array([500 + i, 700])], names=["a", "a"]))
    time.sleep(0.15)
    assert lamella.json("sidecar", "build", "t")["built"] == 3
    assert lamella.json("count", "t")["rows"] == 6
    assert lamella.json("partitions", "t")["partitions"][0]["rows"] == 6
