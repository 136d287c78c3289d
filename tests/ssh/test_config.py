"""`~/.ssh/config` leads xw where it leads ssh(1): each text is read by `ssh -G` as well."""

import getpass
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ssh.conftest import Home
from xw.errors import Usage
from xw.files.ssh import config, route
from xw.files.ssh.config import chosen, words
from xw.files.ssh.route import Route, find
from xw.files.ssh.target import parse

USER = getpass.getuser()
Said = dict[str, str]


def ssh(text: str, home: Home) -> Said:
    """What ssh(1) makes of a configuration for the host `hub`; nothing where it refuses the file."""
    (home.ssh / "tried").write_text(text)
    (home.ssh / "tried").chmod(0o600)
    ended = subprocess.run(
        ["ssh", "-G", "-F", home.ssh / "tried", "hub"], capture_output=True, text=True, check=False
    )
    return dict(line.split(" ", 1) for line in ended.stdout.splitlines() if " " in line)


def found(text: str, home: Home) -> Route:
    home.config.write_text(text)
    return find(parse("ssh://hub/"))


TEXTS = {
    "criteria in capitals": "Match Host other\n Port 3\nMATCH HOST hub\n Port 4\nMatch User no\n User x\n",
    "criteria with an equals sign": "Match host=other\n Port 3\nMatch host=hub\n Port 4\n",
    "negated": "Match !host hub\n Port 3\nMatch host !hub,*\n Port 4\nHost h* !hub\n Port 5\n",
    "several criteria": f'Match host "h*" user {USER}\n Port 3\nMatch host hub user nobody\n User x\n',
    "the original name": "HostName real\nMatch host real\n Port 3\nMatch originalhost hub\n User x\n",
    "a user that was said before": "User x\nMatch user x\n Port 3\nMatch localuser x\n Port 4\n",
    "all and final": "Match final all\n Port 3\n",
    "all": "Match all\n Port 3\nMatch !all\n User x\n",
    "a final pass": "HostName x%h\nMatch final\n Port 7\nHost xhub\n User u\n",
    "not in a final pass": "Match canonical\n Port 7\nMatch !final\n User u\n",
    "a command": 'Match exec "test %n = hub"\n Port 3\nMatch exec "test %h = other"\n User x\n',
    "a command that is not reached": 'Match host other exec "exit 0"\n Port 3\n',
    "no such domain": "CanonicalizeHostname yes\nCanonicalDomains no.invalid\nHostName a\nHost a\n Port 3\n",
    "no domains": "CanonicalizeHostname yes\nHost hub\n User x\n",
    "with an equals sign": "Port=3\nUser = x\nHostName= real\n",
    "comments": 'Port 45 # c\nUser a#b # d\nHostName "real" # e\n',
    "brackets are no pattern": "Host [h]ub\n Port 3\nMatch host [h]ub\n User x\n",
    "the first value counts": "Host h*\n Port 3\nHost *\n Port 4\n User x\n",
    "known hosts": 'UserKnownHostsFile "/a b" /c%h ${XW_TRIED}/x /%%\n',
    "identities": 'IdentityFile "/a # b" # odd\nIdentityFile /c\\ d\nIdentityFile /c\\ d\nIdentityFile /e\n',
    "certificates": "CertificateFile /a\nCertificateFile /b\n",
    "a command that is not run": "ProxyCommand relay %h:%p # %r\n",
    "no jump, a command": "ProxyJump none\nProxyCommand relay\n",
    "families": "AddressFamily inet\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_as_ssh(kind: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, port, user, files and commands are those of ssh(1)."""
    monkeypatch.setenv("XW_TRIED", "/from/environment")
    there, here = ssh(TEXTS[kind], home), found(TEXTS[kind], home)
    assert there, "ssh refuses it"
    assert (here.host, here.port, here.user) == (there["hostname"], int(there["port"]), there["user"])
    assert here.command == (
        there.get("proxycommand")
        and there["proxycommand"].replace("%h", "hub").replace("%p", "22").replace("%r", USER)
    )
    if kind == "known hosts":
        assert " ".join(here.known_hosts).startswith(there["userknownhostsfile"])
    if kind == "identities":
        assert here.keys == ("/a # b", "/c d", "/e")
        assert there["identityfile"] == "/e"  # `ssh -G` writes a line for each
    if kind == "certificates":
        assert here.certificates == ("/a", "/b")


WRONG = {
    "no value": "Port\n",
    "an open quote": 'User "x\n',
    "no number": "Port x\n",
    "a criterion of a later ssh": "Match localnetwork 10.0.0.0/8\n ProxyJump elsewhere\n",
    "a criterion without an argument": "Match host\n Port 3\n",
}


@pytest.mark.parametrize("kind", WRONG)
def test_refused_as_by_ssh(kind: str, home: Home) -> None:
    """What ssh(1) refuses is a usage error of one line."""
    assert not ssh(WRONG[kind], home)
    with pytest.raises(Usage) as caught:
        found(WRONG[kind], home)
    assert "\n" not in str(caught.value)


def test_an_unknown_criterion_that_does_not_matter(home: Home) -> None:
    """Where another criterion of the line is not met, nobody has to know the unknown one."""
    assert found("Match host other localnetwork 10.0.0.0/8\n Port 3\n", home).port == 22


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("PubkeyAuthentication", "no"),
        ("PreferredAuthentications", "password,keyboard-interactive"),
        ("ProxyUseFdpass", "yes"),
        ("BindInterface", "lo"),
    ],
)
def test_what_xw_cannot_obey(option: str, value: str, home: Home) -> None:
    """What would make the connection safer, or another, and cannot be done here is refused by its name."""
    with pytest.raises(Usage, match=option):
        found(f"Host hub\n {option} {value}\n", home)
    assert found(f"Host other\n {option} {value}\n", home).host == "hub"


