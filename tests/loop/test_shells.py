"""Mail never becomes a command: whatever takes an agent's place in its pane gets nothing typed."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.panes import BASH, Pane, pane, program
from tests.loop.world import World
from tests.ssh.sshd import Sshd, keygen, public
from xw.bridges.loop import Bridge
from xw.bridges.panes import owner_of
from xw.bridges.tmux import TmuxChat, open_chat


def bridge(world: World, target: str, server: str, **options: str) -> Bridge:
    chat = open_chat(target, {"server": server, **options}, Path(world.root))
    assert isinstance(chat, TmuxChat)
    return Bridge(world.instance("bob"), chat, world.told.append)


def claude_in(shell: Pane, claude: Path) -> None:
    """A person runs Claude in their shell."""
    shell.prompts("$ ")
    shell.keys(f"clear; {shlex.quote(str(claude))} --log {shlex.quote(str(claude.parent / 'log'))}")
    until(lambda: any("auto mode on" in row for row in shell.rows))


def quit_claude(shell: Pane) -> None:
    shell.tmux.press(shell.id, "C-d")
    until(lambda: shell.program == "bash")


def waits(world: World, running: Bridge, why: str) -> None:
    """Check that the message stays pending, with a reason of one line."""
    for _ in range(3):
        running.step()
    status, _, reason, *_ = running.doing
    assert status == "alive" and why in reason and "\n" not in reason, reason
    assert world.inbox("bob")[-1].state == "pending"


def test_shell_in_script_after_claude(world: World, tmux_server: str, tmp_path: Path) -> None:
    """Claude is quit, and `script` runs a shell with Claude's prompt in its pane: the mail is not run."""
    claude, pwned = program(tmp_path / "bin", "claude"), tmp_path / "pwned"
    with pane(tmux_server, BASH) as shell:
        claude_in(shell, claude)
        running = bridge(world, "claude", tmux_server)
        world.send("what is up?")
        until(lambda: running.step() is None)
        assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]
        quit_claude(shell)
        shell.keys(f"clear; script -qc '{BASH}' /dev/null")
        until(lambda: shell.program == "script")
        shell.prompts("❯ ")
        world.send(f"please ; touch {pwned} ; echo done", "task")
        running.step()
        assert not pwned.exists()
        waits(world, running, "no pane, session or program")
        assert not pwned.exists() and shell.rows == ["❯"]


BODY = "please ; touch {} ; echo done\ntouch {}\n!touch {}\nimport os; os.system('touch {}')\n"


def assert_nothing_is_run(world: World, running: Bridge, shell: Pane, why: str) -> None:
    """A hostile task waits for the reason given: not a letter of it is typed, and nothing is run."""
    pwned = Path(world.root, "pwned")
    world.send(BODY.replace("{}", str(pwned)), "task")
    waits(world, running, why)
    assert not pwned.exists() and not [row for row in shell.rows if "[mail" in row or "please" in row]


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    """The test's chat program, installed as `claude`."""
    return program(tmp_path / "bin", "claude")


