"""Hostile files in `pending/`: each ends in `failed/` with its reason, its neighbours are delivered."""

import json
import os
import random
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.team import Team
from xw import clock, layout

_STAMP = "20261121T053012123456Z"
_SENT = "2026-11-21T05:30:12.123456Z"
_ID = f"{_STAMP}-k7f3q2m9"
_HASH = "0" * 64
_GOOD: dict[str, Any] = {
    "format": 1,
    "from": "alice",
    "type": "task",
    "to": ["bob"],
    "sent": _SENT,
    "body": "x",
}


def _name(data: bytes, stamp: str = _STAMP, kind: str = "task", sender: str = "alice") -> str:
    """Return the file name whose short id is right for these bytes."""
    return f"{stamp}-{layout.digest(data)}.{kind}.{sender}.json"


def _json(**change: object) -> bytes:
    """Return a message with some fields changed, and without those that are `...`."""
    fields = {key: value for key, value in (_GOOD | change).items() if value is not ...}
    return json.dumps(fields).encode("utf-8", "surrogatepass")


def _raw(**change: str) -> bytes:
    """Return a message with some fields given as raw JSON."""
    fields = {key: json.dumps(value) for key, value in _GOOD.items()} | change
    return ("{" + ", ".join(f'"{key}": {value}' for key, value in fields.items()) + "}").encode()


def _file(name: object, size: object = 1, digest: object = _HASH) -> dict[str, object]:
    return {"name": name, "size": size, "sha256": digest}


_WRONG: dict[str, list[object]] = {
    "from": [..., None, "", "Alice", "a" * 33, "../x", 1, ["alice"], "alice\n"],
    "type": [..., None, "order", "info", 3, [], "task "],
    "to": [..., None, "bob", [], ["bob", "bob"], ["bob", "../x"], ["bob", 1], ["bob", "Bob"], {}, ["bob\n"]],
    "sent": [
        ...,
        None,
        "",
        "2026-11-21T05:30:12.123457Z",
        "2026-11-21T05:30:12Z",
        "2026-11-21",
        5,
        [_SENT],
        "2026-11-21T05:30:12.123456+00:00",
    ],
    "format": [..., None, 0, -1, "1", 1.0, True, [], "2"],
    "body": [..., None, 1, ["x"], {"text": "x"}, True],
    "re": ["", "k7f3q2m9", 5, [], _ID + "x", _ID.lower(), "../../x", _ID + "\n"],
    "thread": ["", "k7f3q2m9", 5, {}, True, _ID[:-1]],
    "expires": [
        "",
        "soon",
        5,
        "2026-11-21",
        "2026-11-21T05:30:12",
        "0000-00-00T00:00:00Z",
        "2026-11-21\n05:30:12+00:00",
        "2026-11-21\x1b05:30:12Z",
        "20261121T053012Z",
        "2026-W47-6T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "٢٠٢٦-11-21T05:30:12Z",
    ],
    "room": ["", "Room", 5, [], "all things"],
    "author": ["", "A", 5, {}],
    "hops": [-1, 1.5, "1", True, None, []],
    "rooms": [None, "room", [1], ["Room"], ["a", "a"], {}],
    "retry_of": ["", "x", 5, []],
    "protocol": ["", [], 5, "x", True],
    "attachments": [
        None,
        {},
        "x",
        ["x"],
        [None],
        [{}],
        [_file("../x")],
        [_file("a/b")],
        [_file("")],
        [_file(".hidden")],
        [_file("-rf")],
        [_file("a\n")],
        [_file("x" * 121)],
        [_file("ä")],
        [_file(5)],
        [_file("a"), _file("a")],
        [_file("a", -1)],
        [_file("a", 1.5)],
        [_file("a", True)],
        [_file("a", "1")],
        [_file("a", 1, "0" * 63)],
        [_file("a", 1, "G" * 64)],
        [_file("a", 1, None)],
    ],
    "attached": [None, {}, [_file("..")], [_file("a", None)], ["a"]],
}

