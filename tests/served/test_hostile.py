"""Hostile clients of a served hub: 300 requests that read, write or hold nothing that is not the caller's."""

import hashlib
import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.served.rogue import Rogue, connected, message, packed
from xw import layout
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.hub.served import frames
from xw.mailbox import Mailbox

SECRET = "the-secret-of-bob"
AT = 1_795_239_000_000_000
OWN = (
    *("register", "unregister", "set_groups", "add_key", "survey", "fetch", "attachment", "settle", "claim"),
    *("release", "set_aside", "show", "sweep", "findings", "pushes"),
)
"""The calls that are about the caller's own mailbox."""
FOREIGN = (
    *("bob", "carol", "../bob", "bob/inbox/pending", "", "ALICE", "alice/../bob", "alice\0", ".", 7),
    *("all", "postmaster"),
)
FILE = "..\\bob"  # which can be a file's name
PATHS = (
    *("../bob/card.json", "../../bob/inbox/pending/x", "/etc/passwd", "a/b", ".", "..", "", "x\0y"),
    *("x" * 5000, FILE, "\u202e/", "alice/../../bob"),
)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A hub where carol has written to bob, with a file, and bob to carol."""
    return made(tmp_path)


def made(folder: Path) -> Path:
    """Return such a hub in a folder."""
    root = folder / "hub"
    create_hub(LocalFiles(str(root)), "test", "", group=False, links=True)
    here = DirectoryHub(LocalFiles(str(root)), str(root))
    for name in ("alice", "bob", "carol"):
        here.register(name, {"name": name, "kind": "agent"})
    here.identity()
    for sender, to in (("carol", "bob"), ("bob", "carol")):
        name, data = message(sender, to, at=AT, body=SECRET)
        mailbox = Mailbox(here.files, to)
        mailbox.accept(name, data)
        mailbox.keep_attachment(layout.id_of(name) or "", "plan.txt", [SECRET.encode()])
    return root


def others(hub: Path) -> dict[str, str]:
    """Return the hash of each file that is not alice's, and the others' folders."""
    found = {}
    for path in sorted(hub.rglob("*")):
        place = str(path.relative_to(hub))
        if place.partition("/")[0].partition(".")[0] not in ("alice", ""):
            found[place] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return found


def arguments(random_: random.Random, owner: object) -> dict[str, object]:
    """Return arguments for any call on a mailbox, which would be right for its owner's."""
    name, _ = message("carol", "bob", at=AT, body=SECRET)
    return {
        "owner": owner,
        "to": owner,
        "name": name,
        "names": [name],
        "state": "pending",
        "folder": name.partition(".")[0],
        "messages": [["pending", name]],
        "moves": [{"name": name, "source": "pending", "state": "done", "reason": "", "kind": ""}],
        "token": "0" * 32,
        "reason": "x",
        "days": 0,
        "dry_run": False,
        "card": {"name": str(owner), "kind": "agent"},
        "groups": ["x"],
        "line": "ssh-ed25519 AAAA",
        "known": [],
        "everyone": random_.random() < 0.5,
    }


def requests() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield calls that each want something of another's: what, the call, and its arguments."""
    chance = random.Random(20261130)
    for call in OWN:
        for owner in FOREIGN:
            yield f"{call} of {owner!r}", call, arguments(chance, owner)
    for call in ("locate", "held", "withdraw", "why"):
        for to in ("bob", "carol"):
            yield f"{call} at {to}", call, arguments(chance, to)
    there = f"../../bob/attachments/{_carols()}"
    yield "another's file", "attachment", {"owner": "alice", "folder": there, "name": "plan.txt"}
    name = f"../{there}/plan.txt"
    yield "another's file by name", "attachment", {"owner": "alice", "folder": _carols(), "name": name}
    for path in PATHS:
        own = arguments(chance, "alice")
        if path != FILE:
            yield f"set aside {path[:20]!r}", "set_aside", {**own, "name": path}
        yield f"fetch {path[:20]!r}", "fetch", {**own, "messages": [["pending", path]]}
        yield f"fetch from {path[:20]!r}", "fetch", {**own, "messages": [[path, own["name"]]]}
        yield f"attachment {path[:20]!r}", "attachment", {**own, "name": path}
        yield f"attachments of {path[:20]!r}", "attachment", {**own, "folder": path, "name": "plan.txt"}
        yield f"claim {path[:20]!r}", "claim", {**own, "name": path}
        yield f"mark {path[:20]!r}", "leave_mark", {"mark": path}
        yield f"locate {path[:20]!r}", "locate", {"to": path, "name": own["name"]}
        yield f"peer {path[:20]!r}", "peer", {"name": path}
        yield f"keys {path[:20]!r}", "keys", {"names": [path]}
    for call in (
        "renew_identity",
        "move_to",
        "rooms",
        "peer_findings",
        "deliver ",
        "__class__",
        "",
        "accept",
    ):
        yield f"the call {call!r}", call, {}


