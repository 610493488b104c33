"""Work within --memory-limit: it spills, or fails with a sentence that names the limit; the process stays small."""

import os
import pathlib
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY
from tables import bytes_of, column, files_of, no_stage

LIMIT = 64_000_000
# The program, the C library and buffers of the system's own, beside what the budget counts.
BESIDE = 24_000_000
SANITIZED = b"__asan_init" in pathlib.Path(BINARY).read_bytes() if pathlib.Path(BINARY).exists() else False


# A process starts with the peak of the one that it was forked from: a small interpreter stands between.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT).returncode
print(f"\\n{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}")
sys.exit(code)
"""


def run(directory, *arguments):
    """Status, what was printed, peak resident bytes."""
    command = [BINARY, "--memory-limit", str(LIMIT), *map(str, arguments)]
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], cwd=directory, capture_output=True, text=True)
    printed, _, peak = done.stdout.rstrip().rpartition("\n")
    return done.returncode, printed + done.stderr, int(peak)


def small(peak):
    return SANITIZED or peak <= LIMIT + BESIDE


def huge(path, first, rows=100, size=300_000):
    texts = [os.urandom(size // 2).hex() for _ in range(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({"id": list(range(first, first + rows)), "text": texts}), path, compression="none", use_dictionary=False
    )


def many(table, files=4, rows=200_000):
    table.mkdir()
    for f in range(files):
        ids = range(f * rows, (f + 1) * rows)
        columns = {"id": list(ids), "k": [i * 7919 % 1_000_003 for i in ids], "g": [i % 10 for i in ids]}
        columns["text"] = [f"the text of row number {i}, of some length" for i in ids]
        pq.write_table(pa.table(columns), table / f"f{f}.parquet")


@pytest.mark.bulk
@pytest.mark.parametrize("sorting", [[], ["--sort-by", "id desc"]], ids=["in order", "sorted"])
def test_one_row_group_of_huge_strings(tmp_path, sorting):
    table = tmp_path / "t"
    huge(table / "a.parquet", 0, rows=220)
    huge(table / "b.parquet", 220, rows=20)
    wanted = dict(zip(column(table, "id"), column(table, "text")))
    status, printed, peak = run(tmp_path, "compact", "t", "--target-size", "1GB", *sorting)
    assert small(peak), f"{peak:,}"
    if status != 0:
        assert "limit" in printed
        return
    ids = column(table, "id")
    assert ids == sorted(wanted, reverse=bool(sorting)) and len(files_of(table)) == 1
    assert dict(zip(ids, column(table, "text"))) == wanted


@pytest.mark.bulk
def test_a_value_above_the_limit(tmp_path):
    table = tmp_path / "t"
    huge(table / "a.parquet", 0, rows=1, size=90_000_000)
    huge(table / "b.parquet", 1, rows=1, size=10)
    before, big = bytes_of(table), ["--max-file-size", "200MB", "--target-size", "1GB"]
    status, printed, peak = run(tmp_path, "compact", "t", *big, "--compression", "zstd")
    assert status == 1 and "limit" in printed, printed
    assert small(peak), f"{peak:,}"
    assert bytes_of(table) == before
    no_stage(table)
    sizes = [len(text) for text in column(table, "text")]
    status, printed, peak = run(tmp_path, "compact", "t", *big)  # copied as bytes, it needs no memory
    assert status == 0, printed
    assert small(peak), f"{peak:,}"
    assert [len(text) for text in column(table, "text")] == sizes == [90_000_000, 10]
    assert len(files_of(table)) == 1


@pytest.mark.bulk
def test_sorting_spills(tmp_path):
    table = tmp_path / "t"
    many(table)
    rows = sorted(zip(column(table, "k"), column(table, "id"), column(table, "text")))
    status, printed, peak = run(tmp_path, "compact", "t", "--sort-by", "k,id")
    assert status == 0, printed
    assert small(peak), f"{peak:,}"
    assert list(zip(column(table, "k"), column(table, "id"), column(table, "text"))) == rows


@pytest.mark.bulk
def test_partitioning_spills(tmp_path):
    many(tmp_path / "source")
    status, printed, peak = run(tmp_path, "import", "source", "--into", "t", "--partition-by", "g")
    assert status == 0, printed
    assert small(peak), f"{peak:,}"
    for g in range(10):
        ids = column(tmp_path / "t" / f"g={g}", "id")
        assert ids == list(range(g, 800_000, 10))


def test_pages_larger_than_the_limit_are_copied_as_bytes(tmp_path, lamella):
    """A page is decoded whole; one of 90 MB does not fit, but its row group can be copied."""
    table = tmp_path / "t"
    table.mkdir()
    for f in range(3):
        texts = [f"{f}-{i}-" + "lamella " * 37_500 for i in range(300)]
        pq.write_table(
            pa.table({"id": list(range(f * 300, f * 300 + 300)), "text": texts}), table / f"f{f}.parquet",
            compression="zstd", use_dictionary=False, data_page_size=1 << 30, write_batch_size=300,
        )
    status, printed, peak = run(tmp_path, "--json", "compact", "t")
    assert status == 0, printed
    assert '"row_groups_copied": 3' in printed and '"files_after": 1' in printed
    assert small(peak), peak
    texts = pq.read_table(table, columns=["text"])["text"].to_pylist()
    assert [t[:8] for t in texts] == [f"{f}-{i}-lamella"[:8] for f in range(3) for i in range(300)]
    assert {len(t) for t in texts} == {len(f"0-{i}-") + 300_000 for i in (1, 10, 100)}

    status, printed, peak = run(tmp_path, "compact", "t", "--compression", "snappy", "--target-size", "1GB", "--sort-by", "id")
    assert status == 1 and "memory limit of 64000000 bytes" in printed, printed
    assert small(peak), peak
