"""One instance on the project's hub and on another one, chosen by the environment alone."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import _model, empty, team  # noqa: F401  # fixtures
from tests.cli.team import Result, Team, call
from tests.places.repository import Repository
from tests.remote.conftest import Join, hub, join  # noqa: F401  # fixtures
from tests.ssh.conftest import home, keys, known, server  # noqa: F401  # fixtures


def there(folder: Path, *arguments: str, by: str = "", hub: str = "myapp") -> Result:  # noqa: F811
    """Run a command with XW_HUB set."""
    return call(folder, *arguments, environ={"XW_HUB": hub, **({"XW_NAME": by} if by else {})})


@pytest.fixture(autouse=True)
def _named_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep one test's named hubs from the next."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def both(team: Team, tmp_path: Path) -> Team:  # noqa: F811
    """The team, whose alice is also on the named hub `myapp`, as is zoe of another project."""
    (tmp_path / "other").mkdir()
    assert there(tmp_path / "other", "init", "--name", "zoe").code == 0
    before = (team.folder / "xw.json").read_bytes()
    joined = there(team.folder, "init", by="alice")
    assert (joined.code, joined.err) == (0, ""), joined
    assert "mailbox  alice (made)" in joined.out
    assert "others   zoe" in joined.out
    assert "xw.json is as it was: `export XW_HUB=" in joined.out
    assert (team.folder / "xw.json").read_bytes() == before
    return team


def test_every_command_works_on_either(both: Team, tmp_path: Path) -> None:
    """Mail to alice on one hub is not on the other; each command acts on the one that XW_HUB names."""
    named = Path(os.environ["XDG_DATA_HOME"], "xw", "hubs", "myapp")
    both.send("on the project's", by="bob", to="alice")
    assert there(tmp_path / "other", "send", "task", "on the named", "--to", "alice").code == 0
    assert "on the named" not in both.ok("check")
    (line,) = there(both.folder, "check", by="alice").out.splitlines()
    assert line.endswith("on the named")
    token = line.split()[0]
    for command in (f"read {token}", f"reply {token} yes", f"done {token}", "who", "peers", "sync", "log",
                    "doctor", "prompt", "gc", "notify status working", "join @x", "room list",
                    "init --name alice", "init"):  # fmt: skip
        result = there(both.folder, *command.split(), by="alice")
        assert (result.code, result.err) == (0, ""), (command, result)
    assert str(named) in there(both.folder, "who", by="alice").out
    assert "zoe" not in both.ok("peers")
    assert json.loads((both.folder / "xw.json").read_text())["hub"] == ".xw/hub"
    assert "zoe" not in (both.folder / "xw.json").read_text()
    assert json.loads((both.folder / ".xw/local.json").read_text()) == {
        "format": 1, "hubs": {str(named): ["alice"]},
    }  # fmt: skip
    assert there(both.folder, "unregister", "alice", "--yes", by="alice").code == 0
    assert json.loads((both.folder / ".xw/local.json").read_text())["hubs"] == {}
    assert "on the project's" in both.ok("check")


def test_another_projects_name_is_not_taken(both: Team, tmp_path: Path) -> None:
    """A name that is on the named hub already must be given on purpose, also if xw.json has it."""
    taken = there(tmp_path / "other", "init", by="alice")
    assert (taken.code, "shares its mailbox" in taken.err) == (6, True)
    assert not (tmp_path / "other/.xw/local.json").exists()
    assert there(both.folder, "init", "--name", "zoe").code == 0
    assert "zoe" not in json.loads((both.folder / "xw.json").read_text())["instances"]


def test_a_path_in_the_option_is_refused(team: Team, tmp_path: Path) -> None:  # noqa: F811
    """`--hub PATH` under an xw.json of another hub names the way that works, and so does `--hub myapp`."""
    refused = team.run("init", "--hub", str(tmp_path / "elsewhere"))
    assert (refused.code, "set XW_HUB instead of --hub" in refused.err) == (2, True)
    assert there(team.folder, "init", by="alice", hub=str(tmp_path / "elsewhere")).code == 0
    assert team.run("init", "--hub", "myapp").code == 0
    assert team.run("check", "--hub", "myapp").code == 0


def test_in_a_linked_worktree(repository: Repository) -> None:
    """In a worktree the main one's xw.json stays in force, and no other is written."""
    assert there(repository.linked, "init", by="coder").code == 0
    assert not (repository.linked / "xw.json").exists()
    assert there(repository.folder, "check", by="coder").code == 0
    assert "myapp" not in call(repository.linked, "who", environ={"XW_NAME": "coder"}).out


def test_a_word_that_is_also_a_folder(empty: Path) -> None:  # noqa: F811
    """A bare word is a named hub: beside a hub in a folder of that name it is refused, else xw says so."""
    (empty / "hub1").mkdir()
    made = call(empty, "init", "--name", "a", "--hub", "hub1")
    named = os.path.join(os.environ["XDG_DATA_HOME"], "xw", "hubs", "hub1")
    assert f"hub1 names the hub {named}; for the folder here write ./hub1" in made.out
    assert "./hub2 is the folder" in _missing(empty, "hub2")
    assert there(empty, "init", "--name", "b", hub="./hub2").code == 0
    for command in (("check", "--hub", "hub2"), ("init", "--hub", "hub2"), ("hub", "move", "hub2")):
        refused = call(empty, *command, environ={"XW_NAME": "b"})
        assert refused.code == 2, command
        assert "'hub2' may mean two hubs" in refused.err
        assert "./hub2 for the folder" in refused.err
    assert call(empty, "check", "--hub", "./hub2", "--as", "b").code == 0


def _missing(folder: Path, word: str) -> str:
    (folder / word).mkdir()
    found = call(folder, "check", "--hub", word, environ={"XW_NAME": "a"}).err
    (folder / word).rmdir()
    return found


def test_a_mirror_for_each_hub(team: Team, join: Join, tmp_path: Path) -> None:  # noqa: F811
    """A second hub over SSH has a mirror of its own; its unsent mail is not taken for stranded."""
    url = join("zoe").url
    assert there(team.folder, "init", by="alice", hub=url).code == 0
    sent = there(team.folder, "send", "info", "later", "--to", "zoe", "--offline", by="alice", hub=url)
    assert (sent.code, "in the outbox" in sent.out) == (0, True)
    (mirror,) = (team.folder / ".xw/mirror").iterdir()
    assert (mirror / "alice/outbox/zoe").is_dir()
    for command in ("sync", "doctor"):
        assert "unsent" not in team.ok(command)
    assert "1 delivered" in there(team.folder, "sync", by="alice", hub=url).out
