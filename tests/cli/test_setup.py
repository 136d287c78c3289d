"""init, who, peers, sync, prompt."""

import json
import os
import re
import shlex
import stat
from pathlib import Path

import pytest

from tests.cli.team import Team, ageless, call
from xw.actions.instructions import prompt
from xw.bridges.frame import Mail, framed
from xw.cli import app
from xw.cli.commands import Command
from xw.files.local import LocalFiles
from xw.instance import Options, open_instance


def test_init_in_an_empty_directory(empty: Path) -> None:
    """Without options, `init` makes hub, mailbox and xw.json, reports them, and names the next steps."""
    made = call(empty, "init")
    hub = empty / ".xw" / "hub"
    assert made.code == 0
    assert made.err == ""
    assert made.out.splitlines() == [
        f"hub      {hub} (made)",
        "mailbox  my-project (made)",
        f"config   {empty / 'xw.json'}",
        "Next: `xw init --name NAME` adds another agent here.",
        "Next: `xw launch my-project -- claude` starts an agent with this mailbox.",
        "Next: `xw prompt` prints instructions for the agent's system prompt.",
    ]
    assert json.loads((empty / "xw.json").read_text()) == {
        "format": 1,
        "hub": ".xw/hub",
        "instances": {"my-project": {}},
    }
    assert (empty / ".xw" / ".gitignore").read_text() == "*\n"
    assert (hub / "README.md").is_file()
    assert json.loads((hub / "hub.json").read_text())["format"] == 1
    assert call(empty, "check").out == f"no mail for my-project on {hub}\n"


def test_second_init_adds_an_instance(empty: Path) -> None:
    """A second `init --name bob` joins the same hub, and tells each agent to say who it is."""
    call(empty, "init")
    made = call(
        empty, "init", "--name", "bob", "--kind", "human", "--describe", "Tests.", "--capability", "python"
    )
    assert made.code == 0
    assert "(exists)\nmailbox  bob (made)\n" in made.out
    assert "export XW_NAME=bob" in made.out
    assert made.out.splitlines()[-1].startswith("Next: `xw check` shows your mail, `xw log --follow` ")
    assert "system prompt" not in made.out
    assert json.loads((empty / "xw.json").read_text())["instances"] == {
        "my-project": {},
        "bob": {"kind": "human", "description": "Tests.", "capabilities": ["python"]},
    }
    sent = call(empty, "send", "info", "hello", environ={"XW_NAME": "bob"})
    assert "delivered to my-project" in sent.out


def test_init_again_is_harmless(team: Team) -> None:
    """Repeating `init` for an instance makes nothing new and loses no mail and no description."""
    team.send("kept")
    again = team.ok("init", "--name", "bob")
    assert "mailbox  bob (exists)" in again
    assert len(team.pending("bob")) == 1
    assert team.json("peers")["peers"][0]["description"] == "bob's description"


