"""`RevokedHostKeys` refuses what ssh(1) refuses, and what cannot be read; exit 6 and one line."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, keygen, public
from tests.ssh.test_host_keys import connect, openssh_accepts
from xw.errors import Refused, Usage
from xw.files.ssh import link
from xw.files.ssh.link import link_to
from xw.files.ssh.target import parse

OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO2W4YTbWm7kkUcPPEEcfDHQgPNs1IzW3gEbHQ3dMsnP"


def refusal(server: Sshd) -> str | None:
    """Return what a refusal says, None where xw connects."""
    for made in link._links.values():
        made.close()
    link._links.clear()
    try:
        connect(server)
    except (Refused, Usage) as error:
        said = str(error)
    else:
        return None
    assert Refused.code == 6
    assert "\n" not in said
    return said


LISTS: dict[str, tuple[Callable[[str], str], str | None]] = {
    "the key": (lambda key: key, "is revoked"),
    "another": (lambda key: OTHER, None),
    "empty": (lambda key: "", None),
    "among others, with comments": (lambda key: f"# old\n\n{OTHER} x y\n \t{key} host\n", "is revoked"),
    "the key, lines as Windows ends them": (lambda key: f"{key} old\r\n", "is revoked"),
    "another, lines as Windows ends them": (lambda key: f"{OTHER} old\r\n", None),
    "blank lines": (lambda key: f"  \n\t\n{OTHER}\n", None),
    "nonsense": (lambda key: f"{OTHER}\nnonsense\n", "line 2 is not a public key"),
    "nonsense behind the key": (lambda key: f"{key}\nnonsense\n", "is revoked"),
    "written as known_hosts": (lambda key: f"127.0.0.1 {OTHER}\n", "line 1 is not a public key"),
    "with a marker": (lambda key: f"@revoked * {key}\n", "line 1 is not a public key"),
    "an unknown type": (lambda key: "ssh-foo AAAAB3NzaC1mb28=\n", "line 1 is not a public key"),
    "half a key": (lambda key: f"{OTHER[:40]}\n", "line 1 is not a public key"),
    "another type than its bytes": (
        lambda key: f"ssh-rsa {OTHER.split()[1]}\n",
        "line 1 is not a public key",
    ),
    "an empty line as Windows ends it": (lambda key: "\r\n", "line 1 is not a public key"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list(known: Sshd, home: Home, keys: Keys, kind: str, tmp_path: Path) -> None:
    """A plain list is read as ssh(1) reads it: an invalid line refuses every host."""
    path = tmp_path / "revoked"
    text, expected = LISTS[kind]
    path.write_bytes(text(public(keys.host)).encode())
    home.configure(f"RevokedHostKeys {path}")
    assert openssh_accepts(known, home) == (expected is None)
    found = refusal(known)
    assert (found is None) == (expected is None)
    assert expected is None or (expected in str(found) and str(path) in str(found))


@pytest.mark.parametrize("kind", ["missing", "folder", "cut off"])
def test_a_file_that_cannot_be_read(known: Sshd, home: Home, keys: Keys, kind: str, tmp_path: Path) -> None:
    """If the file is missing, a folder or damaged, no host is trusted, as with ssh(1)."""
    path = tmp_path / "revoked"
    if kind == "folder":
        path.mkdir()
    if kind == "cut off":
        path.write_bytes(krl(tmp_path / "whole", keys.stranger).read_bytes()[:50])
    home.configure(f"RevokedHostKeys {path}")
    assert not openssh_accepts(known, home)
    found = refusal(known)
    assert found
    assert f"RevokedHostKeys {path}: " in found


def test_a_file_that_may_not_be_read(
    known: Sshd, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another's: refused. Root may read all, so the system's word is put in its mouth."""
    path = tmp_path / "revoked"
    path.write_text(OTHER)
    path.chmod(0)
    real = os.open

    def denied(name: str, *more: int, **named: int) -> int:
        if name == str(path):
            raise PermissionError(13, "Permission denied", name)
        return real(name, *more, **named)

    monkeypatch.setattr(os, "open", denied)
    home.configure(f"RevokedHostKeys {path}")
    found = refusal(known)
    assert found
    assert f"{path}: Permission denied" in found


