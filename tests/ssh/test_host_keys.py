"""Host keys are taken or refused as OpenSSH takes or refuses them, and refusals say what to do."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import USER, Sshd, keygen, public
from xw.errors import Refused
from xw.files.ssh.link import link_to
from xw.files.ssh.target import parse


class Case(NamedTuple):
    """The content of known_hosts, made from the server's port; and the text of the refusal, or None."""

    lines: Callable[[int, Keys], str]
    refusal: str | None


def entry(names: str, key: Path, marker: str = "") -> str:
    return f"{marker} {names} {public(key)}\n".lstrip()


def name(port: int) -> str:
    return f"[127.0.0.1]:{port}"


CASES = {
    "known": Case(lambda port, keys: entry(name(port), keys.host), None),
    "known among others": Case(
        lambda port, keys: entry("other", keys.stranger) + entry(f"x,{name(port)}", keys.host), None
    ),
    "known by a pattern": Case(lambda port, keys: entry(f"[127.0.0.*]:{port}", keys.host), None),
    "known by a pattern with ?": Case(lambda port, keys: entry(f"[127.?.0.1]:{port}", keys.host), None),
    "excepted from a pattern": Case(
        lambda port, keys: entry(f"[*]:{port},!{name(port)}", keys.host), "its host key is unknown"
    ),
    "known for the default port": Case(lambda port, keys: entry("127.0.0.1", keys.host), None),
    "another for the default port": Case(
        lambda port, keys: entry("127.0.0.1", keys.stranger), "its host key is unknown"
    ),
    "known for another port": Case(
        lambda port, keys: entry(f"[127.0.0.1]:{port ^ 1}", keys.host), "its host key is unknown"
    ),
    "unknown": Case(lambda port, keys: "", "its host key is unknown"),
    "changed": Case(lambda port, keys: entry(name(port), keys.stranger), "its host key has changed"),
    "one of two": Case(
        lambda port, keys: entry(name(port), keys.stranger) + entry(name(port), keys.host), None
    ),
    "of another type": Case(
        lambda port, keys: entry(name(port), keys.host_rsa), "a host key of another type than is known"
    ),
    "revoked": Case(
        lambda port, keys: entry(name(port), keys.host) + entry("*", keys.host, "@revoked"), "is revoked"
    ),
    "another revoked": Case(
        lambda port, keys: entry("*", keys.stranger, "@revoked") + entry(name(port), keys.host), None
    ),
    "an authority's line beside it": Case(
        lambda port, keys: entry("*", keys.stranger, "@cert-authority") + entry(name(port), keys.host), None
    ),
    "only an authority's line": Case(
        lambda port, keys: entry("*", keys.host, "@cert-authority"), "its host key is unknown"
    ),
    "broken lines beside it": Case(
        lambda port, keys: (
            "nonsense\n@what * x y\n# comment\n\n"
            f"{name(port)} ssh-ed25519 not-base64!\n{name(port)} ssh-rsa {public(keys.host).split()[1]}\n"
            + entry(name(port), keys.host)
        ),
        None,
    ),
    "capitals": Case(lambda port, keys: entry(name(port).upper(), keys.host), None),
}


def connect(server: Sshd) -> None:
    link_to(parse(f"ssh://127.0.0.1:{server.port}/")).wire()


