"""send, reply, attach, retry."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.team import Team
from xw import clock, layout
from xw.message import Fields, encode


def test_send_says_where_it_is(team: Team) -> None:
    """`send` prints the short id and who has it; the same bytes lie with the recipient and in sent/."""
    out = team.ok("send", "task", "--to", "bob", "Do it.")
    (name,) = team.names("bob", "inbox/pending")
    assert out == f"{layout.short_id(name)} delivered to bob\n"
    data = (team.box("bob") / "inbox" / "pending" / name).read_bytes()
    assert (team.box("alice") / "sent" / name).read_bytes() == data
    assert layout.digest(data) == layout.short_id(name)
    assert json.loads(data)["to"] == ["bob"]
    assert team.names("alice", "inbox/tmp") == []


def test_send_as_json(team: Team) -> None:
    """`send --json` gives the id, who has it, and for whom it waits."""
    sent = team.json("send", "info", "--to", "bob", "--to", "carol", "x")
    assert sent == {
        "format": 1, "id": team.pending("bob")[0], "delivered": ["bob", "carol"], "outbox": [],
        "returned": [], "about": None, "away": [],
    }  # fmt: skip


def test_send_to_all(team: Team) -> None:
    """`--to all` is every peer but oneself, spelled out in the message, nobody twice."""
    team.ok("send", "info", "--to", "all", "--to", "bob", "everyone")
    assert team.pending("alice") == []
    (name,) = team.names("bob", "inbox/pending")
    assert team.names("carol", "inbox/pending") == [name]
    assert team.json("read", name, by="carol")["to"] == ["bob", "carol"]


def test_send_without_to(team: Team) -> None:
    """Without --to: whoever sent what --re names, else the only peer, else an error that lists the peers."""
    unclear = team.run("send", "info", "to whom?")
    assert unclear.code == 2
    assert "bob, carol" in unclear.err
    assert "nothing was sent" in unclear.err
    question = team.send("when?", kind="question")
    assert team.ok("send", "reply", "now", "--re", question, by="bob").endswith("delivered to alice\n")
    # adding to what oneself has sent goes to the same recipients
    assert team.ok("send", "info", "also", "--re", question).endswith("delivered to bob\n")
    (team.box("carol") / "card.json").unlink()
    assert team.ok("send", "info", "hello").endswith("delivered to bob\n")


def test_threads(team: Team) -> None:
    """--re joins the thread of what it answers: `thread` is the first message's id, `re` the one answered."""
    first = team.send("first", kind="task")
    second = team.json("send", "question", "second", "--re", first[-8:], by="bob")["id"]
    third = team.json("send", "reply", "third", "--re", second, "--to", "carol")["id"]
    shown = team.json("read", third, by="carol")
    assert (shown["re"], shown["thread"], shown["to"]) == (second, first, ["carol"])


def test_unknown_re(team: Team) -> None:
    """--re of a message that is not there: exit 3, nothing sent."""
    missing = team.run("send", "info", "x", "--to", "bob", "--re", "zzzzzzzz")
    assert missing.code == 3
    assert team.pending("bob") == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("bop", "did you mean bob?"), ("carola", "did you mean carol?"),
     ("zzzzzz", "; peers: bob, carol; `all` is everybody"),
     ("Bob", "did you mean bob?"), ("BOB", "did you mean bob?"), ("postmaster", "peers:"), ("../bob", "bob")],
)  # fmt: skip
def test_unknown_peers(team: Team, name: str, hint: str) -> None:
    """A peer that the hub does not know: exit 3, the nearest names, and nothing is written anywhere."""
    before = sorted(team.hub.rglob("*"))
    unknown = team.run("send", "task", "x", "--to", "carol", "--to", name)
    assert (unknown.code, unknown.out) == (3, "")
    assert hint in unknown.err
    assert "nothing was sent" in unknown.err
    assert set(team.hub.rglob("*")) - set(before) <= {team.box("alice") / "outbox" / ".lock"}


