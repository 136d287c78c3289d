"""A conversation between this tree and the wheel of an earlier release, on one hub, both ways.

Nothing is lost, nothing is set aside, and no command of the older one ends with exit code 2, as long as
nobody asked for a key that it does not know.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import warm_xw
from tests.cli.team import XW, Result, until

# The fixtures of tests/ssh: a fresh `~/.ssh`, and an sshd whose host key it knows.
from tests.ssh.conftest import home, keys, known, server  # noqa: F401
from tests.ssh.sshd import Sshd
from tests.wheels import CHECKOUT, build, install, made_once

OLDER = "4ec1bb6"
"""The last commit before issue E, which users have."""


class Agent:
    """One instance: its name, the `xw` that it runs, and the directory it works in."""

    def __init__(self, name: str, program: str, folder: Path) -> None:
        self.name = name
        self.program = program
        self.folder = folder

    def run(self, *arguments: str, code: int = 0) -> Result:
        """Run a command, which must end with `code`."""
        environ = {**os.environ, "XW_NAME": self.name}
        # `ask` and the bridges start as users start them.
        version = warm_xw.server(str(Path(self.program).with_name("python")))
        done = Result(*version.run(*arguments, cwd=self.folder, environ=environ))
        assert done.code == code, (self.program, arguments, done)
        return done

    def send(self, *arguments: str) -> str:
        """Send a message; its id."""
        return str(json.loads(self.run("send", *arguments, "--json").out)["id"])

    def pending(self) -> list[str]:
        """Return the bodies of the pending messages."""
        return [message["body"] for message in json.loads(self.run("check", "--json").out)["messages"]]


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The `xw` of the earlier release, installed from its wheel."""
    return str(made_once(tmp_path_factory, "older", _install_older) / "venv/bin/xw")


def _install_older(place: Path) -> None:
    tree = place / "tree"
    tree.mkdir()
    archive = subprocess.run(["git", "archive", OLDER], cwd=CHECKOUT, capture_output=True, check=False)
    assert archive.returncode == 0, f"the history lacks {OLDER} (a shallow clone?): `git fetch --unshallow`"
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    install(build(tree, place), place / "venv")


@pytest.fixture(params=["older first", "older second"])
def pair(request: pytest.FixtureRequest, older: str) -> tuple[str, str]:
    """The programs of the one who makes the hub, and of the one who joins."""
    return (older, XW) if request.param == "older first" else (XW, older)


def converse(one: Agent, two: Agent) -> None:
    """Send every type of message with all that a message can carry, both ways, and settle it."""
    for asker, answerer in ((one, two), (two, one)):
        notes = asker.folder / f"notes-of-{asker.name}.txt"
        notes.write_text(f"notes of {asker.name}\n")
        task = asker.send(
            "task",
            f"do it, {answerer.name}",
            "--to",
            answerer.name,
            "--attach",
            str(notes),
            "--expires",
            "2h",
        )
        short = task.partition("-")[2]
        assert answerer.pending() == [f"do it, {answerer.name}"]
        shown = answerer.run("read", short).out
        assert f"do it, {answerer.name}" in shown
        assert "PROBLEM" not in shown
        (path,) = [line.split()[1] for line in shown.splitlines() if "notes-of-" in line]
        assert Path(answerer.folder, path).read_text() == f"notes of {asker.name}\n"
        answerer.run("reply", short, f"done, {asker.name}")
        answerer.run("done", short)
        answerer.run("done", short)
        assert asker.pending() == [f"done, {asker.name}"]
        assert "done" in asker.run("trace", short).out
        more = asker.folder / f"more-of-{asker.name}.txt"
        more.write_text("more\n")
        asker.run("attach", short, str(more))
        (info,) = answerer.pending()
        assert f"more-of-{asker.name}.txt" in info
        asker.run("notify", "status", "working", "--task", "the parser", "--progress", "0.5")
        asker.run("send", "info", "to all", "--to", "all")
        assert "to all" in answerer.pending()
        asker.run("notify", "handoff", "--to", answerer.name, "take over", "--context", "all of it")
        assert any("take over" in body for body in answerer.pending())
        assert f"do it, {answerer.name}" in answerer.run("log").out
        assert asker.name in answerer.run("peers").out
        for agent in (asker, answerer):
            agent.run(
                "done",
                *(message["id"] for message in json.loads(agent.run("check", "--json").out)["messages"]),
            )
            agent.run("gc")
            assert agent.pending() == []


