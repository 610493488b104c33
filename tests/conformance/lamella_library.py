"""The C library through ctypes, for tests that compare its batches with pyarrow's.

LAMELLA_LIBRARY names the shared library; without it the release build's is taken.
"""

import ctypes as c
import os
import pathlib

import pyarrow as pa

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Error(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("status", c.c_int), ("message", c.c_char * 1016)]


class ContextOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("threads", c.c_uint32), ("memory_limit", c.c_uint64)]


class FileOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("size", c.c_uint64), ("no_checksums", c.c_bool)]


class ReadOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("columns", c.POINTER(c.c_int32)),
        ("column_count", c.c_int32),
        ("row_groups", c.POINTER(c.c_int32)),
        ("row_group_count", c.c_int32),
        ("batch_rows", c.c_int64),
        ("dictionaries", c.c_bool),
        ("leaves", c.POINTER(c.c_int32)),
        ("leaf_count", c.c_int32),
        ("string_views", c.c_bool),
    ]


class LamellaError(Exception):
    def __init__(self, error):
        text = error if isinstance(error, str) else error.message.decode("utf-8", "replace")
        super().__init__(text)


def library():
    path = os.environ.get("LAMELLA_LIBRARY") or str(ROOT / "build" / "release" / "liblamella.so")
    lib = c.CDLL(path)
    for name in ("lam_context_free", "lam_file_close", "lam_reader_close"):
        getattr(lib, name).argtypes = [c.c_void_p]
        getattr(lib, name).restype = None
    lib.lam_file_columns.argtypes = lib.lam_file_row_groups.argtypes = [c.c_void_p]
    lib.lam_file_row_group_rows.argtypes = [c.c_void_p, c.c_int32]
    lib.lam_file_row_group_rows.restype = c.c_int64
    return lib


LIB = library()


def call(function, *arguments):
    error = Error(struct_size=c.sizeof(Error))
    if function(*arguments, c.byref(error)) != 0:
        raise LamellaError(error)


class Context:
    def __init__(self, threads=0, memory_limit=0):
        self.handle = c.c_void_p()
        options = ContextOptions(c.sizeof(ContextOptions), threads, memory_limit)
        call(LIB.lam_context_create, c.byref(options), c.byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIB.lam_context_free(self.handle)


class File:
    def __init__(self, context, path, size=0, no_checksums=False):
        self.handle = c.c_void_p()
        options = FileOptions(c.sizeof(FileOptions), size, no_checksums)
        call(LIB.lam_file_open, context.handle, os.fsencode(path), c.byref(options), c.byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIB.lam_file_close(self.handle)

    def columns(self):
        return LIB.lam_file_columns(self.handle)

    def rows(self):
        """By the row groups: the footer's own number may be wrong."""
        return sum(LIB.lam_file_row_group_rows(self.handle, i) for i in range(LIB.lam_file_row_groups(self.handle)))

    def batches(self, columns=None, row_groups=None, batch_rows=0, dictionaries=False, leaves=None,
                string_views=False):
        """A pyarrow.RecordBatchReader over the file."""

        def array(values):
            return (c.c_int32 * max(len(values), 1))(*values) if values is not None else None

        options = ReadOptions(
            c.sizeof(ReadOptions),
            array(columns),
            len(columns or []),
            array(row_groups),
            len(row_groups or []),
            batch_rows,
            dictionaries,
            array(leaves),
            len(leaves or []),
            string_views,
        )
        reader = c.c_void_p()
        call(LIB.lam_reader_open, self.handle, c.byref(options), c.byref(reader))
        stream = (c.c_byte * 40)()
        call(LIB.lam_reader_stream, reader, c.byref(stream))
        return pa.RecordBatchReader._import_from_c(c.addressof(stream))


def read(path, **options):
    """All rows of a file as a pyarrow.Table. The batches live in the context, so they are copied."""
    opening = {key: options.pop(key) for key in ("size", "no_checksums") if key in options}
    limits = {key: options.pop(key) for key in ("threads", "memory_limit") if key in options}
    with Context(**limits) as context, File(context, path, **opening) as file:
        return collected(file.batches(**options))


def collected(reader):
    schema, chunks, failure = reader.schema, [], None
    try:
        for batch in reader:
            batch.validate(full=True)
            chunks.append(copied(batch))
    except (pa.ArrowException, OSError, NotImplementedError, MemoryError) as error:
        failure = str(error)  # the exception itself would keep the reader alive behind its context
    reader.close()
    if failure is not None:
        raise LamellaError(failure)
    return pa.Table.from_batches(chunks, schema)


def copied(batch):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pa.ipc.open_stream(sink.getvalue()) as stream:
        batches = list(stream)
    return batches[0] if batches else pa.record_batch([pa.array([], f.type) for f in batch.schema], batch.schema)
