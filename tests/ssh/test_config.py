"""`ssh -G` says what `~/.ssh/config` means; without it the simple part counts, and the rest is refused."""

import getpass
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.ssh.conftest import Home
from tests.ssh.sshd import Sshd
from xw.errors import Unreachable, Usage
from xw.files.ssh import without_ssh
from xw.files.ssh.link import link_to
from xw.files.ssh.route import Algorithms, Route, allowed, expand, find
from xw.files.ssh.target import parse

USER = getpass.getuser()


@pytest.fixture
def no_ssh(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Route]:
    """`no_ssh(text)`: the route to `hub` by a configuration, where PATH has no `ssh`."""
    # The system's own file must not decide a test.
    monkeypatch.setattr(without_ssh, "_SYSTEM", str(tmp_path / "nothing"))

    def one(text: str) -> Route:
        home.config.write_text(text)
        return find(parse("ssh://hub/"), environ={**os.environ, "PATH": str(tmp_path / "nothing")})

    return one


def found(text: str, home: Home) -> Route:
    home.config.write_text(text)
    return find(parse("ssh://hub/"))


def program(home: Home, text: str) -> None:
    """Put another program in the place of `ssh`."""
    (home.tools / "ssh").write_text(f"#!/bin/sh\n{text}\n")


TEXTS = {
    "nothing": "",
    "criteria in capitals": "Match Host other\n Port 3\nMATCH HOST hub\n Port 4\nMatch User no\n User x\n",
    "criteria with an equals sign": "Match host=other\n Port 3\nMatch host=hub\n Port 4\n",
    "negated": "Match !host hub\n Port 3\nMatch host !hub,*\n Port 4\nHost h* !hub\n Port 5\n",
    "sections": "Host other\n Port 3\nHost h* !hub\n Port 5\nHost h?b\n Port 6\nHost *\n Port 7\n User x\n",
    "a final pass": "HostName x%h\nMatch final\n Port 7\nHost xhub\n User u\n",
    "a command": 'Match exec "test %n = hub"\n Port 3\nMatch exec "test %h = other"\n User x\n',
    "no such domain": "CanonicalizeHostname yes\nCanonicalDomains no.invalid\nHostName a\nHost a\n Port 3\n",
    "with an equals sign": "Port=3\nUser = x\nHostName= real\n",
    "a name made of tokens": "HostName %h%%.real\n",
    "comments": 'Port 45 # c\nUser a#b # d\nHostName "real" # e\n',
    "quotes": 'HostName "real"\nUserKnownHostsFile "/a"\nIdentityFile "/c d"\n',
    "no jump, no command": "ProxyJump none\nProxyCommand none\n",
    "half in quotes": 'IdentityFile "/c"d\n',
    "brackets are no pattern": "Host [h]ub\n Port 3\nMatch host [h]ub\n User x\n",
    "known hosts": "UserKnownHostsFile /a /b ~/c\nGlobalKnownHostsFile none\n",
    "known hosts by tokens": "UserKnownHostsFile /a/%h ${XW_TRIED}/x /%%\n",
    "identities": 'IdentityFile "/a # b" # odd\nIdentityFile /c\\ d\nIdentityFile /c\\ d\nIdentityFile /e\n',
    "identities by tokens": "IdentityFile ~/%h-%r-%p-%u-%%\nIdentityFile ${XW_TRIED}/x\nIdentityFile %d/x\n",
    "no identities": "IdentityFile none\n",
    "certificates": "CertificateFile /a\nCertificateFile /b\n",
    "a command that is not run": "ProxyCommand relay ~ '%h:%p' # %r\n",
    "no jump, a command": "ProxyJump none\nProxyCommand relay\n",
    "no command, a jump": "ProxyCommand none\nProxyJump other\n",
    "a command, a jump": "Host hub\n ProxyCommand relay\n ProxyJump other\n",
    "jumps": "Host hub\n ProxyJump a,u@b:7,ssh://c:8\n ProxyCommand relay\nHost b\n User x\n Port 9\n",
    "a family": "AddressFamily inet\nBindAddress 127.0.0.1\n",
    "a limit": "ConnectTimeout 3\n",
    "a limit with a unit": "ConnectTimeout 2m\n",
    "no limit": "ConnectTimeout none\n",
    "an alias": "HostKeyAlias The-Hub\nCheckHostIP yes\nRequiredRSASize 3072\nRevokedHostKeys ~/gone\n",
    "an agent": "IdentityAgent ~/agent\nIdentitiesOnly yes\n",
    "an agent by tokens": "IdentityAgent %d/agent\n",
    "what does not matter": "ServerAliveInterval 5\nForwardAgent yes\nControlPath ~/%C\nLogLevel QUIET\n",
    "a command for known hosts": "KnownHostsCommand /bin/echo 'a b' %H %% %n\n",
}
SIMPLE = (
    "nothing", "sections", "with an equals sign", "a name made of tokens", "quotes", "known hosts",
    "identities by tokens", "no identities", "a command that is not run", "no jump, a command",
    "no command, a jump", "a command, a jump", "no jump, no command", "jumps", "a family", "a limit",
    "no limit", "an agent", "an alias", "what does not matter",
)  # fmt: skip
"""Those that xw reads without `ssh` too."""


