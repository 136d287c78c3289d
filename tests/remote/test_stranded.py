"""Unsent mail of a hub that got another URL: named by init, sync and doctor, and sent by what they say.

Where the old mirror knows the hub's id, sync takes it over by itself (`test_renamed`): these are mirrors
of an older xw, which noted none.
"""

import grp
import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.remote.conftest import renamed
from tests.remote.machine import Machine, disconnect
from tests.ssh.sshd import Sshd
from xw import config, layout
from xw.actions.stranded import adopt
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.instance import Instance
from xw.mailbox import Mailbox
from xw.message import encode
from xw.mirror.carrier import Direct


def commands(line: str) -> list[list[str]]:
    """Return the commands in backticks, without `xw`."""
    return [shlex.split(part) for part in line.split("`")[1::2]]


def named(machine: Machine, *arguments: str, code: int = 0) -> str:
    """Return the one line on stderr in which a command names the mirror."""
    result = machine.run(*arguments)
    assert result.code == code, result
    (line,) = [line for line in (result.err + result.out).splitlines() if "unsent message" in line]
    return line


def left_behind(alice: Machine, known: Sshd, *more: str) -> str:
    """Send while the server is down; the folder of alice's mirror."""
    known.stop()
    disconnect()
    sent = alice.run("send", "--to", "bob", "task", "written while the server was down", *more)
    assert "in the outbox for bob" in sent.out
    known.start()
    forget(alice)
    return str(alice.mirror.parent)


def forget(alice: Machine) -> None:
    """Let the mirror be one of an older xw, which knew nothing of ids."""
    path = alice.mirror.parent / "mirror.json"
    path.write_text(json.dumps({"urls": json.loads(path.read_text())["urls"]}))


def test_another_name_of_the_host(alice: Machine, bob: Machine, known: Sshd, by_name: str) -> None:
    """The three commands name the mirror; sync exits 0, doctor 1; the old URL still sends."""
    old_url = alice.url
    mirror = left_behind(alice, known)
    renamed(alice, by_name)
    for arguments, code in ((("init", "--name", "alice"), 0), (("sync",), 0), (("doctor",), 1)):
        line = named(alice, *arguments, code=code)
        assert f"1 unsent message of alice for {old_url} in the mirror {mirror}" in line
    assert alice.run("sync", "--json").code == 0
    *_, again = commands(named(alice, "sync"))
    assert again == ["xw", "sync", "--as", "alice", "--hub", old_url]
    # The mirror in use holds nothing, so nothing is named by the old URL's own sync.
    before = (alice.folder / "xw.json").read_text()
    assert alice.ok(*again[1:]).startswith("1 delivered")
    assert (alice.folder / "xw.json").read_text() == before
    assert "written while the server was down" in bob.ok("check")
    assert alice.run("sync").err == ""
    assert alice.run("doctor").code == 0


def test_a_hub_that_moved(alice: Machine, bob: Machine, known: Sshd, hub: Path, tmp_path: Path) -> None:
    """If the old URL is dead, --adopt sends the mail, with its file, in order, ahead of newer mail."""
    (tmp_path / "notes.txt").write_text("notes")
    mirror = left_behind(alice, known, "--attach", str(tmp_path / "notes.txt"))
    alice.run("send", "--to", "bob", "info", "second", "--offline")
    new = f"{hub}-new"
    os.rename(hub, new)
    renamed(alice, alice.url + "-new")
    renamed(bob, bob.url + "-new")
    bob.ok("init", "--name", "bob")
    line = named(alice, "init", "--name", "alice")
    assert "2 unsent messages of alice" in line
    adopting, again = commands(line)
    assert "no hub at" in alice.run(*again[1:]).err
    assert adopting == ["xw", "sync", "--as", "alice", "--adopt", mirror]
    adopted = alice.run(*adopting[1:])
    assert (adopted.code, adopted.err) == (0, ""), adopted
    assert adopted.out.startswith("2 adopted, 2 delivered")
    shown = bob.ok("check")
    assert shown.index("written while") < shown.index("second")
    assert "notes.txt" in bob.ok("read", bob.pending()[0])
    assert alice.run(*adopting[1:]).out.startswith("0 delivered")  # again is harmless
    assert alice.run("doctor").code == 0
    # What was sent is known here now.
    assert "written while" in alice.ok("log")
    assert "pending" in alice.ok("trace", bob.pending()[0])


