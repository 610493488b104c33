"""What DESIGN.md promises of every command: exit statuses, JSON, streams, signals, environment, help."""

import json
import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import time

import pyarrow as pa
import pytest

from tables import bytes_of, files_of, no_stage

COMMANDS = ["inspect", "cat", "count", "verify", "import", "compact"]


def test_version(lamella):
    done = lamella("--version")
    assert re.match(r"lamella \d+\.\d+\.\d+\noptional parts: ", done.text) and done.err == ""


def test_help(lamella):
    done = lamella("--help")
    assert all(f"lamella {name} " in done.text for name in COMMANDS) and done.err == ""
    assert lamella("-h").out == done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(lamella, command):
    done = lamella(command, "--help")
    assert done.text.startswith(f"usage: lamella {command} ") and done.err == ""
    # Every option that a usage line or the manual names is one that the parser knows.
    for option in set(re.findall(r"--[a-z-]+", done.text.split("\n\n")[0].split("TABLE is")[0])):
        known = lamella(command, f"{option}=x", status=2)
        assert "there is no option" not in known.err, option


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "usage: lamella"),
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["--frob"], "there is no option --frob"),
        (["cat"], "too few arguments"),
        (["cat", "a", "b"], "'b' is one argument too many"),
        (["cat", "t", "--frob"], "there is no option --frob"),
        (["cat", "t", "--limit", "-1"], "--limit '-1': expected a whole number, at least 0"),
        (["cat", "t", "--limit"], "--limit needs a value"),
        (["cat", "t", "--format", "xml"], "--format 'xml': expected csv, json or parquet"),
        (["cat", "t", "--no-checksums=1"], "--no-checksums takes no value"),
        (["count", "t", "--partition", "x"], "--partition 'x': expected column=value"),
        (["count", "t", "--where", "a <"], "--where: expected a value at position 4, found the end of the expression"),
        (["--threads", "0", "count", "t"], "--threads '0': expected a whole number, at least 1"),
        (["--memory-limit", "lots", "count", "t"], "lots"),
        (["--memory-limit", "0", "count", "t"], "--memory-limit '0': expected a size above 0"),
        (["compact", "t", "--max-file-size", "0MB"], "--max-file-size '0MB': expected a size above 0"),
        (["delete", "t", "--where", "a <"], "--where: expected a value at position 4, found the end of the expression"),
        (["update", "t", "--set", "a = 1", "--where", ""], "--where: expected a value"),
        (["repartition", "t", "u", "--by", "a", "--where", "a <"], "--where: expected a value at position 4"),
        (["schema", "t", "--backup", "b"], "no change of the columns is asked for"),
        (["--log-level", "loud", "count", "t"], "--log-level 'loud': expected error, warn, info or debug"),
        (["compact", "t", "--target-size", "12 parsecs"], "12 parsecs"),
        (["compact", "t", "--compression", "lzma"], "there is no codec 'lzma'"),
        (["compact", "t", "--verify", "half"], "--verify 'half': expected full"),
        (["compact", "t", "--mode", "sideways"], "--mode 'sideways': expected rewrite or append"),
        (["compact", "t", "--grace", "soon"], "--grace 'soon': expected a whole number"),
        (["compact", "t", "--sort-by", ""], "--sort-by has an empty column name"),
        (["import", "x"], "--into TABLE is missing"),
        (["import", "x", "--into", "t", "--type", "a"], "--type 'a': expected column=type"),
        (["import", "x", "--into", "t", "--type", "a=quux"], "quux"),
        (["import", "x", "--into", "t", "--delimiter", "ab"], "--delimiter 'ab': expected one character"),
        (["import", "x", "--into", "t", "--format", "xls"], "--format 'xls': expected parquet, csv or json"),
    ],
)
def test_wrong_usage(lamella, tmp_path, arguments, message):
    done = lamella(*arguments, status=2)
    assert message in done.err and "usage: lamella" in done.err and done.out == b""
    failure = lamella(*arguments, "--json", status=2) if arguments else lamella("--json", status=2)
    assert set(failure.json) == {"error", "status"} and failure.json["status"] == "invalid"
    assert list(tmp_path.iterdir()) == []


def test_failure(lamella, write):
    assert lamella("count", "nothing", status=1).err == "lamella: there is no file or directory 'nothing'\n"
    failure = lamella.json("count", "nothing", status=1)
    assert failure == {"error": "there is no file or directory 'nothing'", "status": "not found"}
    write("x.parquet", {"a": [1]})
    assert "has no column \"b\"" in lamella("cat", "x.parquet", "--columns", "b", status=1).err