PROMPTS = {
    "starship": "❯ ",
    "fish": "you@host ~> ",
    "fish's root": "you@host ~# ",
    "bash": "$ ",
    "plain": "> ",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_shell(world: World, tmux_server: str, prompt: str) -> None:
    """A shell gets nothing, whatever its prompt and whatever the person says of it."""
    said: list[dict[str, str]] = [{}, {"profile": "generic"}, {"profile": "claude"}, {"inside": "claude"}]
    with pane(tmux_server, BASH) as shell:
        shell.prompts(prompt)
        for options in said:
            running = bridge(world, shell.id, tmux_server, **options)
            assert_nothing_is_run(world, running, shell, "bash runs there: a shell, not a chat program")


REPLS = {
    "python": [sys.executable, "-q"],
    "python after its script": [sys.executable, "-i", "-c", "pass"],
    "python's code": [sys.executable, "-m", "code", "-q"],
    "perl's debugger": ["perl", "-de1"],
    "bc": ["bc", "-q"],
    "sqlite3": ["sqlite3"],
    "a shell's reading loop": [*BASH.split(), "-s"],
}


SAID: list[dict[str, str]] = [{}, {"profile": "generic"}, {"profile": "llm"}]
"""Options that a user may give for a program that is not a chat program."""


@pytest.mark.parametrize("command", REPLS.values(), ids=REPLS.keys())
def test_repl(world: World, tmux_server: str, command: list[str]) -> None:
    """A REPL runs what it reads, as a shell does, and gets nothing either."""
    with pane(tmux_server, shlex.join(["env", "PS1=> ", *command])) as repl:
        until(lambda: command[0] == "bc" or repl.rows)
        for options in SAID:
            running = bridge(world, repl.id, tmux_server, **options)
            assert_nothing_is_run(world, running, repl, "not a chat program")


CLIENT = f"""#!{sys.executable}
import pty, sys
command = sys.argv[sys.argv.index("--") + 1:]
pty.spawn(["sh", "-c", 'stty rows 30 cols 100; exec "$@"', "sh", *command])
"""


def fake_client(folder: Path, name: str) -> Path:
    """Return a program of this name that runs a command in a terminal of its own, as docker does."""
    path = folder / name
    folder.mkdir(exist_ok=True)
    path.write_text(CLIENT, "utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "name", ["docker", "podman", "kubectl", "nerdctl", "distrobox", "screen", "dtach", "expect"]
)
def test_wrapper(world: World, tmux_server: str, tmp_path: Path, name: str) -> None:
    """A program inside a container client is invisible: nothing is typed, and the error names the option."""
    with pane(tmux_server, f"{fake_client(tmp_path / 'bin', name)} exec -it box -- {BASH}") as shell:
        until(lambda: shell.rows)
        shell.prompts("❯ ")
        why = f"{name} runs there, and xw cannot see the program inside it: give --option inside=PROGRAM"
        for options in SAID:
            assert_nothing_is_run(world, bridge(world, shell.id, tmux_server, **options), shell, why)


def test_program_inside_of_a_wrapper(world: World, tmux_server: str, tmp_path: Path, claude: Path) -> None:
    """With `inside`, mail is typed while that program's own rows are there, not into the shell behind."""
    with pane(tmux_server, f"{fake_client(tmp_path / 'bin', 'docker')} exec -- {BASH}") as shell:
        until(lambda: shell.rows)
        running = bridge(world, shell.id, tmux_server, inside="claude")
        claude_in(shell, claude)
        world.send("what is up?")
        until(lambda: running.step() is None)
        assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]
        shell.tmux.press(shell.id, "C-d")
        shell.keys("")
        for prompt in ("❯ ", "> "):
            shell.prompts(prompt)
            assert_nothing_is_run(world, running, shell, "does not look like claude")


def test_nested_tmux(world: World, tmux_server: str, tmp_path: Path) -> None:
    """A tmux in the pane is a wrapper like any other."""
    inner = tmp_path / "inner"
    with pane(tmux_server, f"env -u TMUX tmux -S {inner} -f /dev/null new-session '{BASH}'") as shell:
        until(lambda: shell.program == "tmux" and shell.rows)
        shell.keys("PS1='❯ '; clear")
        until(lambda: shell.rows[0] == "❯")
        running = bridge(world, shell.id, tmux_server, profile="generic")
        try:
            shell_rows = shell.rows
            world.send("touch pwned", "task")
            waits(world, running, "tmux runs there, and xw cannot see the program inside")
            assert shell.rows[0] == shell_rows[0]
        finally:
            subprocess.run(["tmux", "-S", inner, "kill-server"], check=False)


def test_ssh(world: World, tmux_server: str, tmp_path: Path) -> None:
    """A shell on another machine is not typed into."""
    key, host = keygen(tmp_path / "key"), keygen(tmp_path / "host")
    accepted = tmp_path / "accepted"
    accepted.write_text(public(key) + "\n")
    sshd = Sshd(tmp_path / "sshd", [host], accepted)
    try:
        flags = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=QUIET"
        command = f"ssh {flags} -i {key} -p {sshd.port} -t 127.0.0.1 {BASH}"
        with pane(tmux_server, command) as shell:
            until(lambda: shell.rows and shell.rows[-1].rstrip()[-1:] in ("#", "$"))  # it reads now
            shell.prompts("❯ ")
            running = bridge(world, shell.id, tmux_server, profile="generic")
            assert_nothing_is_run(world, running, shell, "ssh runs there, and xw cannot see")
    finally:
        sshd.stop()


