"""`xw hub move` and `xw hub new-id` on hubs that are directories of this machine."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.team import Team, ended, until, watches
from xw import agent, errors, layout
from xw.files.local import LocalFiles
from xw.hub import identity
from xw.hub.directory import DirectoryHub


def moved(team: Team, *more: str) -> Path:
    """Move the team's hub; where it lies now."""
    new = team.folder.parent / "elsewhere"
    team.ok("hub", "move", str(new), *more)
    return new


def left(team: Team) -> list[str]:
    """All messages that lie at the old place."""
    return [str(path) for path in team.hub.rglob("*.json") if layout.is_message(path.name)]


def test_everybody_follows(team: Team, tmp_path: Path) -> None:
    """Nobody has to do anything: mail in every state, sent and unsent, files and names are found."""
    (tmp_path / "notes.txt").write_text("notes")
    task = team.send("with a file", "--attach", str(tmp_path / "notes.txt"), kind="task")
    handled = team.send("handled")
    team.ok("done", handled, by="bob")
    (team.box("carol") / "inbox/pending").rename(team.box("carol") / "inbox/away")
    assert "in the outbox for carol" in team.ok("send", "--to", "carol", "info", "later")
    (team.box("carol") / "inbox/away").rename(team.box("carol") / "inbox/pending")
    before = team.json("check", by="bob")
    new = moved(team)
    assert left(team) == []
    assert team.json("check", by="bob") == before
    assert f"{new}/bob/attachments/{task}/notes.txt" in team.ok("read", task, by="bob")
    assert "handled" in team.ok("log", by="bob")
    assert team.ok("sync").startswith("1 delivered")
    assert "later" in team.ok("check", by="carol")
    assert "done" in team.ok("trace", handled)
    team.send("after the move", by="bob", to="alice")
    assert "after the move" in team.ok("check")
    assert team.json("who")["hub"] == str(new)
    assert sorted(peer["description"] for peer in team.json("peers")["peers"]) == [
        "bob's description",
        "carol's description",
    ]


def test_what_it_says(team: Team) -> None:
    """It names both places and what to do next; again it is harmless; doctor names the new place."""
    new = team.folder.parent / "elsewhere"
    for _ in range(2):
        said = team.ok("hub", "move", str(new))
        assert f"from     {team.hub}\nto       {new}\nmoved    alice, bob, carol\n" in said
        assert f"set `hub` to {new}" in said
    (found,) = [one for one in team.json("doctor")["findings"] if one["code"] == "hub-moved"]
    assert (found["level"], str(new) in found["fix"]) == ("note", True)
    path = team.folder / "xw.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hub": str(new)}))
    assert "hub-moved" not in [one["code"] for one in team.json("doctor")["findings"]]
    assert json.loads((team.hub / "hub.json").read_text())["moved"] == str(new)
    assert team.json("hub", "move", str(new / "../again"))["to"] == str(new.parent / "again")


def test_where_it_cannot_go(team: Team) -> None:
    """Refused: a directory in itself, one of another hub, one that is not empty, a second place."""
    other = team.folder.parent / "other"
    other.mkdir()
    team.ok("init", "--name", "dave", "--hub", str(other / "hub"), "--config", str(other / "xw.json"))
    (other / "full").mkdir()
    (other / "full/file").touch()
    within = (team.hub, team.hub / "inside", team.hub.parent)
    for place, code in (*((place, 2) for place in within), (other / "hub", 6), (other / "full", 6)):
        result = team.run("hub", "move", str(place))
        assert (result.code, len(result.err.splitlines())) == (code, 1), result
    team.send("still here")
    moved(team)
    assert team.run("hub", "move", str(other / "new")).code == 6
    assert "still here" in team.ok("check", by="bob")