def test_a_message_that_is_not_utf8(lamella, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    done = subprocess.run([lamella.binary, "--json", "count", name], capture_output=True)
    assert done.returncode == 1 and "caf?" in json.loads(done.stdout)["error"]


def test_json_of_success(lamella, write):
    write("t/a.parquet", {"a": [1, 2]})
    write("t/b.parquet", {"a": [3]})
    counted = lamella.json("count", "t")
    assert counted["rows"] == 3 and counted["files"] == 2
    assert counted["bytes"] == sum(p.stat().st_size for p in files_of(lamella.directory / "t"))
    done = lamella("compact", "t", "--json")
    assert done.json["files_before"] == 2 and done.json["files_after"] == 1 and done.json["rows"] == 3
    assert done.out.count(b"\n") == 1 and done.err == ""


def test_global_options_stand_anywhere(lamella, write):
    write("x.parquet", {"a": [1]})
    for arguments in (["--json", "count", "x.parquet"], ["count", "--json", "x.parquet"], ["count", "x.parquet", "--json"]):
        assert lamella(*arguments).json["rows"] == 1
    assert lamella("count", "--", "x.parquet").text == "1\n"
    assert lamella("count", "--threads=2", "x.parquet", "--memory-limit=64MiB").text == "1\n"


def test_quiet(lamella, write):
    write("t/a.parquet", {"a": [1]})
    write("t/b.parquet", {"a": [2]})
    done = lamella("--quiet", "compact", "t")
    assert done.out == b"" and done.err == "" and len(files_of(lamella.directory / "t")) == 1


def test_environment(lamella, write):
    write("x.parquet", {"a": [1]})
    assert lamella("count", "x.parquet", env={"LAMELLA_THREADS": "2", "LAMELLA_MEMORY_LIMIT": "64MiB"}).text == "1\n"
    assert "LAMELLA_THREADS 'many'" in lamella("count", "x.parquet", env={"LAMELLA_THREADS": "many"}, status=2).err
    assert "LAMELLA_MEMORY_LIMIT" in lamella("count", "x.parquet", env={"LAMELLA_MEMORY_LIMIT": "x"}, status=2).err
    # An option is more than the environment.
    assert lamella("count", "x.parquet", "--threads", "1", env={"LAMELLA_THREADS": "many"}).text == "1\n"


def test_memory_limit_is_named(lamella, write):
    write("t/a.parquet", {"a": list(range(1000))})
    done = lamella.json("cat", "t", "--memory-limit", "1kB", status=1)
    assert done["status"] in ("limit", "no_memory") and "1" in done["error"]


def test_many_sources(lamella, write, tmp_path):
    # More than a fixed list would hold: shells expand *.parquet to thousands of words.
    names = [f"s/{i:04}.parquet" for i in range(1500)]
    table = pa.table({"a": [7]})
    for name in names:
        write(name, table)
    assert lamella.json("import", *names, "--into", "t")["rows"] == 1500


def test_closed_pipe(lamella, write):
    write("x.parquet", {"a": list(range(500000))})
    for command in (["cat", "x.parquet"], ["cat", "x.parquet", "--format", "parquet"], ["--json", "cat", "x.parquet"]):
        process = lamella.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(60) == 0


def test_full_device(lamella, write):
    write("x.parquet", {"a": [1]})
    with open("/dev/full", "wb") as full:
        for command in (["count", "x.parquet"], ["cat", "x.parquet"], ["--json", "count", "x.parquet"]):
            done = subprocess.run(
                [lamella.binary, *command], cwd=lamella.directory, stdout=full, stderr=subprocess.PIPE, text=True
            )
            assert done.returncode == 1 and "writing standard output" in done.stderr


def test_output_to_a_device_leaves_it(lamella, write, tmp_path):
    write("x.parquet", {"a": [1]})
    os.mkfifo(tmp_path / "pipe")
    for format in ("csv", "parquet"):
        lamella("cat", "x.parquet", "--format", format, "-o", "/dev/null")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
        lamella("cat", "x.parquet", "--format", format, "-o", "pipe")
        got = reader.communicate(timeout=60)[0]
        assert got == b"a\n1\n" or got[:4] == got[-4:] == b"PAR1"
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_output_through_a_link(lamella, write, tmp_path):
    write("x.parquet", {"a": [1]})
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    lamella("cat", "x.parquet", "-o", "link.csv")
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() == "a\n1\n"


def test_failed_output_leaves_the_old_one(lamella, write, tmp_path):
    path = write("x.parquet", {"a": list(range(1000))}, compression="none", write_page_checksum=True, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    for format in ("csv", "json", "parquet"):
        (tmp_path / "out").write_text("old")
        assert "checksum" in lamella("cat", "x.parquet", "--format", format, "-o", "out", status=1).err
        assert (tmp_path / "out").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "x.parquet"]


def test_stdin_is_a_file(lamella, write):
    data = write("x.parquet", {"a": [1, 2]}).read_bytes()
    assert lamella("cat", "-", stdin=data).text == "a\n1\n2\n"
    assert lamella("count", "-", stdin=data).text == "2\n"
    assert lamella.json("inspect", "-", stdin=data)["rows"] == 2
    assert lamella.json("verify", "-", stdin=data)["faults"] == 0
    assert lamella.json("import", "-", "--format", "parquet", "--into", "t", stdin=data)["rows"] == 2
    assert "named twice" in lamella("import", "-", "-", "--into", "u", stdin=b"a\n1\n", status=1).err


def test_stdin_leaves_no_spool(lamella, write, tmp_path):
    spill = tmp_path / "spill"
    spill.mkdir()
    data = write("x.parquet", {"a": [1, 2]}).read_bytes()
    lamella("cat", "-", stdin=data, env={"TMPDIR": str(spill)})
    lamella("cat", "-", stdin=data[:-3], env={"TMPDIR": str(spill)}, status=1)
    lamella("cat", "x.parquet", "--format", "parquet", env={"TMPDIR": str(spill)})
    assert list(spill.iterdir()) == []


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_import(lamella, tmp_path, number):
    """It reads from a pipe that does not end, so that it surely is under way."""
    process = lamella.start("import", "-", "--into", "t", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"a,b\n" + b"1,x\n" * 2_000_000)
    process.stdin.flush()
    stage = tmp_path / "t.lamella" / "stage"
    assert wait_for(lambda: stage.exists() and list(stage.iterdir()))
    process.send_signal(number)
    assert process.wait(30) == 130
    assert b"cancelled" in process.stderr.read()
    assert files_of(tmp_path / "t") == []
    no_stage(tmp_path / "t")


def test_interrupted_compaction(lamella, write, tmp_path):
    """Lesson 20: atomic, or nothing."""
    for i in range(40):
        write(f"t/{i:02}.parquet", {"a": list(range(20000)), "s": [str(k * i) for k in range(20000)]})
    before = bytes_of(tmp_path / "t")
    process = lamella.start("--threads", "1", "compact", "t", "--compression", "brotli:11", stderr=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    stage = tmp_path / "t.lamella" / "stage"
    assert wait_for(lambda: stage.exists() and list(stage.iterdir()))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    if process.returncode == 130:
        assert bytes_of(tmp_path / "t") == before and out == b""
    no_stage(tmp_path / "t")


def test_progress_only_on_a_terminal(lamella, write, tmp_path):
    for i in range(3):
        write(f"t/{i}.parquet", {"a": list(range(1000))})
    assert lamella("compact", "t", "--dry-run").err == ""
    main, other = pty.openpty()
    process = lamella.start("compact", "t", "--dry-run", stdout=subprocess.PIPE, stderr=other)
    os.close(other)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert process.wait(60) == 0
    assert b"compact: " in shown and b"rows" in shown
    assert shown.endswith(b"\r\x1b[K"), "the bar is wiped at the end"
    os.close(main)


def test_manual_names_every_option(lamella):
    """Each option of each usage line is in the manual and in the completion."""
    root = pathlib.Path(__file__).resolve().parents[2]
    manual = (root / "docs" / "lamella.1").read_text().replace("\\-", "-")
    completion = (root / "completions" / "lamella.bash").read_text()
    options = set(re.findall(r"--[a-z-]+", lamella("--help").text))
    assert len(options) > 20
    for option in options:
        assert option in manual, option
        assert option in completion, option


def complete(words):
    script = f"""source {pathlib.Path(__file__).resolve().parents[2]}/completions/lamella.bash
COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
_lamella lamella '{words[-1]}' '{words[-2]}'; printf '%s\\n' "${{COMPREPLY[@]}}\""""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_completion():
    assert complete(["lamella", "co"]) == ["count", "compact"]
    assert "--target-size" in complete(["lamella", "compact", "--t"])
    assert complete(["lamella", "--threads", "2", "cat", "t", "--format", "p"]) == ["parquet"]
    assert complete(["lamella", "import", "x", "--format", "c"]) == ["csv"]
    assert complete(["lamella", "compact", "t"]) == []
