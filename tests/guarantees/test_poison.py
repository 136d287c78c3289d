"""Poison: whatever one message does to xw, it does to itself alone, and that is seen."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team, forge
from tests.loop.world import ScriptedChat, World
from tests.rooms.stage import Stage
from tests.sync.machines import Machine, found_hub
from xw import clock, layout
from xw.bridges import present
from xw.bridges.announce import Announcer
from xw.errors import Damaged
from xw.faults import Faults
from xw.mailbox import Mailbox
from xw.message import Fields, Message, decode, encode, parse_object
from xw.rooms import admission

POISON = "POISON"
FAULT = "a bug in xw (ZeroDivisionError: not foreseen)"


def fault(*arguments: Any, **named: Any) -> None:
    """Raise what nobody foresees, once the poison is among the arguments."""
    if POISON in repr((arguments, named)):
        raise ZeroDivisionError("not foreseen")


def inject(patch: pytest.MonkeyPatch, *places: str) -> None:
    """Let each function raise when the poison passes through it."""
    for place in places:
        module, _, name = place.rpartition(".")
        real = getattr(__import__(module, fromlist=[name]), name)

        def poisoned(*arguments: Any, _real: Any = real, **named: Any) -> Any:
            fault(*arguments, **named)
            return _real(*arguments, **named)

        patch.setattr(place, poisoned)


def poison(team: Team) -> str:
    """Send bob the poison and, before and after it, other mail; the poison's id."""
    team.send("before", kind="task")
    found = team.send(POISON, kind="task")
    team.send("after", kind="task")
    return found


READING = ("xw.mailbox.decode", "xw.outbox.decode", "xw.sweep.decode", "xw.mirror.sync.decode")


