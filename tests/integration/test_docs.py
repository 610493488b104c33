"""The commands of README.md, docs/ and the manual, as they are written there."""

import os
import pathlib
import re
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import BINARY, ROOT

README = (ROOT / "README.md").read_text()
FLIGHTS = ROOT.parent / "shared" / "data" / "flights-3m.parquet"
SESSION = re.compile(r"build/demo|events|/demo-\*")
DOCUMENTS = [p.name for p in sorted((ROOT / "docs").iterdir()) if p.suffix in (".md", ".1") and p.stem != "conformance"]


def run(command, directory):
    environment = {**os.environ, "PATH": f"{pathlib.Path(BINARY).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def plain(output):
    """Lines without what another codec's library or machine changes: bytes and seconds."""
    lines = [re.sub(r" +", " ", line) for line in output.splitlines() if line.strip()]
    return [re.sub(r'"bytes": \d+', "", line) for line in lines if not re.match(r"bytes|seconds|The table is", line)]


@pytest.mark.skipif(not FLIGHTS.exists(), reason="the flights are not here")
@pytest.mark.skipif(not pathlib.Path(BINARY).with_name("liblamella.so").exists(), reason="the sanitizers take long")
def test_session(tmp_path):
    """The README's, with its output; where some of it is left out, what is there is in order."""
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "shared" / "data" / FLIGHTS.name).symlink_to(FLIGHTS)
    (tmp_path / "main" / "build").mkdir(parents=True)
    steps = 0
    for block in re.split(r"(?m)^```.*\n", README)[1::2]:
        for step in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, wanted = step.partition("\n")
            if command.startswith("cat "):
                (tmp_path / "main" / command.split()[1]).write_text(wanted.strip() + "\n")
            elif SESSION.search(command):
                found = iter(plain(run(command.replace("/backups", "../backups"), tmp_path / "main")))
                missing = [line for line in plain(wanted) if line not in found]
                assert not missing, f"{command}: {missing}"
                steps += 1
    assert steps > 8


def trades(rows, first=0):
    numbers = range(first, first + rows)
    prices = [None if i % 7 == 0 else i % 90 - 1 for i in numbers]
    return pa.table({
        "product_id": [f"BTC-{i % 3}" for i in numbers], "trade_id": pa.array(numbers, pa.int64()),
        "id": pa.array(numbers, pa.int32()), "ts": pa.array([i * 10**9 for i in numbers], pa.timestamp("us")),
        "price": pa.array(prices, pa.decimal128(10, 2)), "size": pa.array([i % 50 for i in numbers], pa.int32()),
        "qty": [i % 5 for i in numbers], "comment": [""] * rows, "symbol": ["ETH"] * rows, "source": ["feed7"] * rows})


@pytest.fixture
def directory(tmp_path):
    for day in 26, 27:
        path = tmp_path / "trades" / f"date=2025-11-{day}"
        path.mkdir(parents=True)
        for part in range(2):
            first = day * 1000 + part * 300
            day_of = pa.array([f"2025-11-{day}"] * 300).cast(pa.date32())
            pq.write_table(trades(300, first).append_column("date", day_of), path / f"part-{part}.parquet")
    pq.write_table(trades(100, 26000), tmp_path / "trades.parquet")
    new = trades(100, 26250).append_column("date", pa.array(["2025-11-26"] * 100).cast(pa.date32()))
    pq.write_table(new, tmp_path / "new.parquet")
    header, rows = "product_id,date,trade_id,price,size\n", "BTC-2,2025-11-26,26003,1.25,7\n"
    for name in "day.csv", "late.csv", "corrections.csv", "new/0.csv", "new/1.csv":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(header + rows)
    (tmp_path / "flights.csv").write_text("date,origin,delay\n2001-01-01,SFO,70\n2001-01-02,OAK,3\n")
    return tmp_path


def commands_of(text):
    """Lines that are commands of ours. What is optional is taken, unless its value is left out."""
    for line in re.findall(r"(?m)^(?:    |\$ |)(lamella [a-z-].*)$", text.replace("\\-", "-")):
        line = re.sub(r"\[([^\]]*)\]", lambda m: "" if "…" in m[1] else m[1], line)
        if not re.match(r"lamella (journal|head|lease|-)", line) or line.startswith("lamella --json"):
            yield line.split(" | ")[0]


@pytest.mark.parametrize("name", ["README.md", *DOCUMENTS])
def test_commands(directory, name):
    text = README if name == "README.md" else (ROOT / "docs" / name).read_text()
    for command in commands_of(text):
        if not SESSION.search(command):
            command = re.sub(r"restore backups/trades-\S+", "restore backups/trades-*", command)
            for name, here in ("/backups", "backups"), (" SRC DST", " trades to"), ("part-0.parquet", "part-0[-.]*"):
                command = command.replace(name, here)
            run(command, directory)


def test_there_are_commands():
    counts = {name: len(list(commands_of((ROOT / "docs" / name).read_text()))) for name in DOCUMENTS}
    assert counts["changing.md"] >= 8 and counts["repartition.md"] >= 6 and counts["lamella.1"] >= 7
