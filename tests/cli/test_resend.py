"""`xw resend` and `xw sync --repair`: what a restored hub has lost goes again, and nothing comes twice."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw import clock
from xw.files.local import LocalFiles
from xw.message import encode

_DAY = 86400


def _short(message_id: str) -> str:
    return message_id[-8:]


def _lose(team: Team, message_id: str, owner: str = "bob") -> None:
    """Let a restore lose a message, and its files."""
    for path in team.box(owner).glob(f"inbox/*/{message_id}*"):
        path.unlink()
    shutil.rmtree(team.box(owner) / "attachments" / message_id, ignore_errors=True)


def _bytes(team: Team, owner: str, folder: str, message_id: str) -> bytes:
    (path,) = team.box(owner).glob(f"{folder}/{message_id}*.json")
    return path.read_bytes()


def test_resend(team: Team, tmp_path: Path) -> None:
    """The same bytes come again with their files, once; trace says before that the hub lacks the message."""
    (tmp_path / "a.txt").write_text("a")
    sent = team.send("lost", "--attach", str(tmp_path / "a.txt"))
    before = _bytes(team, "bob", "inbox/pending", sent)
    _lose(team, sent)
    assert team.ok("trace", sent) == f"{_short(sent)} bob: not on the hub; `xw resend` sends it again\n"
    assert team.json("trace", sent)["recipients"][0]["where"] == "absent"
    assert team.ok("resend", sent, "--dry-run") == f"{_short(sent)} bob: would be sent again\n"
    assert team.pending("bob") == []
    assert team.ok("resend", sent) == f"{_short(sent)} bob: sent again\n"
    assert _bytes(team, "bob", "inbox/pending", sent) == before
    assert (team.box("bob") / "attachments" / sent / "a.txt").read_text() == "a"
    assert team.ok("resend", sent, "--force", sent) == f"{_short(sent)} bob: there already, pending\n"
    assert team.pending("bob") == [sent]


@pytest.mark.parametrize("state", ["pending", "processing", "done", "failed"])
def test_what_is_there_never_comes_twice(team: Team, state: str) -> None:
    """A message in any state stays the only one, even with --force."""
    sent = team.send("there")
    (name,) = team.names("bob", "inbox/pending")
    (team.box("bob") / "inbox/pending" / name).rename(team.box("bob") / "inbox" / state / name)
    assert f"there already, {state}" in team.ok("resend", "--force", sent)
    assert "sent again" not in team.ok("sync", "--repair")
    assert len(list(team.box("bob").glob(f"inbox/*/{sent}*"))) == 1


def test_what_gc_removed_stays_away(team: Team) -> None:
    """Mail that was handled and removed is listed only; mail sent after that gc is sent; --force decides."""
    handled = team.send("handled")
    team.ok("done", handled, by="bob")
    team.ok("gc", "--days", "0", by="bob")
    lost = team.send("lost")
    _lose(team, lost)
    assert "handled and removed, or lost in a restore" in team.ok("trace", handled)
    repaired = team.ok("sync", "--repair")
    assert f"{_short(handled)} bob: not sent again: it is older than" in repaired
    assert f"`--force {_short(handled)}` sends it" in repaired
    assert f"{_short(lost)} bob: sent again" in repaired
    assert team.pending("bob") == [lost]
    assert team.run("resend", handled).code == 1
    assert "sent again" in team.ok("sync", "--repair", "--force", handled)
    assert team.pending("bob") == [handled, lost]


def _sent_before(team: Team, days: float, **fields: object) -> str:
    """Put a message of alice's into her `sent/` as if she had sent it so many days ago; its id."""
    whole = {"from": "alice", "type": "info", "to": ["bob"], "body": "old", **fields}
    name, data = encode(whole, clock.now() - int(days * _DAY * clock.SECOND))
    (team.box("alice") / "sent" / name).write_bytes(data)
    return name.partition(".")[0]


