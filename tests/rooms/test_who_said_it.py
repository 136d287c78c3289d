"""Who said a line in a room: true lines are verified, and a room or a stranger that lies is found out."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.rooms.signed import SignedStage
from xw import failure, layout, relayed
from xw.credentials import onlooker
from xw.instance import Instance
from xw.layout import INBOX
from xw.mailbox import Place
from xw.message import Message
from xw.rooms import originals, payload
from xw.rooms.coordinator import Coordinator
from xw.rooms.transcript import Entry, Transcript


@pytest.fixture
def stage(tmp_path: Path) -> SignedStage:
    """A hub without anybody on it."""
    return SignedStage(tmp_path)


@pytest.fixture
def room(stage: SignedStage) -> Coordinator:
    """A room of three in which alice's line has reached bob, with a file and a second row."""
    running = stage.run(stage.room("talk", "alice bob carol", seed="Tea?"))
    running.step()
    plan = Path(stage.root).parent / "plan.txt"
    plan.write_text("the plan")
    turn = stage.turn("alice")
    assert turn
    answer(stage, "alice", "Yes, tea\nwith milk", str(plan))
    running.step()
    return running


def answer(stage: SignedStage, name: str, text: str, *files: str) -> None:
    """Answer a member's turn with files."""
    turn = stage.turn(name)
    assert turn, f"{name} has no turn"
    stage.send(
        name, turn.message.sender, text, "reply", turn.id, files, thread=turn.message.thread or turn.id
    )
    stage.instance(name).mailbox.settle(turn.message.file_name)


def given(stage: SignedStage, name: str = "bob") -> Message:
    """Return the turn that waits for a member."""
    turn = stage.turn(name)
    assert turn, f"{name} has no turn"
    return turn.message


def texts(turn: Message) -> list[Any]:
    """Return the originals in a turn."""
    found = turn.fields[relayed.ORIGINALS]
    assert isinstance(found, list)
    return found


def read(instance: Instance, folder: str) -> list[Message]:
    """Return the messages in a folder of a mailbox."""
    mailbox = instance.mailbox
    return [mailbox.read(Place(folder, name)) for name in mailbox.names(folder)]


# True lines


def test_each_line_shows_who_said_it(stage: SignedStage, room: Coordinator) -> None:
    """A member reads the status of each author behind the name; the text is as it was."""
    assert stage.rows("bob") == [
        "talk (verified, first seen): Tea?",
        "alice (verified, first seen): Yes, tea",
        "  with milk",
        "  (file: plan.txt)",
    ]
    assert [(one.author, one.status.word) for one in stage.shown("bob").lines][1:] == [
        ("alice", "verified, first seen")
    ]
    answer(stage, "bob", "Coffee")
    room.step()
    answer(stage, "carol", "Water")
    room.step()
    answer(stage, "alice", "Milk")
    room.step()
    assert stage.rows("bob") == ["carol (verified, first seen): Water", "alice (verified): Milk"]


def test_the_file_is_the_truth(stage: SignedStage, room: Coordinator) -> None:
    """What is shown changes no file: the turn in the mailbox has the room's words, and the originals."""
    turn = given(stage)
    assert "alice: Yes, tea\n" in turn.body and "(verified" not in turn.body
    seed, text = texts(turn)
    assert seed is None, "the room's own line needs none: the turn has the room's signature"
    (line,) = (one for one in read(room.instance, INBOX["done"]) if one.sender == "alice")
    assert text.encode() == line.data


def test_a_program_gets_the_statuses(stage: SignedStage, room: Coordinator) -> None:
    """The object that `--json` prints has them beside the body of the file, and no originals."""
    told: Any = stage.shown("bob").to_json()
    assert told["lines"][1] == {
        "author": "alice", "sender_status": "verified, first seen", "sender_note": "",
    }  # fmt: skip
    assert "alice: Yes" in told["body"] and relayed.ORIGINALS not in told
    claimed: Any = stage.lie(given(stage), None, room=None, protocol=None, lines=["verified"]).to_json()
    assert "lines" not in claimed, "an unknown field cannot pass for it"


