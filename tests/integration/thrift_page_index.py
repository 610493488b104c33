"""Page indexes read by a small reader of Thrift's compact protocol, so that ours are not judged by our own."""

import pyarrow.parquet as pq
from thrift_bytes import Bytes


class Reader(Bytes):
    def integer(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def value(self, kind, in_list=False):
        if kind in (1, 2):
            return self.byte() == 1 if in_list else kind == 1
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 8:
            size = self.varint()
            self.at += size
            return bytes(self.data[self.at - size : self.at])
        if kind == 9:
            head = self.byte()
            count = self.varint() if head >> 4 == 15 else head >> 4
            return [self.value(head & 15, True) for _ in range(count)]
        assert kind == 12, kind
        return self.struct()

    def struct(self):
        out, field = {}, 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.integer()
            out[field] = self.value(head & 15)
        return out


def footer(path):
    data = path.read_bytes()
    size = int.from_bytes(data[-8:-4], "little")
    return data, Reader(data[-8 - size : -8]).struct()


def indexes(path):
    """For each row group a list of (offset index, column index or None) of its columns."""
    data, meta = footer(path)
    groups = []
    for group in meta[4]:
        columns = []
        for chunk in group[1]:
            offsets = Reader(data[chunk[4] : chunk[4] + chunk[5]]).struct() if 4 in chunk else None
            column = Reader(data[chunk[6] : chunk[6] + chunk[7]]).struct() if 6 in chunk else None
            columns.append((offsets, column))
        groups.append(columns)
    return groups


def pages(path, column, group=0):
    """(values, null page, min, max, nulls) of every page of a flat column, values by pyarrow."""
    file = pq.ParquetFile(path)
    values = file.read_row_group(group).column(column).to_pylist()
    offsets, index = indexes(path)[group][column]
    starts = [location[3] for location in offsets[1]] + [len(values)]
    for i in range(len(starts) - 1):
        yield values[starts[i] : starts[i + 1]], index[1][i], index[2][i], index[3][i], index[5][i]
