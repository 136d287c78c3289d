"""`xw room …` and `xw log --room`, as people and agents use them."""

import os
import pty
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, Team, shown_on
from xw.cli.render import Text
from xw.files.local import LocalFiles
from xw.hub.rooms import DirectoryRooms
from xw.layout import ROOM_LOCK
from xw.rooms.transcript import Entry


def create(team: Team, name: str = "talk", *more: str) -> None:
    """A room of bob and carol, made by alice."""
    team.ok("room", "create", name, "--members", "bob,carol", "--seed", "Tea?", "--quiet", "60", *more)


def finish(team: Team, room: str = "talk") -> str:
    """Close a room and run it to its end; what the coordinator printed."""
    team.ok("room", "close", room)
    return team.ok("room", "run", room)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("join", "talk"), "add you"),
        (("leave", "talk", "--member", "carol"), "remove carol"),
        (("pause", "talk"), "pause"),
        (("resume", "talk"), "continue"),
        (("close", "talk"), "close"),
    ],
)
def test_a_request_to_a_room_says_that_the_room_decides(
    team: Team, words: tuple[str, ...], wanted: str
) -> None:
    """The room may refuse: the command prints what it asked for, and where to see whether the room did it."""
    create(team)
    asked = team.ok("room", *words, by="bob")
    assert asked.startswith(f"asked talk to {wanted} (")
    assert asked.endswith("): `xw room show talk` shows when it has\n")


def test_the_prompt_marks_a_room(team: Team) -> None:
    """A room is marked among the peers, because it is no agent to send a task to."""
    create(team)
    assert "your peers: bob, carol, talk (room) (" in team.ok("prompt")


def test_a_room_is_made_listed_and_shown(team: Team) -> None:
    """A new room is open, has its members and limits, and is a peer of kind room."""
    assert "made on" in team.ok("room", "create", "talk", "--members", "bob, carol", "--turns", "7")
    assert team.ok("room", "list").startswith("talk open; round-robin; 0 of 7 turns")
    shown = team.json("room", "show", "talk")
    assert [member["name"] for member in shown["members"]] == ["bob", "carol"]
    assert (shown["limits"]["turns"], shown["owner"], shown["status"]) == (7, "alice", "open")
    assert "talk (room)" in team.ok("peers")
    assert "member   bob" in team.ok("room", "show", "talk")


@pytest.mark.parametrize(
    "broadcast",
    [
        ("send", "info", "lunch", "--to", "all"),
        ("notify", "status", "working", "--task", "lunch"),
        ("notify", "error", "lunch"),
        ("notify", "heartbeat", "--message"),
    ],
    ids=["send", "status", "error", "heartbeat"],
)
def test_a_broadcast_goes_to_no_room(team: Team, broadcast: tuple[str, ...]) -> None:
    """Anybody's leaves the room alone: no dead letter there, and its members get it once."""
    create(team)
    team.ok("init", "--name", "zoe", "--kind", "human")
    for sender in ("alice", "bob", "zoe"):
        team.ok(*broadcast, by=sender)
    assert team.names("talk", "inbox/pending") == []
    finish(team)
    assert team.names("talk", "inbox/failed") == []
    carols = [message["type"] for message in team.json("check", by="carol")["messages"]]
    assert carols.count("info") == 4  # and the end of the room
    assert all(
        "lunch" not in turn["body"]
        for turn in team.json("check", by="carol")["messages"]
        if turn["type"] == "question"
    )


def test_a_room_is_addressed_by_its_name(team: Team) -> None:
    """A room named beside `all` gets the message; with only rooms left, `all` reaches nobody."""
    create(team)
    assert team.json("send", "info", "x", "--to", "all", "--to", "talk")["delivered"] == [
        "bob",
        "carol",
        "talk",
    ]
    for name in ("bob", "carol"):
        (team.box(name) / "card.json").unlink()
    alone = team.run("send", "info", "x", "--to", "all")
    assert (alone.code, "a message to a room names the room" in alone.err) == (3, True)
    assert team.run("ask", "--to", "all", "x").code == 3


@pytest.mark.parametrize(
    "members",
    [["--members", "bob", "--members", "carol"], ["--members", "bob carol"], ["--members", "bob, carol,"]],
)
def test_the_members_as_people_write_them(team: Team, members: list[str]) -> None:
    """Members may be in several options, and behind commas or blanks."""
    team.ok("room", "create", "talk", *members)
    assert [member["name"] for member in team.json("room", "show", "talk")["members"]] == ["bob", "carol"]


