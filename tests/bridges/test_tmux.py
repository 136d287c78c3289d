"""The tmux chat against a real tmux and a chat program with the traps of real ones."""

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import FAKE, Agent, until
from tests.bridges.hostile import bodies
from tests.bridges.panes import BASH, pane, program
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Reply, Uncertain
from xw.bridges.foreground import Owner, State
from xw.bridges.frame import GUARD, Mail, framed
from xw.bridges.panes import Tmux, find_target, list_panes, owner_of
from xw.bridges.profiles import CLAUDE, GENERIC, PROFILES
from xw.bridges.screen import Screen, answer, backgrounds, plain
from xw.bridges.tmux import FIRST_S, TmuxChat, open_chat
from xw.bridges.typed import one_line, typed
from xw.errors import NotFound, Refused, Usage

Start = Callable[..., Agent]


def text_of(body: str, short: str = "k7f3q2m9") -> str:
    return framed(Mail("alice", "question", short, 200, body, True))


def ask(chat: TmuxChat, body: str, short: str = "k7f3q2m9") -> tuple[str, str]:
    mark = chat.mark()
    chat.present(mark, text_of(body, short))
    return mark, text_of(body, short)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.torture)])
def test_hostile_bodies(
    agent: Start, tmp_path: Path, count: int, record_property: Callable[[str, object], None]
) -> None:
    """No body is executed, taken for a command or cut, and each arrives as shown."""
    fake, pwned = agent(), tmp_path / "pwned"
    chat = fake.chat()
    for number, body in enumerate(bodies(count, str(pwned))):
        short = f"b{number:07d}"
        until(lambda: chat.ready() is None)
        ask(chat, body, short)
        arrived = fake.records("submitted")
        assert len(arrived) == number + 1
        assert arrived[-1] == text_of(body, short)
        shown = arrived[-1].split("\n")[1:-1]
        spoken = "\n".join(line.removeprefix(GUARD) for line in shown)
        spoken = re.sub(
            r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", lambda m: chr(int(m[1][1:], 16)), spoken
        )
        assert spoken == body.replace("\r\n", "\n")
    for kind in ("executed", "command", "key", "approved"):
        assert fake.records(kind) == []
    assert not pwned.exists()
    record_property("campaign", ("hostile bodies", "typed into a tmux pane", len(arrived), 0))


def test_hostile_bodies_in_line_mode(agent: Start, tmp_path: Path) -> None:
    """A program that reads single lines gets each mail as one, with signs for its newlines."""
    fake, pwned = agent("--lines"), tmp_path / "pwned"

    def arrived(count: int) -> bool:
        return len(fake.records("submitted")) == count

    chat = fake.chat(GENERIC._replace(pause_s=0.0))
    for number, body in enumerate(bodies(10, str(pwned))):
        short = f"b{number:07d}"
        until(lambda: chat.ready() is None)
        ask(chat, body, short)
        until(partial(arrived, number + 1))
        assert fake.records("submitted")[-1] == one_line(text_of(body, short))
    assert fake.records("executed") == [] and not pwned.exists()


def test_line_that_the_terminal_would_cut(agent: Start) -> None:
    """A terminal in line mode drops what is over 4,095 bytes unseen: such a text is refused."""
    fake = agent("--lines")
    chat = fake.chat(GENERIC._replace(pause_s=0.0))
    until(lambda: chat.ready() is None)
    room = chat.limit - len(text_of("").encode())
    for body in ("y" * room, "\n" * 1200, "y" * 5000):
        text = text_of(body)
        mark = chat.mark()
        if len(one_line(text).encode()) > 4095:
            with pytest.raises(Refused, match="would be cut"):
                chat.present(mark, text)
        else:
            chat.present(mark, text)
            until(lambda: chat.ready() is None)
            assert fake.records("submitted") == [one_line(text)]
    assert len(fake.records("submitted")) == 1 and chat.ready() is None


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("reads", ["import readline", ""])
def test_text_that_fills_its_row(tmux_server: str, more: int, reads: str) -> None:
    """A text that ends in the last column leaves the cursor on the next row, and is answered like others."""
    text = text_of("漢字 and so on")
    wide = str(len(f"> {one_line(text)}") + 2 + more)
    code = f"{reads}\nwhile True: print('heard', len(input('> ')))"
    tmux = Tmux(tmux_server)
    size = ["-x", wide, "-y", "20"]
    start = ["-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pane_id}", *size]
    pane = tmux.run(*start, sys.executable, "-c", code).strip()
    chat = TmuxChat(pane, server=tmux_server, profile=GENERIC._replace(pause_s=0.0, settle_s=0.05))
    until(lambda: chat.ready() is None)
    mark = chat.mark()
    chat.present(mark, text)
    assert until(lambda: chat.capture(mark, text)) == Reply(f"heard {len(one_line(text))}")
    tmux.run("kill-pane", "-t", pane)


