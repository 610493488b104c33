"""ALP (encoding 10) of another writer. files/alp_arrow_rs.parquet was written by the crate parquet 60.1 with the same values
in two columns each, NAME_alp and NAME_plain: prices with NULLs and odd values, and doubles that ALP cannot make smaller."""

import pathlib

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import lamella_library as lamella

FILE = pathlib.Path(__file__).parent / "files" / "alp_arrow_rs.parquet"


def bits(column):
    """The values' bits: NaN is compared as it is."""
    array = column.combine_chunks()
    integer = pa.int64() if array.type == pa.float64() else pa.int32()
    values = pa.Array.from_buffers(integer, len(array), [None, array.buffers()[1]], offset=array.offset)
    return pc.if_else(array.is_valid(), values, pa.scalar(None, integer))


@pytest.mark.parametrize("options", [{}, {"batch_rows": 7}, {"dictionaries": True, "batch_rows": 333}])
def test_equal_to_plain(options):
    table = lamella.read(FILE, **options)
    assert table.num_rows == 1200
    for name in ("double", "float", "wild"):
        alp, plain = table[f"{name}_alp"], table[f"{name}_plain"]
        if pa.types.is_dictionary(alp.type):
            alp, plain = (pa.chunked_array([c.dictionary_decode() for c in x.chunks]) for x in (alp, plain))
        assert bits(alp).equals(bits(plain))
        assert (alp.null_count > 0) == (name != "wild")


def test_is_alp():
    import pyarrow.parquet as pq

    chunks = pq.read_metadata(FILE).row_group(0)
    for i in range(6):
        assert (chunks.column(i).encodings != ("PLAIN", "RLE")) == chunks.column(i).path_in_schema.endswith("_alp")