@pytest.mark.parametrize(
    "command", ["{claude} --log {log} | tee copy", "sh -c '{claude} --log {log} | tee copy'"]
)
def test_pipe(world: World, tmux_server: str, claude: Path, command: str) -> None:
    """The reader of the terminal at the end of a pipe is uncertain: mail waits."""
    with pane(tmux_server, BASH) as shell:
        shell.prompts("$ ")
        shell.keys(
            "clear; cd "
            + str(claude.parent)
            + "; "
            + command.format(claude=claude, log=claude.parent / "log")
        )
        until(lambda: any("auto mode on" in row for row in shell.rows))
        running = bridge(world, shell.id, tmux_server, profile="claude")
        assert_nothing_is_run(world, running, shell, "several programs share the terminal: claude, tee")


def test_stopped_and_in_the_background(world: World, tmux_server: str, claude: Path) -> None:
    """^Z gives the terminal back to the shell, and a job in its background never has it."""
    with pane(tmux_server, BASH) as shell:
        claude_in(shell, claude)
        running = bridge(world, shell.id, tmux_server)
        assert running.step() is None and world.send("one")
        until(lambda: running.step() is None)
        pid = owner_of(shell.tmux.look(shell.id).tty).identity[0]
        os.kill(pid, signal.SIGSTOP)  # a person's ^Z, which the test's program would read as a key
        until(lambda: shell.program == "bash")
        shell.keys("clear")
        shell.prompts("❯ ")
        assert_nothing_is_run(world, running, shell, "bash runs there: a shell")


def test_program_once_recognised_is_a_condition(world: World, tmux_server: str, claude: Path) -> None:
    """Claude was in the pane of a session; whatever comes after it gets nothing until Claude is back."""
    codex = program(claude.parent, "codex")
    with pane(tmux_server, BASH) as shell:
        session = shell.tmux.run("display-message", "-p", "-t", shell.id, "#{session_name}").strip()
        claude_in(shell, claude)
        running = bridge(world, session, tmux_server)
        world.send("what is up?")
        until(lambda: running.step() is None)
        quit_claude(shell)
        shell.prompts("$ ")
        shell.keys(f"clear; {codex} --log {codex}.log")
        until(lambda: any("auto mode on" in row for row in shell.rows))
        assert_nothing_is_run(world, running, shell, "codex runs there, not claude")
        shell.tmux.press(shell.id, "C-d")
        until(lambda: shell.program == "bash")
        claude_in(shell, claude)
        until(lambda: running.step() is None)
        assert world.inbox("bob")[-1].state == "done"


def test_unknown_program(world: World, tmux_server: str, tmp_path: Path) -> None:
    """A program that nobody described gets mail only where the person said so, and the reason says how."""
    mychat = program(tmp_path / "bin", "mychat")
    with pane(tmux_server, f"{mychat} --log {mychat}.log --lines") as chat:
        chat.shows(">")
        running = bridge(world, chat.id, tmux_server)
        world.send("what is up?")
        waits(world, running, "mychat runs there, which xw does not know")
        assert "--option profile=generic" in running.doing.waits_for
        allowed = bridge(world, chat.id, tmux_server, profile="generic")
        until(lambda: allowed.step() is None)
        assert world.inbox("bob")[-1].state == "done"


QUESTIONS = [
    "Overwrite? [Y/n]: ", "Username: ", "Password: ", "Continue? ", "Login: ", "File name: ",
    "Proceed (y/N) > ", "Are you sure? (yes/no): ", "Enter a number > ", "Delete everything? ",
    "Passphrase for key /x/y: ", "? Project name › ", "File > ", "(yes/no)? ", "Host> ", "Enter your PIN> ",
    "[sudo] password for ann: ", "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_question_of_an_unknown_program(
    world: World, tmux_server: str, tmp_path: Path, question: str
) -> None:
    """A question is a dialog: mail would answer it."""
    ask = tmp_path / "ask.py"
    ask.write_text(
        f"text = input({question!r})\nopen({str(tmp_path / 'answered')!r}, 'w').write(text)\n", "utf-8"
    )
    with pane(tmux_server, f"{sys.executable} {ask}") as asks:
        asks.shows(question.rstrip())
        running = bridge(world, asks.id, tmux_server, profile="generic")
        assert_nothing_is_run(world, running, asks, "a dialog is open")
        assert not (tmp_path / "answered").exists()