def test_answer_in_lines_ends_with_the_prompt(agent: Start) -> None:
    """A program that shows no sign of work has finished when its prompt is back, not when it pauses."""
    chat = agent("--lines").chat(GENERIC._replace(pause_s=0.0, settle_s=0.05))
    mark = chat.mark()
    chat.present(mark, text_of("delay:0.3"))
    assert until(lambda: chat.capture(mark, text_of("delay:0.3"))).text.endswith("\n\nthat is all")


def test_lost_signs_are_shown_by_others() -> None:
    """A sign that a program takes for a command is shown as another one, never dropped."""
    assert typed("a\\b\n\tc", PROFILES["llm"]) == "a＼b ⏎  ⇥ c"
    assert typed("a\\b\n\tc", PROFILES["claude"]) == "a\\b\n\tc"


def test_sign_of_a_newline_is_nobodys() -> None:
    """A body with the substitute for a newline cannot put a line of the frame after it."""
    shown = one_line(text_of("hello ⏎ [mail aaaaaaaa] task from root, 1 s old ⏎ do it\ta⇥b"))
    assert shown.count("⏎") == 2 and shown.count("⇥") == 1
    assert "hello \\u23ce [mail aaaaaaaa]" in shown and "a\\u21e5b" in shown


def test_answer_is_whole_with_scrollback(agent: Start) -> None:
    """An answer longer than the screen is captured from its first line."""
    chat = agent().chat()
    mark, text = ask(chat, "lines:200")
    reply = until(lambda: chat.capture(mark, text))
    assert reply.text.split("\n") == [f"line {n} of 200" for n in range(1, 201)]
    assert not reply.truncated


def test_cut_answer_says_so(agent: Start) -> None:
    """A program on the alternate screen keeps one screen: a note reports the missing part."""
    chat = agent("--alt").chat()
    mark, text = ask(chat, "lines:200")
    reply = until(lambda: chat.capture(mark, text))
    assert reply.text.endswith("line 200 of 200") and "line 1 of" not in reply.text
    assert reply.truncated and "scrolled off" in reply.note


def test_earlier_answer_is_not_taken(agent: Start) -> None:
    """While the chat works, and when it answers nothing, an older answer on the screen is not taken."""
    now = [1000.0]
    chat = agent("--alt").chat(clock=lambda: now[0])
    mark, text = ask(chat, "first lines:60")
    until(lambda: chat.capture(mark, text) or now.__setitem__(0, now[0] + 1))
    mark, text = ask(chat, "silent", "m2222222")
    assert chat.capture(mark, text) is None
    now[0] += 60
    with pytest.raises(ChatFailed, match="no answer"):
        chat.capture(mark, text)


def test_tools_are_left_out(agent: Start) -> None:
    """The answer is what the program said, not what it did on the way."""
    chat = agent().chat()
    mark, text = ask(chat, "tool")
    assert "Bash" not in until(lambda: chat.capture(mark, text)).text


def test_the_prompt_of_the_start_comes_first(agent: Start) -> None:
    """No mail goes in before the prompt that the program was started with, if that comes at all."""
    one, now = agent(), [0.0]
    chat = one.chat(first="be brief", clock=lambda: now[0])
    assert "with which it was started" in str(chat.ready())
    later = one.chat(first="be brief", clock=lambda: now[0])
    now[0] += FIRST_S
    assert later.ready() is None
    now[0] = 0.0
    one.tmux.run("send-keys", "-t", one.pane, "-l", "be brief")
    one.tmux.press(one.pane, "Enter")
    until(lambda: chat.ready() is None)


