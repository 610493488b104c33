"""Operations that change a table, through ctypes: one process for hundreds of sequences."""

import ctypes as c
import os
import pathlib
import sys

import pyarrow as pa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "conformance"))
from lamella_library import LIB, Context, Error  # noqa: E402

INVALID, UNSUPPORTED, NOT_FOUND, CONFLICT = 1, 4, 7, 9


class OperationFailed(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class ChangeOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("meta_dir", c.c_char_p),
        ("partitions", c.POINTER(c.c_char_p)),
        ("partition_count", c.c_int32),
        ("dry_run", c.c_bool),
        ("verify_full", c.c_bool),
        ("no_wait", c.c_bool),
        ("no_checksums", c.c_bool),
        ("backup_dir", c.c_char_p),
        ("compression", c.c_char_p),
        ("grace_seconds", c.c_int64),
        ("no_sync", c.c_bool),
        ("bloom", c.c_char_p),
        ("mode", c.c_uint32),
        ("reserved32", c.c_uint32),
        ("reserved", c.c_uint64 * 6),
    ]


class SortKey(c.Structure):
    _fields_ = [("column", c.c_char_p), ("descending", c.c_bool), ("nulls_first", c.c_bool)]


class CompactOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("change", ChangeOptions),
        ("target_size", c.c_uint64),
        ("max_file_size", c.c_uint64),
        ("min_files", c.c_uint32),
        ("sort_by", c.POINTER(SortKey)),
        ("sort_count", c.c_int32),
        ("row_group_rows", c.c_int64),
        ("row_group_bytes", c.c_int64),
        ("each_task", c.c_void_p),
        ("each_task_user", c.c_void_p),
    ]


class ImportOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("change", ChangeOptions),
        ("format", c.c_int),
        ("partition_by", c.POINTER(c.c_char_p)),
        ("partition_by_count", c.c_int32),
        ("rows_per_file", c.c_int64),
        ("target_size", c.c_uint64),
        ("row_group_rows", c.c_int64),
        ("row_group_bytes", c.c_int64),
        ("sort_by", c.POINTER(SortKey)),
        ("sort_count", c.c_int32),
        ("delimiter", c.c_char),
        ("no_header", c.c_bool),
        ("types", c.c_void_p),
        ("type_count", c.c_int32),
        ("null_text", c.c_char_p),
    ]


class DeleteOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("change", ChangeOptions), ("where", c.c_char_p)]


class UpdateOptions(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("change", ChangeOptions), ("set", c.c_char_p), ("where", c.c_char_p)]


class UpsertOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("change", ChangeOptions),
        ("sources", c.POINTER(c.c_char_p)),
        ("source_count", c.c_int32),
        ("import_", ImportOptions),
        ("keys", c.POINTER(c.c_char_p)),
        ("key_count", c.c_int32),
        ("columns", c.POINTER(c.c_char_p)),
        ("column_count", c.c_int32),
        ("last_wins", c.c_bool),
    ]


class DedupOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("change", ChangeOptions),
        ("keys", c.POINTER(c.c_char_p)),
        ("key_count", c.c_int32),
        ("keep_last", c.c_bool),
    ]


class RepartitionOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_uint32),
        ("change", ChangeOptions),
        ("by", c.c_char_p),
        ("set", c.c_char_p),
        ("where", c.c_char_p),
        ("append", c.c_bool),
        ("replace", c.c_bool),
        ("delete_source", c.c_bool),
        ("target_size", c.c_uint64),
        ("rows_per_file", c.c_int64),
        ("row_group_rows", c.c_int64),
        ("row_group_bytes", c.c_int64),
        ("sort_by", c.POINTER(SortKey)),
        ("sort_count", c.c_int32),
    ]


def counts(*names):
    fields = [("struct_size", c.c_uint32)] + [(name, c.c_uint64) for name in names]
    return type("Result", (c.Structure,), {"_fields_": fields})


EditResult = counts(
    "rows_matched", "rows_deleted", "rows_updated", "rows_inserted", "rows_unchanged", "duplicates_removed",
    "null_keys", "source_rows", "files_scanned", "files_read", "files_rewritten", "files_removed", "files_added",
    "row_groups_copied", "row_groups_encoded", "bytes_read", "bytes_written", "partitions_scanned",
    "partitions_affected", "runs_spilled", "sequence", "retries")  # fmt: skip
CompactResult = counts(
    "files_before", "files_after", "bytes_before", "bytes_after", "files_compacted", "files_written", "rows",
    "partitions_scanned", "partitions_compacted", "row_groups_copied", "row_groups_merged", "row_groups_written",
    "bytes_read", "bytes_written", "sequence", "runs_spilled")  # fmt: skip
ImportResult = counts("sources", "rows", "files_written", "bytes_written", "bytes_read", "partitions", "sequence",
                      "runs_spilled")  # fmt: skip
RepartitionResult = counts("rows_read", "rows_written", "files_read", "files_written", "files_removed", "bytes_read",
                           "bytes_written", "partitions_before", "partitions_after", "runs_spilled",
                           "sequence", "retries", "row_groups_read", "row_groups_written")  # fmt: skip
VerifyResult = counts("files", "row_groups", "pages", "rows", "bytes", "checksums", "faults")


class Fault(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("file", c.c_char_p), ("message", c.c_char_p)]


FAULT_FN = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.POINTER(Fault))


def texts(values):
    return (c.c_char_p * max(len(values), 1))(*[v.encode() for v in values])


