"""The rate and the budget of a bridge: mail beyond them waits, both sides are told, and storms end."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.loop.test_announce import rest
from tests.loop.test_loop import states
from tests.loop.world import Program, ScriptedChat, World
from xw import clock, post
from xw.actions import bridging
from xw.bridges.announce import Announcer
from xw.bridges.loop import Bridge
from xw.bridges.pace import AUTOMATIC, Limits, limits
from xw.errors import Usage
from xw.mailbox import Mailbox
from xw.post import Draft

MINUTE = 60 * clock.SECOND


def paced(world: World, bounds: Limits = Limits(), name: str = "bob") -> Bridge:  # noqa: B008  # frozen
    """Return a new bridge with these limits, as a new process would make it."""
    chat = ScriptedChat(world.program)
    return Bridge(world.instance(name), chat, world.told.append, lambda: world.seconds, limits=bounds)


def settle(world: World, bridge: Bridge) -> None:
    """Step until the bridge waits for mail or for time."""
    for _ in range(500):
        pause = bridge.step()
        if pause is None or pause > 1:
            return
    raise AssertionError("the bridge does not come to rest")


def notices(world: World, name: str = "alice") -> list[str]:
    """Return the bodies of the infos in an inbox."""
    return [filed.message.body for filed in world.inbox(name) if filed.message.type == "info"]


def test_a_rate_per_sender(world: World) -> None:
    """Beyond the rate a sender's mail waits, in its order, and goes on by itself; another's does not wait."""
    for number in range(5):
        world.send(f"alice {number}")
    bridge = paced(world, Limits(per_minute=3))
    settle(world, bridge)
    assert len(world.program.shown) == 3 and bridge.doing.waits_for == "3 turns a minute for alice are used"
    assert Counter(states(world)) == {("done", "question"): 3, ("pending", "question"): 2}
    (notice,) = notices(world)
    assert "takes 3 turns a minute for your mail" in notice and "nothing is lost" in notice
    assert any("alice waits: 3 turns a minute" in line for line in world.told)
    world.send("carol's", by="carol")
    settle(world, bridge)
    assert "carol's" in world.program.shown[3] and "alice are used" in bridge.doing.waits_for
    world.time += MINUTE
    settle(world, bridge)
    assert ["alice 3" in world.program.shown[4], "alice 4" in world.program.shown[5]] == [True, True]
    assert bridge.doing.waits_for == "" and len(notices(world)) == 1


def test_what_has_a_rate_from_the_start(world: World) -> None:
    """Without an option only mail that automatic answers led to is limited, and no room's turn is."""
    for number in range(AUTOMATIC + 2):
        world.send(f"{number}")
        world.send(f"turn {number}", "reply", by="carol", room="carol", hops=1)
    settle(world, paced(world))
    assert len(world.program.shown) == 2 * AUTOMATIC + 4
    for number in range(AUTOMATIC + 2):
        world.send(f"led to {number}", hops=1)
    settle(world, paced(world))
    assert len(world.program.shown) == 3 * AUTOMATIC + 4 and notices(world, "carol") == []
    settle(world, paced(world, Limits(per_minute=0)))
    assert len(world.program.shown) == 3 * AUTOMATIC + 6, "0 is no limit"


def test_a_budget_per_day(world: World) -> None:
    """At the limit mail waits till midnight UTC; each sender is told once, peers see it, a restart too."""
    bounds = Limits(per_day=2)
    for number in range(4):
        world.send(f"{number}")
    bridge = paced(world, bounds)
    bridge.step()
    assert bridge.doing.note == "1 of 2 turns today"
    settle(world, bridge)
    bridge = paced(world, bounds)
    world.send("carol's", by="carol")
    for _ in range(2):
        settle(world, bridge)
    assert bridge.doing.note == "2 of 2 turns today" and len(world.program.shown) == 2
    assert bridge.doing.waits_for == "all 2 turns of today are used, until 2026-11-22T00:00Z"
    assert [len(notices(world, name)) for name in ("alice", "carol")] == [1, 1]
    world.time += 86_400 * clock.SECOND
    settle(world, bridge)
    assert len(world.program.shown) == 4 and states(world)[-1] == ("pending", "question")
    assert [len(notices(world, name)) for name in ("alice", "carol")] == [1, 2]


def test_expired_mail_costs_no_turn(world: World) -> None:
    """At the limit, mail that has expired is still reported to its sender."""
    world.send("a")
    world.send("b", expires=clock.rfc3339(world.time + 5 * clock.SECOND))
    bridge = paced(world, Limits(per_day=1))
    world.time += 10 * clock.SECOND
    settle(world, bridge)
    assert Counter(states(world)) == {("done", "question"): 1, ("failed", "question"): 1}


