"""Addressing many by what they are: groups and capabilities, one of several, and who `all` leaves out."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.cli.team import Team, call


@pytest.fixture
def crew(team: Team) -> Team:
    """The team, in which bob and carol know Python, and carol is in @builds."""
    for name in ("bob", "carol"):
        team.ok("init", "--name", name, "--capability", "Python", "--capability", "code review")
    assert team.ok("join", "@builds", by="carol") == "carol is in @builds\n"
    return team


def sent_to(team: Team, *to: str, kind: str = "info", more: tuple[str, ...] = ()) -> list[str]:
    """Send a message to these addresses; return the names in its `to`."""
    token = team.json("send", *[word for one in to for word in ("--to", one)], kind, "x", *more)["id"]
    message: list[str] = team.json("read", token)["to"]
    return message


def let_be_away(box: Path, days: float) -> None:
    """Let everything in a mailbox have changed last so many days ago."""
    at = time.time() - days * 86400
    for path in (box, *box.rglob("*")):
        os.utime(path, (at, at), follow_symlinks=False)


def test_groups_and_capabilities_become_names(crew: Team) -> None:
    """`@NAME` is expanded to everybody else with that group or capability, each once."""
    assert sent_to(crew, "@builds") == ["carol"]
    assert sent_to(crew, "@python", "@builds") == ["bob", "carol"]
    assert sent_to(crew, "@PYTHON,bob") == ["bob", "carol"]
    assert sent_to(crew, "@code-review") == ["bob", "carol"]
    assert crew.names("carol", "inbox/pending")


def test_an_address_without_anybody(crew: Team) -> None:
    """An unknown address names the nearest ones, one of only the sender says so; nothing is sent, exit 3."""
    crew.ok("join", "@mine")
    for to, expected in (
        ("@build", "did you mean @builds"),
        ("@bob", "bob is an instance: `--to bob`"),
        ("@mine", "nobody but you is in @mine"),
        ("@", "nobody on"),
        ("@mine,bob", "nobody but you"),
    ):
        for command in (("send", "--to", to, "info", "x"), ("ask", "--to", to, "x"),
                        ("notify", "handoff", "--to", to, "x")):  # fmt: skip
            result = crew.run(*command)
            assert result.code == 3, (command, result)
            assert expected in result.err
            assert "nothing was sent" in result.err
    assert crew.names("alice", "sent") == []
    assert "did you mean @builds" in crew.run("peers", "@biulds").err


def test_one_that_answers(crew: Team) -> None:
    """`ask --to @NAME`, a handoff and `send --any` go to one: idle first, then the shortest queue."""
    assert sent_to(crew, "@python", more=("--any",)) == ["bob"]
    assert sent_to(crew, "all", more=("--any",)) == ["carol"]  # bob has one message
    assert sent_to(crew, "bob", "carol", more=("--any",)) == ["bob"]
    asked = crew.run("ask", "--to", "@python", "--timeout", "0", "q?")
    assert "asked carol as" in asked.err
    crew.ok("notify", "heartbeat", "idle", "--ttl", "600", by="bob")
    assert crew.json("notify", "handoff", "x", "--to", "@python")["delivered"] == ["bob"]
    crew.ok("notify", "status", "blocked", by="bob")
    assert sent_to(crew, "@python", more=("--any",)) == ["carol"]
    assert crew.run("send", "--any", "info", "x").code == 2
    assert "did you mean" in crew.run("send", "--any", "--to", "bbo", "--to", "bob", "info", "x").err


def test_join_and_leave(crew: Team) -> None:
    """Both may be repeated, and say in which groups one is; another `init` keeps them."""
    assert crew.ok("join", "@docs", "@builds", by="carol") == "carol is in @builds, @docs\n"
    assert crew.ok("join", "@docs", by="carol") == "carol is in @builds, @docs (as before)\n"
    crew.ok("init", "--name", "carol", "--model", "m2")
    assert crew.json("peers", "carol")["peers"][0]["groups"] == ["builds", "docs"]
    assert crew.json("leave", "@docs", by="carol") == {
        "format": 1, "name": "carol", "groups": ["builds"], "changed": ["docs"],
    }  # fmt: skip
    assert crew.ok("leave", "@builds", by="carol") == "carol is in no group\n"
    for word in ("builds", "@", "@Bad", "@all", "@a b"):
        result = crew.run("join", word, by="carol")
        assert (result.code, result.out) == (2, ""), result
    assert "try `xw join @tea`" in crew.run("join", "tea").err


def test_groups_that_an_older_version_dropped(crew: Team) -> None:
    """A card that lost the field gets it back by the next `who` or `sync`; groups that were left do not."""
    path = crew.box("carol") / "card.json"
    for command in ("who", "sync"):
        card = json.loads(path.read_text())
        del card["groups"]
        path.write_text(json.dumps(card))
        crew.ok(command, by="carol")
        assert json.loads(path.read_text()) == {**card, "groups": ["builds"]}
    crew.ok("leave", "@builds", by="carol")
    crew.ok("who", by="carol")
    assert json.loads(path.read_text())["groups"] == []


def test_a_room_is_in_a_group_only_if_it_joined(crew: Team) -> None:
    """The capabilities on a room's card address nobody; its groups do."""
    crew.ok("room", "create", "tea", "--members", "bob")
    path = crew.box("tea") / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "capabilities": ["python"]}))
    assert sent_to(crew, "@python") == ["bob", "carol"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups": ["builds"]}))
    assert sent_to(crew, "@builds") == ["carol", "tea"]


def test_all_leaves_out_who_is_away(team: Team) -> None:
    """A broadcast names and leaves out who did nothing for `away_days`; any sign of life brings them back."""
    let_be_away(team.box("bob"), 13)
    let_be_away(team.box("carol"), 15)
    said = team.ok("send", "--to", "all", "info", "x")
    assert said.endswith(" delivered to bob; not to carol, away for long: `--to NAME` reaches them\n")
    told = team.json("notify", "status", "working")
    assert (told["delivered"], told["away"]) == (["bob"], ["carol"])
    assert team.names("carol", "inbox/pending") == []
    assert sent_to(team, "all", "carol") == ["bob", "carol"]
    path = team.folder / "xw.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "away_days": 12}))
    nobody = team.run("send", "--to", "all", "info", "x")
    assert nobody.code == 3
    assert "everybody on the hub has been away for 12 days or more (bob, carol)" in nobody.err
    said = team.ok("notify", "status", "working")
    assert said.endswith("no message was sent: all are away for long (bob, carol)\n")
    assert team.json("notify", "status", "working")["away"] == ["bob", "carol"]
    team.ok("notify", "heartbeat", by="carol")
    assert team.json("send", "--to", "all", "info", "x")["away"] == ["bob"]


def test_away_days_is_a_whole_number(team: Team) -> None:
    """A wrong `away_days` is named like any other key."""
    path = team.folder / "xw.json"
    before = json.loads(path.read_text())
    for wrong in (0, "14", 1.5, True):
        path.write_text(json.dumps({**before, "away_days": wrong}))
        result = call(team.folder, "check", environ={"XW_NAME": "alice"})
        assert (result.code, "away_days" in result.err) == (2, True), wrong