def test_an_include_in_a_section_of_another_host(home: Home) -> None:
    """What is included where nothing counts does not count, its own sections included."""
    (home.ssh / "inner").write_text("Port 3\nHost *\n User x\n")
    for outer, expected in (("other", (22, USER)), ("hub", (3, "x"))):
        text = f"Host {outer}\n Include inner\n"
        here = found(text, home)
        assert (here.port, here.user) == expected
        there = ssh(text.replace("inner", str(home.ssh / "inner")), home)
        assert (int(there["port"]), there["user"]) == expected


def test_files_that_others_can_write(home: Home) -> None:
    """A configuration that others can write is refused, as ssh(1) does: it may name any command.

    A group whose only member is the user is nobody else, as in Debian's ssh: umask 002 makes such files.
    """
    home.config.write_text("Include inner\n")
    (home.ssh / "inner").write_text("Port 3\n")
    assert find(parse("ssh://hub/")).port == 3
    for path in (home.ssh / "inner", home.config):
        path.chmod(0o666)
        with pytest.raises(Usage, match=f"{path} can be written by others"):
            find(parse("ssh://hub/"))
        path.chmod(0o600)
    if os.getuid() == 0:
        home.config.chmod(0o664)
        assert find(parse("ssh://hub/")).port == 3
        os.chown(home.config, -1, 1)  # the group of another user
        with pytest.raises(Usage, match="can be written by others"):
            find(parse("ssh://hub/"))
        os.chown(home.config, -1, 0)
        os.chown(home.config, 12345, -1)
        with pytest.raises(Usage, match="belongs to user 12345"):
            find(parse("ssh://hub/"))


def test_criteria_of_newer_versions(home: Home) -> None:
    """`Match tagged` and `sessiontype` of newer versions of ssh are understood; a hub is a subsystem."""
    text = (
        "Match tagged vpn\n Port 4\nMatch sessiontype shell\n Port 5\nMatch sessiontype subsystem\n Port 6\n"
    )
    assert found(text, home).port == 6
    assert found("Host hub\n Tag vpn\n" + text, home).port == 4


def test_an_include_by_a_variable(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer versions of ssh expand variables in `Include`; a folder among what it names is passed over."""
    monkeypatch.setenv("PLACE", str(tmp_path / "more"))
    (tmp_path / "more/folder").mkdir(parents=True)
    (tmp_path / "more/file").write_text("Port 7\n")
    assert found("Include ${PLACE}/*\n", home).port == 7


def test_a_circle_of_includes(home: Home) -> None:
    """Files that include each other end in a usage error."""
    home.config.write_text(f"Include {home.config}\n")
    with pytest.raises(Usage, match="include each other"):
        find(parse("ssh://hub/"))


def test_a_command_runs_once(home: Home, tmp_path: Path) -> None:
    """However often a route is asked for, and in however many passes, `Match exec` runs once."""
    home.config.write_text(
        f'Match final exec "echo >> {tmp_path}/ran"\n Port 3\nMatch exec "echo >> {tmp_path}/ran"\n User x\n'
    )
    for _ in range(3):
        here = find(parse("ssh://hub/"))
    assert (here.port, here.user) == (3, "x")
    assert (tmp_path / "ran").read_text() == "\n"


def test_a_command_that_does_not_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Match exec` has a limit."""
    monkeypatch.setattr(config, "_EXEC_S", 0.1)
    began = time.monotonic()
    with pytest.raises(Usage, match="does not end"):
        found('Match exec "sleep 60"\n Port 3\n', home)
    assert time.monotonic() - began < 30


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


def test_a_variable_that_is_not_set(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh(1) refuses that as well."""
    monkeypatch.delenv("XW_TRIED", raising=False)
    with pytest.raises(Usage, match="XW_TRIED is not set"):
        found("IdentityFile ${XW_TRIED}/key\n", home)


def test_no_keys_from_files(home: Home) -> None:
    """`IdentityFile none` leaves the agent's keys, and none of the usual files."""
    assert found("IdentityFile none\n", home).keys == ()
    assert len(found("", home).keys) == len(route._KEYS)


def test_how_long_a_connection_may_take(home: Home) -> None:
    """`ConnectTimeout` counts, in seconds or with a unit."""
    for said, expected in (("3", 3.0), ("2m", 120.0), ("0", 10.0), ("none", 10.0)):
        assert found(f"ConnectTimeout {said}\n", home).connect_s == expected


def test_lists_of_algorithms() -> None:
    """A list names what counts, in its order; `+` adds, `-` takes away, `^` puts first."""
    usual, known = ("a1", "a2", "b1"), ("c1", "a1")
    for said, expected in (
        ("", usual),
        ("b1,a1,unknown", ("b1", "a1")),
        ("c1", ("c1",)),
        ("a*", ("a1", "a2")),
        ("+c1,a1", (*usual, "c1")),
        ("-a*", ("b1",)),
        ("^b1", ("b1", "a1", "a2")),
        ("unknown", ()),
    ):
        assert chosen(said, usual, known) == expected


def test_words() -> None:
    """Quotes, backslashes and comments are taken apart as by ssh(1)."""
    assert words("""a "b c" 'd "e' f\\ g "h\\"i" j\\k # l""") == ["a", "b c", 'd "e', "f g", 'h"i', "j\\k"]
    assert words("a#b #c") == ["a#b"]
