"""A terminal's processes decide who owns it: a shell is a shell, whatever it calls itself."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import BASH, Pane, pane, program
from xw.bridges import foreground as module
from xw.bridges.command_lines import Kind, read
from xw.bridges.foreground import Process, State, foreground, owner
from xw.bridges.panes import owner_of
from xw.bridges.profiles import NAMES, profile_of


def known(name: str) -> bool:
    return name in NAMES


def recognised(*lines: str) -> str | None:
    """Return the profile for a chain of these command lines, each started by the one before."""
    found = owner([Process(n + 1, n, 1, "", tuple(line.split())) for n, line in enumerate(lines)], known)
    profile = profile_of(found.name) if found.state is State.KNOWN else None
    return profile.name if profile else "generic" if found.state is State.UNKNOWN else None


def process(pid: int, line: str, parent: int = 1, group: int = 10, **more: object) -> Process:
    return Process(pid, parent, group, "", tuple(line.split()), **more)  # type: ignore[arg-type]


TOOLS = [process(11, "sh -c x", 10), process(12, "node server.js", 10)]
DOCKER = process(11, "docker exec x", 10, reads=True)


@pytest.mark.parametrize(
    ("line", "kind", "name"),
    [
        ("-bash", Kind.SHELL, "bash"),
        ("bash --rcfile /x/claude", Kind.SHELL, "bash"),
        ("bash -o posix", Kind.SHELL, "bash"),
        ("bash -s claude", Kind.SHELL, "bash"),
        ("zsh -i", Kind.SHELL, "zsh"),
        ("/usr/bin/python3 /usr/bin/xonsh", Kind.SHELL, "xonsh"),
        ("busybox sh", Kind.SHELL, "busybox"),
        ("bash -lc claude", Kind.LAUNCHER, "bash"),
        ("bash start.sh", Kind.SCRIPT, "start"),
        ("bash -euo pipefail /x/claude", Kind.SCRIPT, "claude"),
        ("python3", Kind.REPL, "python3"),
        ("python3.11 -", Kind.REPL, "python3.11"),
        ("python3 -i claude.py", Kind.REPL, "python3"),
        ("python3 -W claude", Kind.REPL, "python3"),
        ("python3 -um code", Kind.REPL, "python3"),
        ("python3 -m pdb claude", Kind.REPL, "python3"),
        ("/v/bin/python3 /v/bin/ipython", Kind.REPL, "ipython"),
        ("python manage.py shell", Kind.REPL, "manage"),
        ("rails console", Kind.REPL, "rails"),
        ("node", Kind.REPL, "node"),
        ("node -r claude", Kind.REPL, "node"),
        ("node inspect claude.js", Kind.REPL, "node"),
        ("deno", Kind.REPL, "deno"),
        ("ruby", Kind.REPL, "ruby"),
        ("lua5.4", Kind.REPL, "lua5.4"),
        ("R --no-save", Kind.REPL, "R"),
        ("psql claude", Kind.REPL, "psql"),
        ("gdb --args claude", Kind.REPL, "gdb"),
        ("less notes/claude", Kind.OTHER, "less"),
        ("vi claude", Kind.OTHER, "vi"),
        ("tail -f claude", Kind.OTHER, "tail"),
        ("watch ls claude", Kind.OTHER, "watch"),
        ("docker exec -it box claude", Kind.WRAPPER, "docker"),
        ("ssh host claude", Kind.WRAPPER, "ssh"),
        ("script -qc claude /dev/null", Kind.WRAPPER, "script"),
        ("/usr/bin/perl /usr/bin/mosh host", Kind.WRAPPER, "mosh"),
        ("expect claude.exp", Kind.WRAPPER, "expect"),
        ("sudo claude", Kind.LAUNCHER, "sudo"),
        ("npm exec claude", Kind.LAUNCHER, "npm"),
        ("node /usr/bin/gemini -m x", Kind.PROGRAM, "gemini"),
        ("node --max-old-space-size=8192 /opt/codex/bin/codex.js", Kind.PROGRAM, "codex"),
        ("/v/bin/python3 -u /v/bin/llm chat", Kind.PROGRAM, "llm"),
        ("python3 -m llm chat", Kind.PROGRAM, "llm"),
        ("mychat --log claude", Kind.PROGRAM, "mychat"),
        ("bash-static", Kind.SHELL, "bash-static"),
        ("zsh5-static", Kind.SHELL, "zsh5-static"),
        ("busybox.static sh", Kind.SHELL, "busybox.static"),
        ("pwsh-preview", Kind.SHELL, "pwsh-preview"),
        ("nushell", Kind.SHELL, "nushell"),
        ("python3.13t", Kind.REPL, "python3.13t"),
        ("perl -de1", Kind.REPL, "perl"),
        ("python3 -ic pass", Kind.REPL, "python3"),
        ("python3 -c code.interact()", Kind.REPL, "python3"),
        ("node -e require('repl').start()", Kind.REPL, "node"),
        ("rails c", Kind.REPL, "rails"),
        ("sh /x/docker exec", Kind.WRAPPER, "docker"),
        ("/lib64/ld-linux-x86-64.so.2 /bin/bash", Kind.WRAPPER, "ld-linux-x86-64.so.2"),
        ("qemu-aarch64-static /bin/bash", Kind.WRAPPER, "qemu-aarch64-static"),
        ("vim.basic claude", Kind.OTHER, "vim.basic"),
        ("tmux: client", Kind.WRAPPER, "tmux"),
        ("login -f claude", Kind.SHELL, "login"),
        ("/usr/lib/erlang/erts-15/bin/beam.smp -- -root /usr/lib/erlang", Kind.REPL, "beam.smp"),
        ("java -cp clojure.jar clojure.main", Kind.REPL, "java"),
        ("/usr/lib/jvm/bin/java -jar jython.jar", Kind.REPL, "java"),
        ("java -jar chat.jar", Kind.PROGRAM, "java"),
        ("mono /usr/lib/mono/4.5/csharp.exe", Kind.REPL, "csharp"),
    ],
)
def test_command_line(line: str, kind: Kind, name: str) -> None:
    """Only the program and an interpreter's script count; no other argument does."""
    assert read(line.split()) == (kind, name)