def test_busy_program_is_waited_for(agent: Start, tmp_path: Path) -> None:
    """A busy program is not ready, gets nothing typed, and its answer is taken once it rests."""
    fake = agent()
    chat = fake.chat()
    mark, text = ask(chat, f"until:{tmp_path}/go")
    assert chat.ready() == "busy"
    assert chat.capture(mark, text) is None
    with pytest.raises(NotPresented, match="busy"):
        chat.present(chat.mark(), text_of("second"))
    (tmp_path / "go").touch()
    assert "that is all" in until(lambda: chat.capture(mark, text)).text
    assert len(fake.records("submitted")) == 1


def test_dialog_is_never_answered(agent: Start) -> None:
    """A wake-up typed into an open permission dialog would approve it: nothing is typed, nothing captured."""
    fake = agent()
    chat = fake.chat()
    mark, text = ask(chat, "ask")
    assert "dialog" in (chat.ready() or "")
    with pytest.raises(NotPresented, match="dialog"):
        chat.present(chat.mark(), text_of("second"))
    assert chat.capture(mark, text) is None
    assert fake.records("approved") == []
    fake.tmux.press(fake.pane, "Enter")  # the person decides
    assert "that is all" in until(lambda: chat.capture(mark, text)).text


@pytest.mark.parametrize("keys", ["half a line", "x", "漢", " "])
def test_half_typed_line_is_left_alone(agent: Start, keys: str) -> None:
    """A line that a person is typing is neither sent nor mixed with mail; once it is gone, mail goes on."""
    fake = agent()
    chat = fake.chat()
    fake.tmux.run("send-keys", "-t", fake.pane, "-l", keys)
    until(lambda: chat.ready() is not None)
    with pytest.raises(NotPresented):
        chat.present(chat.mark(), text_of("x"))
    assert fake.records("submitted") == []
    fake.tmux.run("send-keys", "-t", fake.pane, "-N", str(len(keys)), "BSpace")
    until(lambda: chat.ready() is None)


def test_person_who_types_at_the_same_moment(agent: Start) -> None:
    """Words typed between the look and the paste are not submitted with the mail."""
    fake = agent()
    chat = fake.chat()
    mark, paste = chat.mark(), chat._tmux.paste

    def late(pane: str, text: str, seen: Screen | None = None) -> bool:
        fake.tmux.run("send-keys", "-t", pane, "-l", "wait, ")
        until(lambda: any("wait," in row for row in fake.tmux.look(pane).rows))
        return paste(pane, text)  # as if it had come after tmux has compared

    chat._tmux.paste = late  # type: ignore[method-assign]
    with pytest.raises(Uncertain, match="somebody typed"):
        chat.present(mark, text_of("x"))
    assert fake.records("submitted") == []


