"""Sidecars used by themselves: what reads a table reads no footer; what is wrong with a sidecar is no error."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import files_of

WHERE = "id BETWEEN 120 AND 130 OR s LIKE 'x7%'"


@pytest.fixture
def table(lamella, write):
    """Three partitions of 300 rows in row groups of 100, with and without sidecars."""
    for day in range(3):
        ids = list(range(day * 100, day * 100 + 300))
        write(f"t/day={day}/a.parquet",
              pa.table({"id": ids, "s": [f"x{i}" if i % 7 else None for i in ids], "v": [i / 3 for i in ids],
                        "l": [[i, None] if i % 3 else None for i in ids]}),
              row_group_size=100, write_page_index=True)
    return lamella.directory / "t"


def readings(lamella):
    """What the reading commands say, but for times."""
    out = [lamella("cat", "t", "--where", WHERE, "--format", "json").out, lamella("cat", "t", "--format", "json").out,
           lamella("count", "t", "--where", WHERE).out, lamella("count", "t").out]
    return out + [lamella.json(*command) for command in (["plan", "t", "--where", WHERE], ["partitions", "t"])]


def destroy_footer(path):
    """In place and unseen: only who reads the footer notices."""
    state = path.stat()
    with open(path, "r+b") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        file.write(b"\xff" * (length + 8))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def sidecars(lamella):
    return sorted((lamella.directory / "t.lamella/pm").rglob("*._pm"))


def test_no_byte_of_a_footer_is_read(lamella, table):
    before = readings(lamella)
    lamella("sidecar", "build", "t")
    (lamella.directory / "t.lamella/pm/pack").unlink(missing_ok=True)
    for path in files_of(table):
        destroy_footer(path)
    assert readings(lamella) == before
    assert len(lamella("verify", "t", status=4).text.splitlines()) >= 3


@pytest.mark.parametrize("damage", ["missing", "damaged", "cut", "empty", "stale", "touched", "of others"])
def test_what_is_wrong_is_no_error(lamella, table, damage):
    lamella("sidecar", "build", "t")
    before = readings(lamella)
    made = {p: p.read_bytes() for p in sidecars(lamella)}
    path, file = sidecars(lamella)[1], files_of(table)[1]
    if damage == "missing":
        path.unlink()
    elif damage == "damaged":
        path.write_bytes(made[path][:200] + bytes([made[path][200] ^ 1]) + made[path][201:])
    elif damage in ("cut", "empty"):
        path.write_bytes(made[path][:100 if damage == "cut" else 0])
    elif damage == "stale":
        shutil.copy(sidecars(lamella)[0], path)
    elif damage == "touched":
        os.utime(file, ns=(1, 1))
    else:
        path.write_bytes((2 ** 40).to_bytes(8, "little") + made[path][8:])
    log = lamella("cat", "t", "--where", WHERE, "--format", "json", "--log-level", "info")
    assert log.out == before[0]
    assert "anew" in log.err and "day=1" in log.err
    if damage != "touched":
        assert path.read_bytes() == made[path]
    assert "anew" not in lamella("count", "t", "--log-level", "info").err
    assert readings(lamella) == before
    assert lamella.json("sidecar", "check", "t")["faults"] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_state(lamella, table):
    lamella("sidecar", "build", "t")
    before = readings(lamella)
    sidecars(lamella)[1].write_bytes(b"x" * 100)
    directories = [lamella.directory / "t.lamella/pm", sidecars(lamella)[1].parent]
    for directory in directories:
        directory.chmod(0o555)
    try:
        assert readings(lamella) == before
        assert "not used" in lamella("count", "t", "--log-level", "info").err
    finally:
        for directory in directories:
            directory.chmod(0o755)
    assert sidecars(lamella)[1].read_bytes() == b"x" * 100


def test_a_table_without_sidecars_gets_none(lamella, table):
    readings(lamella)
    assert not (lamella.directory / "t.lamella").exists()


def test_lone_layout(lamella, write):
    path = write("d/data.parquet", {"id": list(range(10))})
    lamella("cat", path)
    assert not (lamella.directory / "d/_pm").exists()
    lamella("sidecar", "build", path)
    before = lamella("cat", path, "--where", "id > 7").out
    destroy_footer(path)
    assert lamella("cat", path, "--where", "id > 7").out == before
    (lamella.directory / "d/_pm").write_bytes(b"")
    write("d/data.parquet", {"id": [8, 9]})
    assert lamella("cat", path, "--where", "id > 7").out == before
    destroy_footer(path)
    assert lamella("cat", path, "--where", "id > 7").out == before


def test_each_byte_flipped(lamella, write):
    """Refused or harmless, never a wrong row; test_pm_file.c flips all of them."""
    write("t/a.parquet", {"id": [1, 5], "s": ["a", "longer than eight"]})
    lamella("sidecar", "build", "t")
    path = sidecars(lamella)[0]
    data = path.read_bytes()
    before = lamella("cat", "t", "--where", "id > 2 OR s < 'b'").out
    for i in range(0, len(data), 211):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1:])
        assert lamella("cat", "t", "--where", "id > 2 OR s < 'b'").out == before, i


def test_in_step_with_commits(lamella, write):
    for name in ("day=0/a", "day=0/b", "day=1/a"):
        write(f"t/{name}.parquet", {"id": [1, 2, 3], "day": [int(name[4])] * 3})
    lamella("sidecar", "build", "t")
    table = lamella.directory / "t"
    for command in (["compact", "t"], ["import", table / "day=1/a.parquet", "--into", "t", "--partition-by", "day"],
                    ["delete", "t", "--where", "id = 2"]):
        lamella(*command)
        made = {str(p.relative_to(lamella.directory / "t.lamella/pm"))[:-4] for p in sidecars(lamella)}
        assert made == {str(p.relative_to(table)) for p in files_of(table)}, command
        assert lamella.json("sidecar", "check", "t") == {"files": len(made), "missing": 0, "faults": 0}
    assert lamella.json("sidecar", "build", "t")["built"] == 0
    assert lamella("count", "t").text.split()[-1] == "8"


def test_copying_row_groups_is_the_same_with_sidecars(lamella, write):
    for name in ("t", "u"):
        for i in range(3):
            write(f"{name}/{i}.parquet", {"id": list(range(i * 50, i * 50 + 50)), "s": [f"x{k}" for k in range(50)]},
                  write_page_index=True)
    lamella("sidecar", "build", "t")
    for name in ("t", "u"):
        lamella("compact", name)
    a, b = (files_of(lamella.directory / name) for name in ("t", "u"))
    assert [p.read_bytes() for p in a] == [p.read_bytes() for p in b]


def test_orphans_are_swept(lamella, table):
    lamella("sidecar", "build", "t")
    shutil.rmtree(table / "day=2")
    lamella("sidecar", "build", "t", "--partition", "day=1")
    assert len(sidecars(lamella)) == 3
    lamella("sidecar", "build", "t")
    assert len(sidecars(lamella)) == 2 and not (lamella.directory / "t.lamella/pm/day=2").exists()


def test_a_delete_keeps_the_sorting_of_a_file_with_a_sidecar(lamella, write):
    path = write("t/a.parquet", pa.table({"k": list(range(1000))}), sorting_columns=[pq.SortingColumn(0, nulls_first=True)])
    lamella("sidecar", "build", "t")
    lamella("delete", "t", "--where", "k = 5")
    meta = pq.read_metadata(files_of(path.parent)[0])
    assert meta.num_rows == 999
    assert meta.row_group(0).sorting_columns == (pq.SortingColumn(0, False, True),)