def test_the_shortest_retention_counts(team: Team) -> None:
    """A mailbox whose gc keeps 7 days is known to: mail of 8 days is listed only, that of 6 is sent."""
    sent = team.send("handled")
    team.ok("done", sent, by="bob")
    (path,) = team.box("bob").glob(f"inbox/done/{sent}*")
    os.utime(path, (time.time() - 25 * _DAY,) * 2)
    older, younger = _sent_before(team, 8), _sent_before(team, 6)
    assert f"{_short(older)} bob: would be sent again" in team.ok("sync", "--repair", "--dry-run")
    team.ok("gc", "--days", "20", by="bob")
    note = team.box("bob") / "inbox/.swept"
    note.write_text(note.read_text().replace("20}", "7}"))
    repaired = team.ok("sync", "--repair")
    assert f"{_short(older)} bob: not sent again: it is older" in repaired
    assert f"{_short(younger)} bob: sent again" in repaired


def test_a_shorter_retention_in_xw_json(team: Team) -> None:
    """What peers with this xw.json would have removed is listed only."""
    old = _sent_before(team, 2)
    assert "not on the hub" in team.ok("trace", old)
    config = json.loads((team.folder / "xw.json").read_text())
    (team.folder / "xw.json").write_text(json.dumps({**config, "retention_days": 1}))
    assert "handled and removed, or lost" in team.ok("trace", old)
    assert "not sent again" in team.run("resend", old).out


def test_older_than_any_retention(team: Team) -> None:
    """After 30 days, the hub's own limit, nothing goes by itself."""
    assert "not sent again: it is older" in team.run("resend", _sent_before(team, 31)).out
    assert "sent again" in team.ok("resend", _sent_before(team, 29))


def test_one_of_several_lost_it(team: Team) -> None:
    """Only the recipient who lost a message gets it again; the others' copies stay as they are."""
    sent = team.send("both", "--to", "carol")
    team.ok("done", sent, by="carol")
    _lose(team, sent)
    assert team.ok("resend", sent) == (
        f"{_short(sent)} bob: sent again\n{_short(sent)} carol: there already, done\n"
    )
    assert team.pending("carol") == []


def test_an_answer_shows_that_it_arrived(team: Team) -> None:
    """A message that its recipient has answered was not lost before it was handled."""
    sent = team.send("well?", kind="question")
    team.ok("reply", sent, "well", by="bob")
    _lose(team, sent)
    result = team.run("resend", sent)
    assert (result.code, "not sent again: bob has answered it" in result.out) == (1, True), result
    assert team.pending("bob") == []


def test_a_mailbox_that_is_gone_or_closed(team: Team) -> None:
    """Without a mailbox, or where a part of it cannot be seen, nothing is sent, and that is said."""
    sent = team.send("to both", "--to", "carol")
    shutil.rmtree(team.box("carol"))
    _lose(team, sent)
    (team.box("bob") / "inbox/done").rename(team.box("bob") / "inbox/elsewhere")
    result = team.run("resend", "--force", sent)
    assert result.code == 1
    assert "bob: not sent again: nobody can see whether it is there: bob/inbox/done" in result.out, result
    assert "carol: not sent again: the hub has no mailbox for it" in result.out
    assert team.pending("bob") == []
    assert "carol: not on the hub, which has no mailbox of this name" in team.ok("trace", sent)


def test_what_waits_in_the_outbox(team: Team) -> None:
    """Mail that was never delivered is not sent a second way, nor is later mail sent past it."""
    box = team.box("bob") / "inbox"
    first, second = team.send("first"), team.send("second")
    (box / "pending").rename(box / "away")
    shutil.copytree(box / "away", box / "kept")
    third = team.send("third")
    (box / "away").rename(box / "pending")
    result = team.run("resend", third, first)
    assert f"{_short(third)} bob: not sent again: it is in the outbox still: `xw sync`" in result.out
    assert f"{_short(first)} bob: there already, pending" in result.out
    assert team.pending("bob") == [first, second]


