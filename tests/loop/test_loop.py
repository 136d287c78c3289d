"""The loop's rules, one message at a time, with a chat that follows a script."""

import json
from pathlib import Path

import pytest

from tests.loop.world import START, World
from xw import clock, layout, post
from xw.bridges.chat import ChatFailed, ChatGone, NoAnswer, NotPresented, Reply, Uncertain
from xw.errors import Refused
from xw.mailbox import Mailbox
from xw.mirror.carrier import Direct
from xw.presence import Doing
from xw.words import Type


def states(world: World, name: str = "bob") -> list[tuple[str, str]]:
    """Return the state and type of each message in an inbox."""
    return [(filed.state, filed.message.type) for filed in world.inbox(name)]


@pytest.mark.parametrize("kind", ["task", "question"])
def test_answered(world: World, kind: Type) -> None:
    """A task or question is shown in its frame, answered to its sender in its thread, and done."""
    name = world.send("what is up?", kind)
    world.run(world.bridge())
    sent_id = name.partition(".")[0]
    short = sent_id.rpartition("-")[2]
    (shown,) = world.program.shown
    assert shown.startswith(f"[mail {short}] {kind} from alice") and "what is up?" in shown
    assert states(world) == [("done", kind)]
    ((state, reply),) = world.inbox("alice")
    assert (state, reply.type, reply.re, reply.thread) == ("pending", "reply", sent_id, sent_id)
    assert (reply.hops, reply.body) == (1, f"an answer to: {shown}")
    assert world.turns() == []


def test_thread_kept(world: World) -> None:
    """An answer within a thread stays in it."""
    first = world.send("one").partition(".")[0]
    world.send("two", thread=first, re=first)
    world.run(world.bridge())
    assert [filed.message.thread for filed in world.inbox("alice")] == [first, first]


def test_in_order_one_at_a_time(world: World) -> None:
    """The oldest message is shown first, and the next only after its answer."""
    for body in ("first", "second", "third"):
        world.send(body)
    world.program.answers = False
    bridge = world.bridge()
    for _ in range(20):
        bridge.step()
    assert len(world.program.shown) == 1 and "first" in world.program.shown[0]
    assert bridge.doing[0] == "busy" and "from alice" in bridge.doing[1]
    world.program.answers = True
    world.run(bridge)
    assert [
        body in text for text, body in zip(world.program.shown, ("first", "second", "third"), strict=True)
    ]
    assert bridge.doing == Doing("idle", delivery="push")


def test_reply_is_shown_and_not_answered(world: World) -> None:
    """A reply is shown and done; what the chat says to it goes to nobody."""
    world.send("my answer", "reply")
    world.run(world.bridge())
    assert len(world.program.shown) == 1 and "no answer needed" in world.program.shown[0]
    assert states(world) == [("done", "reply")] and world.inbox("alice") == []


def test_info_waits_for_the_next_turn(world: World) -> None:
    """An info costs no turn of its own: it waits, and is shown above the next message that does."""
    world.send("for your information", "info")
    bridge = world.bridge()
    world.run(bridge)
    assert world.program.shown == [] and states(world) == [("pending", "info")]
    world.send("and now?")
    world.run(bridge)
    (shown,) = world.program.shown
    assert shown.index("for your information") < shown.index("and now?")
    assert states(world) == [("done", "info"), ("done", "question")]


def test_room_turn_is_answered(world: World) -> None:
    """A room's turn is answered, whatever its type; a reply that only names a room is not."""
    world.send("your turn", "reply", by="carol", room="carol")
    world.send("a member's words", "reply", by="alice", room="carol")
    world.run(world.bridge())
    assert len(world.program.shown) == 2
    ((_, reply),) = world.inbox("carol")
    assert reply.fields["room"] == "carol" and world.inbox("alice") == []


def test_expired_is_not_shown(world: World) -> None:
    """Expired mail is not shown; it fails as expired, and its sender gets a notice."""
    name = world.send("by noon", "task", expires=clock.rfc3339(START + 5 * clock.SECOND))
    world.time += 10 * clock.SECOND
    world.run(world.bridge())
    assert world.program.shown == [] and world.why(name)["kind"] == "expired"
    ((_, told),) = world.inbox("alice")
    assert told.type == "info" and "expired" in told.body and told.re == name.partition(".")[0]


