"""Wide and large files: the work grows with them no faster than they do, and memory stays within the limit."""

import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparse_file import BYTE_ARRAY, INT64, SparseFile
from tables import files_of

MIB = 1 << 20


def wide(path, columns):
    names = [f"column_{i}" for i in range(columns)]
    table = pa.table([pa.array([i, None, i + 2]) for i in range(columns)], names=names)
    pq.write_table(table, path, store_schema=False)
    return table


def check_wide(lamella, tmp_path, columns):
    path = tmp_path / "wide.parquet"
    table = wide(path, columns)
    assert lamella("count", path).text == "3\n"
    last = columns - 1
    assert lamella("cat", path, "--columns", f"column_{last},column_7").text.splitlines() == [
        f"column_{last},column_7", f"{last},7", ",", f"{last + 2},9"]
    assert lamella.json("verify", path, "--full")["faults"] == 0
    assert lamella.json("import", path, "--into", "t")["rows"] == 3
    (written,) = files_of(tmp_path / "t")
    assert pq.read_metadata(written).num_columns == columns
    some = [f"column_{i}" for i in range(0, columns, columns // 100)]
    assert pq.read_table(written, columns=some).equals(table.select(some))


def check_row_groups(lamella, tmp_path, groups):
    table = pa.table({"a": list(range(groups)), "b": [f"s{i % 100}" for i in range(groups)]})
    (tmp_path / "g").mkdir()
    for name in ("a", "b"):
        pq.write_table(table, tmp_path / "g" / f"{name}.parquet", row_group_size=1, store_schema=False)
    assert lamella.json("inspect", tmp_path / "g" / "a.parquet")["row_group_count"] == groups
    assert lamella.json("verify", "g")["faults"] == 0
    done = lamella.json("compact", "g", "--verify", "full")
    assert done["rows"] == 2 * groups and done["files_after"] == 1
    (written,) = files_of(tmp_path / "g")
    assert pq.read_table(written).equals(pa.concat_tables([table, table]))


def test_wide(lamella, tmp_path):
    check_wide(lamella, tmp_path, 5_000)


def test_many_row_groups(lamella, tmp_path):
    check_row_groups(lamella, tmp_path, 2_000)


@pytest.mark.soak
@pytest.mark.bulk
def test_200_000_columns(lamella, tmp_path):
    check_wide(lamella, tmp_path, 200_000)


@pytest.mark.soak
@pytest.mark.bulk
def test_100_000_row_groups(lamella, tmp_path):
    check_row_groups(lamella, tmp_path, 100_000)


@pytest.mark.soak
@pytest.mark.bulk
def test_chunks_beyond_4_gib(lamella, tmp_path):
    """Two chunks of 5 GiB in pages of 64 MiB, the last value of each page being its number."""
    path = tmp_path / "chunks.parquet"
    file = SparseFile(path)
    for column in range(2):
        pages = [(8 * MIB, 64 * MIB, [(64 * MIB - 8, struct.pack("<q", column * 1000 + i + 1))]) for i in range(80)]
        file.column("ab"[column], INT64, pages)
    file.close()
    assert pq.read_metadata(path).num_rows == 80 * 8 * MIB
    limit = ("--memory-limit", "512MB")
    assert lamella(*limit, "count", path).text == f"{80 * 8 * MIB}\n"
    found = lamella.json(*limit, "verify", path, "--full")
    assert found["faults"] == 0 and found["rows"] == 80 * 8 * MIB
    pages = lamella.json(*limit, "inspect", path, "--pages")["pages"]
    assert len(pages) == 160 and pages[-1]["offset"] > 9 << 30
    wanted = [f"{i},{1000 + i}" for i in range(1, 81)]
    assert lamella(*limit, "cat", path, "--where", "a > 0 or b > 0").text.splitlines() == ["a,b", *wanted]


@pytest.mark.soak
@pytest.mark.bulk
def test_3_gib_of_strings_in_a_row_group(lamella, tmp_path):
    """3,072 strings of 1 MiB, four a page, among few bytes of numbers."""
    (tmp_path / "t").mkdir()
    path = tmp_path / "t" / "strings.parquet"
    file = SparseFile(path)
    lengths = [(k * (MIB + 4), struct.pack("<I", MIB)) for k in range(4)]
    file.column("s", BYTE_ARRAY, [(4, 4 * (MIB + 4), lengths)] * 768)
    file.column("n", INT64, [(3072, 3072 * 8, [(0, struct.pack("<3072q", *range(3072)))])])
    file.close()
    limit = ("--memory-limit", "256MB")
    found = lamella.json(*limit, "verify", path, "--full")
    assert found["faults"] == 0 and found["rows"] == 3072
    assert lamella(*limit, "cat", path, "--columns", "n").text.splitlines()[-1] == "3071"
    few = pa.schema([pa.field("s", pa.binary(), False), pa.field("n", pa.int64(), False)])
    pq.write_table(pa.table([[b"x"], [3072]], schema=few), tmp_path / "t" / "zz.parquet")
    done = lamella.json(*limit, "compact", "t", "--compression", "zstd", "--target-size", "8GB", "--max-file-size", "8GB",
                        "--verify", "full")
    assert done["rows"] == 3073 and done["files_after"] == 1
    (written,) = files_of(tmp_path / "t")
    assert written.stat().st_size < 64 * MIB
    rows = 0
    for batch in pq.ParquetFile(written).iter_batches(batch_size=16):
        assert batch["n"].to_pylist() == list(range(rows, rows + batch.num_rows))
        rows += batch.num_rows
        assert {len(v) for v in batch["s"].to_pylist()} <= {MIB, 1}
    assert rows == 3073