def test_damage_in_sent(team: Team, tmp_path: Path) -> None:
    """A damaged copy is never sent; a file that is gone or changed is left out, and that is said."""
    (tmp_path / "a.txt").write_text("a")
    sent = team.send("damaged")
    whole = team.send("whole", "--attach", str(tmp_path / "a.txt"))
    for one in (sent, whole):
        _lose(team, one)
    (path,) = team.box("alice").glob(f"sent/{sent}*")
    path.write_bytes(path.read_bytes().replace(b"damaged", b"dAmaged"))
    (team.box("alice") / "attachments" / whole / "a.txt").write_text("b")
    repaired = team.ok("sync", "--repair")
    assert f"{_short(sent)}: not sent again: its copy in sent/ cannot be used: " in repaired
    assert f"{_short(whole)} bob: sent again without its file a.txt, which " in repaired
    assert team.pending("bob") == [whole]
    assert team.json("resend", whole)["messages"][0]["outcome"] == "there"


def test_expired_mail_and_rooms(team: Team) -> None:
    """What has expired needs --force; a line to a room goes again, unless the room is closed."""
    team.ok("room", "create", "tea", "--members", "alice,bob")
    said = json.loads(team.run("room", "say", "tea", "hello", "--json").out)["id"]
    _lose(team, said, "tea")
    assert "tea: sent again" in team.ok("resend", said)
    _lose(team, said, "tea")
    (team.box("tea") / "card.json").unlink()
    assert "tea: not sent again: the hub has no mailbox for it" in team.run("resend", said).out
    late = _sent_before(team, 2, expires=clock.rfc3339(clock.now() - _DAY * clock.SECOND))
    assert "not sent again: it has expired" in team.run("resend", late).out


def test_usage(team: Team) -> None:
    """No id, a received message, and --force without --repair are said."""
    assert "`xw sync --repair` looks at all" in team.run("resend").err
    got = team.send("mine", by="bob", to="alice")
    assert team.run("resend", got).code == 3
    assert team.run("sync", "--force", got).code == 2
    assert team.run("sync", "--watch", "--repair").code == 2


def test_many_that_are_left_are_counted(team: Team) -> None:
    """A repair names 20 messages that it leaves, and counts the rest."""
    for number in range(23):
        team.ok("done", team.send(f"old {number}"), by="bob")
    team.ok("gc", "--days", "0", by="bob")
    lines = team.ok("sync", "--repair").splitlines()
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "and 3 more were not sent again: --json lists them"
    assert len(team.json("sync", "--repair")["repaired"]["messages"]) == 23


def test_gc_records_before_it_removes(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gc that dies while it removes handled mail has said before that the mail may be gone."""
    sent = team.send("handled")
    team.ok("done", sent, by="bob")
    remove_all = LocalFiles.remove_all
    seen = []

    def watched(self: LocalFiles, paths: Sequence[str]) -> list[OSError | None]:
        seen.append((team.box("bob") / "inbox/.swept").exists())
        return remove_all(self, paths)

    monkeypatch.setattr(LocalFiles, "remove_all", watched)
    team.ok("gc", "--days", "0", by="bob")
    assert seen[0] is True


@pytest.mark.parametrize("record", ["[[[", "{}", '{"before": "yesterday"}', ""])
def test_a_damaged_record_of_gc(team: Team, record: str) -> None:
    """If a mailbox's record of what gc removed cannot be read, any mail may be gone: it is listed only."""
    sent = team.send("lost")
    _lose(team, sent)
    (team.box("bob") / "inbox/.swept").write_text(record)
    assert "handled and removed, or lost" in team.ok("trace", sent)
    assert "not sent again" in team.run("resend", sent).out
    team.ok("gc", "--days", "0", by="bob")
    assert "sent again" in team.ok("resend", "--force", sent)