_TEXTS: dict[str, bytes] = {
    "empty": b"",
    "a brace": b"{",
    "cut short": _json()[:-3],
    "two objects": _json() * 2,
    "text behind": _json() + b"x",
    "an array": b"[]",
    "a string": b'"task"',
    "a number": b"1",
    "null": b"null",
    "zeros": bytes(200),
    "binary": random.Random(1).randbytes(3000),
    "an executable": b"\x7fELF" + bytes(60),
    "NaN": _raw(body='"x"', hops="NaN"),
    "infinity": _raw(extra="Infinity"),
    "minus infinity": _raw(extra="[-Infinity]"),
    "a number that is infinity here": _raw(extra="[-1e999]"),
    "a duplicate key": _raw()[:-1] + b', "body": "y"}',
    "a duplicate key within": _raw(protocol='{"a": 1, "a": 2}'),
    "a lone high surrogate": _raw(body='"\\ud800"'),
    "a lone low surrogate": _raw(extra='["\\udfff"]'),
    "a surrogate as a key": _raw(protocol='{"\\ud800": 1}'),
    "a raw surrogate": _json(body="\ud800".encode("utf-8", "surrogatepass").decode("latin-1")).replace(
        b"\\u00ed\\u00a0\\u0080", b"\xed\xa0\x80"
    ),
    "a byte order mark": b"\xef\xbb\xbf" + _json(),
    "UTF-16": _json().decode().encode("utf-16"),
    "latin-1": _raw(body='"\xe4"').decode().encode("latin-1"),
    "an overlong slash": _raw(body='"?"').replace(b"?", b"\xc0\xaf"),
    "a control character": _raw(body='"a\nb"'),
    "single quotes": b"{'format': 1}",
    "a comment": b"// x\n" + _json(),
    "a trailing comma": _json()[:-1] + b",}",
    "deep arrays": _raw(extra="[" * 100_000 + "]" * 100_000),
    "deep objects": _raw(protocol='{"a":' * 50_000 + "1" + "}" * 50_000),
    "unclosed arrays": b"[" * 200_000,
    "a number without end": _raw(extra="1" * 5000),
    "a number without end in hops": _raw(hops="9" * 5000),
    "more than 1 MiB": _json(body="x" * layout.MESSAGE_LIMIT),
    "not for bob": _json(to=["carol"]),
    "for nobody known": _json(to=["dave", "carol"]),
}

_STAMPS = [
    "20261321T053012123456Z",
    "20260230T053012123456Z",
    "20261121T253012123456Z",
    "20261121T056012123456Z",
    "00000000T000000000000Z",
    "99999999T999999999999Z",
    "20261121T053060123456Z",
]

_NAMES = [
    "x",
    ".",
    "json",
    "README.md",
    "-rf",
    "--help",
    "~",
    "$(id)",
    "`id`",
    ";",
    "*",
    "a b",
    "a\nb",
    "\n",
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\u202eabc",
    "\u200b",
    "\x9b".encode().decode(),
    "日本",
    "a\tb",
    "a\\b",
    "x.why.json",
    f"{_ID}.task.alice.json.why.json",
    f"{_ID}.task.alice.json~",
    f"{_ID}.task.alice.json.tmp",
    f"{_ID}.TASK.alice.json",
    f"{_ID}.order.alice.json",
    f"{_ID}.task.Alice.json",
    f"{_ID}.task..json",
    f"{_ID}.task.alice",
    f"{_ID}.task.{'a' * 33}.json",
    f"{_ID}.task.alice.json\n",
    f" {_ID}.task.alice.json",
    f"{_ID.upper()}.task.alice.json"[:-5] + ".JSON",
    f"{_STAMP}-k7f3q2mu.task.alice.json",
    "x" * 255,
    "x" * 241,
    "\udcff",
    "\udcff" * 200,
    f"{_ID}.task.\udce4lice.json",
    "ü" * 127,
    "why.json",
    ".why.json",
    "٢" * 8,
]


def _cases() -> dict[str, tuple[str, bytes]]:
    """Every hostile regular file: what is wrong with it, its name, its bytes."""
    cases: dict[str, tuple[str, bytes]] = {}
    for what, data in _TEXTS.items():
        cases[what] = (_name(data), data)
    for field, values in _WRONG.items():
        for value in values:
            data = _json(**{field: value})
            cases[f"{field} is {str(value)[:40]!r} ({type(value).__name__})"] = (_name(data), data)
    for stamp in _STAMPS:
        data = _json(sent=clock.spell(stamp))
        cases[f"the time {stamp}"] = (_name(data, stamp), data)
    good = _json()
    cases["another time in the name"] = (_name(good, "20261121T053012123457Z"), good)
    cases["another type in the name"] = (_name(good, kind="info"), good)
    cases["another sender in the name"] = (_name(good, sender="carol"), good)
    cases["another hash in the name"] = (f"{_ID}.task.alice.json", good)
    cases["one bit flipped"] = (_name(good), good[:-4] + bytes([good[-4] ^ 1]) + good[-3:])
    for name in _NAMES:
        if not name.startswith("."):  # hidden files are no mail, and nobody's concern
            cases[f"the name {name[:50]!r} of {len(name)}"] = (name, f"in {name!r}".encode())
    return cases