def test_other_places(
    alice: Machine, bob: Machine, known: Sshd, by_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mirrors in XW_STATE and in the user's state directory are found too; the command reaches them."""
    mirror = Path(left_behind(alice, known))
    renamed(alice, by_name)
    alice.run("init", "--name", "alice")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))
    (tmp_path / "states/xw/mirror").mkdir(parents=True)
    moved = tmp_path / "states/xw/mirror" / mirror.name
    shutil.move(mirror, moved)
    line = named(alice, "sync")
    assert str(moved) in line
    *_, again = commands(line)
    assert again[0] == f"XW_STATE={tmp_path}/states/xw"
    monkeypatch.setenv("XW_STATE", again[0].partition("=")[2])
    assert alice.run(*again[2:]).out.startswith("1 delivered")


def test_the_mirror_is_not_made_yet(alice: Machine, known: Sshd, by_name: str) -> None:
    """Before `init` with the new URL, doctor names the old mirror as well as what to do."""
    left_behind(alice, known)
    renamed(alice, by_name)
    found = alice.run("doctor")
    assert found.code == 1
    assert "no mirror of 'alice'" in found.out
    assert "1 unsent message of alice" in found.out


def test_only_mail_that_is_unsent(alice: Machine, bob: Machine, known: Sshd, by_name: str) -> None:
    """A mirror whose mail is all delivered, or refused, and one in use, are not named."""
    alice.send("bob", "delivered")
    (alice.mirror / "outbox/failed/x.json").write_text("{}")
    assert alice.run("send", "--offline", "--to", "bob", "info", "waits").code == 0
    assert "unsent message" not in alice.run("doctor", "--offline").out
    alice.ok("sync")
    renamed(alice, by_name)
    assert "unsent message" not in alice.run("init", "--name", "alice").err
    assert alice.run("sync").err == ""
    assert alice.run("doctor").code == 0


def test_what_cannot_be_read(alice: Machine, known: Sshd, by_name: str) -> None:
    """A mirror that cannot be read is named and holds nobody up; a damaged message stays and is named."""
    mirror = left_behind(alice, known)
    renamed(alice, by_name)
    alice.run("init", "--name", "alice")
    (message,) = Path(mirror, "alice/outbox/bob").iterdir()
    whole = message.read_bytes()
    message.write_bytes(whole[:-9])
    adopted = alice.run("sync", "--adopt", mirror)
    assert adopted.code == 1
    assert message.name in adopted.err
    assert message.exists()
    message.write_bytes(whole)
    shutil.rmtree(f"{mirror}/alice/outbox")
    Path(mirror, "alice/outbox").touch()
    result = alice.run("sync")
    assert result.code == 0
    assert f"{mirror}/alice/outbox: Not a directory" in result.err


def test_a_mirror_that_an_older_xw_made(alice: Machine, bob: Machine, known: Sshd, by_name: str) -> None:
    """Without a note of its URL the mirror is named all the same, and --adopt sends the mail."""
    mirror = left_behind(alice, known)
    assert json.loads(Path(mirror, "mirror.json").read_text())["urls"] == [alice.url]
    os.remove(Path(mirror, "mirror.json"))
    renamed(alice, by_name)
    (adopting,) = commands(named(alice, "init", "--name", "alice"))
    assert alice.ok(*adopting[1:]).startswith("1 adopted, 1 delivered")
    assert "written while" in bob.ok("check")


