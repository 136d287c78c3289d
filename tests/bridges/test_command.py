"""The command chats: a process per message, and one that speaks JSON lines."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridges.helpers import HERE, until
from tests.bridges.hostile import bodies
from xw.bridges import kinds, own_files
from xw.bridges.chat import Chat, ChatFailed, ChatGone, NoAnswer, NotPresented, Personal
from xw.bridges.command import OUTPUT_LIMIT, CommandChat, open_chat
from xw.bridges.frame import Mail, framed
from xw.bridges.lines import LinesChat
from xw.bridges.program import Program
from xw.errors import Usage

LINES = [sys.executable, str(HERE / "lines_program.py")]


def ask(chat: Chat, text: str) -> str:
    mark = chat.mark()
    chat.present(mark, text)
    return str(until(lambda: chat.capture(mark, text)).text)


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[LinesChat]:
    """A chat with the test's JSON lines program."""
    chat = LinesChat(Program(LINES), tmp_path)
    yield chat
    chat.close()


def test_body_on_stdin_and_nothing_in_arguments(tmp_path: Path) -> None:
    """The text reaches the command byte for byte, and `ps` shows nothing of it."""
    script = "import sys; print(repr(sys.argv[1:]), sys.stdin.read(), end='')"
    chat = CommandChat(Program([sys.executable, "-c", script]), tmp_path)
    for body in bodies(20, "/tmp/never"):
        text = framed(Mail("alice", "task", "k7f3q2m9", 1, body, True))
        assert ask(chat, text) == f"[] {text}"


ECHO = """import json, os
asked = json.loads(input())
print(json.dumps({"id": asked["id"], "text": os.environ["XW_NAME"]}))"""


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("sh -c 'cat >/dev/null; echo $XW_NAME'", {}),
        (shlex.join([sys.executable, "-c", f"{ECHO}; sys.stdout.flush(); input()"]), {"lines": "yes"}),
    ],
)
def test_a_program_acts_for_the_bridges_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, options: dict[str, str]
) -> None:
    """The program's `XW_NAME` is the instance whose mail it gets, whatever the bridge was started with."""
    monkeypatch.setenv("XW_NAME", "another")
    chat = kinds.open_chat("command", target, options, tmp_path)
    assert isinstance(chat, Personal)
    chat.serves("bob")
    assert ask(chat, "hi").strip() == "bob"
    close = getattr(chat, "close", None)
    if close:
        close()


def test_failure_names_the_last_line(tmp_path: Path) -> None:
    """A command that fails is a failed turn; the reason is what it said last."""
    chat = CommandChat(Program(["sh", "-c", "echo a lot >&2; echo out of credit >&2; exit 7"]), tmp_path)
    with pytest.raises(ChatFailed, match=r"\(7\): out of credit"):
        ask(chat, "x")
    with pytest.raises(ChatFailed, match="no output"):
        ask(CommandChat(Program(["false"]), tmp_path), "x")


def test_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    """A command over its time is ended with its children; nothing is left behind."""
    now = [100.0]
    script = f"sleep 300 & echo $! > {tmp_path}/child; wait"
    chat = CommandChat(Program(["sh", "-c", script], 5), tmp_path / "s", lambda: now[0])
    mark = chat.mark()
    chat.present(mark, "x")
    child = int(until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    assert chat.capture(mark, "x") is None
    now[0] += 6
    with pytest.raises(NoAnswer):
        chat.capture(mark, "x")
    until(lambda: not _lives(child))


def test_timeout_ends_a_child_in_its_own_session(tmp_path: Path) -> None:
    """After the time limit nothing that the command started lives, and what it printed is kept."""
    now = [100.0]
    script = f"echo so far; setsid sh -c 'echo $$ > {tmp_path}/child; sleep 300' & wait; sleep 300"
    chat = CommandChat(Program(["sh", "-c", script], 5), tmp_path / "s", lambda: now[0])
    mark = chat.mark()
    chat.present(mark, "x")
    child = int(until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))
    now[0] += 6
    with pytest.raises(NoAnswer) as late:
        chat.capture(mark, "x")
    until(lambda: not _lives(child))
    assert late.value.said == "so far\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo Credit balance is too low; exit 1", "failed (1): Credit balance is too low"),
        ("echo working; echo no such model >&2; exit 3", "failed (3): no such model"),
        ("exit 4", "failed (4): no output"),
    ],
)
def test_a_failure_says_what_the_command_said(tmp_path: Path, script: str, reason: str) -> None:
    """The reason is the last line of stderr, or else of stdout."""
    chat = CommandChat(Program(["sh", "-c", script]), tmp_path / "s")
    mark = chat.mark()
    chat.present(mark, "x")
    with pytest.raises(ChatFailed, match=re.escape(reason)):
        until(lambda: chat.capture(mark, "x"))


