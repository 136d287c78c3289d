"""What a bridge shows by itself, and when: the four values of `delivery`, a hold, and an edit of xw.json."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.helpers import Agent, until
from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team
from tests.loop.processes import bridge
from tests.loop.world import ScriptedChat, World
from xw import clock, config, delivery
from xw.bridges.announce import Announcer
from xw.bridges.chat import Chat, ChatGone, NotPresented, Overheard
from xw.bridges.door import LOOK_S
from xw.bridges.loop import Bridge
from xw.bridges.socket import SocketChat
from xw.instance import Instance
from xw.mailbox import Mailbox

SHOWN = {
    "asked": [],
    "start": ["early"],
    "turn": ["early", "late"],
    "push": ["early", "late", "later"],
}


def bob(world: World, value: str) -> Instance:
    """Return bob, whose owner chose this value."""
    chosen = config.NONE._replace(instances={"bob": {"delivery": value}})
    return world.instance("bob")._replace(config=chosen)


def bridged(world: World, value: str, chat: Chat | None = None) -> Bridge:
    """Return a bridge for bob at a chat, by default the scripted one."""
    return Bridge(bob(world, value), chat or ScriptedChat(world.program), world.told.append)


def rest(worker: Bridge | Announcer) -> None:
    """Step until the worker waits for mail, or for its moment, or for the program."""
    for _ in range(200):
        pause = worker.step()
        if pause is None or pause >= LOOK_S or worker.doing.waits_for == "busy":
            return
    raise AssertionError(worker.doing)


def bodies(world: World) -> list[str]:
    """Return the words of the mail that the program was shown, in order."""
    words = ("early", "later", "late", "urgent", "note")
    return [next(word for word in words if word in text) for text in world.program.shown]


@pytest.mark.parametrize("value", SHOWN)
@pytest.mark.parametrize("notify", [False, True], ids=["answers", "announces"])
def test_each_value_shows_mail_at_its_moments(world: World, value: str, notify: bool) -> None:
    """Mail from before the bridge, mail that comes before somebody's turn ends, and mail after that."""
    world.send("early", "task")
    worker = Announcer(bob(world, value), ScriptedChat(world.program)) if notify else bridged(world, value)
    rest(worker)
    late = world.send("late", "task")
    rest(worker)
    world.program.busy = "busy"
    rest(worker)
    world.program.busy = None
    rest(worker)
    world.send("later", "task")
    rest(worker)
    if not notify:
        assert bodies(world) == SHOWN[value]
    assert len(world.program.shown) == len(SHOWN[value])
    why = worker.doing.waits_for
    assert (f"delivery is {value} (set in xw.json)" in why) == (value != "push"), why
    assert worker.doing.delivery == value
    assert (Mailbox(world.files, "bob").state_of(late) == "pending") == (
        notify or value in ("asked", "start")
    )


def test_what_comes_later_is_not_shown_along(world: World) -> None:
    """Neither an urgent message, nor an info or a reply goes with older mail that may be shown."""
    world.send("early", "task")
    worker = bridged(world, "start")
    worker._door.admitted()
    world.send("urgent", "task", urgent=True)
    world.time -= 60 * clock.SECOND
    world.send("note", "info", by="carol")  # older, and late, as mail that a sync brings
    rest(worker)
    assert bodies(world) == ["early"]
    states = {filed.message.body: filed.state for filed in world.inbox("bob")}
    assert states == {"early": "done", "urgent": "pending", "note": "pending"}


def test_a_turn_that_ended_before_the_mail_came_is_not_its_moment(world: World) -> None:
    """The bridge forgets that the program was busy once no mail waits, and after a turn of its own."""
    worker = bridged(world, "turn")
    rest(worker)
    name = world.send("late", "task")
    world.program.busy = "busy"
    rest(worker)
    Mailbox(world.files, "bob").settle(name)
    rest(worker)
    world.program.busy = None
    world.send("later", "task")
    rest(worker)
    assert world.program.shown == []


def test_a_hold_stops_also_what_is_claimed(world: World) -> None:
    """On hold a bridge shows nothing, not even a message that it has claimed; then it continues."""
    mailbox = Mailbox(world.files, "bob")
    world.program.raises = [NotPresented("it is not there")]
    world.send("early", "task")
    worker = world.bridge()
    worker.step()
    assert world.inbox("bob")[0].state == "processing"
    delivery.hold(mailbox, 0)
    rest(worker)
    assert world.program.shown == []
    assert worker.doing.waits_for == "bob is on hold: `xw resume bob` lets mail be shown again"
    rest(world.bridge())  # also after a restart
    assert world.program.shown == []
    delivery.resume(mailbox)
    worker = world.bridge()
    rest(worker)
    assert bodies(world) == ["early"]


