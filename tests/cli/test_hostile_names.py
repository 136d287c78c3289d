"""10,000 hostile names: nothing is ever made outside the mailbox, whatever takes a name or an id."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.team import Team
from xw import layout
from xw.actions.sending import split
from xw.errors import Damaged, XwError
from xw.message import decode, encode

_PIECES = [
    "..", ".", "/", "//", "\\", "~", "~root", "$HOME", "`id`", "$(touch x)", ";", "|", "&", "*",
    "?", "[a]", "{a,b}",
    "'", '"', " ", "\t", "\n", "\r", "\x01", "\x1b[2J", "\x7f", "\x85", "\u202e", "\u2066",
    "\u200b", "\ufeff",
    "\U000e0041", "\udcff", "\udc80", "%2e%2e%2f", "%00", "..%2f", "／", "․․", "ı", "ſ", "é",
    "日", "٣", "🐎", "-", "--",
    "-rf", "=", ":", "@", "#", "!", "con", "nul.txt", "a", "b", "bob", "BOB", "alice", "all",
    "postmaster", "failed",
    "tmp", "inbox", "inbox/pending", "outbox", "sent", "card.json", "hub.json", ".xw", "xw.json",
    "etc/passwd",
    "x" * 40, "x" * 260, ".json", ".why.json", ".task.alice.json",
    "20261121T053012123456Z-k7f3q2m9", "k7f3q2m9",
]  # fmt: skip
_ABSOLUTE = ["/etc/x", "/tmp/xw-hostile", "//tmp/x", "../../x", "../bob", "bob/../../x", "bob/",
"./bob", "bob\n",
             "a/b/c", "..", ".", "/", "", "outbox/../../../x"]  # fmt: skip
COUNT = 10_000
SHARE = 1000
"""Number of names that `make test` tries in whole commands; `make torture` tries all of them."""

sizes = pytest.mark.parametrize(
    "count", [SHARE, pytest.param(COUNT, marks=[pytest.mark.torture, pytest.mark.timeout(3000)])]
)


def _names() -> list[str]:
    """Return the same names on every run, without the zero byte, which no argument can have."""
    chance = random.Random(20261121)
    made = dict.fromkeys(_ABSOLUTE)
    while len(made) < COUNT:
        pieces = [chance.choice(_PIECES) for _ in range(chance.randint(1, 5))]
        if chance.random() < 0.3:
            pieces.append(chr(chance.choice([chance.randrange(1, 256), chance.randrange(256, 0xD800)])))
        made["".join(pieces)] = None
    return list(made)


NAMES = _names()


def _tree(folder: Path) -> set[str]:
    """Every path below a folder, links not followed."""
    return {
        os.path.join(root, name) for root, folders, files in os.walk(folder) for name in (*folders, *files)
    }


@pytest.fixture
def fenced(team: Team, tmp_path: Path) -> Iterator[Team]:
    """A team whose surroundings are watched: nothing may come, go or change outside the mailboxes."""
    (tmp_path / "file").write_text("text")
    outside = _tree(tmp_path)
    boxes = tuple(f"{team.box(name)}/" for name in ("alice", "bob", "carol"))
    contents = {path: Path(path).read_bytes() for path in _tree(team.folder) if Path(path).is_file()}
    yield team
    after = {path for path in _tree(tmp_path) if not path.startswith(boxes)}
    assert after == {path for path in outside if not path.startswith(boxes)}
    assert not os.path.lexists("/tmp/xw-hostile")
    for path, data in contents.items():
        assert Path(path).read_bytes() == data or "/outbox/" in path


@sizes
def test_recipients(fenced: Team, count: int) -> None:
    """As a recipient, each is an unknown peer, or a usage error if it looks like an option."""
    for name in NAMES[:count:3]:
        if {"bob", "alice", "carol", "all"}.issuperset(split([name])):
            continue  # good names, with blanks around
        refused = fenced.run("send", "info", "x", "--to", name)
        assert refused.code in (2, 3), (name, refused)
        assert refused.out == "", name
        assert refused.err.count("\n") == 1, name
        assert refused.err[:-1].isprintable(), name
    assert fenced.pending("bob") == []
    assert [name for name in fenced.names("alice", "outbox") if name not in ("failed", ".lock")] == []


@sizes
def test_ids(fenced: Team, count: int) -> None:
    """As an id, each is an unknown message: nothing is read, moved or sent."""
    short = fenced.send("here")[-8:]
    commands = [("read",), ("done",), ("reply",), ("trace",), ("send", "info", "x", "--re")]
    for number, name in enumerate(NAMES[1:count:3]):
        if name.strip() and short.startswith(name.strip().lower()):
            continue  # a good prefix, by chance
        command = commands[number % 3 if number % 20 else 3 + number % 40 // 20]
        tail = ("text",) if command == ("reply",) else ()
        refused = fenced.run(*command, name, *tail, by="bob")
        assert refused.code in (2, 3), (command, name, refused)
        assert refused.out == "", name
        assert refused.err[:-1].isprintable(), name
    assert len(fenced.pending("bob")) == 1


@sizes
def test_instances(fenced: Team, count: int) -> None:
    """As one's own name, each is a usage error or has no mailbox: no folder is made for it."""
    for number, name in enumerate(NAMES[2:count:3]):
        if name in ("bob", "alice", "carol", ""):
            continue
        ways = [("check", "--as", name), ("check",), ("init", f"--name={name}")]
        given = ways[number % 2 if number % 50 else 2]
        if given[0] == "init" and layout.is_name(name) and name not in layout.RESERVED:
            continue  # a good name, by chance
        refused = fenced.run(*given, by=name if given == ("check",) else None)
        assert refused.code in (2, 3), (given, refused)
        assert refused.out == "", name
        assert refused.err[:-1].isprintable(), name