@pytest.mark.parametrize("kind", TEXTS)
def test_without_ssh(
    kind: str, home: Home, no_ssh: Callable[[str], Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simple configuration leads to the same route without `ssh`; all else is refused by name."""
    monkeypatch.setenv("XW_TRIED", "/from/environment")
    expected = plain(found(TEXTS[kind], home))
    if kind in SIMPLE:
        assert plain(no_ssh(TEXTS[kind])) == expected
    else:
        with pytest.raises(Usage, match="install OpenSSH's `ssh` program") as caught:
            no_ssh(TEXTS[kind])
        assert "\n" not in str(caught.value)


def plain(route: Route) -> Route:
    """Return a route without the lists of algorithms, which only `ssh` knows by default."""
    return route._replace(algorithms=Algorithms(), via=plain(route.via) if route.via else None)


def test_what_ssh_prints(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, files, commands and times are understood as ssh prints them: no quotes, some tokens."""
    monkeypatch.setenv("XW_TRIED", "/from/environment")

    def there(kind: str) -> Route:
        return found(TEXTS[kind], home)

    assert (there("criteria in capitals").port, there("criteria in capitals").user) == (4, USER)
    final = there("a final pass")
    assert (final.host, final.port, final.user) == ("xhub", 7, "u")
    assert there("known hosts by tokens").known_hosts[:3] == ("/a/hub", "/from/environment/x", "/%")
    assert there("identities").named == ("/a # b", "/c d", "/e")
    assert there("identities by tokens").named[0] == f"{home.ssh.parent}/hub-{USER}-22-{USER}-%"
    assert there("identities by tokens").named[1:] == ("/from/environment/x", f"{home.ssh.parent}/x")
    assert [there(kind).keys for kind in ("no identities", "nothing")] == [
        (),
        tuple(f"{home.ssh}/id_{kind}" for kind in ("ed25519", "ecdsa", "rsa")),
    ]
    assert there("certificates").certificates == ("/a", "/b")
    assert there("a command that is not run").command == f"relay ~ 'hub:22' # {USER}"
    assert there("a command for known hosts").known_hosts_command == ("/bin/echo", "a b", "%H", "%%", "hub")
    limits = [there(kind).connect_s for kind in ("a limit", "a limit with a unit", "no limit")]
    assert limits == [3.0, 120.0, None]
    alias = there("an alias")
    assert (alias.known_as, alias.check_address, alias.rsa_bits) == ("the-hub", True, 3072)
    assert alias.revoked == (f"{home.ssh.parent}/gone",)
    hops = [hop := there("jumps").via, hop and hop.via, hop and hop.via and hop.via.via]
    assert [str(hop) for hop in hops] == [f"{USER}@c:8", "u@b:7", f"{USER}@a"]


def test_a_file_whose_name_has_a_blank(home: Home, tmp_path: Path) -> None:
    """An existing file counts; the name of a missing one could end anywhere."""
    (tmp_path / "a  b").touch()
    text = f'UserKnownHostsFile "{tmp_path}/a  b" "{tmp_path}/c"\n'
    assert found(text, home).known_hosts[:2] == (f"{tmp_path}/a  b", f"{tmp_path}/c")
    (tmp_path / "a  b").unlink()
    with pytest.raises(Usage, match=r"userknownhostsfile .*a  b: no such file"):
        found(text, home)


def test_what_is_asked(home: Home) -> None:
    """User, port and host go to `ssh` as given, and so do the hosts to jump over; each hop is asked for."""
    home.config.write_text("Host hub\n ProxyJump a,u@b:7\n")
    find(parse("ssh://me@hub:44/"))
    asked = [line.partition(" -oRequestTTY=no ")[2] for line in home.asked()]
    assert asked == [
        "-p 44 -l me -s -- hub sftp",
        "-p 7 -l u -J a -W [hub]:44 -- b",
        "-W [b]:7 -- a",
    ]


def test_one_question_for_each_connection(known: Sshd, home: Home) -> None:
    """`ssh` is asked when a connection is made: not before, and not for what goes over it."""
    target = parse(f"ssh://127.0.0.1:{known.port}/")
    for _ in range(2):
        assert not link_to(target).up
    assert home.asked() == []
    for times in (1, 2):
        link_to(target).wire()
        link_to(target).answer("true")
        assert len(home.asked()) == times
        link_to(target).close()


WRONG = {
    "Port\n": "line 1: no argument after keyword .port.",
    "Host *\n User x\n Port x\n": "line 3: Bad port 'x'",
    "Nonsense word\n": "line 1: Bad configuration option: nonsense",
    "Match nothing x\n Port 3\n": "line 1: Bad Match condition",
    "Include {folder}/outer\n": "inner line 1: Bad port 'x'",
    "Include {folder}/writable\n": "Bad owner or permissions on .*writable: .*`chmod go-w` it",
    "LogLevel DEBUG3\nCiphers aes128-ctr,unknown\n": "line 2: Bad SSH2 cipher spec",
    "Match exec 'echo noise >&2; false'\nHost *\n Port x\n": "line 3: Bad port 'x'",
    "UserKnownHostsFile ${{XW_GONE}}/x\n": "XW_GONE",
    "IdentityFile ${{XW_GONE}}/x\n": "XW_GONE.* is unknown, or not set",
    "ProxyCommand relay %Q\n": "%Q is unknown",
    "ProxyJump -bad\n": "invalid host '-bad' in ProxyJump",
    "KnownHostsCommand relative %H\n": "it needs an absolute path",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_ssh_refuses(text: str, home: Home, tmp_path: Path) -> None:
    """A configuration that ssh(1) refuses is a usage error of one line, with file and line as in ssh."""
    (tmp_path / "outer").write_text(f"Include {tmp_path}/inner\n")
    (tmp_path / "inner").write_text("Port x\n")
    (tmp_path / "writable").touch()
    (tmp_path / "writable").chmod(0o666)
    expected = WRONG[text]
    with pytest.raises(Usage, match=expected) as caught:
        found(text.format(folder=tmp_path), home)
    assert "\n" not in str(caught.value)


def test_files_that_others_can_write(
    home: Home, no_ssh: Callable[[str], Route], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that others can write is refused, with or without `ssh`: it may name any command."""
    home.config.chmod(0o666)
    with pytest.raises(Usage, match=f"Bad owner or permissions on {home.config}"):
        found("", home)
    with pytest.raises(Usage, match=f"{home.config} can be written by others"):
        no_ssh("")
    home.config.chmod(0o600)
    if os.getuid() == 0:
        os.chown(home.config, 12345, -1)
        with pytest.raises(Usage, match="Bad owner"):
            found("", home)
        with pytest.raises(Usage, match="make it your own"):
            no_ssh("")


def test_a_name_that_cannot_be_resolved(home: Home) -> None:
    """If only the network knows the name, its absence is not an error of the configuration."""
    text = "CanonicalizeHostname yes\nCanonicalDomains no.invalid\nCanonicalizeFallbackLocal no\n"
    with pytest.raises(Unreachable, match="Could not resolve host"):
        found(text, home)


def test_another_ssh(home: Home) -> None:
    """A program of another kind, or an ssh before 7.6, counts as none; one that prints nonsense is named."""
    for said in (
        "ssh: Exited: Bad configuration option 'RemoteCommand=none'",
        "command-line: line 0: Bad configuration option: remotecommand",
        "usage: ssh [-1246]",
    ):
        program(home, f'echo "{said}" >&2; exit 1')
        assert found("Port 3\n", home).port == 3
        with pytest.raises(Usage, match="line 1: xw cannot read `match all` by itself"):
            found("Match all\n Port 3\n", home)
    program(home, "echo nonsense")
    with pytest.raises(Usage, match="is that ssh OpenSSH's"):
        found("", home)
    (home.tools / "ssh").write_bytes(b"\x00")
    with pytest.raises(Usage, match=f"{home.tools}/ssh cannot be run"):
        found("", home)


NOT_SIMPLE = {
    "Ciphers +aes256-cbc\n": "ciphers",
    "Host hub\n Tag x\n": "tag",
    "Host hub\n Include x\n": "line 2: xw cannot read `include x`",
    "Host [h]ub\n Port 3\n": "brackets in `host",
    "CertificateFile /a\n": "certificatefile",
    "KnownHostsCommand /bin/true\n": "knownhostscommand",
    "SomethingNew yes\n": "somethingnew",
    "Port x\n": "'x' is not a port",
    "IdentityFile /a%Q\n": "%Q is unknown",
}


@pytest.mark.parametrize("text", NOT_SIMPLE)
def test_refused_by_name_without_ssh(text: str, home: Home, no_ssh: Callable[[str], Route]) -> None:
    """An option that needs `ssh`, or is unknown to xw, is refused by name."""
    (home.ssh / "x").touch()
    with pytest.raises(Usage, match=NOT_SIMPLE[text]) as caught:
        no_ssh(text)
    assert "\n" not in str(caught.value)


def test_simple_without_ssh(home: Home, no_ssh: Callable[[str], Route]) -> None:
    """Options of other hosts do not matter, nor an `Include` that finds nothing; plain lists count."""
    route = no_ssh("Include more/*\nCiphers aes256-ctr\nHost other\n Tag x\nHost *\n Port 7\n")
    assert (route.port, route.algorithms.ciphers) == (7, "aes256-ctr")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("PubkeyAuthentication", "no"),
        ("PreferredAuthentications", "password,keyboard-interactive"),
        ("ProxyUseFdpass", "yes"),
        ("BindInterface", "lo"),
    ],
)
def test_what_xw_cannot_obey(option: str, value: str, home: Home, no_ssh: Callable[[str], Route]) -> None:
    """An option that would change the connection or make it safer, but is unsupported, is refused by name."""
    for read in (lambda text: found(text, home), no_ssh):
        with pytest.raises(Usage, match=option):
            read(f"Host hub\n {option} {value}\n")
        assert read(f"Host other\n {option} {value}\n").host == "hub"


def test_an_include_in_a_section_of_another_host(home: Home) -> None:
    """A file included in a section that does not apply does not apply, in a final pass either."""
    (home.ssh / "inner").write_text("Port 3\nHost *\n User x\nMatch final\n User y\n")
    for outer, expected in (("other", (22, USER)), ("hub", (3, "x"))):
        here = found(f"Host {outer}\n Include {home.ssh}/inner\n", home)
        assert (here.port, here.user) == expected


def test_a_command_that_does_not_end(known: Sshd, home: Home, tmp_path: Path) -> None:
    """`Match exec` ends with a command's own limit, and leaves nothing running."""
    home.configure(f'Match exec "echo $$ > {tmp_path}/started; exec sleep 60"\n Port 3\n')
    link = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    began = time.monotonic()
    with (
        pytest.raises(Unreachable, match=r"`ssh -G 127\.0\.0\.1` takes longer than 0\.[0-9] s"),
        link.within(0.5),
    ):
        link.wire()
    assert time.monotonic() - began < 8  # without the limit it is 10
    if (tmp_path / "started").exists():  # a busy machine may not have come so far
        process = Path("/proc", (tmp_path / "started").read_text().strip())
        until(lambda: not process.exists())


def test_a_command_that_leaves_something_running(home: Home, tmp_path: Path) -> None:
    """A background process of a `Match exec`, such as a tunnel, is neither waited for nor ended."""
    text = f'Match exec "sleep 60 & echo $! > {tmp_path}/left; true"\n Port 3\n'
    began = time.monotonic()
    assert found(text, home).port == 3
    assert time.monotonic() - began < 8
    os.kill(int((tmp_path / "left").read_text()), 9)


def test_known_hosts_from_a_command_that_does_not_end(known: Sshd, home: Home, tmp_path: Path) -> None:
    """`KnownHostsCommand` counts against a command's limit too."""
    script = tmp_path / "command"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    home.configure(f"KnownHostsCommand {script}\n")
    link = link_to(parse(f"ssh://127.0.0.1:{known.port}/"))
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"its KnownHostsCommand .* takes longer than"), link.within(0.5):
        link.wire()
    assert time.monotonic() - began < 8


AGENTS: dict[str, Callable[[Home], str | None]] = {
    "SSH_AUTH_SOCK": lambda home: "/the/agent",
    "none": lambda home: None,
    "$XW_TRIED": lambda home: "/from/environment",
    "${XW_TRIED}/a": lambda home: "/from/environment/a",
    "%d/a-%r": lambda home: f"{home.ssh.parent}/a-{USER}",
    "~/a": lambda home: f"{home.ssh.parent}/a",
}


@pytest.mark.parametrize("said", AGENTS)
def test_agents(said: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """`IdentityAgent` may be a path with tokens and variables, or name a variable."""
    monkeypatch.setenv("XW_TRIED", "/from/environment")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/the/agent")
    assert found(f"IdentityAgent {said}\n", home).agent == AGENTS[said](home)


def test_lists_of_algorithms() -> None:
    """A list names what counts, in its order; an empty one leaves all."""
    assert allowed("", ("a", "b")) == ("a", "b")
    assert allowed("b,unknown,a,b", ("a", "b", "c")) == ("b", "a")
    assert allowed("unknown", ("a",)) == ()


def test_tokens() -> None:
    """Tokens are replaced once, and variables only where they count."""
    assert expand("%%h %h ${X}", {"%%": "%", "%h": "%%"}) == "%h %% ${X}"
    assert expand("${X}%h", {"%h": "${X}"}, {"X": "%h"}) == "%h${X}"
    for text in ("%q", "%", "${Y}"):
        with pytest.raises(ValueError, match="is unknown, or not set"):
            expand(text, {"%h": ""}, {})


def test_the_home_of_the_user_database(home: Home) -> None:
    """`~` is the home where `ssh` finds its configuration, whatever HOME says; without `ssh`, it is HOME."""
    program(
        home, "printf '%s\\n' 'user x' 'hostname hub' 'port 22' 'identityfile ~/key' 'identityfile %d/key'"
    )
    assert set(find(parse("ssh://hub/")).keys) == {f"{os.path.expanduser(f'~{USER}')}/key"}
