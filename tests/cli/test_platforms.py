"""On an unsupported system one line says so; on others, xw does not depend on Linux."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import xw
from xw.actions import supervising
from xw.bridges import foreground

_PACKAGE = Path(xw.__file__).parent
_FIRST = ("__init__.py", "__main__.py")  # all that an old Python may see

# What another Python or system would do on `python -m xw`: as far as the modules named in it load.
_PRETEND = """
import runpy, sys
{change}
sys.argv = ["xw", "check"]
try:
    runpy.run_module("xw", run_name="__main__")
finally:
    loaded = [name for name in sys.modules if name.startswith("xw.")]
    assert not loaded, loaded
"""


def pretend(change: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m xw check` where a line of Python has changed what the system looks like."""
    return subprocess.run(
        [sys.executable, "-c", _PRETEND.format(change=change)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("version", [(3, 6, 0), (3, 8, 20), (3, 9, 2), (3, 10, 14)])
def test_an_old_python(version: tuple[int, ...]) -> None:
    """A Python before 3.11 is named in one line, without a traceback, before anything else is loaded."""
    told = pretend(f"sys.version_info = {version!r}")
    assert (told.returncode, told.stdout) == (1, "")
    shown = ".".join(map(str, version[:2]))
    assert told.stderr.startswith(f"xw: Python {shown} is not supported: ")
    assert told.stderr.count("\n") == 1
    assert "3.11" in told.stderr


@pytest.mark.parametrize("name", _FIRST)
def test_what_an_old_python_reads(name: str) -> None:
    """Old Pythons can parse the modules that tell them so, which import nothing new before they do."""
    tree = ast.parse((_PACKAGE / name).read_text(encoding="utf-8"), feature_version=(3, 7))
    for node in tree.body:
        if isinstance(node, ast.If):  # the check
            return
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert {alias.name for alias in node.names} <= {"os", "sys"}
    assert name == "__init__.py"


def test_windows() -> None:
    """A system without POSIX locks is named in one line, with what runs there instead."""
    told = pretend("sys.modules['fcntl'] = None")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("xw: ")
    assert told.stderr.count("\n") == 1
    assert "is not supported" in told.stderr
    assert "WSL" in told.stderr


# A ps as on macOS and BSD: `=` begins a header that takes all that follows it, a comma included; Linux's
# long options and `--no-headers` do not exist; numbers are padded on the left.
_BSD_PS = r"""#!{python}
import getopt, sys
try:
    options, rest = getopt.getopt(sys.argv[1:], "AaCcEefhjlMmo:O:p:rSTt:U:u:vwxX")
except getopt.GetoptError as error:
    sys.exit("ps: illegal option -- " + str(error))
columns = [value.partition("=") for flag, value in options if flag == "-o"]
rows = {rows!r}
if any(header for _, _, header in columns) or not all(equals for _, equals, _ in columns):
    print(" ".join(name.upper() for name, _, _ in columns))
for row in rows:
    print(" ".join(format(row[name], ">6") if row[name].isdigit() else row[name] for name, _, _ in columns))
"""


@pytest.fixture
def bsd_ps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, str]]], None]:
    """`bsd_ps(rows)`: a `ps` of BSD that shows these processes is the only one on PATH."""
    program = tmp_path / "bin" / "ps"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent))

    def show(rows: list[dict[str, str]]) -> None:
        program.write_text(_BSD_PS.format(python=sys.executable, rows=rows))
        program.chmod(0o755)

    return show


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc is not there, or is another system's, which tells other things."""
    for name in ("exists", "isdir"):
        real = getattr(os.path, name)
        monkeypatch.setattr(
            os.path, name, lambda path, real=real: not str(path).startswith("/proc") and real(path)
        )


def test_the_processes_of_a_session_as_bsd_shows_them(
    bsd_ps: Callable[[list[dict[str, str]]], None], without_proc: None
) -> None:
    """Without Linux's /proc, `up` finds all living processes of a session, in whatever group they are."""
    code = "import subprocess, sys; child = subprocess.Popen(['/bin/sleep', '600'], process_group=0)\n"
    code += "print(child.pid, flush=True); sys.stdin.read(); child.kill(); child.wait()"
    with (
        subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as dead,
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        ) as leader,
    ):  # fmt: skip
        assert leader.stdout is not None
        inside = sorted([leader.pid, int(leader.stdout.readline())])
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        rows = [{"pid": str(pid), "pgid": "1", "stat": "S+"} for pid in (1, os.getpid(), *inside, 2**22)]
        bsd_ps([*rows, {"pid": str(dead.pid), "pgid": str(dead.pid), "stat": "Z"}])
        assert sorted(supervising.members(leader.pid)) == inside
        assert supervising.members(dead.pid) == []
        leader.communicate("")


def test_the_foreground_of_a_terminal_as_bsd_shows_it(
    bsd_ps: Callable[[list[dict[str, str]]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc, a bridge learns who has a terminal: the foreground alone, with all its words."""
    monkeypatch.setattr(foreground, "_PROC", "/nowhere")
    times = {"lstart": "Sat Nov 28 21:00:00 2026"}
    bsd_ps(
        [
            {"pid": "9", "ppid": "1", "pgid": "9", "stat": "Ss", "args": "-zsh", **times},
            {"pid": "10", "ppid": "9", "pgid": "10", "stat": "S+", "args": "claude --model x", **times},
            {"pid": "11", "ppid": "10", "pgid": "10", "stat": "T+", "args": "vi", **times},
            {"pid": "12", "ppid": "10", "pgid": "10", "stat": "Z+", "args": "<defunct>", **times},
        ]
    )
    first, second = foreground.foreground("/dev/null")
    assert (first.pid, first.parent, first.group, first.stopped) == (10, 9, 10, False)
    assert (first.words, first.started) == (("claude", "--model", "x"), times["lstart"])
    assert (second.pid, second.words, second.stopped) == (11, ("vi",), True)


def test_no_ps_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_proc: None) -> None:
    """If neither /proc nor ps answers, no process is found, and nothing fails."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert supervising.members(os.getsid(0)) == []