_CASES = _cases()


def _write(folder: Path, name: str, data: bytes) -> None:
    with open(os.path.join(os.fsencode(folder), os.fsencode(name)), "wb") as file:
        file.write(data)


def _dead(team: Team) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the content of bob's failed/: each file's old name, its new name, and its note."""
    folder = team.box("bob") / "inbox" / "failed"
    found = {}
    names = os.listdir(folder)
    for name in names:
        if f"{name}.why.json" in names:
            note = json.loads((folder / f"{name}.why.json").read_bytes())
            found[note.get("name", name)] = (name, note)
    assert len(names) == 2 * len(found)
    return found


def test_there_are_enough() -> None:
    """At least 200 hostile files, none of them twice."""
    assert len(_CASES) >= 200
    assert len({name for name, _ in _CASES.values()}) == len(_CASES)


@pytest.mark.parametrize(
    "command", [("check",), ("check", "--json"), ("wait", "--timeout", "60"), ("doctor",)]
)
def test_hostile_files(team: Team, command: tuple[str, ...]) -> None:
    """All at once between good messages: each is set aside with its reason, no good one is held back."""
    pending = team.box("bob") / "inbox" / "pending"
    for number, (name, data) in enumerate(_CASES.values()):
        if number % 20 == 0:
            team.send(f"good {number}")
        _write(pending, name, data)
    good = len(range(0, len(_CASES), 20))
    result = team.run(*command, by="bob")
    assert result.code == (1 if command == ("doctor",) else 0)
    assert "Traceback" not in result.out + result.err
    team.run("check", by="bob")  # a wait is content with the first good one
    dead = _dead(team)
    folder = team.box("bob") / "inbox" / "failed"
    for what, (name, data) in _CASES.items():
        assert name in dead, what
        kept, note = dead[name]
        assert note["reason"], what
        assert note["kind"] == "damaged", what
        assert (folder / kept).read_bytes() == data, what
    assert len(dead) == len(_CASES)
    assert len(team.pending("bob")) == good
    assert team.json("check", by="bob")["total"] == good
    listed = team.run("log", "--json", by="bob")
    assert [json.loads(line)["body"] for line in listed.out.splitlines()] == [
        f"good {number}" for number in range(0, len(_CASES), 20)
    ]
    shown = team.json("check", "--failed", "--all", by="bob")["dead_letters"]
    assert len(shown) == len(_CASES)
    assert team.names("bob", "inbox/tmp") == []


@pytest.mark.parametrize("what", list(_CASES)[:: max(1, len(_CASES) // 60)])
def test_one_hostile_file_is_told(team: Team, what: str) -> None:
    """A single hostile file is reported on stderr with its reason, and nothing of it is shown as mail."""
    name, data = _CASES[what]
    _write(team.box("bob") / "inbox" / "pending", name, data)
    checked = team.run("check", by="bob")
    assert (checked.code, checked.out) == (0, f"no mail for bob on {team.hub}\n")
    assert checked.err.startswith("xw: set aside in failed/: ")
    assert checked.err.count("\n") == 1
    assert checked.err.rstrip("\n").isprintable()
    assert team.run("check", by="bob").err == ""


_REASONS = {
    "empty": "not valid JSON",
    "NaN": "NaN",
    "a number that is infinity here": "-1e999",
    "a duplicate key": "twice",
    "a lone high surrogate": "surrogate",
    "an array": "not a JSON object",
    "more than 1 MiB": "more than 1,048,576 bytes",
    "not for bob": "addressed to carol",
    "another hash in the name": "short id",
    "another time in the name": "time",
    "another type in the name": "type",
    "another sender in the name": "sender",
    "body is '1' (int)": "'body'",
    "the name 'x' of 1": "not a message's",
}


@pytest.mark.parametrize("what", list(_REASONS))
def test_reasons(team: Team, what: str) -> None:
    """The reason says what is wrong, beside the dead letter and in `check --failed`."""
    name, data = _CASES[what]
    _write(team.box("bob") / "inbox" / "pending", name, data)
    assert _REASONS[what] in team.run("check", by="bob").err
    assert _REASONS[what] in team.ok("check", "--failed", "--all", by="bob")
    assert _REASONS[what] in _dead(team)[name][1]["reason"]


def _link(path: Path) -> None:
    (path.parents[4] / "target").write_bytes(_json())
    path.symlink_to(path.parents[4] / "target")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(path.parent, os.O_RDONLY)  # the whole path is longer than a socket's may be
        try:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inner").write_text("kept")


_KINDS: dict[str, tuple[Callable[[Path], None], Callable[[int], bool], str]] = {
    "link": (_link, stat.S_ISLNK, "symbolic link"),
    "dangling link": (lambda path: path.symlink_to("/nowhere"), stat.S_ISLNK, "symbolic link"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), stat.S_ISLNK, "symbolic link"),
    "link to itself": (lambda path: path.symlink_to(path.name), stat.S_ISLNK, "symbolic link"),
    "fifo": (os.mkfifo, stat.S_ISFIFO, "not a regular file"),
    "socket": (_socket, stat.S_ISSOCK, "socket"),
    "folder": (_folder, stat.S_ISDIR, "not a regular file"),
    "sparse": (_sparse, stat.S_ISREG, "more than 1,048,576 bytes"),
}


@pytest.mark.parametrize("kind", list(_KINDS))
@pytest.mark.parametrize("name", [f"{_ID}.task.alice.json", "strange"])
def test_what_is_no_file(team: Team, kind: str, name: str) -> None:
    """Links, FIFOs, sockets, folders and huge sparse files are set aside as they are, not followed."""
    make, is_kind, reason = _KINDS[kind]
    team.send("good")
    make(team.box("bob") / "inbox" / "pending" / name)
    checked = team.run("check", by="bob")
    assert checked.code == 0
    assert checked.out.endswith("good\n")
    assert len(checked.out.splitlines()) == 1
    assert "set aside" in checked.err
    kept, note = _dead(team)[name]
    assert name == "strange" or reason in note["reason"]
    assert is_kind((team.box("bob") / "inbox" / "failed" / kept).lstat().st_mode)
    assert team.run("check", "--failed", "--all", by="bob").code == 0
    assert team.ok("log", by="bob").count("[") == 1


def test_hostile_files_by_their_id(team: Team) -> None:
    """A damaged message requested by id is not shown: it is set aside, and the error says so."""
    name, data = _CASES["not for bob"]
    for command in (("read", name), ("reply", name, "text"), ("send", "info", "x", "--re", name)):
        _write(team.box("bob") / "inbox" / "pending", name, data)
        refused = team.run(*command, by="bob")
        assert (refused.code, refused.out) == (1, "")
        assert "it is in inbox/failed/, unchanged" in refused.err
        assert team.pending("bob") == []
    assert team.run("read", name, by="bob").code == 1


def test_a_hostile_note_is_no_note(team: Team) -> None:
    """A file that poses as the note of another cannot be overwritten by that note, nor take its place."""
    pending = team.box("bob") / "inbox" / "pending"
    for name in ("x", "x.why.json", "x.why.json.why.json"):
        _write(pending, name, f"bytes of {name}".encode())
    team.run("check", by="bob")
    dead = _dead(team)
    assert sorted(dead) == ["x", "x.why.json", "x.why.json.why.json"]
    folder = team.box("bob") / "inbox" / "failed"
    for name, (kept, _) in dead.items():
        assert (folder / kept).read_text() == f"bytes of {name}"
    assert len(team.json("check", "--failed", "--all", by="bob")["dead_letters"]) == 3


def test_a_long_name_in_no_encoding(team: Team) -> None:
    """A file name in no encoding, too long for a note beside it, still gets its reason."""
    pending = os.fsencode(team.box("bob") / "inbox" / "pending")
    with open(pending + b"/" + b"\xff" * 250, "wb"):
        pass
    assert "not a message's" in team.run("check", by="bob").err
    (letter,) = team.json("check", "--failed", "--all", by="bob")["dead_letters"]
    assert "not a message's" in letter["reason"]


def test_the_same_bad_name_again(team: Team) -> None:
    """A second file with a name already in failed/ gets another name; neither is lost."""
    for number in range(3):
        _write(team.box("bob") / "inbox" / "pending", "same", str(number).encode())
        team.run("check", by="bob")
    folder = team.box("bob") / "inbox" / "failed"
    files = [name for name in os.listdir(folder) if not name.endswith(".why.json")]
    assert sorted((folder / name).read_text() for name in files) == ["0", "1", "2"]


def test_hostile_files_elsewhere(team: Team) -> None:
    """Strange files in sent, done, processing and the outbox crash no command."""
    team.send("good")
    for folder in ("sent", "inbox/done", "inbox/processing", "outbox/carol", "outbox/failed", "inbox/failed"):
        (team.box("bob") / folder).mkdir(exist_ok=True)
        for name, data in list(_CASES.values())[::3]:
            _write(team.box("bob") / folder, name, data)
    (team.box("bob") / "outbox" / "Strange name").mkdir()
    (team.box("bob") / "outbox" / "file").write_text("")
    for command in (
        ("check",), ("check", "--failed"), ("log",), ("log", "--json"), ("who",), ("peers",), ("sync",),
        ("gc", "--days", "0"), ("doctor",), ("send", "info", "x", "--to", "alice"), ("wait",),
    ):  # fmt: skip
        result = team.run(*command, by="bob")
        assert result.code in (0, 1), (command, result)
        assert "Traceback" not in result.err
    assert "good" in team.run("log", by="bob").out


@pytest.mark.parametrize("stray", ["file", "link", "fifo"])
def test_what_is_no_folder_in_the_outbox(team: Team, tmp_path: Path, stray: str) -> None:
    """A stray name in outbox/ keeps no mail from going out; `doctor` names it."""
    path = team.box("alice") / "outbox" / "carol"
    (tmp_path / "foreign").mkdir()
    if stray == "file":
        path.touch()
    elif stray == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "foreign")
    assert "delivered to bob, carol" in team.ok("send", "info", "x", "--to", "all")
    for command in (("sync",), ("gc",), ("log",)):
        team.ok(*command)
    assert team.run("read", "zzzzzzzz").code == 3
    looked = team.run("doctor")
    assert (looked.code, looked.err) == (1, "")
    assert f"bad  {path} is not a folder: move it away\n" in looked.out
    assert os.listdir(tmp_path / "foreign") == []


def test_a_link_in_place_of_a_folder(team: Team, tmp_path: Path) -> None:
    """Files behind a link in place of `pending/` are neither listed, moved nor changed."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    pending = team.box("bob") / "inbox" / "pending"
    pending.rmdir()
    pending.symlink_to(foreign)
    assert team.run("check", by="bob").code != 0
    assert "in the outbox" in team.ok("send", "info", "hello", "--to", "bob")
    assert os.listdir(foreign) == ["thesis.txt"]