@pytest.mark.parametrize(
    ("words", "file", "kind", "name"),
    [
        (["claude"], "bash", Kind.SHELL, "bash"),  # exec -a claude bash
        (["claude"], "ssh", Kind.WRAPPER, "ssh"),
        (["claude"], "python3.11", Kind.REPL, "python3.11"),
        (["bash"], "2.1.329", Kind.SHELL, "bash"),
        (["claude"], "2.1.329", Kind.PROGRAM, "claude"),
        (["claude"], "node", Kind.PROGRAM, "claude"),  # what it set as its title
        (["pi (work)"], "node", Kind.PROGRAM, "pi"),
        (["/My Apps/claude"], "", Kind.PROGRAM, "claude"),
        (["/tmp/chatty", "/x/talk.py"], "python3.11", Kind.PROGRAM, "talk"),
        (["sh"], "dash", Kind.SHELL, "sh"),
        ([], "", Kind.PROGRAM, ""),
    ],
)
def test_file_counts_more_than_the_name(words: list[str], file: str, kind: Kind, name: str) -> None:
    """A process chooses its command line, not its file: the more dangerous of the two is what it is."""
    assert read(words, file) == (kind, name)


@pytest.mark.parametrize(
    ("processes", "state", "name"),
    [
        ([], State.UNSURE, ""),
        ([process(10, "claude")], State.KNOWN, "claude"),
        ([process(10, "claude"), *TOOLS], State.KNOWN, "claude"),
        ([process(10, "claude"), process(11, "bash", 10, reads=False)], State.KNOWN, "claude"),
        ([process(10, "claude"), process(11, "vim", 10, reads=True)], State.UNSURE, ""),
        ([process(10, "claude"), process(11, "tee log")], State.UNSURE, ""),
        ([process(10, "claude"), process(11, "server", 999)], State.KNOWN, "claude"),
        ([process(10, "claude"), process(11, "bash", 999, reads=True)], State.UNSURE, ""),
        ([process(10, "claude", stopped=True)], State.UNSURE, ""),
        ([process(10, "bash start.sh"), process(11, "claude", 10)], State.KNOWN, "claude"),
        ([process(10, "bash start.sh")], State.UNKNOWN, "start"),
        ([process(10, "bash /x/claude")], State.UNSURE, ""),
        ([process(10, "mychat", hosts=True)], State.WRAPPER, "mychat"),
        ([process(10, "claude", hosts=True)], State.KNOWN, "claude"),
        ([process(10, "bash start.sh"), process(11, "sleep 1", 10)], State.UNSURE, ""),
        ([process(10, "bash start.sh"), process(11, "python3", 10)], State.UNSURE, ""),
        ([process(10, "bash start.sh"), process(11, "docker exec x", 10)], State.WRAPPER, "docker"),
        ([process(10, "bash /x/claude"), DOCKER], State.WRAPPER, "docker"),
        ([process(10, "sh -c claude"), process(11, "claude", 10)], State.KNOWN, "claude"),
        ([process(10, "sh -c x"), process(11, "claude", 10), process(12, "tee", 10)], State.UNSURE, ""),
        ([process(10, "sh -c 'read x'")], State.BARRED, "sh"),
        ([process(10, "npm exec g"), process(11, "sh -c x", 10), process(12, "node /n/gemini", 11)],
         State.KNOWN, "gemini"),
        ([process(10, "sudo claude")], State.WRAPPER, "sudo"),
        ([process(10, "sudo claude"), process(11, "claude", 10)], State.KNOWN, "claude"),
        ([process(10, "bash"), process(11, "claude", 10)], State.BARRED, "bash"),
        ([process(10, "timeout 9 python3"), process(11, "python3", 10)], State.BARRED, "python3"),
    ],
)  # fmt: skip
def test_owner(processes: list[Process], state: State, name: str) -> None:
    """Launchers are seen through, a program's own tools are its own, and what is in doubt is unsure."""
    found = owner(processes, known)
    assert (found.state, found.name) == (state, name)


