"""Options of `~/.ssh/config` that make a connection safer count here as they do for ssh(1)."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import USER, Sshd, keygen, public
from tests.ssh.test_host_keys import connect, entry, name
from xw.errors import Refused, Unreachable, Usage, XwError
from xw.files.ssh import known_hosts, reach, stream
from xw.files.ssh.link import link_to
from xw.files.ssh.route import find
from xw.files.ssh.target import parse


def ssh_connects(server: Sshd, home: Home) -> bool:
    """Return True if ssh(1) connects and logs in without a question."""
    options: list[str | Path] = ["-F", home.config, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    keys: list[str | Path] = (
        [] if "IdentityFile" in home.config.read_text() else ["-i", home.ssh / "id_ed25519"]
    )
    command = ["ssh", *options, *keys, "-p", str(server.port), "-s", f"{USER}@127.0.0.1", "sftp"]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0


def xw_says(server: Sshd) -> str | None:
    """Return xw's reason not to connect again; None if it connects."""
    link_to(parse(f"ssh://127.0.0.1:{server.port}/")).close()
    try:
        connect(server)
    except XwError as error:
        return str(error)
    return None


ALGORITHMS = {
    "Ciphers aes256-gcm@openssh.com": True,
    "Ciphers 3des-cbc": False,
    "Ciphers aes256-ctr,unknown@example": False,
    "MACs hmac-sha2-512-etm@openssh.com": True,
    "KexAlgorithms curve25519-sha256": True,
    "KexAlgorithms diffie-hellman-group16-sha512": True,
    "HostKeyAlgorithms ssh-ed25519": True,
    "HostKeyAlgorithms rsa-sha2-512": False,
    "HostKeyAlgorithms -ssh-ed25519*": False,
    "PubkeyAcceptedAlgorithms ssh-ed25519": True,
    "PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256": False,
    "PubkeyAcceptedKeyTypes -ssh-ed25519": False,
}


@pytest.mark.parametrize("said", ALGORITHMS)
def test_algorithms(said: str, known: Sshd, home: Home) -> None:
    """An algorithm that the configuration does not allow is not used, though the server would accept it."""
    home.configure(said)
    assert ssh_connects(known, home) == ALGORITHMS[said]
    refusal = xw_says(known)
    assert (refusal is None) == ALGORITHMS[said]
    if said.startswith("Pubkey") and refusal:
        assert "id_ed25519 (PubkeyAcceptedAlgorithms does not allow it)" in refusal


def test_algorithms_that_nobody_knows(known: Sshd, home: Home) -> None:
    """If xw knows none of the allowed algorithms, the error names the option."""
    home.configure("Ciphers chacha20-poly1305@openssh.com")
    with pytest.raises(Usage, match=r"none of the algorithms that Ciphers .* add one of aes128-ctr"):
        connect(known)


def test_weak_algorithms(tmp_path: Path, home: Home, keys: Keys) -> None:
    """A server with nothing but old ciphers is refused, unless the configuration asks for them."""
    server = Sshd(tmp_path / "old", [keys.host], keys.accepted, ["Ciphers aes256-cbc"])
    home.know(server, keys.host)
    try:
        assert not ssh_connects(server, home)
        assert "no common way to encrypt" in str(xw_says(server))
        home.configure("Ciphers +aes256-cbc")
        assert ssh_connects(server, home)
        assert xw_says(server) is None
    finally:
        server.stop()


def test_the_size_of_rsa_keys(tmp_path: Path, home: Home, keys: Keys) -> None:
    """A host whose RSA key is smaller than RequiredRSASize is refused."""
    host = keygen(tmp_path / "rsa", "-t", "rsa", "-b", "2048")
    server = Sshd(tmp_path / "sshd", [host], keys.accepted)
    home.know(server, host)
    try:
        for bits, well in (("2048", True), ("3072", False)):
            home.configure(f"RequiredRSASize {bits}")
            assert ssh_connects(server, home) == well
            assert ("RequiredRSASize" in str(xw_says(server))) != well
    finally:
        server.stop()


class Command(NamedTuple):
    """A `KnownHostsCommand`: what a script prints of the server, its exit code, and what a refusal says."""

    prints: Callable[[int, Keys], str]
    code: int = 0
    refusal: str | None = None