def test_command_that_cannot_start(tmp_path: Path) -> None:
    """A command that is not there is a reason before, and an error that allows another try after."""
    chat = CommandChat(Program(["xw-no-such-command"]), tmp_path)
    assert "no such command" in (chat.ready() or "")
    with pytest.raises(ChatGone):
        chat.present(chat.mark(), "x")
    chat = CommandChat(Program(["true"], cwd=str(tmp_path / "none")), tmp_path)
    with pytest.raises(NotPresented):
        chat.present(chat.mark(), "x")


def test_answer_survives_its_bridge(tmp_path: Path) -> None:
    """The bridge is killed while the command works: the next one gets the answer, and runs nothing twice."""
    script = f"""
import sys
import time
from pathlib import Path
from xw.bridges.command import CommandChat
from xw.bridges.program import Program
command = "echo ran >> {tmp_path}/runs; until [ -e {tmp_path}/go ]; do sleep 0.02; done; cat"
chat = CommandChat(Program(["sh", "-c", command]), Path({str(tmp_path)!r}) / "s")
mark = chat.mark()
print(mark, flush=True)
chat.present(mark, "hello")
print("in", flush=True)
sys.stdin.read()
"""
    bridge = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=HERE.parents[1],
    )
    assert bridge.stdout and bridge.stdin
    mark = bridge.stdout.readline().strip()
    assert bridge.stdout.readline() == "in\n"
    until(lambda: (tmp_path / "runs").exists())
    bridge.kill()
    bridge.wait()
    after = CommandChat(Program(["cat"]), tmp_path / "s")
    assert after.seen(mark, "hello") is True
    assert after.capture(mark, "hello") is None
    (tmp_path / "go").touch()
    assert until(lambda: after.capture(mark, "hello")).text == "hello"
    assert (tmp_path / "runs").read_text() == "ran\n"
    bridge.stdin.close()
    bridge.stdout.close()


def test_seen_forbids_what_has_not_begun(tmp_path: Path) -> None:
    """A command that has not begun when a later bridge asks never begins: it may be presented again."""
    chat = CommandChat(Program(["sh", "-c", f"touch {tmp_path}/ran"]), tmp_path / "s")
    mark = chat.mark()
    assert chat.seen(mark, "x") is False
    chat.present(mark, "x")
    with pytest.raises(ChatGone):
        until(lambda: chat.capture(mark, "x"))
    assert not (tmp_path / "ran").exists()
    assert chat.seen(mark, "x") is False


def test_endless_answer_is_cut_and_said(tmp_path: Path) -> None:
    """An answer too long for a message is cut, with a note."""
    chat = CommandChat(Program(["sh", "-c", f"head -c {OUTPUT_LIMIT + 10} /dev/zero | tr '\\0' x"]), tmp_path)
    mark = chat.mark()
    chat.present(mark, "x")
    reply = until(lambda: chat.capture(mark, "x"))
    assert reply.truncated and len(reply.text) == OUTPUT_LIMIT and "longer than" in reply.note


def test_close_leaves_nothing(tmp_path: Path) -> None:
    """Closing ends a command that still runs."""
    chat = CommandChat(Program(["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 300"]), tmp_path / "s")
    chat.present(chat.mark(), "x")
    pid = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    chat.close()
    chat.close()
    until(lambda: not _lives(pid))


def test_lines_keep_one_process(lines: LinesChat) -> None:
    """All texts go to one process, newlines included; its log lines and unknown ids are ignored."""
    assert ask(lines, "[mail]\n\x7f漢\n[end]") == "heard:\n[mail]\n\x7f漢\n[end]"
    first = lines._process.pid if lines._process else 0
    assert ask(lines, "y" * 300_000) == "heard:\n" + "y" * 300_000
    assert lines._process and lines._process.pid == first