def test_bodies(team: Team, tmp_path: Path) -> None:
    """The body comes from the argument, from standard input with `-`, or from a file."""
    (tmp_path / "body.txt").write_text("from a file\n")
    cases = [
        (("-",), b"from stdin \xe2\x9c\x93\n", "from stdin ✓\n"),
        (("--file", str(tmp_path / "body.txt")), b"", "from a file\n"),
        (("--file", "-"), b"through a pipe", "through a pipe"),
        (("--", "-begins with a dash"), b"", "-begins with a dash"),
        (("--", "--json"), b"", "--json"),
    ]
    for arguments, stdin, body in cases:
        out = team.ok("send", "info", "--to", "bob", *arguments, stdin=stdin)
        assert team.json("read", out.split()[0], by="bob")["body"] == body


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "hint"),
    [
        ((), b"", 2, "the body is empty"),
        (("",), b"", 2, "the body is empty"),
        ((" \n",), b"", 2, "the body is empty"),
        (("-",), b"", 2, "the body is empty"),
        (("-",), b"\xff\xfe", 2, "not UTF-8"),
        (("-",), b"x" * (1024 * 1024 + 1), 6, "larger than 1 MiB"),
        (("-",), b"x" * (1024 * 1024), 6, "--attach"),
        (("text", "--file", "/etc/hostname"), b"", 2, "not both"),
        (("--file", "/nowhere"), b"", 2, "/nowhere: No such file"),
        (("--file", "/"), b"", 2, "/: Is a directory"),
        (("-dash",), b"", 2, '`xw send --to bob -- info "-dash"`'),
        (("bad \udcff byte",), b"", 2, "not valid UTF-8"),
        (("text", "more"), b"", 2, "unexpected extra argument"),
        (("text", "--expires", "soon"), b"", 2, "'soon' is not a time"),
        (("text", "--expires", "9" * 30 + "d"), b"", 2, "is not a time"),
        (("text", "--expires", "9" * 5000 + "d"), b"", 2, "is not a time"),
        (("text", "--expires", "9999-12-31T23:59:59-23:59"), b"", 2, "is not a time"),
        (("text", "--expires", ""), b"", 2, "is not a time"),
        (("text", "--expires", "2020-01-01"), b"", 2, "has passed: give a later time"),
        (("text", "--expires", "2020-01-01T00:00:00Z"), b"", 2, "expire at 2020-01-01T00:00:00.000000Z"),
        (("text", "--expires", "0s"), b"", 2, "has passed"),
        (("text", "--to", "dave"), b"", 3, "no peer 'dave'"),
    ],
)
def test_what_cannot_be_sent(
    team: Team, arguments: tuple[str, ...], stdin: bytes, code: int, hint: str
) -> None:
    """Each mistake has its exit code and says what to do, on one line; nothing is sent."""
    refused = team.run("send", "info", "--to", "bob", *arguments, stdin=stdin)
    assert (refused.code, refused.out) == (code, "")
    assert hint in refused.err
    assert refused.err.count("\n") == 1
    assert team.pending("bob") == []
    assert team.names("alice", "sent") == []
    assert team.names("alice", "inbox/tmp") == []


def test_unknown_types(team: Team) -> None:
    """An unknown type is a usage error that lists the known ones."""
    refused = team.run("send", "order", "x", "--to", "bob")
    assert refused.code == 2
    for kind in layout.TYPES:
        assert kind in refused.err


@pytest.mark.parametrize("when", ["90s", "10m", "2h", "3d", "1w", "2099-01-02", "2099-01-02T03:04:05Z"])
def test_expires(team: Team, when: str) -> None:
    """--expires takes a span, a date or RFC 3339, and is kept as RFC 3339 in UTC."""
    token = team.send("x", "--expires", when)
    expires = team.json("read", token, by="bob")["expires"]
    assert expires.endswith("Z")
    assert "(expired)" not in team.ok("check", by="bob")


