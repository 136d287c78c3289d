"""The pending mail that `check` shows, the mail that settles itself, and the mail that `wait` waits for."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.team import Team, ended, until, watches
from xw import clock
from xw.actions import pending
from xw.instance import Options, open_instance
from xw.message import Fields, encode, unsigned


def place(
    team: Team, to: str, body: str, *, sender: str = "alice", at: int | None = None,
    folder: str = "inbox/pending", **more: Any,
) -> str:  # fmt: skip
    """Put a message of its sender's into a mailbox as another program would; its id."""
    fields: Fields = {"from": sender, "type": "info", "to": [to], "re": None, "thread": None, "body": body}
    fields |= {"attachments": [], "expires": None, **more}
    name, data = encode(fields, clock.now() if at is None else at, _signature_of(team, sender))
    path = team.box(to) / folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    return name.partition(".")[0]


def _signature_of(team: Team, name: str) -> Callable[[bytes], bytes]:
    """Return how an instance signs, or nothing for a name without a mailbox."""
    if not team.box(name).exists():
        return unsigned
    return open_instance(Options(name, config=str(team.folder / "xw.json"))).mailbox.sign


def crowd(team: Team, count: int = 88) -> None:
    """Infos for bob, which came before everything else."""
    past = clock.now() - 3600 * clock.SECOND
    for number in range(count):
        place(team, "bob", f"info {number}", at=past + number)


def shown(team: Team, *options: str) -> list[str]:
    """Return the bodies that `check` shows to bob, in its order."""
    return [message["body"] for message in team.json("check", *options, by="bob")["messages"]]


def test_a_task_behind_infos_is_shown(team: Team) -> None:
    """Tasks, questions, replies and infos decide in this order which 20 are shown; all in the order sent."""
    crowd(team)
    question = team.send("a question", kind="question")
    task = team.send("a task", kind="task", by="carol")
    lines = team.ok("check", by="bob").splitlines()
    assert len(lines) == 21
    assert [line.split()[0] for line in lines[18:20]] == [question[-8:], task[-8:]]
    assert lines[20].startswith("and 70 more: `xw check --all`")
    found = team.json("check", by="bob")
    assert found["total"] == 90
    assert [message["body"] for message in found["messages"][-2:]] == ["a question", "a task"]
    assert found["messages"][0]["body"] == "info 0"


def test_urgent_and_priority_decide_first(team: Team) -> None:
    """Mail that a later xw marks as urgent, or gives a higher priority, is among the shown messages."""
    crowd(team)
    for number in range(30):
        place(team, "bob", f"task {number}", type="task")
    place(team, "bob", "low task", type="task", priority=0)
    place(team, "bob", "high task", type="task", priority=9)
    place(team, "bob", "urgent info", urgent=True)
    assert shown(team, "--limit", "2") == ["high task", "urgent info"]
    assert shown(team, "--limit", "3") == ["task 0", "high task", "urgent info"]
    assert "low task" not in shown(team, "--limit", "32")
    assert "low task" in shown(team, "--limit", "33")


@pytest.mark.parametrize("given", ["yes", 1, [True], None])
def test_urgent_of_another_kind_is_no_urgency(team: Team, given: object) -> None:
    """Only `true` is urgent; a message with another value is shown like the others."""
    crowd(team, 30)
    place(team, "bob", "odd", urgent=given, priority="high")
    assert "odd" not in shown(team)
    assert shown(team, "--newest", "--limit", "1") == ["odd"]


def test_the_same_threads_older_mail_comes_along(team: Team) -> None:
    """A reply is shown with what its sender wrote in that thread before, though that is only an info."""
    crowd(team, 40)
    first = place(team, "bob", "first of the thread")
    place(team, "bob", "another thread")
    place(team, "bob", "other sender", sender="carol", thread=first)
    place(team, "bob", "the task of it", type="task", thread=first)
    bodies = shown(team, "--limit", "2")
    assert bodies == ["first of the thread", "the task of it"]
    assert shown(team, "--limit", "1") == ["the task of it"]