def test_expired_info_is_set_aside(world: World) -> None:
    """An expired info is not shown above any message; no notice is sent."""
    name = world.send("lunch", "info", expires=clock.rfc3339(START + 5 * clock.SECOND))
    world.time += 10 * clock.SECOND
    world.send("hm?")
    world.run(world.bridge())
    assert "lunch" not in world.program.shown[0] and world.why(name)["kind"] == "expired"
    assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]


def test_chat_that_is_not_ready_makes_mail_wait(world: World) -> None:
    """While the chat is busy nothing is claimed, presence says why, and nothing fails."""
    world.send("later")
    world.program.busy = "a dialog is open"
    bridge = world.bridge()
    for _ in range(50):
        assert bridge.step()
    assert states(world) == [("pending", "question")]
    assert bridge.doing == Doing("alive", waits_for="a dialog is open", delivery="push")
    assert world.told.count("mail waits: a dialog is open") == 1
    world.program.busy = None
    world.run(bridge)
    assert states(world) == [("done", "question")]


def test_three_failed_tries(world: World) -> None:
    """A message that a ready chat rejects three times fails with the reason, and its sender gets a notice."""
    world.send("an info", "info")
    name = world.send("take this")
    world.program.raises = [NotPresented("it did not")] * 3
    world.run(world.bridge())
    assert world.why(name)["kind"] == "failed" and "3 tries" in world.why(name)["reason"]
    assert "it did not" in world.inbox("alice")[0].message.body
    assert states(world) == [("pending", "info"), ("failed", "question")], "what was not shown still waits"


def test_tries_count_over_restarts(world: World) -> None:
    """A failed try is remembered by the next bridge."""
    name = world.send("take this")
    world.program.raises = [NotPresented("no")] * 3
    for _ in range(3):
        world.bridge().step()
    world.run(world.bridge())
    assert world.why(name)["kind"] == "failed"


def test_busy_after_all_is_no_failed_try(world: World) -> None:
    """A text that did not go in because somebody was faster may be tried for ever."""
    world.send("take this")
    bridge = world.bridge()
    for _ in range(8):
        world.program.raises, world.program.then_busy = [NotPresented("somebody typed")], "half a line"
        assert bridge.step() and bridge.step()
        world.program.busy = None
    world.run(bridge)
    assert states(world) == [("done", "question")] and len(world.program.shown) == 1


def test_chat_that_is_gone_makes_mail_wait(world: World) -> None:
    """A chat that vanishes between the look and the presentation was shown nothing: mail waits."""
    world.send("anybody?")
    bridge = world.bridge()
    world.program.raises = [ChatGone("no such pane")]
    bridge.step()
    world.run(bridge)
    assert states(world) == [("done", "question")] and len(world.program.shown) == 1


def test_uncertain(world: World) -> None:
    """A text that may or may not have gone in fails as uncertain; its senders get a notice."""
    info = world.send("an info", "info", by="carol")
    name = world.send("perhaps")
    world.program.raises = [Uncertain("the link broke")]
    world.run(world.bridge())
    assert (world.why(name)["kind"], world.why(info)["kind"]) == ("uncertain", "uncertain")
    assert [[f.message.type for f in world.inbox(who)] for who in ("alice", "carol")] == [["info"], ["info"]]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ChatFailed("quota"), "failed"),
        (NoAnswer("half an hour"), "timeout"),
        (ChatGone("ended"), "gone"),
    ],
)
def test_no_answer(world: World, error: Exception, kind: str) -> None:
    """A text that got no answer is not shown again: it fails at once, and the sender gets a notice."""
    name = world.send("think")
    world.program.fails = error
    world.run(world.bridge())
    assert world.why(name)["kind"] == kind and len(world.program.shown) == 1
    assert str(error) in world.inbox("alice")[0].message.body


