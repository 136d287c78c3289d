"""`~/.ssh/config` leads to the host: names, ports, users, keys, hosts to jump over."""

import os
import pwd
import sys
import time
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import USER, Sshd
from xw.errors import Refused, Unreachable, Usage
from xw.files.sftp import SftpFiles
from xw.files.ssh.link import link_to
from xw.files.ssh.route import find
from xw.files.ssh.target import parse


def names(url: str) -> list[str]:
    target = parse(url)
    return SftpFiles(link_to(target), target.path).list_folder("")


def test_alias_port_and_user(known: Sshd, home: Home) -> None:
    """An alias stands for a host, its port and user; patterns and other sections count as in ssh(1)."""
    home.configure(f"Host hub other\n HostName 127.0.0.1\nHost h*\n Port={known.port}\n User {USER}\n")
    assert names("ssh://hub/~") == []
    assert names("hub:~/") == []


def test_the_url_overrides_the_configuration(known: Sshd, home: Home) -> None:
    """Port and user in the URL win."""
    home.configure("Host hub\n HostName 127.0.0.1\n Port 1\n User nobody-at-all\n")
    assert names(f"ssh://{USER}@hub:{known.port}/~") == []


def test_identity_file(known: Sshd, home: Home, keys: Keys) -> None:
    """The key that the configuration names is used; the usual ones are then not."""
    home.give(keys.user, "work")
    home.give(keys.stranger)
    with pytest.raises(Refused, match="id_ed25519"):
        names(f"ssh://127.0.0.1:{known.port}/~")
    home.configure("Host 127.*\n IdentityFile ~/.ssh/work\n IdentitiesOnly yes\n")
    assert names(f"ssh://127.0.0.1:{known.port}/~") == []


def test_include(known: Sshd, home: Home) -> None:
    """Included files count, also by patterns and in turn."""
    (home.ssh / "conf.d").mkdir()
    (home.ssh / "conf.d/one").write_text("Include two-*\n")
    (home.ssh / "two-x").write_text(f"Host hub\n HostName 127.0.0.1\n Port {known.port}\n")
    home.configure("Include conf.d/*\nInclude missing\n")
    assert names("ssh://hub/~") == []


def test_after_an_include(home: Home) -> None:
    """A section that begins in an included file ends with it, as in ssh(1); its name may have spaces."""
    (home.ssh / "more hosts").write_text("User inner\nHost other\n Port 1\n")
    home.configure('Include "more hosts"\nPort 2\nHost elsewhere\n Include more?hosts\n Port 3\n')
    found = find(parse("ssh://hub/"))
    assert (found.user, found.port) == ("inner", 2)
    assert find(parse("ssh://other/")).port == 1


def test_comments_at_the_end(home: Home) -> None:
    """A `#` begins a comment, but not within a word, in quotes or in a command."""
    home.configure(
        "Host hub # mine\n Port 45 # not 22\n User a#b\t# me\n"
        ' IdentityFile "~/a # b" # odd\n ProxyCommand true # %p\n'
    )
    found = find(parse("ssh://hub/"))
    assert (found.port, found.user, found.command) == (45, "a#b", "true # 45")
    assert [Path(name).name for name in found.named] == ["a # b"]


@pytest.mark.parametrize(
    ("first", "second", "via", "command"),
    [
        ("ProxyJump bastion", "ProxyCommand relay", "bastion", None),
        ("ProxyCommand relay", "ProxyJump bastion", None, "relay"),
        ("ProxyCommand none", "ProxyJump bastion", None, None),
        ("ProxyJump none", "ProxyCommand relay", None, "relay"),
        ("ProxyJump none", "ProxyJump bastion", None, None),
    ],
)
def test_jump_or_command(first: str, second: str, via: str | None, command: str | None, home: Home) -> None:
    """Of ProxyJump and ProxyCommand, the first one applies, as in OpenSSH."""
    home.configure(f"Host hub\n {first}\nHost hub h*\n {second}\n")
    found = find(parse("ssh://hub/"))
    assert (found.via and found.via.host, found.command) == (via, command)


@pytest.fixture
def jumps(tmp_path: Path, home: Home, keys: Keys) -> list[Sshd]:
    made = [Sshd(tmp_path / name, [keys.host], keys.accepted) for name in ("first", "second")]
    for server in made:
        home.know(server, keys.host)
    return made


def test_jump(known: Sshd, jumps: list[Sshd], home: Home) -> None:
    """A host behind two others is reached through both, each with its own part of the configuration."""
    first, second = jumps
    home.configure(
        f"Host first\n HostName 127.0.0.1\n Port {first.port}\n"
        f"Host second\n HostName 127.0.0.1\n Port {second.port}\n ProxyJump first\n"
        f"Host hub\n HostName 127.0.0.1\n Port {known.port}\n ProxyJump second\n"
        f"Host chain\n HostName 127.0.0.1\n Port {known.port}\n ProxyJump {USER}@first:{first.port},second\n"
    )
    try:
        for host in ("hub", "chain"):
            assert names(f"ssh://{host}/~") == []
        assert all(server.log.read_text().count("Accepted publickey") == 1 for server in jumps)
        second.stop()
        with pytest.raises(Unreachable):
            names("ssh://hub/~")
    finally:
        for server in jumps:
            server.stop()