def test_where_a_hub_has_been(team: Team) -> None:
    """A place that a hub has left is refused, and one line says why; so is moving it from there again."""
    new = moved(team)
    result = team.run("hub", "move", str(team.hub), "--hub", str(new))
    assert (result.code, "a hub has left" in result.err) == (6, True), result
    result = team.run("hub", "move", str(new.parent / "third"))
    command = f"`xw hub move --hub {new} {new.parent}/third`"
    assert (result.code, command in result.err) == (6, True), result
    team.send("still here")
    assert "still here" in team.ok("check", by="bob")


def test_two_who_move_it(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who move a hub to different places at the same time, one is refused."""
    team.send("one hub")
    new = team.folder.parent / "elsewhere"
    third = [new.parent / "third"]
    leave_mark = identity.leave_mark

    def leave_it(files: LocalFiles, mark: str) -> None:
        leave_mark(files, mark)
        if third:
            team.ok("hub", "move", str(third.pop()))

    monkeypatch.setattr(identity, "leave_mark", leave_it)
    result = team.run("hub", "move", str(new))
    assert (result.code, f"has moved to {new.parent}/third" in result.err) == (6, True), result
    assert "one hub" in team.ok("check", by="bob")
    assert team.json("who")["hub"] == f"{new.parent}/third"


def test_who_waits_meanwhile(team: Team) -> None:
    """A `wait` for mail at the old place ends, and says where the hub is."""
    waiting = team.start("wait", "--timeout", "60", by="bob")
    until(lambda: watches(waiting.pid, team.box("bob") / "inbox/pending"))
    new = moved(team)
    result = ended(waiting)
    assert result.code == 5, result
    assert f"has moved to {new}" in result.err or "is being moved" in result.err  # it may look in between


def test_a_damaged_id(team: Team) -> None:
    """A hub whose id cannot be read is not moved, above all not into another hub."""
    other = team.folder.parent / "other"
    other.mkdir()
    team.ok("init", "--name", "bob", "--hub", str(other / "hub"), "--config", str(other / "xw.json"))
    DirectoryHub(None, str(other / "hub")).identity()
    (team.hub / "hub.id").write_text("rubbish\n")
    sent = team.run("send", "info", "mine", "--to", "bob")
    assert (sent.code, "has no valid hub.id" in sent.err) == (0, True)
    result = team.run("hub", "move", str(other / "hub"))
    assert (result.code, f"`xw hub new-id --hub {team.hub}`" in result.err) == (6, True), result
    assert "mine" in team.ok("check", by="bob")
    team.ok("hub", "new-id")
    assert "another hub" in team.run("hub", "move", str(other / "hub")).err
    moved(team)
    assert "mine" in team.ok("check", by="bob")


def test_while_somebody_serves(team: Team) -> None:
    """A hub is not moved from under a bridge; the message names who must stop."""
    with LocalFiles(str(team.hub)).locked("bob/outbox/.bridge.lock"):
        result = team.run("hub", "move", str(team.folder.parent / "elsewhere"))
        assert (result.code, "a bridge of bob runs" in result.err) == (6, True)
    team.send("nothing has happened")
    assert team.pending("bob")
    moved(team)


def test_a_process_that_has_opened_the_hub_before(team: Team) -> None:
    """It can send nothing to the old place: it is told where the hub lies, and nothing is kept or lost."""
    with agent.open("alice", config=str(team.folder / "xw.json")) as alice:
        new = moved(team)
        with pytest.raises(errors.Moved, match=str(new)) as raised:
            alice.send("bob", "info", "too late")
    assert (raised.value.word, raised.value.code, raised.value.url) == ("moved", 5, str(new))
    assert left(team) == []


def test_what_was_left_at_the_old_place_is_taken_along(team: Team) -> None:
    """Mail in an outbox at the old place, put there by a process from before, goes out as well."""
    task = team.send("first")
    new = moved(team)
    (mail,) = (new / "bob/inbox/pending").iterdir()
    outbox = team.hub / "alice/outbox/bob"
    outbox.mkdir(parents=True, exist_ok=True)
    os.rename(mail, outbox / mail.name)
    assert team.ok("sync").startswith("1 delivered")
    assert team.json("check", by="bob")["messages"][0]["id"] == task
    assert list(outbox.iterdir()) == []


def test_one_who_delivers_at_that_moment(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is linked into the folder while it is sealed is carried as well."""
    team.send("before")
    name, data = _another(team)
    handle = os.open(team.hub / "bob/inbox/pending", os.O_RDONLY)  # as a process has that publishes just now
    remove, late = LocalFiles.remove_empty_folder, [name]

    def remove_it(files: LocalFiles, path: str) -> None:
        if path.startswith("bob/") and late:
            target = os.open(late.pop(), os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=handle)
            os.write(target, data)
            os.close(target)
        remove(files, path)

    monkeypatch.setattr(LocalFiles, "remove_empty_folder", remove_it)
    moved(team)
    assert [one["body"] for one in team.json("check", by="bob")["messages"]] == ["before", "late"]
    with pytest.raises(FileNotFoundError):
        os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=handle)
    os.close(handle)