@pytest.fixture
def window(tmp_path: Path) -> Iterator[WibWob]:
    """The window of bob's program."""
    server = WibWob(tmp_path / "wibwob_1.sock")
    yield server
    server.stop()


def test_the_end_of_an_exchange_is_heard(world: World, window: WibWob) -> None:
    """A chat that hears what people type: mail waits until such an exchange has ended."""
    worker = bridged(world, "turn", SocketChat(str(window.path), settle_s=0.0))
    rest(worker)
    world.send("late", "task")
    for _ in range(3):
        rest(worker)
    assert window.messages == []
    window.auto = False
    window.input("a person's question")
    rest(worker)
    assert len(window.messages) == 1
    window.say("its answer")
    window.finish()
    window.auto = True
    until(lambda: worker.step() is None)
    assert "late" in window.messages[2]["content"]


class CountingChat(ScriptedChat):
    """A chat that knows its program's turns, and hears nothing at the moment, as `best` may."""

    turn: str | Exception = "1"
    hears = True

    def last_turn(self) -> str:
        if isinstance(self.turn, Exception):
            raise self.turn
        return self.turn

    def here(self) -> str:
        raise ChatGone("nothing can be heard")

    def overhear(self, place: str) -> Overheard | None:
        raise ChatGone("nothing can be heard")


def test_a_turn_between_two_looks(world: World) -> None:
    """A chat that knows its program's turns tells of one however short; one that is away tells nothing."""
    chat = CountingChat(world.program)
    worker = bridged(world, "turn", chat)
    rest(worker)
    chat.turn = "2"  # before there was mail
    world.send("late", "task")
    for turn in ("2", ChatGone("away"), "2"):
        chat.turn = turn
        rest(worker)
        assert bodies(world) == []
    chat.turn, world.program.busy = "4", "busy"
    rest(worker)
    assert bodies(world) == []
    world.program.busy = None
    rest(worker)
    assert bodies(world) == ["late"]
    world.send("later", "task")
    rest(worker)
    assert bodies(world) == ["late"]
    chat.turn = "5"
    rest(worker)
    assert bodies(world) == ["late", "later"]


def test_in_a_terminal(world: World, agent: Callable[..., Agent], tmp_path: Path) -> None:
    """A pane that was busy with a person's turn and is ready again takes the mail; an idle one does not."""
    program = agent()
    worker = bridged(world, "turn", program.chat())
    rest(worker)
    world.send("late", "task")
    for _ in range(3):
        rest(worker)
    assert program.records("submitted") == []
    gate = tmp_path / "gate"
    program.tmux.run("send-keys", "-t", program.pane, "-l", f"until:{gate}")
    program.tmux.run("send-keys", "-t", program.pane, "Enter")
    until(lambda: program.records("submitted"))
    until(lambda: worker.step() is not None and worker._door._busy)
    gate.touch()
    until(lambda: worker.step() is None)
    assert ["late" in text for text in program.records("submitted")] == [False, True]


def choose(team: Team, value: str) -> None:
    """Set bob's `delivery` in xw.json, as an editor does."""
    path = team.folder / "xw.json"
    data = json.loads(path.read_text())
    data["instances"]["bob"]["delivery"] = value
    path.write_text(json.dumps(data))


@pytest.mark.long
def test_a_real_bridge_follows_xw_json_and_a_hold(team: Team) -> None:
    """`xw bridge` shows each message once its owner's choice allows it; peers see what it waits for."""

    def seen() -> dict[str, str]:
        peer: dict[str, str] = team.json("peers", "bob")["peers"][0]
        return peer

    def answered(token: str) -> bool:
        return ", done, " in team.ok("trace", token)

    choose(team, "asked")
    early = team.send("early", kind="task")
    running = bridge(team, "bob", "command", "--", "cat")
    until(lambda: "delivery is asked (set in xw.json)" in seen()["waits_for"])
    choose(team, "start")
    until(lambda: answered(early))
    late = team.send("late", kind="task")
    until(lambda: "delivery is start" in seen()["waits_for"] and seen()["delivery"] == "start")
    choose(team, "push")
    until(lambda: answered(late))
    team.ok("hold", "bob")
    held = team.send("held", kind="task")
    until(lambda: "bob is on hold" in seen()["waits_for"])
    running.kill()
    bridge(team, "bob", "command", "--", "cat")
    until(lambda: "bob is on hold" in seen()["waits_for"])
    assert not answered(held)
    team.ok("resume", "bob")
    until(lambda: answered(held))
    assert (seen()["delivery"], seen()["delivery_why"]) == ("push", "set in xw.json")
