"""upsert and dedup: values against a model in Python. Numbers of lessons are of lessons.md."""

import csv
import decimal
import math

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tables import bytes_of, no_stage


def rows_of(lamella, table, *options):
    """All rows, as dictionaries, in an order of their own."""
    lamella("cat", table, "--format", "parquet", "-o", "rows.parquet", *options)
    return pq.read_table(lamella.directory / "rows.parquet").to_pylist()


def canonical(value):
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    if isinstance(value, decimal.Decimal):
        return value.quantize(decimal.Decimal("0.01"))
    return value


def same_rows(rows, expected):
    def key(row):
        return [(v is None, str(type(canonical(v))), str(canonical(v))) for _, v in sorted(row.items())]

    assert sorted(map(key, rows)) == sorted(map(key, expected))


def source_csv(path, columns, rows):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        out.writerows(["" if v is None else v for v in row] for row in rows)


def small(write, rows=300, files=3, name="t"):
    """Files of rows id, s = "s<id>", v = id / 2, in row groups of 20."""
    each = rows // files
    for f in range(files):
        ids = list(range(f * each, (f + 1) * each))
        table = {"id": ids, "s": [f"s{i}" for i in ids], "v": [i / 2 for i in ids]}
        write(f"{name}/{f}.parquet", table, row_group_size=20)
    return [{"id": i, "s": f"s{i}", "v": i / 2} for i in range(rows)]


# ---- lessons ----