def test_jump_to_nowhere(jumps: list[Sshd], home: Home) -> None:
    """If the last host is missing, the error names it and the host jumped from."""
    first, second = jumps
    second.stop()
    home.configure(f"Host hub\n HostName 127.0.0.1\n Port {second.port}\n ProxyJump 127.0.0.1:{first.port}\n")
    try:
        with pytest.raises(
            Unreachable, match=f"127.0.0.1:{first.port}: cannot jump on .* port {second.port}"
        ):
            names("ssh://hub/~")
    finally:
        first.stop()


def test_circle(home: Home) -> None:
    """Hosts that jump over each other are a usage error."""
    home.configure("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(Usage, match="circle"):
        find(parse("ssh://a/"))


_RELAY = """
import os, signal, socket, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
go = lambda: [s.sendall(d) for d in iter(lambda: os.read(0, 65536), b"")]
threading.Thread(target=go, daemon=True).start()
[os.write(1, d) for d in iter(lambda: s.recv(65536), b"")]
signal.pause()
"""


def test_proxy_command(known: Sshd, home: Home, tmp_path: Path) -> None:
    """A ProxyCommand's stdin and stdout are the connection; it ends with it, even if it ignores signals."""
    relay = tmp_path / "relay.py"
    relay.write_text(_RELAY)
    home.configure(f"Host 127.0.0.1\n ProxyCommand {sys.executable} {relay} %p\n")
    assert names(f"ssh://127.0.0.1:{known.port}/~") == []
    link_to(parse(f"ssh://127.0.0.1:{known.port}/~")).close()
    running = [path for path in Path("/proc").glob("[0-9]*") if str(relay).encode() in _command(path)]
    until(lambda: not any(map(_command, running)))


def _command(process: Path) -> bytes:
    """Return a process's command line; empty once it has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_proxy_command_that_cannot_be_run(home: Home) -> None:
    """It is named at once, and not tried again and again."""
    home.configure("Host 127.0.0.1\n ProxyCommand /nowhere/relay %p\n")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="its ProxyCommand cannot be run: `/nowhere/relay 22`"):
        names("ssh://127.0.0.1/~")
    assert time.monotonic() - began < 15  # a host is tried for 20


FAILING = {
    "echo first >&2; echo 'tunnel: please log in first' >&2; exit 7": (
        "its ProxyCommand ended with exit code 7, and says 'tunnel: please log in first': `sh -c "
    ),
    "exit 3": "its ProxyCommand ended with exit code 3: `sh -c ",
    "echo 'log in at https://x'; exit 0": "ended with exit code 0, and says 'log in at https://x': `",
    "true": "its ProxyCommand ended with exit code 0: `",
    "printf '\\033[2Jno' >&2; exit 1": "exit code 1, and says '\\x1b[2Jno': `",
    "kill -9 $$": "its ProxyCommand ended with exit code -9: `",
    "exec >&- <&-; sleep 60": "its ProxyCommand ended with exit code -9: `",
}


@pytest.mark.parametrize("through", ["straight", "jump"])
@pytest.mark.parametrize("script", FAILING)
def test_a_proxy_command_that_fails(
    script: str, through: str, home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """After one try, at once, the error has its exit code and last line, and nothing about the host."""
    tried, file = tmp_path / "tried", tmp_path / "script"
    file.write_text(f"echo >> {tried}; {script}")
    host = "127.0.0.1" if through == "straight" else "gate"
    jump = "Host 127.0.0.1\n ProxyJump gate\n" if through == "jump" else ""
    home.configure(f"{jump}Host {host}\n ProxyCommand sh -c '. {file}'\n")
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        names("ssh://127.0.0.1/~")
    assert time.monotonic() - began < 2
    assert FAILING[script] in str(caught.value)
    assert "MaxStartups" not in str(caught.value)
    assert tried.read_text() == "\n"
    assert capfd.readouterr().err == ""


def test_a_proxy_command_that_writes_much(known: Sshd, home: Home, tmp_path: Path) -> None:
    """What a working ProxyCommand writes to stderr never stops it."""
    relay = tmp_path / "relay.py"
    relay.write_text("import os\n[os.write(2, b'x' * 4096) for _ in range(64)]\n" + _RELAY)
    home.configure(f"Host 127.0.0.1\n ProxyCommand {sys.executable} {relay} %p\n")
    assert names(f"ssh://127.0.0.1:{known.port}/~") == []


def test_a_broken_configuration(home: Home) -> None:
    """A line that cannot be read is a usage error."""
    home.config.write_text("Nonsense word\n")
    with pytest.raises(Usage, match=f"{home.config}: line 1: Bad configuration option: nonsense"):
        find(parse("ssh://hub/"))


def test_a_user_without_a_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id that this machine has no name for, as in containers: LOGNAME is asked for, and does."""

    def nameless(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Usage, match=f"user id {os.getuid()} has no name .*`export LOGNAME=you`"):
        find(parse("ssh://you@hub/"))
    monkeypatch.setenv("LOGNAME", "me")
    assert find(parse("ssh://hub/")).user == "me"


def test_known_hosts_files(home: Home) -> None:
    """The configuration says where hosts are known; the usual places otherwise."""
    assert find(parse("ssh://hub/")).known_hosts == (str(home.known_hosts), "/dev/null")
    home.config.write_text("")
    usual = find(parse("ssh://hub/")).known_hosts
    assert usual[0] == str(home.known_hosts)
    assert "/etc/ssh/ssh_known_hosts" in usual
