"""docs/conformance.md is what this version does: our column of it, its files and its totals."""

import re

import pytest

import lamella_library as lamella
from public_files import BAD, ENCRYPTED, FILES, LARGE, SHARED, SHREDDED, our_result
from table import ABOUT, cells, is_as_wanted, name_of, size_of

ALL = FILES + BAD + ENCRYPTED
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the public test files are not here")


@pytest.fixture(scope="module")
def lines():
    return (lamella.ROOT / "docs" / "conformance.md").read_text().splitlines()


def test_all_are_here(lines):
    assert [len(paths) for paths in (FILES, BAD, ENCRYPTED, SHREDDED)] == [75, 8, 13, 137]
    assert sorted(ABOUT) == sorted(map(name_of, ALL))
    named = [match[1] for line in lines if (match := re.match(r"\| `([^`]+)` \|", line))]
    assert named == [name_of(path) for path in ALL]
    counts = [tuple(map(int, match.groups())) for line in lines if (match := re.match(r"\| [^|]+ \| (\d+) \| (\d+) \|", line))]
    assert counts == [(75, 75), (8, 8), (13, 13), (137, 137)]


@pytest.mark.parametrize("path", [p for p in ALL if p.name != LARGE], ids=name_of)
def test_row(path, lines):
    result = our_result(path)
    assert is_as_wanted(path, result)
    assert any(line.startswith(wanted(path, result)) for line in lines)


@pytest.mark.soak
def test_row_of_large_strings(lines):
    (path,) = [p for p in FILES if p.name == LARGE]
    assert any(line.startswith(wanted(path, our_result(path))) for line in lines)


def wanted(path, result):
    return cells(f"`{name_of(path)}`", ABOUT[name_of(path)], *size_of(path), result)
