"""log, trace."""

import errno
import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw.actions import transcript
from xw.actions.transcript import Selection
from xw.files.local import LocalFiles
from xw.instance import Options, open_instance
from xw.mailbox import Mailbox, Place
from xw.message import Message


@pytest.fixture
def talk(team: Team) -> dict[str, str]:
    """A task, a question about it, its answer, and an info from somebody else: the ids."""
    task = team.send("Count the beans.\nAll of them.", kind="task")
    question = team.json("send", "question", "Green ones too?", "--re", task, by="bob")["id"]
    reply = team.json("reply", question, "Green ones too.")["id"]
    info = team.send("Lunch is ready.", by="carol")
    return {"task": task, "question": question, "reply": reply, "info": info}


def test_log(team: Team, talk: dict[str, str]) -> None:
    """`log` prints what was sent and received in order of time, whatever state it is in."""
    team.ok("done", talk["task"], by="bob")
    lines = team.ok("log", by="bob").splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    short = {key: value[-8:] for key, value in talk.items()}
    assert [line[21:] for line in heads] == [
        f"{short['task']} alice (verified) -> bob [task]",
        f"{short['question']} bob (verified) -> alice [question re {short['task']}]",
        f"{short['reply']} alice (verified) -> bob [reply re {short['question']}]",
        f"{short['info']} carol (verified) -> bob [info]",
    ]
    assert lines[1:3] == ["    Count the beans.", "    All of them."]
    assert lines[0].startswith("20")