def sort_keys(columns):
    return (SortKey * max(len(columns), 1))(*[SortKey(name.encode(), False, False) for name in columns])


def optional(text):
    return None if text is None else text.encode()


def sized(kind, **values):
    return kind(struct_size=c.sizeof(kind), **values)


def has(operation):
    return hasattr(LIB, "lam_" + operation)


class Library:
    """One context; every method is an operation of lamella/change.h or table.h. A failure is OperationFailed."""

    def __init__(self, threads=2):
        self.context = Context(threads=threads).__enter__()

    def call(self, name, *arguments):
        error = sized(Error)
        if getattr(LIB, name)(*arguments, c.byref(error)) != 0:
            raise OperationFailed(error.status, error.message.decode("utf-8", "replace"))

    def run(self, name, path, options, result):
        result = sized(result)
        self.call("lam_" + name, self.context.handle, os.fsencode(path), c.byref(options), c.byref(result))
        return result

    def change(self, partitions=(), backup=None, mode=0, dry_run=False):
        return sized(ChangeOptions, partitions=texts(partitions), partition_count=len(partitions), mode=mode,
                     dry_run=dry_run, backup_dir=None if backup is None else os.fsencode(backup),
                     no_sync=True)  # fmt: skip

    def import_(self, table, source, partition_by=(), rows_per_file=0, row_group_rows=0, **change):
        options = sized(ImportOptions, change=self.change(**change), partition_by=texts(partition_by),
                        partition_by_count=len(partition_by), rows_per_file=rows_per_file,
                        row_group_rows=row_group_rows)  # fmt: skip
        result = sized(ImportResult)
        self.call("lam_import", self.context.handle, texts([str(source)]), 1, os.fsencode(table), c.byref(options),
                  c.byref(result))  # fmt: skip
        return result

    def compact(self, table, sort_by=(), target_size=0, min_files=0, row_group_rows=0, **change):
        options = sized(CompactOptions, change=self.change(**change), target_size=target_size, min_files=min_files,
                        row_group_rows=row_group_rows, sort_by=sort_keys(sort_by),
                        sort_count=len(sort_by))  # fmt: skip
        return self.run("compact", table, options, CompactResult)

    def delete(self, table, where, **change):
        return self.run("delete", table, sized(DeleteOptions, change=self.change(**change), where=where.encode()),
                        EditResult)  # fmt: skip

    def update(self, table, set, where=None, **change):
        options = sized(UpdateOptions, change=self.change(**change), set=set.encode(), where=optional(where))
        return self.run("update", table, options, EditResult)

    def upsert(self, table, source, keys, columns=None, last_wins=False, **change):
        options = sized(UpsertOptions, change=self.change(**change), sources=texts([str(source)]), source_count=1,
                        import_=sized(ImportOptions, change=self.change()), keys=texts(keys), key_count=len(keys),
                        columns=None if columns is None else texts(columns), column_count=len(columns or ()),
                        last_wins=last_wins)  # fmt: skip
        return self.run("upsert", table, options, EditResult)

    def dedup(self, table, keys, keep_last=False, **change):
        options = sized(DedupOptions, change=self.change(**change), keys=texts(keys), key_count=len(keys),
                        keep_last=keep_last)  # fmt: skip
        return self.run("dedup", table, options, EditResult)

    def repartition(self, table, by, rows_per_file=0, **change):
        options = sized(RepartitionOptions, change=self.change(**change), by=by.encode(), rows_per_file=rows_per_file)
        result = sized(RepartitionResult)
        path = os.fsencode(table)
        self.call("lam_repartition", self.context.handle, path, path, c.byref(options), c.byref(result))
        return result

    def restore(self, backup, table=None, **change):
        result = sized(EditResult)
        self.call("lam_restore", self.context.handle, os.fsencode(backup), None if table is None else os.fsencode(table),
                  c.byref(self.change(**change)), c.byref(result))  # fmt: skip
        return result

    def verify(self, table):
        """The faults, as text."""
        found = []

        @FAULT_FN
        def each(_, fault):
            found.append(f"{fault.contents.file.decode()}: {fault.contents.message.decode()}")
            return True

        self.call("lam_verify", self.context.handle, os.fsencode(table), None, each, None, None)
        return found

    def rows(self, table):
        """What a reader of ours sees, as a pyarrow.Table of its own memory."""
        handle, scan = c.c_void_p(), c.c_void_p()
        self.call("lam_table_open", self.context.handle, os.fsencode(table), None, c.byref(handle))
        try:
            self.call("lam_scan_open", handle, None, c.byref(scan))
            try:
                return self.collect(scan)
            finally:
                LIB.lam_scan_close(scan)
        finally:
            LIB.lam_table_close(handle)

    def collect(self, scan):
        schema = (c.c_byte * 72)()
        self.call("lam_scan_schema", scan, c.byref(schema))
        fields = pa.DataType._import_from_c(c.addressof(schema))
        chunks = []
        while True:
            array = (c.c_byte * 80)()
            self.call("lam_scan_next", scan, c.byref(array))
            if not c.cast(c.addressof(array) + 64, c.POINTER(c.c_void_p))[0]:  # released: the end
                break
            batch = pa.Array._import_from_c(c.addressof(array), fields)
            chunks.append(batch.to_pylist())
            del batch
        return pa.Table.from_pylist([row for chunk in chunks for row in chunk], schema=pa.schema(list(fields)))


for name in ("lam_table_close", "lam_scan_close"):
    getattr(LIB, name).argtypes = [c.c_void_p]
    getattr(LIB, name).restype = None
