"""Logical types that are passed on: a column keeps its type, with all that it says, through our reader and writer."""

import os
import pathlib
import subprocess

import pyarrow.parquet as pq
import pytest

import lamella_library as lamella

SHARED = pathlib.Path(os.environ.get("LAMELLA_SHARED", lamella.ROOT.parent / "shared")) / "parquet-testing"
COMMAND = os.environ.get("LAMELLA", str(lamella.ROOT / "build/release/lamella"))
FILES = sorted(SHARED.glob("data/geospatial/*.parquet")) + [SHARED / "data/unknown-logical-type.parquet"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_type_is_kept(path, tmp_path):
    subprocess.run([COMMAND, "--quiet", "import", path, "--into", tmp_path / "t"], check=True)
    (written,) = (tmp_path / "t").glob("*.parquet")
    ours, theirs = pq.ParquetFile(written), pq.ParquetFile(path)
    assert ours.schema.names == theirs.schema.names
    for i in range(len(theirs.schema.names)):
        a, b = ours.schema.column(i), theirs.schema.column(i)
        assert (str(a.logical_type), a.physical_type) == (str(b.logical_type), b.physical_type)
        if "Geo" in str(a.logical_type) and ours.metadata.num_rows:
            # Its values have no order: bounds in one would let readers skip rows.
            statistics = ours.metadata.row_group(0).column(i).statistics
            assert statistics is None or not statistics.has_min_max
        name = theirs.schema.names[i]
        assert ours.read([name])[name].to_pylist() == theirs.read([name])[name].to_pylist()
