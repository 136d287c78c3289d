"""`xw ask` and `xw wait` never take a failure notice for an answer."""

import json
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from tests.cli.team import Result, Team, ended, plain, until
from tests.loop.processes import bridge, script
from xw import clock, failure, outbox, post
from xw.bridges import answer
from xw.instance import Instance, Options, open_instance
from xw.mailbox import Place
from xw.message import Fields, Message, decode, encode
from xw.post import Draft

KINDS = (
    "failed", "timeout", "gone", "uncertain", "expired", "hops", "refused", "unanswerable", "damaged",
    "later-one",
)  # fmt: skip


def start(team: Team, *more: str) -> tuple["subprocess.Popen[str]", Message]:
    """Start an `ask` of alice's; return it, and the question at bob's."""
    ask = team.start("ask", "--to", "bob", "--timeout", "60", "well?", *more)
    until(lambda: team.pending("bob"))
    bob = instance(team, "bob")
    (name,) = bob.mailbox.pending()
    return ask, bob.mailbox.read(Place("inbox/pending", name))


def instance(team: Team, name: str) -> Instance:
    """One of the team, as a program acts for it."""
    return open_instance(Options(name, hub=str(team.hub), config=str(team.folder / "xw.json")), plain())


def report(
    team: Team, question: Message, kind: str, by: str = "bob", older: bool = False, **more: Any
) -> None:
    """A notice of failure, as a bridge sends it; as an older one does, without its payload."""
    sender = instance(team, by)
    draft = answer.failure_notice(
        sender, question, {"alice"}, cast("failure.Kind", kind), f"because of {kind}"
    )
    assert draft
    if older:
        draft = draft._replace(more={"hops": 1})
    post.send(sender.mailbox, sender.hub, draft._replace(more=draft.more | more), sender.now)


def told(result: Result, form: tuple[str, ...]) -> str:
    """Return the error of an `ask` that gets no answer."""
    if not form:
        assert (result.code, result.out) == (1, "")
        return result.err
    error = json.loads(result.out)
    assert set(error) == {"format", "question", "failures", "error", "code", "exit_code"}
    assert (result.code, error["exit_code"], error["code"]) == (1, 1, "no-answer")
    assert error["error"] not in result.err
    return str(error["error"])


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_bridge_whose_program_says_nothing(team: Team, tmp_path: Path, form: tuple[str, ...]) -> None:
    """An empty answer is not an answer: exit 1 with an error, and nothing printed that looks like one."""
    bridge(team, "bob", "command", "--", script(tmp_path, "echo; exit 0"))
    result = team.run("ask", "--to", "bob", "--timeout", "60", "hi", *form)
    assert "its answer is empty" in told(result, form)
    assert team.pending("alice") == []
    team.ok("send", "--to", "bob", "task", "do it")  # a task is done all the same, and its sender told
    until(lambda: team.pending("alice"))
    assert "(the chat's answer was empty)" in team.ok("check")
    (reply,) = team.json("check")["messages"]
    assert reply["protocol"] == {
        "kind": "FAILURE", "failure": "empty", "reason": "the chat ended its turn and said nothing",
        "re": reply["re"],
    }  # fmt: skip


def test_an_empty_reply_of_one_of_two(team: Team) -> None:
    """An empty reply from one recipient does not end the wait for the other."""
    team.ok("init", "--name", "carol")
    ask = team.start("ask", "--to", "bob", "--to", "carol", "--timeout", "60", "well?")
    until(lambda: team.pending("carol"))
    for name, said in (("bob", failure.EMPTY_ANSWER), ("carol", "42")):
        (question,) = instance(team, name).mailbox.pending()
        team.ok("reply", question.split(".")[0], said, by=name)
    result = ended(ask)
    assert (result.code, result.out) == (0, "42\n") and "its answer is empty" in result.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_bridge_whose_program_fails(team: Team, tmp_path: Path, form: tuple[str, ...]) -> None:
    """A failure is an error with exit 1, and nothing goes to stdout that passes for an answer."""
    bridge(team, "bob", "command", "--", script(tmp_path, "echo no credit >&2; exit 3"))
    result = team.run("ask", "--to", "bob", "--timeout", "60", "hi", *form)
    error = told(result, form)
    assert "No answer from bob to " in error and "no credit" in error
    assert team.pending("alice") == []  # it was shown, so it is done


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure(team: Team, kind: str) -> None:
    """Every kind ends an ask that waits for it."""
    ask, question = start(team)
    report(team, question, kind)
    result = ended(ask)
    assert (result.code, result.out) == (1, "")
    assert f"because of {kind}" in result.err and result.err.count("\n") == 2


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_every_kind_in_an_older_notice(team: Team, kind: str) -> None:
    """A notice of an older xw, which has no payload, ends a wait too, by its words."""
    team.send("well?", kind="question")
    bob = instance(team, "bob")
    (name,) = bob.mailbox.pending()
    question = bob.mailbox.read(Place("inbox/pending", name))
    report(team, question, kind, older=True)
    result = team.run("wait", "--re", question.id, "--timeout", "60")
    assert (result.code, result.out) == (1, "")
    assert f"because of {kind}" in result.err and result.err.count("\n") == 1