def test_a_link_to_a_mailbox_is_no_peer(team: Team) -> None:
    """A second name for a mailbox is not registered, and gets no broadcast."""
    (team.hub / "bobby").symlink_to("bob")
    assert team.json("send", "info", "hello", "--to", "all")["delivered"] == ["bob", "carol"]
    assert team.run("send", "info", "hello", "--to", "bobby").code == 3


@pytest.mark.parametrize("names", ["notes", "damaged mail"])
def test_a_flood_is_set_aside_in_one_sweep(names: str, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """300 files that are not mail cost a few syncs and lines, and each has its reason beside it."""
    pending, failed = (team.box("bob") / "inbox" / state for state in ("pending", "failed"))
    for number in range(300):
        name = f"note {number}" if names == "notes" else _name(b"other", f"{_STAMP[:-4]}{number:03}Z")
        (pending / name).write_bytes(b"x")
    task = team.send("a task", kind="task")
    syncs: list[int] = []
    really = os.fsync

    def fsync(handle: int) -> None:
        syncs.append(handle)
        really(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    result = team.run("check", by="bob")
    assert (result.code, result.out.split()[0]) == (0, task[-8:])
    assert len(syncs) < 10
    assert len(result.err.splitlines()) == 11
    assert result.err.endswith("and 290 more\n")
    assert [path.name for path in pending.iterdir()] == [path.name for path in pending.glob(f"{task}*")]
    letters = [path for path in failed.iterdir() if not path.name.endswith(".why.json")]
    assert len(letters) == 300
    assert all(json.loads((failed / f"{path.name}.why.json").read_text())["reason"] for path in letters)
