"""`XW_CONFINED`: an agent's permission to run xw is no way out of its sandbox.

Each row of `REFUSED` is a call that a confined alice makes. It ends with exit code 6 and one line, and
nothing is sent, made or changed.
"""

import os
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team
from xw import confined
from xw.cli.commands import COMMANDS

REFUSED = r"""
init --name eve
init
up
bridge command -- sh
bridge --list
watch
watch --exec "touch {out}/made"
watch --claim --exec "touch {out}/made"
room create tea --members alice,bob
room say tea hello
room
notify status working
notify heartbeat
hub move {out}/hub
hub new-id
hub admit bob
keys
keys list
keys new
keys new --lost
keys show bob
keys export {out}/key
keys import {out}/key
trust bob
trust bob --forget
hub invite eve --hub {out}/hub
hub members
hub remove bob --unregister --yes
hub rename bob eve
hub serve {out}/hub --as bob
init --name alice --hub ssh://server/hub --invite AAAA
gc --days 0
retry {task}
recall {task}
resend {task}
unregister bob --yes
join @builds
hold
resume bob
prompt
doctor
schema check
help
--install-completion
--show-completion
--json --install-completion
-- init
--as bob check
--as=bob check
check --as bob
check --as=bob
check --as alice
check --hub {out}/hub
check --hub=
read {task} --config {out}/xw.json
done {task} --config={out}/xw.json
wait --timeout 0 --as bob
log --follow --hub .xw/hub
who --config xw.json
peers --hub other
trace {task} --as bob
sync --adopt {out}
sync --watch --as bob
--hub {out}/hub send --to bob info hello
send --to bob info hello --hub {out}/hub
send --to bob info --file {out}/secret
send --to bob info --file={out}/secret
send --to bob info --file ../outside/secret
send --to bob info --file linked
send --to bob info --file folder/secret
send --to bob info --file hard
send --to bob info --file /proc/self/root{out}/secret
send --to bob info --file /proc/self/cwd/../outside/secret
send --to bob info --file /etc/passwd
send --to bob info --file /dev/zero
send --to bob info --file .
send --to bob info --file fifo
send --to bob info --file socket
send --to bob info --file .xw/hub/bob/card.json
send --to bob info --file {out}/missing
send --to bob info text --attach {out}/secret
send --to bob info text --attach={out}/secret
send --to bob info text --attach note.txt --attach linked
send --to bob info text --attach folder
send --to bob info text --attach fifo
send --to bob info text --attach hard
send --to bob info text --attach /dev/null
send --to bob info text --attach chain
send --attach linked --to bob info -- text
reply {question} --file {out}/secret
reply {question} text --attach folder/secret
reply {question} --file linked --json
ask --to bob --timeout 0 --file linked
attach {task} {out}/secret
attach {task} note.txt linked
attach {task} -- linked
attach {task} -- -dash
attach {task} .xw/hub/alice/presence.json
attach {task} .xw/hub/alice/attachments/link
"""