def test_lines_error(lines: LinesChat) -> None:
    """An error line is a failed turn with the program's words."""
    with pytest.raises(ChatFailed, match="no credit"):
        ask(lines, "an error please")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ('"text": "fine", "error": null', "fine"),
        ('"text": null', "answered without a text"),
        ('"text": ["a"]', "answered without a text"),
        ('"answer": "x"', "answered without a text"),
    ],
)
def test_lines_of_other_shapes(tmp_path: Path, fields: str, outcome: str) -> None:
    """A null error is not an error; a line without a text is not an answer, nor the word None."""
    script = (
        f"import json; print('{{\"id\": \"%s\", {fields}}}' % json.loads(input())['id'], flush=True); input()"
    )
    chat = LinesChat(Program([sys.executable, "-c", script]), tmp_path)
    try:
        said = ask(chat, "x")
    except ChatFailed as error:
        said = str(error)
    finally:
        chat.close()
    assert said.endswith(outcome)


def test_lines_restart_when_it_dies(lines: LinesChat) -> None:
    """A process that dies loses its turn, and the next text gets a new one."""
    with pytest.raises(ChatGone, match="before it answered"):
        ask(lines, "die now")
    assert ask(lines, "again").endswith("again")


def test_lines_answer_survives_its_bridge(tmp_path: Path) -> None:
    """A killed bridge's process still answers into the file, and the next bridge waits for that."""
    script = f"""
import sys
import time
from pathlib import Path
from xw.bridges.lines import LinesChat
from xw.bridges.program import Program
chat = LinesChat(Program({LINES!r}), Path({str(tmp_path)!r}))
mark = chat.mark()
chat.present(mark, "until:{tmp_path}/go x")
print(mark, flush=True)
sys.stdin.read()
"""
    bridge = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=HERE.parents[1],
    )
    assert bridge.stdout and bridge.stdin
    mark = bridge.stdout.readline().strip()
    bridge.kill()
    bridge.wait()
    after = LinesChat(Program(LINES), tmp_path)
    assert "busy" in (after.ready() or "")
    (tmp_path / "go").touch()
    assert until(lambda: after.capture(mark, "")).text == f"heard:\nuntil:{tmp_path}/go x"
    assert after.seen(mark, "") is True
    until(lambda: after.ready() is None)
    bridge.stdin.close()
    bridge.stdout.close()


def test_lines_daemon_of_an_earlier_bridge(tmp_path: Path) -> None:
    """A process left by an earlier bridge delays mail for the time limit of its answer, and no longer."""
    now = [time.time()]
    first = LinesChat(Program(["sh", "-c", "sleep 300 & read line"], 5), tmp_path, lambda: now[0])
    now[0] += 1000  # the time counts from the last text, not from the start
    mark = first.mark()
    first.present(mark, "x")
    process = first._process
    assert process and process.wait(30) == 0
    try:
        after = LinesChat(Program(LINES, 5), tmp_path, lambda: now[0])
        now[0] += 4
        assert "an earlier bridge" in (after.ready() or "")
        now[0] += 2
        assert after.ready() is None
        assert ask(after, "hello") == "heard:\nhello"
        after.close()
    finally:
        first.close()


def test_lines_stuck_process_times_out(tmp_path: Path) -> None:
    """A process that does not answer in time is ended; the next text gets a new one."""
    now = [100.0]
    chat = LinesChat(Program(["sleep", "300"], 5), tmp_path, lambda: now[0])
    mark = chat.mark()
    pid = chat._process.pid if chat._process else 0
    chat.present(mark, "x")
    assert chat.seen(mark, "x") is None
    now[0] += 6
    with pytest.raises(NoAnswer):
        chat.capture(mark, "x")
    assert not _lives(pid)


def test_options(tmp_path: Path) -> None:
    """The command line is split as a shell would; mistakes in it and in options are usage errors."""
    chat = open_chat("sh -c 'cat; echo \"a b\"'", {}, tmp_path)
    assert ask(chat, "x") == "xa b"
    assert isinstance(open_chat("cat", {"lines": "yes"}, tmp_path), LinesChat)
    for target, options in (("", {}), ("'", {}), ("cat", {"tiemout": "3"}), ("cat", {"timeout": "soon"})):
        with pytest.raises(Usage):
            open_chat(target, options, tmp_path)