@pytest.mark.parametrize("box", ["bob/inbox/done", "bob/sent", "bob/inbox/pending"])
@pytest.mark.parametrize("how", ["damaged", "shut"])
def test_what_cannot_be_read_is_named(
    box: str, how: str, team: Team, talk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged file, or one that may not be read, hides no other; log and read --thread say so."""
    team.ok("done", talk["task"], by="bob")
    (path,) = (path for path in (team.hub / box).iterdir() if talk["info"] not in path.name)
    shown = len(team.ok("log", "--json", by="bob").splitlines())
    if how == "damaged":
        path.write_bytes(b"{}")
    else:
        really = LocalFiles.read

        def read(files: LocalFiles, name: str, limit: int) -> bytes:
            if name.endswith(path.name):  # for root, who runs tests in containers, no mode forbids anything
                raise PermissionError(errno.EACCES, "Permission denied", name)
            return really(files, name, limit)

        monkeypatch.setattr(LocalFiles, "read", read)
    told = team.run("log", "--json", by="bob")
    assert (told.code, len(told.out.splitlines())) == (0, shown - 1)
    assert told.err.startswith(f"xw: left out: {path.name}: ")
    assert told.err.count("\n") == 1
    kept = next(talk[one] for one in ("question", "reply") if talk[one] not in path.name)
    threaded = team.run("read", "--thread", kept, by="bob")
    assert (threaded.code, threaded.err) == (0, told.err)


def test_log_with_nobody(team: Team, talk: dict[str, str]) -> None:
    """A name that neither the hub nor any message knows is an error; one that has left the hub is not."""
    unknown = team.run("log", "--with", "carl", by="bob")
    assert (unknown.code, unknown.out) == (3, "")
    assert "no peer 'carl' on " in unknown.err
    assert "(did you mean carol?)" in unknown.err
    assert team.run("log", "--with", "carl", "--follow", by="bob").code == 3
    (team.box("carol") / "card.json").unlink()
    assert _bodies(team, "--with", "carol") == ["Lunch"]


def _bodies(team: Team, *arguments: str, by: str = "bob") -> list[str]:
    lines = team.ok("log", "--json", *arguments, by=by).splitlines()
    return [json.loads(line)["body"].split()[0] for line in lines]


def test_log_selects(team: Team, talk: dict[str, str]) -> None:
    """--thread, --with, --grep and --since each select, alone and together."""
    assert _bodies(team) == ["Count", "Green", "Green", "Lunch"]
    for member in ("task", "question", "reply"):
        assert _bodies(team, "--thread", talk[member][-8:]) == ["Count", "Green", "Green"]
    assert _bodies(team, "--with", "carol") == ["Lunch"]
    assert _bodies(team, "--with", "alice") == ["Count", "Green", "Green"]
    assert _bodies(team, "--grep", "GREEN") == ["Green", "Green"]
    assert _bodies(team, "--grep", "ready", "--with", "carol", "--thread", talk["info"]) == ["Lunch"]
    none = team.run("log", "--grep", "ready", "--with", "alice")
    assert (none.code, none.out, none.err) == (1, "", "xw: no message contains 'ready' among those chosen\n")
    assert json.loads(team.run("log", "--grep", "no such", "--json").out)["code"] == "failed"
    assert _bodies(team, "--since", "1h") == ["Count", "Green", "Green", "Lunch"]
    assert _bodies(team, "--since", "2099-01-01") == []
    assert _bodies(team, "--since", "1970-01-02") == ["Count", "Green", "Green", "Lunch"]
    assert team.run("log", "--thread", "zzzzzzzz").code == 3


@pytest.mark.parametrize("when", ["yesterday", "", "0009-01-01", "99999999w", "-1d", "٣d"])
def test_log_since_when(team: Team, when: str) -> None:
    """An invalid --since, or one that no message can have, is a usage error."""
    refused = team.run("log", f"--since={when}")
    assert (refused.code, refused.out) == (2, "")
    assert re.search(r"is not a time: .* or RFC 3339 such as \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\b", refused.err)


def test_log_in_one_form(team: Team) -> None:
    """`--json` and `--format markdown` exclude each other; `--format json` means the same as `--json`."""
    team.send("one")
    refused = team.run("log", "--format", "markdown", "--json")
    assert (refused.code, json.loads(refused.out)["code"]) == (2, "usage")
    assert team.ok("log", "--format", "json", "--json") == team.ok("log", "--json") != ""


def test_log_since_leaves_out_the_older(team: Team) -> None:
    """--since takes messages from that moment on, to the microsecond."""
    first, second = team.send("first"), team.send("second")
    stamp = second.partition("-")[0]
    moment = (
        f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}.{stamp[15:21]}Z"
    )
    assert first < second
    assert _bodies(team, "--since", moment) == ["second"]


def test_log_as_json(team: Team, talk: dict[str, str]) -> None:
    """`--format json` and `--json` print one object a line: the message, its id, its state."""
    assert team.ok("log", "--format", "json") == team.ok("log", "--json")
    shown = [json.loads(line) for line in team.ok("log", "--json").splitlines()]
    assert [one["id"] for one in shown] == [talk["task"], talk["question"], talk["reply"]]
    assert [one["state"] for one in shown] == ["sent", "pending", "sent"]
    assert shown[1]["from"] == "bob"


def test_log_as_markdown(team: Team, talk: dict[str, str], tmp_path: Path) -> None:
    """`--format markdown` quotes each body below a heading, and names its files."""
    (tmp_path / "beans.csv").write_text("12")
    token = team.send("Table:", "--attach", str(tmp_path / "beans.csv"))
    text = team.ok("log", "--format", "markdown")
    assert "### alice (verified) → bob: task\n" in text
    assert "> Count the beans.\n> All of them.\n" in text
    assert f"### alice (verified) → bob: reply re {talk['question'][-8:]}\n" in text
    assert f"UTC, {token[-8:]}*\n\n> Table:\n>\n> File: `beans.csv`\n" in text
    assert "    (file: beans.csv)\n" in team.ok("log")


def test_log_tells_its_zone(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time of the transcript says that it is UTC: `--since` reads it back right, in whatever zone."""
    monkeypatch.setenv("TZ", "Etc/GMT+11")
    time.tzset()
    try:
        token = team.send("x")
        shown = team.ok("log").split(" " + token[-8:])[0]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown)
        assert token[-8:] in team.ok("log", "--since", shown)
        assert f" {shown} (" in team.ok("read", token)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_log_of_nothing(team: Team) -> None:
    """An empty transcript is not an error."""
    assert team.ok("log") == ""


def test_log_of_another_format(team: Team) -> None:
    """An unknown format is a usage error that lists the known ones."""
    refused = team.run("log", "--format", "html")
    assert refused.code == 2
    assert "markdown" in refused.err


