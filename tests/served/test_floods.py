"""Members of a served hub who send too much, too fast or too slowly: bounded, and others are unaffected."""

import json
import os
import struct
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.served.rogue import Rogue, connected, message, packed
from tests.served.test_hostile import hub, made  # noqa: F401  # `hub` is a fixture
from xw.hub.served import frames
from xw.hub.served import protocol as words
from xw.layout import HUB_MARK

AT = 1_795_239_012_000_000


def limit(hub: Path, **numbers: object) -> None:  # noqa: F811  # the fixture's value
    """Set limits, as the hub's owner does."""
    (hub / ".served").mkdir(exist_ok=True)
    (hub / ".served/limits.json").write_text(json.dumps(numbers))


def outcomes(
    rogue: Rogue, count: int, start: int = 0, to: str = "bob", **more: object
) -> list[tuple[str, str] | None]:
    """Deliver messages one by one; return the kind and the text of each error, else None."""
    found: list[tuple[str, str] | None] = []
    for number in range(start, start + count):
        (told,) = rogue.deliver((to, *message(rogue.member, to, at=AT + number, **more)))["is"]
        found.append(told and (told["kind"], told["text"]))
    return found


def test_messages_per_minute(hub: Path) -> None:  # noqa: F811
    """Above the rate mail is an error that passes, with a time, on each connection; others have their own."""
    limit(hub, messages_per_minute=2, members={"carol": {"messages_per_minute": 100}})
    with connected(hub, "alice") as alice:
        found = outcomes(alice, 22)
    assert found[:20] == [None] * 20
    assert found[20] and found[20][0] == "XwError"
    assert "this waits in the outbox, and goes out after 20" in found[20][1]
    with connected(hub, "alice") as alice, connected(hub, "bob") as bob, connected(hub, "carol") as carol:
        assert outcomes(alice, 1, 50)[0]
        assert outcomes(bob, 5, to="carol") == [None] * 5
        assert outcomes(carol, 30) == [None] * 30


def test_refused_mail_counts_too(hub: Path) -> None:  # noqa: F811
    """What is refused uses up the rate and leaves a line in the audit; what is above the rate leaves none."""
    limit(hub, messages_per_minute=1)
    with connected(hub, "alice") as alice:
        forged = ("bob", *message("carol", "bob"))
        kinds = [alice.deliver(forged)["is"][0]["kind"] for _ in range(12)]
    assert kinds == ["Refused"] * 10 + ["XwError"] * 2
    (audit,) = (hub / ".served").glob("audit-*")
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["it is from carol, and this key sends as alice only"] * 10


def test_bytes_per_day(hub: Path) -> None:  # noqa: F811
    """Above the bytes of a day mail waits; a file that never came takes nothing from it."""
    limit(hub, bytes_per_day=100_000, file_bytes=60_000)
    sha256 = "0" * 64
    with connected(hub, "alice") as alice:
        for _ in range(5):
            listed = [{"name": "x", "size": 50_000, "sha256": sha256}]
            assert alice.deliver(("bob", *message("alice", "bob", attachments=listed)))["kind"] == frames.WANT
            alice.send(packed(frames.BYTES, {"error": {"kind": "Damaged", "text": "gone"}}))
            assert alice.answer()["is"][0]["kind"] == "Refused"
        large = [{"name": "x", "size": 60_001, "sha256": sha256}]
        (told,) = alice.deliver(("bob", *message("alice", "bob", attachments=large)))["is"]
        assert (told["kind"], "this hub takes 60,000" in told["text"]) == ("Refused", True)
        found = outcomes(alice, 4, body="x" * 30_000)
    assert [one and one[0] for one in found] == [None, None, None, "XwError"]


def test_pending_at_one_recipient(hub: Path) -> None:  # noqa: F811
    """Who has too much pending at one recipient waits for it; others, and other recipients, get theirs."""
    limit(hub, pending=3)
    with connected(hub, "alice") as alice, connected(hub, "carol") as carol:
        found = outcomes(alice, 4)
        assert found[:3] == [None] * 3
        assert found[3] and "3 messages of alice are pending at bob" in found[3][1]
        assert outcomes(alice, 1, 9, to="carol") == [None]
        assert outcomes(carol, 1) == [None]
    with connected(hub, "bob") as bob, connected(hub, "alice") as alice:
        name, _ = message("alice", "bob", at=AT)
        move = {"name": name, "source": "pending", "state": "done", "reason": "", "kind": ""}
        assert bob.call("settle", {"owner": "bob", "moves": [move]})["is"] == [None]
        assert outcomes(alice, 2, 20) == [None, found[3]]


def test_a_damaged_limits_file(hub: Path) -> None:  # noqa: F811
    """It serves nobody, and the client is told why."""
    for text in ("{", '{"pending": 0}', '{"members": {"alice": {"pending": "x"}}}'):
        (hub / ".served").mkdir(exist_ok=True)
        (hub / ".served/limits.json").write_text(text)
        with connected(hub, "alice") as alice:
            assert b"limits.json on the hub's host" in alice.greeting
            assert alice.rest() == alice.heard


def test_many_connections(hub: Path) -> None:  # noqa: F811
    """The newest ones work, as many servers run as one may have, and other members connect as ever."""
    limit(hub, connections=3)
    with ExitStack() as opened:
        made = []
        for _ in range(7):
            made.append(opened.enter_context(connected(hub, "alice")))
            assert made[-1].call("ping", {})["is"] is None
            for slot in (hub / ".served/alice").glob("slot-*"):  # all have been idle for a while
                os.utime(slot, (slot.stat().st_mtime - 10,) * 2)
        until(lambda: sum(one.alive() for one in made) == 3)
        assert [one.alive() for one in made][-3:] == [True] * 3
        assert made[-1].call("ping", {})["is"] is None
        assert opened.enter_context(connected(hub, "bob")).call("ping", {})["is"] is None