def test_no_rooms(team: Team) -> None:
    """Without rooms, the list explains how to make one; an instance of kind room is not yet a room."""
    team.ok("init", "--name", "unmade", "--kind", "room")
    assert "xw room create" in team.ok("room", "list")
    assert team.json("room", "list")["rooms"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["room", "create", "talk", "--members", "bob,zoe"], 3, "not on"),
        (["room", "create", "bob"], 6, "choose another name"),
        (["room", "create", "old", "--members", "bob"], 6, "already"),
        (["room", "create", "Talk"], 2, "not a room name"),
        (["room", "create", "talk", "--members", "bob,talk"], 2, "of itself"),
        (["room", "create", "talk", "--members", "bob,bob"], 2, "twice"),
        (["room", "create", "talk", "--policy", "chaos"], 2, "chaos"),
        (["room", "create", "talk", "--moderator", "bob"], 2, "goes with the policy moderator"),
        (
            ["room", "create", "talk", "--members", "bob", "--policy", "moderator", "--moderator", "eve"],
            2,
            "eve",
        ),
        (["room", "create", "talk", "--answer", "0"], 2, "answer_s"),
        (["room", "create", "talk", "--turns", "-1"], 2, "turns"),
        (["room", "create", "talk", "--seed", "a\udcff"], 2, "seed is not valid UTF-8"),
        (["room", "say", "bob", "hi"], 3, "not a room"),
        (["room", "say", "odl", "hi"], 3, "no room 'odl' on "),
        (["room", "pause", "oldd"], 3, "no room 'oldd' on "),
        (["room", "show", "Tea Time"], 2, "not a room name"),
        (["room", "say", "old", " "], 2, "empty"),
        (["room", "show", "bob"], 3, "is not a room"),
        (["room", "run", "nowhere"], 3, "nowhere"),
        (["log", "--room", "bob"], 3, "is not a room"),
        (["log", "--room", "stray"], 3, "no room 'stray'"),
        (["log", "--room", "nowhere"], 3, "no room 'nowhere'"),
        (["log", "--room", "old", "--thread", "x"], 2, "--thread"),
        (["log", "--room", "old", "--with", "bub"], 3, "no peer 'bub'"),
        (["room", "crate", "x"], 2, "crate"),
        (["room", "create"], 2, "room create"),
        (["room", "create", "talk", "--members", "bob", "carol"], 2, "--members bob,carol`"),
        (["room", "create", "talk", "--seed", "x", "--file", "x"], 2, "not both"),
        (["room", "create", "talk", "--persona", "bob=x"], 2, "'bob', who is not a member"),
        (["room", "create", "talk", "--members", "bob", "--persona", "bob"], 2, "NAME=TEXT"),
        (["room", "resume", "old", "+20"], 2, "try `xw room resume old --turns +20"),
        (["room", "set", "old", "words", "20"], 2, "try `xw room set old --words 20"),
        (["room"], 2, "`xw room --help` shows how"),
    ],
)
def test_mistakes(team: Team, arguments: list[str], code: int, words: str) -> None:
    """Each mistake is one line that says what is wrong, with its own exit code, and makes nothing."""
    create(team, "old")
    (team.hub / "stray").touch()
    before = sorted(os.listdir(team.hub))
    result = team.run(*arguments)
    assert (result.code, result.out) == (code, ""), result
    assert words in result.err and result.err.count("\n") == 1
    assert sorted(os.listdir(team.hub)) == before


def test_common_options_before_a_command_of_two_words(team: Team) -> None:
    """`xw --as bob room say …` speaks as bob."""
    create(team)
    assert team.run("--as", "bob", "room", "say", "talk", "by bob", by=None).code == 0
    finish(team)
    said = [line for line in team.ok("log", "--room", "talk").splitlines() if "by bob" in line]
    assert said and " bob (verified): by bob" in said[0]


def test_a_conversation_from_the_shell(team: Team) -> None:
    """A real coordinator gives turns; members answer with `xw reply`, and every format has it."""
    create(team, "talk", "--turns", "2")
    running = team.start("room", "run", "talk", "--json")
    for name in ("bob", "carol"):
        asked = team.json("wait", "--timeout", str(PATIENCE), by=name)
        assert (asked["type"], asked["room"]) == ("question", "talk")
        team.ok("reply", asked["id"], f"{name} says\nthis", by=name)
        team.ok("done", asked["id"], by=name)
    out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (0, "")
    assert '"turns": 2' in out
    text = team.ok("log", "--room", "talk").splitlines()
    assert (text[1][21:], text[2]) == ("bob (verified): bob says", "    this")
    assert "> carol says\n> this" in team.ok("log", "--room", "talk", "--format", "markdown")
    assert '"author": "carol"' in team.ok("log", "--room", "talk", "--format", "json", "--with", "carol")
    assert team.run("log", "--room", "talk", "--grep", "nothing like it")[:2] == (1, "")
    again = team.ok("room", "run", "talk")
    assert "is closed: the limit of 2 turns is reached" in again