def test_attachment_names() -> None:
    """As an attachment's name, each becomes one that is harmless on every disk, and all are apart."""
    taken: set[str] = set()
    cleaned = [layout.attachment_name(name, taken) for name in NAMES]
    for name in cleaned:
        assert layout.is_attachment_name(name), name
        assert len(name) <= 110, name
        assert os.path.basename(name) == name
        assert name not in (".", "..")
    assert len({name.lower() for name in cleaned}) == COUNT


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_an_attachment_name_is_kept(name: str) -> None:
    """A name that has been cleaned once stays as it is, so that a file keeps its name when it is sent on."""
    once = layout.attachment_name(name, set())
    assert layout.attachment_name(once, set()) == once
    assert layout.is_attachment_name(once)


def test_attachments_of_messages() -> None:
    """A message that lists an attachment of such a name is damaged: its name never becomes a path."""
    fields = {"from": "alice", "type": "info", "to": ["bob"], "body": "x"}
    for name in NAMES:
        if "\udcff" in name or "\udc80" in name or layout.is_attachment_name(name):
            continue
        for key in ("attachments", "attached"):
            listed = [{"name": name, "size": 1, "sha256": "0" * 64}]
            with pytest.raises(Damaged, match=key):
                decode(*encode({**fields, key: listed}, 1_800_000_000_000_000))


@sizes
def test_attachments_that_are_sent(fenced: Team, tmp_path: Path, count: int) -> None:
    """Files that really have such names are sent, and lie with their recipient and nowhere else."""
    source = tmp_path / "names"
    source.mkdir()
    arguments: list[str] = []
    for name in NAMES[:count:20]:
        base = name.replace("/", "_")
        if len(os.fsencode(base)) < 250 and base not in ("", ".", "..") and not (source / base).exists():
            with open(source / base, "wb") as file:
                file.write(os.fsencode(base))
            arguments += ["--attach", f"{source}/{base}"]
    token = fenced.send("x", *arguments)
    sent = len(arguments) // 2
    assert sent > count // 35
    files = fenced.json("read", token, by="bob")["files"]
    assert sorted(os.fsencode(path) for path in os.listdir(source)) == sorted(
        Path(file["path"]).read_bytes() for file in files
    )
    assert len(fenced.names("bob", f"attachments/{token}")) == sent
    shutil.rmtree(source)


def test_folders_in_the_hub(fenced: Team) -> None:
    """Folders with such names in the hub are not instances: they are neither shown nor sent to."""
    made = []
    for name in NAMES[::10]:
        if "/" in name or len(os.fsencode(name)) > 250 or layout.is_name(name) or name in ("", ".", ".."):
            continue
        folder = fenced.hub / name
        if not folder.exists():
            folder.mkdir()
            (folder / "card.json").write_text("{}")
            made.append(folder)
    assert len(made) > 300
    assert [peer["name"] for peer in fenced.json("peers")["peers"]] == ["bob", "carol"]
    fenced.ok("send", "info", "--to", "all", "x")
    assert fenced.ok("sync") == "0 delivered, 0 returned, 2 peers\n"
    for folder in made:
        assert os.listdir(folder) == ["card.json"]
        shutil.rmtree(folder)
    config = fenced.folder / "xw.json"
    said = json.loads(config.read_text())
    assert sorted(said.pop("peers")) == ["bob", "carol"]
    config.write_text(json.dumps(said, indent=2) + "\n")


def test_names_that_the_check_lets_pass() -> None:
    """Every name that `check_name` accepts has 1 to 32 harmless characters."""
    passed = []
    for name in NAMES:
        try:
            passed.append(layout.check_name(name))
        except XwError:
            continue
    assert passed
    for name in passed:
        assert 1 <= len(name) <= 32
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert not name.startswith("-")


@settings(max_examples=200)
@given(st.text())
def test_a_name_made_from_a_directory(text: str) -> None:
    """A name made from any text is empty or may be taken."""
    name = layout.name_from(text)
    assert name == "" or layout.is_name(name)