def test_several_replies_are_one_turn_of_the_budget(world: World) -> None:
    """What is shown together counts once."""
    for number in range(5):
        world.send(f"{number}", "reply")
    bridge = paced(world, Limits(per_day=9))
    settle(world, bridge)
    assert bridge.doing.note == "1 of 9 turns today"


@pytest.mark.parametrize(
    "note",
    ["", "{", "[]", '{"days": 7}', '{"days": {"2026-11-21": "x"}, "turns": {}, "told": {}}', "[" * 9999],
)
def test_a_note_that_cannot_be_understood(world: World, note: str) -> None:
    """It counts as none, and the next turn replaces it."""
    Path(world.root, "bob/bridge").mkdir(exist_ok=True)
    path = Path(world.root, "bob/bridge/pace.json")
    path.write_text(note)
    world.send("a")
    settle(world, paced(world, Limits(per_day=5)))
    assert json.loads(path.read_text())["days"] == {"2026-11-21": 1}


def test_a_clock_that_is_set_back(world: World) -> None:
    """The count of a day that comes again goes on; times ahead of the clock limit nothing."""
    bounds = Limits(per_minute=2, per_day=3)
    world.send("a")
    world.time += 86_400 * clock.SECOND
    world.send("b")
    settle(world, paced(world, bounds))
    world.time -= 86_400 * clock.SECOND
    world.send("c")
    world.send("d")
    bridge = paced(world, bounds)
    settle(world, bridge)
    assert len(world.program.shown) == 4 and bridge.doing.note == "2 of 3 turns today"


def test_notices_have_limits_too(world: World) -> None:
    """With --notify a notice is a turn: of the day's budget, and at most so many a minute."""
    chat = ScriptedChat(world.program)
    one = Announcer(world.instance("bob"), chat, world.told.append, Limits(per_minute=2, per_day=3))
    for number in range(3):
        world.send(f"{number}")
        one.step()
        one.step()
    assert len(world.program.shown) == 2 and one.doing.waits_for == "2 turns a minute for notices are used"
    world.time += MINUTE
    rest(one)
    world.send("another")
    one.step()
    assert len(world.program.shown) == 3 and one.doing.waits_for.startswith("all 3 turns of today are used")


@pytest.mark.long
def test_the_storm_of_two_bridges(world: World) -> None:
    """Two programs that ask two questions in each turn are bounded in each minute, and by the budget."""
    programs = {name: Program() for name in ("alice", "bob")}
    asking = {"alice": "bob", "bob": "alice"}
    turns: Counter[int] = Counter()

    def answers(name: str) -> None:
        def answer(text: str) -> str:
            turns[world.time // MINUTE] += 1
            mailbox = Mailbox(world.files, name)
            hops = max(filed.message.hops for filed in world.inbox(name) if filed.state == "processing") + 1
            for question in ("one", "two"):
                draft = Draft("question", (asking[name],), question, more={"hops": hops})
                world.time += 1
                post.send(mailbox, world.hub, draft, lambda: world.time)
            return "fine"

        programs[name].answer = answer

    bridges = []
    for name in asking:
        answers(name)
        chat = ScriptedChat(programs[name])
        bounds = Limits(per_day=60)
        bridges.append(Bridge(world.instance(name), chat, world.told.append, lambda: 0.0, limits=bounds))
    world.send("begin")
    for _ in range(20):  # minutes
        for _ in range(10):
            for bridge in bridges:
                settle(world, bridge)
        world.time += MINUTE
    assert max(turns.values()) <= 2 * AUTOMATIC + 1 and sum(turns.values()) == 120
    assert all("of today are used" in bridge.doing.waits_for for bridge in bridges)
    assert all(len([n for n in notices(world, name) if "turns" in n]) <= 4 for name in asking)


@pytest.mark.parametrize("value", ["", "-1", "x", "1.5", "9999999", "²"])
def test_a_limit_that_is_no_number(value: str) -> None:
    """It is a usage error that names the option."""
    with pytest.raises(Usage, match="per-day"):
        limits({"per-day": value})


def test_the_options_of_a_bridge(world: World) -> None:
    """The limits are options of every kind of chat, and not passed on to it."""
    wanted = bridging.Wanted("command", "cat", {"per-minute": "5", "per-day": "20", "timeout": "9"})
    plan = bridging.plan(world.instance("bob"), wanted)
    assert plan.limits == Limits(5, 20)
    plan.open(Path(world.root)).close()
