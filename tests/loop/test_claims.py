"""A bridge and claims of others in one mailbox: it takes none that is held, and resumes a released one."""

import pytest

from tests.loop.world import World
from xw import clock
from xw.bridges import turn
from xw.errors import Unreachable
from xw.mirror import holding
from xw.mirror.holding import Hold, Process


def _take(world: World, name: str, held: Hold) -> str | None:
    instance = world.instance("bob")
    return holding.take(instance.mailbox, instance.carrier, name, held)


def _states(world: World) -> list[str]:
    return [filed.state for filed in world.inbox("bob")]


def test_a_claimed_message_is_not_shown(world: World) -> None:
    """What `xw claim` or a running watch holds stays theirs; the bridge shows the rest."""
    names = [world.send(body) for body in ("by hand", "by a watch", "free")]
    mailbox = world.instance("bob").mailbox
    assert _take(world, names[0], Hold("claim")) is None
    with Process(mailbox, "watch") as process:
        assert _take(world, names[1], process.note) is None
        world.run(world.bridge())
        assert sorted(_states(world)) == ["done", "processing", "processing"]
        (shown,) = world.program.shown
        assert "free" in shown


def test_a_free_claim_is_resumed(world: World) -> None:
    """A released message, and one whose holder has ended, are shown once and answered, like any other."""
    names = [world.send(body) for body in ("released", "abandoned")]
    mailbox = world.instance("bob").mailbox
    _take(world, names[0], Hold("claim"))
    holding.save(mailbox, names[0], Hold("free"))
    with Process(mailbox, "watch") as process:
        _take(world, names[1], process.note)
    world.run(world.bridge())
    assert [("released" in text, "abandoned" in text) for text in world.program.shown] == [
        (True, False),
        (False, True),
    ]
    assert _states(world) == ["done", "done"]
    assert len(world.inbox("alice")) == 2
    assert world.turns() == [] and holding.free(mailbox) == []


def test_a_free_claim_of_an_info_is_shown(world: World) -> None:
    """An info that its claimer has let go stands above the next message, in order, unless it has expired."""
    late = world.send("too late", "info", expires=clock.rfc3339(world.time + clock.SECOND))
    names = [world.send(body, "info") for body in ("released", "still held", "pending")]
    mailbox = world.instance("bob").mailbox
    for name in (late, *names[:2]):
        _take(world, name, Hold("claim"))
    for name in (late, names[0]):
        holding.save(mailbox, name, Hold("free"))
    world.time += 10 * clock.SECOND
    world.send("and now?")
    world.run(world.bridge())
    (shown,) = world.program.shown
    assert shown.index("released") < shown.index("pending") < shown.index("and now?")
    assert "still held" not in shown and "too late" not in shown
    assert _states(world) == ["failed", "done", "processing", "done", "done"]
    assert holding.free(mailbox) == []


def test_what_a_bridge_shows_is_nobodys_to_claim(world: World) -> None:
    """While a bridge has a message, a claim says so, and changes nothing."""
    name = world.send("job")
    world.program.answers = False
    bridge = world.bridge()
    for _ in range(5):
        bridge.step()
    assert _take(world, name, Hold("claim")) == "a bridge holds it"
    world.program.answers = True
    world.run(bridge)
    assert _states(world) == ["done"]


def test_a_bridge_that_died_before_its_claim_takes_nothing(world: World) -> None:
    """A bridge's note about a message that it never got gives it no right to one claimed since."""
    name = world.send("job")
    mailbox = world.instance("bob").mailbox
    turn.save(mailbox, turn.Turn(name))
    assert _take(world, name, Hold("claim")) is None
    assert holding.standing(mailbox, name) == "claim" and world.turns() == []
    world.run(world.bridge())
    assert world.program.shown == [] and _states(world) == ["processing"]


def test_a_bridge_whose_claim_failed_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the bridge's claim fails and another claims the message meanwhile, the bridge leaves it there."""
    name = world.send("job")
    bridge = world.bridge()

    def fails(_: str) -> bool:
        raise Unreachable("gone")

    with monkeypatch.context() as patch:
        patch.setattr("xw.mirror.carrier.Direct.claim", lambda self, name: fails(name))
        with pytest.raises(Unreachable):
            bridge.step()
    assert _take(world, name, Hold("claim")) is None
    world.run(bridge)
    assert world.program.shown == [] and _states(world) == ["processing"]


def test_a_note_of_a_claimer_that_died_does_not_keep_a_bridge(world: World) -> None:
    """A note beside a pending message means nothing: the bridge takes it, and goes on after a restart."""
    name = world.send("job")
    mailbox = world.instance("bob").mailbox
    holding.save(mailbox, name, Hold("claim"))
    world.program.answers = False
    world.bridge().step()
    assert holding.standing(mailbox, name) == "bridge" and holding.load(mailbox, name) is None
    world.program.answers = True
    world.run(world.bridge())
    assert len(world.program.shown) == 1 and _states(world) == ["done"]


def test_an_older_claim_without_a_note_stays(world: World) -> None:
    """A message that another program moved is not the bridge's, however old."""
    name = world.send("job")
    assert world.instance("bob").mailbox.start(name)
    world.run(world.bridge())
    assert world.program.shown == [] and _states(world) == ["processing"]