def test_two_inits_at_once(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that another `init` has just made is joined, not refused."""
    names = LocalFiles.list_folder

    def slowly(files: LocalFiles, folder: str) -> list[str]:
        monkeypatch.setattr(LocalFiles, "list_folder", names)
        assert call(empty, "init", "--name", "bob").code == 0
        return names(files, folder)

    monkeypatch.setattr(LocalFiles, "list_folder", slowly)
    made = call(empty, "init", "--name", "alice")
    assert (made.code, made.err) == (0, "")
    assert "hub (exists)" in made.out


def test_init_as_json(empty: Path) -> None:
    """`init --json` names what it made."""
    made = json.loads(call(empty, "init", "--json").out)
    assert made == {
        "format": 1,
        "name": "my-project",
        "hub": str(empty / ".xw/hub"),
        "config": str(empty / "xw.json"),
        "new_hub": True,
        "new_mailbox": True,
        "there": [],
        "recorded": [],
    }


def test_init_in_several_instances_needs_a_name(team: Team) -> None:
    """With several configured instances, `init` without a name is a usage error that lists them."""
    refused = team.run("init", by=None)
    assert refused.code == 2
    assert "alice, bob, carol" in refused.err


@pytest.mark.parametrize("name", ["all", "postmaster", "Bob", "-x", "a/b", "..", "x" * 33, "bób", "a\nb"])
def test_init_refuses_names(empty: Path, name: str) -> None:
    """Reserved and malformed names are usage errors, and nothing is made."""
    assert call(empty, "init", f"--name={name}").code == 2
    assert os.listdir(empty) == []


def test_init_where_the_directory_gives_no_name(tmp_path: Path) -> None:
    """A directory whose name has no usable letter asks for --name."""
    (tmp_path / "…").mkdir()
    refused = call(tmp_path / "…", "init")
    assert refused.code == 2
    assert "--name" in refused.err


def test_init_joins_a_hub_elsewhere(empty: Path, team: Team) -> None:
    """`init --hub PATH` joins that hub, keeps its absolute path, and keeps .xw/ out of git."""
    made = call(empty, "init", "--name", "dave", "--hub", os.path.relpath(team.hub, empty))
    assert made.code == 0, made
    assert json.loads((empty / "xw.json").read_text())["hub"] == str(team.hub)
    assert (empty / ".xw" / ".gitignore").read_text() == "*\n"
    assert "dave" in [peer["name"] for peer in team.json("peers")["peers"]]


def test_two_instances_of_one_name(empty: Path, team: Team) -> None:
    """A name that the hub knows must be given on purpose, and then shares the mailbox."""
    taken = call(empty, "init", "--hub", str(team.hub), environ={"XW_NAME": "alice"})
    assert taken.code == 6
    assert f"`xw init --name alice --hub {team.hub}` shares its mailbox" in taken.err
    assert not (empty / "xw.json").exists()
    shared = call(empty, "init", "--hub", str(team.hub), "--name", "alice")
    assert (shared.code, "mailbox  alice (exists)" in shared.out) == (0, True)
    team.send("to both", by="bob", to="alice")
    assert "to both" in call(empty, "check").out


def test_named_hub(empty: Path, tmp_path: Path) -> None:
    """A bare word names a hub of this user, from any folder."""
    assert call(empty, "init", "--name", "one", "--hub", "myapp").code == 0
    assert json.loads((empty / "xw.json").read_text())["hub"] == "myapp"
    other = tmp_path / "other"
    other.mkdir()
    environ = {"XW_HUB": "myapp"}
    assert call(other, "init", "--name", "two", environ=environ).code == 0
    who = json.loads(call(other, "who", "--json", environ=environ).out)
    assert who["hub"] == os.path.join(os.environ["XDG_DATA_HOME"], "xw", "hubs", "myapp")
    sent = call(other, "send", "info", "across projects")
    assert sent.out.endswith("delivered to one\n")


def test_init_refuses_a_directory_that_is_something_else(empty: Path, tmp_path: Path) -> None:
    """A directory with other things in it does not become a hub."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1").write_text("…")
    refused = call(empty, "init", "--hub", str(tmp_path / "thesis"))
    assert refused.code == 6
    assert "is not empty and not a hub" in refused.err
    assert os.listdir(tmp_path / "thesis") == ["chapter1"]


@pytest.mark.parametrize("hub", ["nats://host/x", "ftp://host/x"])
def test_hubs_of_other_kinds(empty: Path, hub: str) -> None:
    """A hub that this xw cannot reach is a usage error, and nothing is made for it."""
    assert call(empty, "init", "--hub", hub).code == 2
    assert os.listdir(empty) == []


def test_init_for_another_hub_than_the_files(team: Team, tmp_path: Path) -> None:
    """`init --hub` under an xw.json of another hub is refused, and makes nothing."""
    refused = team.run("init", "--name", "dave", "--hub", str(tmp_path / "elsewhere"))
    assert refused.code == 2
    assert "is for the hub" in refused.err
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_url(empty: Path, tmp_path: Path) -> None:
    """`file:///path` is a directory hub."""
    assert call(empty, "init", "--hub", f"file://{tmp_path}/hub").code == 0
    assert (tmp_path / "hub" / "my-project" / "card.json").is_file()