def test_a_fifo(known: Sshd, home: Home, tmp_path: Path) -> None:
    """A FIFO, at which ssh(1) would hang, is refused at once."""
    os.mkfifo(tmp_path / "revoked")
    home.configure(f"RevokedHostKeys {tmp_path}/revoked")
    assert "not a regular file" in str(refusal(known))


WORDS: dict[str, tuple[str, bool]] = {
    "none": ("RevokedHostKeys none", True),
    "none in capitals": ("RevokedHostKeys NONE", True),
    "an empty device": ("RevokedHostKeys /dev/null", True),
    "the first word counts": ("RevokedHostKeys none\nRevokedHostKeys {listed}", True),
    "the first file counts": ("RevokedHostKeys {listed}\nRevokedHostKeys none", False),
    "with an equals sign": ("revokedhostkeys={listed}", False),
    "quoted": ('RevokedHostKeys "{blank}"', False),
    "quoted, with a comment": ('RevokedHostKeys "{blank}" # gone', False),
    "for another host": ("Host elsewhere\n RevokedHostKeys {listed}", True),
    "for this host": ("Host 127.*\n RevokedHostKeys {listed}", False),
    "several files": ("RevokedHostKeys {good} {listed}", False),
    "several quoted files": ('RevokedHostKeys "{good}" "{blank}"', False),
    "no such file": ("RevokedHostKeys {good}.gone", False),
    "nothing in quotes": ('RevokedHostKeys ""', False),
}


@pytest.mark.parametrize("kind", WORDS)
def test_words(known: Sshd, home: Home, keys: Keys, kind: str, tmp_path: Path) -> None:
    """The word in `~/.ssh/config` is read as ssh(1) reads it; later versions take several files."""
    files = {"listed": tmp_path / "listed", "blank": tmp_path / "a blank", "good": tmp_path / "good"}
    for path in files.values():
        path.write_text(public(keys.host))
    files["good"].write_text(OTHER)
    text, accepted = WORDS[kind]
    home.configure(text.format(**files))
    if kind not in ("several files", "several quoted files", "nothing in quotes"):  # ssh 9.2 knows one
        assert openssh_accepts(known, home) == accepted
    assert (refusal(known) is None) == accepted


def test_tokens(known: Sshd, home: Home, keys: Keys) -> None:
    """`~` and the tokens that later versions of ssh know lead to the file; what is unknown is refused."""
    (home.ssh / "old-127.0.0.1").write_text(public(keys.host))
    for text in ("~/.ssh/old-%h", "%d/.ssh/old-%n"):
        home.configure(f"RevokedHostKeys {text}")
        assert "is revoked" in str(refusal(known))
    (home.ssh / "old-127.0.0.1").write_text(OTHER)
    assert refusal(known) is None
    home.configure("RevokedHostKeys ~/.ssh/old-%Q")
    assert "%Q is unknown" in str(refusal(known))


def krl(path: Path, *revoked: Path, options: tuple[str, ...] = (), text: str = "") -> Path:
    """Make a binary key revocation list."""
    names = [f"{key}.pub" for key in revoked]
    if text:
        (path.parent / "specification").write_text(text)
        names.append(str(path.parent / "specification"))
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", path, *options, *names], check=True)
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_a_binary_list(known: Sshd, home: Home, keys: Keys, listed: bool, tmp_path: Path) -> None:
    """A KRL is judged by ssh-keygen."""
    path = krl(tmp_path / "krl", keys.host if listed else keys.stranger)
    home.configure(f"RevokedHostKeys {path}")
    assert openssh_accepts(known, home) == (not listed)
    assert ("is revoked" in str(refusal(known))) == listed


