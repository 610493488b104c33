"""What `make install` puts in place: a program of docs/c-api.md finds it by pkg-config and by CMake and runs, and the
shared library exports the public functions and nothing else."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import BINARY, ROOT

BUILD = pathlib.Path(BINARY).parent
pytestmark = pytest.mark.skipif(
    not (BUILD / "liblamella.so").exists(), reason="the sanitizers' builds have no shared library"
)


def run(*arguments, **options):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def block(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / "c-api.md").read_text(), re.S)[number]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


@pytest.fixture
def example(tmp_path):
    (tmp_path / "quotes.c").write_text(block("c"))
    (tmp_path / "CMakeLists.txt").write_text(block("cmake"))
    (tmp_path / "trades").mkdir()
    return tmp_path


def check(program, example, prefix):
    library = next(prefix.glob("lib/**/liblamella.so")).parent
    out = run(program, "trades", cwd=example, env={**os.environ, "LD_LIBRARY_PATH": str(library)})
    assert out == block("text")
    assert len(list((example / "trades").iterdir())) == 1


def test_pkg_config(example, prefix):
    pc = next(prefix.glob("lib/**/lamella.pc")).parent
    flags = run("pkg-config", "--cflags", "--libs", "lamella", env={**os.environ, "PKG_CONFIG_PATH": str(pc)}).split()
    run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "quotes.c", *flags, "-o", "quotes", cwd=example)
    check(example / "quotes", example, prefix)


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_cmake_package(example, prefix, kind):
    lists = example / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("lamella::shared", f"lamella::{kind}"))
    run("cmake", "-S", example, "-B", example / "b", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", example / "b")
    check(example / "b" / "quotes", example, prefix)


def test_every_header_stands_alone(prefix):
    for header in (prefix / "include" / "lamella").glob("*.h"):
        run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", prefix / "include", header)


def test_exports_are_the_public_functions(prefix):
    headers = "".join(p.read_text() for p in (prefix / "include" / "lamella").glob("*.h"))
    public = set(re.findall(r"LAM_API[^;(]*?\b(lam_\w+)\(", headers))
    listed = run("nm", "-D", "--defined-only", next(prefix.glob("lib/**/liblamella.so")))
    assert {line.split()[-1] for line in listed.splitlines()} == public


def test_manual_and_completion(prefix):
    assert (prefix / "share" / "man" / "man1" / "lamella.1").exists()
    script = prefix / "share" / "bash-completion" / "completions" / "lamella"
    words = "COMP_WORDS=(lamella comp) COMP_CWORD=1; _lamella lamella comp lamella; echo ${COMPREPLY[@]}"
    assert run("bash", "-c", f"source {script}; {words}") == "compact\n"
