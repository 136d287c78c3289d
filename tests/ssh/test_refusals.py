"""A host that refuses a login is tried at most three times a minute, by all processes of a user together."""

import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, keygen, public
from tests.ssh.test_login import add, agent, link, listens, only  # noqa: F401  # a fixture
from xw import config
from xw.errors import Refused, Resting
from xw.files.ssh import refusals
from xw.files.ssh.link import SshLink
from xw.files.ssh.route import find
from xw.files.ssh.target import parse


def refused(server: Sshd, background: bool = False) -> str:
    """Connect once more; return the refusal."""
    made = link(server)
    made.close()
    with pytest.raises(Refused) as caught, made.within(60) if background else nullcontext():
        made.wire()
    assert "\n" not in str(caught.value)
    assert "login refused: tried" in str(caught.value)
    return str(caught.value)


def tries(server: Sshd) -> int:
    """Return how often the server was tried so far."""
    return len(re.findall("Connection (?:closed|reset) by authenticating user", server.log.read_text()))


def without_login(server: Sshd) -> int:
    """Return how many connections ended after the key exchange, without a login."""
    return len(
        re.findall(r"^Connection (?:closed|reset) by \S+ port \d+ \[preauth\]$", server.log.read_text(), re.M)
    )


def settled(server: Sshd, number: int) -> bool:
    """Wait until the server has noted so many tries; return True if there are no more."""
    until(lambda: tries(server) >= number)
    return tries(server) == number


@pytest.fixture
def strange(known: Sshd, home: Home, keys: Keys) -> Sshd:
    """A server that does not know the user's key."""
    only(home, keys.stranger)
    return known


def test_three_tries(strange: Sshd, home: Home, keys: Keys) -> None:
    """A person's commands try three times a minute, then repeat the reason; a new key is tried at once."""
    for _ in range(3):
        assert "not tried" not in refused(strange)
    for _ in range(3):
        assert "refused 3 times within a minute: not tried again for " in refused(strange)
    assert settled(strange, 3)
    assert without_login(strange) == 0
    only(home, keys.user)
    assert not link(strange).wire().broken
    link(strange).close()
    assert not link(strange).wire().broken


def test_another_wrong_key(strange: Sshd, home: Home, tmp_path: Path) -> None:
    """A key that is as wrong as the one before is tried once, and the limit holds again."""
    for _ in range(4):
        refused(strange)
    only(home, keygen(tmp_path / "other"))
    for _ in range(3):
        refused(strange)
    assert settled(strange, 4)


def test_many_at_once(strange: Sshd) -> None:
    """Of ten that log in at the same moment, three are refused by the host, and the others by the note."""
    route = find(parse(f"ssh://127.0.0.1:{strange.port}/"))
    links = [SshLink(f"link-{number}", lambda _: route) for number in range(10)]
    start = threading.Barrier(10)

    def work(one: SshLink) -> str:
        start.wait()
        try:
            one.wire()
        except Refused as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(work, links))
    assert all("login refused: tried" in one for one in found)
    assert sum("not tried again" in one for one in found) == 7
    assert settled(strange, 3)


def test_in_the_background(strange: Sshd, home: Home, keys: Keys, agent: Path, tmp_path: Path) -> None:  # noqa: F811
    """Commands in passing leave a refused host alone, and do not ask `ssh`; what helps is noticed at once."""
    assert "tried again" not in refused(strange, background=True)
    asked = len(home.asked())
    for _ in range(3):
        assert "(refused once: tried again in " in refused(strange, background=True)
    assert settled(strange, 1)
    assert len(home.asked()) == asked
    add(keys.locked, tmp_path)  # into the agent
    made = link(strange)
    with made.within(60):
        assert not made.wire().broken


def test_a_server_that_is_fixed(home: Home, keys: Keys, tmp_path: Path) -> None:
    """If the server has learned the key, a person's next command gets in, and so does the background then."""
    accepted = tmp_path / "accepted"
    accepted.touch()
    server = Sshd(tmp_path / "server", [keys.host], accepted)
    home.know(server, keys.host)
    try:
        refused(server, background=True)
        accepted.write_text(public(keys.user))
        refused(server, background=True)
        assert not link(server).wire().broken
        link(server).close()
        with link(server).within(60):
            assert not link(server).wire().broken
    finally:
        server.stop()