def test_follow_shows_what_comes_and_ends_with_the_room(team: Team) -> None:
    """`log --room --follow` prints what was said, then each thing as it comes, until the room is closed."""
    create(team)
    assert team.run("room", "say", "talk", "early", by="bob").code == 0
    running = team.start("room", "run", "talk")
    following = team.start("log", "--room", "talk", "--follow", "--format", "json")
    assert following.stdout
    lines = [following.stdout.readline() for _ in range(2)]
    assert {word for word in ("early", "Tea?") for line in lines if word in line} == {"early", "Tea?"}
    team.ok("room", "say", "talk", "late", by="carol")
    assert "late" in following.stdout.readline()
    team.ok("room", "close", "talk")
    assert "alice closed it" in following.communicate(timeout=PATIENCE)[0]
    running.communicate(timeout=PATIENCE)
    assert (following.returncode, running.returncode) == (0, 0)


def test_a_stopped_coordinator_goes_on(team: Team) -> None:
    """SIGTERM ends the process at once; started again, the room goes on."""
    create(team)
    running = team.start("room", "run", "talk")
    assert team.json("wait", "--timeout", str(PATIENCE), by="bob")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == -signal.SIGTERM
    finish(team)
    assert len(team.pending("bob")) == 2, "its one turn, and the closing"


def test_a_second_coordinator_is_refused(team: Team) -> None:
    """Only one process runs a room; the second exits 1 with that reason."""
    create(team)
    running = team.start("room", "run", "talk")
    team.json("wait", "--timeout", str(PATIENCE), by="bob")
    second = team.run("room", "run", "talk")
    assert (second.code, "another process runs the room" in second.err) == (1, True)
    team.ok("room", "close", "talk")
    running.communicate(timeout=PATIENCE)


def test_whether_a_room_runs(team: Team) -> None:
    """list, show, say and doctor tell that nobody runs a room; none of them does once somebody does."""
    create(team)
    nobody = "nobody runs it: xw room run talk"
    assert team.ok("room", "list").rstrip().endswith(nobody) and nobody in team.ok("room", "show", "talk")
    assert "the room" not in team.run("doctor").out, "no mail waits for it"
    said = team.run("room", "say", "talk", "hello", by="bob")
    assert (said.code, said.err) == (0, "xw: nobody runs the room yet: xw room run talk\n")
    assert team.json("room", "show", "talk")["running"] is False
    bad = "bad  nobody runs the room talk, and 1 message waits for it: xw room run talk"
    assert bad in team.run("doctor").out and team.run("doctor").code == 1
    running = team.start("room", "run", "talk")
    team.json("wait", "--timeout", str(PATIENCE), by="bob")
    assert team.ok("room", "list").rstrip().endswith("; runs")
    assert team.json("room", "show", "talk")["running"] is True
    assert team.run("room", "say", "talk", "hello", by="bob").err == ""
    running.kill()
    running.communicate(timeout=PATIENCE)
    finish(team)
    assert "run" not in team.ok("room", "list"), "a closed room need not be run"
    assert "the room" not in team.run("doctor").out


