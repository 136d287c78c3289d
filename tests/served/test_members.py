"""`xw hub invite`, `members`, `remove` and `rename` on the hub's host: what they print, change and leave."""

import json
import os
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Result, call
from tests.guarantees.killing import at_each_change
from tests.ssh.sshd import keygen, public
from xw import clock, layout
from xw.actions import inviting, members
from xw.errors import NotFound
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.served import authorized, invitation
from xw.hub.served.authorized import KeysFile
from xw.hub.served.entries import Entry, fingerprint, written
from xw.instance import Options
from xw.post import Draft, send


class Host:
    """A hub in a directory, its file of keys, and members with keys of their own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.hub = place / "hub"
        self.file = place / "keys"
        self.key = keygen(place / "host")

    def run(self, *arguments: str) -> Result:
        """Run `xw hub` on this hub and these keys."""
        own = ("--hub", str(self.hub), "--authorized-keys", str(self.file))
        return call(self.place, "hub", *arguments, *own)

    def json(self, *arguments: str) -> Any:
        """Return what a command that must succeed prints with --json."""
        result = self.run(*arguments, "--json")
        assert result.code == 0, result
        return json.loads(result.out)

    def invite(self, name: str, *more: str) -> Any:
        """Invite somebody."""
        return self.json("invite", name, "--host", "you@server", "--host-key", f"{self.key}.pub", *more)

    def member(self, name: str, mailbox: bool = True) -> str:
        """Make somebody a member, with a mailbox; return the key's fingerprint."""
        made = self.invite(name)
        key = public(keygen(self.place / f"key-{name}-{len(os.listdir(self.place))}"))
        authorized.accept(KeysFile(str(self.file)), made["key"], str(self.hub), name, key, clock.now())
        if mailbox:
            self.opened().register(name, {"name": name, "kind": "agent", "description": f"{name}, at work"})
        return fingerprint(key)

    def opened(self) -> DirectoryHub:
        """Return the hub."""
        return DirectoryHub(LocalFiles(str(self.hub)), str(self.hub))

    def names(self) -> list[str]:
        """Return the names of the keys' entries, and of the invitations, marked."""
        entries = KeysFile(str(self.file)).entries(str(self.hub))
        return sorted(f"{one.name}?" if one.invited else one.name for one in entries if not one.used)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def mail(host: Host, sender: str, to: str, body: str) -> None:
    """Put a message into a mailbox."""
    hub = host.opened()
    send(hub.mailbox(sender), hub, Draft("task", (to,), body), clock.now)


def bodies(host: Host, name: str) -> list[str]:
    """Return the bodies that wait for somebody."""
    box = host.opened().mailbox(name)
    return [
        json.loads((host.hub / box.at(layout.INBOX["pending"], one)).read_bytes())["body"]
        for one in box.pending()
    ]


def test_the_printed_line(host: Host) -> None:
    """The line is one line on stdout, with the hub's URL as others name it; the hub is made if missing."""
    host.hub = host.place / "my hub's"
    made = host.run(
        "invite", "alice", "--host", "you@server:2222", "--host-key", f"{host.key}.pub", "--days", "2"
    )
    assert made.out.count("\n") == 1 and made.err.count("\n") == 3
    words = shlex.split(made.out)
    url = f"ssh://you@server:2222{host.place}/my%20hub%27s"
    assert words[:-1] == ["xw", "init", "--name", "alice", "--hub", url, "--invite"]
    word = invitation.read(words[-1])
    assert word.hub_id == host.opened().identity()
    assert word.host_key == invitation.host_key(f"{host.key}.pub")
    assert 0 < clock.now() + 2 * 86400 * clock.SECOND - word.until < 60 * clock.SECOND
    (entry,) = KeysFile(str(host.file)).entries()
    assert (entry.name, entry.invited, entry.hub, entry.file) == (
        "alice",
        True,
        str(host.hub),
        str(host.file),
    )
    assert f"{entry.until[:16]}" == clock.brief(word.until)[:16]