def test_chat_that_comes_back(world: World) -> None:
    """A chat that cannot be reached for a moment while it answers loses no answer."""
    world.send("think")
    bridge = world.bridge()
    bridge.step()
    world.program.fails = ChatGone("refused")
    for _ in range(5):
        bridge.step()
    world.program.fails = None
    world.run(bridge)
    assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]


def test_hop_limit(world: World) -> None:
    """The eighth automatic answer is the last: what eight led to is not even shown."""
    world.send("seven", hops=7)
    name = world.send("eight", hops=8)
    world.run(world.bridge())
    assert len(world.program.shown) == 1 and world.why(name)["kind"] == "hops"
    answered = [f.message for f in world.inbox("alice") if f.message.type == "reply"]
    assert [message.hops for message in answered] == [8]


def test_longer_than_a_message(world: World) -> None:
    """An answer that no message can hold goes as an attachment, whole."""
    text = 'wide "quotes"\n' * 100_000
    world.program.answer = lambda _: text
    world.send("a long one")
    world.run(world.bridge())
    ((_, reply),) = world.inbox("alice")
    (file,) = reply.attachments
    kept = Path(world.root, "alice/attachments", reply.id, file.name).read_text("utf-8")
    assert kept == text and "answer.txt" in reply.body


def test_a_long_answer_follows_no_link(world: World, tmp_path: Path) -> None:
    """A link in place of the answer's file is replaced, and its target stays unchanged."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (name,) = {path.parent.name for path in Path(world.root).glob("*/inbox")} - {"alice", "carol"}
    folder = Path(world.root, name, "bridge")
    folder.mkdir(exist_ok=True)
    (folder / "answer.txt").symlink_to(secret)
    text = "y" * layout.MESSAGE_LIMIT
    world.program.answer = lambda _: text
    world.send("a long one")
    world.run(world.bridge())
    assert secret.read_text() == "secret"
    assert (folder / "answer.txt").read_text() == text


def test_answer_that_is_no_text(world: World) -> None:
    """A lone surrogate, a NUL and an escape in an answer cost nothing but themselves."""
    world.program.answer = lambda _: "a\ud800b\0c\x1b[2J"
    world.send("hm")
    world.run(world.bridge())
    assert world.inbox("alice")[0].message.body == "a?b\0c\x1b[2J"


def test_truncated_answer_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that could not be captured whole says what is missing."""
    monkeypatch.setattr(
        "tests.loop.world.ScriptedChat.capture",
        lambda *_: Reply("the end", True, "the first screens are lost"),
    )
    world.send("hm")
    world.run(world.bridge())
    assert "the first screens are lost" in world.inbox("alice")[0].message.body


def test_empty_answer(world: World) -> None:
    """An answer without a word is filed as that."""
    world.program.answer = lambda _: " \n"
    world.send("hm")
    world.run(world.bridge())
    assert "empty" in world.inbox("alice")[0].message.body


def test_sender_that_has_gone(world: World) -> None:
    """An answer to a sender that has left is kept, and its path is reported."""
    name = world.send("bye", by="carol")
    Path(world.root, "carol/card.json").unlink()
    world.run(world.bridge())
    why = world.why(name)
    assert why["kind"] == "unanswerable" and any(why["reason"] in line for line in world.told)
    assert Path(why["reason"].rpartition(" ")[2]).read_text().startswith("an answer to")


def test_body_longer_than_the_chat_takes(world: World) -> None:
    """A body that is too long is cut, with a note, and the text names the file that has it whole."""
    world.program.limit = 600
    body = "é" * 5000
    world.send("an info that finds no room " * 20, "info")
    world.send(body)
    world.run(world.bridge())
    (shown,) = world.program.shown
    assert len(shown.encode()) <= 600 and "of 5,000 characters" in shown
    (path,) = [line.partition("] ")[2] for line in shown.splitlines() if line.startswith("[file")]
    assert Path(path).read_text("utf-8") == body
    assert ("pending", "info") in states(world)


def test_chat_too_narrow_for_anything(world: World) -> None:
    """A chat too small even for the frame fails the message, and does not delay the next."""
    name = world.send("hello")
    world.program.limit = 20
    bridge = world.bridge()
    world.run(bridge)
    assert world.why(name)["kind"] == "refused"


