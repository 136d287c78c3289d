"""Replies that do not name what they answer, and questions that get no answer."""

import fcntl
import json
import os
import signal
import time
from threading import Event, Thread
from typing import Any

import pytest

from tests.cli.team import Team, ended, forge, until
from xw.actions import asking

pytestmark = pytest.mark.usefixtures("measured")


def sent(team: Team, owner: str, token: str) -> Any:
    """Return a message that an instance has received, as JSON."""
    return team.json("read", token, by=owner)


def test_a_reply_without_an_id_ends_the_ask(team: Team) -> None:
    """`send --to NAME reply` answers NAME's only question, names it, and ends the `ask` that waits."""
    ask = team.start("ask", "--to", "bob", "--timeout", "60", "how many?")
    until(lambda: team.pending("bob"))
    (question,) = team.pending("bob")
    out = team.ok("send", "--to", "alice", "reply", "42", by="bob")
    assert f"answers {question[-8:]} question alice" in out and out.endswith("; delivered to alice\n")
    assert ended(ask)[:2] == (0, "42\n")


@pytest.mark.parametrize("kind", ["task", "question"])
@pytest.mark.parametrize("claimed", [False, True])
def test_the_only_open_message_is_answered(team: Team, kind: str, claimed: bool) -> None:
    """A task or question, pending or claimed, in its thread; infos, replies and others' mail do not count."""
    first = team.send("the start", kind="info")
    asked = team.send("well?", "--re", first, kind=kind)
    team.send("of another", by="carol", kind="question")
    team.send("no question", kind="info")
    if claimed:
        name = f"{asked}.{kind}.alice.json"
        os.rename(team.box("bob") / "inbox/pending" / name, team.box("bob") / "inbox/processing" / name)
    made = team.json("send", "reply", "Yes.", "--to", "alice", by="bob")
    assert made["about"]["id"] == asked
    answer = sent(team, "alice", made["id"])
    assert (answer["re"], answer["thread"]) == (asked, first)


def test_several_are_open(team: Team) -> None:
    """With several open questions nothing is sent: exit 2, with their ids and the option to choose."""
    tokens = [team.send(f"job {number}", kind="task") for number in range(3)]
    refused = team.run("send", "reply", "done it", "--to", "alice", by="bob")
    assert (refused.code, refused.out) == (2, "") and refused.err.count("\n") == 1
    assert all(token[-8:] in refused.err for token in tokens) and "`xw reply ID`" in refused.err
    assert team.pending("alice") == [] and team.names("bob", "sent") == []


def test_what_is_answered_or_done_is_not_open(team: Team) -> None:
    """One's own reply closes a question though it is not done yet; so does `done`."""
    answered, done, left = (team.send(body, kind="question") for body in ("one", "two", "three"))
    team.ok("reply", answered, "1", by="bob")
    team.ok("done", done, by="bob")
    assert team.json("send", "reply", "3", "--to", "alice", by="bob")["about"]["id"] == left
    made = team.json("send", "reply", "and more", "--to", "alice", by="bob")
    assert made["about"] is None and sent(team, "alice", made["id"])["re"] is None


def test_none_is_open(team: Team) -> None:
    """With no open question a reply is sent as it is."""
    assert team.ok("send", "reply", "by the way", "--to", "alice", by="bob").endswith(" delivered to alice\n")


def test_several_recipients(team: Team) -> None:
    """To several, the one open message among theirs is answered; one of each is one too many."""
    first = team.send("mine", kind="question")
    both = ("--to", "alice", "--to", "carol")
    assert team.json("send", "reply", "yes", *both, by="bob")["about"]["id"] == first
    team.send("again", kind="question")
    team.send("mine too", by="carol", kind="question")
    assert team.run("send", "reply", "yes", *both, by="bob").code == 2


def test_other_types_answer_nothing_unasked(team: Team) -> None:
    """An info, or a question of one's own, is not a reply and names no message."""
    team.send("well?", kind="question")
    for kind in ("info", "question", "task"):
        assert team.json("send", kind, "hm", "--to", "alice", by="bob")["about"] is None


def test_prompt_offers_no_reply_without_an_id(team: Team) -> None:
    """The instructions for agents name `xw reply ID` alone."""
    prompt = team.ok("prompt")
    assert "xw reply ID" in prompt and "task, question or info" in prompt


