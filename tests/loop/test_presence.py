"""Presence: who says what of an instance, and for how long it is believed."""

import json
import os
from pathlib import Path

import pytest

from tests.loop.world import World
from xw import presence
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.presence import Doing


@pytest.fixture
def bob(world: World) -> Mailbox:
    """The mailbox of bob, on real files."""
    return Mailbox(LocalFiles(world.root), "bob")


def _age(bob: Mailbox, seconds: float) -> None:
    """Let the presence file be so old."""
    path = Path(f"{bob.files.root}/bob/presence.json")
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_status_is_believed_for_a_quarter_of_an_hour(bob: Mailbox) -> None:
    """An agent's status is shown for 15 minutes, and then it is gone."""
    presence.say(bob, "busy", "the parser", "80%")
    assert presence.read(bob)[:3] == ("busy", "the parser", "80%")
    _age(bob, 890)
    assert presence.read(bob).status == "busy"
    _age(bob, 20)
    assert presence.read(bob).status == "gone"


def bridge(mailbox: Mailbox) -> tuple[str, str, str]:
    """Return the shown status, the bridge's kind and its state."""
    shown = presence.read(mailbox)
    return shown.status, shown.bridge, shown.bridge_state


def test_bridge_is_believed_for_thirty_seconds(bob: Mailbox) -> None:
    """A bridge without a heartbeat for 30 s has died, and is shown to have."""
    presence.beat(bob, "tmux", Doing("idle"))
    assert bridge(bob) == ("idle", "tmux", "runs")
    _age(bob, 31)
    assert bridge(bob) == ("gone", "tmux", "died")


def test_bridge_keeps_what_the_agent_said(bob: Mailbox) -> None:
    """Heartbeats do not wipe out a status; when it runs out, the bridge's own is shown."""
    presence.say(bob, "busy", "the parser", "80%")
    presence.beat(bob, "tmux", Doing("idle"))
    assert presence.read(bob)[:3] == ("busy", "the parser", "80%")
    for _ in range(2):
        _age(bob, 600)
        presence.beat(bob, "tmux", Doing("idle"))
    assert presence.read(bob)[:3] == ("idle", "", "")


def test_status_keeps_the_bridge(bob: Mailbox) -> None:
    """A status does not make a dead bridge live: it has no more time than it had."""
    presence.beat(bob, "tmux", Doing("idle"))
    _age(bob, 20)
    presence.say(bob, "idle")
    assert bridge(bob) == ("idle", "tmux", "runs")
    _age(bob, 11)
    assert bridge(bob) == ("idle", "tmux", "died")


def test_busy_wins(bob: Mailbox) -> None:
    """An agent that says idle is busy while its bridge has a turn under way."""
    presence.say(bob, "idle", "waiting")
    presence.beat(bob, "tmux", Doing("busy", "task from alice"))
    assert presence.read(bob)[:2] == ("busy", "waiting")


def test_mail_that_waits_wins(bob: Mailbox) -> None:
    """That a bridge holds mail back is shown, whatever the agent said."""
    presence.say(bob, "busy", "the parser")
    presence.beat(bob, "tmux", Doing("busy", waits_for="a dialog"))
    shown = presence.read(bob)
    assert shown[:2] == ("busy", "mail waits: a dialog")
    assert (shown.bridge_state, shown.waits_for) == ("waits", "a dialog")
    presence.beat(bob, "tmux", Doing("idle"))
    assert presence.read(bob)[:2] == ("busy", "the parser")


def test_bridge_that_ends_in_order(bob: Mailbox) -> None:
    """A bridge ended by a signal has not died; the agent's own status stays."""
    presence.beat(bob, "tmux", Doing("idle"))
    presence.leave(bob)
    assert bridge(bob) == ("gone", "", "none")
    presence.say(bob, "busy", "the parser")
    presence.beat(bob, "tmux", Doing("idle"))
    presence.leave(bob)
    assert presence.read(bob)[:2] == ("busy", "the parser")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"status": "busy"}',
        '{"status": "busy", "ttl_s": true}',
        '{"status": "busy", "ttl_s": 1e400}',
        '{"status": [], "ttl_s": 30}',
        '{"status": "idle", "ttl_s": ' + "9" * 400 + "}",
    ],
)
def test_file_of_somebody_else(bob: Mailbox, content: str) -> None:
    """An invalid presence file counts as none, and the next status replaces it."""
    Path(f"{bob.files.root}/bob/presence.json").write_text(content)
    assert presence.read(bob).status == "-"
    presence.beat(bob, "tmux", Doing("idle"))
    assert presence.read(bob).status == "idle"


def test_parts_that_make_no_sense(bob: Mailbox) -> None:
    """Parts of a file that are not as they should be are left out."""
    said = {"status": "idle", "ttl_s": 30, "task": 7, "bridge": {"kind": 7, "ttl_s": "x"}, "said": 7}
    Path(f"{bob.files.root}/bob/presence.json").write_text(json.dumps(said))
    assert presence.read(bob)[:3] == ("idle", "", "") and bridge(bob) == ("idle", "?", "died")
