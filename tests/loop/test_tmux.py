"""The loop with an agent program in a real tmux pane."""

from collections.abc import Callable

from tests.bridges.helpers import Agent, until
from tests.loop.world import World
from xw.bridges.loop import Bridge


def test_through_a_pane(world: World, agent: Callable[..., Agent]) -> None:
    """A question is typed into the program's input line, and its answer filed; a new bridge goes on."""
    program = agent()
    world.send("what is up?")
    first = Bridge(world.instance("bob"), program.chat())
    until(lambda: first.step() is not None and program.records("submitted"))
    second = Bridge(world.instance("bob"), program.chat())  # as after a kill -9 of the first
    until(lambda: second.step() is None)
    assert len(program.records("submitted")) == 1
    ((_, reply),) = world.inbox("alice")
    assert reply.type == "reply" and reply.body.strip()
    assert world.turns() == [] and [filed.state for filed in world.inbox("bob")] == ["done"]