COMMANDS = {
    "known": Command(lambda port, keys: entry(name(port), keys.host)),
    "nothing": Command(lambda port, keys: "", 0, "its host key is unknown"),
    "revoked": Command(
        lambda port, keys: entry(name(port), keys.host) + entry("*", keys.host, "@revoked"), 0, "is revoked"
    ),
    "it fails": Command(lambda port, keys: entry(name(port), keys.host), 3, "failed (exit 3)"),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_known_hosts_command(kind: str, server: Sshd, home: Home, keys: Keys, tmp_path: Path) -> None:
    """The output of a `KnownHostsCommand` counts beside the files, revocations too; it must succeed."""
    case = COMMANDS[kind]
    script = tmp_path / "command"
    (tmp_path / "lines").write_text(case.prints(server.port, keys))
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/lines\nexit {case.code}\n')
    script.chmod(0o755)
    home.configure(f"KnownHostsCommand {script} %I %H %t %n %%")
    assert ssh_connects(server, home) == (case.refusal is None)
    (tmp_path / "asked").unlink()
    said = xw_says(server)
    assert (said is None) == (case.refusal is None)
    assert case.refusal is None or case.refusal in str(said)
    first, *more = (tmp_path / "asked").read_text().splitlines()
    assert first.startswith("ORDER ")
    assert more in ([], [f"HOSTNAME {name(server.port)} ssh-ed25519 127.0.0.1 %"])


def test_a_known_hosts_command_that_is_not_there(server: Sshd, home: Home) -> None:
    """It is named."""
    home.configure("KnownHostsCommand /nowhere/command %H")
    assert "KnownHostsCommand /nowhere/command cannot be run: No such file" in str(xw_says(server))


@pytest.fixture
def certified(tmp_path: Path, keys: Keys) -> Iterator[Sshd]:
    """A server whose host key is certified by `authority`."""
    authority, host = keygen(tmp_path / "authority"), keygen(tmp_path / "certified")
    sign: list[str | Path] = ["ssh-keygen", "-q", "-s", authority, "-I", "id", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, f"{host}.pub"], check=True, capture_output=True)
    made = Sshd(tmp_path / "signed", [host], keys.accepted, [f"HostCertificate {host}-cert.pub"])
    yield made
    made.stop()


@pytest.mark.parametrize("line", ["the key", "the certificate", "another"])
def test_the_key_in_a_certificate_is_revoked(
    certified: Sshd, home: Home, keys: Keys, tmp_path: Path, line: str
) -> None:
    """`@revoked` for a key, or for a certificate of it, refuses every certificate of that key."""
    lines = {
        "the key": entry("*", tmp_path / "certified", "@revoked"),
        "the certificate": f"@revoked * {(tmp_path / 'certified-cert.pub').read_text()}",
        "another": entry("*", keys.stranger, "@revoked"),
    }
    home.known_hosts.write_text(entry("*", tmp_path / "authority", "@cert-authority") + lines[line])
    assert ssh_connects(certified, home) == (line == "another")
    said = xw_says(certified)
    assert said is None if line == "another" else "its key is revoked" in str(said)


def test_authorities_that_sign_otherwise(certified: Sshd, home: Home, tmp_path: Path) -> None:
    """`CASignatureAlgorithms` says how an authority may sign."""
    home.known_hosts.write_text(entry("*", tmp_path / "authority", "@cert-authority"))
    for said, accepted in (("ssh-ed25519", True), ("rsa-sha2-512", False), ("-ssh-ed25519", False)):
        home.configure(f"CASignatureAlgorithms {said}")
        assert ssh_connects(certified, home) == accepted
        assert (xw_says(certified) is None) == accepted


def test_a_certificate_elsewhere(tmp_path: Path, home: Home, keys: Keys) -> None:
    """`CertificateFile` need not lie beside its key; one of no key, or none at all, is passed over."""
    authority, stranger = keygen(tmp_path / "users"), keys.stranger
    for key, kept in ((keys.user, "certificate"), (keys.host_rsa, "other")):
        shutil.copy(f"{key}.pub", tmp_path / "tmp.pub")
        subprocess.run(
            ["ssh-keygen", "-q", "-s", authority, "-I", "id", "-n", USER, tmp_path / "tmp.pub"],
            check=True, capture_output=True,
        )  # fmt: skip
        (tmp_path / "tmp-cert.pub").rename(tmp_path / f"{kept}.pub")
    (tmp_path / "accepted").write_text(f"cert-authority {public(authority)}\n{public(stranger)}\n")
    server = Sshd(tmp_path / "server", [keys.host], tmp_path / "accepted")
    home.know(server, keys.host)
    try:
        assert "login refused" in str(xw_says(server))
        (tmp_path / "none.pub").write_text("nonsense\n")
        names = "".join(
            f"CertificateFile {tmp_path}/{kept}.pub\n" for kept in ("none", "other", "certificate")
        )
        home.configure(f"IdentityFile {home.ssh}/id_ed25519\n{names}")
        assert ssh_connects(server, home)
        assert xw_says(server) is None
    finally:
        server.stop()


