"""The commands that wait, on hubs that are not local directories; and that no command is left out."""

import ast
import signal
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.hub.test_commands import bodies
from tests.hub.worlds import World, acting, ended_once, hub_of, kept_in_step, meanwhile, printed
from tests.remote.machine import Machine
from xw.actions import asking
from xw.cli.commands import COMMANDS
from xw.mirror import watcher

NOT_HERE = {
    "up": "it starts processes, which know no hub of the tests: tests/remote/test_up.py",
    "schema": "it asks no hub: tests/schemas",
    "room set": "a request to the coordinator as the other room commands send: tests/rooms/test_settings.py",
    "install": "it asks no hub: tests/installing",
    "launch": "it starts processes: tests/launch, tests/remote/test_launch.py",
    "mcp": "it serves an Agent's verbs, which are run here: tests/mcp",
    "help": "it asks no hub: tests/cli/test_help.py",
    "hub serve": "it serves a hub: tests/served",
    **dict.fromkeys(
        ("hub invite", "hub members", "hub remove", "hub rename"), "its host runs it: tests/served"
    ),
    "hook": "an agent program runs it, at events of its own: tests/hooks",
    **dict.fromkeys(("hub invite", "hub members", "hub remove", "hub rename", "hub serve"), "tests/served"),
    "hub admit": "for a hub on this machine: tests/cli/test_guarded.py",
    **dict.fromkeys(
        ("keys list", "keys new", "keys show", "keys export", "keys import", "trust"),
        "tests/cli/test_keys.py",
    ),
}


def test_asking(alice: Machine, bob: Machine) -> None:
    """ask prints the answer that comes from another machine, and is done with it there and here."""

    def answer() -> None:
        agent = acting(bob)
        question = next(agent.arrivals())
        agent.reply(question, "Four.")
        agent.done(question)

    with meanwhile(answer):
        asked = alice.run("ask", "--to", "bob", "--timeout", "60", "How many spaces?")
    assert (asked.code, asked.out) == (0, "Four.\n"), asked
    assert alice.pending() == bob.pending() == []


