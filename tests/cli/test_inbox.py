"""check, read, done."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team, ageless, alike
from xw import clock, post
from xw.files.local import LocalFiles
from xw.instance import Options, open_instance
from xw.mailbox import Mailbox, Place
from xw.post import Draft


def test_check_of_an_empty_inbox(team: Team) -> None:
    """`check` reports an empty inbox, with the hub's URL."""
    assert team.ok("check") == f"no mail for alice on {team.hub}\n"
    assert team.json("check") == {
        "format": 1, "messages": [], "total": 0, "set_aside": [], "newer": [], "claimed": [],
    }  # fmt: skip
    assert team.ok("check", "--failed") == f"no dead letters for alice on {team.hub}\n"


@pytest.mark.parametrize("folder", ["inbox", "inbox/pending", "inbox/processing"])
@pytest.mark.parametrize("instead", ["nothing", "file", "loop"])
@pytest.mark.parametrize("command", [("check",), ("check", "--json"), ("who",), ("log",), ("wait",)])
def test_an_unreadable_inbox_is_an_error(
    team: Team, folder: str, instead: str, command: tuple[str, ...]
) -> None:
    """An inbox that cannot be read is reported as that, with an exit code, never as an empty one."""
    path = team.box("bob") / folder
    path.rename(team.folder / "aside")
    if instead == "file":
        path.write_text("")
    elif instead == "loop":
        path.symlink_to(path.name)
    broken = team.run(*command, by="bob")
    assert broken.code in (1, 3, 6), broken
    told, nothing = (broken.out, broken.err) if "--json" in command else (broken.err, broken.out)
    assert nothing == ""
    assert told.startswith('{"format": 1, "error": ' if "--json" in command else "xw: ")
    assert told.count("\n") == 1
    assert str(team.hub) in told


def test_check_lists_the_oldest_first(team: Team) -> None:
    """Each pending message is one line: short id, type, sender, status, age, first line; oldest first."""
    first = team.send("first\nsecond line", kind="task")
    second = team.send("\n\n  indented  \n", by="carol", kind="question")
    assert ageless(team.ok("check", by="bob")).splitlines() == [
        f"{first[-8:]} task alice (verified) 0s first",
        f"{second[-8:]} question carol (verified) 0s indented",
    ]
    listed = team.json("check", by="bob")
    assert [message["id"] for message in listed["messages"]] == [first, second]
    assert listed["messages"][0]["body"] == "first\nsecond line"
    assert len(team.pending("bob")) == 2


def test_check_shows_twenty_and_counts_the_rest(team: Team) -> None:
    """`check` shows the twenty oldest and says how many more there are."""
    for number in range(23):
        team.send(f"number {number}")
    lines = team.ok("check", by="bob").splitlines()
    assert len(lines) == 21
    assert lines[0].endswith("number 0")
    assert lines[20] == "and 3 more: `xw check --all`; --type, --from, --newest, --limit choose"
    assert team.json("check", by="bob")["total"] == 23


def test_check_cuts_long_lines(team: Team) -> None:
    """A long first line is cut to a hundred characters, with an ellipsis."""
    team.send("x" * 300)
    assert team.ok("check", by="bob").rstrip().endswith(" " + "x" * 99 + "…")


def test_check_marks_what_has_expired(team: Team) -> None:
    """Past its time a message is still listed and read, marked as expired."""
    alice = open_instance(Options("alice", str(team.hub)))
    past = clock.rfc3339(clock.now())
    post.send(alice.mailbox, alice.hub, Draft("task", ("bob",), "too late", expires=past), clock.now)
    (token,) = team.pending("bob")
    assert "0s (expired) too late" in ageless(team.ok("check", by="bob"))
    assert "EXPIRED: 20" in team.ok("read", token, by="bob")
    fresh = team.send("in time", "--expires", "2h")
    assert "expires: 20" in team.ok("read", fresh, by="bob")


def test_read(team: Team, tmp_path: Path) -> None:
    """`read` prints the whole message: who, to whom, when, its files' paths, its body."""
    (tmp_path / "data.csv").write_text("1,2\n")
    token = team.send("The body.\n\nAll of it.", "--attach", str(tmp_path / "data.csv"), kind="task")
    path = team.box("bob") / "attachments" / token / "data.csv"
    head, files, *body = team.ok("read", token[-8:], by="bob").splitlines()
    assert head.startswith(f"task {token[-8:]} from alice (verified) to bob, 20")
    assert ageless(head).endswith("Z (0s ago)")
    assert files == f"file: {path} (4 B)"
    assert body == ["", "    The body.", "    ", "    All of it."]
    shown = team.json("read", token, by="bob")
    assert (shown["id"], shown["state"]) == (token, "pending")
    assert shown["files"][0]["path"] == str(path)
    assert shown["files"][0]["problem"] is None
    assert path.read_text() == "1,2\n"