@pytest.mark.parametrize(
    ("kind", "name"), [("command", "timeout"), ("socket", "timeout"), ("socket", "settle")]
)
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e10", "soon", ""])
def test_times_that_are_none(tmp_path: Path, kind: str, name: str, value: str) -> None:
    """An impossible time is a usage error: with NaN, the wait for a silent chat would never end."""
    with pytest.raises(Usage, match=f"invalid value '{value}' for option {name}: give seconds"):
        kinds.open_chat(kind, "cat", {name: value}, tmp_path)


def test_marks_are_small_and_printable(tmp_path: Path, lines: LinesChat) -> None:
    """A mark is JSON of some bytes: it is stored beside the claim."""
    for mark in (CommandChat(Program(["cat"]), tmp_path / "s").mark(), lines.mark()):
        assert json.loads(mark) and len(mark) < 4096 and mark.isprintable()


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")  # an ended process whose parent has not looked yet is not alive


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("kind", ["command", "lines", "acp"])
def test_a_link_in_place_of_the_notes_folder(tmp_path: Path, kind: str, above: bool) -> None:
    """Nothing is written or removed in a folder behind another user's link."""
    victim = tmp_path / "victim" / kind
    (victim / "project/code").mkdir(parents=True)
    (victim / "old.json").write_text("{}")
    for path in (victim / "project/code", victim / "old.json"):
        os.utime(path, (0, 0))
    state = tmp_path / "bridge" / kind
    if above:
        state.parent.symlink_to(victim.parent)
    else:
        state.parent.mkdir()
        state.symlink_to(victim)
    options = {"lines": "yes"} if kind == "lines" else {}
    chat = kinds.open_chat("acp" if kind == "acp" else "command", "cat", options, state)
    with pytest.raises(ChatGone, match="is a symbolic link, which xw does not follow"):
        chat.present(chat.mark(), "text")
    chat.close()
    assert sorted(path.name for path in victim.rglob("*")) == ["code", "old.json", "project"]


CLOCK_SET = """
import inspect, sys, time
from pathlib import Path
real, ahead = time.time, 0
time.time = lambda: real() + ahead
from xw.bridges.acp import AcpChat
from xw.bridges.command import CommandChat
from xw.bridges.lines import LinesChat
from xw.bridges.program import Program
from xw.bridges.socket import SocketChat
from xw.bridges.tmux import TmuxChat
chat = CommandChat(Program(["sleep", "60"], timeout_s=30), Path(sys.argv[1]))
mark = chat.mark()
chat.present(mark, "")
kinds = (AcpChat, CommandChat, LinesChat, SocketChat, TmuxChat)
clocks = [inspect.signature(kind.__init__).parameters["clock"].default for kind in kinds]
before = [clock() for clock in clocks]
for ahead in (7200, -7200):
    print(chat.capture(mark, ""), all(0 <= clock() - then < 30 for clock, then in zip(clocks, before)))
chat.close()
"""


def test_a_clock_that_is_set_ends_no_turn(tmp_path: Path) -> None:
    """No chat measures its turn, or how long an answer has stayed as it is, by a clock that people set."""
    command = [sys.executable, "-c", CLOCK_SET, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["None True", "None True"]


@pytest.mark.parametrize("kind", [CommandChat, LinesChat])
def test_a_program_that_prints_without_end(
    kind: type[CommandChat | LinesChat], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended long before its time limit, before it fills the disk."""
    monkeypatch.setattr(own_files, "FLOOD", 1024 * 1024)
    chat = kind(Program(["yes"], timeout_s=1800), tmp_path)
    try:
        mark = chat.mark()
        chat.present(mark, "x")
        with pytest.raises(ChatFailed, match=r"yes: ended after 1\.0 MiB of output"):
            until(lambda: chat.capture(mark, "x"), limit_s=60)
        (out,) = (path for path in tmp_path.rglob("*out*") if path.suffix != ".alive")
        size = out.stat().st_size
        time.sleep(0.1)
        assert out.stat().st_size == size
    finally:
        chat.close()