def test_attachments_travel(team: Team, tmp_path: Path) -> None:
    """Files are durable with each recipient, under harmless names, with size and hash in the message."""
    folder = tmp_path / "a b"
    folder.mkdir()
    hostile = {"na\nme; rm -rf ~.txt": b"one", "..hidden": b"two", "\u202etxt.exe": b"", "ü" * 60: b"three"}
    arguments = []
    for name, data in hostile.items():
        (folder / name).write_bytes(data)
        arguments += ["--attach", str(folder / name)]
    sent = team.json("send", "info", "--to", "bob", "--to", "carol", "files", *arguments)
    for owner in ("bob", "carol"):
        shown = team.json("read", sent["id"], by=owner)
        assert [Path(file["path"]).read_bytes() for file in shown["files"]] == list(hostile.values())
        for file, data in zip(shown["attachments"], hostile.values(), strict=True):
            assert layout.is_attachment_name(file["name"])
            assert (file["size"], file["sha256"]) == (len(data), sha256(data).hexdigest())
        assert sorted(team.names(owner, f"attachments/{sent['id']}")) == sorted(
            file["name"] for file in shown["attachments"]
        )


def test_attachments_of_equal_names(team: Team, tmp_path: Path) -> None:
    """Files of equal names, also but for case, keep apart."""
    arguments = []
    for number, name in enumerate(["same.txt", "same.txt", "SAME.TXT"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_text(str(number))
        arguments += ["--attach", str(folder / name)]
    token = team.send("x", *arguments)
    files = team.json("read", token, by="bob")["files"]
    assert [file["name"] for file in files] == ["same.txt", "same-2.txt", "SAME-3.TXT"]
    assert [Path(file["path"]).read_text() for file in files] == ["0", "1", "2"]


def test_only_attachments(team: Team, tmp_path: Path) -> None:
    """A message may have no text if it has a file."""
    (tmp_path / "f").write_text("x")
    team.ok("send", "info", "--to", "bob", "--attach", str(tmp_path / "f"))
    assert len(team.pending("bob")) == 1


@pytest.mark.parametrize(
    "what", ["missing", "directory", "fifo", "socket link", "broken link", "unreadable name"]
)
def test_what_cannot_be_attached(team: Team, tmp_path: Path, what: str) -> None:
    """Anything but a regular file is a usage error; nothing is sent, and no copy of other files stays."""
    path = tmp_path / "thing"
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "socket link":
        path.symlink_to("/dev/null")
    elif what == "broken link":
        path.symlink_to("nowhere")
    elif what == "unreadable name":
        path = tmp_path / "\udcff\x1b[31m"
    (tmp_path / "good").write_text("good")
    refused = team.run(
        "send", "info", "x", "--to", "bob", "--attach", str(tmp_path / "good"), "--attach", str(path)
    )
    assert refused.code == 2
    assert "nothing was sent" in refused.err
    reasons = {
        "directory": "is a directory",
        "fifo": "not a regular file",
        "socket link": "not a regular file",
    }
    assert reasons.get(what, "no such file") in refused.err
    assert "\x1b" not in refused.err
    assert team.pending("bob") == []
    assert team.names("alice", "inbox/tmp") == []
    assert team.names("alice", "attachments") == []


def test_reply(team: Team) -> None:
    """`reply` answers whoever sent the message, in its thread, and leaves it pending."""
    task = team.send("do it", kind="task")
    assert team.ok("reply", task, "done so", by="bob").endswith("delivered to alice\n")
    (answer,) = team.json("check")["messages"]
    assert (answer["type"], answer["re"], answer["thread"], answer["to"]) == ("reply", task, task, ["alice"])
    assert len(team.pending("bob")) == 1


def test_reply_from_a_pipe_with_a_file(team: Team, tmp_path: Path) -> None:
    """`reply` takes its text from standard input, and files."""
    task = team.send("do it", kind="task")
    (tmp_path / "patch").write_text("+1")
    team.ok("reply", task, "-", "--attach", str(tmp_path / "patch"), by="bob", stdin=b"see the patch")
    (answer,) = team.json("check")["messages"]
    assert (answer["body"], answer["attachments"][0]["name"]) == ("see the patch", "patch")


def test_reply_of_an_id_that_is_not_there(team: Team) -> None:
    """`reply` to nothing: exit 3."""
    assert team.run("reply", "zzzzzzzz", "text").code == 3


def test_attach(team: Team, tmp_path: Path) -> None:
    """`attach` adds files to what was sent; each recipient gets an info that lists them."""
    (tmp_path / "late.txt").write_text("late")
    token = team.json("send", "task", "x", "--to", "bob", "--to", "carol")["id"]
    assert team.ok("attach", token, str(tmp_path / "late.txt")).endswith("delivered to bob, carol\n")
    for owner in ("bob", "carol"):
        info = team.json("check", by=owner)["messages"][1]
        assert (info["type"], info["re"], info["thread"]) == ("info", token, token)
        shown = team.json("read", info["id"], by=owner)
        assert shown["files"][0]["path"] == str(team.box(owner) / "attachments" / token / "late.txt")
        assert Path(shown["files"][0]["path"]).read_text() == "late"


def test_attach_never_replaces(team: Team, tmp_path: Path) -> None:
    """A file attached later does not take the place of one of the same name, whatever its case."""
    file = tmp_path / "Report.TXT"
    file.write_text("first")
    token = team.send("x", "--attach", str(file))
    for number, text in enumerate(("other", "third")):
        file.write_text(text)
        team.ok("attach", token, str(file))
        assert len(team.names("bob", f"attachments/{token}")) == number + 2
    folder = team.box("bob") / "attachments" / token
    assert (folder / "Report.TXT").read_text() == "first"
    assert (folder / "Report-2.TXT").read_text() == "other"
    assert (folder / "Report-3.TXT").read_text() == "third"


def test_attach_only_to_what_was_sent(team: Team, tmp_path: Path) -> None:
    """`attach` refuses received and unknown messages, and anything but a regular file."""
    token = team.send("x")
    (tmp_path / "f").write_text("x")
    assert team.run("attach", token, str(tmp_path / "f"), by="bob").code == 3
    assert team.run("attach", token, str(tmp_path / "nothing")).code == 2
    assert team.run("attach", token).code == 2
    assert team.names("alice", "attachments") == []
    assert len(team.pending("bob")) == 1


def _bury(team: Team, token: str, owner: str = "bob") -> None:
    """Make a dead letter of a pending message, as a bridge that gave up does."""
    (name,) = (name for name in team.names(owner, "inbox/pending") if name.startswith(token))
    inbox = team.box(owner) / "inbox"
    (inbox / "failed" / f"{name}.why.json").write_text('{"reason": "gave up", "kind": "tries"}')
    (inbox / "pending" / name).rename(inbox / "failed" / name)


def test_retry_of_ones_own_dead_letter(team: Team, tmp_path: Path) -> None:
    """The owner's retry makes a new message in the own pending, still from its sender, files and all."""
    (tmp_path / "Data.bin").write_bytes(b"\0\1")
    token = team.send("try", "--attach", str(tmp_path / "Data.bin"), kind="task")
    _bury(team, token)
    assert "tries: gave up" in team.ok("check", "--failed", by="bob")
    assert team.ok("retry", token, by="bob").endswith("delivered to bob\n")
    (again,) = team.json("check", by="bob")["messages"]
    assert (again["from"], again["body"], again["retry_of"], again["thread"]) == (
        "alice",
        "try",
        token,
        token,
    )
    assert again["id"] != token
    shown = team.json("read", again["id"], by="bob")
    assert Path(shown["files"][0]["path"]).read_bytes() == b"\0\1"
    assert f"retry of: {token[-8:]}" in team.ok("read", again["id"], by="bob")
    assert len(team.names("bob", "inbox/failed")) == 2


def test_retry_by_the_sender(team: Team) -> None:
    """The sender's retry goes to those alone with whom the message failed."""
    token = team.json("send", "task", "try", "--to", "bob", "--to", "carol")["id"]
    _bury(team, token)
    assert team.ok("retry", token).endswith("delivered to bob\n")
    (again,) = team.json("check", by="bob")["messages"]
    assert (again["retry_of"], again["to"]) == (token, ["bob"])
    assert len(team.pending("carol")) == 1


def test_retry_of_files_that_came_later(team: Team, tmp_path: Path) -> None:
    """A retry of the info about a file of `attach` still lists the file."""
    (tmp_path / "late.txt").write_text("late")
    token = team.send("first")
    info = team.json("attach", token, str(tmp_path / "late.txt"))["id"]
    _bury(team, info)
    again = team.json("retry", info)["id"]
    (file,) = team.json("read", again, by="bob")["files"]
    assert (file["name"], file["problem"]) == ("late.txt", None)


def test_retry_keeps_the_names_of_files(team: Team) -> None:
    """Another program may name its files otherwise than xw: a retry in one's own mailbox keeps the names."""
    names = ["a.txt", "A.txt", "n" * 120]
    listed = [{"name": name, "size": 4, "sha256": sha256(b"text").hexdigest()} for name in names]
    fields: Fields = {"from": "alice", "type": "task", "to": ["bob"], "body": "x", "attachments": listed}
    name, data = encode(fields, clock.now())
    token = name.partition(".")[0]
    (team.box("bob") / "inbox" / "failed" / name).write_bytes(data)
    folder = team.box("bob") / "attachments" / token
    folder.mkdir()
    for one in names:
        (folder / one).write_text("text")
    again = team.json("retry", token, by="bob")["id"]
    assert {file["problem"] for file in team.json("read", again, by="bob")["files"]} == {None}


def test_retry_of_what_is_no_dead_letter(team: Team) -> None:
    """A message that has not failed is not sent again: exit 3."""
    token = team.send("fine")
    refused = team.run("retry", token)
    assert refused.code == 3
    assert f"`xw trace {token[-8:]}`" in refused.err
    assert team.run("retry", token, by="bob").code == 3
    assert team.run("retry", "zzzzzzzz").code == 3
    assert len(team.pending("bob")) == 1


def test_order_is_kept(team: Team) -> None:
    """Messages of one sender are listed in the order in which they were sent."""
    tokens = [team.send(str(number)) for number in range(30)]
    assert team.pending("bob") == tokens
    assert tokens == sorted(tokens)


def test_to_oneself(team: Team) -> None:
    """One may leave oneself a note, and the transcript shows it once."""
    team.ok("send", "info", "note to self", "--to", "alice")
    assert "note to self" in team.ok("check")
    assert team.ok("log").count("note to self") == 1


def test_each_recipient_has_its_own_times(team: Team) -> None:
    """In a broadcast, one recipient's `done` does not change the time of another's."""
    sent = team.json("send", "info", "to both", "--to", "all")
    assert sent["delivered"] == ["bob", "carol"]
    (bobs,) = (team.box("bob") / "inbox" / "pending").iterdir()
    (carols,) = (team.box("carol") / "inbox" / "pending").iterdir()
    assert bobs.stat().st_ino != carols.stat().st_ino
    os.utime(bobs, (1, 1))
    assert team.json("trace", sent["id"])["recipients"][1]["since"] > "2026"


def test_mail_to_oneself(team: Team) -> None:
    """The report says that the recipient is the sender."""
    assert team.ok("send", "info", "x", "--to", "alice,bob").endswith(" delivered to alice (yourself), bob\n")
