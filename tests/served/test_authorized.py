"""The file authorized_keys under change: other lines, links, crashes, many at once, and running servers."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.guarantees.killing import at_each_change
from tests.ssh.sshd import keygen, public
from xw import clock
from xw.errors import Refused
from xw.hub.served import authorized
from xw.hub.served.authorized import Allowed, KeysFile
from xw.hub.served.entries import Entry, Line, fingerprint, written

OTHERS = (
    b"# my keys\r\n\r\n"
    b'from="10.*",command="say \\"hi, there\\"" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== me\xff\n'
    b"\tssh-ed25519 damaged\n"
    b"no line break at the end"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Four public keys."""
    folder = tmp_path_factory.mktemp("made")
    return [public(keygen(folder / str(number))) for number in range(4)]


@pytest.fixture
def hub(tmp_path: Path) -> str:
    (tmp_path / "hub").mkdir()
    return str(tmp_path / "hub")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ssh" / "authorized_keys"
    path.parent.mkdir()
    path.write_bytes(OTHERS)
    path.chmod(0o640)
    return path


def invited(key: str, hub: str, name: str = "alice", days: float = 1.0) -> Entry:
    until = clock.brief(clock.now() + round(days * 86400) * clock.SECOND)
    return Entry(key, hub, name, invited=True, since=clock.brief(clock.now()), until=until)


def others(file: Path) -> bytes:
    """Return the lines that are not xw's."""
    return b"\n".join(line.raw for line in KeysFile(str(file)).lines() if not line.entry)


def test_other_lines_stay(file: Path, hub: str, made: list[str]) -> None:
    """Through each change the other lines stay byte for byte, and the file keeps its mode."""
    keys = KeysFile(str(file))
    now = clock.now()
    authorized.invite(keys, invited(made[0], hub), now)
    assert file.read_bytes().startswith(OTHERS + b"\n")
    authorized.accept(keys, fingerprint(made[0]), hub, "alice", f"{made[1]} alice@east", now)
    authorized.rename(keys, hub, "alice", "bob")
    authorized.complete(keys, hub, "bob")
    assert [(one.name, one.key, one.was) for one in keys.entries(hub)] == [("bob", made[1], "")]
    authorized.remove(keys, hub, "bob")
    assert file.read_bytes() == OTHERS + b"\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_private(tmp_path: Path, hub: str, made: list[str]) -> None:
    """A missing file is made 0600, in a folder 0700."""
    file = tmp_path / "new" / "authorized_keys"
    authorized.invite(KeysFile(str(file)), invited(made[0], hub), clock.now())
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_stays_a_link(tmp_path: Path, file: Path, hub: str, made: list[str]) -> None:
    """A link is followed: its target changes, and it leads there as before. A broken one is refused."""
    link = tmp_path / "link"
    link.symlink_to(file)
    authorized.invite(KeysFile(str(link)), invited(made[0], hub), clock.now())
    assert link.is_symlink() and file.read_bytes().startswith(OTHERS)
    assert [one.name for one in KeysFile(str(link)).entries(hub)] == ["alice"]
    link.unlink()
    link.symlink_to(tmp_path / "nowhere" / "keys")
    with pytest.raises(Refused, match="fix the link"):
        KeysFile(str(link))
    assert link.is_symlink()
    with pytest.raises(Refused, match="not a regular file"):
        KeysFile(str(tmp_path))


def test_one_key_one_mailbox(file: Path, hub: str, made: list[str]) -> None:
    """A key that has a line, whosever it is, is not given a second one: sshd would use the first."""
    keys = KeysFile(str(file))
    with file.open("a") as opened:
        opened.write(f"\n{made[3]} the owner's own\n")
    for number, name in enumerate(("alice", "bob")):
        authorized.invite(keys, invited(made[number], hub, name), clock.now())
    authorized.accept(keys, fingerprint(made[0]), hub, "alice", made[2], clock.now())
    before = file.read_bytes()
    for key, whose in (
        (made[2], "the member alice"),
        (made[3], "somebody else"),
        (made[1], "the member bob"),
    ):
        with pytest.raises(Refused, match=whose):
            authorized.accept(keys, fingerprint(made[1]), hub, "bob", key, clock.now())
    assert file.read_bytes() == before


def test_an_invitation_is_used_once(file: Path, hub: str, made: list[str]) -> None:
    """The same key may repeat it; another key is told who used it; another name or hub is refused."""
    keys = KeysFile(str(file))
    authorized.invite(keys, invited(made[0], hub), clock.now())
    word = fingerprint(made[0])
    with pytest.raises(Refused, match="for alice, not bob"):
        authorized.accept(keys, word, hub, "bob", made[1], clock.now())
    with pytest.raises(Refused, match="taken back"):
        authorized.accept(keys, word, f"{hub}-other", "alice", made[1], clock.now())
    one = authorized.accept(keys, word, hub, "alice", made[1], clock.now())
    assert authorized.accept(keys, word, hub, "alice", made[1], clock.now()) == one
    with pytest.raises(Refused, match=f"used before, by the key {fingerprint(made[1])}".replace("+", r"\+")):
        authorized.accept(keys, word, hub, "alice", made[2], clock.now())
    authorized.remove(keys, hub, "alice")
    for key in made[1:3]:
        with pytest.raises(Refused, match="taken back"):
            authorized.accept(keys, word, hub, "alice", key, clock.now())