def test_lesson_6_null_overwrites_and_counts_are_exact(lamella, write, tmp_path):
    rows = small(write)
    source_csv(tmp_path / "new.csv", ["id", "s", "v"], [[5, "new", 1.5], [105, None, None], [1000, "x", 2.5]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id")
    rows[5] = {"id": 5, "s": "new", "v": 1.5}
    rows[105] = {"id": 105, "s": None, "v": None}
    rows.append({"id": 1000, "s": "x", "v": 2.5})
    same_rows(rows_of(lamella, "t"), rows)
    assert done["rows_matched"] == done["rows_updated"] == 2 and done["rows_inserted"] == 1
    assert done["rows_unchanged"] == 298 and done["source_rows"] == 3 and done["null_keys"] == 0
    assert done["files_rewritten"] == 2 and done["files_added"] == 1 and done["files_read"] == 2
    assert done["files_scanned"] == 3 and done["row_groups_copied"] == 8 and done["row_groups_encoded"] == 3
    assert done["partitions_scanned"] == done["partitions_affected"] == 1 and done["sequence"] == 1
    no_stage(tmp_path / "t")


def test_lesson_6_duplicates_of_the_source(lamella, write, tmp_path):
    rows = small(write)
    source_csv(tmp_path / "a.csv", ["id", "s"], [[1, "a"], [7, "b"], [900, "c"]])
    source_csv(tmp_path / "b.csv", ["id", "s"], [[8, "d"], [7, "e"], [900, "f"]])
    before = bytes_of(tmp_path / "t")
    failed = lamella("upsert", "t", "--from", "a.csv", "--from", "b.csv", "--key", "id", status=1).err
    assert "id = 7" in failed and "a.csv, row 2" in failed and "b.csv, row 2" in failed
    assert bytes_of(tmp_path / "t") == before
    done = lamella.json("upsert", "t", "--from", "a.csv", "b.csv", "--key", "id", "--on-duplicate", "last")
    for i, s in [(1, "a"), (7, "e"), (8, "d")]:
        rows[i]["s"] = s
    same_rows(rows_of(lamella, "t"), rows + [{"id": 900, "s": "f", "v": None}])
    assert done["source_rows"] == 6 and done["rows_updated"] == 3 and done["rows_inserted"] == 1


def test_lesson_6_the_same_key_in_another_partition(lamella, write, tmp_path):
    write("t/p=1/a.parquet", {"id": [1, 2, 3], "v": [10, 20, 30]})
    write("t/p=2/a.parquet", {"id": [4, 5, 3], "v": [40, 50, 31]})
    source_csv(tmp_path / "new.csv", ["id", "p", "v"], [[3, 2, 99], [4, 3, 98], [6, 3, 97]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id")
    expected = [(1, 1, 10), (2, 1, 20), (3, 2, 99), (4, 3, 98), (5, 2, 50), (6, 3, 97)]
    same_rows(rows_of(lamella, "t"), [{"id": i, "p": p, "v": v} for i, p, v in expected])
    assert done["rows_matched"] == 3 and done["duplicates_removed"] == 1 and done["rows_updated"] == 2
    assert done["rows_inserted"] == 1 and done["partitions_affected"] == 3
    moved = duckdb.sql(f"select id, v, p from read_parquet('{tmp_path}/t/*/*.parquet') order by id").fetchall()
    assert moved == [(i, v, p) for i, p, v in expected]


def test_lesson_6_keys_unique_within_the_partition(lamella, write, tmp_path):
    for p in range(1, 4):
        write(f"t/p={p}/a.parquet", {"id": [1, 2], "p": [p, p], "v": [p * 10, p * 10 + 1]})
    source_csv(tmp_path / "new.csv", ["id", "p", "v"], [[1, 2, 99], [3, 2, 98]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "p,id")
    expected = [(1, 1, 10), (2, 1, 11), (1, 2, 99), (2, 2, 21), (3, 2, 98), (1, 3, 30), (2, 3, 31)]
    same_rows(rows_of(lamella, "t"), [{"id": i, "p": p, "v": v} for i, p, v in expected])
    assert done["files_read"] == 1 and done["rows_updated"] == 1 and done["rows_inserted"] == 1


def test_lesson_6_columns_need_not_be_all(lamella, write, tmp_path):
    rows = small(write)
    source_csv(tmp_path / "new.csv", ["id", "v", "s"], [[5, 1, "no"], [999, 2, "yes"]])
    lamella("upsert", "t", "--from", "new.csv", "--key", "id", "--columns", "v")
    rows[5]["v"] = 1.0
    rows.append({"id": 999, "s": "yes", "v": 2.0})
    same_rows(rows_of(lamella, "t"), rows)
    failed = lamella("upsert", "t", "--from", "new.csv", "--key", "id", "--columns", "w", status=1).err
    assert '"w"' in failed


def test_lesson_6_one_row_replaces_all_of_its_key(lamella, write, tmp_path):
    write("t/a.parquet", {"id": [1, 2, 1], "v": [10, 20, 11]})
    write("t/b.parquet", {"id": [1, 3], "v": [12, 30]})
    source_csv(tmp_path / "new.csv", ["id", "v"], [[1, 99]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id")
    assert [r["id"] for r in rows_of(lamella, "t")] == [1, 2, 3]  # the first place is kept
    same_rows(rows_of(lamella, "t"), [{"id": i, "v": v} for i, v in [(1, 99), (2, 20), (3, 30)]])
    assert done["rows_matched"] == 3 and done["duplicates_removed"] == 2 and done["rows_updated"] == 1
    assert done["rows_unchanged"] == 2


def test_lesson_7_null_keys_always_insert(lamella, write, tmp_path):
    write("t/a.parquet", {"id": [1, None, None], "k": ["a", "a", None], "v": [1, 2, 3]})
    source_csv(tmp_path / "new.csv", ["id", "k", "v"], [[None, "a", 7], [1, None, 8], [None, None, 9], [1, "a", 6]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id,k")
    assert done["null_keys"] == 3 and done["rows_inserted"] == 3 and done["rows_updated"] == 1
    expected = [(1, "a", 6), (None, "a", 2), (None, None, 3), (None, "a", 7), (1, None, 8), (None, None, 9)]
    same_rows(rows_of(lamella, "t"), [{"id": i, "k": k, "v": v} for i, k, v in expected])
    done = lamella.json("dedup", "t", "--key", "id,k")
    assert done["null_keys"] == 5 and done["duplicates_removed"] == 0 and done["sequence"] == 0


def test_lesson_26_last_wins_within_the_source_and_dedup(lamella, write, tmp_path):
    write("t/a.parquet", {"id": [1, 2, 1, 3], "v": [1, 2, 3, 4]})
    write("t/b.parquet", {"id": [2, 3, 5], "v": [5, 6, 7]})
    source_csv(tmp_path / "new.csv", ["id", "v"], [[5, 8], [5, 9]])
    lamella("upsert", "t", "--from", "new.csv", "--key", "id", "--on-duplicate", "last")
    done = lamella.json("dedup", "t", "--key", "id", "--keep", "last")
    assert [(r["id"], r["v"]) for r in rows_of(lamella, "t")] == [(1, 3), (2, 5), (3, 6), (5, 9)]
    assert done["duplicates_removed"] == done["rows_matched"] == 3 and done["rows_unchanged"] == 4
    assert done["files_rewritten"] == 1 and done["files_removed"] == 0


def test_lesson_15_a_dry_run_counts_the_same(lamella, write, tmp_path):
    small(write)
    write("t/9.parquet", {"id": [1, 1, 50], "s": ["a", "b", "c"], "v": [0.0, 1.0, 2.0]})
    source_csv(tmp_path / "new.csv", ["id", "s", "v"], [[1, "new", 1.5], [105, None, None], [1000, "x", 2.5]])
    before = bytes_of(tmp_path / "t")
    for command in (["upsert", "t", "--from", "new.csv", "--key", "id"], ["dedup", "t", "--key", "id"]):
        dry = lamella.json(*command, "--dry-run")
        assert bytes_of(tmp_path / "t") == before or command[0] == "dedup"
        done = lamella.json(*command)
        for name in ("operation", "sequence", "seconds", "runs_spilled"):
            dry.pop(name), done.pop(name)
        assert dry == done


# ---- errors ----


def test_errors_name_their_rows(lamella, write, tmp_path):
    schema = pa.schema([pa.field("id", pa.int8()), pa.field("d", pa.decimal128(5, 2)), pa.field("n", pa.int32(), False)])
    write("t/a.parquet", pa.table({"id": [1, 2], "d": [None, None], "n": [1, 2]}, schema=schema))
    before = bytes_of(tmp_path / "t")

    def fails(columns, rows, *words, options=(), status=1):
        source_csv(tmp_path / "new.csv", columns, rows)
        error = lamella("upsert", "t", "--from", "new.csv", "--key", "id", *options, status=status).err
        for word in words:
            assert word in error, error
        assert bytes_of(tmp_path / "t") == before

    fails(["id", "d"], [[1, "1.25"], [300, "1.00"]], "new.csv", "300", "id")
    fails(["id", "d"], [[1, "1.25"], [2, "12345.00"]], "new.csv", "12345", '"d"')
    fails(["id", "d"], [[1, "1.25"], [9, "1.00"]], "new.csv, row 2", '"n"', "NOT NULL")
    fails(["id", "n"], [[1, 5], [2, None]], "new.csv, row 2", '"n"', "NOT NULL")
    fails(["id", "x"], [[1, 5]], '"x"', "does not have")
    fails(["d"], [[1]], '"id"')
    pq.write_table(pa.table({"id": [1, 2], "d": [1.25, 0.001]}), tmp_path / "new.parquet")
    error = lamella("upsert", "t", "--from", "new.parquet", "--key", "id", status=1).err
    assert "new.parquet, row 2" in error and '"d"' in error and "0.001" in error
    for arguments, word in [
        (["t", "--key", "id"], "--from"),
        (["t", "--from", "new.csv"], "--key"),
        (["t", "--from", "new.csv", "--key", "id", "--on-duplicate", "first"], "first"),
    ]:
        assert word in lamella("upsert", *arguments, status=2).err
    assert "nothing" in lamella("upsert", "nothing", "--from", "new.parquet", "--key", "id", status=1).err
    assert bytes_of(tmp_path / "t") == before


def test_sources_have_the_same_columns(lamella, write, tmp_path):
    small(write)
    source_csv(tmp_path / "a.csv", ["id", "s"], [[1, "a"]])
    source_csv(tmp_path / "b.csv", ["id", "v"], [[2, 1]])
    error = lamella("upsert", "t", "--from", "a.csv", "b.csv", "--key", "id", status=1).err
    assert "b.csv" in error and "a.csv" in error


def test_a_partition_that_was_not_asked_for(lamella, write, tmp_path):
    write("t/p=1/a.parquet", {"id": [1], "v": [1]})
    write("t/p=2/a.parquet", {"id": [2], "v": [2]})
    source_csv(tmp_path / "new.csv", ["id", "p", "v"], [[1, 1, 5], [7, 2, 6]])
    before = bytes_of(tmp_path / "t")
    error = lamella("upsert", "t", "--from", "new.csv", "--key", "id", "--partition", "p=1", status=1).err
    assert "p=2" in error and bytes_of(tmp_path / "t") == before
    source_csv(tmp_path / "new.csv", ["id", "p", "v"], [[1, 1, 5], [7, 1, 6]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id", "--partition", "p=1")
    assert done["files_scanned"] == 1 and done["rows_updated"] == done["rows_inserted"] == 1


# ---- sources ----


def test_sources_of_every_format(lamella, write, tmp_path):
    rows = small(write)
    (tmp_path / "new.jsonl").write_text('{"id": 3, "v": 1.5}\n{"id": 3000, "v": null}\n')
    lamella("upsert", "t", "--from", "new.jsonl", "--key", "id")
    rows[3]["v"] = 1.5
    rows.append({"id": 3000, "s": None, "v": None})
    pq.write_table(pa.table({"v": pa.array([9], pa.int16()), "id": pa.array([4], pa.uint32())}), tmp_path / "n.parquet")
    lamella("upsert", "t", "--from", "n.parquet", "--key", "id")
    rows[4]["v"] = 9.0
    lamella("upsert", "t", "--from", "-", "--key", "id", stdin="id,s\n5,piped\n")
    rows[5]["s"] = "piped"
    lamella("upsert", "t", "--from", "-", "--key", "id", "--format", "json", stdin='{"id": 6, "s": "piped"}\n')
    rows[6]["s"] = "piped"
    same_rows(rows_of(lamella, "t"), rows)
    assert lamella.json("upsert", "t", "--from", "-", "--key", "id", stdin="id,s\n")["sequence"] == 0


def test_a_source_of_keys_only_inserts_the_missing(lamella, write, tmp_path):
    rows = small(write)
    source_csv(tmp_path / "new.csv", ["id"], [[3], [300]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id")
    same_rows(rows_of(lamella, "t"), rows + [{"id": 300, "s": None, "v": None}])
    assert done["rows_matched"] == 1 and done["rows_updated"] == 0 and done["files_rewritten"] == 0


def test_files_with_other_types_and_columns(lamella, write, tmp_path):
    """The merged schema decides: a file whose column is narrower, or missing, gets it."""
    write("t/a.parquet", {"id": pa.array([1, 2], pa.int32()), "v": pa.array([1, 2], pa.int16())})
    write("t/b.parquet", {"id": pa.array([3, 4], pa.int64()), "v": pa.array([3, 4], pa.int64()), "w": ["x", "y"]})
    source_csv(tmp_path / "new.csv", ["id", "v", "w"], [[2, 10**12, "new"], [4, 5, None], [5 * 10**12, 6, "z"]])
    lamella("upsert", "t", "--from", "new.csv", "--key", "id")
    expected = [(1, 1, None), (2, 10**12, "new"), (3, 3, "x"), (4, 5, None), (5 * 10**12, 6, "z")]
    same_rows(rows_of(lamella, "t"), [{"id": i, "v": v, "w": w} for i, v, w in expected])


def test_nested_columns_stay_and_are_replaced(lamella, write, tmp_path):
    lists = [[1, 2], None, [], [3]]
    structs = [{"a": 1, "b": "x"}, {"a": None, "b": None}, None, {"a": 4, "b": ""}]
    write("t/a.parquet", {"id": [1, 2, 3, 2], "l": lists, "s": structs})
    pq.write_table(pa.table({"id": [2, 9], "l": [[7, None], None]}), tmp_path / "new.parquet")
    lamella("upsert", "t", "--from", "new.parquet", "--key", "id")
    expected = [(1, [1, 2], structs[0]), (2, [7, None], structs[1]), (3, [], None), (9, None, None)]
    same_rows(rows_of(lamella, "t"), [{"id": i, "l": l, "s": s} for i, l, s in expected])


def test_awkward_keys(lamella, write, tmp_path):
    """-0.0 is 0.0, NaN is itself, strings have NULs."""
    nan = math.nan
    write("t/a.parquet", {"f": [0.0, -1.5, nan, math.inf], "v": [1, 2, 3, 4]})
    pq.write_table(pa.table({"f": [-0.0, nan, 7.0], "v": [10, 30, 70]}), tmp_path / "new.parquet")
    done = lamella.json("upsert", "t", "--from", "new.parquet", "--key", "f")
    assert done["rows_updated"] == 2 and done["rows_inserted"] == 1
    expected = [(0.0, 10), (-1.5, 2), (nan, 30), (math.inf, 4), (7.0, 70)]
    same_rows(rows_of(lamella, "t"), [{"f": f, "v": v} for f, v in expected])
    write("u/a.parquet", {"k": ["a", "a\0", "a\0b", "", None], "v": [1, 2, 3, 4, 5]})
    pq.write_table(pa.table({"k": ["a\0", "", "\0"], "v": [20, 40, 60]}), tmp_path / "new.parquet")
    lamella("upsert", "u", "--from", "new.parquet", "--key", "k")
    expected = [("a", 1), ("a\0", 20), ("a\0b", 3), ("", 40), (None, 5), ("\0", 60)]
    same_rows(rows_of(lamella, "u"), [{"k": k, "v": v} for k, v in expected])


@pytest.mark.parametrize("type", [pa.binary(), pa.string(), pa.large_binary()], ids=str)
def test_keys_of_a_fixed_width_from_others(lamella, write, type):
    """Were appended as bytes of any length, and ended the program."""
    keys = [b"a" * 16, b"b" * 16, b"c" * 16]
    write("t/0.parquet", pa.table({"k": pa.array(keys[:2], pa.binary(16)), "v": [1, 2]}))
    write("new.parquet", pa.table({"k": pa.array(keys[1:], pa.binary()).cast(type), "v": [20, 30]}))
    lamella("upsert", "t", "--from", "new.parquet", "--key", "k")
    same_rows(rows_of(lamella, "t"), [{"k": k, "v": v} for k, v in zip(keys, (1, 20, 30))])
    write("short.parquet", pa.table({"k": pa.array([b"abc"], pa.binary()), "v": [1]}))
    assert "cannot hold" in lamella("upsert", "t", "--from", "short.parquet", "--key", "k", status=1).err


def test_bytes_that_are_no_text(lamella, write):
    """Were written as strings that no reader takes."""
    write("t/0.parquet", pa.table({"k": ["ä"], "v": [1]}))
    write("good.parquet", pa.table({"k": pa.array(["ä".encode()], pa.binary()), "v": [2]}))
    write("bad.parquet", pa.table({"k": pa.array([b"\xc3"], pa.binary()), "v": [3]}))
    lamella("upsert", "t", "--from", "good.parquet", "--key", "k")
    assert "row 1" in lamella("upsert", "t", "--from", "bad.parquet", "--key", "k", status=1).err
    same_rows(rows_of(lamella, "t"), [{"k": "ä", "v": 2}])


@pytest.mark.parametrize("change", ["upsert", "update", "full"])
def test_a_file_whose_path_alone_has_the_partition(lamella, write, change):
    """Beside one that has the column too. It got the column with NULL in all its rows."""
    write("t/p=1/a.parquet", pa.table({"k": [1, 2], "p": [1, 1], "v": [1, 1]}))
    write("t/p=2/b.parquet", pa.table({"k": [3, 4, 5], "v": [2, 2, 2]}), row_group_size=2)
    write("new.parquet", pa.table({"k": [3], "v": [9]}))
    rows = [{"k": k, "p": 1 + (k > 2), "v": 1 + (k > 2)} for k in range(1, 6)]
    if change == "update":
        lamella("update", "t", "--set", "p = 5", "--where", "k = 3")
        rows[2]["p"] = 5
    else:
        lamella("upsert", "t", "--from", "new.parquet", "--key", "k", *(["--verify", "full"] if change == "full" else []))
        rows[2]["v"] = 9
    same_rows(rows_of(lamella, "t"), rows)
    lamella("verify", "t")


@pytest.mark.parametrize("options", [[], ["--sort-by", "k"], ["--verify", "full"]], ids=str)
def test_compaction_of_files_of_which_the_path_alone_has_the_partition(lamella, write, options):
    write("t/p=2/a.parquet", pa.table({"k": [1, 2], "p": [2, 2]}))
    write("t/p=2/b.parquet", pa.table({"k": [3, 4]}))
    lamella("compact", "t", *options)
    same_rows(rows_of(lamella, "t"), [{"k": k, "p": 2} for k in range(1, 5)])
    lamella("verify", "t")


def test_a_path_beyond_the_type_of_the_column(lamella, write):
    """Was cut to the type's bits: 300 was 44."""
    write("t/p=1/a.parquet", pa.table({"p": pa.array([1], pa.int8()), "v": [1]}))
    write("t/p=300/b.parquet", {"v": [2]})
    same_rows(rows_of(lamella, "t"), [{"p": 1, "v": 1}, {"p": None, "v": 2}])


def test_backup_and_verify_full(lamella, write, tmp_path):
    rows = small(write)
    source_csv(tmp_path / "new.csv", ["id", "s"], [[1, "new"], [400, "y"]])
    lamella("upsert", "t", "--from", "new.csv", "--key", "id", "--backup", "kept", "--verify", "full")
    (backup,) = (tmp_path / "kept").iterdir()
    lamella("restore", backup)
    same_rows(rows_of(lamella, "t"), rows)


# ---- pruning ----


def test_only_row_groups_with_keys_are_read(lamella, write, tmp_path):
    rows = small(write, rows=3000, files=3)
    source_csv(tmp_path / "new.csv", ["id", "s"], [[1500, "new"], [1501, "new"]])
    done = lamella.json("upsert", "t", "--from", "new.csv", "--key", "id")
    assert done["files_read"] == 1 and done["row_groups_encoded"] == 1 and done["row_groups_copied"] == 49
    rows[1500]["s"] = rows[1501]["s"] = "new"
    same_rows(rows_of(lamella, "t"), rows)


# ---- random tables ----

COLUMNS = {
    "int": (pa.int32(), lambda r: r.randrange(-40, 40)),
    "text": (pa.string(), lambda r: r.choice(["", "a", "a\0", "b", "ä", "long " * 20]) + str(r.randrange(9))),
    "float": (pa.float64(), lambda r: r.choice([0.0, -0.0, math.nan, math.inf, -1.5, float(r.randrange(30))])),
    "decimal": (pa.decimal128(8, 2), lambda r: decimal.Decimal(r.randrange(-3000, 3000)) / 100),
    "bool": (pa.bool_(), lambda r: r.random() < 0.5),
}


class Model:
    """A table as a list of rows, in the order of the table."""

    def __init__(self, rows, names):
        self.rows, self.names = rows, names

    def key(self, row, keys):
        values = [canonical(row[k]) for k in keys]
        return None if None in values else tuple(map(str, values))

    def upsert(self, source, keys, columns, last):
        counts = dict(rows_matched=0, rows_updated=0, rows_inserted=0, duplicates_removed=0, null_keys=0)
        given, fresh = {}, []
        for row in source:
            key = self.key(row, keys)
            if key is None:
                fresh.append(row)
                counts["null_keys"] += 1
            else:
                assert last or key not in given
                given[key] = row
        updated = [c for c in (columns or source[0]) if c not in keys] if source else []
        seen, kept = set(), []
        for row in self.rows:
            key = self.key(row, keys)
            if key in given:
                counts["rows_matched"] += 1
                if key in seen:
                    counts["duplicates_removed"] += 1
                    continue
                seen.add(key)
                counts["rows_updated"] += bool(updated)
                row = {**row, **{c: given[key][c] for c in updated}}
            kept.append(row)
        fresh += [row for key, row in given.items() if key not in seen]
        counts["rows_inserted"] = len(fresh)
        self.rows = kept + [{n: row.get(n) for n in self.names} for row in fresh]
        return counts

    def dedup(self, keys, last):
        seen, kept = set(), []
        for row in reversed(self.rows) if last else self.rows:
            key = self.key(row, keys)
            if key is None or key not in seen:
                kept.append(row)
            seen.add(key)
        removed = len(self.rows) - len(kept)
        self.rows = kept[::-1] if last else kept
        return removed


def random_rows(rng, names, count):
    def value(name):
        return None if rng.random() < 0.1 else COLUMNS[name][1](rng)

    return [{name: value(name) for name in names} for _ in range(count)]


def arrow_of(rows, names):
    return pa.table({n: pa.array([r[n] for r in rows], COLUMNS[n][0]) for n in names})


def write_random_table(rng, root, rows, names, partition):
    """Some files; by the int column, where asked for, which stays in the data or not."""
    places = {}
    for row in rows:
        value = row["int"]
        place = f"int={'__HIVE_DEFAULT_PARTITION__' if value is None else value}" if partition else "."
        places.setdefault(place, []).append(row)
    written = [n for n in names if n != "int"] if partition == "path" else names
    for place, there in places.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        for f in range(rng.randrange(1, 3)):
            part = there[f::2] if rng.random() < 0.5 else there[len(there) // 2 * f : len(there) // 2 * (f + 1)]
            pq.write_table(arrow_of(part, written), root / place / f"{f}.parquet", row_group_size=rng.randrange(1, 20))


@pytest.mark.parametrize("case", range(12))
def test_random_tables(lamella, rng, tmp_path, case):
    names = ["int"] + rng.sample(["text", "float", "decimal", "bool"], 3)
    partition = [None, "path", "data"][case % 3]
    write_random_table(rng, tmp_path / "t", random_rows(rng, names, rng.randrange(20, 200)), names, partition)
    model = Model(rows_of(lamella, "t"), names)
    for step in range(4):
        keys = rng.sample(names, rng.randrange(1, 3))
        if step == 2:
            last = rng.random() < 0.5
            done = lamella.json("dedup", "t", "--key", ",".join(keys), "--keep", "last" if last else "first")
            before = len(model.rows)
            assert done["duplicates_removed"] == model.dedup(keys, last)
            assert done["rows_unchanged"] == before - done["duplicates_removed"]
        else:
            given = keys + [n for n in names if n not in keys and rng.random() < 0.7]
            if partition and rng.random() < 0.8:
                given = list(dict.fromkeys(given + ["int"]))
            rng.shuffle(given)
            source = random_rows(rng, given, rng.randrange(1, 60))
            columns = rng.sample(given, rng.randrange(1, len(given) + 1)) if rng.random() < 0.3 else None
            pq.write_table(arrow_of(source, given), tmp_path / "new.parquet")
            options = ["--columns", ",".join(columns)] if columns else []
            command = ["upsert", "t", "--from", "new.parquet", "--key", ",".join(keys), "--on-duplicate", "last"]
            done = lamella.json(*command, *options)
            want = model.upsert(source, keys, columns, True)
            assert {name: done[name] for name in want} == want
        rows = rows_of(lamella, "t")
        same_rows(rows, model.rows)
        model.rows = rows  # in the order of the table, which new and moved rows have changed
        assert lamella("verify", "t").code == 0


def test_larger_than_memory(lamella, tmp_path):
    """The source and what it meets do not fit into the budget: both sides are spilled."""
    count = 200_000  # of about 500 bytes
    (tmp_path / "t").mkdir()
    con = duckdb.connect()
    for f in range(2):
        con.sql(
            f"""copy (select (i * 7919) % {2 * count} as id, repeat(md5(i::varchar), 15) as s, i as v
            from range({f * count // 2}, {(f + 1) * count // 2}) r(i)) to '{tmp_path}/t/{f}.parquet' (row_group_size 8192)"""
        )
    con.sql(
        f"""copy (select (i * 104729 + 1) % {2 * count} as id, repeat(md5((-i)::varchar), 15) as s, -i as v
        from range({count}) r(i)) to '{tmp_path}/new.parquet' (row_group_size 8192)"""
    )
    con.sql(f"create table t as select * from '{tmp_path}/t/*.parquet'")
    con.sql(f"create table n as select * from '{tmp_path}/new.parquet'")
    done = lamella.json("--memory-limit", "64MB", "--threads", 2, "upsert", "t", "--from", "new.parquet", "--key", "id")
    assert done["runs_spilled"] > 0
    con.sql("delete from t where id in (select id from n)")
    removed = count - con.sql("select count(*) from t").fetchall()[0][0]
    assert done["rows_updated"] == done["rows_matched"] == removed and done["rows_inserted"] == count - removed
    con.sql("insert into t select * from n")
    table = f"'{tmp_path}/t/*.parquet'"
    for left, right in [("t", table), (table, "t")]:
        assert con.sql(f"select count(*) from (from {left} except all from {right})").fetchall() == [(0,)]