@pytest.mark.parametrize(
    "line", ["less notes/claude", "vi claude", "tail -f claude", "python3", "docker run claude"]
)
def test_nothing_is_recognised_by_an_argument(line: str) -> None:
    """A file called claude is not Claude."""
    assert recognised(line) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["claude"], "claude"),
        (["node /usr/bin/gemini -m x"], "gemini"),
        (["/v/bin/python3 /v/bin/llm chat -m x"], "llm"),
        (["node /opt/codex/bin/codex.js"], "codex"),
        (["mychat"], "generic"),
        (["bash start.sh", "claude"], "claude"),
        (["-bash"], None),
        (["zsh"], None),
    ],
)
def test_programs_are_recognised(lines: list[str], expected: str | None) -> None:
    """A program is known by its name or its script's; a shell is not a chat program."""
    assert recognised(*lines) == expected


@pytest.mark.parametrize("proc", ["/proc", "/nowhere"])
def test_real_processes(tmux_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proc: str) -> None:
    """/proc and ps both distinguish a shell, a program in it, and a shell inside that."""
    monkeypatch.setattr(module, "_PROC", proc)
    claude = program(tmp_path / "a folder", "claude")
    if proc != "/proc":
        claude = program(tmp_path / "folder", "claude")  # ps does not tell where a word ends

    def at(shell: Pane) -> tuple[State, str]:
        found = owner_of(shell.tmux.look(shell.id).tty)
        return found.state, found.name

    with pane(tmux_server, BASH) as shell:
        until(lambda: at(shell) == (State.BARRED, "bash"))
        shell.keys(f"{shlex.quote(str(claude))} --log {tmp_path}/log")
        until(lambda: at(shell) == (State.KNOWN, "claude"))
        until(lambda: any("auto mode on" in row for row in shell.rows))  # it reads keys now
        tty = shell.tmux.look(shell.id).tty
        first = foreground(tty)[0]
        assert first.started and foreground(tty)[0] == first
        shell.tmux.press(shell.id, "C-d")
        until(lambda: at(shell) == (State.BARRED, "bash"))
        shell.keys(f"script -qc {sys.executable} /dev/null")
        until(lambda: at(shell) == (State.WRAPPER, "script"))
    assert foreground("/dev/no-such-terminal") == []


def test_executable_that_may_not_be_seen(tmux_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For another user's process, the system has a name that the process did not choose: it counts too."""
    with pane(tmux_server, f"bash -c 'exec -a claude {BASH}'") as shell:
        tty = shell.tmux.look(shell.id).tty
        until(lambda: [one.words[0] for one in foreground(tty)] == ["claude"])
        assert owner_of(tty).name == "bash"
        monkeypatch.setattr(module, "_file", lambda link: "")
        assert (owner_of(tty).state, owner_of(tty).name) == (State.BARRED, "bash")


def test_ps_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """If neither /proc nor ps answers, the owner is unknown, and counts as no program."""
    monkeypatch.setattr(module, "_PROC", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")  # where there is no ps
    assert owner(foreground("/dev/null"), known).state is State.UNSURE