@pytest.fixture
def jail(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A confined alice, files in her project that lead out of it, and a folder outside of it."""
    out = tmp_path / "outside"
    out.mkdir()
    (out / "secret").write_text("SECRET")
    (out / "xw.json").write_text((team.folder / "xw.json").read_text())
    folder = team.folder
    (folder / "note.txt").write_text("a note")
    (folder / "linked").symlink_to(out / "secret")
    (folder / "chain").symlink_to("linked")
    (folder / "-dash").symlink_to(out / "secret")
    (folder / "folder").symlink_to(out)
    os.link(out / "secret", folder / "hard")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(folder / "socket"))
    (team.box("alice") / "attachments/link").symlink_to(out / "secret")
    monkeypatch.setenv("XW_CONFIG", str(folder / "xw.json"))
    return team


def state(team: Team) -> dict[str, tuple[str, ...]]:
    """Return what each mailbox holds, and what lies outside."""
    boxes = {name: tuple(team.names(name, "inbox/pending")) for name in ("alice", "bob", "carol")}
    sent = {f"{name} sent": tuple(team.names(name, "sent")) for name in ("alice", "bob")}
    hub = {"hub": tuple(sorted(os.listdir(team.hub)))}
    attached = {"attached": tuple(str(path) for path in team.hub.rglob("attachments/*/*"))}
    outside = {"outside": tuple(sorted(os.listdir(team.folder.parent / "outside")))}
    return {**boxes, **sent, **hub, **attached, **outside}


def test_every_way_out_is_shut(jail: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call ends with exit 6 and one line on stderr (with --json: none); nothing is sent or made."""
    task, question = jail.send("do it"), jail.send("well?", kind="question", by="bob", to="alice")
    values = {"out": str(jail.folder.parent / "outside"), "task": task, "question": question}
    before = state(jail)
    monkeypatch.setenv("XW_CONFINED", "1")
    rows = REFUSED.strip().splitlines()
    wrong = []
    for row in rows:
        words = shlex.split(row.format(**values))
        result = jail.run(*words)
        lines = 0 if "--json" in words else 1
        if result.code != 6 or result.err.count("\n") != lines or "SECRET" in result.out + result.err:
            wrong.append((row, result))
        assert state(jail) == before, row
    assert wrong == []
    assert len(rows) > 80


def test_every_command_is_judged(jail: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command that is neither harmless nor started by the program is refused, whatever follows."""
    monkeypatch.setenv("XW_CONFINED", "1")
    names = {command.name.split()[0] for command in COMMANDS}
    assert names > set(confined.HARMLESS)
    for name in names - {*confined.HARMLESS, *confined.STARTED}:
        for more in ([], ["--help"], ["-x"], ["--", "x"]):
            assert jail.run(name, *more).code == 6, (name, more)


def test_what_an_agent_does_all_day_works(jail: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A confined agent reads, answers and sends files of its project, of its worktree and of its own mail."""
    monkeypatch.setenv("XW_CONFINED", "1")
    jail.ok("send", "--to", "bob", "info", "--file", "note.txt")
    jail.ok(
        "send",
        "--to",
        "bob",
        "task",
        "text",
        "--attach",
        "note.txt",
        "--attach",
        str(jail.folder / "note.txt"),
    )
    (jail.folder / "inside").symlink_to("note.txt")
    sent = jail.json("send", "--to", "bob", "task", "a link inside", "--attach", "inside")["id"]
    jail.ok("attach", sent, "/proc/self/cwd/note.txt")
    (file,) = [one["path"] for one in jail.json("read", sent, by="bob")["files"]][:1]
    jail.ok("reply", sent, "--file", file, "--attach", file, by="bob")
    jail.ok("done", sent, by="bob")
    assert "a note" in jail.ok("log", by="bob")
    for words in (
        ["check"],
        ["who"],
        ["peers"],
        ["trace", sent],
        ["sync"],
        ["send", "--help"],
        ["--help"],
        ["-V"],
    ):
        assert jail.run(*words).code == 0, words
    assert jail.run("send", "--to", "bob", "info", "--file", "missing").code == 2


def test_a_linked_worktree_is_of_the_project(
    jail: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that works in a worktree of the project's repository sends its files; not those beside it."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@y")
    for words in (
        ("init", "-q"),
        ("commit", "-q", "--allow-empty", "-m", "x"),
        ("worktree", "add", "-q", "../tree"),
    ):
        subprocess.run([*git, *words], cwd=jail.folder, check=True)
    (tmp_path / "tree/mine.txt").write_text("x")
    monkeypatch.setenv("XW_CONFINED", "1")
    tree = Team(tmp_path / "tree")
    tree.ok("send", "--to", "bob", "info", "x", "--attach", "mine.txt")
    assert tree.run("send", "--to", "bob", "info", "x", "--attach", "../outside/secret").code == 6


def test_a_home_directory_is_no_project(jail: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """With xw.json in the home directory, where all secrets are, only files of own mail may go."""
    monkeypatch.setenv("XW_CONFINED", "1")
    monkeypatch.setenv("HOME", str(jail.folder))
    assert jail.run("send", "--to", "bob", "info", "--file", "note.txt").code == 6


@pytest.mark.parametrize(
    ("step", "name", "swapped"), [("realpath", "real/own", "real"), ("stat", "note.txt", "note.txt")]
)
def test_a_link_that_appears_meanwhile_is_not_followed(
    jail: Team, monkeypatch: pytest.MonkeyPatch, step: str, name: str, swapped: str
) -> None:
    """Whoever puts a link in the place of a folder, or of a file that was just looked at, gets exit 6."""
    out = jail.folder.parent / "outside"
    (out / "own").write_text("SECRET, with one name")
    (jail.folder / "real").mkdir()
    (jail.folder / "real/own").write_text("x")
    monkeypatch.setenv("XW_CONFINED", "1")
    holder = os.path if step == "realpath" else os
    look = getattr(holder, step)

    def looked(given: Any, **more: Any) -> Any:
        found = look(given, **more)
        if str(given) == name and not (jail.folder / "was").exists():
            os.rename(jail.folder / swapped, jail.folder / "was")
            (jail.folder / swapped).symlink_to(out if swapped == "real" else out / "own")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(holder, step, looked)
        result = jail.run("send", "--to", "bob", "info", "--file", name)
    assert (jail.folder / "was").exists()
    assert result.code == 6, result
    assert jail.pending("bob") == []


def test_a_run_keeps_its_name_and_hub(jail: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the record of its run, no other name, hub or xw.json may be set, nor the hub be edited."""
    run = tmp_path / "run"
    run.mkdir()
    mine = {"XW_NAME": "alice", "XW_CONFIG": str(jail.folder / "xw.json"), "XW_RUN": str(run)}
    confined.record(str(run), mine)
    monkeypatch.setenv("XW_CONFINED", "1")
    monkeypatch.setenv("XW_RUN", str(run))
    jail.ok("check")
    assert jail.run("check", by="bob").code == 6
    for name, value in (
        ("XW_HUB", str(jail.hub)),
        ("XW_CONFIG", str(tmp_path / "outside/xw.json")),
        ("XW_STATE", "x"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            result = jail.run("check")
        assert (result.code, f"may not set {name}" in result.err) == (6, True), result
    written = (jail.folder / "xw.json").read_text().replace('".xw/hub"', '"ssh://evil/hub"')
    (jail.folder / "xw.json").write_text(written)
    assert "names another hub now" in jail.run("send", "--to", "bob", "info", "x").err
    (run / "confined.json").write_text("{")
    assert jail.run("check").code == 6
