"""Clocks of two senders are never compared: answers, traces and the log hold whatever they say."""

import os
import time
from pathlib import Path

import pytest

from tests.cli.team import Team, ended, forge, plain, sign, until
from xw import clock
from xw.actions.sending import send
from xw.instance import Options, open_instance
from xw.message import encode

HOUR = 3600 * clock.SECOND
YEARS = 73 * 365 * 24 * HOUR

AHEAD_OR_BEHIND = pytest.mark.parametrize(
    "wrong",
    [-HOUR, -clock.SECOND // 2, HOUR, YEARS],
    ids=["hour-behind", "half-second-behind", "ahead", "2099"],
)


def _forge(team: Team, wrong: int, kind: str = "info", body: str = "x", re: str | None = None) -> Path:
    """Deliver a message of bob's to alice, whose clock is wrong by so many microseconds; its file."""
    fields = {"from": "bob", "type": kind, "to": ["alice"], "re": re, "thread": re, "body": body}
    name, data = encode(
        {**fields, "attachments": [], "expires": None}, clock.now() + wrong, sign(team, "bob")
    )
    path = team.box("alice") / "inbox/pending" / name
    (scratch := team.box("alice") / "inbox/tmp/forged").write_bytes(data)
    scratch.rename(path)
    return path


@AHEAD_OR_BEHIND
def test_ask_sees_an_answer_of_any_clock(team: Team, wrong: int) -> None:
    """The reply to a question counts by its `re`, before or after the question by its sender's clock."""
    ask = team.start("ask", "--to", "bob", "--timeout", "60", "what?")
    until(lambda: team.pending("bob"))
    _forge(team, wrong, "reply", "the answer", team.pending("bob")[0])
    assert ended(ask)[:2] == (0, "the answer\n")


@AHEAD_OR_BEHIND
def test_wait_and_trace_see_an_answer_of_any_clock(team: Team, wrong: int) -> None:
    """`wait --re` finds it pending and done, among other mail; `trace` names it as the reply."""
    question = team.send("what?", kind="question")
    team.send("something else", to="alice", by="bob")
    answer = _forge(team, wrong, "reply", "the answer", question).name.partition(".")[0]
    assert team.json("wait", "--re", question, "--timeout", "0")["id"] == answer
    assert team.json("trace", question)["recipients"][0]["reply"] == answer
    team.ok("done", answer)
    assert team.json("wait", "--re", question, "--timeout", "0")["id"] == answer
    assert team.json("trace", question)["recipients"][0]["reply"] == answer


def test_one_send_in_a_wrong_year_breaks_no_later_ask(team: Team) -> None:
    """An agent whose clock once stood in 2099 gives out ids of that year from then on, and is answered."""
    alice = open_instance(Options("alice", config=str(team.folder / "xw.json")), plain())
    send(alice._replace(now=lambda: clock.now() + YEARS), "info", "from the future", ["carol"])
    ask = team.start("ask", "--to", "bob", "--timeout", "60", "what?")
    until(lambda: team.pending("bob"))
    assert team.pending("bob")[0] > "2099"
    team.ok("reply", team.pending("bob")[0], "now", by="bob")
    assert ended(ask)[:2] == (0, "now\n")


def _bodies(team: Team, since: str) -> list[str]:
    return [
        line.rpartition(" ")[2] for line in team.ok("log", "--since", since).splitlines() if line[:2] == "  "
    ]


def test_log_since_goes_by_arrival(team: Team) -> None:
    """`log --since` shows what came lately, whatever its sender's clock, and nothing that came before."""
    for wrong, body in ((-HOUR, "behind"), (HOUR, "ahead"), (YEARS, "future")):
        _forge(team, wrong, body=f"{body}-now")
        before = time.time() - 2 * 3600
        os.utime(_forge(team, wrong + 1, body=f"{body}-before"), (before, before))
    assert sorted(_bodies(team, "10m")) == ["ahead-now", "behind-now", "future-now"]
    assert sorted(_bodies(team, "3h")) == [
        "ahead-before", "ahead-now", "behind-before", "behind-now", "future-before", "future-now",
    ]  # fmt: skip


def test_log_since_is_not_about_when_it_was_done(team: Team) -> None:
    """A message that arrived before that time and was done after it did not come since."""
    _forge(team, -HOUR, body="first")
    time.sleep(0.2)  # far more than what the times of files are rounded by
    moment = clock.rfc3339(clock.now())
    _forge(team, -HOUR, body="second")
    for token in team.pending("alice"):
        team.ok("done", token)
    assert _bodies(team, moment) == ["second"]


@pytest.mark.parametrize("kind", ["reply", "info"])
def test_wait_takes_no_answer_of_a_third(team: Team, kind: str) -> None:
    """`wait --re` returns what comes from one who was asked, and what has not expired."""
    question = team.send("what?", kind="question")
    forge(team, "alice", type=kind, re=question, body="a third's", signer="carol", **{"from": "carol"})
    late = {"from": "bob", "expires": "2026-01-01T00:00:00Z"}
    for folder in ("inbox/pending", "inbox/done"):
        forge(team, "alice", folder, type=kind, re=question, body=f"too late, {folder}", signer="bob", **late)
    waited = team.run("wait", "--re", question, "--timeout", "0")
    assert (waited.code, waited.out) == (4, "")
    team.send("bob's", "--re", question, by="bob", to="alice", kind=kind)
    assert team.json("wait", "--re", question, "--timeout", "0")["body"] == "bob's"


def test_wait_for_the_answer_to_what_another_sent(team: Team) -> None:
    """Any message that answers a received one counts, whoever wrote it."""
    question = team.send("what?", by="bob", to="alice", kind="question")
    forge(team, "alice", type="reply", re=question, body="carol's", signer="carol", **{"from": "carol"})
    assert team.json("wait", "--re", question, "--timeout", "0")["body"] == "carol's"