def test_adopting_overtakes_nothing(tmp_path: Path) -> None:
    """A message that cannot be read stays, and so does what follows it to the same peer; others are taken."""
    old, new = (Mailbox(LocalFiles(str(tmp_path / name)), "alice", mirror=True) for name in ("old", "new"))
    sent = []
    for number, (to, more) in enumerate((("bob", {"format": 2}), ("bob", {}), ("carol", {}))):
        fields = {"from": "alice", "type": "info", "to": [to], "body": "text", **more}
        name, data = encode(fields, 1_795_239_012_000_000 + number)
        folder = old.at(f"{layout.OUTBOX}/{to}")
        old.files.make_folder(folder)
        old.files.replace(data, folder, f"{folder}/{name}")
        sent.append(name)
    new.make()
    problems: list[str] = []
    hub = DirectoryHub(new.files, "hub")
    instance = Instance(new, hub, Direct(new, hub), config.NONE, new.files.root)
    assert adopt(instance, old.files.root, problems) == 1
    assert (old.outbox("bob"), new.outbox("bob"), new.outbox("carol")) == (sent[:2], [], sent[2:])
    (problem,) = problems
    assert sent[0] in problem


def test_adopting_into_a_mailbox_that_is_incomplete(tmp_path: Path) -> None:
    """A message that cannot be taken over is reported, and later ones to the same peer stay too."""
    old, new = (Mailbox(LocalFiles(str(tmp_path / name)), "alice", mirror=True) for name in ("old", "new"))
    old.make()
    new.make()
    fields: dict[str, object] = {"from": "alice", "type": "info", "to": ["bob"], "body": "text"}
    name, data = encode(fields, 1_795_239_012_000_000)
    folder = old.at(f"{layout.OUTBOX}/bob")
    old.files.make_folder(folder)
    old.files.replace(data, folder, f"{folder}/{name}")
    os.rmdir(tmp_path / "new/alice/sent")
    problems: list[str] = []
    hub = DirectoryHub(new.files, "hub")
    instance = Instance(new, hub, Direct(new, hub), config.NONE, new.files.root)
    assert adopt(instance, old.files.root, problems) == 0
    assert (old.outbox("bob"), len(problems)) == ([name], 1)


def test_adopting_nothing(alice: Machine, tmp_path: Path) -> None:
    """A folder that is not a mirror, and the mirror in use, are harmless."""
    result = alice.run("sync", "--adopt", str(tmp_path / "nowhere"))
    assert (result.code, "no mirror of 'alice'" in result.err) == (3, True)
    alice.ok("sync", "--adopt", str(alice.mirror.parent))
    assert alice.run("sync", "--watch", "--adopt", "x").code == 2