@pytest.mark.parametrize(
    "command", [["check"], ["check", "--json"], ["wait", "--timeout", "1"], ["who"], ["peers"], ["log"]]
)
def test_commands_that_list(team: Team, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """A message that triggers a bug is named, stays, and hides no other."""
    name = poison(team)
    inject(monkeypatch, *READING)
    shown = team.run(*command, by="bob")
    assert shown.code == 0, shown
    assert name in team.pending("bob")
    if command[0] in ("check", "log"):
        assert FAULT in shown.err
        assert shown.err.count("\n") == 1
        assert "before" in shown.out
        assert "after" in shown.out


def test_commands_that_name_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading it says what is wrong in one line; finishing it works, and so does all around it."""
    name = poison(team)
    inject(monkeypatch, *READING)
    read = team.run("read", name, by="bob")
    assert (read.code, read.err.count("\n")) == (1, 1)
    assert FAULT in read.err
    assert team.run("doctor", by="bob").out.count(FAULT) == 1
    assert team.run("gc", "--days", "0", by="bob").code == 0
    assert team.run("send", "info", "hello", "--to", "alice", by="bob").code == 0
    assert team.run("done", name, by="bob").code == 0
    assert name not in team.pending("bob")


def test_no_command_ends_in_a_traceback(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that nothing else has caught is one line and exit 1; XW_DEBUG shows the place."""
    team.send(POISON)
    inject(monkeypatch, "xw.cli.inbox.line")
    shown = team.run("check", by="bob")
    assert (shown.code, shown.err.count("\n")) == (1, 1)
    assert FAULT in shown.err
    monkeypatch.setenv("XW_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        team.run("check", by="bob")


def test_gc_keeps_what_it_may_announce(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that an unreadable `info` may have added to a message are not removed."""
    named = team.send("a task", kind="task")
    folder = team.box("bob") / "attachments" / named
    forge(team, "bob", body=POISON, re=named)
    team.ok("done", named, by="bob")
    folder.mkdir(mode=0o700)
    (folder / "file.txt").write_text("text")
    inject(monkeypatch, *READING)
    team.run("gc", "--days", "0", by="bob")
    assert (folder / "file.txt").exists()


@pytest.mark.parametrize(
    "place", ["xw.bridges.present.framed", "xw.bridges.present.unfit", "xw.bridges.answer.reply"]
)
def test_a_bridge_fails_it_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """The poison goes to failed/ with the bug's text, its sender gets a notice, and others are answered."""
    for body in ("before", POISON, "after"):
        world.send(body)
    inject(monkeypatch, place)
    world.run(world.bridge())
    states = {one.message.body: one.state for one in world.inbox("bob")}
    assert states == {"before": "done", POISON: "failed", "after": "done"}
    assert [line for line in world.told if FAULT in line]
    failures = [one for one in world.inbox("alice") if one.message.type == "info"]
    assert [FAULT in one.message.body for one in failures] == [True]
    assert sum(one.message.type == "reply" for one in world.inbox("alice")) == 2


def test_an_info_does_not_fail_the_task_below_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An info that cannot be shown fails by itself; the message above which it was to be shown does not."""
    world.send(POISON, kind="info")
    world.send("the task")
    inject(monkeypatch, "xw.bridges.present.wants_answer")
    world.run(world.bridge())
    assert {one.message.body: one.state for one in world.inbox("bob")} == {
        POISON: "failed",
        "the task": "done",
    }


def test_a_bridge_reads_no_more_infos_than_it_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only infos shown with a turn are read: the others may be gigabytes."""
    for number in range(40):
        world.send(f"info {number}", kind="info")
    world.send("the task")
    read: list[str] = []
    real = type(world.files).read

    def counted(files: Any, path: str, limit: int) -> bytes:
        read.append(path)
        return real(files, path, limit)

    monkeypatch.setattr(type(world.files), "read", counted)
    bridge = world.bridge()
    while not world.program.shown:
        bridge.step()
    assert len([path for path in read if ".info." in path]) == present.INFOS


def test_a_room_fails_it_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that triggers a bug goes to failed/; the room hears the others, after a restart too."""
    stage = Stage(tmp_path)
    stage.room("talk", "ann ben", policy="free")
    monkeypatch.setattr(admission, "decide", _poisoned(admission.decide))
    room = stage.run("talk")
    for body in ("before", POISON, "after"):
        stage.send("ann", "talk", body)
    room.step()
    assert [text for _, text in stage.said("talk")] == ["before", "after"]
    failed = stage.instance("talk").mailbox
    (name,) = failed.names("inbox/failed")
    assert FAULT in failed.why(name)["reason"]
    stage.run("talk").step()


def test_a_room_folds_its_record_past_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line in the record that brings out a fault is left out by who folds it; the room opens."""
    stage = Stage(tmp_path)
    stage.room("talk", "ann ben", policy="free")
    room = stage.run("talk")
    for body in ("before", POISON, "after"):
        stage.send("ann", "talk", body)
    room.step()
    inject(monkeypatch, "xw.rooms.record.decode", "xw.rooms.state.line_of")
    again = stage.run("talk")
    assert "after" in [line.text for line in again.state.lines]
    again.step()


def _poisoned(real: Any) -> Any:
    def call(*arguments: Any) -> Any:
        fault(*arguments)
        return real(*arguments)

    return call


def test_a_sync_leaves_it_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that triggers a bug stays on the hub and is named; the other mail is fetched."""
    found_hub(tmp_path / "hub", "alice", "bob")
    alice = Machine(tmp_path / "hub", tmp_path / "a", "alice")
    bob = Machine(tmp_path / "hub", tmp_path / "b", "bob")
    for body in ("before", POISON, "after"):
        alice.send("bob", body)
    alice.sync()
    inject(monkeypatch, "xw.mirror.sync.decode")
    report = bob.sync()
    assert bob.bodies() == ["before", "after"]
    assert [FAULT in problem for _, problem in report.problems] == [True]
    monkeypatch.undo()
    bob.sync()
    assert bob.bodies() == ["before", POISON, "after"]
    alice.close()
    bob.close()


def test_an_outbox_delivers_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that cannot be made a parcel waits, with all behind it to that recipient; others go."""
    found_hub(tmp_path / "hub", "alice", "bob", "carol")
    alice = Machine(tmp_path / "hub", tmp_path / "a", "alice")
    for to, body in (("bob", "before"), ("bob", POISON), ("bob", "after"), ("carol", "to carol")):
        alice.send(to, body)
    inject(monkeypatch, "xw.outbox.decode")
    report = alice.sync()
    assert sorted(to for to, _ in report.flushed.delivered) == ["bob", "carol"]
    assert FAULT in str(report.flushed.waiting["bob"])
    monkeypatch.undo()
    alice.sync()
    bob = Machine(tmp_path / "hub", tmp_path / "b", "bob")
    bob.sync()
    assert bob.bodies() == ["before", POISON, "after"]
    alice.close()
    bob.close()


NESTED = 10**5
BOMBS: dict[str, str] = {
    "a whole number of 4,300 digits": "9" * 4300,
    "one of 4,301": "9" * 4301,
    "one of 400": "9" * 400,
    "one below zero": f"-{'9' * 400}",
    "a float without end": "1e999",
    "an exponent bomb": "1e999999999",
    "lists in lists": "[" * NESTED + "]" * NESTED,
    "objects in objects": '{"a":' * 900 + "1" + "}" * 900,
    "just too deep": "[" * 101 + "]" * 101,
    "Arabic digits": "\u0661\u0662",
    "an unpaired surrogate": '"\\ud800"',
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("field", ["hops", "protocol", "unknown", "body"])
def test_bombs_are_damaged(name: str, field: str) -> None:
    """No number or nesting that an honest writer would not make passes the reader, in any field."""
    good: Fields = {"format": 1, "from": "alice", "type": "task", "to": ["bob"], "body": "x"}
    stamp = "20261121T053012123456Z"
    good |= {"sent": clock.spell(stamp)}
    text = json.dumps(good | {field: "@"}).replace('"@"', BOMBS[name])
    data = text.encode()
    with pytest.raises(Damaged):
        decode(f"{stamp}-{layout.digest(data)}.task.alice.json", data)
    with pytest.raises(Damaged):
        parse_object(data)


@pytest.mark.parametrize("size", [2**63, 10**30, -1, True, 1.0])
def test_sizes_have_a_bound(size: object) -> None:
    """An attachment's size is at most the largest file's."""
    files = [{"name": "a.txt", "size": size, "sha256": "0" * 64}]
    fields: Fields = {"from": "alice", "type": "info", "to": ["bob"], "body": "x"}
    for field in ("attachments", "attached"):
        with pytest.raises(Damaged):
            decode(*encode(fields | {field: files}, clock.now()))


def test_hops_have_a_bound_that_answers_keep(world: World) -> None:
    """The failure notice for a message with the most hops is a valid message too."""
    fields: Fields = {"from": "alice", "type": "task", "to": ["bob"], "body": "x", "hops": 1_000_000}
    message = decode(*encode(fields, clock.now()))
    assert message.answered_hops == message.hops
    with pytest.raises(Damaged):
        decode(*encode(fields | {"hops": 1_000_001}, clock.now()))
    world.send("x", hops=1_000_000)
    world.run(world.bridge())
    assert [one.state for one in world.inbox("bob")] == ["failed"]
    assert isinstance(world.inbox("alice")[0].message, Message)


@pytest.mark.parametrize("number", ["9" * 4300, "1e999", "-1", "[" * 10000, '"\u0661"', "true"])
@pytest.mark.parametrize("file", ["card.json", "presence.json", "room.json", "why", "turn"])
def test_bombs_in_other_files(team: Team, number: str, file: str) -> None:
    """A number that no honest writer makes hides neither mail nor peers, and causes no traceback."""
    first = team.send("a task", kind="task")
    team.send("more", kind="task")
    box = team.box("bob")
    texts = {
        "card.json": '{"name": "bob", "kind": @, "description": @, "capabilities": [@]}',
        "presence.json": '{"status": "busy", "task": "x", "progress": @, "ttl_s": @, "bridge": {"ttl_s": @}}',
        "room.json": '{"format": @, "policy": "free", "limits": {"turns": @}}',
        "why": '{"reason": @, "kind": @, "at": @}',
        "turn": '{"name": "x", "stage": "claimed", "tries": @, "infos": @, "ending": @}',
    }
    (name,) = [one for one in team.names("bob", "inbox/pending") if one.startswith(first)]
    path = box / file
    if file == "why":
        (box / "inbox/pending" / name).rename(box / "inbox/failed" / name)
        path = box / "inbox/failed" / (name + layout.WHY)
    elif file == "turn":
        (box / "inbox/pending" / name).rename(box / "inbox/processing" / name)
        path = box / "inbox/processing" / (name + layout.TURN)
    path.write_text(texts[file].replace("@", number), encoding="utf-8")
    for command in (["check"], ["check", "--failed"], ["who"], ["doctor"], ["gc", "--days", "0"], ["log"]):
        shown = team.run(*command, by="bob")
        assert "bug in xw" not in shown.err + shown.out, shown
        assert shown.code == 0 or command[0] == "doctor", shown
    peers = team.run("peers", by="carol")
    assert (peers.code, "bob" in peers.out, "alice" in peers.out) == (0, True, True), peers
    assert team.run("room", "list", by="carol").code in (0, 1)
    assert team.run("send", "info", "x", "--to", "alice", by="bob").code == 0


TURNS: dict[str, dict[str, object]] = {
    "a letter that is no message": {"letter": "20261121T053012123456Z-k7f3q2m9.reply.bob.json", "data": "{"},
    "a letter outside of the mailbox": {"letter": "../../alice/card.json", "data": "{}"},
    "a letter with a lone surrogate": {
        "letter": "20261121T053012123456Z-k7f3q2m9.reply.bob.json",
        "data": "\ud800",
    },
    "a state that is none": {"state": "lost"},
}


@pytest.mark.parametrize("what", TURNS)
def test_a_turn_that_cannot_be_carried_out(world: World, what: str) -> None:
    """A note of a turn whose end cannot be carried out fails its message; the next one is answered."""
    first, second = world.send("one"), world.send("two")
    box = Path(world.root, "bob/inbox")
    (box / "pending" / first).rename(box / "processing" / first)
    ending = {"state": "done", "kind": "", "reason": "", "letter": "", "data": ""} | TURNS[what]
    note = {"name": first, "stage": "ended", "ending": ending, "infos": []}
    (box / "processing" / (first + layout.TURN)).write_text(json.dumps(note))
    bridge = world.bridge()
    for _ in range(20):
        with suppress(Damaged):  # as `serve` does, which waits and tries again
            bridge.step()
    assert {one.message.file_name: one.state for one in world.inbox("bob")} == {
        first: "failed",
        second: "done",
    }
    assert not (box / "processing" / (first + layout.TURN)).exists()


@pytest.mark.parametrize("place", ["inbox/processing/NAME.turn.json", "attachments/ID"])
def test_a_folder_in_the_way_of_a_turn(world: World, place: str) -> None:
    """A folder in place of a file that one message's turn needs fails that message alone."""
    world.program.limit = 300
    first, second = world.send("one " * 200), world.send("two")
    path = Path(world.root, "bob", place.replace("NAME", first).replace("ID", first.partition(".")[0]))
    if place.startswith("inbox"):
        path.mkdir()
    else:
        path.write_text("no folder")
    bridge = world.bridge()
    for _ in range(20):
        with suppress(OSError):
            bridge.step()
    assert {one.message.file_name: one.state for one in world.inbox("bob")} == {
        first: "failed",
        second: "done",
    }
    assert sorted(one.message.type for one in world.inbox("alice")) == ["info", "reply"]


def test_an_announcer_leaves_it_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that cannot be announced is named, and the others are announced."""
    for body in ("before", POISON, "after"):
        world.send(body, kind="task")
    inject(monkeypatch, "xw.bridges.announce.notice")
    chat = ScriptedChat(world.program)
    announcer = Announcer(world.instance("bob"), chat, world.told.append)
    while announcer.step() is not None:
        pass
    assert sum(text.count("task") for text in world.program.shown) == 2
    assert [FAULT in line for line in world.told if POISON not in line].count(True) == 1


def test_a_room_drops_a_line_whose_files_are_in_disorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for which the room's own files fail it again and again goes to failed/; others are heard."""
    stage = Stage(tmp_path)
    stage.room("talk", "ann ben", policy="free")
    real = admission.decide

    def closed(*arguments: Any) -> Any:
        if POISON in repr(arguments):
            raise PermissionError(13, "Permission denied", f"{stage.root}/talk/outbox/ann")
        return real(*arguments)

    monkeypatch.setattr(admission, "decide", closed)
    room = stage.run("talk")
    for body in ("before", POISON, "after"):
        stage.send("ann", "talk", body)
    for _ in range(5):
        with suppress(PermissionError):
            room.step()
    assert [text for _, text in stage.said("talk")] == ["before", "after"]


def test_a_chat_that_cannot_be_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in looking at the chat makes mail wait: no message is to blame."""
    for body in ("one", "two"):
        world.send(body)
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedChat, "ready", lambda chat: 1 / 0)
        bridge = world.bridge()
        for _ in range(10):
            assert bridge.step()
    assert [one.state for one in world.inbox("bob")] == ["pending", "pending"]
    assert "ZeroDivisionError" in world.told[-1]
    world.run(bridge)
    assert [one.state for one in world.inbox("bob")] == ["done", "done"]


@pytest.mark.parametrize("place", ["sent", "inbox/processing", "inbox/tmp", "outbox"])
def test_a_folder_of_all_messages_that_is_none(world: World, place: str) -> None:
    """An obstacle to all mail fails none of it; once it is removed, all messages are answered."""
    for body in ("one", "two"):
        world.send(body)
    bridge, path = world.bridge(), Path(world.root, "bob", place)
    path.rename(f"{path}-away")
    path.write_text("no folder")
    failures = 0
    for _ in range(20):
        try:
            bridge.step()
        except OSError:
            failures += 1
    assert failures
    path.unlink()
    Path(f"{path}-away").rename(path)
    assert not Mailbox(world.files, "bob").names(layout.INBOX["failed"])
    world.run(bridge)
    assert [one.state for one in world.inbox("bob")] == ["done", "done"]


@pytest.mark.parametrize(
    ("path", "blamed"),
    [
        ("sent/a.json", False),
        ("bridge/acp/x/1.json", False),
        ("attachments/ID", True),
        ("outbox/bob/a", True),
    ],
)
def test_a_folder_that_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, blamed: bool
) -> None:
    """A folder that all messages need blames none; one of a single message, or recipient, does."""
    folder = (tmp_path / "bob" / path).parent
    folder.mkdir(parents=True)
    shut = str(folder) if folder.name != "attachments" else "none"
    monkeypatch.setattr("os.access", lambda path, mode: path != shut)
    faults = Faults(str(tmp_path / "bob"))
    error = PermissionError(13, "Permission denied", str(tmp_path / "bob" / path))
    assert [faults.fails("name", error) for _ in range(3)][-1] == blamed