def test_options_choose(team: Team) -> None:
    """`--all`, `--limit`, `--type`, `--from` and `--newest` reach everything."""
    crowd(team, 30)
    team.send("from carol", by="carol")
    team.send("a task", kind="task")
    assert len(shown(team, "--all")) == 32
    assert shown(team, "--type", "task") == ["a task"]
    assert shown(team, "--from", "carol") == ["from carol"]
    assert shown(team, "--from", "carol", "--type", "task") == []
    assert shown(team, "--newest", "--limit", "2") == ["from carol", "a task"]
    lines = team.ok("check", "--newest", "--limit", "2", by="bob").splitlines()
    assert [line.rpartition(" ")[0].split(" ", 1)[1].split()[0] for line in lines[:2]] == ["task", "info"]
    assert lines[2].startswith("and 30 more")
    assert team.ok("check", "--type", "reply", by="bob") == f"no mail of this kind for bob on {team.hub}\n"
    assert "limit 0: give a number from 1 to 1,000, or all" in team.run("check", "--limit", "0").err
    for wrong in (("--limit", "0"), ("--limit", "1001"), ("--limit", "5", "--all"), ("--type", "mail")):
        assert team.run("check", *wrong, by="bob").code == 2


def test_a_person_sees_the_newest_first(team: Team) -> None:
    """For an instance of kind human the newest is on top."""
    team.ok("init", "--name", "bob", "--kind", "human")
    team.send("older")
    team.send("newer")
    lines = team.ok("check", by="bob").splitlines()
    assert [line.split()[-1] for line in lines] == ["newer", "older"]