@pytest.mark.parametrize("command", [("read",), ("reply", "text")])
def test_a_message_that_moves_on_meanwhile(
    team: Team, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands at once: what a bridge claims, or `done` moves, once it was found, is found again."""
    token, find = team.send("moving", kind="task"), Mailbox.find

    def moves(mailbox: Mailbox, *arguments: Any) -> Place:
        place = find(mailbox, *arguments)
        for state in ("processing", "done"):
            if place.state == "pending" and mailbox.move("pending", state, place.name):
                break
        return place

    monkeypatch.setattr(Mailbox, "find", moves)
    team.ok(command[0], token, *command[1:], by="bob")


def test_read_says_what_is_wrong_with_an_attachment(team: Team, tmp_path: Path) -> None:
    """An attachment that has vanished or changed its size is shown with its problem."""
    for name in ("gone", "cut"):
        (tmp_path / name).write_text("text")
    token = team.send("x", "--attach", str(tmp_path / "gone"), "--attach", str(tmp_path / "cut"))
    (team.box("bob") / "attachments" / token / "gone").unlink()
    (team.box("bob") / "attachments" / token / "cut").write_text("t")
    text = team.ok("read", token, by="bob")
    assert "/gone (4 B) PROBLEM: missing" in text
    assert "/cut (4 B) PROBLEM: has 1 bytes, not 4" in text


def test_read_thread(team: Team) -> None:
    """`read --thread` prints every message of the thread, oldest first, each with its own state."""
    task = team.send("do it", kind="task")
    answer = team.json("reply", task, "how?", by="bob")["id"]
    more = team.json("reply", answer, "like this")["id"]
    team.ok("done", task, by="bob")
    thread = team.json("read", more, "--thread", by="bob")["messages"]
    assert [message["id"] for message in thread] == [task, answer, more]
    assert [message["thread"] for message in thread] == [None, task, task]
    assert [message["re"] for message in thread] == [None, task, answer]
    assert [message["state"] for message in thread] == ["done", "sent", "pending"]
    text = team.ok("read", more, "--thread", by="bob")
    assert [line.strip() for line in text.splitlines() if line.strip() in ("do it", "how?", "like this")] == [
        "do it", "how?", "like this",
    ]  # fmt: skip
    assert f"re: {task[-8:]}\nthread: {task[-8:]}" in text


@pytest.mark.parametrize("form", ["whole", "short", "prefix", "file name", "upper", "spaces"])
def test_ways_to_name_a_message(team: Team, form: str) -> None:
    """Whole id, short id, unique prefix and file name all name a message."""
    token = team.send("named")
    (name,) = team.names("bob", "inbox/pending")
    given = {
        "whole": token, "short": token[-8:], "prefix": token[-8:-4], "file name": name,
        "upper": token[-8:].upper(), "spaces": f" {token} ",
    }[form]  # fmt: skip
    assert "named" in team.ok("read", given, by="bob")
    assert team.ok("done", given, by="bob") == f"done {token[-8:]} info alice: named\n"


@pytest.mark.parametrize("token", ["zzzzzzzz", "", " ", "20261121T053012123456Z-zzzzzzzz", "../alice", "*"])
@pytest.mark.parametrize("command", [("read",), ("done",), ("reply", "--file", os.devnull), ("trace",)])
def test_unknown_ids(team: Team, command: tuple[str, ...], token: str) -> None:
    """A message that is not there is exit 3 with a hint, and nothing changes."""
    team.send("here")
    missing = team.run(command[0], token, *command[1:], by="bob")
    assert missing.code == (2 if command[0] == "reply" else 3)
    assert missing.out == ""
    assert len(team.pending("bob")) == 1


def test_ambiguous_ids(team: Team) -> None:
    """A prefix that fits several messages is exit 3 and lists the candidates."""
    tokens = alike(team, "bob", "pending", "pending")
    for command in ("read", "done"):
        unclear = team.run(command, tokens[0][-8:-4], by="bob")
        assert unclear.code == 3
        assert f"{tokens[0][-8:-4]!r} fits 2 messages" in unclear.err
        assert all(token in unclear.err for token in tokens)


def test_done(team: Team) -> None:
    """`done` moves messages from pending to done; repeating it is harmless; a wrong id stops no other."""
    one, two = team.send("one"), team.send("two")
    mixed = team.run("done", one, "zzzzzzzz", two, by="bob")
    assert mixed.code == 3
    assert mixed.out == f"done {one[-8:]} info alice: one\ndone {two[-8:]} info alice: two\n"
    assert "zzzzzzzz" in mixed.err
    assert team.pending("bob") == []
    assert len(team.names("bob", "inbox/done")) == 2
    assert team.ok("done", one, by="bob") == f'{one[-8:]} info alice "one" was done before\n'
    again = team.json("done", two, by="bob")["messages"]
    about = {"id": two, "type": "info", "from": "alice", "first_line": "two"}
    assert again == [{"token": two, **about, "moved": False, "error": None, "code": None}]
    failed = team.run("done", "zzzzzzzz", "--json", by="bob")
    assert failed.code == 3
    assert failed.err == ""
    whole = json.loads(failed.out)
    assert (whole["code"], whole["exit_code"]) == ("not-found", 3)
    (one,) = whole["messages"]
    assert (one["token"], one["error"], one["code"]) == ("zzzzzzzz", whole["error"], "not-found")


def test_done_of_a_claimed_message(team: Team) -> None:
    """A message claimed by a bridge can be finished by hand too."""
    token = team.send("claimed")
    (name,) = team.names("bob", "inbox/pending")
    inbox = team.box("bob") / "inbox"
    (inbox / "pending" / name).rename(inbox / "processing" / name)
    assert team.ok("done", token, by="bob") == f"done {token[-8:]} info alice: claimed\n"
    assert team.names("bob", "inbox/done") == [name]


def test_a_claim_that_was_never_unlinked(team: Team) -> None:
    """A name in both pending and processing counts once, as claimed, and done clears both."""
    token = team.send("twice")
    (name,) = team.names("bob", "inbox/pending")
    inbox = team.box("bob") / "inbox"
    (inbox / "processing" / name).hardlink_to(inbox / "pending" / name)
    assert team.json("check", by="bob")["total"] == 0
    team.ok("done", token, by="bob")
    assert (team.names("bob", "inbox/pending"), team.names("bob", "inbox/processing")) == ([], [])


def test_done_of_a_dead_letter(team: Team) -> None:
    """A dead letter cannot be done: the error tells how to see why and how to send it again."""
    token = team.send("dead")
    (name,) = team.names("bob", "inbox/pending")
    inbox = team.box("bob") / "inbox"
    (inbox / "pending" / name).rename(inbox / "failed" / name)
    refused = team.run("done", token, by="bob")
    assert refused.code == 3
    assert "xw check --failed" in refused.err
    assert "no reason was kept" in team.ok("check", "--failed", by="bob")
    (letter,) = team.json("check", "--failed", by="bob")["dead_letters"]
    assert letter["message"]["id"] == token


def test_a_message_of_a_newer_format_stays(team: Team) -> None:
    """Mail of a later format is reported by every reader and stays in pending, byte for byte."""
    from xw import layout

    data = b'{"format": 2, "body": {"rich": true}}\n'
    name = f"20261121T053012123456Z-{layout.digest(data)}.task.alice.json"
    file = team.box("bob") / "inbox" / "pending" / name
    file.write_bytes(data)
    team.send("readable")
    for _ in range(2):
        checked = team.run("check", by="bob")
        assert checked.code == 0
        assert len(checked.out.splitlines()) == 1
        assert "readable" in checked.out
        assert "this xw knows format 1: upgrade xw" in checked.err
    listed = json.loads(team.run("check", "--json", by="bob").out)
    assert (listed["total"], listed["newer"][0]["name"]) == (2, name)
    opened = team.run("read", name, by="bob")
    assert (opened.code, opened.out) == (1, "")
    assert "upgrade" in opened.err
    assert "upgrade" in team.run("doctor", by="bob").out
    assert file.read_bytes() == data


def test_a_message_that_may_not_be_read_stays(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that its owner may not read, as on a shared hub, hides no other; it stays, and is named."""
    hidden, shown = team.send("hidden"), team.send("shown")
    really = LocalFiles.read

    def read(files: LocalFiles, path: str, limit: int) -> bytes:
        if hidden in path:  # for root, who runs tests in containers, no mode forbids anything
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(files, path, limit)

    monkeypatch.setattr(LocalFiles, "read", read)
    checked = team.run("check", by="bob")
    assert (checked.code, ageless(checked.out)) == (0, f"{shown[-8:]} info alice (verified) 0s shown\n")
    said = f"xw: left in pending/: {hidden}.info.alice.json: Permission denied: check its owner and mode\n"
    assert checked.err == said
    assert shown[-8:] in team.ok("wait", "--timeout", "60", by="bob")
    assert "check its owner and mode" in team.run("doctor", by="bob").out
    team.ok("done", shown, by="bob")
    assert team.run("check", by="bob") == (0, "", said)
    assert team.pending("bob") == [hidden]


def test_a_hub_that_may_not_be_read(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` reports it among its other findings."""

    def read(files: LocalFiles, path: str, limit: int) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", f"{files.root}/{path}")

    monkeypatch.setattr(LocalFiles, "read", read)
    looked = team.run("doctor")
    assert (looked.code, looked.err) == (1, "")
    assert (
        f"bad  {team.hub}/hub.json: Permission denied: check the owner and mode of the path\n" in looked.out
    )