def test_an_invitation_expires(file: Path, hub: str, made: list[str]) -> None:
    """After its time it is refused; the next invitation removes it, and replaces one of the same name."""
    keys = KeysFile(str(file))
    old = invited(made[0], hub, days=-1.0)
    authorized.invite(keys, old, clock.now() - 2 * 86400 * clock.SECOND)
    with pytest.raises(Refused, match="expired at"):
        authorized.accept(keys, old.fingerprint, hub, "alice", made[1], clock.now())
    authorized.invite(keys, invited(made[1], hub, "bob"), clock.now())
    authorized.invite(keys, invited(made[2], hub, "bob"), clock.now())
    assert [one.key for one in keys.entries(hub)] == [made[2]]


def test_another_program_s_change_stays(file: Path, hub: str, made: list[str]) -> None:
    """A line that another program adds while xw makes its own is not lost."""
    keys = KeysFile(str(file))
    added = b"\nssh-ed25519 AAAA added meanwhile\n"
    calls = []

    def edit(lines: list[Line]) -> list[Line]:
        calls.append(len(lines))
        if len(calls) == 1:
            with file.open("ab") as opened:
                opened.write(added)
        return [*lines, written(invited(made[0], hub))]

    keys.change(edit)
    assert added in file.read_bytes()
    assert len(calls) == 2 and calls[1] > calls[0]
    assert len(keys.entries(hub)) == 1


def test_a_kill_at_each_change(file: Path, hub: str, made: list[str]) -> None:
    """A kill at any change leaves the old file or the new one, and the repeated step completes it."""
    keys = KeysFile(str(file))
    now = clock.now()
    first, second = invited(made[0], hub), invited(made[2], hub)
    steps: tuple[Callable[[], object], ...] = (
        lambda: authorized.invite(keys, first, now),
        lambda: authorized.accept(keys, first.fingerprint, hub, "alice", made[1], now),
        lambda: authorized.rename(keys, hub, "alice", "bob"),
        lambda: authorized.complete(keys, hub, "bob"),
        lambda: authorized.invite(keys, second, now),
        lambda: authorized.remove(keys, hub, "bob"),
    )
    for step in steps:
        before = file.read_bytes()
        step()
        after = file.read_bytes()
        assert before != after

        def check(step: Callable[[], object] = step, both: tuple[bytes, ...] = (before, after)) -> None:
            assert file.read_bytes() in both
            step()
            assert file.read_bytes() == both[1]
            assert os.listdir(file.parent / ".xw") == ["keys.lock"]

        def fresh(data: bytes = before) -> None:
            file.write_bytes(data)
            (file.parent / ".xw" / "0123abcd").write_bytes(
                b"half a fi"
            )  # of a process that was killed in a call

        assert at_each_change(step, fresh, check) >= 2
        assert file.read_bytes() == after


_ONE = """
import sys
from xw import clock
from xw.hub.served import authorized
from xw.hub.served.authorized import KeysFile
from xw.hub.served.entries import Entry
file, hub, name, one, other = sys.argv[1:]
keys = KeysFile(file)
until = clock.brief(clock.now() + 3600 * clock.SECOND)
entry = Entry(one, hub, name, invited=True, until=until)
authorized.invite(keys, entry, clock.now())
authorized.accept(keys, entry.fingerprint, hub, name, other, clock.now())
"""


def test_many_at_once(file: Path, hub: str, tmp_path: Path) -> None:
    """Of eight processes that invite and accept at once, each has its line at the end."""
    pairs = [(public(keygen(tmp_path / f"a{n}")), public(keygen(tmp_path / f"b{n}"))) for n in range(8)]
    started = [
        subprocess.Popen([sys.executable, "-c", _ONE, file, hub, f"agent-{n}", *pair])
        for n, pair in enumerate(pairs)
    ]
    assert [process.wait(60) for process in started] == [0] * 8
    entries = KeysFile(str(file)).entries(hub)
    assert {(one.name, one.key) for one in entries if not one.invited} == {
        (f"agent-{n}", other) for n, (_, other) in enumerate(pairs)
    }
    assert len(entries) == 16 and others(file) == OTHERS


def test_two_who_paste_one_line(file: Path, hub: str, tmp_path: Path) -> None:
    """Of six machines that use one invitation at once, one comes in; the others are told which key did."""
    one_time, *own = [public(keygen(tmp_path / f"k{number}")) for number in range(7)]
    authorized.invite(KeysFile(str(file)), invited(one_time, hub), clock.now())

    def come(key: str) -> str:
        try:
            authorized.accept(KeysFile(str(file)), fingerprint(one_time), hub, "alice", key, clock.now())
        except Refused as error:
            return str(error)
        return ""

    with ThreadPoolExecutor() as pool:
        told = list(pool.map(come, own))
    (winner,) = (one for one in KeysFile(str(file)).entries(hub) if not one.invited)
    assert [key for key, why in zip(own, told, strict=True) if not why] == [winner.key]
    assert sum(winner.fingerprint in why for why in told) == 5


def test_a_running_server_sees_a_change(file: Path, hub: str, made: list[str]) -> None:
    """A server's key is allowed until it is removed or has another name; the file is read when it changed."""
    keys = KeysFile(str(file))
    authorized.invite(keys, invited(made[0], hub), clock.now())
    authorized.accept(keys, fingerprint(made[0]), hub, "alice", made[1], clock.now())
    key = fingerprint(made[1])
    allowed = Allowed(str(file), key, "alice", hub)
    assert allowed() and allowed()
    assert not Allowed(str(file), fingerprint(made[0]), "alice", hub)()  # the invitation is no member
    assert not Allowed(str(file), key, "bob", hub)()
    assert not Allowed(str(file), key, "alice", f"{hub}-other")()
    assert Allowed(str(file), "", "alice", hub)()  # a line by hand
    authorized.rename(keys, hub, "alice", "bob")
    assert not allowed()
    assert Allowed(str(file), key, "bob", hub)()
    again = Allowed(str(file), key, "bob", hub)
    assert again()
    file.unlink()
    assert not again()