def test_what_is_not_the_callers(hub: Path) -> None:
    """Over 300 calls that want another's mail, mailbox or path: each is an error, and nothing has changed."""
    before, count = others(hub), 0
    with connected(hub, "bob") as bob, connected(hub, "alice") as alice:
        for what, call, given in requests():
            answer = alice.call(call, given)
            assert "error" in answer, (what, answer)
            count += 1
        assert SECRET.encode() not in alice.heard
        assert bob.call("ping", {})["is"] is None
        assert alice.call("ping", {})["is"] is None
    assert others(hub) == before
    assert count >= 300


LETTERS: dict[str, Callable[[], tuple[str, str, bytes]]] = {
    "from another": lambda: ("bob", *message("carol", "bob")),
    "from postmaster": lambda: ("bob", *message("postmaster", "bob")),
    "to somebody else": lambda: ("bob", *message("alice", "carol")),
    "another's file name": lambda: ("bob", message("carol", "bob")[0], message("alice", "bob")[1]),
    "another time's name": lambda: ("bob", message("alice", "bob", at=AT)[0], message("alice", "bob")[1]),
    "no message": lambda: ("bob", message("alice", "bob")[0], b"{}"),
    "a path as recipient": lambda: ("../bob", *message("alice", "bob")),
    "a path as name": lambda: ("bob", "../../card.json", message("alice", "bob")[1]),
    "files for another's message": lambda: (
        "bob",
        *message(
            "alice",
            "bob",
            re=_carols(),
            attached=_file("plan.txt"),
        ),
    ),
    "files for no message": lambda: (
        "bob",
        *message("alice", "bob", re="20261121T053012000004Z-r37kkg5x", attached=_file("x")),
    ),
    "a file with a path": lambda: ("bob", *message("alice", "bob", attachments=_file("../x"))),
    "a file that is too large": lambda: ("bob", *message("alice", "bob", attachments=_file("x", 1 << 50))),
    "nobody there": lambda: ("dave", *message("alice", "dave")),
}


def _carols() -> str:
    """Return the id of carol's message to bob."""
    return message("carol", "bob", at=AT, body=SECRET)[0].partition(".")[0]


def _file(name: str, size: int = 5) -> list[dict[str, object]]:
    return [{"name": name, "size": size, "sha256": hashlib.sha256(b"12345").hexdigest()}]


@pytest.mark.parametrize("what", LETTERS)
def test_mail_that_is_not_the_senders(hub: Path, what: str) -> None:
    """A forged, misaddressed or malformed message is refused for good, and no byte of it stays."""
    before = others(hub)
    with connected(hub, "alice") as alice:
        answer = alice.deliver(LETTERS[what]())
        outcome = answer["error"] if "error" in answer else answer["is"][0]
        assert outcome["kind"] in ("Refused", "NotFound"), answer
        assert others(hub) == before
        assert alice.deliver(("bob", *message("alice", "bob")))["is"] == [None]


def test_a_file_that_is_not_the_announced_one(hub: Path) -> None:
    """Other bytes than the message's hash, too few, too many: refused or cut off; none of them stays."""
    before = others(hub)
    letter = ("bob", *message("alice", "bob", attachments=_file("x")))
    for pieces in ([b"54321"], [b"123"], [b"12345", b"6"], [b"1" * 6], []):
        with connected(hub, "alice") as alice:
            assert alice.deliver(letter)["kind"] == frames.WANT
            for piece in [*pieces, b""]:
                alice.send(packed(frames.BYTES, {}, piece))
            answer = alice.answer()
            if sum(map(len, pieces)) > 5:
                assert answer == {}, "more than announced is not even read"
            else:
                assert answer["is"][0]["kind"] == "Refused", answer
        assert others(hub) == before
    with connected(hub, "alice") as alice:
        alice.deliver(letter)
        alice.send(packed(frames.BYTES, {}, b"12345") + packed(frames.BYTES, {}))
        assert alice.answer()["is"] == [None]