def test_check_reads_little_of_a_large_inbox(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is pending, only a bounded number of files is read besides the shown ones."""
    crowd(team, 1000)
    monkeypatch.setattr(pending, "_SEARCHED", 90)
    opened: list[str] = []
    real = os.open

    def noted(path: str, *rest: Any, **more: Any) -> int:
        opened.append(str(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", noted)
    team.ok("check", by="bob")
    read = [path for path in opened if path.endswith(".info.alice.json")]
    assert 0 < len(read) <= 220


def test_an_expired_info_settles_itself(team: Team) -> None:
    """It goes to `failed/` when its owner looks; an expired task stays, and is marked."""
    past = clock.rfc3339(clock.now() - clock.SECOND)
    info = place(team, "bob", "too late", expires=past)
    place(team, "bob", "late task", type="task", expires=past)
    found = team.json("check", by="bob")
    assert [message["body"] for message in found["messages"]] == ["late task"]
    assert found["total"] == 1
    assert "(expired)" in team.ok("check", by="bob")
    (letter,) = team.json("check", "--failed", by="bob")["dead_letters"]
    assert (letter["message"]["id"], letter["kind"]) == (info, "expired")


@pytest.mark.parametrize("kind", ["STATUS_UPDATE", "HEARTBEAT", "CONTEXT_COMPACTION"])
def test_a_later_report_settles_the_earlier(team: Team, kind: str) -> None:
    """Of a sender's reports of one kind the latest is shown, and the earlier ones are done."""
    for number in range(50):
        place(team, "bob", f"{kind} {number}", protocol={"kind": kind})
    place(team, "bob", "another kind", protocol={"kind": "ERROR_NOTICE"})
    place(team, "bob", "another kind", protocol={"kind": "ERROR_NOTICE"})
    place(team, "bob", "of carol", sender="carol", protocol={"kind": kind})
    place(team, "bob", "not an info", type="task", protocol={"kind": kind})
    place(team, "bob", "not an info", type="task", protocol={"kind": kind})
    bodies = shown(team)
    assert sorted(bodies) == sorted(
        [f"{kind} 49", "another kind", "another kind", "of carol", "not an info", "not an info"]
    )
    assert len(team.names("bob", "inbox/done")) == 49
    assert shown(team) == bodies


@pytest.mark.parametrize("odd", [{}, {"kind": []}, {"kind": None}, {"kind": "LATER_KIND"}])
def test_an_odd_protocol_field_settles_nothing(team: Team, odd: object) -> None:
    """A message whose protocol field names no report is ordinary mail."""
    for _ in range(2):
        place(team, "bob", "odd", protocol=odd)
    assert shown(team) == ["odd", "odd"]


def test_where_nothing_can_be_moved_all_is_shown(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk what would settle itself stays, and is shown."""
    place(team, "bob", "too late", expires=clock.rfc3339(clock.now() - clock.SECOND))
    for number in range(2):
        place(team, "bob", f"status {number}", protocol={"kind": "STATUS_UPDATE"})

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        patch.setattr(os, "link", refuse)
        assert shown(team) == ["too late", "status 0", "status 1"]
    assert shown(team) == ["status 1"]


def test_dead_letters_are_limited(team: Team) -> None:
    """`check --failed` shows the newest 20, and says how many are older."""
    for number in range(25):
        (team.box("bob") / "inbox/failed" / f"stray {number:02}").write_text("x")
    lines = team.ok("check", "--failed", by="bob").splitlines()
    assert lines[-1] == "and 5 older: `xw check --failed --all`"
    assert lines[0] == "not a message: stray 05"
    assert len(team.json("check", "--failed", "--all", by="bob")["dead_letters"]) == 25


def test_options_choose_dead_letters(team: Team) -> None:
    """`--type`, `--from` and `--newest` apply to `--failed`, and a file that is not mail has no type."""
    for number in range(3):
        place(team, "bob", f"info {number}", folder="inbox/failed")
        place(team, "bob", f"task {number}", folder="inbox/failed", type="task", sender="carol")
    (team.box("bob") / "inbox/failed/stray").write_text("x")

    def letters(*more: str) -> list[str]:
        lines = team.ok("check", "--failed", *more, by="bob").splitlines()
        return [re.sub(r".* \d+s ", "", line) for line in lines if not line.startswith("  ")]

    assert letters("--type", "task") == ["task 0", "task 1", "task 2"]
    assert letters("--from", "alice", "--newest") == ["info 2", "info 1", "info 0"]
    assert letters("--from", "alice", "--limit", "1") == ["info 2", "and 2 older: `xw check --failed --all`"]
    assert letters("--newest", "--limit", "2") == [
        "not a message: stray",
        "task 2",
        "and 5 older: `xw check --failed --all`",
    ]
    assert letters("--type", "reply")[0].startswith("no dead letters of this kind for bob")
    tasks = team.json("check", "--failed", "--type", "task", by="bob")["dead_letters"]
    assert [one["message"]["body"] for one in tasks] == ["task 0", "task 1", "task 2"]


def test_wait_passes_over_what_has_expired(team: Team) -> None:
    """`wait` never returns a message that came too late."""
    past = clock.rfc3339(clock.now() - clock.SECOND)
    place(team, "bob", "late info", expires=past)
    place(team, "bob", "late task", type="task", expires=past)
    assert team.run("wait", "--timeout", "0", by="bob").code == 4
    team.send("in time")
    assert team.ok("wait", "--timeout", "0", by="bob").endswith("in time\n")


def test_wait_for_something_new(team: Team) -> None:
    """`wait --new` returns what was not pending when it began."""
    team.send("old")
    assert team.run("wait", "--new", "--timeout", "0", by="bob").code == 4
    process = team.start("wait", "--new", "--json", "--timeout", "60", by="bob")
    until(lambda: watches(process.pid, team.box("bob") / "inbox/pending") or process.poll() is not None)
    team.send("new")
    code, out, err = ended(process)
    assert (code, err) == (0, "")
    assert json.loads(out)["body"] == "new"


def test_watch_settles_and_passes_over_the_same(team: Team) -> None:
    """`watch` shows no expired info, and the latest report settles the one before it."""
    place(team, "bob", "too late", expires=clock.rfc3339(clock.now() - clock.SECOND))
    for number in range(3):
        place(team, "bob", f"status {number}", protocol={"kind": "STATUS_UPDATE"})
    process = team.start("watch", by="bob")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    process.terminate()
    ended(process)
    assert [line.split()[-1] for line in lines] == ["0", "1", "2"]
    assert len(team.names("bob", "inbox/done")) == 2
    assert len(team.pending("bob")) == 1


def test_urgent_mail_behind_much_that_is_newer(team: Team) -> None:
    """An urgent message, or one of a high priority, is found behind more newer questions than are parsed."""
    urgent = place(team, "bob", "urgent info", urgent=True, at=clock.now() - 3600 * clock.SECOND)
    high = place(team, "bob", "high task", type="task", priority=9, at=clock.now() - 3600 * clock.SECOND + 1)
    for number in range(pending._GLANCED + 50):
        place(team, "bob", f'a body that says "urgent": true, {number}', type="question")
    found = [message["id"] for message in team.json("check", "--limit", "2", by="bob")["messages"]]
    assert found == [urgent, high]


def test_what_is_searched_is_bounded(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many newer messages, or so many bytes, urgent mail is listed with the others."""
    crowd(team, 30)
    place(team, "bob", "urgent info", urgent=True)
    crowd(team, 3)
    place(team, "bob", "newest")
    assert "urgent info" in shown(team)
    monkeypatch.setattr("xw.actions.pending._SEARCHED", 1)
    assert "urgent info" not in shown(team)
    monkeypatch.setattr("xw.actions.pending._SEARCHED", 5000)
    monkeypatch.setattr("xw.actions.pending._SEARCHED_SIZE", 0)
    assert "urgent info" not in shown(team)


def test_what_has_expired_hides_nothing(team: Team) -> None:
    """Tasks that came too late never settle themselves; they are shown after what can be acted on."""
    past = clock.rfc3339(clock.now() - clock.SECOND)
    for number in range(pending._GLANCED + 20):
        place(team, "bob", f"late {number}", type="task", expires=past)
    crowd(team, 3)
    first = place(team, "bob", "first of the thread")
    place(team, "bob", "in time", type="question", thread=first)
    bodies = shown(team)
    assert {"in time", "info 0", "info 1", "info 2"} < set(bodies) and len(bodies) == 20
    assert shown(team, "--limit", "2") == ["first of the thread", "in time"]


def test_wait_for_something_new_again_and_again(team: Team) -> None:
    """Mail that arrives between two waits is new to the second, and each message to one of them."""
    team.send("old")
    assert team.run("wait", "--new", "--timeout", "0", by="bob").code == 4
    for body in ("one", "two"):
        team.send(body)
    got = [team.json("wait", "--new", "--timeout", "0", by="bob")["body"] for _ in range(2)]
    assert got == ["one", "two"]
    assert team.run("wait", "--new", "--timeout", "0", by="bob").code == 4
    assert team.ok("wait", by="bob").endswith("old\n")


@pytest.mark.parametrize("note", ["{", '{"at": 5, "names": []}', '{"at": 1e400}', '{"names": 5}', "[]"])
def test_a_note_that_is_none(team: Team, note: str) -> None:
    """Without a fresh note of what a wait has seen, new is what is not pending yet."""
    team.send("old")
    (team.box("bob") / "outbox/.waited.json").write_text(note)
    assert team.run("wait", "--new", "--timeout", "0", by="bob").code == 4


def test_json_output_is_bounded(team: Team) -> None:
    """`check --json` leaves out the longest messages, counts them, and prints them on request."""
    place(team, "bob", "short")
    for length in (200_000, 100_000, 100_001, 300_000):
        place(team, "bob", "x" * length)
    found = team.json("check", by="bob")
    assert [len(message["body"]) for message in found["messages"]] == [5, 100_000, 100_001]
    assert found["total"] == 5
    for options in (("--all",), ("--limit", "5")):
        assert len(team.json("check", *options, by="bob")["messages"]) == 5


def test_json_output_has_one_message_at_least(team: Team) -> None:
    """A message longer than the bound is printed once it is the shortest."""
    place(team, "bob", "x" * 300_000)
    assert len(team.json("check", by="bob")["messages"]) == 1