def test_a_configuration_elsewhere(
    alice: Machine, bob: Machine, known: Sshd, by_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror beside an unused xw.json is named, with commands that reach it from there."""
    mirror = left_behind(alice, known)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    os.rename(alice.folder / "xw.json", moved / "xw.json")
    monkeypatch.chdir(tmp_path)
    named(alice, "init", "--name", "alice", "--config", str(moved / "xw.json"))
    line = named(alice, "sync", "--config", str(moved / "xw.json"))
    assert f"1 unsent message of alice for {alice.url} in the mirror {mirror}" in line
    adopting, _ = commands(line)
    assert f"--config {moved}/xw.json" in shlex.join(adopting)
    assert alice.ok(*adopting[1:]).startswith("1 adopted, 1 delivered")
    assert "written while" in bob.ok("check")


def test_another_xw_state(
    alice: Machine, bob: Machine, known: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror in the folder that XW_STATE named yesterday is found today."""
    monkeypatch.setenv("XW_STATE", str(tmp_path / "yesterday"))
    alice.ok("init", "--name", "alice")
    known.stop()
    disconnect()
    assert alice.run("send", "--to", "bob", "task", "written yesterday", "--offline").code == 0
    known.start()
    monkeypatch.setenv("XW_STATE", str(tmp_path / "today"))
    line = named(alice, "init", "--name", "alice")
    assert f"in the mirror {tmp_path}/yesterday/mirror/" in line
    adopting, again = commands(line)
    assert again[0] == f"XW_STATE={tmp_path}/yesterday"
    assert alice.ok(*adopting[1:]).startswith("1 adopted, 1 delivered")
    assert alice.run("sync").err == ""


def test_a_copy_of_the_configuration(
    alice: Machine, known: Sshd, by_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the same instance now works by another xw.json, its mail beside the first is named."""
    mirror = left_behind(alice, known)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "xw.json").write_text((alice.folder / "xw.json").read_text().replace(alice.url, by_name))
    monkeypatch.setenv("XW_CONFIG", str(copy / "xw.json"))
    line = named(alice, "init", "--name", "alice")
    assert f"in the mirror {mirror}" in line
    assert f"`cd {alice.folder} && xw sync`" in line
    assert "unsent message" in alice.run("sync").err


def test_a_mirror_that_another_project_uses(alice: Machine, bob: Machine, known: Sshd) -> None:
    """Mail that waits in another project for its own sync is a note of doctor's, and nobody's warning."""
    left_behind(alice, known)
    assert "unsent message" not in bob.run("sync").err
    found = bob.run("doctor")
    assert found.code == 0
    assert f"the project in {alice.folder} uses it: `cd {alice.folder} && xw sync`" in found.out
    alice.ok("sync")
    assert "unsent message" not in bob.run("doctor").out


@pytest.mark.parametrize("about", ["nothing", "half", "no object", "a folder"])
def test_a_note_of_its_url_that_cannot_be_read(
    alice: Machine, bob: Machine, known: Sshd, by_name: str, about: str
) -> None:
    """Without a readable `mirror.json` the mirror is named all the same, and --adopt sends the mail."""
    path = Path(left_behind(alice, known), "mirror.json")
    text = {"nothing": "", "half": '{"urls": ["ssh', "no object": "[]"}.get(about)
    path.unlink()
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    renamed(alice, by_name)
    (adopting,) = commands(named(alice, "init", "--name", "alice"))
    assert alice.ok(*adopting[1:]).startswith("1 adopted, 1 delivered")
    assert "written while" in bob.ok("check")


def test_notes_of_mirrors_that_are_gone(alice: Machine, tmp_path: Path) -> None:
    """A removed mirror is forgotten and an invalid note ignored; neither ends a command."""
    alice.ok("sync")
    notes = Path(config.noted_mirrors())
    (kept,) = [path for path in notes.iterdir() if str(alice.folder) in path.read_text()]
    (notes / "strange.json").write_text("[]")
    (notes / "half.json").write_text('{"mirror": "/x')
    (notes / "gone.json").write_text(json.dumps({"mirror": f"{tmp_path}/gone", "config": "\0"}))
    (notes / "folder.json").mkdir(exist_ok=True)
    assert alice.run("sync").err == ""
    assert kept.exists()
    shutil.rmtree(notes)
    notes.write_text("no folder")
    assert alice.run("sync").err == ""
    notes.unlink()


def test_root_notes_nothing_in_the_home_of_another(
    alice: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the state directory is another user's, as under sudo, root leaves nothing in it."""
    (tmp_path / "state").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if os.geteuid() == 0:
        os.chown(tmp_path / "state", 12345, 12345)
        alice.ok("sync")
        assert list((tmp_path / "state").iterdir()) == []
        os.chown(tmp_path / "state", 0, 0)
    alice.ok("sync")
    assert len(list((tmp_path / "state/xw/mirrors").iterdir())) == 1


def test_a_group_for_a_new_hub_on_another_host(known: Sshd, tmp_path: Path) -> None:
    """`init --group` for a new hub on another host is a usage error that says where to run it."""
    machine = Machine(tmp_path / "carol", "carol", f"ssh://127.0.0.1:{known.port}{tmp_path}/shared")
    group = grp.getgrgid(os.getgid()).gr_name
    result = machine.run("init", "--name", "carol", "--hub", machine.url, "--group", group)
    assert result.code == 2
    assert f"run `xw init --group {group} --hub PATH` on it" in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "shared").exists()
    assert not (machine.folder / "xw.json").exists()