def test_another_message_with_the_same_id(hub: Path) -> None:
    """Whoever finds a message with the id of another's, which has 40 bits, cannot replace its files."""
    name, data = message("alice", "bob", attachments=_file("plan.txt"))
    folder = hub / "bob/attachments" / name.partition(".")[0]
    folder.mkdir()
    (folder / "plan.txt").write_text(SECRET)
    with connected(hub, "alice") as alice:
        answer = alice.deliver(("bob", name, data))
        assert answer["is"][0]["kind"] == "Refused"
    assert (folder / "plan.txt").read_text() == SECRET


def _sftp(kind: int, *texts: str) -> bytes:
    body = struct.pack(">I", 7) + b"".join(struct.pack(">I", len(one)) + one.encode() for one in texts)
    return struct.pack(">IB", 1 + len(body), kind) + body


BYTES = {
    "a packet without a body": struct.pack(">I", 0),
    "a packet of 4 GiB": struct.pack(">I", 0xFFFFFFFF) + b"x" * 100,
    "a packet above the limit": struct.pack(">IB", frames.LIMIT + 1, frames.CALL),
    "a head longer than its packet": struct.pack(">IBI", 9, frames.CALL, 500) + b"{}{}",
    "a head of no bytes": struct.pack(">IBI", 5, frames.CALL, 0),
    "a head that is no JSON": packed(frames.CALL, b"{'a': 1}"),
    "a head that is a list": packed(frames.CALL, []),
    "a head nested 100,000 deep": packed(frames.CALL, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a head with NaN": packed(frames.CALL, b'{"v": NaN}'),
    "a head with a key twice": packed(frames.CALL, b'{"v": 1, "v": 1}'),
    "a head with a huge number": packed(frames.CALL, b'{"v": ' + b"9" * 100_000 + b"}"),
    "a head with a lone surrogate": packed(frames.CALL, b'{"v": "\\ud800"}'),
    "a head of invalid UTF-8": packed(frames.CALL, b'{"v": "\xff"}'),
    "an answer": packed(frames.ANSWER, {"is": 1}),
    "a piece that nobody asked for": packed(frames.BYTES, {}, b"x" * 1000),
    "parcels that do not come": packed(frames.CALL, {"v": 1, "call": "deliver", "with": {"count": 2}})
    + packed(frames.CALL, {"v": 1, "call": "ping"}),
    "zeros": bytes(5000),
    "a shell's command": b"cat /etc/passwd\n" * 100,
}


@pytest.mark.parametrize("what", BYTES)
def test_bytes_that_break_the_rules(hub: Path, what: str) -> None:
    """They end this connection with one line, without a traceback, and no other connection."""
    before = others(hub)
    with connected(hub, "bob") as bob, connected(hub, "alice") as alice:
        alice.send(BYTES[what])
        alice.rest()
        complaint = alice.complaint()
        assert complaint.startswith("xw: ") and complaint.count("\n") == 1, complaint
        assert bob.call("ping", {})["is"] is None
    assert others(hub) == before


def test_sftp_requests(hub: Path) -> None:
    """Each request of an SFTP client, with another's paths, fails with a sentence; the connection goes on."""
    before = others(hub)
    paths = ("bob/card.json", "/etc/passwd", "../bob", "bob/inbox/pending", ".")
    with connected(hub, "alice") as alice:
        for kind in (*range(3, 21), 200):
            for path in paths:
                alice.send(_sftp(kind, path, path))
                answer = alice.packet()
                assert (answer[0], b"served xw hub" in answer) == (101, True), (kind, path, answer)
        assert alice.call("ping", {})["is"] is None
    assert others(hub) == before


def test_what_does_not_begin_as_sftp(hub: Path) -> None:
    """Other first bytes end the connection; nothing was answered."""
    for first in (b"GET / HTTP/1.0\r\n\r\n", packed(frames.CALL, {"v": 1, "call": "ping"}), b"\0\0\0\1\x03"):
        made = Rogue(hub, "alice", first)
        made.stream.shutdown(1)
        assert made.rest() == b""
        made.close()


def test_fields_of_wrong_kinds(hub: Path) -> None:
    """Any value in place of any argument is an error of that call alone."""
    (hub / ".served").mkdir()
    (hub / ".served/limits.json").write_text('{"calls_per_second": 100000}')
    before = others(hub)
    values: tuple[object, ...] = (
        None,
        True,
        -1,
        10**30,
        1.5,
        "",
        "x" * 70_000,
        [],
        [[]],
        {},
        {"a": {}},
        ["bob"],
        [None] * 600,
    )
    good = arguments(random.Random(1), "alice")
    calls = (*OWN[:-1], "locate", "held", "withdraw", "why", "peer", "keys", "knows", "leave_mark", "deliver")
    with connected(hub, "alice") as alice:
        for call in calls:
            for key in good:
                for value in values if key in ("owner", "to", "name", "known", "card") else values[:6]:
                    if call in ("unregister", "register") and key not in ("owner", "card"):
                        continue
                    if call == "deliver":
                        continue
                    answer = alice.call(call, {**good, key: value})
                    assert answer, (call, key, value)
                    assert "a bug in xw" not in json.dumps(answer), (call, key, value, answer)
        for whole in values:
            assert alice.call("survey", whole)
        for count in (-1, 10**9, "2", None, 1.0):
            assert "error" in alice.call("deliver", {"count": count})
        assert alice.call("ping", {})["is"] is None
    assert others(hub) == before


def test_the_own_mailbox_has_bounds(hub: Path) -> None:
    """Cards, presences, keys and moves of one's own are bounded too; rooms and others' names are refused."""
    own = {"owner": "alice"}
    name, data = message("bob", "alice")
    deep: dict[str, object] = {}
    for _ in range(10):
        deep = {"x": deep}
    cards = ({"kind": "room"}, {"name": "bob"}, deep, {"description": "x" * 40_000})
    lines = (
        "ssh-rsa AAAA",
        "ssh-ed25519 AAAA\nssh-ed25519 BBBB",
        "ssh-ed25519 " + "A" * 5000,
        "ssh-ed25519 é",
    )
    back = [{"name": name, "source": "done", "state": "pending", "reason": "", "kind": ""}]
    with connected(hub, "alice") as alice, connected(hub, "bob") as bob:
        assert bob.deliver(("alice", name, data))["is"] == [None]
        assert alice.call("settle", {**own, "moves": [{**back[0], "source": "pending", "state": "done"}]})
        asked = [
            *(("register", {**own, "card": card}) for card in cards),
            *(("add_key", {**own, "line": line}) for line in lines),
            ("settle", {**own, "moves": back}),
            ("keys", {"names": ["alice"] * 11}),
        ]
        for call, given in asked:
            assert alice.call(call, given).get("error", {}).get("kind") == "Refused", (call, given)
        assert alice.call("show", own, b" " * 40_000)["error"]["kind"] == "Refused"
        assert alice.call("locate", {"to": "alice", "name": name})["is"][0] == "done"


def test_a_card_is_measured_as_it_is_written(hub: Path) -> None:
    """No characters of four bytes, and no fields added bit by bit, make a card that others cannot read."""
    with connected(hub, "alice") as alice, connected(hub, "bob") as bob:
        cards: tuple[dict[str, object], ...] = (
            {"description": 20_000 * "\U0001f600"},
            {"x": [[]] * 9000},
        )
        for card in cards:
            told = alice.call("register", {"owner": "alice", "card": card})
            assert told["error"]["kind"] == "Refused", card
        for number in range(4):
            card = {f"x{number}": 30_000 * "x"}
            told = alice.call("register", {"owner": "alice", "card": card})
            assert ("error" in told) == (number > 1), (number, told)
        seen = bob.call("peer", {"name": "alice"})["is"]
        assert seen["card"] and not seen.get("problem"), seen
    json.loads((hub / "alice/card.json").read_text())


def test_what_is_seen_of_others_mail(hub: Path) -> None:
    """The time of the oldest pending message is seen, and neither who sent it nor what kind it is."""
    (name,) = os.listdir(hub / "bob/inbox/pending")
    with connected(hub, "alice") as alice, connected(hub, "carol") as carol:
        seen = alice.call("peer", {"name": "bob"})["is"]
        assert (seen["pending"], seen["oldest"]) == (1, f"{layout.time_of(name)}-00000000.info.bob.json")
        assert carol.call("peer", {"name": "bob"})["is"]["oldest"] == name
        assert name.encode() not in alice.heard
        assert alice.call("survey", {"owner": "alice", "known": [], "everyone": True})
        assert name.encode() not in alice.heard
