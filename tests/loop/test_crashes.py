"""The bridge dies at every single step, and another continues: nothing twice, nothing lost."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.loop.world import Crash, ScriptedChat, World
from xw.bridges.chat import ChatFailed, Reply
from xw.bridges.loop import Bridge
from xw.mailbox import Mailbox


def _die_and_go_on(world: World, fatal: tuple[int, str]) -> bool:
    """Run a bridge until the fatal step, then a new one to the end; whether the step was reached."""
    world.files.steps, world.files.fatal = 0, fatal
    died = False
    try:
        world.run(world.bridge())
    except Crash:
        died = True
    world.files.fatal = (0, "")
    world.run(world.bridge())
    return died


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("fails", [False, True])
def test_every_step(world: World, when: str, fails: bool) -> None:
    """Killed at any change to a file: each text is shown once, its sender gets one word, no turn is left."""
    step = 1
    while True:
        shown, told = len(world.program.shown), len(world.inbox("alice"))
        world.send("by the way", "info")
        world.send("what is up?")
        world.program.fails = ChatFailed("no") if fails else None
        reached = _die_and_go_on(world, (step, when))
        assert len(world.program.shown) == shown + 1, f"step {step}"
        new = world.inbox("alice")[told:]
        assert [filed.message.type for filed in new] == ["info" if fails else "reply"], f"step {step}"
        assert world.turns() == [] and "by the way" in world.program.shown[-1]
        if not reached and step > 12:  # more changes than a turn has
            break
        step += 1
    ended = {filed.state for filed in world.inbox("bob")}
    assert ended == ({"done", "failed"} if fails else {"done"})


@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("place", ["framed", "unfit"])
def test_a_fault_is_reported(world: World, monkeypatch: pytest.MonkeyPatch, when: str, place: str) -> None:
    """Killed at any change to a file while a fault in xw fails a message: its sender gets one notice."""

    def fault(*arguments: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(f"xw.bridges.present.{place}", fault)
    step = 1
    while True:
        told = len(world.inbox("alice"))
        name = world.send("what is up?")
        reached = _die_and_go_on(world, (step, when))
        new = world.inbox("alice")[told:]
        assert [filed.message.type for filed in new] == ["info"], f"step {step}"
        assert "a bug of ours" in world.why(name)["reason"], f"step {step}"
        assert world.turns() == []
        if not reached and step > 8:  # more changes than it takes
            break
        step += 1


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_while_presenting(world: World, dies: str) -> None:
    """A chat that can tell is believed: shown if it was not, captured if it was."""
    world.send("what is up?")
    world.program.dies = dies
    with pytest.raises(Crash):
        world.run(world.bridge())
    world.run(world.bridge())
    assert len(world.program.shown) == 1
    assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]


@pytest.mark.parametrize("dies", ["before", "after"])
def test_killed_while_presenting_to_a_chat_that_cannot_tell(world: World, dies: str) -> None:
    """If the chat cannot tell, the message is uncertain and never shown again; the sender gets one notice."""
    name = world.send("what is up?")
    world.program.dies, world.program.tells = dies, False
    with pytest.raises(Crash):
        world.run(world.bridge())
    shown = len(world.program.shown)
    world.run(world.bridge())
    world.run(world.bridge())
    assert len(world.program.shown) == shown and world.why(name)["kind"] == "uncertain"
    assert [filed.message.type for filed in world.inbox("alice")] == ["info"]


def test_doubt_lasts_while_the_chat_is_busy(world: World) -> None:
    """A chat that is busy after a crash is asked again; what it shows later counts."""
    world.send("what is up?")
    world.program.dies, world.program.tells = "after", False
    with pytest.raises(Crash):
        world.run(world.bridge())
    world.program.busy = "working"
    bridge = world.bridge()
    for _ in range(20):
        assert bridge.step()
    world.program.busy, world.program.tells = None, True
    world.run(bridge)
    assert [filed.message.type for filed in world.inbox("alice")] == ["reply"]


def test_doubt_ends(world: World) -> None:
    """A chat that never comes back cannot hold a message for ever."""
    name = world.send("what is up?")
    world.program.dies, world.program.tells = "after", False
    with pytest.raises(Crash):
        world.run(world.bridge())
    world.program.busy = "gone"
    world.run(world.bridge(), limit=5000)
    assert world.why(name)["kind"] == "uncertain"


def test_full_disk_after_the_text_went_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk cannot record that a text is in, the bridge goes on all the same, and shows it once."""
    world.send("what is up?")
    bridge = world.bridge()
    real = world.files.replace

    def full(data: bytes, scratch: str, path: str) -> None:
        if b'"stage": "presented"' in data:
            raise OSError(28, "No space left on device")
        real(data, scratch, path)

    monkeypatch.setattr(world.files, "replace", full)
    with pytest.raises(OSError, match="No space"):
        world.run(bridge)
    world.run(bridge)
    assert len(world.program.shown) == 1 and len(world.inbox("alice")) == 1


@pytest.mark.parametrize(("dies", "kind"), [("after", "uncertain"), ("", "gone")])
def test_next_bridge_is_to_another_kind_of_chat(world: World, dies: str, kind: str) -> None:
    """A mark means nothing to a chat that did not make it: the message fails, and is not shown there too."""

    class Another(ScriptedChat):
        def seen(self, mark: str, text: str) -> bool | None:
            raise AssertionError("asked about another chat's mark")

        def capture(self, mark: str, text: str) -> Reply | None:
            raise AssertionError("asked about another chat's mark")

    world.send("what is up?")
    world.program.dies, world.program.answers = dies, False
    with suppress(Crash):
        world.bridge().step()
    world.run(Bridge(world.instance("bob"), Another(world.program)))
    assert len(world.program.shown) == 1 and world.turns() == []
    (filed,) = world.inbox("bob")
    assert Mailbox(world.files, "bob").why(filed.message.file_name)["kind"] == kind


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"name": 7}',
        '{"name": "NAME", "infos": [], "ending": null, "stage": "later"}',
        '{"name": "NAME", "infos": [], "ending": null, "tries": "2"}',
        '{"name": "NAME", "infos": [], "ending": null, "mark": {}}',
        '{"name": "NAME", "infos": ["../../card.json"], "ending": null}',
        '{"name": "../../card.json", "infos": [], "ending": {"state": "done"}}',
        '{"name": "NAME", "infos": [], "ending": {"state": "pending"}, "stage": "ended"}',
    ],
)
def test_note_that_cannot_be_understood(world: World, note: str) -> None:
    """After an unreadable note the text is not shown again, its sender gets a notice, and mail goes on."""
    name = world.send("what is up?")
    mailbox = Mailbox(world.files, "bob")
    mailbox.move("pending", "processing", name)
    Path(world.root, f"bob/inbox/processing/{name}.turn.json").write_text(note.replace("NAME", name))
    world.send("and now?")
    world.run(world.bridge())
    assert world.why(name)["kind"] == "uncertain" and world.turns() == []
    assert len(world.program.shown) == 1 and "and now?" in world.program.shown[0]
    assert [filed.message.type for filed in world.inbox("alice")] == ["info", "reply"]
    assert Path(world.root, "bob/card.json").exists()
