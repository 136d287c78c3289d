"""A shell or REPL that hides behind another name, a script or a terminal of its own gets no mail either."""

import shlex
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import BASH, Pane, pane, program
from tests.loop.test_shells import assert_nothing_is_run, bridge
from tests.loop.world import World
from xw.bridges.chat import ChatGone
from xw.bridges.loop import Bridge
from xw.bridges.panes import owner_of
from xw.bridges.profiles import GENERIC, PROFILES

RULE = "─" * 60
PROMPT = f"{RULE}\n❯ "
"""The look of Claude Code's input, which a shell can show too."""

PYTHON = shlex.quote(sys.executable)
BEHIND = "and xw cannot see the program inside it"
SHELL, REPL = "a shell, not a chat program", "a REPL, not a chat program"
SAID: list[dict[str, str]] = [{}, {"profile": "generic"}, {"profile": "claude"}]


def script(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return str(path)


def copied(folder: Path) -> str:
    shutil.copy(shutil.which("bash") or "", folder / "claude")
    return f"{folder}/claude --norc --noprofile"


def python_copied(folder: Path) -> str:
    """Return the interpreter in a file of Claude's name, with the prompt of Claude's input."""
    shutil.copy(Path(sys.executable).resolve(), folder / "claude")
    start = folder / "start.py"
    start.write_text(f"import sys\nsys.ps1 = {PROMPT!r}\n", "utf-8")
    home = Path(sys.executable).resolve().parents[1]
    return f"env PYTHONHOME={home} PYTHONSTARTUP={start} {folder}/claude -q"


def linked(folder: Path) -> str:
    (folder / "claude").symlink_to(shutil.which("bash") or "")
    return f"{folder}/claude --norc --noprofile"


def container(folder: Path) -> str:
    """Return a client that is a shell script, whose helper opens the terminal."""
    spawn = f"import pty; pty.spawn({BASH.split()!r})"
    return script(folder / "docker", f"#!/bin/sh\n{PYTHON} -c {shlex.quote(spawn)}\n")


SHELLS: dict[str, tuple[Callable[[Path], str], str]] = {
    "exec -a claude": (lambda _: f"bash -c 'exec -a claude {BASH}'", SHELL),
    "a link called claude": (linked, SHELL),
    "a copy called claude": (copied, SHELL),
    "the loader": (
        lambda _: f"/lib64/ld-linux-x86-64.so.2 {shutil.which('bash')} --norc --noprofile",
        BEHIND,
    ),
    "a client in shell": (container, BEHIND),
    "a program with a terminal of its own": (
        lambda folder: f"{PYTHON} " + script(folder / "x.py", f"import pty; pty.spawn({BASH.split()!r})\n"),
        BEHIND,
    ),
    "su": (lambda _: f"su -s /bin/bash -c '{BASH}'", SHELL),
    "nice": (lambda _: f"nice {BASH}", SHELL),
}


@pytest.mark.parametrize("name", SHELLS)
def test_shell_in_disguise(world: World, tmux_server: str, tmp_path: Path, name: str) -> None:
    """A shell with Claude's name and the look of its input, whichever of both is shown."""
    command, why = SHELLS[name]
    with pane(tmux_server, command(tmp_path)) as shell:
        until(lambda: shell.rows and shell.rows[-1].rstrip()[-1:] in ("#", "$"))  # it reads now
        shell.keys(f"PS1={shlex.quote(PROMPT)}; clear")
        until(lambda: shell.rows == [RULE, "❯"])
        for options in SAID:
            assert_nothing_is_run(world, bridge(world, shell.id, tmux_server, **options), shell, why)


INTERPRETED = {
    "code.interact": f"{PYTHON} -c 'import code; code.interact(banner=str())'",
    "code.interact in a script": PYTHON + " {folder}/talk.py",
    "perl's system": """perl -e '$| = 1; print "> "; while (<>) {{ system $_; print "> " }}'""",
}


@pytest.mark.parametrize("name", INTERPRETED)
def test_script_that_runs_what_it_reads(world: World, tmux_server: str, tmp_path: Path, name: str) -> None:
    """A console that a script opens is a REPL, whatever the person says of it."""
    script(tmp_path / "talk.py", "import code\ncode.interact(banner='')\n")
    with pane(tmux_server, INTERPRETED[name].format(folder=tmp_path)) as repl:
        until(lambda: repl.rows)
        for options in ({"profile": "generic"}, {"profile": "llm"}):
            assert_nothing_is_run(world, bridge(world, repl.id, tmux_server, **options), repl, REPL)


def python_prompt(shown: Pane) -> bool:
    return bool(shown.rows) and shown.rows[-1] == ">>>"


@pytest.mark.parametrize(
    ("runs", "more"),
    [
        ("answer", {"run": "/run"}),
        ("answer", {"prompt": ">>> "}),
        ("console", {"prompt": ">>> "}),
        ("banner", {"prompt": ">>> "}),
    ],
)
def test_chat_under_pythons_prompt(
    world: World,
    tmux_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runs: str,
    more: dict[str, str],
) -> None:
    """Once a person says that it chats, a script gets mail at `>>> `; a console cannot run that one line."""
    talk = {
        "answer": "while True:\n    print('heard', len(input('>>> ')))\n",
        "console": "import code\ncode.interact(banner='')\n",
        "banner": "import code\ncode.interact()\n",
    }
    monkeypatch.setitem(PROFILES, "generic", GENERIC._replace(settle_s=0.1, pause_s=0.02))
    path = script(tmp_path / "talk.py", talk[runs])
    with pane(tmux_server, f"{PYTHON} {path}", columns=200) as chat:
        until(lambda: python_prompt(chat))
        running = bridge(world, chat.id, tmux_server, profile="generic", **more)
        if runs == "banner":
            assert_nothing_is_run(world, running, chat, REPL)
            return
        pwned = tmp_path / "pwned"
        world.send(f"x\nopen('{pwned}', 'w')", "question")
        until(lambda: running.step() is None)
        reply = world.inbox("alice")[-1].message
        assert "heard" in reply.body if runs == "answer" else "SyntaxError: " in reply.body
        assert (reply.type == "reply") == (runs == "answer") and not pwned.exists()


def test_several_lines_never_go_to_pythons_prompt(world: World, tmux_server: str, tmp_path: Path) -> None:
    """Each line of a text could be a statement: no option lets those in."""
    path = script(tmp_path / "talk.py", "import code\ncode.interact(banner='')\n")
    with pane(tmux_server, f"{PYTHON} {path}") as repl:
        until(lambda: python_prompt(repl))
        options = {"profile": "generic", "prompt": ">>> ", "lines": "many"}
        assert_nothing_is_run(world, bridge(world, repl.id, tmux_server, **options), repl, REPL)


@pytest.mark.parametrize("options", [{}, {"profile": "claude"}, {"profile": "generic"}], ids=str)
def test_copy_of_an_interpreter(
    world: World, tmux_server: str, tmp_path: Path, options: dict[str, str]
) -> None:
    """A REPL in a file called claude is recognised by its bytes."""
    with pane(tmux_server, python_copied(tmp_path)) as repl:
        until(lambda: repl.rows == [RULE, "❯"])
        assert_nothing_is_run(world, bridge(world, repl.id, tmux_server, **options), repl, REPL)


def test_script_called_claude(world: World, tmux_server: str, tmp_path: Path) -> None:
    """A script of the shell with Claude's name reads the terminal itself: it may run what it reads."""
    loop = f"#!/bin/bash\nwhile IFS= read -r -e -p $'{RULE}\\n❯ ' x; do eval \"$x\"; done\n"
    with pane(tmux_server, script(tmp_path / "claude", loop)) as fake:
        until(lambda: fake.rows == [RULE, "❯"])
        assert_nothing_is_run(
            world, bridge(world, fake.id, tmux_server), fake, "claude is a script, and its shell"
        )


def test_profile_of_another_program(world: World, tmux_server: str, tmp_path: Path) -> None:
    """An unknown program declared to be Claude must show Claude's furniture: a prompt alone is not enough."""
    mine = script(tmp_path / "mine.py", f"import sys\nprint({RULE!r})\nx = input('❯ ')\nprint('[mail', x)\n")
    with pane(tmux_server, f"{PYTHON} {mine}") as chat:
        until(lambda: chat.rows == [RULE, "❯"])
        running = bridge(world, chat.id, tmux_server, profile="claude")
        assert_nothing_is_run(world, running, chat, "its screen does not look like claude")


@pytest.mark.parametrize("question", ["Overwrite it? [Y/n]", "Go on (yes/no)?", "(y/N): ", "Password:"])
def test_question_above_its_prompt(world: World, tmux_server: str, tmp_path: Path, question: str) -> None:
    """A question with the answer's prompt in the next row is a dialog."""
    ask = script(tmp_path / "ask.py", f"print({question!r})\nx = input('> ')\nprint('[mail', x)\n")
    with pane(tmux_server, f"{PYTHON} {ask}") as asks:
        asks.shows(">")
        running = bridge(world, asks.id, tmux_server, profile="generic")
        assert_nothing_is_run(world, running, asks, "a dialog is open")


@pytest.mark.parametrize("target", ["session", "pane"])
def test_described_program_in_anothers_place(
    world: World, tmux_server: str, tmp_path: Path, target: str
) -> None:
    """Codex gets nothing where the person said Claude, by the session's name or by the profile."""
    codex = program(tmp_path / "bin", "codex")
    with pane(tmux_server, f"{codex} --log {codex}.log") as chat:
        until(lambda: any("auto mode on" in row for row in chat.rows))
        if target == "session":
            chat.tmux.run("rename-session", "-t", chat.id, "claude")
            running = bridge(world, "claude", tmux_server)
        else:
            running = bridge(world, chat.id, tmux_server, profile="claude")
        assert_nothing_is_run(world, running, chat, "codex runs there, not claude")


def test_unknown_program_that_the_target_names(world: World, tmux_server: str, tmp_path: Path) -> None:
    """A target that names an unknown program means no other one that takes its place in the pane."""
    first, second = (program(tmp_path / "bin", name) for name in ("mychat", "other"))
    run = f"{first} --lines --log {first}.log; exec {second} --lines --log {second}.log"
    with pane(tmux_server, f"bash -c {shlex.quote(run)}") as chat:
        chat.shows(">")
        running = bridge(world, "mychat", tmux_server, profile="generic")
        world.send("what is up?")
        until(lambda: running.step() is None)
        assert world.inbox("bob")[-1].state == "done"
        before = owner_of(chat.tmux.look(chat.id).tty).identity
        chat.tmux.press(chat.id, "C-d")
        until(lambda: owner_of(chat.tmux.look(chat.id).tty).identity != before)
        until(lambda: owner_of(chat.tmux.look(chat.id).tty).name == "other")
        chat.shows(">")
        assert_untyped(world, running, second)


def assert_untyped(world: World, running: Bridge, other: Path) -> None:
    """Mail for the first program waits; the second is shown none of it."""
    world.send("for the first alone")
    for _ in range(3):
        with suppress(ChatGone):
            running.step()
    assert world.inbox("bob")[-1].state == "pending"
    assert not Path(f"{other}.log").exists()
