"""Torn or strange notes in a mirror (`.sync.json`, `peers.json`, …) end no command and lose no mail."""

import errno
import os
import shutil
from pathlib import Path
from unittest import mock

import pytest

from tests.cli.team import Result, plain
from tests.remote.conftest import Join
from tests.remote.machine import Machine
from xw.instance import Options, open_instance

NOTES = (
    "peers.json",
    "away.json",
    "mirror.json",
    "machine",
    "alice/outbox/.sync.json",
    "alice/outbox/.peers.json",
)
GARBAGE = {
    "nothing": b"",
    "half": b'{"skew": 0.1, "seen": {"bob": {"name": "bo',
    "no object": b"[1, 2]",
    "null": b"null",
    "bytes": bytes(range(256)) * 40,
    "numbers": b'{"skew": "x", "seen": 7, "at": [], "missing": {"a": 1}, "urls": 3, "failed": 1e999}',
    "lists": b'{"skew": [], "seen": [1], "at": {}, "missing": [], "urls": [7], "failed": true, "why": 4}',
    "entries": b'{"skew": 1e300, "seen": {"bob": [], "../x": {}, "": null}, "at": -1e300, "urls": []}',
    "fields": b'{"seen": {"bob": {"name": 3, "pending": "x", "more": 1}}, "at": "26", "urls": [""]}',
    "names": b'{"seen": {"../../x": {"name": "../../x"}, "bob": {"name": "../bob"}}, "urls": ["\\u0000"]}',
    "deep": b'{"seen": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "long": b'{"seen": {}, "why": "' + b"x" * 10_000_000 + b'"}',
}
COMMANDS = (
    ("check",),
    ("who",),
    ("peers",),
    ("wait", "--timeout", "0"),
    ("send", "--to", "bob", "info", "x"),
    ("doctor",),
    ("sync",),
)


@pytest.fixture
def scene(join: Join) -> tuple[Machine, Machine]:
    """Alice, who has a message of bob's in her mirror, and bob."""
    alice, bob = join("alice"), join("bob")
    alice.ok("sync")
    bob.send("alice", "the one")
    alice.ok("sync")
    return alice, bob


def spoil(place: Path, kind: str) -> None:
    for name in NOTES:
        (place / name).write_bytes(GARBAGE[kind])


def is_quiet(result: Result) -> bool:
    """Return True if a command printed only its own lines."""
    return "Traceback" not in result.err and "unforeseen" not in result.err and "bug" not in result.err


@pytest.mark.parametrize("kind", ["nothing", "half", "fields"])
def test_no_command_minds(scene: tuple[Machine, Machine], kind: str) -> None:
    """Every command does its work; sent mail arrives once; the next sync rewrites the notes."""
    alice, bob = scene
    for command in COMMANDS:
        spoil(alice.mirror.parent, kind)
        result = alice.run(*command)
        assert is_quiet(result), result
        assert result.code == 0, result
        assert command != ("check",) or "the one" in result.out
    bob.ok("sync")
    assert bob.ok("check").count("info alice") == 1
    assert alice.run("sync").err == ""


def test_sync_with_any_garbage(scene: tuple[Machine, Machine]) -> None:
    """With any garbage in the notes, a sync works and reports nothing about it."""
    alice, _ = scene
    for kind in GARBAGE:
        spoil(alice.mirror.parent, kind)
        assert alice.ok("sync").startswith("0 delivered"), kind


def test_offline_as_well(scene: tuple[Machine, Machine]) -> None:
    """Offline, the mirror's mail is shown and new mail waits in the outbox."""
    alice, _ = scene
    for kind in GARBAGE:
        for command in (("check",), ("peers",), ("send", "--to", "bob", "info", "x")):
            spoil(alice.mirror.parent, kind)
            result = alice.run(*command, "--offline")
            assert is_quiet(result), (kind, result)
            assert result.code == 0, (kind, result)
            assert command != ("check",) or "the one" in result.out


def test_a_note_that_is_no_file(scene: tuple[Machine, Machine]) -> None:
    """A folder in the place of a note is named by what has to write it, and hides no mail."""
    alice, _ = scene
    place = alice.mirror.parent
    for name in ("peers.json", "mirror.json"):
        os.remove(place / name)
        (place / name).mkdir()
    assert "the one" in alice.run("check").out
    result = alice.run("sync")
    assert is_quiet(result), result
    assert f"{place}/" in result.err
    assert "a directory has the name of one of xw's files: move it away" in result.err


@pytest.mark.parametrize(
    "name", ["alice/outbox/.peers.json", "peers.json", "away.json", "alice/outbox/failed"]
)
def test_a_sent_message_is_sent(scene: tuple[Machine, Machine], name: str) -> None:
    """Whatever cannot be noted or looked at after a message was made durable, `send` acknowledges it."""
    alice, bob = scene
    path = alice.mirror.parent / name
    if path.is_dir():
        shutil.rmtree(path)
        path.write_text("")
    else:
        path.unlink(missing_ok=True)
        path.mkdir()
    sent = alice.run("send", "--to", "bob", "info", "x")
    assert (sent.code, "bob" in sent.out) == (0, True), sent
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()
        path.mkdir()
    assert alice.run("sync").code == 0
    assert bob.ok("check").count("info alice") == 1


def test_claims_after_the_word_was_lost(scene: tuple[Machine, Machine]) -> None:
    """A mirror whose `machine` is empty makes a new word, so that nobody else's empty one is its own."""
    alice, _ = scene
    mirror = open_instance(Options("alice", config=str(alice.folder / "xw.json")), plain()).carrier.mirror
    assert mirror
    notes = mirror.notes
    for damaged in (b"", b"half", bytes(100)):
        (alice.mirror.parent / "machine").write_bytes(damaged)
        word = notes.token()
        assert (len(word), notes.token()) == (32, word)


def test_a_word_that_cannot_be_read_stays(
    scene: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing error makes no new word: what was claimed by the old one would be another machine's."""
    alice, _ = scene
    mirror = open_instance(Options("alice", config=str(alice.folder / "xw.json")), plain()).carrier.mirror
    assert mirror
    notes = mirror.notes
    word = notes.token()
    with monkeypatch.context() as patch:
        patch.setattr(notes.files, "read", mock.Mock(side_effect=OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError, match="Input/output error"):
            notes.token()
    assert notes.token() == word