def test_connecting_too_often(hub: Path) -> None:  # noqa: F811
    """It is refused with a time, before anything is read."""
    limit(hub, connections_per_minute=4)
    for number in range(6):
        with connected(hub, "alice") as alice:
            assert (b"connects too often: wait until 20" in alice.greeting) == (number >= 4)


def test_registering_in_a_loop(hub: Path) -> None:  # noqa: F811
    """Archives stay, so a member makes few; `init` of a mailbox that is there costs nothing."""
    limit(hub, registrations_per_hour=4)
    own = {"owner": "alice"}
    card = {**own, "card": {"name": "alice", "kind": "agent"}, "first": False}
    with connected(hub, "alice") as alice, connected(hub, "bob") as bob:
        for _ in range(10):
            assert alice.call("register", card)["is"] is False
        for _ in range(2):
            assert "is" in alice.call("unregister", own)
            assert alice.call("register", card)["is"] is True
        entries = len(os.listdir(hub))
        for _ in range(5):
            told = alice.call("unregister", own)["error"]
            assert told["kind"] == "XwError"
            assert (
                "alice was registered and unregistered too often on this hub: wait until 20" in told["text"]
            )
        assert len(os.listdir(hub)) == entries
        assert "is" in bob.call("unregister", {"owner": "bob"})


def test_marks(hub: Path) -> None:  # noqa: F811
    """A member leaves few, and removes those of a day ago that nobody has removed."""
    limit(hub, marks_per_hour=3)
    old = hub / f"{HUB_MARK}0123"
    old.touch()
    os.utime(old, (time.time() - 86_500,) * 2)
    with connected(hub, "alice") as alice:
        found = [alice.call("leave_mark", {"mark": f"{number:032x}"}) for number in range(4)]
    assert [("error" in told) for told in found] == [False, False, False, True]
    assert "alice has left too many marks on this hub: wait until 20" in found[3]["error"]["text"]
    assert not old.exists()
    assert len(list(hub.glob(f"{HUB_MARK}*"))) == 3


@pytest.mark.root
def test_a_full_disk(tmp_path: Path) -> None:
    """Members read and settle their mail; what needs space fails for now, and goes on once there is some."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=True)
    try:
        hub = made(tmp_path)
        name, data = message("bob", "alice", at=AT)
        with connected(hub, "bob") as bob:
            assert bob.deliver(("alice", name, data))["is"] == [None]
        filling = tmp_path / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with connected(hub, "alice") as alice:
            assert alice.call("survey", {"owner": "alice", "known": []})["is"] == [[], False]
            alice.call("fetch", {"owner": "alice", "messages": [["pending", name]]})
            assert data in alice.heard
            told = alice.deliver(("bob", *message("alice", "bob", at=AT)))
            error = told.get("error") or told["is"][0]
            assert (error["kind"], "No space left" in error["text"]) == ("XwError", True), error
            move = {"name": name, "source": "pending", "state": "done", "reason": "", "kind": ""}
            assert alice.call("settle", {"owner": "alice", "moves": [move]})["is"] == [None]
            filling.unlink()
            assert outcomes(alice, 1) == [None]
        assert not list((hub / ".served/alice").glob("used.json.*"))
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_calls_too_fast(hub: Path) -> None:  # noqa: F811
    """They are answered more slowly; another member's call does not wait for them."""
    limit(hub, calls_per_second=100)
    ping = packed(frames.CALL, {"v": words.VERSION, "call": "ping", "with": {}})
    with connected(hub, "alice") as alice, connected(hub, "bob") as bob:
        began = time.monotonic()
        alice.send(ping * 1150)
        assert bob.call("ping", {})["is"] is None
        bob_s = time.monotonic() - began
        for _ in range(1150):
            alice.answer()
        alice_s = time.monotonic() - began
    assert alice_s > 1
    assert bob_s < alice_s / 2


def test_a_frame_that_does_not_end(hub: Path) -> None:  # noqa: F811
    """It ends the connection in time, wherever it stops."""
    for data in (b"\0", struct.pack(">IB", 1000, frames.CALL) + b"x"):
        with connected(hub, "alice", _FRAME_S=0.3) as alice:
            alice.send(data)
            assert alice.rest() == alice.heard
            assert "a packet that does not end" in alice.complaint()


def test_a_client_that_does_not_read(hub: Path) -> None:  # noqa: F811
    """It ends in time, and the server has not gathered what it could not send."""
    letter = message("bob", "alice", body="x" * 1_000_000)
    with connected(hub, "bob") as bob:
        assert bob.deliver(("alice", *letter))["is"] == [None]
    asked = {"owner": "alice", "messages": [["pending", letter[0]]] * 400}
    call = packed(frames.CALL, {"v": words.VERSION, "call": "fetch", "with": asked})
    with connected(hub, "alice", _STUCK_S=0.5) as alice:
        alice.send(call * 20)
        until(lambda: not alice.alive())
        assert "takes no bytes" in alice.complaint()


def test_the_memory_of_a_server(hub: Path) -> None:  # noqa: F811
    """The largest frames that the protocol has leave a server below 80 MB."""
    largest = packed(frames.CALL, {"v": 1, "call": "x", "with": {"x": "y" * 1_000_000}}, b"z" * (1 << 20))
    with connected(hub, "alice") as alice:
        for _ in range(10):
            alice.send(largest)
            assert "error" in alice.answer()
        status = Path(f"/proc/{alice.process}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) < 80_000