def test_modes_whatever_the_umask(empty: Path) -> None:
    """Folders are 0700 and files 0600, also under a umask that would leave them open or closed."""
    for umask in (0o000, 0o777 & ~0o700):
        before = os.umask(umask)
        try:
            name = f"u{umask}"
            assert call(empty, "init", "--name", name).code == 0
            assert call(empty, "send", "info", "x", "--to", name, environ={"XW_NAME": name}).code == 0
        finally:
            os.umask(before)
    for root, folders, files in os.walk(empty / ".xw" / "hub"):
        for folder in folders:
            assert stat.S_IMODE(os.stat(os.path.join(root, folder)).st_mode) == 0o700
        for file in files:
            assert stat.S_IMODE(os.stat(os.path.join(root, file)).st_mode) == 0o600


def test_a_group_hub(empty: Path) -> None:
    """`--group` is recorded in hub.json, and mail is then open to the group and nobody else."""
    assert call(empty, "init", "--group", str(os.getegid())).code == 0
    assert call(empty, "send", "info", "x", "--to", "my-project").code == 0
    hub = empty / ".xw" / "hub"
    assert json.loads((hub / "hub.json").read_text())["group"] is True
    pending = hub / "my-project" / "inbox" / "pending"
    assert stat.S_IMODE(pending.stat().st_mode) == 0o2770
    assert [stat.S_IMODE(file.stat().st_mode) for file in pending.iterdir()] == [0o660]


def test_who(team: Team) -> None:
    """`who` tells name, hub, configuration and how much mail waits."""
    team.send("one")
    assert team.ok("who", by="bob").splitlines() == [
        "name     bob",
        f"hub      {team.hub}",
        f"config   {team.folder / 'xw.json'}",
        "pending  1",
        "delivery start: at the start of a session (default)",
    ]
    assert team.json("who", by="bob")["pending"] == 1


def test_peers(team: Team) -> None:
    """`peers` shows each other instance once: status, pending, when it was last seen, description."""
    assert "alice" not in team.ok("peers")
    team.send("one")
    bob, carol = ageless(team.ok("peers")).splitlines()
    assert bob.startswith("bob -; 1 pending, oldest 0s; seen ")
    assert bob.endswith("; bob's description")
    assert carol.startswith("carol -; 0 pending; seen ")
    assert team.json("peers")["peers"][0]["oldest"].startswith(team.pending("bob")[0])


def test_peers_of_a_lonely_instance(empty: Path) -> None:
    """Without peers, `peers` says how to add one, and `send` finds nobody."""
    call(empty, "init")
    assert "`xw init --name NAME` adds one" in call(empty, "peers").out
    assert json.loads(call(empty, "peers", "--json").out)["peers"] == []
    for arguments in (("send", "info", "x"), ("send", "info", "x", "--to", "all")):
        nobody = call(empty, *arguments)
        assert nobody.code == 3
        assert "`xw init --name NAME` adds one" in nobody.err


def test_peers_shows_presence(team: Team) -> None:
    """A peer's presence shows while it is believed; a file that makes no sense shows as none."""
    presence = team.box("bob") / "presence.json"
    said = {"status": "busy", "task": "tests", "progress": "80%", "ttl_s": 30}
    presence.write_text(json.dumps(said))
    shown = ageless(team.ok("peers")).splitlines()
    assert shown[0].startswith("bob busy; 0 pending; seen 0s ago; tests 80%; bob's")
    os.utime(presence, (1, 1))
    assert team.json("peers")["peers"][0]["status"] == "gone"
    for nonsense in ("", "[]", "[" * 60000, '{"status": "dancing", "ttl_s": 1}', '{"status": "busy"}',
                     '{"status": "busy", "ttl_s": 1' + "0" * 400 + "}"):  # fmt: skip
        presence.write_text(nonsense)
        assert team.json("peers")["peers"][0]["status"] == "-", nonsense[:40]