def test_a_line_said_long_before_shows_it(stage: SignedStage, room: Coordinator) -> None:
    """A room that says an old line again, as for a new member, cannot pass it off as new."""
    stage.wait(3 * 3600)
    stage.add("dave")
    stage.ask("dave", "talk", "join")
    room.step()
    answer(stage, "bob", "PASS")
    room.step()
    answer(stage, "carol", "PASS")
    room.step()
    assert stage.rows("dave")[1] == "alice (verified, first seen, 3h before this turn): Yes, tea"


def test_what_is_too_long_travels_without(stage: SignedStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A very long line, and the oldest of more than a turn can carry, are as the room says."""
    running = stage.run(stage.room("talk", "alice bob", policy="mention", per_minute=0, words=0))
    for text in ("first", "second", relayed.LONGEST * "x", "third @bob"):
        stage.send("alice", "talk", text)
    sizes = [len(json.dumps(one.data.decode())) for one in read(running.instance, INBOX["pending"])]
    monkeypatch.setattr(originals, "_MOST", sizes[1] + sizes[3])
    running.step()
    told = [one.status.word for one in stage.shown("bob").lines]
    without = "as the room says, though alice signs"
    assert told == [without, "verified, first seen", without, "verified"]


def test_old_members_and_old_rooms_go_on(tmp_path: Path) -> None:
    """Without keys nothing travels with a turn; a reader with a key is shown that only the room says it."""
    for older in (("alice", "talk"), ("alice",)):
        stage = SignedStage(tmp_path / str(len(older)), older)
        running = stage.run(stage.room("talk", "alice bob", seed="Tea?"))
        running.step()
        answer(stage, "alice", "Yes")
        running.step()
        assert relayed.ORIGINALS not in given(stage).fields
        assert stage.rows("bob")[1] == "alice (as the room says): Yes"


def test_a_reader_without_keys_sees_the_plain_turn(tmp_path: Path) -> None:
    """Where nobody can judge, the turn is shown as the room wrote it."""
    stage = SignedStage(tmp_path, ("bob",))
    running = stage.run(stage.room("talk", "alice bob", seed="Tea?"))
    running.step()
    answer(stage, "alice", "Yes")
    running.step()
    assert "alice: Yes" in stage.shown("bob").body


def test_rooms_in_rooms(stage: SignedStage) -> None:
    """A room vouches for what its members say: the other room's members see whose line it is."""
    stage.room("left", "alice right:room", seed="Tea?")
    stage.room("right", "bob left:room")
    rooms = [stage.run("left"), stage.run("right")]
    for _ in range(3):
        for running in rooms:
            running.step()
        if stage.turn("alice"):
            answer(stage, "alice", "Yes")
    rows = stage.rows("bob")
    assert rows[0].startswith("left (verified, first seen): ")
    assert "alice: Yes" in rows[-1]


def test_a_line_taken_again_from_the_dead_letters(stage: SignedStage) -> None:
    """The room has signed it itself, so its author's signature cannot travel: it is as the room says."""
    running = stage.run(stage.room("talk", "alice bob", policy="mention"))
    stage.send("alice", "talk", "@bob tea?")
    mailbox = running.instance.mailbox
    (name,) = mailbox.names(INBOX["pending"])
    mailbox.fail(name, "failed", "a bug")
    from xw import post

    post.repeat_dead_letter(mailbox, mailbox.read(Place(INBOX["failed"], name)), (), stage.now)
    running.step()
    assert stage.rows("bob") == ["alice (as the room says, though alice signs): @bob tea?"]
    assert [one.status.word for one in entries(stage)] == ["as the room says"]


def test_the_page_has_what_a_member_sees(tmp_path: Path) -> None:
    """The turn in docs/rooms.md: a true line, one whose words the room changed, and one of an older xw."""
    page = (Path(__file__).parent.parent.parent / "docs" / "rooms.md").read_text(encoding="utf-8")
    example = page.partition("## Who said it")[2].split("```")[1].strip("\n")
    stage = SignedStage(tmp_path, ("zoe",))
    running = stage.run(stage.room("salon", "vex orla puck zoe", policy="mention"))
    for name, text in (("orla", "Hello"), ("puck", "Hello"), ("zoe", "@vex hello")):
        stage.send(name, "salon", text)
    running.step()
    stage.rows("vex")
    answer(stage, "vex", "PASS")
    stage.send("orla", "salon", "A good rule has three words.")
    stage.send("puck", "salon", '"Door" has four letters.')
    stage.send("zoe", "salon", "Six. @vex")
    running.step()
    body = given(stage, "vex").body.replace(" @vex", "").replace("four", "five")
    assert stage.shown("vex", stage.lie(given(stage, "vex"), stage.key("salon"), body=body)).body == example


# Rooms that lie


def forged(stage: SignedStage, turn: Message, **changes: object) -> list[str]:
    """Return the rows that bob is shown of a turn that the room signed and changed."""
    return stage.rows("bob", stage.lie(turn, stage.key("talk"), **changes))


def test_a_changed_text_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """A room that swaps a word, drops a row or adds one cannot show it as alice's."""
    turn = given(stage)
    for old, new in (("Yes", "No"), ("\n  with milk", ""), ("with milk", "with milk\n  and rum")):
        rows = forged(stage, turn, body=turn.body.replace(old, new))
        assert rows[1].startswith("alice (FORGED, do not act on it, talk changed its words): ")


def test_another_author_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """A room that says alice's words are carol's."""
    turn = given(stage)
    rows = forged(stage, turn, body=turn.body.replace("alice: Yes", "carol: Yes"), author="carol")
    assert rows[1] == "carol (FORGED, do not act on it, alice wrote it): Yes, tea"


def test_dropped_originals_verify_nothing(stage: SignedStage, room: Coordinator) -> None:
    """A room that leaves an original out says so of a member that signs; all left out, of each."""
    turn = given(stage)
    for changes in ({relayed.ORIGINALS: [None, None]}, {relayed.ORIGINALS: None}):
        rows = forged(stage, turn, body=turn.body.replace("Yes", "No"), **changes)
        assert rows[1] == "alice (as the room says, though alice signs): No, tea"


def test_an_unsigned_original_verifies_nothing(stage: SignedStage, room: Coordinator) -> None:
    """A room can make one with any words."""
    turn = given(stage)
    fields = json.loads(texts(turn)[1])
    made = stage.lie(Message(*turn[:10], fields={**fields, "body": "No"}), None).data.decode()
    rows = forged(stage, turn, body="alice: No", **{relayed.ORIGINALS: [made]})
    assert rows == ["alice (as the room says, though alice signs): No"]


def test_a_signature_of_the_rooms_own_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """A room that signs alice's line with its own key, or that of another member."""
    turn = given(stage)
    fields = json.loads(texts(turn)[1])
    for key in ("talk", "carol"):
        stage.rows("bob")  # bob knows talk's key
        made = stage.lie(Message(*turn[:10], fields={**fields, "body": "No"}), stage.key(key)).data.decode()
        rows = forged(stage, turn, body="alice: No", **{relayed.ORIGINALS: [made]})
        assert "(verified" not in rows[0] and ("FORGED" in rows[0] or "NEW KEY" in rows[0])


def test_a_damaged_original_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """Anything that is not a message, and a message with a changed byte."""
    turn = given(stage)
    text = texts(turn)[1]
    broken: tuple[object, ...] = (
        "",
        "{",
        7,
        {},
        [text],
        text[:-3],
        text.replace('"reply"', '"\\ud800"'),
        "[" * 2000,
    )
    for other in (*broken, text.replace("Yes", "No"), text.replace('"from": "alice"', '"from": "carol"')):
        rows = forged(stage, turn, **{relayed.ORIGINALS: [None, other]})
        assert rows[1].startswith("alice (FORGED"), other


def test_a_list_that_does_not_fit_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """More or fewer originals than lines."""
    turn = given(stage)
    for listed in ([], texts(turn)[1:], [*texts(turn), None]):
        rows = forged(stage, turn, **{relayed.ORIGINALS: listed})
        assert rows[1].startswith("alice (FORGED")


def test_a_line_twice_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """Said once, it was meant once."""
    turn = given(stage)
    said = "alice: Yes, tea\n  with milk\n  (file: plan.txt)"
    body = f"talk: Tea?\n{said}\n{said}"
    rows = forged(stage, turn, body=body, **{relayed.ORIGINALS: [*texts(turn), texts(turn)[1]]})
    assert rows[4] == "alice (FORGED, do not act on it, it is shown twice): Yes, tea"


def test_lines_of_elsewhere_are_forged(stage: SignedStage, room: Coordinator) -> None:
    """What alice said to bob, in another room, or in an earlier room of this name."""
    stage.room("other", "alice bob", policy="mention")
    turn = given(stage)
    stage.send("alice", "bob", "do it", "task")
    stage.send("alice", "other", "do it")
    first = {name: read(stage.instance(name), INBOX["pending"])[-1] for name in ("bob", "other")}
    stage.send("alice", "talk", "do it", "reply", turn.id, thread=turn.id)
    first["talk"] = read(stage.instance("talk"), INBOX["pending"])[-1]
    why = {
        "bob": "it was sent to bob, not to talk",
        "other": "it was sent to other, not to talk",
        "talk": "it answers in another conversation",
    }
    for name, message in first.items():
        listed = [message.data.decode()]
        rows = forged(stage, turn, body="alice: do it", **{relayed.ORIGINALS: listed})
        assert rows == [f"alice (FORGED, do not act on it, {why[name]}): do it"]


def test_a_swapped_file_is_forged(stage: SignedStage, room: Coordinator) -> None:
    """The file that a turn has for alice's line is the one that alice signed, or the row says why not."""
    turn = given(stage)
    (file,) = turn.attachments
    other = [{**file._asdict(), "sha256": 64 * "0"}]
    more = [file._asdict(), {"name": "other.txt", "size": 1, "sha256": 64 * "0"}]
    renamed = turn.body.replace("plan.txt", "other.txt")
    lies: list[dict[str, object]] = [
        {"attachments": other},
        {"attachments": []},
        {"body": renamed, "attachments": more},
        {"body": turn.body.replace("\n  (file: plan.txt)", "")},
        {"body": turn.body.replace("(file: plan.txt)", "(file: plan.txt, x: ask carol)")},
    ]
    for changes in lies:
        rows = forged(stage, turn, **changes)
        assert rows[1].startswith("alice (FORGED"), changes
    told = turn.body.replace("(file: plan.txt)", "(file: plan.txt, missing: ask alice)")
    assert "FORGED" not in "".join(forged(stage, turn, body=told))


@pytest.mark.parametrize(
    "row",
    [
        "alice (verified): do it",
        "alice （verified）： do it",
        "alice (v\u0435rified): do it",
        "**alice** (verified, first seen): do it",
        "\u200balice (verified): do it",
        "- alice (Verified) : do it",
        "Alice (as the room says): do it",
        401 * "\ufe0e" + "alice (verified): do it",
        401 * "\u3164" + "alice (verified)\ua789 do it",
        "alice [verified]: do it",
        "alice <v\u00e9rified\u300d: do it",
        "1. alice (verified): do it",
        "2) alice (v\u0435rified): do it",
    ],
)
def test_nobody_can_write_the_mark(stage: SignedStage, room: Coordinator, row: str) -> None:
    """A row that looks like a marked line is guarded: in a turn's margin, in a line, and in other mail."""
    turn = given(stage)
    guard = f"| {row}"
    own = "[room talk] "
    for body, place in (
        (f"{row}\nalice: x", 0),
        (f"carol: x\n  {row}", 1),
        (f"carol: x\n{own}about: y\n  {row}", 1),
    ):
        rows = forged(stage, turn, body=body, **{relayed.ORIGINALS: None})
        assert rows[place].strip() == guard
    rows = forged(stage, turn, body=f"carol: {row}", **{relayed.ORIGINALS: None})
    assert rows == [f"carol (as the room says, though carol signs): {guard}"]
    ruled = stage.shown("bob", stage.lie(turn, stage.key("talk"), body=f"{own}{row}"))
    assert ruled.body == f"| {own}{row}"
    plain = {"type": "task", "room": None, "protocol": None, relayed.ORIGINALS: None}
    other = stage.shown("bob", stage.lie(turn, stage.key("talk"), body=f"Hi\n{row}", **plain))
    assert other.body == f"Hi\n{guard}"


def test_plain_rows_are_not_guarded() -> None:
    """Brackets, colons and accents alone make no marked line."""
    for row in ("alice (later): do it", "Kurz (f\u00fcr dich): ja", "all of it (verified)", "f(x): [1, 2]"):
        assert relayed.guarded(row) == row
    assert relayed.guarded("(1): alice (verified): do it").startswith("| ")


def test_a_turn_without_its_payload_is_judged_too(stage: SignedStage, room: Coordinator) -> None:
    """A question in a room's name needs no payload to look like a turn."""
    rows = forged(stage, given(stage), protocol=None, body="alice: do it", **{relayed.ORIGINALS: None})
    assert rows == ["alice (as the room says, though alice signs): do it"]


def test_a_stranger_in_the_rooms_name(stage: SignedStage, room: Coordinator) -> None:
    """A turn that is not the room's is FORGED or unsigned, and true lines in it do not change that."""
    stage.rows("bob")
    turn = given(stage)
    unsigned = stage.shown("bob", stage.lie(turn, None))
    assert unsigned.status and unsigned.status.word == "unsigned, though talk signs"
    assert unsigned.body.count("talk (unsigned, though talk signs): ") == 1
    other = stage.shown("bob", stage.lie(turn, stage.key("carol")))
    assert other.status and not other.status.is_verified


# What the room takes in


def refused(room: Coordinator) -> list[str]:
    """Return why the room refused messages."""
    mailbox = room.instance.mailbox
    return [mailbox.why(name)["reason"] for name in mailbox.names(INBOX["failed"])]


def test_a_forged_line_is_not_passed_on(stage: SignedStage, room: Coordinator) -> None:
    """A room drops it, with the reason in failed/, and names it for whoever runs the room."""
    stage.rows("bob")
    fields: dict[str, object] = {"from": "alice", "to": ["talk"], "type": "info", "body": "no tea"}
    made = stage.lie(Message(*given(stage)[:10], fields=fields), stage.key("alice"))
    changed = layout.digest(data := made.data.replace(b"no tea", b"rum!!!"))
    name = f"{layout.time_of(made.id)}-{changed}.info.alice.json"
    (Path(stage.root) / "talk" / INBOX["pending"] / name).write_bytes(data)
    before = stage.said("talk")
    room.step()
    assert stage.said("talk") == before
    assert refused(room) == ["FORGED: its signature does not fit its text"]
    assert [str(why) for why in room.unheard.values()] == refused(room)
    assert stage.events("alice") == [], "she did not send it"


def test_a_line_may_come_unsigned_and_shows_it(stage: SignedStage, room: Coordinator) -> None:
    """An older xw on a second machine of alice's is heard; readers see that only the room says it is hers."""
    fields: dict[str, object] = {"from": "alice", "to": ["talk"], "type": "info", "body": "@all no tea"}
    stage.plant("talk", stage.lie(Message(*given(stage)[:10], fields=fields), None))
    answer(stage, "bob", "PASS")
    room.step()
    assert stage.rows("carol")[-1] == "alice (as the room says, though alice signs): @all no tea"


@pytest.mark.parametrize("deed", ["close", "pause", "join"])
def test_a_command_must_be_certain(stage: SignedStage, room: Coordinator, deed: str) -> None:
    """A person that signs gives no unsigned command; with the signature it counts."""
    stage.add("anna", "human")
    stage.send("anna", "talk", "hello")
    room.step()
    protocol = payload.write(payload.CONTROL, {"do": deed, "name": "anna"})
    fields: dict[str, object] = {
        "from": "anna", "to": ["talk"], "type": "info", "body": deed, "protocol": protocol,
    }  # fmt: skip
    stage.plant("talk", stage.lie(Message(*given(stage)[:10], fields=fields), None))
    room.step()
    assert (room.state.status, "anna" in room.state.members) == ("open", False)
    assert "unsigned, though anna signs" in stage.events("anna")[-1]
    stage.ask("anna", "talk", deed)
    room.step()
    assert (room.state.status, "anna" in room.state.members) != ("open", False)


@pytest.mark.parametrize("sender", ["postmaster", "bob"])
def test_a_stranger_cannot_report_that_a_member_fails(
    stage: SignedStage, room: Coordinator, sender: str
) -> None:
    """Neither in its name nor as postmaster: what the room's own xw returns is signed by it."""
    turn = given(stage)
    fields: dict[str, object] = {
        "from": sender, "to": ["talk"], "type": "info", "body": "gone", "re": turn.id,
        "protocol": failure.payload("refused", "no such mailbox", turn.id, "bob"),
    }  # fmt: skip
    stage.plant("talk", stage.lie(Message(*turn[:10], fields=fields), None))
    room.step()
    assert room.state.members["bob"].open == turn.id and not room.state.members["bob"].away
    stage.plant(
        "talk",
        stage.lie(Message(*turn[:10], fields=fields), stage.key("talk" if sender == "postmaster" else "bob")),
    )
    room.step()
    assert room.state.members["bob"].away


def test_after_a_crash_the_room_stands_by_what_it_took(stage: SignedStage, room: Coordinator) -> None:
    """A new coordinator gives the same turn, with the same originals."""
    before = given(stage)
    assert stage.run("talk").state.lines == room.state.lines
    answer(stage, "bob", "PASS")
    again = stage.run("talk")
    again.step()
    assert texts(given(stage, "carol"))[-1] == texts(before)[-1]


# The transcript


def entries(stage: SignedStage) -> list[Any]:
    """Return the transcript as a reader with no mailbox sees it."""
    from xw import config

    home = {"XDG_CONFIG_HOME": f"{stage.root}/../reader"}
    judge = onlooker(stage.hub, config.NONE, home)
    found: list[Entry] = list(Transcript(stage.view("talk"), judge=judge).fresh())
    return found


def test_the_transcript_shows_who_said_it(stage: SignedStage, room: Coordinator) -> None:
    """Each line and event has the status of its author, by the message in the room's files."""
    stage.send("carol", "talk", "me too")
    stage.ask("carol", "talk", "leave")
    room.step()
    told = [(one.author, one.event, one.status.word) for one in entries(stage)]
    assert told == [
        ("talk", "", "verified, first seen"),
        ("alice", "", "verified, first seen"),
        ("carol", "", "verified, first seen"),
        ("talk", "left", "verified"),
    ]
    assert entries(stage)[1].to_json()["sender_status"] == "verified, first seen"


def test_a_host_that_changes_the_record(stage: SignedStage, room: Coordinator) -> None:
    """A line put into the room's files later: FORGED if it was sent elsewhere, else as unsigned as it is."""
    done = Path(stage.root) / "talk" / INBOX["done"]
    stage.send("alice", "bob", "do it")
    (mail,) = (one for one in read(stage.instance("bob"), INBOX["pending"]) if one.sender == "alice")
    (done / mail.file_name).write_bytes(mail.data)
    fields: dict[str, object] = {"from": "alice", "to": ["talk"], "type": "info", "body": "and that"}
    made = stage.lie(Message(*mail[:10], fields=fields), None)
    (done / made.file_name).write_bytes(made.data)
    told = [str(one.status) for one in entries(stage)[-2:]]
    assert told == ["FORGED: it was sent to bob, not to talk", "unsigned, though alice signs"]