def test_an_older_notice_ends_an_ask(team: Team) -> None:
    """The same for an `ask` that is waiting as it comes."""
    ask, question = start(team)
    report(team, question, "failed", older=True)
    result = ended(ask)
    assert (result.code, result.out) == (1, "")
    assert "because of failed" in result.err and result.err.count("\n") == 2


def test_the_payload_is_kept_with_the_words(team: Team) -> None:
    """The notice has a typed payload, and the body by which older versions know it."""
    ask, question = start(team)
    report(team, question, "timeout")
    ended(ask)
    alice = instance(team, "alice")
    (name,) = alice.mailbox.names("inbox/done")
    notice = alice.mailbox.read(Place("inbox/done", name))
    assert notice.fields["protocol"] == {
        "kind": "FAILURE", "failure": "timeout", "reason": "because of timeout", "re": question.id,
    }  # fmt: skip
    assert notice.body.startswith("No answer from bob ") and notice.hops == 1
    assert failure.read(notice) == failure.Failure("timeout", "because of timeout", question.id)


QUESTION = "20261121T053012123456Z-k7f3q2m9"


def info(body: str, sender: str = "bob", kind: str = "info", **fields: object) -> Message:
    """Return a message as alice reads it."""
    whole: Fields = {"from": sender, "type": kind, "to": ["alice"], "re": QUESTION, "body": body, **fields}
    return decode(*encode(whole, clock.now()))


def test_a_report_is_read_as_data() -> None:
    """Kind, reason and recipient come from the payload, or without one from an older version's words."""
    found = info("any words", protocol=failure.payload("gone", "it ended", QUESTION))
    assert failure.read(found) == failure.Failure("gone", "it ended", QUESTION)
    later = info("words", protocol={"kind": "FAILURE", "failure": "later-one", "reason": "x"})
    assert failure.read(later) == failure.Failure("failed", "x", QUESTION)
    older = info("No answer from bob to your question k7f3q2m9 (timeout): no line (of text) in 60 s", hops=1)
    assert failure.read(older) == failure.Failure("timeout", "no line (of text) in 60 s", QUESTION)
    assert failure.read(info(older.body)) is None  # no bridge's
    back = info("Not delivered to carol: no peer 'carol'. It lies in outbox/failed/.", "postmaster")
    reason = "no peer 'carol'. It lies in outbox/failed/."
    assert failure.read(back) == failure.Failure("refused", reason, QUESTION, "carol")
    assert failure.read(info(back.body)) is None


def test_an_empty_answer_is_marked() -> None:
    """A bridge marks the reply of a silent chat; an older one's is recognised by its words."""
    empty = failure.payload("empty", "said nothing", QUESTION)
    assert failure.is_empty(info("in other words", kind="reply", protocol=empty))
    assert failure.is_empty(info(failure.EMPTY_ANSWER, kind="reply"))
    gone = empty | {"failure": "gone"}
    assert not failure.is_empty(info(failure.EMPTY_ANSWER, kind="reply", protocol=gone))


