"""JSON lines into tables and out again, nested values among them."""

import datetime
import json
import random

import pyarrow as pa

from tables import files_of, no_stage, read_table


def test_flat(lamella, tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"id":1,"name":"a","day":"2025-11-26","ok":true,"x":1.5}\n\n'
        '{"id":2,"name":null,"x":2}\n'
    )
    assert lamella.json("import", "x.jsonl", "--into", "t")["rows"] == 2
    table = read_table(tmp_path / "t")
    assert [(f.name, f.type) for f in table.schema] == [
        ("id", pa.int64()), ("name", pa.string()), ("day", pa.date32()), ("ok", pa.bool_()), ("x", pa.float64())]
    assert table.to_pylist() == [
        {"id": 1, "name": "a", "day": datetime.date(2025, 11, 26), "ok": True, "x": 1.5},
        {"id": 2, "name": None, "day": None, "ok": None, "x": 2.0}]


def test_errors_change_nothing(lamella, tmp_path):
    for text, message in [('{"a":1}\n{"a":\n', "line 2, byte"), ('[1]\n', "expected an object"),
                          ('{"a":1,"a":2}\n', "line 1")]:
        (tmp_path / "x.ndjson").write_text(text)
        error = lamella("import", "x.ndjson", "--into", "t", status=1).err
        assert message in error and "x.ndjson" in error
        assert files_of(tmp_path / "t") == []


def test_stdin_and_partitions(lamella, tmp_path):
    lines = "".join(json.dumps({"k": "ab"[i % 2], "v": i}) + "\n" for i in range(10))
    lamella("import", "-", "--format", "json", "--into", "t", "--partition-by", "k", stdin=lines)
    assert len(files_of(tmp_path / "t")) == 2
    assert sorted(read_table(tmp_path / "t")["v"].to_pylist()) == list(range(10))
    no_stage(tmp_path / "t")


def random_value(rng, kind):
    if rng.random() < 0.15:
        return None
    if isinstance(kind, list):
        return [random_value(rng, kind[0]) for _ in range(rng.randrange(4))]
    if isinstance(kind, dict):
        return {name: random_value(rng, k) for name, k in kind.items()}
    return {"int": lambda: rng.randrange(-2**63, 2**63), "float": lambda: rng.choice([0.5, -1e300, 3.0]),
            "bool": lambda: rng.random() < 0.5, "text": lambda: rng.choice(["", "é\n", "\"quoted\"", "😀"])}[kind]()


def random_kind(rng, depth):
    choice = rng.randrange(6) if depth else rng.randrange(4)
    if choice == 4:
        return [random_kind(rng, depth - 1)]
    if choice == 5:
        return {f"m{i}": random_kind(rng, depth - 1) for i in range(rng.randrange(1, 4))}
    return ["int", "float", "bool", "text"][choice]


def full_value(kind):
    """One with all members there, so that the types are known."""
    if isinstance(kind, list):
        return [full_value(kind[0])]
    if isinstance(kind, dict):
        return {name: full_value(k) for name, k in kind.items()}
    return {"int": 1, "float": 1.5, "bool": True, "text": "t"}[kind]


def test_nested_round_trip(lamella, tmp_path):
    seed = 20261121
    print("seed", seed)
    rng = random.Random(seed)
    for n in range(12):
        kinds = {f"c{i}": random_kind(rng, 4) for i in range(3)}
        rows = [{name: full_value(k) for name, k in kinds.items()}]
        rows += [{name: random_value(rng, k) for name, k in kinds.items()} for _ in range(50)]
        (tmp_path / f"x{n}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        lamella("import", f"x{n}.jsonl", "--into", f"t{n}")
        assert read_table(tmp_path / f"t{n}").to_pylist() == rows
        out = lamella("cat", f"t{n}", "--format", "json").out
        assert [json.loads(line) for line in out.splitlines()] == rows