def test_peers_with_a_damaged_card(team: Team) -> None:
    """`peers` reports a damaged card, and still shows the other peers."""
    for nonsense in ("", "[]", "[" * 60000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        (team.box("bob") / "card.json").write_text(nonsense, encoding="latin-1")
        shown = team.ok("peers").splitlines()
        assert [line.split()[0] for line in shown] == ["bob", "carol"]


def test_peers_beside_a_mailbox_that_cannot_be_read(team: Team) -> None:
    """A peer whose folders are gone is reported as that, and hides nobody else."""
    (team.box("bob") / "inbox" / "pending").rename(team.box("bob") / "elsewhere")
    shown = team.run("peers")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()] == ["bob", "carol"]
    assert "cannot be read" in shown.out.splitlines()[0]


def test_sync_writes_the_peers(team: Team) -> None:
    """`sync` writes the peers into xw.json, and leaves the file alone when nothing has changed."""
    assert team.ok("sync") == "0 delivered, 0 returned, 2 peers\n"
    written = json.loads((team.folder / "xw.json").read_text())
    assert written["peers"] == {
        name: {"kind": "agent", "description": f"{name}'s description"} for name in ("bob", "carol")
    }
    before = (team.folder / "xw.json").stat()
    assert team.json("sync") == {
        "format": 1, "peers": ["bob", "carol"], "delivered": [], "returned": [], "waiting": [],
        "fetched": [], "settled": [], "advanced": [], "problems": [], "adopted": 0, "repaired": None,
    }  # fmt: skip
    assert (team.folder / "xw.json").stat().st_ino == before.st_ino


def test_sync_delivers_the_outbox(team: Team) -> None:
    """Undelivered mail waits in the outbox, `trace` shows it there, and `sync` delivers it in order."""
    pending = team.box("bob") / "inbox" / "pending"
    pending.rename(pending.with_name("away"))
    pending.write_text("in the way")
    first = team.run("send", "info", "first", "--to", "bob")
    assert (first.code, first.err) == (0, "")
    assert "in the outbox for bob: `xw sync` delivers it" in first.out
    token = first.out.split()[0]
    assert "in the outbox" in team.run("trace", token).out
    failed = team.run("sync")
    assert failed.code == 1
    assert "still in the outbox for bob" in failed.err
    assert team.json("send", "info", "second", "--to", "bob", "--to", "carol")["outbox"] == ["bob"]
    pending.unlink()
    pending.with_name("away").rename(pending)
    assert team.ok("sync").startswith("2 delivered")
    bodies = [message["body"] for message in team.json("check", by="bob")["messages"]]
    assert bodies == ["first", "second"]
    assert "pending" in team.ok("trace", token)


def test_sync_returns_what_is_refused_for_good(team: Team) -> None:
    """Mail for a peer that has left comes back as an info from postmaster; the original is kept."""
    pending = team.box("bob") / "inbox" / "pending"
    pending.rename(pending.with_name("away"))
    sent = team.json("send", "task", "lost", "--to", "bob")
    assert sent["outbox"] == ["bob"]
    (team.box("bob") / "card.json").unlink()
    assert team.ok("sync").startswith("0 delivered, 1 returned")
    (back,) = team.json("check")["messages"]
    assert (back["from"], back["type"], back["re"]) == ("postmaster", "info", sent["id"])
    assert "no peer 'bob'" in back["body"]
    assert [name for name in team.names("alice", "outbox/failed") if name.startswith(sent["id"])]
    assert "refused by the hub" in team.ok("trace", sent["id"])
    nobody = team.run("reply", back["id"], "thanks")
    assert nobody.code == 2
    assert "postmaster" in nobody.err
    (team.box("bob") / "card.json").write_text("{}")
    pending.with_name("away").rename(pending)
    team.ok("retry", sent["id"])
    (again,) = team.json("check", by="bob")["messages"]
    assert (again["body"], again["retry_of"]) == ("lost", sent["id"])


PROMPT_WORDS = 350
CROWD = tuple(f"{name}-on-{task}" for name in ("claude", "codex", "gemini", "opencode") for task in
              ("parser", "tests", "docs", "release"))  # fmt: skip