def test_log_while_messages_move(team: Team) -> None:
    """A message that is finished between the listing and the reading is still in the transcript."""
    for number in range(3):
        team.send(f"number {number}")
    instance = open_instance(Options("bob", str(team.hub)))
    lines = transcript.log(instance, Selection(), lambda name, error: pytest.fail(f"{name}: {error}"))
    bodies = [next(lines).message.body]
    for name in team.names("bob", "inbox/pending"):
        instance.mailbox.settle(name)
    found = list(lines)
    assert bodies + [line.message.body for line in found] == ["number 0", "number 1", "number 2"]
    assert {line.place.state for line in found} == {"done"}


def test_trace_through_every_place(team: Team) -> None:
    """`trace` tells where each recipient's copy is, since when, and the reply's id."""
    token = team.json("send", "task", "x", "--to", "bob", "--to", "carol")["id"]
    (name,) = team.names("bob", "inbox/pending")
    inbox = team.box("bob") / "inbox"
    for before, state in ((None, "pending"), ("pending", "processing"), ("processing", "failed")):
        if before:
            (inbox / before / name).rename(inbox / state / name)
        bob, carol = team.ok("trace", token[-8:]).splitlines()
        assert bob.startswith(f"{token[-8:]} bob: on the hub, {state}, since 20")
        assert carol.startswith(f"{token[-8:]} carol: on the hub, pending, since 20")
    (inbox / "failed" / name).rename(inbox / "pending" / name)
    reply = team.json("reply", token, "done", by="bob")["id"]
    team.ok("done", token, by="bob")
    first = team.ok("trace", token).splitlines()[0]
    assert "bob: on the hub, done, since" in first
    assert first.endswith(f", reply {reply[-8:]} (verified)")
    traced = team.json("trace", token)
    assert traced["id"] == token
    assert [(one["to"], one["where"], one["reply"]) for one in traced["recipients"]] == [
        ("bob", "done", reply), ("carol", "pending", None),
    ]  # fmt: skip
    (inbox / "done" / name).unlink()
    assert "bob: no longer there" in team.ok("trace", token)


def test_trace_reads_only_later_replies(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the recipient's replies, `trace` reads those that came after the message was sent, in any state."""
    for number in range(5):
        team.ok(
            "done", team.json("reply", team.send(f"before {number}", kind="question"), "y", by="bob")["id"]
        )
    for path in (team.box("alice") / "inbox/done").iterdir():
        os.utime(path, (time.time() - 60,) * 2)
    question = team.send("now?", kind="question")
    team.ok("reply", team.send("another", kind="question"), "not this", by="bob")
    answer = team.json("reply", question, "yes", by="bob")["id"]
    team.ok("done", question, by="bob")
    team.ok("done", answer)
    parsed: list[str] = []
    really = Mailbox.read

    def read(mailbox: Mailbox, place: Place) -> Message:
        parsed.append(place.name)
        return really(mailbox, place)

    monkeypatch.setattr(Mailbox, "read", read)
    assert team.json("trace", question)["recipients"][0]["reply"] == answer
    assert sum(".reply." in name for name in parsed) == 2


@pytest.mark.parametrize("copied", ["sent", "alice"])
def test_trace_finds_the_answer_in_a_copy(team: Team, copied: str) -> None:
    """Files that were copied back from a backup, with new birth times, still lead from question to answer."""
    question = team.send("now?", kind="question")
    answer = team.json("reply", question, "yes", by="bob")["id"]
    time.sleep(0.05)  # the clock of files ticks
    team.ok("done", question, by="bob")
    box = team.box("alice") / ("sent" if copied == "sent" else "")
    shutil.copytree(box, team.folder / "backup")
    shutil.rmtree(box)
    (team.folder / "backup").rename(box)
    assert team.json("trace", question)["recipients"][0]["reply"] == answer


def test_trace_of_what_one_has_not_sent(team: Team) -> None:
    """`trace` finds only messages that this instance has sent."""
    token = team.send("x")
    assert team.run("trace", token, by="bob").code == 3