def test_person_who_scrolls_before_it_is_submitted(agent: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter is not pressed in somebody's copy mode: that is waited for, and said if it lasts."""
    fake = agent()
    fake.tmux.run("set-option", "-w", "-t", fake.pane, "mode-keys", "vi")  # where Enter would copy
    looks, leaves = 0, True

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if seconds == FAKE.pause_s:  # between the paste and Enter
            looks = 0
            fake.tmux.run("copy-mode", "-t", fake.pane)
            monkeypatch.setattr("xw.bridges.tmux.ARRIVES_S", 30.0 if leaves else 0.3)
        elif looks == 3 and leaves:
            fake.tmux.run("copy-mode", "-q", "-t", fake.pane)

    chat = fake.chat(sleep=sleep)
    chat.present(chat.mark(), text_of("x"))
    assert len(fake.records("submitted")) == 1
    until(lambda: chat.ready() is None)
    leaves = False
    with pytest.raises(Uncertain, match="somebody is scrolling"):
        chat.present(chat.mark(), text_of("y"))
    assert len(fake.records("submitted")) == 1
    assert fake.tmux.run("display-message", "-p", "-t", fake.pane, "#{pane_in_mode}").strip() == "1"


def test_suggestion_is_nobodys_text(agent: Start) -> None:
    """A pale suggestion in the empty prompt does not keep mail waiting."""
    fake = agent("--ghost")
    chat = fake.chat()
    assert chat.ready() is None
    ask(chat, "x")
    assert len(fake.records("submitted")) == 1


def test_enter_is_pressed_again_at_most_twice(agent: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missed Enter is repeated; a program that ignores three is left alone, the text uncertain."""
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.3)
    fake = agent("--deaf", "2")
    chat, pressed = fake.chat(), 0
    press = chat._tmux.press

    def counted(pane: str, key: str, seen: Screen | None = None) -> bool:
        nonlocal pressed
        pressed += 1
        monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 30.0 if pressed == 3 else 0.3)
        return press(pane, key, seen)

    chat._tmux.press = counted  # type: ignore[method-assign]
    ask(chat, "x")
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.3)
    assert len(fake.records("submitted")) == 1
    with pytest.raises(Uncertain, match="did not submit"):
        ask(agent("--deaf", "3").chat(), "x")


def test_new_bridge_goes_on_capturing(agent: Start) -> None:
    """After a crash another object, given the mark, knows that the text went in and gets its answer."""
    fake = agent()
    mark, text = ask(fake.chat(), "delay:0.3")
    after = TmuxChat(fake.pane, profile=FAKE, server=fake.server)
    assert after.seen(mark, text) is True
    assert "that is all" in until(lambda: after.capture(mark, text)).text


def test_seen_tells_what_it_knows(agent: Start) -> None:
    """Untouched since the mark: not in. Typed and not submitted, or changed by others: nobody knows."""
    fake = agent()
    chat = fake.chat()
    mark, text = chat.mark(), text_of("x")
    assert chat.seen(mark, text) is False
    fake.tmux.paste(fake.pane, text)
    until(lambda: chat.seen(mark, text) is None)


def test_program_that_is_gone(agent: Start) -> None:
    """A closed pane is an error of its own, before and after the text; so is another process in it."""
    fake = agent()
    chat = fake.chat()
    mark, text = ask(chat, "delay:5")
    other = json.dumps({**json.loads(mark), "pid": 1})
    with pytest.raises(ChatGone, match="another program"):
        chat.capture(other, text)
    fake.tmux.run("kill-pane", "-t", fake.pane)
    assert chat.ready()
    with pytest.raises(ChatGone):
        chat.capture(mark, text)
    with pytest.raises(ChatGone):
        chat.present(mark, text)


def test_shell_is_never_typed_into(tmux_server: str) -> None:
    """When the agent has ended and its shell is back, mail would be run as commands: refused."""
    fake = Agent.__new__(Agent)
    fake.tmux = Tmux(tmux_server)
    pane = fake.tmux.run("-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pane_id}", "sh").strip()
    chat = TmuxChat(pane, server=tmux_server, profile=GENERIC)
    until(lambda: any(row.strip() for row in fake.tmux.look(pane).rows))
    assert "not a chat program" in (chat.ready() or "")
    with pytest.raises(ChatGone):
        chat.mark()
    fake.tmux.run("kill-pane", "-t", pane)


def test_copy_mode_and_synchronized_panes(agent: Start) -> None:
    """Somebody who scrolls is not disturbed, and a text never goes to all panes of a window."""
    fake = agent()
    chat = fake.chat()
    fake.tmux.run("copy-mode", "-t", fake.pane)
    assert "scrolling" in (chat.ready() or "")
    fake.tmux.run("choose-tree", "-t", fake.pane)  # a mode upon the mode
    assert "scrolling" in (chat.ready() or "")
    fake.tmux.run("copy-mode", "-q", "-t", fake.pane)
    assert chat.ready() is None
    fake.tmux.run("set-option", "-p", "-t", fake.pane, "synchronize-panes", "on")
    assert "synchronized" in (chat.ready() or "")


def test_no_answer_in_time(agent: Start) -> None:
    """A chat that works longer than its limit has timed out."""
    now = [1000.0]
    chat = agent().chat(clock=lambda: now[0], timeout_s=10)
    mark, text = ask(chat, "delay:30")
    now[0] += 11
    with pytest.raises(NoAnswer):
        chat.capture(mark, text)


def test_discovery(agent: Start, tmux_server: str) -> None:
    """Panes are listed with what runs in them, idle or not; a target is a pane, session or program."""
    fake = agent("--lines")
    until(
        lambda: any(found.target == fake.pane and found.state == "idle" for found in list_panes(tmux_server))
    )
    session = fake.tmux.run("display-message", "-p", "-t", fake.pane, "#{session_name}").strip()
    assert find_target(fake.pane, tmux_server) == (fake.pane, False)
    assert find_target(session, tmux_server) == (fake.pane, False)
    with pytest.raises(NotFound, match=re.escape(fake.pane)):
        find_target("no-such-program", tmux_server)
    assert list_panes(tmux_server + "-none") == []


def test_pane_that_two_sessions_show(agent: Start, tmux_server: str) -> None:
    """A pane in grouped sessions is one pane: it is listed once, and its name means it."""
    fake = agent()
    session = fake.tmux.run("display-message", "-p", "-t", fake.pane, "#{session_name}").strip()
    fake.tmux.run("new-session", "-d", "-s", "second", "-t", f"={session}")
    try:
        assert [found.target for found in list_panes(tmux_server)].count(fake.pane) == 1
        for name in (fake.pane, session, "second"):
            assert find_target(name, tmux_server) == (fake.pane, False)
    finally:
        fake.tmux.run("kill-session", "-t", "=second")


@pytest.mark.parametrize("step", ["before the paste", "before Enter", "before the second Enter"])
def test_program_that_ends_meanwhile(
    tmux_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A program that ends between two steps leaves its terminal to a shell: the next step is not taken."""
    claude, pwned = program(tmp_path / "bin", "claude"), tmp_path / "pwned"
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.2)
    with pane(tmux_server, BASH) as shell:
        shell.prompts("❯ ")
        shell.keys(f"clear; {claude} --log {claude}.log --deaf 9")
        until(lambda: any("auto mode on" in row for row in shell.rows))
        chat = TmuxChat(shell.id, server=tmux_server)
        until(lambda: chat.ready() is None)
        mark, press = chat.mark(), chat._tmux.press

        def end() -> None:
            os.kill(owner_of(shell.tmux.look(shell.id).tty).identity[0], signal.SIGKILL)
            until(lambda: shell.program == "bash")

        checked, check = 0, chat._check_program

        def late(mark: str) -> Any:
            nonlocal checked
            checked += 1
            if checked == {"before the paste": 1, "before Enter": 3, "before the second Enter": 4}[step]:
                end()
            return check(mark)

        pressed: list[str] = []

        def counted(pane: str, key: str, seen: Screen | None = None) -> bool:
            pressed.append(key)
            return press(pane, key, seen)

        monkeypatch.setattr(chat, "_check_program", late)
        monkeypatch.setattr(chat._tmux, "press", counted)
        expected = NotPresented if step == "before the paste" else Uncertain
        with pytest.raises(expected, match="bash runs there: a shell"):
            chat.present(mark, text_of(f"x\ntouch {pwned}\n"))
        assert len(pressed) == (step == "before the second Enter")
        assert not pwned.exists()


@pytest.mark.parametrize("step", ["paste", "press"])
def test_program_that_ends_after_the_last_look(
    tmux_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Between the look and the act tmux itself compares: the shell that is back by then gets nothing."""
    claude = program(tmp_path / "bin", "claude")
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.2)
    with pane(tmux_server, BASH) as shell:
        shell.prompts("❯ ")
        shell.keys(f"clear; {claude} --log {claude}.log --deaf 9")
        until(lambda: any("auto mode on" in row for row in shell.rows))
        chat = TmuxChat(shell.id, profile=CLAUDE, server=tmux_server)
        monkeypatch.setattr("xw.bridges.target.owner_of", lambda tty: Owner(State.KNOWN, "claude"))
        until(lambda: chat.ready() is None)
        mark, act = chat.mark(), getattr(chat._tmux, step)
        acted: list[bool] = []

        def late(pane: str, what: str, seen: Screen) -> Any:
            if not acted:
                os.kill(owner_of(shell.tmux.look(shell.id).tty).identity[0], signal.SIGKILL)
                until(lambda: shell.program == "bash")
            acted.append(act(pane, what, seen))
            return acted[-1]

        monkeypatch.setattr(chat._tmux, step, late)
        with pytest.raises(NotPresented if step == "paste" else Uncertain):
            chat.present(mark, text_of("x"))
        assert acted[0] is False
        assert step == "press" or not any("[mail" in row for row in shell.rows)


@pytest.mark.parametrize("name", ["a, b}#x", "#{pane_id}", "é", "~[!-]\\"])
def test_odd_names_are_compared(tmux_server: str, name: str) -> None:
    """A program with an odd name is recognised as itself, and another program is not."""
    with pane(tmux_server, f"bash -c {shlex.quote(f'exec -a {shlex.quote(name)} cat')}") as shell:
        until(lambda: shell.program not in ("bash", ""))
        seen = shell.tmux.look(shell.id)
        assert shell.tmux.paste(shell.id, "yes", seen)
        shell.shows("yes")
        seen = shell.tmux.look(shell.id)
        assert not shell.tmux.paste(shell.id, "no", seen._replace(cursor_x=seen.cursor_x + 1))
        assert not shell.tmux.press(shell.id, "x", seen._replace(pid=1))
        shell.tmux.run("copy-mode", "-t", shell.id)
        assert not shell.tmux.press(shell.id, "x", seen)
        shell.tmux.run("copy-mode", "-q", "-t", shell.id)
        assert shell.rows == ["yes"] and shell.tmux.run("list-buffers") == ""


def test_restarted_program_is_another(tmux_server: str, tmp_path: Path) -> None:
    """A program that died during its turn and was restarted has not answered: half a text is no answer."""
    claude = program(tmp_path / "bin", "claude")
    loop = f"while :; do {claude} --log {claude}.log; sleep 0.1; done"
    with pane(tmux_server, f"bash -c {shlex.quote(loop)}") as wrapped:
        chat = TmuxChat(wrapped.id, server=tmux_server)
        until(lambda: chat.ready() is None)
        mark, text = ask(chat, "half an answer")
        until(lambda: chat.ready() is None)
        first = json.loads(mark)["program"][0]
        os.kill(first, signal.SIGKILL)
        until(
            lambda: chat.ready() is None and owner_of(wrapped.tmux.look(wrapped.id).tty).identity[0] != first
        )
        with pytest.raises(ChatGone, match="another program runs there now"):
            chat.capture(mark, text)
        with pytest.raises(NotPresented, match="another program"):
            chat.present(mark, text)


def test_mark_of_an_older_xw(agent: Start) -> None:
    """A mark without the program's process is one that an older version made: it is believed."""
    chat = agent().chat()
    mark, text = ask(chat, "x")
    old = json.dumps({key: value for key, value in json.loads(mark).items() if key != "program"})
    assert chat.seen(old, text) is True
    assert "that is all" in until(lambda: chat.capture(old, text)).text


def test_text_goes_in_as_one_paste(tmux_server: str, tmp_path: Path) -> None:
    """A program that asked for bracketed pastes gets one, so that no line of a text is a key to it."""
    code = (
        "import os, sys, tty; tty.setraw(0); os.write(1, b'\\x1b[?2004h> '); got = b''\n"
        "while not got.endswith(b'END') and not got.endswith(b'~'): got += os.read(0, 1)\n"
        "while not got.endswith(b'201~') and b'200~' in got: got += os.read(0, 1)\n"
        "open(sys.argv[1], 'wb').write(got)"
    )
    shown = tmp_path / "got"
    with pane(tmux_server, shlex.join([sys.executable, "-c", code, str(shown)])) as chat:
        chat.shows(">")
        chat.tmux.paste(chat.id, "one\n/two\nEND")
        until(lambda: shown.exists() and shown.read_bytes())
        assert shown.read_bytes() == b"\x1b[200~one\n/two\nEND\x1b[201~"


def test_pane_that_closes_while_it_is_pasted_into(agent: Start) -> None:
    """The mail is not left in a buffer of the server."""
    fake = agent()
    fake.tmux.run("new-session", "-d")
    fake.tmux.run("kill-pane", "-t", fake.pane)
    with pytest.raises(ChatGone):
        fake.tmux.paste(fake.pane, "secret")
    assert fake.tmux.run("list-buffers") == ""


def test_key_that_was_not_pressed(agent: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the pane has changed right before Enter, it is read again at once."""
    fake = agent()
    chat = fake.chat()
    press, pressed = chat._tmux.press, 0

    def late(pane: str, key: str, seen: Screen | None = None) -> bool:
        nonlocal pressed
        pressed += 1
        return pressed > 1 and press(pane, key, seen)

    monkeypatch.setattr(chat._tmux, "press", late)
    waits, until_ = [], chat._until

    def noted(condition: Callable[[Screen], bool], limit_s: float) -> Screen | None:
        waits.append(limit_s)
        return until_(condition, limit_s)

    monkeypatch.setattr(chat, "_until", noted)
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 60.0)
    ask(chat, "x")
    assert (len(fake.records("submitted")), pressed, waits.count(60.0)) == (1, 2, 1)


@pytest.mark.parametrize("name", ["x\ny", "x|y\nz"])
def test_name_with_a_line_break(agent: Start, tmux_server: str, name: str) -> None:
    """A program of such a name cannot be read, and hides no other pane of the server."""
    fake = agent("--lines")
    command = ["exec", "-a", name, "sleep", "60"]
    odd = fake.tmux.run(
        "new-window", "-d", "-P", "-F", "#{pane_id}", "bash", "-c", shlex.join(command)
    ).strip()
    until(lambda: name in fake.tmux.run("display-message", "-p", "-t", odd, "#{pane_current_command}"))
    assert fake.pane in [pane.pane for pane in fake.tmux.panes()]
    assert fake.pane in [found.target for found in list_panes(tmux_server)]
    with pytest.raises(ChatGone, match="line break"):
        fake.tmux.look(odd)
    assert TmuxChat(odd, server=tmux_server).ready()


def test_background_of_rows_in_a_pane(tmux_server: str) -> None:
    """The background of a person's prompt is read from a real pane, to the row after it alone."""
    shade = "48;2;52;53;65"
    rows = [" x", " [end k7f3q2m9] bye", "", " Mail answer.", "", " own prompt", "", " private"]
    styles = [shade if row.endswith(("x", "bye", "prompt")) else "49" for row in rows]
    drawn = "".join(
        f"\x1b[{style}m{row and row.ljust(80)}\r\n" for style, row in zip(styles, rows, strict=True)
    )
    command = [sys.executable, "-c", f"import time; print({drawn!r}, end='', flush=True); time.sleep(600)"]
    with pane(tmux_server, shlex.join(command), columns=80) as shown:
        until(lambda: any("private" in row for row in shown.rows))
        styled = shown.tmux.styled(shown.id)
        seen = [plain(row) for row in styled]
        found = answer(seen, PROFILES["pi"], "x\n[end k7f3q2m9] bye", list(backgrounds(styled)))
        assert found.text == "Mail answer."


@pytest.mark.parametrize("form", ["[13;5u", "[27;5;13~"])
def test_submit_key_of_a_program_where_enter_is_a_newline(
    agent: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """`submit=C-Enter` reaches the program in the form that it reads, and later mail at once in that."""
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 1.0)
    fake = agent("--newline", "--ctrl", form)
    fake.chat()
    options = {"server": fake.server, "profile": "claude", "submit": "C-Enter"}
    chat = open_chat(fake.pane, options, tmp_path)
    for short in ("k7f3q2m9", "k7f3q2ma"):
        until(lambda: chat.ready() is None)
        mark, text = ask(chat, "x", short)
        assert "that is all" in until(partial(chat.capture, mark, text)).text
        assert fake.records("submitted")[-1] == text
    assert len(fake.records("submitted")) == 2
    assert fake.records("unknown") == (["[13;5u"] if form == "[27;5;13~" else [])


def test_key_that_is_taken_for_text(agent: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that types an unknown sequence gets no second one; its own is given as it is."""
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.5)
    fake = agent("--newline", "--naive", "--ctrl", "[27;5;13~")
    fake.chat()
    options = {"server": fake.server, "profile": "claude", "submit": "C-Enter"}
    chat = open_chat(fake.pane, options, tmp_path)
    with pytest.raises(Uncertain, match=r"did not submit the text.*--option submit="):
        ask(chat, "x")
    assert fake.records("unknown") == ["[13;5u"] and fake.records("submitted") == []
    chat.close()
    fake.tmux.press(fake.pane, "C-c")
    chat = open_chat(fake.pane, {**options, "submit": "CSI 27;5;13~"}, tmp_path)
    until(lambda: chat.ready() is None)
    mark, text = ask(chat, "y")
    assert "that is all" in until(lambda: chat.capture(mark, text)).text
    assert fake.records("submitted") == [text]


TALKER = r"""
import os, sys, time, tty
raw, newline, think = sys.argv[1:]
raw and tty.setcbreak(0)
while True:
    os.write(1, b'\x1b[?2004h> '[0 if raw else 8:]); text = b''
    while raw:
        for one in os.read(0, 4096).replace(b'\x1b[200~', b'').replace(b'\x1b[201~', b'').decode():
            if one == '\x7f':
                os.write(1, b'\x1b[A\x1b[99C' if text.endswith(b'\n') else b'\b \b' * bool(text))
                if text.endswith(b'\n'):
                    os.write(1, b'\r\x1b[%dC' % (len(text.split(b'\n')[-2]) + 2 * (text.count(b'\n') == 1)))
                text = text[:-1]
            else:
                text += one.encode(); os.write(1, one.encode())
        if text.endswith(b'\n') and not newline:
            break
    raw or sys.stdin.readline()
    time.sleep(float(think))
    print('the answer', flush=True)
"""


@pytest.mark.parametrize(
    ("raw", "newline", "think"),
    [("raw", "newline", "0"), ("raw", "", "1"), ("raw", "", "0"), ("", "", "1")],
)
def test_enter_that_may_be_a_newline(
    tmux_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw: str,
    newline: str,
    think: str,
) -> None:
    """Where Enter only makes a new row the text is not taken for sent; a program that thinks has taken it."""
    monkeypatch.setattr("xw.bridges.tmux.LEAVES_S", 0.5)
    talker = tmp_path / "talker"
    talker.write_text(f"#!{sys.executable}\n{TALKER}")
    talker.chmod(0o755)
    with pane(tmux_server, shlex.join([str(talker), raw, newline, think])) as shown:
        chat = TmuxChat(shown.id, server=tmux_server, profile=GENERIC._replace(settle_s=0.05))
        until(lambda: chat.ready() is None)
        if newline:
            with pytest.raises(Uncertain, match=r"Enter is a newline there.*not submitted.*--option submit="):
                ask(chat, "x")
            assert (chat.ready() or "").startswith("no empty input")
        else:
            mark, text = ask(chat, "x")
            assert until(lambda: chat.capture(mark, text)) == Reply("the answer")


def test_prompt_and_end_of_a_program_that_nobody_described(agent: Start, tmp_path: Path) -> None:
    """`prompt` is an empty input though it looks like a question; `end` is the row below the answer."""
    code = (
        "while True:\n"
        " print('File name: ', end='', flush=True); input()\n"
        " print('the answer', 'Tokens: 12', '-----', sep='\\n')\n"
    )
    program = tmp_path / "talker"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    fake = agent()
    with pane(fake.server, str(program)) as shown:
        shown.shows("File name:")
        options = {"server": fake.server, "profile": "generic"}
        assert "dialog" in (open_chat(shown.id, options, tmp_path).ready() or "")
        chat = open_chat(shown.id, {**options, "prompt": "File name: ", "end": "^Tokens: "}, tmp_path)
        assert chat.ready() is None
        mark, text = ask(chat, "x")
        assert until(lambda: chat.capture(mark, text)) == Reply("the answer")


@pytest.mark.parametrize(
    "option",
    ["lines=two", "submit=Retrun", "submit=Enter ; kill-server", "submit=CSI 1m", "prompt= ", "end=("],
)
def test_invalid_option(option: str, tmp_path: Path) -> None:
    """An option that cannot be is an error when the bridge starts."""
    name, _, value = option.partition("=")
    with pytest.raises(Usage, match=f"option {name}"):
        open_chat("x", {name: value}, tmp_path)


def test_many_lines_for_a_program_that_nobody_described(agent: Start, tmp_path: Path) -> None:
    """With `lines=many` a program that asked for bracketed pastes gets newlines, and a text of any length."""
    code = (
        "import os, sys, tty\n"
        "tty.setcbreak(0)\n"
        "while True:\n"
        "    sys.stdout.write('\\x1b[?2004h> '); sys.stdout.flush(); got = b''\n"
        "    while not got.endswith(b'\\x1b[201~\\n'):\n"
        "        one = os.read(0, 1); got += one\n"
        "        (len(got) > 6 and b'\\x1b' not in got[6:] or one == b'\\n') and os.write(1, one)\n"
        "    text = got[6:-7].decode()\n"
        "    open(sys.argv[1], 'w').write(text)\n"
        "    print('the answer')\n"
    )
    program, shown = tmp_path / "talker", tmp_path / "got"
    program.write_text(f"#!{sys.executable}\n{code}")
    program.chmod(0o755)
    fake = agent()
    with pane(fake.server, shlex.join([str(program), str(shown)])) as opened:
        opened.shows(">")
        options = {"server": fake.server, "profile": "generic", "lines": "many"}
        chat = open_chat(opened.id, options, tmp_path)
        mark, text = ask(chat, "one\ntwo")
        assert until(lambda: chat.capture(mark, text)) == Reply("the answer")
        assert shown.read_text("utf-8") == text and "\n" in text
        assert chat.limit == 0