def ask(asker: Agent, answerer: Agent) -> None:
    """Ask a question that the other answers by hand."""
    environ = {**os.environ, "XW_NAME": asker.name}
    command = [asker.program, "ask", "--to", answerer.name, "--timeout", "60", "how many?"]
    with subprocess.Popen(
        command, cwd=asker.folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as asking:
        until(lambda: "how many?" in answerer.pending())
        (question,) = json.loads(answerer.run("check", "--json").out)["messages"]
        answerer.run("reply", question["id"], "six")
        answerer.run("done", question["id"])
        out, _ = asking.communicate(timeout=90)
    assert (asking.returncode, out.strip()) == (0, "six")


def fail(asker: Agent, answerer: Agent) -> None:
    """Ask one whose bridge can give no answer: its program fails, then it says nothing."""
    environ = {**os.environ, "XW_NAME": answerer.name}
    for program, reason in (("echo no credit >&2; exit 3", "no credit"), ("exit 0", "its answer is empty")):
        command = [answerer.program, "bridge", "command", "--", "sh", "-c", program]
        with subprocess.Popen(command, cwd=answerer.folder, env=environ, stderr=subprocess.DEVNULL) as bridge:
            try:
                asked = asker.run("ask", "--to", answerer.name, "--timeout", "60", "how many?", code=1)
                assert reason in asked.err
            finally:
                bridge.terminate()


def nothing_is_set_aside(root: Path) -> None:
    """Check that no hub has a file in `failed/`, and no outbox has mail."""
    left = [str(path) for path in root.glob("*/inbox/failed/*")]
    left += [str(path) for path in root.glob("*/outbox/*/*.json") if not path.name.startswith(".")]
    assert left == []


@pytest.mark.long
def test_in_one_checkout(pair: tuple[str, str], tmp_path: Path) -> None:
    """Both read and write one xw.json and one hub in the project."""
    one, two = (Agent(name, program, tmp_path) for name, program in zip(("ann", "ben"), pair, strict=True))
    one.run("init", "--name", "ann")
    two.run("init", "--name", "ben", "--describe", "the second")
    one.run("init", "--name", "ann", "--describe", "the first")  # again, over what the other has written
    converse(one, two)
    ask(one, two)
    ask(two, one)
    one.run("sync")
    two.run("sync")
    one.run("doctor")
    two.run("doctor")
    nothing_is_set_aside(tmp_path / ".xw" / "hub")


def test_a_failure_of_an_older_bridge(older: str, tmp_path: Path) -> None:
    """A failure that an older bridge reports in words alone is a failure, for `ask` too."""
    ann, ben = Agent("ann", XW, tmp_path), Agent("ben", older, tmp_path)
    ann.run("init", "--name", "ann")
    ann.run("init", "--name", "ben")
    fail(ann, ben)


def test_a_failure_that_an_older_room_reads(older: str, tmp_path: Path) -> None:
    """The words by which a bridge reports a failure are those that an older room knows it by."""
    ann, ben = Agent("ann", XW, tmp_path), Agent("ben", XW, tmp_path)
    ann.run("init", "--name", "ann")
    ann.run("init", "--name", "ben")
    fail(ann, ben)
    (notice,) = (tmp_path / ".xw/hub/ann/inbox/done").glob("*.info.ben.json")
    script = """
import pathlib, sys
from xw.message import decode
from xw.rooms import payload
path = pathlib.Path(sys.argv[1])
m = decode(path.name, path.read_bytes())
sys.exit(0 if payload.is_word(m) and not payload.says_something(m) else 1)"""
    python = Path(older).with_name("python")
    assert subprocess.run([python, "-c", script, notice], cwd=tmp_path, check=False).returncode == 0


@pytest.fixture
def far(known: Sshd, tmp_path: Path) -> str:  # noqa: F811  # a fixture
    """The URL of a hub to be made on another host."""
    return f"ssh://127.0.0.1:{known.port}{tmp_path / 'hub'}"


@pytest.mark.long
def test_over_ssh(pair: tuple[str, str], far: str, tmp_path: Path) -> None:
    """Each has its own machine, and the hub is on a third."""
    agents = []
    for name, program in zip(("ann", "ben"), pair, strict=True):
        folder = tmp_path / f"machine-of-{name}"
        folder.mkdir()
        agents.append(Agent(name, program, folder))
        agents[-1].run("init", "--name", name, "--hub", far)
        path = folder / "xw.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"offline_s": 30}))
    for agent in agents:
        agent.run("sync")
    if pair[0] != XW:  # the hub of an older one has all that the new one must get on with
        converse(*agents)
    ask(*agents)
    ask(*reversed(agents))
    nothing_is_set_aside(tmp_path / "hub")


def test_a_mirror_that_the_other_version_made(pair: tuple[str, str], far: str, tmp_path: Path) -> None:
    """A mirror, its outbox included, is taken over by an upgrade, and by going back."""
    folder = tmp_path / "machine"
    folder.mkdir()
    before, after = (Agent("ann", program, folder) for program in pair)
    before.run("init", "--name", "ann", "--hub", far)
    before.run("send", "task", "to myself", "--to", "ann", "--offline")
    assert "1 delivered" in after.run("sync").out
    assert after.pending() == ["to myself"]
    after.run("send", "info", "and again", "--to", "ann", "--offline")
    assert "1 delivered" in before.run("sync").out
    assert before.pending() == ["to myself", "and again"]


def test_a_hub_that_has_moved(older: str, far: str, tmp_path: Path) -> None:
    """An older version delivers nothing to the old place, and loses nothing: upgraded, it delivers."""
    folders = [tmp_path / "machine-of-ann", tmp_path / "machine-of-ben"]
    for folder in folders:
        folder.mkdir()
    ann, ben = Agent("ann", older, folders[0]), Agent("ben", XW, folders[1])
    for agent in (ann, ben):
        agent.run("init", "--name", agent.name, "--hub", far)
    ann.run("sync")
    ben.run("hub", "move", f"{far}-new")
    ann.run("send", "task", "it waits", "--to", "ben")
    assert "upgrade xw" in ann.run("sync", code=1).err
    ann.run("sync", "--hub", f"{far}-new", code=3)
    upgraded = Agent("ann", XW, folders[0])
    assert "1 delivered" in upgraded.run("sync").out
    assert ben.pending() == ["it waits"]


def test_a_moved_hub_that_is_a_directory(older: str, tmp_path: Path) -> None:
    """An older version does not open the old directory: exit 1, and nothing is written there."""
    ann, ben = Agent("ann", older, tmp_path), Agent("ben", XW, tmp_path)
    ann.run("init", "--name", "ann")
    ben.run("init", "--name", "ben")
    ben.run("hub", "move", str(tmp_path / "moved"))
    assert "upgrade xw" in ann.run("send", "task", "not sent", "--to", "ben", code=1).err
    assert list((tmp_path / ".xw/hub").rglob("*.task.*")) == []


def test_signed_and_unsigned(older: str, tmp_path: Path) -> None:
    """The older reads signed mail; its own is unsigned; a key that its init drops from a card is put back."""
    old, new = Agent("old", older, tmp_path), Agent("new", XW, tmp_path)
    new.run("init", "--name", "new")
    old.run("init", "--name", "old")
    card, published = tmp_path / ".xw/hub/new/card.json", tmp_path / ".xw/hub/new/key"
    key, lines = json.loads(card.read_text())["key"], published.read_text()
    signed = new.send("task", "signed", "--to", "old")
    (file,) = (tmp_path / ".xw/hub/old/inbox/pending").glob(f"{signed}*")
    assert file.read_text().splitlines()[1].startswith('  "signature": "')
    assert "signed" in old.run("read", signed).out
    old.run("reply", signed, "not signed")
    (reply,) = json.loads(new.run("check", "--json").out)["messages"]
    assert (reply["body"], reply["sender_status"]) == ("not signed", "unsigned")
    Agent("new", older, tmp_path).run("init", "--name", "new")
    assert "key" not in json.loads(card.read_text())
    assert published.read_text() == lines
    downgraded = Agent("new", older, tmp_path).send("info", "by the older one", "--to", "old")
    new.run("init", "--name", "new")
    assert json.loads(card.read_text())["key"] == key
    shown = json.loads(Agent("old", XW, tmp_path).run("read", downgraded, "--json").out)
    assert "unsigned, though new signs" in json.dumps(shown)
