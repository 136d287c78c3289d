"""What protocol messages say in one line, and how urgency and priority choose what is shown."""

import pytest

from tests.cli.team import Team
from xw.gist import gist

HEAD = "[PROTOCOL:{}] from bob at 2026-11-21T05:30:12.123Z"
PLAIN = [
    "[PROTOCOL:STATUS_UPDATE] and so on",
    "[PROTOCOL:NOVELTY] from bob at 2026-11-21T05:30:12Z\nError: x",
    "[PROTOCOL:ERROR_NOTICE] from bob at 2026-11-21T05:30:12Z\n\nError: not a part of it",
    "see [PROTOCOL:ERROR_NOTICE] from bob",
]


@pytest.mark.parametrize(
    ("kind", "lines", "shown"),
    [
        ("ERROR_NOTICE", "Error: disk full\nNeeds assistance: true", "error: disk full (needs help)"),
        ("ERROR_NOTICE", "Error: x\nRecoverable: yes\nNeeds assistance: no", "error: x (recoverable)"),
        ("ERROR_NOTICE", "Error: x\nRecoverable: true\nNeeds assistance: yes",
         "error: x (needs help, recoverable)"),
        ("STATUS_UPDATE", "Status: blocked\nTask: the parser\nProgress: 80%",
         "status: blocked, the parser, 80%"),
        ("STATUS_UPDATE", "Status: idle", "status: idle"),
        ("TASK_HANDOFF", "Task: the parser\nPriority: high\nContext: 4", "handoff (high): the parser"),
        ("CONTEXT_COMPACTION", "Summary: two days\nRetained: a, b\nCurrent task: tests",
         "compaction: two days (now: tests)"),
        ("HEARTBEAT", "Status: busy\nTask: tests", "heartbeat: busy, tests"),
    ],
)  # fmt: skip
def test_the_gist_of_a_protocol_message(kind: str, lines: str, shown: str) -> None:
    """The content stands in one line, in the old spelling and the new, cut and made visible."""
    body = f"{HEAD.format(kind)}\n{lines}"
    assert gist(body, 100) == gist(body.replace("\n", "\r\n"), 100) == gist(f"{body}\n\nmore", 100) == shown
    assert gist(body, 10) == shown[:9] + "…"
    assert gist(body.replace(": ", ": \x1b[2J", 2), 200).isprintable()


@pytest.mark.parametrize("body", PLAIN)
def test_the_gist_of_other_texts(body: str) -> None:
    """Any other text shows its first line."""
    assert gist(body, 100) == body.partition("\n")[0]


def test_each_line_shows_what_is_said(team: Team) -> None:
    """`check`, `wait`, `done` and a reply's line show what a protocol message says, not its header."""
    team.ok("notify", "error", "disk full", "--needs-assistance", by="bob")
    team.ok("notify", "handoff", "the parser", "--to", "alice", "--priority", "high", by="bob")
    lines = [line.split(" ", 5)[5] for line in team.ok("check").splitlines()]
    assert lines == ["error: disk full (needs help)", "handoff (high): the parser"]
    assert team.ok("wait").endswith(f"{lines[0]}\n")
    task = team.pending("alice")[1][-8:]
    assert '"handoff (high): the parser"' in team.ok("reply", task, "soon")
    assert team.json("done", task)["messages"][0]["first_line"] == lines[1]


@pytest.mark.parametrize(("word", "number"), [("low", 2), ("medium", 5), ("high", 8)])
def test_a_handoffs_priority_is_the_messages(team: Team, word: str, number: int) -> None:
    """A handoff's priority is the message's, and `retry` keeps it."""
    team.ok("notify", "handoff", "the parser", "--to", "bob", "--priority", word)
    (message,) = team.json("check", by="bob")["messages"]
    assert message["priority"] == number
    assert ("priority: 8" in team.ok("read", message["id"], by="bob")) == (word == "high")


def test_priority_and_urgency_choose(team: Team) -> None:
    """Of many tasks, `check` lists the urgent one, then the handoff of high priority."""
    for number in range(4):
        team.send(f"job {number}", kind="task")
    team.ok("notify", "handoff", "later", "--to", "bob", "--priority", "low")
    team.ok("notify", "handoff", "sooner", "--to", "bob", "--priority", "high")
    team.ok("send", "--to", "bob", "info", "stop!", "--urgent")
    listed = [line.split(" ", 5)[5] for line in team.ok("check", "--limit", "3", by="bob").splitlines()[:3]]
    assert listed == ["job 0", "handoff (high): sooner", "(urgent) stop!"]
    (stop,) = [one for one in team.json("check", "--all", by="bob")["messages"] if one["body"] == "stop!"]
    assert stop["urgent"] is True
    assert "\nurgent\n" in team.ok("read", stop["id"], by="bob")


def test_retained_takes_one_item_each_time(team: Team) -> None:
    """Commas in an item of `--retained` do not split it; what is not said is left out."""
    team.ok("notify", "compaction", "two days", "--retained", "a, b", "--retained", "c")
    team.ok("notify", "error", "x")
    compaction, error = team.json("check", by="bob")["messages"]
    assert compaction["protocol"]["retained"] == ["a, b", "c"]
    assert error["protocol"] == {"kind": "ERROR_NOTICE", "error": "x"}


def test_who_shows_the_outbox(team: Team) -> None:
    """`who` shows the mail that waits for each recipient, and how old the oldest is."""
    assert "\noutbox " not in team.ok("who") and team.json("who")["outbox"] == []
    (team.box("bob") / "inbox" / "pending").rename(team.box("bob") / "away")
    first = team.json("send", "--to", "bob", "info", "one")
    team.ok("send", "--to", "bob", "info", "two")
    assert first["outbox"] == ["bob"]
    assert "\noutbox   2 for bob, the oldest " in team.ok("who", "--offline")
    (waiting,) = team.json("who")["outbox"]
    assert (waiting["to"], waiting["messages"]) == ("bob", 2)