def test_looking_at_a_room_does_not_keep_it_from_running(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check whether a room runs holds its lock for a moment; the coordinator waits for it."""
    create(team)
    team.ok("room", "close", "talk")
    with ExitStack() as held:
        held.enter_context(LocalFiles(str(team.hub)).locked(f"talk/{ROOM_LOCK}", timeout=0))
        waits: list[float] = []

        def wait(seconds: float) -> None:
            """The moment is over."""
            waits.append(seconds)
            held.close()

        monkeypatch.setattr("xw.files.local.time.sleep", wait)
        assert "is closed" in team.ok("room", "run", "talk")
    assert waits, "it began while the lock was held"


def test_control_from_the_shell(team: Team) -> None:
    """join, leave, pause and resume go to the room, which informs its members."""
    create(team)
    for words in (["join"], ["pause"], ["resume"], ["leave"]):
        team.ok("room", *words, "talk")
    finish(team)
    lines = [line[21:] for line in team.ok("log", "--room", "talk").splitlines()]
    assert lines[1:-1] == [
        "-- alice has joined",
        "-- alice paused the room",
        "-- alice resumed the room",
        "-- alice has left",
    ]


def test_a_damaged_definition_is_named(team: Team) -> None:
    """A room.json that cannot be read is reported with its path, not guessed at."""
    create(team)
    path = team.hub / "talk" / "room.json"
    for text in (
        "{",
        "[]",
        9999 * "[",
        '{"format": 1, "format": 1}',
        '{"format": 1}',
        '{"format": 9}',
        path.read_text().replace("100", '"many"'),
    ):
        path.write_text(text)
        result = team.run("room", "show", "talk")
        assert (result.code, "talk/room.json" in result.err) == (1, True), text


def test_a_damaged_room_hides_no_other(team: Team) -> None:
    """`room list` names the damaged one on stderr and lists the others; its coordinator does not start."""
    create(team)
    create(team, "walk")
    (team.hub / "talk" / "room.json").write_text("{")
    result = team.run("room", "list")
    assert (result.code, result.err.count("talk/room.json"), result.err.count("\n")) == (1, 1, 1)
    assert result.out.startswith("walk open")
    assert team.run("room", "run", "talk").code == 1
    assert team.names("talk", "sent") == []


def test_a_room_that_nobody_owns(team: Team) -> None:
    """If the creator is unknown, a room has no owner, and `create` explains the effect."""
    made = team.ok("room", "create", "talk", "--members", "bob", by=None)
    assert "no owner" in made
    by_mistake = team.ok("room", "create", "walk", "--members", "bob", by="alcie")
    assert "no owner, because --as named nobody on this hub" in by_mistake
    assert "owner    -" in team.ok("room", "show", "talk")


def entries() -> list[Entry]:
    """Two authors, an event and a pass."""
    words = [("ann", "hi\nthere"), ("bob", "\x1b[31mred"), ("ann", "again")]
    said = [Entry("id", "line", author, 0, text) for author, text in words]
    return [
        *said,
        Entry("id", "event", "talk", 0, "bob has left", "left"),
        Entry("id", "line", "bob", 0, "PASS", "", True),
    ]


def test_each_author_has_a_colour(capsys: pytest.CaptureFixture[str]) -> None:
    """Authors differ in colour and keep theirs; what they wrote cannot colour anything."""
    printer = Text(colours=True)
    for entry in entries():
        printer(entry)
    out = capsys.readouterr().out
    assert out.count("\x1b[36mann\x1b[0m") == 2
    assert "\x1b[33mbob\x1b[0m: \\x1b[31mred" in out
    assert "-- bob passes" in out


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_only_on_a_terminal(team: Team, environ: dict[str, str], coloured: bool) -> None:
    """A terminal gets colours unless NO_COLOR is set; a pipe gets none."""
    create(team)
    finish(team)
    assert "\x1b[" not in team.ok("log", "--room", "talk")
    controller, terminal = pty.openpty()
    command = [XW, "log", "--room", "talk"]
    kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    variables = {**kept, "XW_NAME": "alice", **environ}
    subprocess.run(command, cwd=team.folder, env=variables, stdout=terminal, check=True)
    os.close(terminal)
    shown = shown_on(controller).decode()
    assert ("\x1b[" in shown) is coloured
    assert "Tea?" in shown


def test_a_room_half_made_is_finished(team: Team) -> None:
    """`create` cut off between the card and the definition is done by repeating it."""
    create(team)
    Path(team.hub / "talk" / "room.json").unlink()
    assert team.run("room", "show", "talk").code == 3
    create(team)
    assert team.ok("room", "show", "talk").startswith("talk open")


def test_help_names_every_command(team: Team) -> None:
    """`xw room --help` lists what rooms can do; `xw help --all` has them too."""
    listed = team.ok("room", "--help")
    assert all(word in listed for word in ("create", "run", "join", "leave", "list", "show", "say", "pause"))
    assert "  room create " in team.ok("help", "--all")


def test_two_who_make_a_room_at_once(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """If two create a room at once, it is as one of them made it, and the other gets an error."""
    create(team)
    monkeypatch.setattr(DirectoryRooms, "exists", lambda rooms, name: False)
    second = team.run("room", "create", "talk", "--members", "alice", by="bob")
    monkeypatch.undo()
    assert (second.code, second.out, "already" in second.err) == (6, "", True)
    assert team.json("room", "show", "talk")["owner"] == "alice"
