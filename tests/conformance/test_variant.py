"""Shredded variants, all of the public files: read as their storage, equal to pyarrow's, those included whose variants are
invalid (cases.json: the storage is not); and written again with the logical type of the group kept."""

import os
import pathlib
import re
import subprocess

import pyarrow.parquet as pq
import pytest

import lamella_library as lamella

SHARED = pathlib.Path(os.environ.get("LAMELLA_SHARED", lamella.ROOT.parent / "shared")) / "parquet-testing"
COMMAND = os.environ.get("LAMELLA", str(lamella.ROOT / "build/release/lamella"))
FILES = sorted(SHARED.glob("shredded_variant/*.parquet"))


def test_all_are_here():
    if not SHARED.exists():
        pytest.skip("the public test files are not here")
    assert len(FILES) == 137


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_storage(path):
    ours, theirs = lamella.read(path), pq.read_table(path)
    assert ours.schema.names == theirs.schema.names
    assert ours.to_pylist() == theirs.to_pylist()
    assert lamella.read(path, batch_rows=1).to_pylist() == theirs.to_pylist()


def elements(path):
    """Every element of the schema as pyarrow prints it, but for field ids. Decimals in BYTE_ARRAY, which are read, are
    written in 16 bytes each, which the format and shredding allow as well."""
    lines = [re.sub(r" field_id=-?\d+", "", line.strip()) for line in str(pq.ParquetFile(path).schema).splitlines()[2:]]
    return [line.replace("fixed_len_byte_array(16)", "binary") if "(Decimal(" in line else line for line in lines]


def test_round_trip(tmp_path):
    variants = 0
    for path in FILES:
        table = tmp_path / path.stem
        subprocess.run([COMMAND, "--quiet", "import", path, "--into", table], check=True)
        (written,) = table.glob("*.parquet")
        assert elements(written) == elements(path)
        variants += any("(Variant" in line for line in elements(written))
        assert pq.read_table(written).to_pylist() == pq.read_table(path).to_pylist()
    assert variants == len(FILES)