@pytest.mark.parametrize("older", [False, True])
def test_a_forged_failure_ends_nothing(team: Team, older: bool) -> None:
    """A failure notice from an instance that was not asked ends nothing; the wait goes on."""
    ask, question = start(team)
    report(team, question, "gone", by="carol", older=older)
    wait = team.run("wait", "--re", question.id, "--timeout", "0.1")
    assert (wait.code, wait.out) == (4, "")
    team.ok("reply", question.id, "Well.", by="bob")
    result = ended(ask)
    assert (result.code, result.out) == (0, "Well.\n") and "because of gone" not in result.err


def test_wait_ends_with_a_failure(team: Team) -> None:
    """`wait --re` ends as `ask` does once the recipient has failed: exit 1, and the reason on stderr."""
    ask, question = start(team)
    report(team, question, "gone")
    ended(ask)
    for _ in range(2):
        wait = team.run("wait", "--re", question.id)
        assert (wait.code, wait.out) == (1, "")
        assert "No answer from bob" in wait.err and "because of gone" in wait.err


def test_one_of_two_fails(team: Team) -> None:
    """Of several recipients, one failure is reported and the others are waited for; the last one ends it."""
    for answered in (True, False):
        ask = team.start("ask", "--to", "bob", "--to", "carol", "--timeout", "60", "well?")
        until(lambda: team.pending("bob"))
        bob = instance(team, "bob")
        (name,) = bob.mailbox.pending()
        question = bob.mailbox.read(Place("inbox/pending", name))
        report(team, question, "gone")
        assert ask.stderr
        ask.stderr.readline()
        assert "because of gone" in ask.stderr.readline()
        if answered:
            team.ok("reply", question.id, "Well.", by="carol")
        else:
            report(team, question, "timeout", by="carol")
        result = ended(ask)
        assert (result.code, result.out) == ((0, "Well.\n") if answered else (1, ""))
        assert team.pending("alice") == []
        team.ok("done", question.id, by="bob")


def test_what_comes_back_is_no_answer(team: Team) -> None:
    """A question that the hub returns ends the ask that waits for its answer."""
    alice = instance(team, "alice")
    ask, question = start(team)
    outbox.return_to_sender(alice.mailbox, "bob", question.file_name, None, "bob takes no mail")
    result = ended(ask)
    assert (result.code, result.out) == (1, "") and "Not delivered to bob: bob takes no mail" in result.err
    (name,) = alice.mailbox.names("inbox/done")
    notice = alice.mailbox.read(Place("inbox/done", name))
    assert failure.read(notice) == failure.Failure("refused", "bob takes no mail", question.id, "bob")


def test_a_room_that_refuses(team: Team) -> None:
    """A room's refusal of a question is not an answer to it."""
    team.ok("room", "create", "salon", "--members", "bob,carol", "--policy", "round-robin")
    run = team.start("room", "run", "salon")
    try:
        result = team.run("ask", "--to", "salon", "--timeout", "60", "may I?")
    finally:
        run.kill()
        run.communicate()
    assert (result.code, result.out) == (1, "") and "alice is not a member" in result.err


def test_an_info_is_an_answer(team: Team) -> None:
    """An info about a question that reports no failure is an answer, as it always was."""
    ask, question = start(team)
    draft = Draft("info", ("alice",), "No answer from here yet.", question.id)
    bob = instance(team, "bob")
    post.send(bob.mailbox, bob.hub, draft, bob.now)
    assert ended(ask)[:2] == (0, "No answer from here yet.\n")


def test_a_damaged_message_is_reported(team: Team) -> None:
    """A message damaged while a bridge has it fails, and the sender in its file name gets a notice."""
    bob = instance(team, "bob")
    token = team.send("later damaged", kind="question")
    (name,) = bob.mailbox.pending()
    bob.mailbox.start(name)
    place = Path(bob.root, bob.mailbox.at("inbox/processing", name))
    place.write_text("{}")
    turn = {"name": name, "stage": "presenting", "tries": 0, "chat": "", "mark": "", "text": "", "infos": [],
            "ending": None}  # fmt: skip
    place.with_name(f"{name}.turn.json").write_text(json.dumps(turn))
    bridge(team, "bob", "command", "--", "cat")
    until(lambda: team.pending("alice"))
    (notice,) = team.json("check")["messages"]
    assert notice["re"] == token and notice["protocol"]["failure"] == "damaged"
