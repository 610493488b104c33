"""verify finds what is wrong, says where, and exits with 4."""

import random
import struct
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import files_of


def test_ok(lamella, write):
    write("t/p=1/a.parquet", pa.table({"p": [1, 1], "s": ["x", None]}), write_page_checksum=True)
    write("t/p=2/a.parquet", pa.table({"p": [2], "s": ["é"]}))
    done = lamella.json("verify", "t", "--full")
    assert done["files"] == 2 and done["rows"] == 3 and done["row_groups"] == 2 and done["faults"] == 0
    assert done["pages"] >= 4 and 0 < done["checksums"] < done["pages"]
    assert done["bytes"] == sum(p.stat().st_size for p in files_of(lamella.directory / "t"))
    assert "faults" in lamella("verify", "t").text


def damaged(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


def test_corrupt_page(lamella, write):
    path = write("t/a.parquet", {"good": [1, 2, 3], "bad": [10, 20, 30]}, write_page_checksum=True, compression="none",
                 use_dictionary=False)
    write("t/b.parquet", {"good": [4], "bad": [40]})
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(1)
    damaged(path, chunk.data_page_offset + chunk.total_compressed_size - 1)
    done = lamella("verify", "t", status=4)
    (line,) = [l for l in done.text.splitlines() if "a.parquet" in l]
    assert '"bad"' in line or "'bad'" in line
    assert f"page at byte {chunk.data_page_offset}" in line and "checksum" in line and "row group 0" in line
    assert "b.parquet" not in done.text and "faults" in done.text
    quiet = lamella("--json", "verify", "t", status=4)
    assert quiet.json["faults"] == 1 and quiet.json["files"] == 2 and "checksum" in quiet.err
    # Without checksums the value is what it is, and now the statistics disagree.
    assert "statistics" in lamella("verify", "t", "--no-checksums", status=4).text


def test_cut_file_and_file_that_is_none(lamella, write, tmp_path):
    path = write("t/a.parquet", {"x": [1]})
    path.write_bytes(path.read_bytes()[:-5])
    (tmp_path / "t" / "b.parquet").write_bytes(b"hello, this is text")
    write("t/c.parquet", {"x": [1]})
    done = lamella("verify", "t", status=4)
    assert "a.parquet" in done.text and "b.parquet" in done.text and "c.parquet" not in done.text


def test_wrong_statistics(lamella, write):
    path = write("a.parquet", {"x": [77, 88, 99]}, use_dictionary=False, compression="none")
    data = path.read_bytes()
    footer = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    wrong = data[footer:].replace(struct.pack("<q", 99), struct.pack("<q", 90))
    assert wrong != data[footer:]
    path.write_bytes(data[:footer] + wrong)
    done = lamella("verify", "a.parquet", status=4)
    assert '"x"' in done.text and "above the maximum of the statistics: found \"99\", expected at most \"90\"" in done.text

# How the counts of `nested` stand in a file that we write: field heads, then numbers (zigzag); and what verify says once
# the last number of `of` has become that of `to`.
COUNTS = {
    "bytes": ("16 0c 19 26 08 02", "16 0e 19 26 08 02", 1, ["the size statistics say 7 bytes of strings; there are 6"]),
    "bytes of a page": ("19 16 0c 00", "19 16 0e 00", 1, [
        "page 0: the offset index says 7 bytes of strings; there are 6"]),
    "levels": ("19 46 02 02 00 06", "19 46 02 04 00 06", 2, [
        "the size statistics say 2 entries of definition level 1; there are 1",
        "page 0: the column index says 2 entries of definition level 1; there are 1"]),
    "repetition": ("19 26 08 02", "19 26 08 04", 2, [
        "the size statistics say 2 entries of repetition level 1; there are 1",
        "page 0: the column index says 2 entries of repetition level 1; there are 1"]),
    "number of levels": ("19 36 00 02 06", "19 26 00 02 06", 0, []),
    "nan": ("36 04 00", "36 02 00", 1, ["the statistics say 1 NaN; there are 2"]),
    "nan of a page": ("39 16 04 00", "39 16 06 00", 1, ["page 0: the column index says 3 NaN; there are 2"]),
}


@pytest.mark.parametrize("counts", COUNTS)
def test_wrong_counts(lamella, write, counts):
    write("a.parquet", pa.table({"l": [["a", "bb"], [], None, ["ccc"]], "d": [1.0, float("nan"), None, float("nan")]}))
    lamella("import", "a.parquet", "--into", "t")
    (path,) = files_of(lamella.directory / "t")
    lamella("verify", "t")
    of, to, count, faults = COUNTS[counts]
    data = path.read_bytes()
    assert data.count(bytes.fromhex(of)) == count
    path.write_bytes(data.replace(bytes.fromhex(of), bytes.fromhex(to)))
    done = lamella("verify", "t", status=4 if faults else 0)
    lines = [l for l in done.text.splitlines() if "row group 0, column" in l]
    assert len(lines) == len(faults) and all(any(f in l for l in lines) for f in faults), done.text


def test_damaged_size_statistics(lamella, write):
    """A histogram of too few levels, and one that is none."""
    write("a.parquet", pa.table({"l": [["a", "bb"], [], None, ["ccc"]]}))
    lamella("import", "a.parquet", "--into", "t", "--no-page-index")
    (path,) = files_of(lamella.directory / "t")
    data = path.read_bytes()
    sizes = bytes.fromhex("16 0c 19 26 08 02 19 46 02 02 00 06 00")
    assert data.count(sizes) == 1
    for wrong, fault in (("16 0c 19 26 08 02 19 36 02 02 86 00 00", "3 numbers of definition levels; there are 4"),
                         ("16 0c 19 28 00 00 19 46 02 02 00 06 00", "the struct of size statistics is malformed")):
        path.write_bytes(data.replace(sizes, bytes.fromhex(wrong)))
        done = lamella("verify", "t", status=4)
        assert fault in done.text and "faults      1" in done.text
        (chunk,) = lamella.json("inspect", path)["chunks"]
        assert (chunk["string_bytes"] is None) == ("malformed" in fault)


def test_lesson_14_path_that_disagrees(lamella, write):
    """Lesson 14."""
    write("t/p=1/a.parquet", {"p": [1, 1]})
    write("t/p=2/a.parquet", {"p": [2, 3]})
    done = lamella("verify", "t", status=4)
    (line,) = [l for l in done.text.splitlines() if "a.parquet" in l]
    assert "p=2/a.parquet" in line and '"p"' in line and "3" in line


def test_text_that_is_not_utf8(lamella, write):
    table = pa.table({"s": pa.array([b"ok", b"\xff\xfe"], pa.binary())})
    path = write("a.parquet", pa.table({"s": pa.Array.from_buffers(pa.string(), 2, table["s"].chunk(0).buffers())}),
                 use_dictionary=False)
    assert "UTF-8" in lamella("verify", path, "--full", status=4).text
    assert lamella.json("verify", path)["faults"] == 0


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_do_no_harm(lamella, write, seed):
    """Whatever byte changes, each command ends with a status of its own, and no sanitizer speaks."""
    r = random.Random(seed)
    path = write("a.parquet", {"x": list(range(200)), "s": [str(i % 9) for i in range(200)], "f": [i / 7 for i in range(200)]},
                 compression=r.choice(["none", "snappy", "zstd", "gzip"]), write_page_checksum=True,
                 data_page_version=r.choice(["1.0", "2.0"]))
    data = bytearray(path.read_bytes())
    for _ in range(r.randint(1, 3)):
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    path.write_bytes(data)
    for command in (["verify", "--full"], ["cat"], ["--json", "inspect", "--pages"], ["cat", "--no-checksums"]):
        done = subprocess.run([lamella.binary, *command, str(path)], capture_output=True)
        assert done.returncode in (0, 1, 4) and b"Sanitizer" not in done.stderr, (command, done.stderr)
