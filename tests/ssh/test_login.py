"""Each way a login can fail has its own message and exit code, and none asks anything."""

import math
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import USER, Sshd, free_port, keygen, public
from xw.errors import Refused, Unreachable, XwError
from xw.files.sftp import SftpFiles
from xw.files.ssh.link import SshLink, link_to
from xw.files.ssh.session import SessionChannel
from xw.files.ssh.target import parse


def link(server: Sshd, user: str = "") -> SshLink:
    return link_to(parse(f"ssh://{user}{'@' if user else ''}127.0.0.1:{server.port}/"))


def refusal(server: Sshd, user: str = "") -> str:
    with pytest.raises(Refused) as caught:
        link(server, user).wire()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def agent(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    until(lambda: listens(path))
    yield path
    process.kill()
    process.wait()


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def add(key: Path, tmp_path: Path) -> None:
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret\n")
    ask.chmod(0o700)
    environ = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", key], env=environ, check=True, stdin=subprocess.DEVNULL)


def only(home: Home, key: Path | None) -> None:
    for path in home.ssh.glob("id_*"):
        path.unlink()
    if key:
        home.give(key)


def test_no_key(known: Sshd, home: Home) -> None:
    """Without any key: how to make one and where to put it."""
    only(home, None)
    found = refusal(known)
    assert "no key to log in with" in found
    assert f"ssh-copy-id -p {known.port}" in found and "`xw hub invite NAME`" in found


def test_wrong_key(known: Sshd, home: Home, keys: Keys) -> None:
    """A key that the server does not know: which, and how to install it."""
    only(home, keys.stranger)
    found = refusal(known)
    assert "login refused: tried" in found
    assert "id_ed25519" in found


def test_wrong_user(known: Sshd) -> None:
    """A user that does not exist there is asked about by name."""
    assert "is the user 'no-such-user' right?" in refusal(known, "no-such-user")


def test_key_with_a_passphrase(known: Sshd, home: Home, keys: Keys) -> None:
    """A key with a passphrase and no agent: `ssh-add`, and no prompt."""
    only(home, keys.locked)
    found = refusal(known)
    assert f"the key {home.ssh / 'id_ed25519'} has a passphrase" in found
    assert "`ssh-add" in found


def test_key_with_a_passphrase_in_the_old_format(known: Sshd, home: Home, tmp_path: Path) -> None:
    """The same for a PEM file."""
    only(home, keygen(tmp_path / "old", "-t", "rsa", "-m", "PEM", "-N", "secret"))
    assert "has a passphrase" in refusal(known)


def test_agent(known: Sshd, home: Home, keys: Keys, agent: Path, tmp_path: Path) -> None:
    """The agent's keys are used, also for a file that has a passphrase."""
    add(keys.locked, tmp_path)
    only(home, None)
    assert not link(known).wire().broken
    home.give(keys.locked, "work")
    home.configure("Host *\n IdentityFile ~/.ssh/work\n IdentitiesOnly yes\n")
    assert not link(known).wire().broken


def test_an_agent_with_many_keys(known: Sshd, home: Home, keys: Keys, agent: Path, tmp_path: Path) -> None:
    """A named key comes before those of an agent that holds more than the server lets one try."""
    for number in range(8):
        add(keygen(tmp_path / f"many-{number}"), tmp_path)
    found = refusal(known)
    assert "the connection" in found or "login refused" in found
    home.configure("Host *\n IdentityFile ~/.ssh/id_ed25519\n")
    assert not link(known).wire().broken


def test_an_agent_that_is_gone(known: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent whose socket is dead does not keep the file from being used."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere/agent")
    assert not link(known).wire().broken


def test_an_agent_that_hangs(known: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that never answers does not hold anybody beyond the limit."""
    path = str(tmp_path / "hangs")
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen()
        found = link(known)
        with found.within(1.0):
            try:
                found.wire()
            except XwError as error:
                assert isinstance(error, Unreachable)  # noqa: PT017  # either will do, but in time
    assert time.monotonic() - began < 8.0  # without the limit it is 15


def test_a_server_that_wants_a_password(tmp_path: Path, home: Home, keys: Keys) -> None:
    """A server that takes no keys says what it takes."""
    more = ["PubkeyAuthentication no", "PasswordAuthentication yes"]
    server = Sshd(tmp_path / "password", [keys.host], keys.accepted, more)
    home.know(server, keys.host)
    try:
        assert "it accepts no keys for this user, only password" in refusal(server)
    finally:
        server.stop()


def test_a_damaged_key(known: Sshd, home: Home) -> None:
    """A key file that cannot be read is named."""
    only(home, None)
    (home.ssh / "id_ed25519").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n")
    found = refusal(known)
    assert "not usable: " in found
    assert "id_ed25519" in found


def unreachable(url: str, seconds: float = 3.0) -> str:
    found = link_to(parse(url))
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught, found.within(seconds):
        found.wire()
    assert time.monotonic() - began < seconds + 6  # without the limit it is 15
    return str(caught.value)


def test_unknown_host(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not exist. No resolver is asked: one that cannot be reached takes its time."""

    def unknown(*arguments: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "no such host name" in unreachable("ssh://no-such-host.invalid/")


def test_nothing_listens(home: Home) -> None:
    """A port on which nothing listens."""
    port = free_port()
    assert f"nothing listens on port {port}" in unreachable(f"ssh://127.0.0.1:{port}/")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that accepts, and what it then does is the test's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_no_banner(home: Home, silent: socket.socket) -> None:
    """A server that accepts and says nothing."""
    port = silent.getsockname()[1]
    assert "does not" in unreachable(f"ssh://127.0.0.1:{port}/", 1.0)


def test_key_exchange_that_stalls(home: Home, silent: socket.socket) -> None:
    """A server that greets and then says nothing."""
    kept: list[socket.socket] = []

    def greet() -> None:
        stream, _ = silent.accept()
        stream.sendall(b"SSH-2.0-stalls\r\n")
        kept.append(stream)

    thread = threading.Thread(target=greet)
    thread.start()
    assert "does not answer" in unreachable(f"ssh://127.0.0.1:{silent.getsockname()[1]}/", 1.0)
    thread.join()
    for stream in kept:
        stream.close()


def test_not_ssh(home: Home, silent: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where something else than SSH answers."""
    monkeypatch.setattr("xw.files.ssh.link.pauses", lambda *_: iter([math.inf]))  # not tried again

    def answer() -> None:
        while True:
            try:
                stream, _ = silent.accept()
            except OSError:
                return
            with stream, suppress(OSError):  # it may have heard enough
                stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    assert "does not speak SSH" in unreachable(f"ssh://127.0.0.1:{silent.getsockname()[1]}/", 30.0)
    silent.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_no_such_path(known: Sshd, tmp_path: Path) -> None:
    """A path that does not exist is not found, by its name on the host."""
    files = SftpFiles(link(known), f"{tmp_path}/nowhere")
    with pytest.raises(FileNotFoundError) as caught:
        files.list_folder("")
    assert str(tmp_path / "nowhere") in str(caught.value.filename)


def put_into_agent(path: Path, keys: Keys) -> None:
    """Give the agent eight keys, of which the last is accepted, in `path`."""
    for number in range(7):
        subprocess.run(["ssh-add", "-q", keygen(path.parent / f"many-{number}")], check=True)
    subprocess.run(["ssh-add", "-q", keys.user], check=True)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("tries", [2, 6])
def test_the_usual_key_last_in_an_agent(
    tries: int, beside: bool, home: Home, keys: Keys, agent: Path, tmp_path: Path
) -> None:
    """A usual file's key comes first, though the agent has it last; also if its `.pub` is missing."""
    put_into_agent(tmp_path / "x", keys)
    if not beside:
        (home.ssh / "id_ed25519.pub").unlink()
    server = Sshd(tmp_path / "server", [keys.host], keys.accepted, [f"MaxAuthTries {tries}"])
    home.know(server, keys.host)
    try:
        assert not link(server).wire().broken
    finally:
        server.stop()


def test_too_many_keys(known: Sshd, home: Home, keys: Keys, agent: Path, tmp_path: Path) -> None:
    """If the server ends the login after many keys, that is the reason; the advised options help."""
    put_into_agent(tmp_path / "x", keys)
    only(home, None)
    found = refusal(known)
    assert "too many keys: the server ended the connection after " in found
    assert "`IdentityFile FILE` with `IdentitiesOnly yes`" in found
    assert "ssh-copy-id" not in found
    home.give(keys.user, "work")
    home.configure("IdentityFile ~/.ssh/work\nIdentitiesOnly yes\n")
    assert not link(known).wire().broken


def test_a_certificate_in_an_agent(tmp_path: Path, home: Home, keys: Keys, agent: Path) -> None:
    """A certificate that the agent holds is shown first, for a key of each type."""
    authority = keygen(tmp_path / "authority")
    (tmp_path / "accepted").write_text(f"cert-authority {public(authority)}\n")
    server = Sshd(tmp_path / "server", [keys.host], tmp_path / "accepted", ["MaxAuthTries 2"])
    home.know(server, keys.host)
    try:
        for kind in ("ed25519", "rsa"):
            only(home, None)
            key = keygen(home.ssh / f"id_{kind}", "-t", kind)
            sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "id", "-n", USER, f"{key}.pub"]
            subprocess.run(sign, check=True, capture_output=True)
            subprocess.run(["ssh-add", "-q", "-D"], check=True)
            for number in range(4):
                if not (tmp_path / f"many-{number}").exists():
                    keygen(tmp_path / f"many-{number}")
                subprocess.run(["ssh-add", "-q", tmp_path / f"many-{number}"], check=True)
            subprocess.run(["ssh-add", "-q", key], check=True)
            Path(f"{key}-cert.pub").unlink()
            link(server).close()
            assert not link(server).wire().broken
    finally:
        server.stop()


def test_two_keys_are_wanted(home: Home, keys: Keys, tmp_path: Path) -> None:
    """`AuthenticationMethods publickey,publickey` is satisfied by two keys; one alone is too few."""
    (tmp_path / "accepted").write_text(f"{public(keys.user)}\n{public(keys.stranger)}\n")
    more = ["AuthenticationMethods publickey,publickey"]
    server = Sshd(tmp_path / "two", [keys.host], tmp_path / "accepted", more)
    home.know(server, keys.host)
    try:
        assert "login refused" in refusal(server)
        home.give(keys.stranger, "second")
        home.configure("IdentityFile ~/.ssh/id_ed25519\nIdentityFile ~/.ssh/second\n")
        assert not link(server).wire().broken
    finally:
        server.stop()


def test_a_key_that_must_be_confirmed(
    known: Sshd, home: Home, keys: Keys, agent: Path, tmp_path: Path
) -> None:
    """An agent that refuses to sign is named, with its question for a confirmation as the likely cause."""
    subprocess.run(["ssh-add", "-q", "-c", keys.user], check=True)
    found = refusal(known)
    assert "the agent refused to sign; does it ask for a confirmation (`ssh-add -c`)?" in found
    assert str(home.ssh / "id_ed25519") in found


def test_a_restricted_key(home: Home, keys: Keys, tmp_path: Path) -> None:
    """If a key is refused that seems right, the server's log is named as the place of the reason."""
    (tmp_path / "accepted").write_text(f'from="192.0.2.1" {public(keys.user)}\n')
    server = Sshd(tmp_path / "from", [keys.host], tmp_path / "accepted")
    home.know(server, keys.host)
    try:
        assert "its sshd log names the reason (`from=` before the key" in refusal(server)
    finally:
        server.stop()


SAYING = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": ("it does not speak SSH, and says 'HTTP/1.1 400 Bad Request'", 1),
    b"Not allowed at this time\r\n": ("and says 'Not allowed at this time'", 1),
    b"\x1b[2J\xff\xfe\n": (r"and says '\x1b[2J", 1),
    b"Exceeded MaxStartups\r\n": ("raise MaxStartups", 2),
    b"": ("raise MaxStartups", 2),
    b"SSH-2.0-x\r\n": ("it ended the connection during the key exchange", 2),
}


@pytest.mark.parametrize("said", SAYING)
def test_what_a_host_says_instead(
    said: bytes, home: Home, silent: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What answers in place of SSH is shown, and only a host that is too busy is tried again."""
    tries: list[int] = []
    monkeypatch.setattr("xw.files.ssh.link.pauses", lambda *_: iter([0.0, math.inf]))

    def answer() -> None:
        while True:
            try:
                stream, _ = silent.accept()
            except OSError:
                return
            tries.append(1)
            with stream, suppress(OSError):
                stream.sendall(said)
                stream.shutdown(socket.SHUT_WR)
                stream.recv(10_000)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    found = link_to(parse(f"ssh://127.0.0.1:{silent.getsockname()[1]}/"))
    with pytest.raises(XwError) as caught, found.within(30):
        found.wire()
    silent.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert SAYING[said][0] in str(caught.value)
    assert len(tries) == SAYING[said][1]


@pytest.mark.parametrize(
    ("theirs", "text"),
    [
        ("Ciphers 3des-cbc", "for Ciphers it offers 3des-cbc, and xw has aes"),
        ("MACs hmac-md5", "or allow a weak one in ~/.ssh/config: `MACs +hmac-md5`"),
        (
            "KexAlgorithms diffie-hellman-group1-sha1",
            "for KexAlgorithms it offers diffie-hellman-group1-sha1",
        ),
        ("Ciphers chacha20-poly1305@openssh.com", "add one of those to Ciphers in its sshd_config"),
        ("HostKeyAlgorithms ssh-rsa", "for HostKeyAlgorithms it offers ssh-rsa, and xw has rsa-sha2-512"),
    ],
)
def test_no_algorithm_in_common(theirs: str, text: str, home: Home, keys: Keys, tmp_path: Path) -> None:
    """The error names the option, both sides' algorithms, and what to add; a weak one works if configured."""
    server = Sshd(tmp_path / "weak", [keys.host_rsa], keys.accepted, [theirs])
    home.know(server, keys.host_rsa)
    try:
        with pytest.raises(Unreachable) as caught:
            link(server).wire()
        assert text in str(caught.value)
        option, name = theirs.split()
        if f"{option} +{name}" in str(caught.value):
            home.configure(f"{option} +{name}\n")
            assert not link(server).wire().broken
    finally:
        server.stop()


NO_SFTP = {
    "a forced text": ("ForceCommand echo 'sftp only'", "says 'sftp only'"),
    "no login": ("ForceCommand echo This account is currently not available. ; exit 1", "is currently not"),
    "only on stderr": ("ForceCommand echo why >&2; exit 254", "SFTP ends there at once (exit 254): "),
    "controls": ("ForceCommand printf '\\033[31mno'", r"says '\x1b[31mno'"),
    "much": ("ForceCommand yes yes", "says 'yes yes"),
    "nothing": ("ForceCommand /bin/false", "SFTP ends there at once (exit 1): is the login shell /bin/false"),
    "a chroot of others": ("ChrootDirectory {open}", "its sshd log names the reason (is ChrootDirectory"),
}


@pytest.mark.parametrize("case", NO_SFTP)
def test_what_comes_instead_of_sftp(case: str, home: Home, keys: Keys, tmp_path: Path) -> None:
    """After a login that leads to no SFTP, what the host says is shown, or the likely cause."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    line, text = NO_SFTP[case]
    server = Sshd(tmp_path / "odd", [keys.host], keys.accepted, [line.format(open=folder)])
    home.know(server, keys.host)
    try:
        with pytest.raises(Refused) as caught:
            link(server).wire()
        assert text in str(caught.value)
        assert "\n" not in str(caught.value)
        assert ("ChrootDirectory" in str(caught.value)) == ("chroot" in case)
    finally:
        server.stop()


OTHER_USER = {
    "a chroot of others": (
        ["ChrootDirectory {open}"],
        "it logged in and was then cut off: try again; if that repeats, its sshd log names",
    ),
    "nologin": (
        ["ForceCommand /usr/lib/openssh/sftp-server"],
        "it starts no SFTP, but says 'This account is currently not available.': may the account log in",
    ),
}


def _late(channel: SessionChannel, data: bytes) -> None:
    """Send only once the other side has ended, as a slow machine may."""
    until(lambda: channel._inner.closed)
    _sendall(channel, data)


_sendall = SessionChannel.sendall


@pytest.mark.root
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("case", OTHER_USER)
def test_an_account_without_a_session(
    case: str, late: bool, home: Home, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for an account that is not root's, which ends elsewhere in sshd."""
    if late:
        monkeypatch.setattr(SessionChannel, "sendall", _late)
    folder = tmp_path / "open"
    folder.mkdir()
    lines, text = OTHER_USER[case]
    more = [line.format(open=folder) for line in lines]
    more += [f"AuthorizedKeysCommand /bin/cat {keys.accepted}", "AuthorizedKeysCommandUser root"]
    server = Sshd(tmp_path / "odd", [keys.host], tmp_path / "none", more)
    home.know(server, keys.host)
    folder.chmod(0o777)
    try:
        with pytest.raises(XwError) as caught:
            link(server, "nobody").wire()
        assert text in str(caught.value)
    finally:
        server.stop()


def test_large_packets_that_are_lost(home: Home, silent: socket.socket) -> None:
    """If a host greets and then says nothing, lost large packets are named as a cause."""
    kept: list[socket.socket] = []

    def greet() -> None:
        stream, _ = silent.accept()
        stream.sendall(b"SSH-2.0-small\r\n")
        kept.append(stream)

    thread = threading.Thread(target=greet)
    thread.start()
    url = f"ssh://127.0.0.1:{silent.getsockname()[1]}/"
    home.configure("ConnectTimeout 1\n")
    began = time.monotonic()
    assert "are large packets lost on the way (MTU)?" in unreachable(url, 30)
    assert time.monotonic() - began < 5  # ConnectTimeout holds for the key exchange too
    thread.join()
    for stream in kept:
        stream.close()