def test_text_that_the_chat_refuses(world: World) -> None:
    """A message that a chat refuses permanently fails as refused, with the chat's reason."""
    name = world.send("hello")
    world.program.raises = [Refused("no swearing")]
    world.run(world.bridge())
    assert "no swearing" in world.why(name)["reason"]


def test_attachments_are_named(world: World, tmp_path: Path) -> None:
    """A message's files are shown as paths on this machine; a missing one is marked."""
    for name in ("here.txt", "gone.txt"):
        (tmp_path / name).write_text(name)
    draft = post.Draft("task", ("bob",), "see", attachments=(f"{tmp_path}/here.txt", f"{tmp_path}/gone.txt"))
    sent = post.send(Mailbox(world.files, "alice"), world.hub, draft, lambda: world.time)
    folder = Path(world.root, "bob/attachments", sent.id)
    (folder / "gone.txt").unlink()
    world.run(world.bridge())
    assert f"] {folder}/here.txt\n" in world.program.shown[0]
    assert f"] {folder}/gone.txt (PROBLEM: missing)\n" in world.program.shown[0]


def test_finished_by_its_owner_meanwhile(world: World) -> None:
    """A message that its owner fails while the chat works on it is left alone."""
    name = world.send("I will do it myself")
    world.program.answers = False
    bridge = world.bridge()
    bridge.step()
    bridge.step()
    Mailbox(world.files, "bob").settle(name, "failed")
    world.program.answers = True
    world.run(bridge)
    assert states(world) == [("failed", "question")] and world.inbox("alice") == [] and world.turns() == []


def test_claimed_by_another_worker(world: World) -> None:
    """A claim without a turn is somebody else's, and stays."""
    name = world.send("mine")
    Mailbox(world.files, "bob").start(name)
    world.run(world.bridge())
    assert world.program.shown == [] and states(world) == [("processing", "question")]


def test_claim_lost_to_another_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message claimed by another machine of this name is left to it, though the mirror still shows it."""
    name = world.send("whose?")
    world.send("mine")
    real = Direct.claim
    monkeypatch.setattr(Direct, "claim", lambda carrier, one: one != name and real(carrier, one))
    world.run(world.bridge())
    assert len(world.program.shown) == 1 and "mine" in world.program.shown[0]
    assert states(world) == [("pending", "question"), ("done", "question")] and world.turns() == []


def test_damaged_mail_is_set_aside(world: World) -> None:
    """A damaged file neither stops the bridge nor is shown."""
    name = world.send("spoilt")
    Path(world.root, "bob/inbox/pending", name).write_text("{}")
    world.send("sound")
    world.run(world.bridge())
    assert len(world.program.shown) == 1 and "sound" in world.program.shown[0]
    assert world.why(name)["kind"] == "damaged"


def test_protocol_in_an_answer(world: World) -> None:
    """A protocol message in an answer goes with the reply as its payload, and a status into the presence."""
    status = (
        "[PROTOCOL:STATUS_UPDATE] from bob at 2026-11-21T05:30:12.123Z\nStatus: working\nTask: the parser"
    )
    world.program.answer = lambda _: f"Sure.\n{status}\n\nMore."
    world.send("how far?")
    world.run(world.bridge())
    ((_, reply),) = world.inbox("alice")
    assert reply.fields["protocol"] == {
        "kind": "STATUS_UPDATE",
        "status": "working",
        "task": "the parser",
        "progress": "",
    }
    said = json.loads(Path(world.root, "bob/presence.json").read_text())
    assert (said["status"], said["task"]) == ("busy", "the parser")


def test_malformed_protocol_is_told(world: World) -> None:
    """A malformed protocol message in an answer is reported, and the answer filed all the same."""
    world.program.answer = lambda _: "[PROTOCOL:STATUS_UPDATE] from bob at noon"
    world.send("how far?")
    world.run(world.bridge())
    assert any("malformed" in text for text in world.told) and len(world.inbox("alice")) == 1