def test_no_usual_keys(known: Sshd, home: Home) -> None:
    """`IdentityFile none` keeps the usual files out."""
    home.configure("IdentityFile none")
    assert not ssh_connects(known, home)
    assert "there is no key to log in with" in str(xw_says(known))


def test_known_hosts_by_a_token(server: Sshd, home: Home, keys: Keys) -> None:
    """A file with tokens, and one whose name has a blank, are read; a revocation in it counts."""
    (home.ssh / "known 127.0.0.1").write_text(entry(name(server.port), keys.host))
    home.config.write_text('UserKnownHostsFile "~/.ssh/known %h"\nGlobalKnownHostsFile ~/.ssh/global\n')
    assert xw_says(server) is None
    (home.ssh / "global").write_text(entry("*", keys.host, "@revoked"))
    assert "is revoked" in str(xw_says(server))


def test_the_address_to_come_from(known: Sshd, home: Home) -> None:
    """`BindAddress` is where the connection comes from; one that is not ours is named."""
    home.configure("BindAddress 127.0.0.3")
    assert xw_says(known) is None
    assert "from 127.0.0.3" in known.log.read_text()
    home.configure("BindAddress 192.0.2.1")
    assert "Cannot assign requested address" in str(xw_says(known))


def test_the_address_is_checked(keys: Keys, home: Home) -> None:
    """`CheckHostIP`: an address that is known with another key of the type is refused; else all is well."""
    home.configure("CheckHostIP yes")
    route = find(parse("ssh://hub.example/"))
    assert route.check_address
    home.known_hosts.write_text(
        entry("192.0.2.1", keys.stranger) + entry("192.0.2.2", keys.host) + entry("127.0.0.1", keys.stranger)
    )
    lines = known_hosts.read([f"{home.known_hosts}"])
    blob = lines[1].blob
    for address in ("192.0.2.2", "192.0.2.3", "127.0.0.1", "fe80::1%eth0"):
        reach._check_address(route, address, lines, blob)
    with pytest.raises(Refused, match=r"knows another key of its address 192\.0\.2\.1 \(CheckHostIP\)"):
        reach._check_address(route, "192.0.2.1", lines, blob)
    home.configure("CheckHostIP yes\nProxyCommand relay")
    assert not find(parse("ssh://hub.example/")).check_address


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch, known: Sshd) -> Iterator[None]:
    """The host has an address that swallows every packet before the one that works."""
    real = socket.getaddrinfo
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        place = full.getsockname()
        fill = [socket.socket() for _ in range(4)]  # the queue is full from then on, and each SYN is dropped
        for one in fill:
            one.setblocking(False)
            one.connect_ex(place)
        first = (socket.AF_INET, socket.SOCK_STREAM, 6, "", place)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: [first, first, *real(*a, **k)])
        yield
        for one in fill:
            one.close()


def test_past_dead_addresses(dead: None, known: Sshd) -> None:
    """Within the limit of a command, a host with two dead addresses is reached by its third."""
    found = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    with found.within(5):
        assert not found.wire().broken


def test_an_address_that_refuses(dead: None, known: Sshd) -> None:
    """If some address answers that nothing listens there, that is the reason."""
    known.stop()
    found = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    with pytest.raises(Unreachable, match="nothing listens on port"), found.within(2):
        found.wire()


def test_families(known: Sshd, home: Home) -> None:
    """`AddressFamily inet6` finds no way to a host that has none."""
    home.configure("AddressFamily inet6")
    assert "no such host name" in str(xw_says(known))
    assert find(parse("ssh://hub/")).family == socket.AF_INET6


def test_many_dead_addresses_of_a_family() -> None:
    """The families of a host's addresses take turns, beginning with the one that the resolver prefers."""
    six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"fd00::{number}", 22, 0, 0)) for number in range(8)]
    four = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{number}", 22)) for number in range(2)]
    assert stream._alternating([*six, *four]) == [six[0], four[0], six[1], four[1], *six[2:]]
    assert stream._alternating([*four, *six[:1]]) == [four[0], six[0], four[1]]
    assert stream._alternating(six) == six