def test_a_binary_list_without_ssh_keygen(
    known: Sshd, home: Home, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ssh-keygen to read a KRL, the host is refused, with that reason."""
    path = krl(tmp_path / "krl", keys.stranger)
    home.configure(f"RevokedHostKeys {path}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ssh-keygen is not installed" in str(refusal(known))


@pytest.fixture
def certified(tmp_path: Path, home: Home, keys: Keys) -> Iterator[Sshd]:
    """A server with a certificate, serial 7 and id `the-id`, by an authority that is known."""
    authority, host = keygen(tmp_path / "authority"), keygen(tmp_path / "certified")
    sign: list[str | Path] = ["ssh-keygen", "-q", "-s", authority, "-I", "the-id", "-z", "7", "-h"]
    subprocess.run([*sign, "-n", "127.0.0.1", f"{host}.pub"], check=True, capture_output=True)
    home.known_hosts.write_text(f"@cert-authority * {public(authority)}\n")
    made = Sshd(tmp_path / "server", [host], keys.accepted, [f"HostCertificate {host}-cert.pub"])
    yield made
    made.stop()


CERTIFIED: dict[str, tuple[Callable[[Path], Path | str], bool]] = {
    "another": (lambda folder: OTHER, True),
    "the key": (lambda folder: public(folder / "certified"), False),
    "the authority": (lambda folder: public(folder / "authority"), False),
    "the certificate": (lambda folder: (folder / "certified-cert.pub").read_text(), False),
    "KRL: another": (lambda folder: krl(folder / "krl", keygen(folder / "another")), True),
    "KRL: the key": (lambda folder: krl(folder / "krl", folder / "certified"), False),
    "KRL: the authority": (lambda folder: krl(folder / "krl", folder / "authority"), False),
    "KRL: its serial number": (
        lambda folder: krl(folder / "krl", options=("-s", f"{folder}/authority.pub"), text="serial: 7\n"),
        False,
    ),
    "KRL: its id": (
        lambda folder: krl(folder / "krl", options=("-s", f"{folder}/authority.pub"), text="id: the-id\n"),
        False,
    ),
    "KRL: another serial number": (
        lambda folder: krl(folder / "krl", options=("-s", f"{folder}/authority.pub"), text="serial: 8\n"),
        True,
    ),
}


@pytest.mark.parametrize("kind", CERTIFIED)
def test_certificates(certified: Sshd, home: Home, kind: str, tmp_path: Path) -> None:
    """A certificate may be revoked by its key, its authority, its serial number or its id."""
    made, accepted = CERTIFIED[kind]
    found = made(tmp_path)
    path = found if isinstance(found, Path) else tmp_path / "list"
    if isinstance(found, str):
        path.write_text(found)
    home.configure(f"RevokedHostKeys {path}")
    assert openssh_accepts(certified, home) == accepted
    assert ("is revoked" in str(refusal(certified))) == (not accepted)


@pytest.mark.parametrize("hop", ["first", "second", "last"])
def test_every_hop(home: Home, keys: Keys, hop: str, tmp_path: Path) -> None:
    """A host that is jumped over is refused as well."""
    shown = {"first": keys.host, "second": keys.host_rsa, "last": keys.host_ecdsa}
    servers = {name: Sshd(tmp_path / name, [key], keys.accepted) for name, key in shown.items()}
    (tmp_path / "revoked").write_text(public(shown[hop]))
    try:
        for name, key in shown.items():
            home.know(servers[name], key)
        hosts = "".join(
            f"Host {name}\n HostName 127.0.0.1\n Port {server.port}\n" for name, server in servers.items()
        )
        jump = "Host last\n ProxyJump first,second\n"
        home.configure(f"{hosts}{jump}Host *\n RevokedHostKeys {tmp_path}/revoked\n")
        with pytest.raises(Refused, match=re.escape(f":{servers[hop].port}: its host key SHA256:")):
            link_to(parse("ssh://last/")).wire()
        home.configure(f"{hosts}{jump}")
        link_to(parse("ssh://last/")).wire()
    finally:
        for server in servers.values():
            server.stop()


def test_the_list_is_read_at_each_connection(known: Sshd, home: Home, keys: Keys, tmp_path: Path) -> None:
    """A key that is revoked today is refused by a process that began yesterday."""
    path = tmp_path / "revoked"
    path.write_text("")
    home.configure(f"RevokedHostKeys {path}")
    found = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    found.wire()
    shutil.copy(f"{keys.host}.pub", path)
    found.transport().close()
    with pytest.raises(Refused, match="is revoked"):
        found.wire()
