"""Every command inside an agent's sandbox: what is the sandbox's doing is not blamed on disks and modes."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE
from tests.places.repository import ok

# The fixtures of tests/remote: an sshd, and machines on a hub there.
from tests.remote.conftest import Join, alice, bob, hub, join  # noqa: F401
from tests.remote.machine import Machine, disconnect
from tests.ssh.conftest import home, keys, known, server  # noqa: F401
from xw import config

BLAMED = ("remount", "owner and mode", "permissions", "make room", "is sshd running", "spelt right")
# The exit codes with a hub that cannot be written, and with one that cannot be reached.
COMMANDS: dict[str, tuple[int, int]] = {
    "who": (0, 0),
    "peers": (0, 0),
    "check": (0, 0),
    "check --failed": (0, 0),
    "read GOT": (0, 0),
    "prompt": (0, 0),
    "send info hello --to bob": (0, 0),
    "send info hello --to all": (0, 0),
    "reply GOT fine": (0, 0),
    "attach OLD xw.json": (0, 0),
    "trace OLD": (0, 5),
    "recall OLD": (0, 5),
    "resend OLD": (1, 5),
    "ask --to bob --timeout 0 well?": (4, 4),
    "wait --timeout 0": (0, 0),
    "log": (0, 0),
    "done GOT": (0, 0),
    "gc --days 0": (0, 0),
    "notify status working": (0, 0),
    "notify heartbeat": (0, 0),
    "notify handoff task --to bob": (0, 0),
    "sync": (5, 5),
    "sync --repair": (5, 5),
    "doctor": (0, 1),
    "room list": (0, 5),
    "room create tea --members alice,bob": (5, 5),
    "room show tea": (3, 5),
    "hub new-id": (5, 5),
    "hub move NEW": (5, 5),
    "init --name newcomer": (6, 5),
    "init --name alice": (0, 5),
}
BY_MODE = ("room create tea --members alice,bob", "hub new-id", "hub move NEW", "doctor")
"""They name the modes of a hub, where these are what closes it."""
SCRIPT = """
import contextlib, io, json, sys
from xw.__main__ import run
results = []
for command in json.load(sys.stdin):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command)
        out.flush(), err.flush()
    results.append([code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()])
json.dump(results, sys.stdout)
"""


def _problems(command: str, wanted: int, code: int, out: str, err: str) -> list[str]:
    """Return how a command ended otherwise than it should, or what it blames but the sandbox."""
    shown = out + err
    wrong = [f"it blames: {word}" for word in BLAMED if word in shown]
    if code != wanted:
        wrong.append(f"exit code {code}, not {wanted}")
    if code in (5, 6) and "sandbox" not in shown and "from here" not in shown:
        wrong.append("it does not name the sandbox")
    if "Traceback" in shown or "a bug in xw" in shown:
        wrong.append("a bug")
    return [f"{command}: {one}: {shown}" for one in wrong]


@pytest.mark.root
@pytest.mark.parametrize("way", ["mounted read-only", "closed by modes"])
def test_a_hub_that_cannot_be_written(tmp_path: Path, way: str) -> None:
    """With a hub that can only be read, mail queues in `.xw/mirror`, and all commands say so or work."""
    project, hub_place = tmp_path / "project", tmp_path / "hubs"
    for name in ("alice", "bob"):
        (tmp_path / name).mkdir()
        ok(tmp_path / name, "init", "--name", name, "--hub", str(hub_place / "team"))
    (tmp_path / "alice").rename(project)
    shutil.copytree(config.user_folder(os.environ), project / "config" / "xw")  # alice's key
    ok(tmp_path / "bob", "send", "task", "work", "--to", "alice")
    mount = f'mount --bind {hub_place} {hub_place} && mount -o remount,bind,ro {hub_place} && exec "$@"'
    confine = ["unshare", "-m", "sh", "-c", mount, "sh"]
    if way == "closed by modes":
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        for above in (tmp_path, *tmp_path.parents):
            if above.stat().st_mode & 0o001 == 0:
                above.chmod(above.stat().st_mode | 0o011)
        for path in hub_place.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        confine = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
    environ = {**os.environ, "XW_NAME": "alice", "HOME": str(project)}
    environ |= {"XDG_STATE_HOME": str(project / "state"), "XDG_CONFIG_HOME": str(project / "config")}
    process = [*confine, sys.executable, "-c", SCRIPT]

    def inside(commands: list[list[str]]) -> list[tuple[int, str, str]]:
        ran = subprocess.run(
            process, cwd=project, env=environ, input=json.dumps(commands), capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran
        return [(one[0], one[1], one[2]) for one in json.loads(ran.stdout)]

    (first, sent) = inside([["check", "--json"], ["send", "info", "old", "--to", "bob", "--json"]])
    names = {
        "GOT": json.loads(first[1])["messages"][0]["id"],
        "OLD": json.loads(sent[1])["id"],
        "NEW": str(tmp_path / "new"),
    }
    commands = [[names.get(word, word) for word in command.split()] for command in COMMANDS]
    problems = []
    for command, (code, out, err) in zip(COMMANDS, inside(commands), strict=True):
        if way == "closed by modes" and command in BY_MODE:
            continue
        problems += _problems(command, COMMANDS[command][0], code, out, err)
    assert not problems, "\n".join(problems)
    how = f"cd {project} && xw sync --watch"
    assert how in sent[2]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENETUNREACH, errno.EAFNOSUPPORT])
def test_a_hub_that_cannot_be_reached(
    alice: Machine,  # noqa: F811  # fixtures
    bob: Machine,  # noqa: F811
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Where the system allows no network, commands work on the mirror or exit 5, and name the sandbox."""
    got, old = bob.send("alice", "work"), alice.send("bob", "old")
    alice.ok("sync")
    disconnect()
    refuse = lambda self, *_: (_ for _ in ()).throw(OSError(number, os.strerror(number)))  # noqa: E731
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda self, address: number)
    names = {"GOT": got, "OLD": old, "NEW": f"{alice.url}-new"}
    commands = COMMANDS if number == errno.EPERM else {"check": (0, 0), "trace OLD": (0, 5), "sync": (0, 5)}
    problems = []
    for command, (_, wanted) in commands.items():
        (alice.mirror.parent / "away.json").unlink(missing_ok=True)
        result = alice.run(*(names.get(word, word) for word in command.split()))
        problems += _problems(command, wanted, *result)
    assert not problems, "\n".join(problems)


def test_a_name_that_cannot_be_looked_up(
    alice: Machine,  # noqa: F811  # a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failed look-up is not called a wrong name where nothing can be reached at all."""
    disconnect()

    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    refuse = lambda self, *_: (_ for _ in ()).throw(PermissionError(errno.EPERM, "x"))  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    result = alice.run("sync")
    assert (result.code, "no network here (a sandbox?)" in result.err) == (5, True), result


def test_no_unix_sockets(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811  # a fixture
    """A sandbox that forbids sockets of Unix, as for ssh-agent, is none of a hub's that can be reached."""
    carol = join("carol")
    disconnect()
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    make = socket.socket.__init__

    def refuse(self: socket.socket, family: int = -1, *more: object, **named: object) -> None:
        if family == socket.AF_UNIX:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        make(self, family, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    carol.ok("sync")
