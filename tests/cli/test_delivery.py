"""When mail is shown by itself: the value in force, which moments it allows, and a hold."""

import json
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw import config, delivery, layout
from xw.instance import Instance, Options, open_instance

MOMENTS = ("start", "prompt", "end", "idle")
SHOWN = {
    "asked": (False, False, False, False),
    "start": (True, False, False, False),
    "turn": (True, True, True, False),
    "push": (True, True, True, True),
}


def opened(team: Team, name: str = "bob") -> Instance:
    """Return an instance of the team."""
    return open_instance(Options(name, config=str(team.folder / "xw.json")), {})


def choose(team: Team, value: str, name: str = "bob") -> None:
    """Set `delivery` in xw.json as a person does, with an editor."""
    path = team.folder / "xw.json"
    data = json.loads(path.read_text())
    data["instances"][name]["delivery"] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("value", SHOWN)
def test_each_value_has_its_moments(team: Team, value: str) -> None:
    """Every value of xw.json allows exactly its moments; the reason names the value and its source."""
    choose(team, value)
    found = [delivery.why_not(opened(team), moment, {}) for moment in MOMENTS]  # type: ignore[arg-type]
    assert tuple(why is None for why in found) == SHOWN[value]
    assert all(why is None or f"delivery is {value} (set in xw.json)" in why for why in found)
    assert tuple(delivery.SHOWN_AT) == tuple(SHOWN) == config.DELIVERIES


def test_without_a_choice_the_door_decides(team: Team) -> None:
    """`start` by default, `push` for a program of `xw launch` and for one that a bridge serves."""
    bob = opened(team)
    launched = {"XW_RUN": "/run/x", "XW_NAME": "bob"}
    assert delivery.effective(bob, {}) == ("start", "default")
    assert delivery.effective(bob, launched) == ("push", "started by xw launch")
    assert delivery.effective(bob, {**launched, "XW_NAME": "alice"}) == ("start", "default")
    with bob.mailbox.files.locked(bob.mailbox.at(layout.BRIDGE_LOCK), timeout=1.0):
        assert delivery.effective(bob, {}) == ("push", "served by a bridge")
        choose(team, "asked")
        assert delivery.effective(opened(team), launched) == ("asked", "set in xw.json")


def test_a_hold_stops_every_moment(team: Team) -> None:
    """On hold, nothing is shown by itself, whatever the value; it lasts until it is let go."""
    choose(team, "push")
    mailbox = opened(team).mailbox
    assert [delivery.hold(mailbox, 0), delivery.hold(mailbox, 0)] == [True, False]
    for moment in MOMENTS:
        why = delivery.why_not(opened(team), moment, {})  # type: ignore[arg-type]
        assert why == "bob is on hold: `xw resume bob` lets mail be shown again"
    assert [delivery.resume(mailbox), delivery.resume(mailbox)] == [True, False]
    assert delivery.why_not(opened(team), "idle", {}) is None


def test_an_edit_is_followed(team: Team) -> None:
    """A process that runs sees the next value; half a file changes nothing."""
    bob = delivery.Followed(opened(team))
    assert delivery.effective(bob, {}).value == "start"
    choose(team, "push")
    assert delivery.why_not(bob, "idle", {}) is None
    (team.folder / "xw.json").write_text('{"format": 1, "hub')
    assert delivery.why_not(bob, "idle", {}) is None
    choose_anew(team.folder / "xw.json")
    assert delivery.effective(bob, {}) == ("asked", "set in xw.json")


def choose_anew(path: Path) -> None:
    """Write an xw.json in which bob is only shown what is asked for."""
    path.write_text(json.dumps({"format": 1, "hub": ".xw/hub", "instances": {"bob": {"delivery": "asked"}}}))


def test_a_wrong_value_is_named(team: Team) -> None:
    """xw.json with another word is refused, with the key and the four values."""
    choose(team, "pushy")
    result = team.run("who", by="bob")
    assert result.code == 2
    assert "instances.bob.delivery" in result.err
    assert "push" in result.err
