"""`unregister`: mail goes back, the mailbox is kept, the name is free; safe to kill and to repeat."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import xw
from tests.cli.team import Team, call, forge, until
from xw.files.local import LocalFiles

CHANGES = ("publish_all", "move_all", "replace", "remove_empty_folder")


def archives(team: Team, name: str = "bob") -> list[Path]:
    """Return the archives of a name, oldest first."""
    return sorted(path for path in team.hub.iterdir() if path.name.startswith(f"{name}."))


def returned(team: Team, name: str) -> list[dict[str, Any]]:
    """Return postmaster's infos that wait for an instance."""
    found: list[dict[str, Any]] = team.json("check", "--all", "--from", "postmaster", by=name)["messages"]
    return found


def files_below(folder: Path) -> set[str]:
    """Return all paths below a folder, except locks."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".lock"}


def test_it_says_first_what_it_would_do(team: Team) -> None:
    """Without `--yes` nothing changes, and exit 2 comes with what would."""
    team.send("one")
    team.send("two", by="carol")
    before = files_below(team.folder)
    result = team.run("unregister", "bob")
    assert (result.code, result.out) == (2, "")
    assert "2 unhandled messages go back to their senders (alice 1, carol 1)" in result.err
    assert "`xw unregister bob --yes` does it" in result.err
    assert files_below(team.folder) == before
    for name, code in (("dave", 3), ("all", 2), ("../x", 2)):
        assert team.run("unregister", name).code == team.run("unregister", name, "--yes").code == code


def test_mail_goes_back_and_the_name_is_free(team: Team) -> None:
    """Senders learn of their unhandled mail, `all` no longer reaches it, and a new mailbox is empty."""
    done, waiting = team.send("handled"), team.send("waiting", kind="task")
    claimed = team.send("claimed", by="carol")
    team.ok("done", done, by="bob")
    path = next((team.box("bob") / "inbox/pending").glob(f"{claimed}*"))
    path.rename(team.box("bob") / "inbox/processing" / path.name)
    (team.box("bob") / "inbox/pending/stray").write_text("no mail")
    forge(team, "bob", **{"from": "postmaster"})
    forge(team, "bob", **{"from": "dave"})
    assert team.json("unregister", "bob", "--yes")["returned"] == [
        {"to": "alice", "id": waiting}, {"to": "carol", "id": claimed},
    ]  # fmt: skip
    for name, token in (("alice", waiting), ("carol", claimed)):
        (info,) = returned(team, name)
        assert (info["re"], info["protocol"]["failure"]) == (token, "gone")
        assert info["body"].startswith("Not delivered to bob: bob was unregistered before")
    assert team.json("send", "--to", "all", "info", "x")["delivered"] == ["carol"]
    assert team.run("send", "--to", "bob", "info", "x").code == 3
    assert "bob" not in json.loads((team.folder / "xw.json").read_text())["instances"]
    (archive,) = archives(team)
    assert len(list((archive / "inbox/done").iterdir())) == 1
    assert not (archive / "inbox/pending").exists()
    assert len(list((archive / "inbox/failed").glob("*.why.json"))) == 5
    assert "mailbox  bob (made)" in team.ok("init", "--name", "bob")
    assert team.ok("check", by="bob").startswith("no mail")
    assert team.ok("log", by="bob") == ""
    assert "unregistered bob" in team.ok("unregister", "bob", "--yes", by="bob")
    assert len(archives(team)) == 2


def test_mail_of_the_last_one_is_not_the_next_ones(team: Team) -> None:
    """Mail that one bob handled, or that went back, is no lost mail of another bob."""
    handled, back = team.send("handled"), team.send("goes back")
    team.ok("done", handled, by="bob")
    team.ok("unregister", "bob", "--yes")
    team.ok("init", "--name", "bob")
    new = team.send("for the new one")
    assert "sent again" not in team.ok("sync", "--repair").replace("not sent again", "")
    for one in (handled, back):
        assert team.run("resend", one).code == 1
        assert "resend" not in team.ok("trace", one)
    assert team.pending("bob") == [new]
    assert "sent again" in team.ok("resend", "--force", back)
    assert team.pending("bob") == [back, new]


def test_repeated(team: Team) -> None:
    """Once more it changes nothing, exits with 0, and forgets an entry of xw.json that was left."""
    team.send("one")
    team.ok("unregister", "bob", "--yes")
    path = team.folder / "xw.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "instances": {"alice": {}, "bob": {}}}))
    team.ok("unregister", "bob", "--yes")
    assert list(json.loads(path.read_text())["instances"]) == ["alice"]
    assert len(returned(team, "alice")) == 1
    assert len(archives(team)) == 1


class Killed(BaseException):
    """The process ended here."""


def test_killed_at_each_step(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended before or after any change on the disk, the same command completes it; nothing comes twice."""

    def killing(at: int, before: bool) -> Callable[[str], Callable[..., Any]]:
        left = [at]

        def wrapped(name: str) -> Callable[..., Any]:
            act = getattr(LocalFiles, name)

            def one(*arguments: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] == 0 and before:
                    raise Killed
                result = act(*arguments, **more)
                if left[0] == 0:
                    raise Killed
                return result

            return one

        return wrapped

    for step in range(1, 40):
        tokens = {team.send("one"), team.send("two", kind="task")}
        earlier = {info["id"] for info in returned(team, "alice")}
        killed = False
        with monkeypatch.context() as patch:
            wrap = killing((step + 1) // 2, before=bool(step % 2))
            for name in CHANGES:
                patch.setattr(LocalFiles, name, wrap(name))
            try:
                team.run("unregister", "bob", "--yes")
            except Killed:
                killed = True
        team.ok("unregister", "bob", "--yes")
        back = [info["re"] for info in returned(team, "alice") if info["id"] not in earlier]
        assert sorted(back) == sorted(tokens), step
        assert not (archives(team)[-1] / "inbox/pending").exists()
        assert "bob" not in json.loads((team.folder / "xw.json").read_text())["instances"]
        team.ok("init", "--name", "bob")
        assert team.pending("bob") == []
        if not killed:
            break
    assert 10 < step < 39


def test_mail_that_arrives_meanwhile(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message linked into the old folder after it was listed goes back too."""
    team.send("one")
    remove = LocalFiles.remove_empty_folder

    def late(files: LocalFiles, path: str) -> None:
        monkeypatch.setattr(LocalFiles, "remove_empty_folder", remove)
        forge(team, archives(team)[0].name, to=["bob"], body="late")
        remove(files, path)

    monkeypatch.setattr(LocalFiles, "remove_empty_folder", late)
    assert len(team.json("unregister", "bob", "--yes")["returned"]) == 2
    assert len(returned(team, "alice")) == 2


@pytest.mark.parametrize("step", ["publish_all", "store", "move_all"])
def test_a_send_at_that_moment(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A send that meets an unregistration sends nothing, says why, and makes no half mailbox."""
    (tmp_path / "a.txt").write_text("a")
    real = getattr(LocalFiles, step)

    def late(files: LocalFiles, items: Any, *rest: Any) -> object:
        if "bob/" in str((items[0].targets if step == "publish_all" else items, rest)):
            monkeypatch.setattr(LocalFiles, step, real)
            team.ok("unregister", "bob", "--yes", by="carol")
        return real(files, items, *rest)

    monkeypatch.setattr(LocalFiles, step, late)
    result = team.run(
        "send", "--to", "bob", "--to", "carol", "task", "x", "--attach", str(tmp_path / "a.txt")
    )
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("xw: bob has just left the hub; nothing was sent; try `xw send ")
    assert not team.box("bob").exists()
    assert team.pending("carol") == team.names("alice", "sent") == []
    assert len(archives(team)) == 1


def test_an_agent_whose_mailbox_has_left(team: Team) -> None:
    """What waits for, or asks for, the mail of an unregistered instance says that it is not on the hub."""
    team.send("one")
    with xw.open("bob", config=team.folder / "xw.json") as bob:
        begun = bob.arrivals(claim=True)
        next(begun)
        team.ok("unregister", "bob", "--yes")
        calls: tuple[Callable[[], object], ...] = (
            bob.check,
            lambda: bob.wait(timeout=60),
            lambda: next(bob.arrivals()),
            lambda: next(bob.arrivals(claim=True)),
            lambda: next(begun),
            lambda: bob.send("alice", "info", "x"),
        )
        for act in calls:
            with pytest.raises(xw.NotFound, match=r"bob is not on .* any more: `xw init --name bob`"):
                act()


def test_a_sender_who_cannot_take_it_back(team: Team) -> None:
    """One sender's closed mailbox delays nobody else's mail; the same command completes it later."""
    team.send("one", by="carol")
    team.send("two")
    pending = team.box("carol") / "inbox/pending"
    pending.rename(pending.with_name("away"))
    for _ in range(2):
        result = team.run("unregister", "bob", "--yes")
        assert (result.code, "bob is off the hub, but its mail cannot go back to carol" in result.err) == (
            1,
            True,
        )
        assert len(returned(team, "alice")) == 1
    pending.with_name("away").rename(pending)
    team.ok("unregister", "bob", "--yes")
    assert len(returned(team, "carol")) == len(returned(team, "alice")) == 1


def test_mail_in_the_senders_outbox(team: Team) -> None:
    """What still waited to be delivered comes back with the next sync; one's own is counted and kept."""
    for name in ("bob", "carol"):
        pending = team.box(name) / "inbox/pending"
        pending.rename(pending.with_name("away"))
        pending.write_text("in the way")
    team.send("old")
    team.send("to carol", by="bob", to="carol")
    assert team.json("unregister", "bob", "--yes")["unsent"] == 1
    assert len(list((archives(team)[0] / "outbox/carol").iterdir())) == 1
    team.ok("sync")
    assert [info["re"] for info in returned(team, "alice")] == [
        path.name.partition(".")[0] for path in (team.box("alice") / "sent").iterdir()
    ]


def test_refused(team: Team, tmp_path: Path) -> None:
    """A served instance, a room, and another user's instance stay as they are, with the reason."""
    bridge = team.start("bridge", "command", "--", "cat", by="bob")
    try:
        until(lambda: "bridge command" in team.ok("peers"))
        result = team.run("unregister", "bob", "--yes")
        assert (result.code, "a bridge of bob runs: stop it first" in result.err) == (6, True)
    finally:
        bridge.kill()
        bridge.communicate()
    dead = team.run("unregister", "bob", "--yes")
    assert (dead.code, "try again in half a minute" in dead.err) == (6, True)
    team.ok("room", "create", "tea", "--members", "bob")
    assert "xw room close tea" in team.run("unregister", "tea", "--yes").err
    (tmp_path / "other").mkdir()
    where = {"XW_NAME": "dave", "XW_HUB": str(team.hub), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    os.chown(team.hub, 61234, 61234)
    try:
        patched = pytest.MonkeyPatch()
        patched.setattr(os, "geteuid", lambda: 61235)
        other = call(tmp_path / "other", "unregister", "carol", "--yes", environ=where)
        patched.undo()
    finally:
        os.chown(team.hub, 0, 0)
    assert (other.code, "carol on" in other.err and "is in use elsewhere" in other.err) == (6, True)
    assert {"bob", "carol", "tea"} <= set(os.listdir(team.hub))
