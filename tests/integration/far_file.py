"""A Parquet file whose pages lie beyond 4 GiB, behind a hole: its footer is copied with all offsets moved, and so are its
offset indexes, which are written anew behind what there was."""

import os
import struct

from thrift_bytes import Bytes

# Paths of field ids (lists between them are passed through): see parquet.thrift.
OFFSETS = {
    (4, 1, 2),  # RowGroup.columns.file_offset
    (4, 1, 3, 9),  # .meta_data.data_page_offset
    (4, 1, 3, 11),  # .meta_data.dictionary_page_offset
    (4, 1, 6),  # .column_index_offset
    (4, 5),  # RowGroup.file_offset
}
INDEX_OFFSET, INDEX_LENGTH = (4, 1, 4), (4, 1, 5)  # RowGroup.columns.offset_index_offset, .offset_index_length
LOCATIONS = {(1, 1)}  # OffsetIndex.page_locations.offset


class Copier(Bytes):
    """Copies thrift's compact protocol, adding `delta` to the 64-bit integers at `offsets`. `index`, where given, takes the
    place of an offset index and gives where it lies and its length."""

    def __init__(self, data, delta, offsets, index=None):
        super().__init__(data)
        self.delta, self.out = delta, bytearray()
        self.offsets, self.index, self.length = offsets, index, 0

    def put(self, value):
        while value >= 0x80:
            self.out.append(value & 0x7F | 0x80)
            value >>= 7
        self.out.append(value)

    def value(self, type, path):
        if type in (4, 5, 6):
            number = self.varint()
            if path in self.offsets and number:
                number += 2 * self.delta  # zigzag of a positive number
            if self.index and path == INDEX_OFFSET:
                offset, self.length = self.index(number // 2)
                number = 2 * offset
            if self.index and path == INDEX_LENGTH:
                number = 2 * self.length
            self.put(number)
        elif type in (3, 7, 8):
            size = {3: 1, 7: 8}.get(type)
            if size is None:
                size = self.varint()
                self.put(size)
            self.out += self.data[self.at : self.at + size]
            self.at += size
        elif type in (9, 10):
            head = self.byte()
            self.out.append(head)
            count = head >> 4
            if count == 15:
                count = self.varint()
                self.put(count)
            for _ in range(count):
                if head & 15 in (1, 2):
                    self.out.append(self.byte())
                else:
                    self.value(head & 15, path)
        elif type == 12:
            self.struct(path)
        else:
            assert type in (1, 2), type

    def struct(self, path=()):
        field = 0
        while True:
            head = self.byte()
            self.out.append(head)
            if head == 0:
                return bytes(self.out)
            if head >> 4:
                field += head >> 4
            else:
                raw = self.varint()
                self.put(raw)
                field = raw >> 1 ^ -(raw & 1)
            self.value(head & 15, path + (field,))


def move_far(path, to, hole):
    data = path.read_bytes()
    size = struct.unpack("<I", data[-8:-4])[0]
    body, footer = data[4 : -8 - size], data[-8 - size : -8]
    body = bytearray(body)

    def index(at):
        moved = Copier(data[at:], hole, LOCATIONS).struct()
        body.extend(moved)
        return hole + 4 + len(body) - len(moved), len(moved)

    moved = Copier(footer, hole, OFFSETS, index).struct()
    with open(to, "wb") as out:
        out.write(b"PAR1")
        out.seek(hole + 4)
        out.write(body + moved + struct.pack("<I", len(moved)) + b"PAR1")
    assert os.stat(to).st_blocks * 512 < hole, "a hole takes no room"