def test_an_unknown_host_key(server: Sshd, home: Home, keys: Keys) -> None:
    """The same for a host key that is refused; that it is known now ends the pause."""
    for _ in range(3):
        made = link(server)
        with pytest.raises(Refused, match="its host key is unknown"), made.within(60):
            made.wire()
    home.know(server, keys.host)
    with made.within(60):
        assert not made.wire().broken
    until(lambda: without_login(server) >= 1)
    assert without_login(server) == 1


def test_longer_and_longer(strange: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the background the pauses double from a minute to a quarter of an hour."""
    now, at = [time.time()], []
    monkeypatch.setattr(time, "time", lambda: now[0])
    route = find(parse(f"ssh://127.0.0.1:{strange.port}/"))
    gate = refusals.Gate("hub")
    for _ in range(400):
        try:
            gate.check(lambda usual: usual, in_background=True)
        except Resting:
            pass
        else:
            at.append(now[0])
            gate.refused(Refused("no"), route, lambda usual: usual)
        now[0] += 10
    assert [round(later - earlier) for earlier, later in pairwise(at)] == [
        60, 120, 240, 480, 900, 900, 900,
    ]  # fmt: skip


def test_one_of_many_tries_for_all(strange: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a pause is over, one process tries, and the others wait for its result."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    route = find(parse(f"ssh://127.0.0.1:{strange.port}/"))
    gates = [refusals.Gate("hub") for _ in range(3)]
    gates[0].refused(Refused("no"), route, lambda usual: usual)
    now[0] += 61
    gates[0].check(lambda usual: usual, in_background=True)
    for gate in gates:
        with pytest.raises(Resting):
            gate.check(lambda usual: usual, in_background=True)
    gates[0].passed()
    for gate in gates:
        gate.check(lambda usual: usual, in_background=True)


def test_a_process_that_died(known: Sshd, home: Home) -> None:
    """Logins of processes that no longer live, and those of another time, take no place."""
    folder = Path(config.login_notes()[0])
    assert not link(known).wire().broken
    (note,) = folder.glob("logins-*")
    dead = os.fork()
    if not dead:
        os._exit(0)
    os.waitpid(dead, 0)
    now = time.time()
    tries: dict[str, dict[str, object]] = {f"{number}": {"at": now, "pid": dead} for number in range(3)}
    tries |= {"old": {"at": now - 61, "why": "x", "who": ""}, "new": {"at": now + 99, "why": "x", "who": ""}}
    note.write_text(str({"tries": tries}).replace("'", '"'))
    link(known).close()
    assert not link(known).wire().broken


GARBAGE = (
    b"", b"[", b"[]", b"\xff", b"[" * 60_000, b'{"tries": 3}', b'{"tries": {"a": 3, "b": {}}}',
    b'{"tries": {"a": {"at": 1e999, "pid": -1e999}}}', b'{"paths": [3, null], "seen": 3}',
    b'{"paths": "x"}', b'{"why": 1, "paths": [], "agent": 7, "seen": ""}',
)  # fmt: skip


def test_damaged_notes(strange: Sshd, home: Home, keys: Keys) -> None:
    """With any damage to the notes a good login succeeds, and a bad one is refused for its reason."""
    refused(strange)
    notes = [*Path(config.login_notes()[0]).iterdir()]
    assert len(notes) == 2
    for garbage in GARBAGE:
        for note in notes:
            note.write_bytes(garbage)
        assert "not tried" not in refused(strange, background=True)
        for note in notes:
            note.write_bytes(garbage)
        home.give(keys.user)
        link(strange).close()
        assert not link(strange).wire().broken
        only(home, keys.stranger)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory cannot be made; another place can."""
    other = tmp_path / "other"
    (tmp_path / "file").touch()
    places = [str(tmp_path / "file/logins"), str(other)]
    monkeypatch.setattr(config, "login_notes", lambda: places)
    return other


def test_another_place_for_the_notes(strange: Sshd, nowhere: Path, tmp_path: Path) -> None:
    """If one place cannot be used, notes go to the next, never behind a link; without any, all goes on."""
    refused(strange)
    assert len(list(nowhere.iterdir())) == 2
    assert nowhere.stat().st_mode & 0o777 == 0o700
    os.rename(nowhere, tmp_path / "elsewhere")
    nowhere.symlink_to(tmp_path / "elsewhere")
    for _ in range(3):
        assert "not tried" not in refused(strange)