def openssh_accepts(server: Sshd, home: Home) -> bool:
    """Return True if ssh(1) would connect without a question."""
    options: list[str | Path] = ["-F", home.config, "-i", home.ssh / "id_ed25519", "-o", "BatchMode=yes"]
    command = ["ssh", *options, "-o", "StrictHostKeyChecking=yes", "-p", str(server.port)]
    run = subprocess.run(
        [*command, "-s", f"{USER}@127.0.0.1", "sftp"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode in (0, 255), run.stderr
    assert run.returncode == 0 or "ost key" in run.stderr, run.stderr
    return run.returncode == 0


@pytest.mark.parametrize("case", CASES)
def test_as_openssh_does(server: Sshd, home: Home, keys: Keys, case: str) -> None:
    """Each kind of known_hosts line is read as ssh(1) reads it."""
    home.known_hosts.write_text(CASES[case].lines(server.port, keys))
    refusal = CASES[case].refusal
    assert openssh_accepts(server, home) == (refusal is None)
    if refusal is None:
        connect(server)
    else:
        with pytest.raises(Refused, match=refusal) as caught:
            connect(server)
        assert "SHA256:" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_hashed_names(known: Sshd, home: Home) -> None:
    """Names hashed by `ssh-keygen -H` are found."""
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", home.known_hosts], check=True, capture_output=True)
    assert "127.0.0.1" not in home.known_hosts.read_text()
    connect(known)


@pytest.mark.parametrize("state", ["unknown", "changed"])
def test_the_suggested_command_mends_it(server: Sshd, home: Home, keys: Keys, state: str) -> None:
    """The command that a refusal suggests makes the next try succeed."""
    if state == "changed":
        home.know(server, keys.stranger)
    with pytest.raises(Refused) as caught:
        connect(server)
    for command in str(caught.value).split("`")[1::2]:
        subprocess.run(command, shell=True, check=True, capture_output=True)
    connect(server)


ADVICE = {
    "a blank in the name": 'UserKnownHostsFile "{ssh}/known hosts"\n',
    "a missing folder": "UserKnownHostsFile {ssh}/new/known_hosts\n",
    "an alias": "HostKeyAlias hub.example\n",
    "a command": "ProxyCommand {relay} %h %p\n",
    "/dev/null": "UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n",
    "none": "UserKnownHostsFile none\n",
}


@pytest.mark.parametrize("case", ADVICE)
def test_the_suggested_command_in_odd_places(server: Sshd, home: Home, tmp_path: Path, case: str) -> None:
    """The suggested command helps wherever the configuration keeps keys, however it reaches the host."""
    relay = f"{sys.executable} {Path(__file__).with_name('relay.py')}"
    (home.ssh / "known hosts").touch()
    said = ADVICE[case].format(ssh=home.ssh, relay=relay)
    home.config.write_text(f"Host 127.0.0.1\n{said}Host *\nUserKnownHostsFile {home.known_hosts}\n")
    with pytest.raises(Refused) as caught:
        connect(server)
    command, *rest = str(caught.value).split("`")[1::2]
    assert "/dev/null" not in command
    subprocess.run(command, shell=True, check=True, capture_output=True)
    if case in ("/dev/null", "none"):
        assert rest == ["UserKnownHostsFile"]
        assert f"name {home.known_hosts}" in str(caught.value)
        home.config.write_text(f"UserKnownHostsFile {home.known_hosts}\n")
    connect(server)


def test_the_type_that_is_known_is_asked_for(tmp_path: Path, home: Home, keys: Keys) -> None:
    """A server with several keys shows the known one, whatever its preference."""
    server = Sshd(tmp_path / "several", [keys.host, keys.host_rsa, keys.host_ecdsa], keys.accepted)
    try:
        for key in (keys.host_rsa, keys.host_ecdsa, keys.host):
            home.known_hosts.write_text(entry(name(server.port), key))
            link = link_to(parse(f"ssh://127.0.0.1:{server.port}/"))
            link.wire()
            link.close()
    finally:
        server.stop()


def test_known_by_an_alias(server: Sshd, home: Home, keys: Keys) -> None:
    """HostKeyAlias is the name that counts."""
    home.configure(f"Host hub\n HostName 127.0.0.1\n Port {server.port}\n HostKeyAlias the-hub\n")
    home.known_hosts.write_text(entry("the-hub", keys.host))
    link_to(parse("ssh://hub/")).wire()


CERTIFICATES = {
    "good": (["-n", "127.0.0.1"], None),
    "for any host": ([], None),
    "for a pattern": (["-n", "127.*"], "its certificate is for"),
    "for another host": (["-n", "elsewhere"], "its certificate is for elsewhere"),
    "for a name that is no text": (["-n", "\udcff"], "its certificate cannot be read"),
    "expired": (["-n", "127.0.0.1", "-V", "20200101:20200102"], "has expired"),
    "a user's": (None, "a user's, not a host's"),
    "by a stranger": (["-n", "127.0.0.1"], "an authority that known_hosts does not name"),
    "revoked": (["-n", "127.0.0.1"], "its authority is revoked"),
}


@pytest.fixture
def signed(tmp_path: Path, keys: Keys, request: pytest.FixtureRequest) -> Iterator[Sshd]:
    """A server with a certificate by `authority`."""
    options, _ = CERTIFICATES[request.getfixturevalue("kind")]
    authority, host = keygen(tmp_path / "authority"), keygen(tmp_path / "host")
    sign: list[str | Path] = ["ssh-keygen", "-q", "-s", authority, "-I", "id"]
    kind = ["-n", "127.0.0.1"] if options is None else ["-h", *options]
    subprocess.run([*sign, *kind, f"{host}.pub"], check=True, capture_output=True)
    made = Sshd(tmp_path / "signed", [host], keys.accepted, [f"HostCertificate {host}-cert.pub"])
    yield made
    made.stop()


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificates(signed: Sshd, home: Home, keys: Keys, tmp_path: Path, kind: str) -> None:
    """A certificate counts if it is for this host, now, by an authority that known_hosts names."""
    authority = tmp_path / "authority"
    lines = entry("*", keys.stranger if kind == "by a stranger" else authority, "@cert-authority")
    if kind == "revoked":
        lines += entry("*", authority, "@revoked")
    home.known_hosts.write_text(lines)
    refusal = CERTIFICATES[kind][1]
    if kind != "a user's":  # OpenSSH's server does not even start to offer that one
        assert openssh_accepts(signed, home) == (refusal is None)
    if refusal is None:
        connect(signed)
    else:
        with pytest.raises(Refused, match=refusal):
            connect(signed)
