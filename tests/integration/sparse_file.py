"""Parquet files of any size that take no room: pages of zero bytes are holes. Written by hand, since no writer makes them."""

import os
import struct


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class Long(int):
    """An i64; other ints are i32."""


def encode(value):
    """Thrift's compact protocol: (type, bytes) of an int, a string, a list or a struct, which is a dict by field id."""
    if isinstance(value, int):
        return 6 if isinstance(value, Long) else 5, varint(value << 1)
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    if isinstance(value, list):
        items = [encode(v) for v in value]
        kind = items[0][0] if items else 12
        head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
        return 9, head + b"".join(data for _, data in items)
    out, last = bytearray(), 0
    for field, item in sorted(value.items()):
        kind, data = encode(item)
        out.append(field - last << 4 | kind)
        out += data
        last = field
    return 12, bytes(out) + b"\0"


INT64, BYTE_ARRAY = 2, 6


class SparseFile:
    """One row group. Columns are added one after the other: (name, physical type, pages), a page being (values, bytes,
    patches), where patches are (offset, bytes) within its zero bytes."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.out.write(b"PAR1")
        self.schema, self.chunks, self.rows = [], [], 0

    def column(self, name, physical, pages):
        start, values, size = self.out.tell(), 0, 0
        for count, page_bytes, patches in pages:
            header = encode({1: 0, 2: page_bytes, 3: page_bytes, 5: {1: count, 2: 0, 3: 3, 4: 3}})[1]
            self.out.write(header)
            begin = self.out.tell()
            for offset, data in patches:
                self.out.seek(begin + offset)
                self.out.write(data)
            self.out.seek(begin + page_bytes)
            values += count
            size += len(header) + page_bytes
        self.schema.append({1: physical, 3: 0, 4: name.encode()})
        meta = {1: physical, 2: [0, 3], 3: [name.encode()], 4: 0, 5: Long(values), 6: Long(size), 7: Long(size), 9: Long(start)}
        self.chunks.append({2: Long(0), 3: meta})
        self.rows = values

    def close(self):
        total = sum(chunk[3][6] for chunk in self.chunks)
        schema = [{4: b"schema", 5: len(self.schema)}, *self.schema]
        groups = [{1: self.chunks, 2: Long(total), 3: Long(self.rows)}]
        footer = encode({1: 1, 2: schema, 3: Long(self.rows), 4: groups, 6: b"sparse version 1.0"})[1]
        self.out.write(footer + struct.pack("<I", len(footer)) + b"PAR1")
        self.out.close()
        assert os.stat(self.out.name).st_blocks * 512 < 64 << 20, "holes take no room"
