"""The C library's writer through ctypes, over pyarrow's C data interface."""

import ctypes as c
import os
import pathlib
import sys

import pyarrow as pa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
from lamella_library import LIB, Context, LamellaError, call, read  # noqa: E402,F401

LIB.lam_writer_close.argtypes = [c.c_void_p]
LIB.lam_writer_close.restype = None

CODECS = {"none": 0, "snappy": 1, "gzip": 2, "brotli": 4, "zstd": 6, "lz4": 7}
ENCODINGS = {"default": 0, "plain": 1, "dictionary": 2, "delta": 3, "delta_bytes": 4, "split": 5, "rle": 6}
BLOOMS = {"default": 0, "always": 1, "never": 2}


class ColumnOptions(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("codec", c.c_int),
        ("level", c.c_int),
        ("encoding", c.c_int),
        ("no_statistics", c.c_bool),
        ("bloom", c.c_int),
        ("false_positives", c.c_double),
    ]


class SortKey(c.Structure):
    _fields_ = [("column", c.c_char_p), ("descending", c.c_bool), ("nulls_first", c.c_bool)]


class KeyValue(c.Structure):
    _fields_ = [("key", c.c_char_p), ("value", c.c_char_p)]


class WriteOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("row_group_rows", c.c_int64),
        ("row_group_bytes", c.c_int64),
        ("page_bytes", c.c_int64),
        ("page_rows", c.c_int64),
        ("dictionary_bytes", c.c_int64),
        ("data_page_v2", c.c_bool),
        ("no_page_checksums", c.c_bool),
        ("columns", c.POINTER(ColumnOptions)),
        ("column_count", c.c_int32),
        ("sorting", c.POINTER(SortKey)),
        ("sorting_count", c.c_int32),
        ("key_values", c.POINTER(KeyValue)),
        ("key_value_count", c.c_int32),
        ("no_sync", c.c_bool),
        ("no_page_index", c.c_bool),
    ]


class WriteResult(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("rows", c.c_int64), ("bytes", c.c_int64), ("row_groups", c.c_int64)]


def column(name=None, codec="zstd", level=0, encoding="default", statistics=True, bloom="default", false_positives=0):
    bloom = BLOOMS[bloom]
    return ColumnOptions(
        name and name.encode(), CODECS[codec], level, ENCODINGS[encoding], not statistics, bloom, false_positives)


class Writer:
    def __init__(self, context, path, schema, columns=(), sorting=(), key_values=(), **options):
        self.handle = c.c_void_p()
        made = WriteOptions(struct_size=c.sizeof(WriteOptions), **options)
        made.columns = (ColumnOptions * max(len(columns), 1))(*columns)
        made.column_count = len(columns)
        made.sorting = (SortKey * max(len(sorting), 1))(*sorting)
        made.sorting_count = len(sorting)
        made.key_values = (KeyValue * max(len(key_values), 1))(*key_values)
        made.key_value_count = len(key_values)
        with Exported(schema) as address:
            call(LIB.lam_writer_open, context.handle, os.fsencode(path), address, c.byref(made), c.byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIB.lam_writer_close(self.handle)

    def write(self, batch):
        with Exported(batch) as address:
            call(LIB.lam_writer_write, self.handle, address)

    def finish(self):
        result = WriteResult(struct_size=c.sizeof(WriteResult))
        call(LIB.lam_writer_finish, self.handle, c.byref(result))
        return result


class Exported:
    """The C struct of a batch or a schema, released at the end."""

    SIZES = {pa.Schema: 72, pa.RecordBatch: 80}
    RELEASE = {pa.Schema: 56, pa.RecordBatch: 64}

    def __init__(self, what):
        self.kind = type(what)
        self.memory = (c.c_byte * self.SIZES[self.kind])()
        what._export_to_c(c.addressof(self.memory))

    def __enter__(self):
        return c.c_void_p(c.addressof(self.memory))

    def __exit__(self, *_):
        release = c.c_void_p.from_buffer(self.memory, self.RELEASE[self.kind]).value
        if release:
            c.CFUNCTYPE(None, c.c_void_p)(release)(c.addressof(self.memory))


def write(path, table, batch_rows=None, schema=None, threads=1, memory_limit=0, **options):
    """Writes a table in batches of `batch_rows` rows: a number, or numbers that are taken in turn."""
    with Context(threads, memory_limit) as context, Writer(context, path, schema or table.schema, **options) as writer:
        for batch in batches(table, batch_rows):
            writer.write(batch)
        return writer.finish()


def batches(table, rows):
    if not rows:
        yield from table.to_batches()
        return
    rows, at, turn = [rows] if isinstance(rows, int) else list(rows), 0, 0
    while at < table.num_rows:
        some = rows[turn % len(rows)]
        for batch in table.slice(at, some).combine_chunks().to_batches():
            yield batch
        at, turn = at + some, turn + 1