def test_prompt(team: Team) -> None:
    """The prompt names instance, hub, peers, commands and types, within 350 words."""
    text = team.ok("prompt")
    parts = [
        "`alice`",
        str(team.hub),
        "bob, carol",
        "task",
        "question",
        "reply",
        "info",
        "--re",
        "add `--as alice`",
    ]
    parts += [
        "xw check",
        "xw read ID",
        "xw reply ID",
        "xw done ID",
        "xw attach",
        "xw sync",
        "xw who",
        "start work",
    ]
    parts += ["50 lines", "concise", "- <<'EOF'\n", "backticks", "never construct raw file or SSH commands"]
    parts += ["the sender is waiting"]
    assert [part for part in parts if part not in text] == []
    assert [part for part in ("<NAME>", "<HUB>", "<PEERS>", '"text"\n') if part in text] == []
    assert len(text.split()) <= PROMPT_WORDS
    assert team.json("prompt")["prompt"] == text


@pytest.mark.parametrize(
    ("value", "when"),
    [("asked", "only when the user asks"), ("start", "not in the middle"), ("turn", "have finished a task"),
     ("push", "shown to you as it arrives")],
)  # fmt: skip
def test_the_prompt_agrees_with_delivery(team: Team, value: str, when: str) -> None:
    """An agent is told to look for mail as often as its owner chose, within 350 words."""
    team.ok("init", "--name", "alice", "--delivery", value, by=None)
    text = team.ok("prompt")
    assert when in text
    assert len(text.split()) <= PROMPT_WORDS


def test_the_prompt_of_a_launched_agent(team: Team) -> None:
    """It is shown mail as it arrives, and is not told of options that it may not use."""
    alice = open_instance(Options("alice", config=str(team.folder / "xw.json")))
    text = prompt(alice, {"XW_NAME": "alice", "XW_RUN": "/run/x", "XW_CONFINED": "1"})
    assert "shown to you as it arrives" in text
    # The frame of a bridge ends so, and an own reply replaces the answer (`bridges/own_reply`).
    asks = framed(Mail("NAME", "task", "k7f3q2m9", 0, "", wants_answer=True)).rpartition("] ")[2]
    assert f"`{asks}`, do that: `xw reply` would replace" in text
    assert "--as" not in text


def test_prompt_for_a_person(team: Team) -> None:
    """A person's page has the commands to read, answer, watch and follow rooms, and no rules for agents."""
    team.ok("init", "--name", "dora", "--kind", "human", by=None)
    text = team.ok("prompt", by="dora")
    for part in (
        "check",
        "read",
        "reply",
        "done",
        "send",
        "ask",
        "watch",
        "log",
        "trace",
        "peers",
        "room say",
    ):
        assert f"`xw {part}" in text
    assert "`dora`" in text and "system prompt" not in text and "start work" not in text
    assert "<" not in text and len(text.split()) <= PROMPT_WORDS
    xw_json = team.folder / "xw.json"
    xw_json.write_text(xw_json.read_text().replace('"kind": "human"', '"description": "a person"'))
    assert team.ok("prompt", by="dora") == text  # her card on the hub says it too


@pytest.mark.parametrize(("kind", "delivery"), [("agent", "start"), ("agent", "push"), ("human", "start")])
def test_prompt_with_many_peers(team: Team, kind: str, delivery: str) -> None:
    """Also with a crowd on the hub, the prompt stays within 350 words: it names ten and counts the rest."""
    team.ok("init", "--name", "zoe", "--kind", kind, "--delivery", delivery, by=None)
    for name in CROWD:
        folder = team.box(name)
        folder.mkdir()
        (folder / "card.json").write_text('{"kind": "room"}')
    text = team.ok("prompt", by="zoe")
    assert "claude-on-tests (room)" in text and " and 9 more" in text
    assert len(text.split()) <= PROMPT_WORDS


