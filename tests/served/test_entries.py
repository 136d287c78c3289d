"""Lines of authorized_keys: what xw reads and writes in them, and what it leaves alone."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.ssh.sshd import keygen, public
from xw.errors import Usage
from xw.hub.served import entries
from xw.hub.served.entries import Entry, parse, written

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOiBImsnoP+lXxIXEhd5fmMJVzIl0vTTlf14cR+Ulp6v"
HARD = (
    "/srv/hub",
    "/srv/my hub",
    "/srv/it's",
    '/srv/"quoted", twice',
    "/srv/b\\s",
    "/srv/$HOME `x`",
    "/srv/ü",
)


@pytest.mark.parametrize("hub", HARD)
def test_what_is_written_is_read(hub: str) -> None:
    """Every field survives, for paths with blanks, quotes, commas, backslashes and more."""
    for entry in (
        Entry(KEY, hub, "alice", since="2026-11-30T17:00:00Z", file=f"{hub}/keys"),
        Entry(KEY, hub, "alice", was="bob"),
        Entry(KEY, hub, "bob", invited=True, until="2026-12-07T17:00:00Z", used="SHA256:abc="),
    ):
        line = written(entry)
        assert parse(line.raw) == line
        assert b"\n" not in line.raw


@pytest.mark.parametrize("hub", HARD)
def test_the_shell_gets_the_words(hub: str) -> None:
    """The command of a line, unquoted as sshd does it, is these words for a shell."""
    line = written(Entry(KEY, hub, "alice"))
    command = line.options[0].removeprefix('command="').removesuffix('"').replace('\\"', '"')
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    )
    words = said.stdout.splitlines()
    assert words[-7:] == ["hub", "serve", "--as", "alice", "--key", entries.fingerprint(KEY), hub]


def test_a_fingerprint_is_openssh_s(tmp_path: Path) -> None:
    """The fingerprint is what ssh-keygen -l prints."""
    key = keygen(tmp_path / "key", "-t", "ecdsa")
    said = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout
    assert entries.fingerprint(public(key)) == said.split()[1]


def test_a_line_by_hand() -> None:
    """A line that somebody wrote is a member's, with whatever other options it has."""
    text = f'from="10.0.0.*,!10.0.0.9",Command="xw hub serve --as=carol /srv/hub",no-pty {KEY} carol'
    line = parse(text.encode())
    assert line.entry == Entry(KEY, "/srv/hub", "carol")
    assert line.key == KEY
    renamed = written(line.entry._replace(name="dave"), line.options)
    assert renamed.options[1:] == ('from="10.0.0.*,!10.0.0.9"', "no-pty")
    assert parse(renamed.raw).entry == renamed.entry


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment",
        "no key at all",
        "ssh-ed25519 not-base64 me",
        "ssh-ed25519 AAAAB3NzaC1yc2E= another type inside",
        'command="unfinished',
        'command="xw hub serve --as alice /srv/hub"',
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_what_is_no_key(text: str) -> None:
    """Anything else has no key and no entry, and stays as it is."""
    assert parse(text.encode()) == (text.encode(), "", None, ())


@pytest.mark.parametrize(
    "command",
    [
        "internal-sftp",
        "xw hub serve --as alice",
        "xw hub serve /srv/hub",
        "xw hub serve --as alice relative",
        "xw hub serve --as alice /srv/hub /srv/other",
        "xw hub serve --as 'alice /srv/hub",
        "xw hub",
    ],
)
def test_other_commands(command: str) -> None:
    """A key with another command, or a wrong one, is known as a key and is nobody's."""
    line = parse(f'command="{command}",restrict {KEY} alice'.encode())
    assert (line.key, line.entry) == (KEY, None)


def test_a_line_break_is_refused() -> None:
    """A hub whose path has a line break cannot be written into a line."""
    with pytest.raises(Usage, match="line break"):
        written(Entry(KEY, "/srv/a\nssh-ed25519 AAAA", "alice"))


def test_a_public_key() -> None:
    """Only a key is taken for one, and its comment and a second line are not."""
    assert entries.public_key(f"{KEY} me@east") == KEY
    for wrong in (
        "",
        "ssh-ed25519",
        f'command="sh" {KEY}',
        "ssh-ed25519 AAAA",
        f"{KEY}{'A' * 9000}",
        "x " + KEY,
    ):
        with pytest.raises(Usage):
            entries.public_key(wrong)


def test_the_program_runs_from_anywhere(tmp_path: Path) -> None:
    """The words that start xw work in any directory, without a PATH."""
    ran = subprocess.run(
        ["/bin/sh", "-c", shlex.join([*entries.program(), "help", "who"])], cwd=tmp_path, env={}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout.startswith("Usage: xw who")