def test_asking_one_who_has_it_done_without_an_answer(
    alice: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ask ends as soon as the hub shows that the question was put away: exit 1, and nothing on stdout."""
    for name in ("GRACE_S", "_REMOTE_LOOK_S", "_BLIND_S"):
        monkeypatch.setattr(asking, name, 0.1)

    def put_away() -> None:
        agent = acting(bob)
        agent.done(next(agent.arrivals()))

    with meanwhile(put_away):
        asked = alice.run("ask", "--to", "bob", "--timeout", "60", "well?")
    assert (asked.code, asked.out, "bob finished it without one" in asked.err) == (1, "", True), asked


def test_waiting(alice: Machine, bob: Machine) -> None:
    """wait returns when mail comes to the hub, `--re` with the answer, and exits 4 when none comes."""
    with meanwhile(lambda: acting(bob).send("alice", "info", "wake up")):
        assert "info bob" in alice.ok("wait", "--timeout", "60")
    task = alice.send("bob", "two and two?")
    bob.ok("check")
    with meanwhile(lambda: acting(bob).reply(task, "four")):
        assert "reply bob" in alice.ok("wait", "--re", task, "--timeout", "60")
    assert bob.run("wait", "--new", "--timeout", "0.1").code == 4


def test_watching(alice: Machine, bob: Machine) -> None:
    """watch prints what comes to the hub while it runs, and runs a command for it."""
    sending = meanwhile(lambda: acting(alice).send("bob", "task", "look here"))
    with ended_once(lambda: "look here" in printed()), sending:
        assert bob.run("watch").code == 130
    seen = bob.folder / "seen"
    with ended_once(seen.exists):
        assert bob.run("watch", "--exec", 'echo "$XW_TYPE $XW_FROM" > new && mv new seen').code == 130
    assert seen.read_text() == "task alice\n"


def test_following_the_log(alice: Machine, bob: Machine) -> None:
    """`log --follow` shows arrivals while another process syncs the mirror."""

    def send() -> None:
        until(lambda: "first" in printed())
        acting(alice).send("bob", "info", "second")
        acting(bob).check()

    alice.send("bob", "first")
    bob.ok("check")
    with ended_once(lambda: "second" in printed()), meanwhile(send):
        assert bob.run("log", "--follow").code == 130


def test_keeping_a_mirror_in_step(
    alice: Machine, bob: Machine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sync --watch brings what the hub pushes, takes what is done here there, and outlives a cut."""
    monkeypatch.setattr(watcher, "_POLL_S", (600.0, 600.0))  # so that nothing comes but by a push
    monkeypatch.setattr(watcher, "_FULL_S", 600.0)
    monkeypatch.setattr(watcher, "pauses", lambda: iter([0.05] * 10_000))
    came: list[bool] = []

    def act() -> None:
        until(lambda: f"connected: bob on {world.url}" in printed())
        sender, agent = acting(alice), acting(bob)
        sender.send("bob", "task", "pushed")
        until(bob.pending)
        agent.done(bob.pending()[0])
        until(lambda: [*hub_of(world).survey("bob", {}).states.values()] == ["done"])
        world.cut()
        until(lambda: "unreachable since" in printed())
        world.back()
        until(lambda: f"back: bob on {world.url}" in printed())
        sender.send("bob", "task", "after the cut")
        until(bob.pending)
        came.append(True)

    with ended_once(lambda: came, signal.SIGTERM), meanwhile(act):
        kept = bob.run("sync", "--watch")
    assert (kept.code, kept.err) == (0, "")


def test_a_bridge(alice: Machine, bob: Machine, world: World) -> None:
    """A bridge takes mail from the hub, shows it to a program, and files its answer as a reply."""
    alice.send("bob", "hello")
    answered = ended_once(lambda: hub_of(world).survey("alice", {}).states, signal.SIGTERM)
    with kept_in_step(bob), answered:
        bridged = bob.run("bridge", "command", "--", "sh", "-c", "echo four")
    assert bridged.code == 0, bridged
    assert bodies(alice) == ["four"]
    assert "no mail for bob" in bob.ok("check")


def test_a_room(alice: Machine, bob: Machine, world: World) -> None:
    """A room is made and talked to from anywhere, if its hub has rooms; else it says that it has none."""
    created = alice.run("room", "create", "tea", "--members", "alice,bob", "--seed", "Tea or coffee?")
    listed, shown = bob.run("room", "list"), bob.run("room", "show", "tea")
    run = bob.run("room", "run", "tea")
    if not world.rooms:
        for refused in (created, listed, shown, run):
            assert (refused.code, f"{world.url} keeps no rooms" in refused.err) == (6, True), refused
        assert bob.run("room", "say", "tea", "Tea.").code == 3
        return
    assert created.code == 0, created
    assert "tea open; round-robin" in listed.out
    assert "member   bob" in shown.out
    assert (run.code, f"run this on the host of {world.url}" in run.err) == (2, True), run
    asked = [
        bob.run("room", "say", "tea", "Tea."),
        bob.run("room", "join", "tea"),
        bob.run("room", "leave", "tea"),
        alice.run("room", "pause", "tea"),
        alice.run("room", "resume", "tea"),
        alice.run("room", "close", "tea"),
    ]
    reached = ("delivered to tea", "asked tea to ")
    assert [(one.code, any(word in one.out for word in reached)) for one in asked] == [(0, True)] * len(asked)
    assert hub_of(world).peer("tea").pending == len(asked)
    assert alice.run("log", "--room", "tea").code == 0


def test_no_command_is_left_out() -> None:
    """Each command of docs/commands.md is run in this suite, or has a reason why not."""
    run: set[str] = set()
    for path in Path(__file__).parent.glob("test_commands*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                words = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
                run |= {" ".join(map(str, words[:count])) for count in (1, 2)}
    # Notices, and what `send` of a machine runs.
    run |= {"send", *(f"notify {notice}" for notice in ("handoff", "compaction", "error", "heartbeat"))}
    names = {command.name for command in COMMANDS}
    assert names - run - NOT_HERE.keys() == set()
    assert NOT_HERE.keys() <= names
    documented = (Path(__file__).parents[2] / "docs/commands.md").read_text()
    assert all(f"\n## {name}\n" in documented for name in names)