def _another(team: Team) -> tuple[str, bytes]:
    """A message to bob that nobody has got."""
    sent = team.send("late", to="bob")
    (path,) = (team.hub / "bob/inbox/pending").glob(f"{sent}.*")
    data = path.read_bytes()
    path.unlink()
    return path.name, data


def test_what_is_no_mail_is_left(team: Team) -> None:
    """A file that cannot be carried stays at the old place, and is named; the mail is carried."""
    team.send("mail")
    (team.hub / "bob/inbox/pending/rubbish").write_text("x")
    result = team.run("hub", "move", str(team.folder.parent / "elsewhere"))
    assert result.code == 0
    assert "bob/inbox/left/rubbish" in result.err
    assert "mail" in team.ok("check", by="bob")
    assert (team.hub / "bob/inbox/left/rubbish").read_text() == "x"


def test_while_it_moves(team: Team) -> None:
    """Between the steps nobody gets in, and the message names the command that completes the move."""
    new = team.folder.parent / "else where"
    path = team.hub / "hub.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2, "moving": str(new)}))
    for command in (("send", "--to", "bob", "info", "x"), ("check",), ("init", "--name", "dave")):
        result = team.run(*command)
        assert (result.code, f"`xw hub move --hub {team.hub} '{new}'` is complete\n" in result.err) == (
            5,
            True,
        ), result
    team.ok("hub", "move", str(new))
    team.send("x")


def test_rooms_go_along(team: Team) -> None:
    """A room, open or closed, has its members, its record and its mail at the new place."""
    team.ok("room", "create", "tea", "--members", "alice,bob", "--seed", "Tea or coffee?")
    assert team.run("room", "say", "tea", "Tea.").code == 0
    running = team.start("room", "run", "tea")
    until(lambda: "Tea." in team.ok("log", "--room", "tea"))
    running.terminate()
    running.wait()
    assert running.stdout and running.stderr
    running.stdout.close()
    running.stderr.close()
    said = team.ok("log", "--room", "tea")
    moved(team)
    assert team.ok("log", "--room", "tea") == said
    assert "tea" in team.ok("room", "list")


def test_new_id(team: Team) -> None:
    """A hub gets another id, once each time."""
    hub = DirectoryHub(None, str(team.hub))
    before = hub.identity()
    first = team.json("hub", "new-id")
    assert first == {"format": 1, "hub": str(team.hub), "id": hub.identity()}
    assert team.ok("hub", "new-id", "--hub", str(team.hub)).startswith(f"hub      {team.hub}\nid       ")
    assert len({before, first["id"], hub.identity()}) == 3
    assert team.run("hub", "new-id", "--hub", str(team.folder / "nowhere")).code == 5


def test_a_mark_without_a_place(team: Team) -> None:
    """A moved hub whose new place is relative is refused: each user would look in another directory."""
    moved(team)
    about = json.loads((team.hub / "hub.json").read_text())
    (team.hub / "hub.json").write_text(json.dumps({**about, "moved": "../moved"}))
    said = team.run("check")
    assert (said.code, "'../moved', not an absolute path or URL" in said.err) == (5, True), said
