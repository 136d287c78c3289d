"""Bridges on two machines of one name: one of them presents a message, whatever link breaks when."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.loop.world import Program, ScriptedChat
from tests.sync.conftest import Join
from tests.sync.machines import Machine
from xw import clock, config, post
from xw.bridges.loop import Bridge
from xw.errors import Unreachable
from xw.files.sftp import SftpFiles
from xw.hub.directory import DirectoryHub
from xw.instance import Instance
from xw.post import Draft

STEPS = ("read_all", "publish_all", "move_all")


def bridge(machine: Machine, program: Program) -> Bridge:
    instance = Instance(machine.mailbox, machine.hub, machine.hub, config.NONE, machine.hub.files.root)
    return Bridge(instance, ScriptedChat(program))


def run(one: Bridge) -> None:
    while one.step() is not None:
        pass


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("broken", STEPS)
def test_a_link_that_breaks_while_it_claims(
    broken: str,
    restarted: bool,
    join: Join,
    alice: Machine,
    hub: DirectoryHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a claim whose answer was lost, and a sync in between, the message is presented once."""
    first, second = join("bob", "west"), join("bob", "north")
    sent = alice.send("bob", "for one of you", "question")
    for machine in (alice, first, second):
        machine.sync()
    programs = [Program(), Program()]
    bridges = [bridge(first, programs[0]), bridge(second, programs[1])]
    real: Callable[..., object] = getattr(SftpFiles, broken)

    def cut(*arguments: object) -> object:
        real(*arguments)
        raise Unreachable("hub: the connection was lost")

    with monkeypatch.context() as patch, suppress(Unreachable):
        patch.setattr(SftpFiles, broken, cut)
        bridges[0].step()
        pytest.fail("the step had to raise")
    first.sync()  # it sees the claim as anybody's
    second.sync()
    if restarted:
        bridges[0] = bridge(first, programs[0])
    for one in bridges:
        run(one)
    assert [len(program.shown) for program in programs] == [1, 0]
    first.sync()
    assert hub.mailbox("bob").state_of(sent.name) == "done"


def test_the_one_who_lost_goes_on(join: Join, alice: Machine) -> None:
    """A machine whose mirror still shows what another has claimed does not present it."""
    first, second = join("bob", "west"), join("bob", "north")
    alice.send("bob", "for one of you", "question")
    for machine in (alice, first, second):
        machine.sync()
    programs = [Program(), Program()]
    for machine, program in zip((first, second), programs, strict=True):
        run(bridge(machine, program))
    assert [len(program.shown) for program in programs] == [1, 0]


@pytest.mark.parametrize("broken", STEPS[:2])  # the third comes after the note that makes it this machine's
def test_a_claim_that_did_not_arrive(
    broken: str, join: Join, alice: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose claim was lost on its way does not go on with what another has claimed since."""
    first, second = join("bob", "west"), join("bob", "north")
    alice.send("bob", "for one of you", "question")
    for machine in (alice, first, second):
        machine.sync()
    programs = [Program(), Program()]

    def cut(*_: object) -> object:
        raise Unreachable("hub: the connection was lost")

    with monkeypatch.context() as patch, suppress(Unreachable):
        patch.setattr(SftpFiles, broken, cut)
        bridge(first, programs[0]).step()
        pytest.fail("the step had to raise")
    other = bridge(second, programs[1])
    other.step()  # claims it
    first.sync()  # shows it as claimed, by whomever
    run(bridge(first, programs[0]))
    run(other)
    assert [len(program.shown) for program in programs] == [0, 1]


def test_an_own_reply_in_a_mirror(alice: Machine, bob: Machine) -> None:
    """A reply that the agent sends in its turn waits in the outbox or has left it, and is the only one."""
    program = Program()

    def answer(text: str) -> str:
        (sent,) = bob.mailbox.names("inbox/processing")
        draft = Draft("reply", ("alice",), "my own", re=sent.partition(".")[0])
        post.send(bob.mailbox, bob.hub, draft, clock.now)
        if program.shown[1:]:
            bob.sync()
        return "I answered alice"

    program.answer = answer
    for _ in range(2):
        alice.send("bob", "what is up?", "question")
        alice.sync()
        bob.sync()
        run(bridge(bob, program))
    bob.sync()
    alice.sync()
    assert len(program.shown) == 2 and alice.bodies() == ["my own"] * 2
