"""The command under test, and tables made to order.

LAMELLA names the binary; without it the release build's is taken. LAMELLA_TEST_SEED repeats a random run."""

import json
import os
import pathlib
import random
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("LAMELLA") or str(ROOT / "build" / "release" / "lamella")
SEED = int(os.environ.get("LAMELLA_TEST_SEED", "20261121"))


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def json(self):
        return json.loads(self.out)


class Command:
    """Runs lamella in a directory. A status other than the one expected fails the test with what was printed."""

    binary = BINARY

    def __init__(self, directory):
        self.directory = directory

    def __call__(self, *arguments, status=0, stdin=b"", env=None, timeout=300):
        done = subprocess.run(
            [BINARY, *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            cwd=self.directory,
            env={**os.environ, **(env or {})},
            timeout=timeout,
        )
        result = Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))
        assert "Sanitizer" not in result.err, result.err
        assert result.code == status, f"{arguments}: {result.code}\n{result.out[-2000:]!r}\n{result.err}"
        return result

    def json(self, *arguments, **options):
        return self("--json", *arguments, **options).json

    def start(self, *arguments, **options):
        return subprocess.Popen([BINARY, *map(str, arguments)], cwd=self.directory, **options)


@pytest.fixture
def lamella(tmp_path):
    return Command(tmp_path)


@pytest.fixture
def rng(request):
    r = random.Random(f"{SEED} {request.node.name}")
    print(f"LAMELLA_TEST_SEED={SEED}")
    return r


@pytest.fixture
def write(tmp_path):
    """write("t/a.parquet", {"x": [1]}) or with a pyarrow table; options are pyarrow's."""

    def write(name, table, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = table if isinstance(table, pa.Table) else pa.table(table)
        pq.write_table(table, path, **options)
        return path

    return write
