"""What the tests ask of files and tables."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq


def files_of(table):
    """Paths of all Parquet files below a directory, in the order of their names."""
    return sorted(pathlib.Path(table).rglob("*.parquet"))


def read_files(paths):
    return pa.concat_tables([pq.ParquetFile(p).read() for p in paths])


def read_table(table):
    return read_files(files_of(table))


def column(table, name):
    return read_table(table)[name].to_pylist()


def bytes_of(table):
    return {str(p.relative_to(table)): p.read_bytes() for p in sorted(pathlib.Path(table).rglob("*")) if p.is_file()}


def no_stage(table):
    """Nothing staged is left beside the table, and no name of ours in it or beside it can be taken for data."""
    state = pathlib.Path(f"{table}.lamella")
    stage = state / "stage"
    assert not stage.exists() or list(stage.iterdir()) == []
    assert not (state / "journal").exists()
    assert not [p for p in pathlib.Path(table).rglob("*") if p.is_file() and p.name.startswith((".", "_"))]
