"""Groups and unregistering through an Agent, on a hub here and over SSH."""

from pathlib import Path

import pytest

import xw
from tests.api.conftest import Open


def test_groups_and_an_end(either: Open) -> None:
    """Bob is addressed by his group, leaves the hub with his mail unhandled, and is gone."""
    alice, bob = either("alice"), either("bob")
    assert bob.join("@builds").groups == ("builds",)
    for _ in range(2):
        assert alice.send("@builds", "task", "Build it", any=True).delivered == ("bob",)
    assert alice.peers("@builds")[0].name == "bob"
    bob.sync()
    bob.done(bob.check().messages[0])
    left = alice.unregister("bob") if alice.hub.startswith("/") else bob.unregister("bob")
    assert [to for to, _ in left.returned] == ["alice"]
    alice.sync()
    (info,) = alice.check(sender="postmaster").messages
    assert info.body.startswith("Not delivered to bob")
    assert "bob" not in [peer.name for peer in alice.peers()]
    with pytest.raises(xw.NotFound):
        alice.send("@builds", "task", "Build it")
    for archive in left.archives:
        place = Path("/" + archive.partition("://")[2].partition("/")[2] if "://" in archive else archive)
        assert len(list((place / "inbox/done").iterdir())) == 1
    with pytest.raises(xw.XwError):
        bob.sync()