def test_ask_whose_question_is_done(team: Team) -> None:
    """A question that is done without an answer ends its ask: exit 1, nothing on stdout."""
    ask = team.start("ask", "--to", "bob", "--timeout", "600", "well?")
    until(lambda: team.pending("bob"))
    (question,) = team.pending("bob")
    team.ok("done", question, by="bob")
    result = ended(ask)
    assert (result.code, result.out) == (1, "")
    assert f"no answer to {question[-8:]}: bob finished it without one" in result.err


def test_ask_whose_question_fails_unsaid(team: Team) -> None:
    """A question in failed/ without a notice ends its `ask` too."""
    ask = team.start("ask", "--to", "bob", "--timeout", "600", "well?")
    until(lambda: team.pending("bob"))
    (file,) = (team.box("bob") / "inbox/pending").iterdir()
    file.write_text("{")
    team.run("check", by="bob")
    result = ended(ask)
    assert (result.code, result.out) == (1, "") and "bob has it in failed/" in result.err


def test_an_answer_after_done_still_counts(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that says done first and replies a moment later has answered."""
    monkeypatch.setattr("xw.actions.asking.GRACE_S", 600.0)
    looked = Event()

    def look(fate: asking._Fate) -> None:
        fate._ended["bob"] = "done"
        looked.set()

    monkeypatch.setattr("xw.actions.asking._Fate._look", look)

    def answer() -> None:
        looked.wait(60)
        token = team.pending("bob")[0]
        for command in (["done", token], ["reply", token, "Late."]):
            ended(team.start(*command, by="bob"))

    late = Thread(target=answer)
    late.start()
    result = team.run("ask", "--to", "bob", "--timeout", "60", "well?")
    late.join()
    assert (result.code, result.out) == (0, "Late.\n")


def test_one_of_two_is_done(team: Team) -> None:
    """As long as somebody asked may answer, another's done ends nothing."""
    ask = team.start("ask", "--to", "bob", "--to", "carol", "--timeout", "600", "well?")
    until(lambda: team.pending("carol"))
    (question,) = team.pending("bob")
    team.ok("done", question, by="bob")
    team.ok("reply", question, "Well.", by="carol")
    assert ended(ask)[:2] == (0, "Well.\n")


def test_a_claimed_question_is_waited_for(team: Team) -> None:
    """A worker's claim does not end the wait: it lasts as long as requested."""
    ask = team.start("ask", "--to", "bob", "--timeout", "4", "well?")
    until(lambda: team.pending("bob"))
    (file,) = (team.box("bob") / "inbox/pending").iterdir()
    file.rename(team.box("bob") / "inbox/processing" / file.name)
    assert ended(ask).code == 4


def _asked(team: Team) -> str:
    return team.run("ask", "--to", "bob", "--timeout", "0", "well?").err


def test_who_reads_by_hand_is_not_called_absent(team: Team) -> None:
    """A recipient seen a moment ago is not reported as absent, with a bridge or without."""
    lines = _asked(team).splitlines()
    assert len(lines) == 2 and lines[0].startswith("xw: asked bob") and "within 0 s" in lines[1]


def test_who_was_last_seen_hours_ago_is_named(team: Team) -> None:
    """A recipient's long silence is reported, and `ask` waits all the same."""
    then = time.time() - 3 * 3600 - 60
    for folder in ("inbox/processing", "inbox/done", "sent"):
        os.utime(team.box("bob") / folder, (then, then))
    assert "xw: bob was last seen 3h ago\n" in _asked(team)


def test_who_is_gone_is_named(team: Team) -> None:
    """If a program has reported its end, send, ask, trace and doctor say so; `xw check` alone is no end."""
    said = {"status": "idle", "task": "", "ttl_s": 0.0}
    presence = team.box("bob") / "presence.json"
    presence.write_text(json.dumps(said, indent=2))
    sent = team.run("send", "task", "x", "--to", "bob")
    assert sent.code == 0 and "xw: bob is gone (seen " in sent.err
    assert "xw: bob is gone (seen " in team.run("trace", sent.out[:8]).err
    assert "xw: bob is gone (seen " in _asked(team)
    note = "note the program that ran as bob has ended, and 2 messages wait: xw launch bob -- PROGRAM"
    assert note in team.run("doctor", by="bob").out
    bob = team.box("bob") / "inbox/done"
    os.utime(bob, (time.time() + 60, time.time() + 60))  # somebody handles mail as bob
    assert "is gone" not in _asked(team) and "has ended" not in team.run("doctor", by="bob").out


@pytest.mark.parametrize("held", [False, True])
def test_a_status_that_expired_is_no_end(team: Team, held: bool) -> None:
    """An agent that reported a status long ago, or was on hold, and runs `xw check`, is not called gone."""
    if held:
        team.ok("hold", by="bob")
        team.ok("resume", by="bob")
    else:
        team.ok("notify", "status", "working", by="bob")
        then = time.time() - 1000
        os.utime(team.box("bob") / "presence.json", (then, then))
    assert "gone" in team.ok("peers", "bob")
    assert "is gone" not in team.run("send", "task", "x", "--to", "bob").err + _asked(team)
    assert "has ended" not in team.run("doctor", by="bob").out


def test_a_dead_bridge_is_named(team: Team) -> None:
    """A bridge that died without notice is reported."""
    bridge = team.start("bridge", "command", "--", "cat", by="bob")
    until(lambda: "bridge command" in team.ok("peers"))
    bridge.send_signal(signal.SIGKILL)
    bridge.communicate()
    assert "bridge" not in _asked(team)  # believed for 30 s
    presence = team.box("bob") / "presence.json"
    os.utime(presence, (time.time() - 60, time.time() - 60))
    assert "xw: the command bridge of bob died\n" in _asked(team)


def test_a_bridge_that_xw_json_names_and_nobody_runs(team: Team) -> None:
    """An instance that is to be served by a bridge, and is not, is named with the cure."""
    path = team.folder / "xw.json"
    path.write_text(
        path.read_text().replace('"bob": {', '"bob": {"bridge": {"kind": "command", "target": "cat"}, ')
    )
    assert "the bridge of bob does not run (`xw up` starts it)" in _asked(team)


def test_a_room_that_nobody_runs(team: Team) -> None:
    """`ask` reports that a question to a room without a coordinator waits for one."""
    team.ok("room", "create", "salon", "--members", "bob,carol", "--policy", "round-robin")
    result = team.run("ask", "--to", "salon", "--timeout", "0", "well?")
    assert "nobody runs the room salon: `xw room run salon`" in result.err


def test_a_recipient_that_leaves_the_hub(team: Team) -> None:
    """`ask` ends with exit 1 and a reason once its recipient has left the hub."""
    ask = team.start("ask", "--to", "bob", "--timeout", "600", "well?")
    until(lambda: team.pending("bob"))
    team.box("bob").rename(team.folder / "gone")
    result = ended(ask)
    assert (result.code, result.out) == (1, "") and "bob is no longer on the hub" in result.err


def test_a_bridge_that_holds_mail_back(team: Team) -> None:
    """`ask` reports once why a bridge holds mail back, and so does `doctor`."""
    bridge = {"kind": "tmux", "ttl_s": 1e6, "waits_for": "a dialog is open"}
    said = {"status": "alive", "task": "", "ttl_s": 1e6, "bridge": bridge}
    (team.box("bob") / "presence.json").write_text(json.dumps(said))
    assert _asked(team).count("xw: the bridge of bob holds mail back: a dialog is open\n") == 1
    with (team.box("bob") / "outbox/.bridge.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "note its bridge (tmux) holds mail back: a dialog is open" in team.run("doctor", by="bob").out


def test_an_ask_that_times_out_says_how_to_wait_on(team: Team) -> None:
    """The error names the command that waits on for the answer to this question."""
    err = _asked(team)
    (question,) = team.pending("bob")
    assert f"`xw wait --re {question[-8:]}` keeps waiting" in err


def test_an_answer_that_came_too_late(team: Team) -> None:
    """An answer that has expired is printed, and said to be so on stderr."""
    ask = team.start("ask", "--to", "bob", "well?")
    until(lambda: team.pending("bob"))
    (question,) = team.pending("bob")
    late = {"expires": "2026-01-01T00:00:00Z", "from": "bob"}
    forge(team, "alice", type="reply", re=question, body="Yes.", signer="bob", **late)
    result = ended(ask)
    assert result[:2] == (0, "Yes.\n") and "came too late: it expired at 2026-01-01T00:00:00Z" in result.err
