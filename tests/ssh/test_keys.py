"""An unusable key, in a file or in the agent, never blocks another."""

import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from tests.cli.team import until
from tests.ssh.conftest import Home, Keys
from tests.ssh.fido import make_fido_key
from tests.ssh.sshd import Sshd, keygen, public
from tests.ssh.test_login import agent, link, listens, only, refusal  # noqa: F401  # a fixture
from xw.errors import Refused, Unreachable
from xw.files.ssh.link import link_to
from xw.files.ssh.target import parse


def bad_fido(path: Path) -> None:
    make_fido_key(path)


def bad_small_rsa(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 1024)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def bad_type(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed448
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ed448.Ed448PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


BAD: dict[str, Callable[[Path], object]] = {
    "a security key": bad_fido,
    "a small RSA key": bad_small_rsa,
    "an unknown type": bad_type,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "nothing": lambda path: path.write_bytes(b""),
    "half a file": lambda path: path.write_bytes(make_fido_key(path).read_bytes()[:120]),
    "bytes": lambda path: path.write_bytes(bytes(range(256))),
    "a public key": lambda path: path.write_text("ssh-ed25519 AAAA"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_before_a_good_one(known: Sshd, home: Home, kind: str) -> None:
    """A file that holds no key that can be used is passed over for the next, as ssh(1) does."""
    BAD[kind](home.ssh / "bad")
    home.configure("IdentityFile ~/.ssh/bad\nIdentityFile ~/.ssh/id_ed25519\n")
    assert not link(known).wire().broken


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "a small RSA key"])
def test_a_bad_file_alone(known: Sshd, home: Home, kind: str) -> None:
    """Alone, it is named with the reason, in one line."""
    only(home, None)
    BAD[kind](home.ssh / "bad")
    home.configure("IdentityFile ~/.ssh/bad\n")
    found = refusal(known)
    assert "not usable: " in found
    assert str(home.ssh / "bad") in found


def test_whatever_a_library_raises(known: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw names the file, and the next one is tried."""
    real = paramiko.PKey.from_path

    def strange(path: str) -> paramiko.PKey:
        if path.endswith("odd"):
            raise RuntimeError("something new\nin two lines")
        return real(path)

    monkeypatch.setattr(paramiko.PKey, "from_path", strange)
    (home.ssh / "odd").touch()
    home.configure("IdentityFile ~/.ssh/odd\n")
    assert "odd (something new)" in refusal(known)
    home.configure("IdentityFile ~/.ssh/odd\nIdentityFile ~/.ssh/id_ed25519\n")
    assert not link(known).wire().broken


def test_a_security_key_in_the_agent(known: Sshd, home: Home, agent: Path, tmp_path: Path) -> None:  # noqa: F811
    """A token's key, which nobody touches now, comes last, and its failure is named, not fatal."""
    subprocess.run(["ssh-add", "-q", make_fido_key(tmp_path / "token")], check=True)
    assert not link(known).wire().broken
    home.configure(f"IdentityFile {tmp_path}/token\nIdentityFile ~/.ssh/id_ed25519\n")
    assert not link(known).wire().broken
    only(home, None)
    home.configure("")
    link(known).close()
    found = refusal(known)
    assert "tried the agent's token" in found
    assert "cannot be used for signing" in found


@pytest.fixture
def odd_agent(tmp_path: Path, home: Home, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """An agent that holds keys which paramiko cannot take, before a good one with a strange comment."""
    path = tmp_path / "odd-agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    until(lambda: listens(path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    comment = b"m\xfcller"
    named = tmp_path / "named"
    subprocess.run(
        [b"ssh-keygen", b"-q", b"-t", b"ed25519", b"-N", b"", b"-C", comment, b"-f", os.fsencode(named)],
        check=True,
    )
    keys.accepted.write_text(keys.accepted.read_text() + Path(f"{named}.pub").read_text(errors="replace"))
    subprocess.run(["ssh-add", "-q", named], check=True)
    yield comment
    process.kill()
    process.wait()


def test_a_comment_that_is_no_text(known: Sshd, home: Home, odd_agent: bytes) -> None:
    """A key whose comment is in another encoding is as good as any."""
    only(home, None)
    assert not link(known).wire().broken


def test_an_agents_key_that_paramiko_cannot_take(
    known: Sshd, home: Home, keys: Keys, odd_agent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is passed over, and the agent's others are tried."""
    subprocess.run(["ssh-add", "-q", keys.stranger], check=True)
    only(home, None)
    real = paramiko.PKey.from_type_string
    seen: list[bytes] = []

    def strange(key_type: str, key_bytes: bytes) -> paramiko.PKey:
        seen.append(key_bytes)
        if len(seen) == 1:
            raise RuntimeError("of a strange curve")
        return real(key_type, key_bytes)

    monkeypatch.setattr(paramiko.PKey, "from_type_string", strange)
    with pytest.raises(Refused, match="strange curve"):
        link_to(parse(f"ssh://no-such-user@127.0.0.1:{known.port}/")).wire()
    assert len(seen) > 1


CERTIFICATES: dict[str, Callable[[Path, Path], object]] = {
    "nonsense": lambda path, key: path.write_text("nonsense"),
    "not text": lambda path, key: path.write_bytes(b"\xff\xfe"),
    "a security key's": lambda path, key: path.write_text(
        Path(f"{make_fido_key(key.parent / 'f')}.pub").read_text()
    ),
    "a folder": lambda path, key: path.mkdir(),
    "expired": lambda path, key: subprocess.run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            keygen(key.parent / "ca"),
            "-I",
            "x",
            "-V",
            "20200101:20200102",
            f"{key}.pub",
        ],
        check=True,
        capture_output=True,
    ),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_bad_certificate_beside_a_good_key(known: Sshd, home: Home, kind: str) -> None:
    """If the certificate is unusable, or the server rejects it, the key itself is tried."""
    key = home.ssh / "id_ed25519"
    CERTIFICATES[kind](Path(f"{key}-cert.pub"), key)
    assert not link(known).wire().broken


def test_a_host_that_breaks_the_library(known: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any error that ends paramiko's own thread during the greeting is one line."""

    def broken(*_: object) -> None:
        raise IndexError("index out of range")

    monkeypatch.setattr("xw.files.ssh.link.pauses", lambda *_: iter([math.inf]))  # not tried again
    monkeypatch.setattr(paramiko.Transport, "_parse_kex_init", broken)
    found = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    with pytest.raises(Unreachable, match="index out of range"), found.within(30.0):
        found.wire()


def test_a_host_that_breaks_the_login(known: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same while logging in."""

    def broken(*_: object) -> None:
        raise IndexError("index out of range")

    monkeypatch.setattr(paramiko.auth_handler.AuthHandler, "_parse_service_accept", broken)
    found = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    with pytest.raises(Unreachable, match="index out of range"), found.within(30.0):
        found.wire()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_a_key_in_pkcs8(home: Home, keys: Keys, tmp_path: Path, kind: str) -> None:
    """A key in PKCS8 is used, whatever its type."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_ssh_private_key,
    )

    key = keygen(tmp_path / kind, "-t", kind)
    loaded = load_ssh_private_key(key.read_bytes(), None)
    key.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "accepted").write_text(public(key))
    server = Sshd(tmp_path / "server", [keys.host], tmp_path / "accepted")
    home.know(server, keys.host)
    home.configure(f"IdentityFile {key}\n")
    try:
        assert not link(server).wire().broken
    finally:
        server.stop()