@pytest.mark.parametrize("kind", ["agent", "human"])
def test_each_command_of_the_prompt_is_one(team: Team, kind: str) -> None:
    """Every command in the prompt parses, with an example for each word that stands for another."""
    team.ok("init", "--name", "zoe", "--kind", kind, by=None)
    text = team.ok("prompt", by="zoe")
    found = re.findall(r"`(xw [^`]+)`", text) + re.findall(r"^    (xw .*) <<", text, re.MULTILINE)
    assert len(found) > 12
    for line in [line for line in found if line != "xw reply"]:  # named as the command itself
        parsed: list[str] = []
        for word, example in {
            "ID...": "k7f3q2m9 4sq2289a",
            "ID": "k7f3q2m9",
            "NAME": "bob",
            "TYPE": "info",
        }.items():
            line = line.replace(word, example)

        def act(command: Command, values: dict[str, object], into: list[str] = parsed) -> int:
            into.append(command.name)
            return 0

        assert app.run(shlex.split(line)[1:], act) == 0 and parsed, line


def test_several_instances_and_no_name(team: Team) -> None:
    """Several instances and neither --as nor XW_NAME: exit 2, listing them, for hot and other commands."""
    for command in (("check",), ("peers",), ("send", "info", "x"), ("done", "abc"), ("prompt",)):
        refused = team.run(*command, by=None)
        assert refused.code == 2
        assert "alice, bob, carol" in refused.err
        assert refused.out == ""


def test_who_am_i(team: Team) -> None:
    """--as overrides XW_NAME, and may precede the command; a name without a mailbox is not found."""
    assert team.json("who", "--as", "carol")["name"] == "carol"
    assert team.json("--as", "carol", "who")["name"] == "carol"
    assert "for carol" in team.ok("--as", "carol", "check")
    missing = team.run("check", "--as", "dave")
    assert missing.code == 3
    assert "`xw init --name dave` makes one" in missing.err
    for reserved in ("all", "postmaster"):
        assert team.run("check", by=reserved).code == 2


def test_which_configuration(team: Team, empty: Path) -> None:
    """--config, else XW_CONFIG, else the nearest xw.json upward, else the user's, else none."""
    deep = team.folder / "a" / "b"
    deep.mkdir(parents=True)
    assert json.loads(call(deep, "who", "--as", "bob", "--json").out)["hub"] == str(team.hub)
    path = str(team.folder / "xw.json")
    assert call(empty, "who", "--as", "bob", environ={"XW_CONFIG": path}).code == 0
    assert call(empty, "who", "--as", "bob", "--config", path, environ={"XW_CONFIG": "/nowhere"}).code == 0
    gone = call(empty, "who", environ={"XW_CONFIG": "/nowhere/xw.json"})
    assert (gone.code, "/nowhere/xw.json: no such configuration file (from XW_CONFIG)" in gone.err) == (
        2,
        True,
    )
    none = call(empty, "check")
    assert none.code == 2
    assert "xw init" in none.err
    no_hub = call(empty, "check", "--as", "bob")
    assert (no_hub.code, "XW_HUB" in no_hub.err) == (2, True)
    user = Path(os.environ["XDG_CONFIG_HOME"]) / "xw"
    user.mkdir(exist_ok=True)  # keys may be there
    try:
        (user / "xw.json").write_text(json.dumps({"format": 1, "hub": str(team.hub)}))
        assert json.loads(call(empty, "who", "--as", "bob", "--json").out)["config"] == str(user / "xw.json")
        # init in a project never writes into the user's configuration
        assert call(empty, "init").code == 0
        assert "instances" not in json.loads((user / "xw.json").read_text())
    finally:
        (user / "xw.json").unlink()


def test_which_hub(team: Team, empty: Path) -> None:
    """--hub overrides XW_HUB, which overrides the configuration's; paths start at the current folder."""
    call(empty, "init", "--name", "bob")
    hub = str(empty / ".xw/hub")
    assert json.loads(call(empty, "who", "--json").out)["hub"] == hub
    assert team.json("who", "--hub", hub, by="bob")["hub"] == hub
    environ = {"XW_NAME": "bob", "XW_HUB": os.path.relpath(hub, team.folder)}
    assert json.loads(call(team.folder, "who", "--json", environ=environ).out)["hub"] == hub
    there = call(team.folder, "who", "--json", "--hub", str(team.hub), environ=environ)
    assert json.loads(there.out)["hub"] == str(team.hub)


