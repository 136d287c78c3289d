"""Each message is told to a session once: two hooks at once, a kill at each step, much mail, a budget."""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.team import XW, Team, call
from tests.guarantees import traced
from tests.hooks.conftest import Make, choose
from tests.hooks.test_events import opened, short
from tests.programs.hooked import BLOCKS, Program, told
from xw import clock, layout
from xw import told as notes
from xw.actions import telling
from xw.message import encode

DOUBT = "xw: perhaps shown to you before, by a hook that was interrupted: "


def fill(team: Team, count: int, owner: str = "bob", kind: str = "task", **more: str) -> list[str]:
    """Put messages into an inbox at once; their short ids, oldest first."""
    start, folder = clock.now() - count, team.box(owner) / "inbox"
    shorts = []
    for number in range(count):
        fields: dict[str, object] = {
            "from": "alice",
            "type": kind,
            "to": [owner],
            "body": f"no. {number}",
            **more,
        }
        name, data = encode(fields, start + number)
        (folder / "tmp" / name).write_bytes(data)
        (folder / "tmp" / name).rename(folder / "pending" / name)
        shorts.append(layout.short_id(name))
    return shorts


def test_what_is_handled_meanwhile_is_not_told(
    team: Team, session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail that the agent has read, finished or claimed itself is no news; in another session it may be."""
    choose(team, "push")
    agent = session()
    agent.start()
    sent = [short(team.send(str(number), kind="task")) for number in range(4)]
    team.ok("done", sent[0], by="bob")
    team.ok("claim", sent[1], by="bob")
    monkeypatch.delenv("XW_SESSION")
    monkeypatch.setenv("CLAUDECODE", "1")
    team.ok("read", sent[2], by="bob")
    assert told(agent.stop()) == sent[3:]
    assert agent.stop() == ""
    assert told(session(name="s2").prompt()) == sent[2:]


def test_a_thousand_messages(team: Team, session: Make) -> None:
    """20 are listed and the others counted, in little text; all of them are told then."""
    choose(team, "push")
    agent = session()
    fill(team, 1000)
    text = agent.prompt()
    assert len(told(text)) == 20
    assert "1,000 new messages" in text and text.endswith("and 980 more: `xw check`")
    assert len(text) < 22 * telling.LINE
    assert agent.turn() == ("", [])
    (late,) = fill(team, 1)
    assert told(agent.stop()) == [late]
    assert "1,001 more pending" in agent.start("compact")


def test_two_hooks_at_once(team: Team) -> None:
    """Of hooks of one session that run at the same time, one tells each message."""
    choose(team, "push")
    sent = fill(team, 3)
    data = json.dumps({"session_id": "s1"})

    def stop(_: int) -> str:
        process = team.start("hook", "Stop", "--program", "claude", by="bob", stdin=subprocess.PIPE)
        return process.communicate(data)[0]

    with ThreadPoolExecutor(4) as pool:
        texts = [json.loads(out) for out in pool.map(stop, range(4)) if out]
    assert [told(one["hookSpecificOutput"]["additionalContext"]) for one in texts] == [sent]


def test_killed_at_each_step(team: Team, tmp_path: Path) -> None:
    """Killed anywhere, a hook tells a message at most once; one that it did not tell is named as doubtful."""
    choose(team, "push")
    data = json.dumps({"session_id": "s1", "last_assistant_message": "12"})
    environ = traced.environment(XW_NAME="bob", XW_SESSION="")
    command = [XW, "hook", "Stop", "--program", "claude"]
    call(team.folder, *command[1:], environ={"XW_NAME": "bob"}, stdin=data.encode())  # makes the folders
    (sent,) = fill(team, 1)
    steps = "write,pwrite64,fsync,rename,renameat,link,linkat,exit_group"
    whole = traced.run(command, _copy(team, tmp_path / "whole"), environ, calls=steps, stdin=data)
    assert sent in whole.out
    found = [one for one in whole.calls if one.name != "write" or one.fd == 1 or "/bridge/" in str(one.paths)]
    assert {one.act for one in found} >= {"write", "pwrite64", "fsync", "rename", "link", "exit_group"}
    doubtful = 0
    for number, at in enumerate(found):
        place = _copy(team, tmp_path / str(number))
        killed = traced.run(command, place, environ, traced.killing(at), at.name, data)
        assert killed.code == -9
        agent = _in(place)
        if sent not in killed.out:
            continued = agent.stop()
            if told(continued) == [sent]:  # it was not noted yet
                assert agent.turn() == ("", [])
                continue
            assert continued == ""  # no turn is paid for a doubt
            doubtful += 1
        assert agent.turn() in (("", []), (DOUBT + sent, []))
        assert agent.turn() == ("", [])
    assert doubtful >= 2


def _in(place: Path) -> Program:
    """Return bob's session in another copy of the checkout."""
    return Program(lambda *words, stdin=b"": call(place, *words, environ={"XW_NAME": "bob"}, stdin=stdin))


def _copy(team: Team, place: Path) -> Path:
    shutil.copytree(team.folder, place)
    return place


def test_a_turn_is_not_continued_for_ever(team: Team, session: Make) -> None:
    """With mail all the time, hooks continue a turn 3 times; the rest is told with the next prompt."""
    choose(team, "push")
    agent = session()
    continued = []
    for number in range(BLOCKS):
        (sent,) = fill(team, 1)
        text = agent.stop(active=number > 0)
        if not text:
            break
        continued.append(sent)
        assert told(text) == [sent]
    assert len(continued) == notes.PER_TURN
    assert told(agent.prompt()) == [sent]
    fill(team, 1)
    assert len(told(agent.stop())) == 1  # another turn


@pytest.mark.parametrize("what", ["info", "expired", "damaged"])
def test_what_is_worth_no_turn(team: Team, session: Make, what: str) -> None:
    """No turn is paid for an info, expired mail or a damaged file; mail is told with a task, or a prompt."""
    choose(team, "push")
    agent = session()
    more = {"expires": "2026-01-01T00:00:00Z"} if what == "expired" else {}
    (sent,) = fill(team, 1, kind="info" if what == "info" else "task", **more)
    if what == "damaged":
        (path,) = (team.box("bob") / "inbox/pending").iterdir()
        path.write_bytes(b"damaged")
    assert agent.stop() == ""
    assert notes.Told(opened(team).mailbox, "s1").load() == notes.Noted()
    if what == "damaged":
        assert len(team.names("bob", "inbox/failed")) == 2  # with its reason
        return
    task = short(team.send("two", kind="task"))
    assert told(agent.stop()) == [sent, task]
    assert told(session(name="s2").prompt()) == [sent, task]


def test_a_hold_that_comes_first(team: Team) -> None:
    """What a turn may not be taken for any more when its mail is known is noted nowhere."""
    sent = team.send("one", kind="task")
    refused, asked = telling.Turn(allowed=lambda: False), telling.Turn()
    for turn, expected in ((refused, []), (asked, [sent]), (asked, [])):
        with telling.news(opened(team), "s1", turn) as found:
            assert [one.id for one in found.inbox] == expected


def test_an_hour_has_a_budget(team: Team, session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns there are, hooks cause no more than a number of them in an hour."""
    monkeypatch.setattr(notes, "PER_HOUR", 4)
    monkeypatch.setattr(telling, "PER_HOUR", 4)
    choose(team, "push")
    agent, bob = session(), opened(team)
    texts = []
    for _ in range(6):
        fill(team, 1)
        texts.append(agent.stop())
    assert [bool(text) for text in texts] == [True] * 4 + [False] * 2
    kept = notes.Told(bob.mailbox, "s1")
    noted = kept.load()
    kept.store(noted._replace(turns=tuple(at - 3600 * clock.SECOND for at in noted.turns)))
    assert len(told(agent.stop())) == 2


def test_check_untold(team: Team, session: Make) -> None:
    """A script gets what its session was not told, in lines or JSON; its hooks and it share the notes."""
    choose(team, "push")
    agent = session()
    first = team.send("one", kind="task")
    assert team.ok("check", "--untold", "s1", by="bob").split()[:3] == [short(first), "task", "alice"]
    assert team.ok("check", "--untold", "s1", by="bob") == agent.prompt() == ""
    second = team.send("two", kind="task")
    found = team.json("check", "--untold", "s1", by="bob")
    assert [one["id"] for one in found["messages"]] == [second]
    assert (found["total"], found["told_before"], found["perhaps_told"]) == (1, 1, [])
    assert agent.prompt() == ""
    third = team.send("three", kind="question")
    team.send("four", kind="task")
    assert len(team.json("check", "--untold", "s1", "--type", "question", by="bob")["messages"]) == 1
    assert short(third) not in agent.prompt()
    for wrong in (["--untold", "s1", "--failed"], ["--untold", ""]):
        assert team.run("check", *wrong, by="bob").code == 2


def test_check_untold_names_a_doubt(team: Team) -> None:
    """A message that an interrupted hook has perhaps told is named once, by its whole id for programs."""
    sent = team.send("one", kind="task")
    for perhaps in ((), (sent,), (sent,)):
        with suppress(KeyboardInterrupt), telling.news(opened(team), "s1") as found:
            assert found.perhaps == perhaps
            raise KeyboardInterrupt
    assert team.json("check", "--untold", "s1", by="bob")["perhaps_told"] == [sent]
    assert team.ok("check", "--untold", "s1", by="bob") == ""


def test_old_notes_go(team: Team, session: Make) -> None:
    """When a session starts, what is known of sessions that ended long ago is removed."""
    agent = session(name="old")
    agent.prompt()
    box = team.box("bob") / "bridge"
    kept = next((box / "sessions").iterdir())
    noted = json.loads((kept / "session.json").read_text())
    (kept / "session.json").write_text(json.dumps({**noted, "process": "99999999-1"}))
    team.json("check", "--untold", "old", by="bob")
    for path in (kept, *(box / "told").iterdir()):
        os.utime(path, (0, 0))
    session(name="new").start()
    assert [path.name for path in (box / "sessions").iterdir()] == ["claude-new"]
    assert {path.stem for path in (box / "told").iterdir()} == {"new"}