def test_the_host_s_own_name(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --host the line has this machine's name and user, and stderr says so."""
    monkeypatch.setattr("socket.gethostname", lambda: "hub-host")
    made = host.run("invite", "alice", "--host-key", f"{host.key}.pub")
    assert f"@hub-host{host.hub} " in made.out
    assert "names this host hub-host" in made.err and "--host" in made.err


def test_modes_that_sshd_minds(host: Host) -> None:
    """If others can write the file of keys, or its folder, the owner is told: sshd would ignore it."""
    quiet = host.run("invite", "alice", "--host", "you@server", "--host-key", f"{host.key}.pub").err
    host.file.chmod(0o666)
    told = host.run("invite", "alice", "--host", "you@server", "--host-key", f"{host.key}.pub").err
    assert "go-w" not in quiet and f"{host.file} can be written by others" in told


@pytest.mark.parametrize(
    ("more", "code", "reason"),
    [
        (["Alice", "--host-key", "KEY"], 2, "is not an instance name"),
        (["postmaster", "--host-key", "KEY"], 2, "reserved"),
        (["alice", "--host-key", "nowhere.pub"], 2, "--host-key FILE"),
        (["alice", "--host-key", "KEY", "--days", "0"], 2, "from 1 to 3,650"),
        (["alice", "--host-key", "KEY", "--host", "you@-x"], 2, "is not a host name"),
    ],
)
def test_a_wrong_invitation(host: Host, more: list[str], code: int, reason: str) -> None:
    """A wrong call says what is wrong, and makes neither hub nor key."""
    result = host.run("invite", *(f"{host.key}.pub" if word == "KEY" else word for word in more))
    assert (result.code, result.out) == (code, "") and reason in result.err, result
    assert not host.file.exists() and not host.hub.exists()


def test_only_on_the_host(host: Host) -> None:
    """For a hub on another host each command says where it is run."""
    for command in (["invite", "a"], ["members"], ["remove", "a"], ["rename", "a", "b"]):
        result = call(host.place, "hub", *command, "--hub", "ssh://server/srv/hub")
        assert (result.code, "run this there" in result.err) == (2, True), result


def test_members(host: Host) -> None:
    """It lists keys, open invitations and mailboxes without a key, and no spent invitation."""
    key = host.member("alice")
    host.invite("bob")
    host.opened().register("carol", {"name": "carol", "kind": "agent"})
    host.member("dave", mailbox=False)
    found = {one["name"]: one for one in host.json("members")["members"]}
    assert [*found] == ["alice", "bob", "carol", "dave"]
    facts = {
        name: (one["key"] == key, bool(one["invited_until"]), one["mailbox"]) for name, one in found.items()
    }
    assert facts == {
        "alice": (True, False, True), "bob": (False, True, False),
        "carol": (False, False, True), "dave": (False, False, False),
    }  # fmt: skip
    lines = host.run("members").out.splitlines()
    assert lines[0].startswith(f"alice {key}; since 20") and lines[2].startswith("carol no key")
    assert "invited until" in lines[1] and lines[3].endswith("no mailbox yet")


def test_a_line_by_hand_is_a_member_s(host: Host) -> None:
    """A line that somebody wrote is listed, renamed with its other options, and removed."""
    host.member("bob")
    key = public(keygen(host.place / "own"))
    with host.file.open("a") as file:
        file.write(f'from="10.*",command="xw hub serve --as carol {host.hub}" {key} me, since long\n')
    assert "carol" in host.run("members").out
    host.json("rename", "carol", "dave")
    line = host.file.read_text().splitlines()[-1]
    assert ',from="10.*" ' in line and "--as dave" in line
    host.json("remove", "dave")
    assert host.names() == ["bob"]


def test_remove(host: Host) -> None:
    """The keys and invitations go, the mailbox stays; --unregister takes it off, and its mail goes back."""
    keys = [host.member("alice"), host.member("alice")]
    host.invite("alice")
    host.member("bob")
    mail(host, "bob", "alice", "Do it")
    gone = host.json("remove", "alice")
    assert (gone["keys"], len(gone["invitations"]), gone["mailbox"]) == (keys, 1, True)
    assert host.names() == ["bob"] and bodies(host, "alice") == ["Do it"]
    again = host.run("remove", "alice")
    assert again.code == 3 and "--unregister" in again.err
    preview = host.run("remove", "alice", "--unregister")
    assert (preview.code, preview.out) == (2, "") and bodies(host, "alice") == ["Do it"], preview
    assert "1 unhandled message goes back to its sender (bob 1)" in preview.err and "--yes" in preview.err
    gone = host.json("remove", "alice", "--unregister", "--yes")
    assert (gone["mailbox"], gone["returned"][0]["to"]) == (False, "bob")
    assert not (host.hub / "alice").exists() and os.path.isdir(gone["archives"][0])
    assert host.json("remove", "alice", "--unregister", "--yes")["archives"] == gone["archives"]
    assert host.run("remove", "eve").code == host.run("remove", "eve", "--unregister").code == 3


def test_the_file_of_keys_is_remembered(host: Host, tmp_path: Path) -> None:
    """The commands read the file that `invite` wrote, and name it; the option still names another one."""
    key = host.member("alice")
    told = host.run("invite", "bob", "--host", "you@server", "--host-key", f"{host.key}.pub").err
    assert f"the invitation is in {host.file}" in told
    hub = ("--hub", str(host.hub))
    assert call(host.place, "hub", "members", *hub).out.startswith(f"alice {key}; since")
    other = ("--authorized-keys", str(tmp_path / "other"))
    listed = call(host.place, "hub", "members", *hub, *other).out
    assert f"alice no key in {tmp_path / 'other'}" in listed
    wrong = call(host.place, "hub", "remove", "alice", *hub, *other)
    assert (wrong.code, f"whose keys are in {tmp_path / 'other'}" in wrong.err) == (3, True), wrong
    renamed = call(host.place, "hub", "rename", "alice", "alicia", *hub)
    assert f"with 1 key in {host.file}" in renamed.out
    gone = call(host.place, "hub", "remove", "alicia", *hub)
    assert f"removed  the key {key} from {host.file}" in gone.out
    assert host.names() == ["bob?"]
    line = call(host.place, "hub", "invite", "eve", "--host-key", f"{host.key}.pub", *hub)
    assert line.code == 0 and host.names() == ["bob?", "eve?"]


def test_mail_to_a_former_name(host: Host) -> None:
    """Whoever writes to a member's former name is told the present one, also after a second rename."""
    for name in ("alice", "bob"):
        host.member(name)
    for old, new in (("alice", "alicia"), ("alicia", "alina")):
        host.json("rename", old, new)
        for was in {"alice", old}:
            told = call(
                host.place, "send", "info", "hello", "--to", was, "--as", "bob", "--hub", str(host.hub)
            )
            assert (told.code, f"{was} is {new} now" in told.err) == (3, True), told
    host.json("rename", "alina", "alice")
    sent = call(host.place, "send", "info", "hello", "--to", "alice", "--as", "bob", "--hub", str(host.hub))
    assert sent.code == 0, sent
    assert (
        "alina is alice now"
        in call(
            host.place, "send", "info", "hello", "--to", "alina", "--as", "bob", "--hub", str(host.hub)
        ).err
    )
    host.json("remove", "alice", "--unregister", "--yes")
    with pytest.raises(NotFound) as told_nothing:
        host.opened().peer("alina")
    assert "now" not in str(told_nothing.value)


def test_rename(host: Host) -> None:
    """The keys and the card have the new name; the old mailbox is archived, and its mail goes back."""
    key = host.member("alice")
    host.member("bob")
    host.invite("alice")
    mail(host, "bob", "alice", "Do it")
    renamed = host.json("rename", "alice", "alicia")
    assert (renamed["keys"], renamed["returned"][0]["to"]) == ([key], "bob")
    assert host.names() == ["alicia", "bob"]
    hub = host.opened()
    assert hub.instances() == ["alicia", "bob"]
    assert hub.peer("alicia").description == "alice, at work"
    assert bodies(host, "alicia") == [] and len(bodies(host, "bob")) == 1
    assert os.path.isdir(renamed["archives"][0])
    assert host.run("rename", "alice", "alicia").code == 3


def test_a_name_that_is_taken(host: Host) -> None:
    """A name with a key, an invitation or a mailbox is not given to another member; nothing changes."""
    host.member("alice")
    host.member("bob")
    host.invite("carol")
    host.opened().register("dave", {"name": "dave", "kind": "agent"})
    before = host.file.read_bytes()
    for new in ("bob", "carol", "dave"):
        assert host.run("rename", "alice", new).code == 6
    assert host.run("rename", "alice", "alice").code == 2
    assert host.run("rename", "dave", "eve").code == 3  # a mailbox, but no member
    assert (host.file.read_bytes(), host.opened().instances()) == (before, ["alice", "bob", "dave"])


def test_no_rename_under_a_bridge(host: Host) -> None:
    """While a bridge takes the member's mail, a rename is refused before anything changes."""
    host.member("alice")
    before = host.file.read_bytes()
    files = LocalFiles(str(host.hub))
    with files.locked(f"alice/{layout.BRIDGE_LOCK}"):
        result = host.run("rename", "alice", "alicia")
        assert (result.code, "a bridge of alice runs" in result.err) == (6, True), result
        assert host.file.read_bytes() == before
        removed = host.run("remove", "alice", "--unregister", "--yes")
        assert (removed.code, "the keys of alice are out, its mailbox is not" in removed.err) == (6, True), (
            removed
        )
    assert host.json("remove", "alice", "--unregister", "--yes")["archives"]


@pytest.mark.parametrize("command", ["invite", "remove", "rename"])
def test_a_kill_at_each_change(host: Host, command: str) -> None:
    """Killed at any change of a file, the same command completes it: nothing is lost or there twice."""
    host.member("alice")
    host.member("bob")
    mail(host, "bob", "alice", "Do it")
    host.opened().identity()
    kept = host.place / "kept"
    shutil.copytree(host.hub, kept / "hub", symlinks=True)
    shutil.copy(host.file, kept / "keys")
    options = Options(hub=str(host.hub))
    file = str(host.file)
    acts: dict[str, Callable[[], object]] = {
        "invite": lambda: inviting.invite(
            options, "carol", 7, "server", f"{host.key}.pub", file, lambda _: None, {}
        ),
        "remove": lambda: members.remove(options, "alice", True, True, file, {}),
        "rename": lambda: members.rename(options, "alice", "alicia", file, {}),
    }

    def fresh() -> None:
        shutil.rmtree(host.hub)
        shutil.copytree(kept / "hub", host.hub, symlinks=True)
        shutil.copy(kept / "keys", host.file)

    def check() -> None:
        with suppress(NotFound):  # it was complete
            acts[command]()
        hub = host.opened()
        wanted = {"invite": ["alice", "bob", "carol?"], "remove": ["bob"], "rename": ["alicia", "bob"]}
        assert host.names() == wanted[command]
        assert hub.instances() == [name for name in wanted[command] if not name.endswith("?")]
        entries = [one for one in KeysFile(file).entries() if not one.invited]
        assert [one.was for one in entries] == [""] * len(entries)
        if command == "invite":
            assert bodies(host, "alice") == ["Do it"]
        else:
            assert len(bodies(host, "bob")) == 1
        if command == "rename":
            assert hub.peer("alicia").description == "alice, at work"

    assert at_each_change(acts[command], fresh, check) >= {"invite": 2, "remove": 10, "rename": 14}[command]


def test_two_hubs_in_one_file(host: Host, tmp_path: Path) -> None:
    """Names on another hub in the same account are others', whatever is removed or renamed here."""
    host.member("alice")
    other = Entry(public(keygen(tmp_path / "other")), f"{host.hub}-other", "alice")
    KeysFile(str(host.file)).change(lambda lines: [*lines, written(other)])
    host.json("rename", "alice", "alicia")
    host.json("remove", "alicia")
    assert [one for one in KeysFile(str(host.file)).entries() if not one.invited] == [other]


def test_a_hub_that_moved_on_its_host(host: Host) -> None:
    """After `hub move` the lines of members name the old place, and still belong to the hub."""
    key = host.member("alice")
    old, new = host.hub, host.place / "new"
    assert call(host.place, "hub", "move", str(new), "--hub", str(old)).code == 0
    allowed = authorized.Allowed(str(host.file), key, "alice", str(old))
    assert allowed()
    host.hub = new
    assert [one["key"] for one in host.json("members")["members"]] == [key]
    assert host.json("rename", "alice", "alicia")["keys"] == [key]
    assert host.json("remove", "alicia")["keys"] == [key]
    assert not allowed()


def test_a_room_is_nobody_s(host: Host) -> None:
    """The name of a room is given to no key, not even after it is closed."""
    host.member("alice")
    assert call(host.place, "room", "create", "tea", "--members", "alice", "--hub", str(host.hub)).code == 0
    for _ in range(2):
        before = host.file.read_bytes()
        for command in (
            ("invite", "tea", "--host", "you@server", "--host-key", f"{host.key}.pub"),
            ("rename", "alice", "tea"),
        ):
            result = host.run(*command)
            assert (result.code, "is a room" in result.err) == (6, True), result
        assert host.file.read_bytes() == before
        host.opened().rooms().close("tea")