def test_a_mailbox_without_its_inbox(team: Team) -> None:
    """It is not called missing, nor is its own name a guess at what was meant; `init` repairs it."""
    (team.box("alice") / "inbox/pending").rmdir()
    result = team.run("check")
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("xw: the mailbox of 'alice' on ")
    assert "lacks its inbox: `xw init --name alice`" in result.err
    assert "did you mean" not in result.err
    team.ok("init", "--name", "alice")
    team.ok("check")


@pytest.mark.parametrize("command", [("check",), ("send", "info", "x"), ("peers",), ("sync",), ("prompt",)])
def test_a_hub_that_is_gone(team: Team, command: tuple[str, ...]) -> None:
    """A hub that is not there is unreachable, never empty: exit 5, naming the path."""
    team.hub.rename(team.hub.with_name("moved"))
    gone = team.run(*command)
    assert (gone.code, gone.out) == (5, "")
    assert f"no hub at {team.hub}" in gone.err


def test_init_of_a_hub_that_is_gone(empty: Path) -> None:
    """A repeated init makes no empty hub where one was moved away, unless --hub asks for it."""
    hub, moved = empty / "hub", empty / "moved"
    assert call(empty, "init", "--name", "alice", "--hub", "./hub").code == 0
    hub.rename(moved)
    gone = call(empty, "init", "--name", "alice")
    assert (gone.code, gone.out, hub.exists()) == (5, "", False)
    assert f"no hub at {hub}" in gone.err and f"xw init --hub '{hub}'" in gone.err
    assert call(empty, "init", "--name", "alice", "--hub", str(hub)).code == 0
    assert hub.is_dir()


@pytest.mark.parametrize("url", ["ssh://", "ssh://host:70000/hub", "ssh://host/../hub", "host:"])
def test_a_hub_that_is_no_url(team: Team, url: str) -> None:
    """An invalid URL of a remote hub is a usage error, not a missing mirror."""
    wrong = team.run("check", "--hub", url)
    assert (wrong.code, wrong.out) == (2, "")
    assert repr(url) in wrong.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "damaged"), ("[]", "damaged"), ("[" * 60000, "damaged"), ('{"format": 2, "name": "x"}', "upgrade"),
     ('{"format": 1}', "damaged ('name' is missing)"), ('{"format": "1"}', "its format is not a number")],
)  # fmt: skip
def test_a_damaged_hub_file(team: Team, text: str, expected: str) -> None:
    """A hub.json that is damaged or of a later format is an error that says so."""
    (team.hub / "hub.json").write_text(text)
    for command in (("check",), ("init", "--name", "dave")):
        broken = team.run(*command)
        assert (broken.code, broken.err.count("\n")) == (1, 1)
        assert expected in broken.err


def test_a_lost_hub_file(team: Team) -> None:
    """Without hub.json, `check` names `init`, which names the content to write: all mail is still there."""
    team.send("kept")
    (team.hub / "hub.json").unlink()
    assert f"`xw init --hub {team.hub}`" in team.run("check", by="bob").err
    lost = team.run("init", "--hub", str(team.hub), "--name", "bob")
    assert (lost.code, lost.err.count("\n")) == (6, 1)
    (team.hub / "hub.json").write_text(lost.err[lost.err.index("{") : lost.err.index("}") + 1])
    assert "kept" in team.ok("check", by="bob")


def test_prompt_template_is_unfilled_in_the_hub_template(team: Team) -> None:
    """The same text, unfilled, lies in hub_template/."""
    unfilled = (Path(__file__).parents[2] / "hub_template" / "prompt.md").read_text()
    filled = (
        unfilled.replace("<NAME>", "alice").replace("<HUB>", str(team.hub)).replace("<PEERS>", "bob, carol")
    )
    assert team.ok("prompt").strip() == filled.strip()
