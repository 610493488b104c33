"""Lesson 59: offsets beyond 4 GiB."""

import pyarrow as pa
import pyarrow.parquet as pq

from far_file import move_far
from tables import files_of, read_table

HOLE = 5 << 30


def test_far_offsets(lamella, write, tmp_path):
    table = pa.table({"n": list(range(4000)), "s": [f"v{i % 100}" for i in range(4000)]})
    near = write("near.parquet", table, row_group_size=1500, write_page_checksum=True, write_page_index=True)
    (tmp_path / "t").mkdir()
    far = tmp_path / "t" / "a.parquet"
    move_far(near, far, HOLE)
    assert pq.ParquetFile(far).read().equals(table), "the test's own work"
    assert far.stat().st_size > HOLE
    assert lamella("count", far).text == "4000\n"
    lamella("cat", far, "--format", "parquet", "-o", "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(table)
    assert lamella.json("verify", far, "--full")["faults"] == 0
    found = lamella.json("inspect", far, "--pages")
    assert found["bytes"] == far.stat().st_size
    assert min(p["offset"] for p in found["pages"]) == HOLE + 4
    assert all(c["data_at"] > HOLE for c in found["chunks"])
    # Both ways of compaction: row groups copied as bytes, and merged.
    write("t/b.parquet", table)
    done = lamella.json("compact", "t", "--target-size", "20GB", "--max-file-size", "20GB", "--verify", "full")
    assert done["rows"] == 8000 and done["files_after"] == 1
    assert read_table(tmp_path / "t").equals(pa.concat_tables([table, table]))
    assert files_of(tmp_path / "t")[0].stat().st_size < 1 << 20
