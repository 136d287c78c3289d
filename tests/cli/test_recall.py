"""`xw recall`: a sent message that nobody has taken up is withdrawn, and everybody can see that."""

import json
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw.errors import Unreachable
from xw.hub.directory import DirectoryHub
from xw.mailbox import Mailbox
from xw.withdrawals import withdrawn


def _short(message_id: str) -> str:
    return message_id[-8:]


def test_recall(team: Team, tmp_path: Path) -> None:
    """A pending message leaves the inbox; trace and `check --failed` show that it was withdrawn."""
    (tmp_path / "a.txt").write_text("a")
    sent = team.send("wrong", "--attach", str(tmp_path / "a.txt"))
    assert team.ok("recall", _short(sent)) == f"{_short(sent)} bob: withdrawn\n"
    assert team.pending("bob") == []
    (letter,) = team.json("check", "--failed", by="bob")["dead_letters"]
    assert (letter["id"], letter["kind"]) == (sent, "withdrawn")
    assert "withdrawn: its sender withdrew it" in team.ok("check", "--failed", by="bob")
    assert ": withdrawn, since " in team.ok("trace", sent)
    assert team.json("trace", sent)["recipients"][0]["where"] == "withdrawn"
    assert team.ok("recall", sent) == f"{_short(sent)} bob: withdrawn\n"  # repeating it is harmless
    assert "not sent again" not in team.ok("resend", sent)
    assert team.pending("bob") == []
    retried = team.run("retry", _short(sent), by="bob")
    assert (retried.code, "alice withdrew" in retried.err) == (6, True)


def test_too_late(team: Team) -> None:
    """What a recipient has claimed, done or failed stays with it: exit 1, and the state is said."""
    for state, said in (("processing", "it is claimed"), ("done", "it is done"), ("failed", "it has failed")):
        sent = team.send(f"for {state}")
        (name,) = team.names("bob", "inbox/pending")
        (team.box("bob") / "inbox/pending" / name).rename(team.box("bob") / "inbox" / state / name)
        result = team.run("recall", sent)
        assert (result.code, f"bob: not withdrawn: too late, {said}" in result.out) == (1, True), result
        assert name in team.names("bob", f"inbox/{state}")
        assert team.names("alice", "sent").count(f"{name}.why.json") == 0
        told = json.loads(team.run("recall", sent, "--json").out)
        assert (told["exit_code"], told["recipients"][0]["withdrawn"]) == (1, False)


def test_several_recipients(team: Team) -> None:
    """Each is said: one had it done, the other's is withdrawn, and only that one's is noted."""
    sent = team.send("both", "--to", "carol")
    team.ok("done", sent, by="carol")
    result = team.run("recall", sent)
    assert result.code == 1
    assert result.out == (
        f"{_short(sent)} bob: withdrawn\n{_short(sent)} carol: not withdrawn: too late, it is done\n"
    )
    (note,) = team.box("alice").glob("sent/*.why.json")
    assert json.loads(note.read_text())["to"] == ["bob"]


def test_from_the_outbox(team: Team) -> None:
    """A message that waits in the outbox leaves it, is never delivered, and is not sent again by itself."""
    box = team.box("bob") / "inbox"
    (box / "pending").rename(box / "away")
    sent = team.send("waits", to="bob")
    later = team.send("later", to="bob")
    result = team.run("recall", sent)
    assert (result.code, "bob: withdrawn from the outbox" in result.out) == (0, True), result
    assert ": withdrawn" in team.ok("trace", sent)
    (box / "away").rename(box / "pending")
    assert team.ok("sync").startswith("1 delivered")
    assert team.pending("bob") == [later]
    listed = team.ok("sync", "--repair")
    assert f"{_short(sent)} bob: not sent again: you withdrew it; `--force {_short(sent)}` sends it" in listed
    assert team.pending("bob") == [later]
    team.ok("resend", "--force", sent)
    assert team.pending("bob") == [sent, later]
    assert ": on the hub, pending" in team.ok("trace", sent)


def test_what_cannot_be_recalled(team: Team) -> None:
    """A received message, an unknown id and one that the hub lacks are said as that."""
    got = team.send("mine", by="bob", to="alice")
    result = team.run("recall", got)
    assert (result.code, "`xw recall` withdraws messages that you sent" in result.err) == (3, True)
    assert team.run("recall", "zzzzzzzz").code == 3
    sent = team.send("lost")
    for path in team.box("bob").glob(f"inbox/pending/{sent}*"):
        path.unlink()
    result = team.run("recall", sent)
    assert (result.code, "not withdrawn: it is not on the hub" in result.out) == (1, True), result


def test_a_room(team: Team) -> None:
    """A line that no coordinator has heard yet is withdrawn from a room too."""
    team.ok("room", "create", "tea", "--members", "alice,bob")
    said = json.loads(team.run("room", "say", "tea", "oops", "--json").out)["id"]
    assert "tea: withdrawn" in team.ok("recall", said)
    assert team.names("tea", "inbox/pending") == []


def test_the_order_of_a_recall(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noted before it acts, so a crash sends nothing again, and no flush delivers meanwhile."""
    sent = team.send("noted")
    seen = []

    def withdraw(hub: DirectoryHub, to: str, name: str) -> str:
        alice = Mailbox(hub.files, "alice")
        seen.append((withdrawn(alice, name), hub.files.held("alice/outbox/.lock")))
        raise Unreachable("the hub went away")

    monkeypatch.setattr(DirectoryHub, "withdraw", withdraw)
    assert team.run("recall", sent).code == 5
    assert seen == [({"bob"}, True)]
    assert list(team.box("alice").glob("sent/*.why.json")) == []


def test_an_owner_that_fails_it_meanwhile_keeps_its_reason(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is claimed and failed after the withdrawal has looked is too late, with the owner's note."""
    sent = team.send("raced")
    (name,) = team.names("bob", "inbox/pending")
    state_of = Mailbox.state_of
    looks: list[str | None] = []

    def look(self: Mailbox, name: str) -> str | None:
        found = state_of(self, name)
        if not looks:
            looks.append(found)
            assert self.start(name)
            self.fail(name, "uncertain", "it may have been shown", "processing")
        return found

    monkeypatch.setattr(Mailbox, "state_of", look)
    result = team.run("recall", sent)
    assert (result.code, "too late, it has failed" in result.out) == (1, True), result
    note = json.loads((team.box("bob") / "inbox/failed" / f"{name}.why.json").read_text())
    assert (looks, note["kind"]) == (["pending"], "uncertain")
