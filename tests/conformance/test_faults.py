"""verify of all public files: it finds faults where the files have some, and no others."""

import json
import os
import subprocess

import pytest

import lamella_library as lamella
from public_files import BAD, ENCRYPTED, FILES, LARGE, SHARED, SHREDDED, VALID

COMMAND = os.environ.get("LAMELLA", str(lamella.ROOT / "build/release/lamella"))
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the public test files are not here")

# What is wrong in files that can be read, a fault a line.
FAULTS = {
    "datapage_v1-corrupt-checksum.parquet": [
        "column 'a': page at byte 4: its checksum is bbce3b9d",
        "column 'b': page at byte 30808: its checksum is",
    ],
    "rle-dict-uncompressed-corrupt-checksum.parquet": [
        "column 'long_field': page at byte 4: its checksum is 6522df6a",
        "column 'binary_field': page at byte 57: its checksum is",
    ],
    "repeated_no_annotation.parquet": ["the footer says 0 rows, its row groups add up to 6"],
}


def verify(path):
    done = subprocess.run([COMMAND, "--json", "verify", "--full", path], capture_output=True)
    assert b"Sanitizer" not in done.stderr
    assert done.returncode in (0, 4), done.stderr
    found = json.loads(done.stdout)["faults"]
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    assert (done.returncode == 4) == (found > 0) and len(lines) == found
    return lines


@pytest.mark.parametrize("path", [path for path in FILES if path.name != LARGE], ids=lambda p: p.name)
def test_public_file(path):
    lines, wanted = verify(path), FAULTS.get(path.name, [])
    assert len(lines) == len(wanted), lines
    for line, part in zip(lines, wanted):
        assert part in line


@pytest.mark.soak
def test_large_strings():
    (path,) = [path for path in FILES if path.name == LARGE]
    assert verify(path) == []


def test_shredded_variants():
    for path in SHREDDED:
        assert verify(path) == [], path.name


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.name)
def test_bad_file(path):
    assert bool(verify(path)) == (path.name not in VALID)


@pytest.mark.parametrize("path", ENCRYPTED, ids=lambda p: str(p.relative_to(SHARED)))
def test_encrypted_file(path):
    lines = [line for line in verify(path) if "int96_field" not in line]  # whose days are 2 and so on
    assert lines and all("is encrypted, which this version cannot read" in line for line in lines)


def test_rows_are_those_of_row_groups():
    """The footer of one says 0."""
    (path,) = [path for path in FILES if path.name == "repeated_no_annotation.parquet"]
    counted = subprocess.run([COMMAND, "count", path], capture_output=True, check=True).stdout
    assert counted == b"6\n"
