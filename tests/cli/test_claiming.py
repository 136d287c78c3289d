"""claim, release, fail and `watch --claim`: one winner, nothing lost, and the sender is told."""

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.team import PATIENCE, XW, Team, ageless, call, ended, forge, until
from xw import layout
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.mirror import holding
from xw.mirror.holding import Hold

pytestmark = pytest.mark.usefixtures("measured")


Started = list["subprocess.Popen[str]"]


def _states(team: Team, owner: str = "bob") -> dict[str, int]:
    """Return the number of messages in each state."""
    folders = {state: team.names(owner, f"inbox/{state}") for state in layout.STATES}
    return {state: sum(map(layout.is_message, names)) for state, names in folders.items()}


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert line, ended(process)
    return line


def _mailbox(team: Team) -> Mailbox:
    return Mailbox(LocalFiles(str(team.hub)), "bob")


def test_claim(team: Team) -> None:
    """A claimed message is in processing/, its sender sees that; claiming it again is no error."""
    token = team.send("job", kind="task")
    assert team.ok("claim", token[-8:], by="bob") == f"claimed {token[-8:]} task alice: job\n"
    assert team.ok("claim", token, by="bob") == f'{token[-8:]} task alice "job" was claimed before\n'
    assert _states(team) == {"pending": 0, "processing": 1, "done": 0, "failed": 0}
    trace = team.ok("trace", token)
    assert ", processing, since " in trace and trace.endswith("), started\n")
    assert team.ok("check", by="bob").endswith(f"claimed, and not finished: {token[-8:]}\n")
    assert team.json("read", token, by="bob")["state"] == "processing"
    answer = team.json("send", "reply", "ok", "--to", "alice", by="bob")
    assert answer["about"]["id"] == token
    assert team.ok("done", token, by="bob") == f"done {token[-8:]} task alice: job\n"
    assert team.names("bob", "inbox/processing") == []
    assert "claimed" not in team.ok("check", by="bob")


def test_one_of_several_claims_wins(team: Team) -> None:
    """Of eight processes of one name that claim a message, one succeeds; its own session may repeat it."""
    token = team.send("job", kind="task")
    results = [ended(process) for process in [team.start("claim", token, by="bob") for _ in range(8)]]
    assert sorted(code for code, _, _ in results) == [0] + [6] * 7
    assert all("somebody claimed it before" in err for code, _, err in results if code)
    team.ok("release", token, by="bob")
    session = {"XW_NAME": "bob", "XW_SESSION": "one"}
    for expected in (0, 0):
        assert call(team.folder, "claim", token, environ=session).code == expected
    assert call(team.folder, "claim", token, environ={**session, "XW_SESSION": "two"}).code == 6


def test_claim_of_what_cannot_be_claimed(team: Team) -> None:
    """Done, failed, sent, unknown and expired messages: an error that says so, and nothing changes."""
    done, failed, late = (team.send(body, kind="task") for body in ("done", "failed", "late"))
    team.ok("done", done, by="bob")
    team.ok("fail", failed, "no", by="bob")
    mine = team.send("mine", by="bob", to="alice")
    name = team.names("bob", "inbox/pending")[0]
    path = team.box("bob") / "inbox" / "pending" / name
    expired = team.send("soon", "--expires", "2999-01-01", kind="task")
    before = _states(team)
    for act in ("claim", "release"):
        assert team.run(act, done, by="bob")[::2] == (
            3,
            f"xw: {done[-8:]} was done before: there is nothing to {act}\n",
        )
        assert team.run(act, failed, by="bob").code == 3
        assert "you sent" in team.run(act, mine, by="bob").err
        assert team.run(act, "zzzzzzzz", by="bob").code == 3
    assert team.run("fail", done, "why", by="bob").code == 3
    assert team.run("fail", expired, " ", by="bob").code == 2
    assert team.run("fail", expired, by="bob").code == 2
    assert team.run("fail", expired, "x" * 2001, by="bob").code == 2
    assert _states(team) == before
    path.write_bytes(b"{")
    assert "do not match" in team.run("claim", late, by="bob").err
    assert _states(team)["processing"] == 0


def test_expired_messages(team: Team, started: Started) -> None:
    """An expired message is not claimed, the error names `fail`; `watch --claim` fails it as expired."""
    token = forge(team, "bob", type="task", expires="2020-01-01T00:00:00Z")
    refused = team.run("claim", token, by="bob")
    assert refused.code == 6
    assert f"`xw fail {token[-8:]} WHY` tells its sender" in refused.err
    started.append(team.start("watch", "--claim", by="bob"))
    until(lambda: team.pending("alice"))
    assert "(expired): it expired at 2020" in team.ok("read", team.pending("alice")[0])
    until(lambda: _states(team)["failed"] == 1)


def test_release(team: Team) -> None:
    """A released message stays in processing/, and the next claim resumes it; pending mail has no holder."""
    token = team.send("job", kind="task")
    assert "nobody holds" in team.ok("release", token, by="bob")
    team.ok("claim", token, by="bob")
    assert team.ok("release", token, by="bob") == f"released {token[-8:]} task alice: job\n"
    assert "nobody holds" in team.ok("release", token, by="bob")
    assert _states(team)["processing"] == 1
    assert team.ok("claim", token, by="bob") == f"claimed {token[-8:]} task alice: job\n"


def test_a_claim_of_another_program_stays(team: Team, started: Started) -> None:
    """A message that another program has moved to processing/ is neither claimed nor run, until released."""
    token = team.send("job", kind="task")
    name = team.names("bob", "inbox/pending")[0]
    inbox = team.box("bob") / "inbox"
    (inbox / "pending" / name).rename(inbox / "processing" / name)
    assert team.run("claim", token, by="bob").code == 6
    watch = team.start("watch", "--claim", by="bob")
    started.append(watch)
    next_one = team.send("next")
    assert _line(watch).startswith(next_one[-8:])
    team.ok("release", token, by="bob")
    assert _line(watch).startswith(token[-8:])


def test_fail(team: Team, started: Started) -> None:
    """The sender of a failed message is told: `trace` and `wait --re` have the reason, `ask` ends with it."""
    ask = team.start("ask", "--to", "bob", "Well?")
    started.append(ask)
    until(lambda: team.pending("bob"))
    token = team.pending("bob")[0]
    team.ok("claim", token, by="bob")
    out = team.json("fail", token, "no network\nhere", by="bob")
    assert (out["id"], out["moved"]) == (token, True)
    result = ended(ask)
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(f"xw: No answer from bob to {token[-8:]} (failed): no network here\n")
    assert ", failed, " in team.ok("trace", token)
    assert ": no network here\n" in team.ok("trace", token)
    assert team.json("trace", token)["recipients"][0]["reason"] == "no network here"
    waited = team.run("wait", "--re", token, "--timeout", "5")
    assert (waited.code, waited.out) == (1, "")
    assert "No answer from bob" in waited.err
    assert team.ok("fail", token, "again", by="bob") == f'{token[-8:]} question alice "Well?" failed before\n'
    assert len(team.names("bob", "sent")) == 1


def test_wait_re_after_one_of_two_failed(team: Team) -> None:
    """`wait --re` goes on until the last recipient has failed; an answer after a failure counts."""
    token = team.json("send", "question", "Well?", "--to", "bob,carol")["id"]
    team.ok("fail", token, "no", by="bob")
    assert team.run("wait", "--re", token, "--timeout", "0").code == 4
    team.ok("reply", token, "yes", by="carol")
    assert team.json("wait", "--re", token, "--timeout", "0")["body"] == "yes"


def test_fail_that_was_killed(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """If `fail` was killed after telling the sender, doing it again completes it, and tells nobody twice."""

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    token = team.send("job", kind="task")
    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "fail", killed)
        assert team.run("fail", token, "why", by="bob").code == 130
    assert _states(team)["failed"] == 0
    team.ok("fail", token, "another why", by="bob")
    assert len(team.names("bob", "sent")) == len(team.pending("alice")) == 1
    assert team.json("trace", token)["recipients"][0]["reason"] == "why"
    assert team.names("bob", "inbox/processing") == []


def test_fail_killed_before_its_notice_was_out(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it was killed between noting and sending the notice, the same notice goes out with the next call."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    token = team.send("job", kind="task")
    with monkeypatch.context() as patch:
        patch.setattr("xw.post._publish", killed)
        assert team.run("fail", token, "why", by="bob").code == 130
    assert team.pending("alice") == []
    team.ok("fail", token, "why", by="bob")
    assert len(team.pending("alice")) == 1


def test_watch_claim(team: Team, started: Started) -> None:
    """Of two that watch, one gets each message; a message whose holder has ended goes to the other."""
    watches = [team.start("watch", "--claim", by="bob") for _ in range(2)]
    started += watches
    tokens = [team.send(f"job {number}", kind="task") for number in range(6)]
    until(lambda: _states(team)["processing"] == 6)
    assert team.run("claim", tokens[0], by="bob").code == 6  # a live holder keeps it
    watches[0].kill()
    first = ended(watches[0]).out.splitlines()
    lines = [_line(watches[1]) for _ in tokens]
    assert Counter(line[:8] for line in lines) == Counter(token[-8:] for token in tokens)
    assert {line[:8] for line in first} <= {token[-8:] for token in tokens}


def test_watch_claim_exec(team: Team, started: Started) -> None:
    """Exit 0 means done, another code failed, and the sender is told; the command may decide itself."""
    command = (
        'case $(cat) in *"do it"*) ;; *release*) xw release $XW_ID; exit 9;; *"claim it"*) xw claim $XW_ID;; '
        '*"fail it"*) xw fail $XW_ID mine;; *) exit 3;; esac'
    )
    environ = {**os.environ, "XW_NAME": "bob", "PATH": f"{Path(XW).parent}:{os.environ['PATH']}"}
    watch = team.start("watch", "--claim", "--exec", command, by="bob", env=environ)
    started.append(watch)
    bodies = ("do it", "cannot", "release", "claim it", "fail it")
    done, failed, released, claimed, own = (team.send(body, kind="task") for body in bodies)
    until(lambda: _states(team) == {"pending": 0, "processing": 1, "done": 2, "failed": 2})
    reasons = {
        token: team.json("trace", token)["recipients"][0]["reason"]
        for token in (done, failed, released, claimed, own)
    }
    assert reasons == {
        done: None,
        failed: "the command for it ended with 3",
        released: None,
        claimed: None,
        own: "mine",
    }
    assert len(team.pending("alice")) == 2
    watch.send_signal(signal.SIGINT)
    err = ended(watch).err
    assert (
        f"the command for {failed[-8:]} ended with 3; the message is failed, and its sender gets a notice"
        in err
    )
    assert f"the command for {released[-8:]} ended with 9; the message is released" in err


def test_watch_claim_exec_without_the_command(team: Team) -> None:
    """A command that the shell cannot run ends the watch, and fails no mail."""
    token = team.send("job", kind="task")
    ended_with = ended(team.start("watch", "--claim", "--exec", "no-such-command", by="bob"))
    assert ended_with.code == 1
    assert f"the command cannot be run (exit code 127): {token[-8:]} is released" in ended_with.err
    assert _states(team) == {"pending": 0, "processing": 1, "done": 0, "failed": 0}
    assert team.ok("claim", token, by="bob").startswith("claimed")


def test_two_watches_run_each_message_once(team: Team, started: Started) -> None:
    """Two run 50 messages once each, also if one is killed in the middle of a command."""
    log = team.folder / "log"
    command = f"echo $XW_ID >> {log}; sleep 0.02"
    watches = [team.start("watch", "--claim", "--exec", command, by="bob") for _ in range(2)]
    started += watches
    tokens = [team.send(f"job {number}", kind="task") for number in range(50)]
    until(lambda: log.exists() and len(log.read_text().splitlines()) >= 10)
    watches[0].kill()
    until(lambda: _states(team) == {"pending": 0, "processing": 0, "done": 50, "failed": 0})
    assert Counter(log.read_text().split()) == Counter(tokens)


def test_a_command_that_outlives_its_watch_keeps_its_message(team: Team, started: Started) -> None:
    """While the command of a killed watch runs, nobody gets its message; its exit code counts afterwards."""
    go = team.folder / "go"
    command = f"echo begun; while [ ! -e {go} ]; do sleep 0.01; done; exit 4"
    first = team.start("watch", "--claim", "--exec", command, by="bob")
    token = team.send("job", kind="task")
    assert _line(first) == "begun\n"
    first.kill()
    first.wait()
    second = team.start("watch", "--claim", "--exec", "echo again", by="bob")
    started.append(second)
    other = team.send("other", kind="task")
    assert _line(second) == "again\n"
    until(lambda: any(other in name for name in team.names("bob", "inbox/done")))
    assert team.run("claim", token, by="bob").code == 6
    assert "works on" in team.run("release", token, by="bob").err
    go.touch()
    until(lambda: _states(team)["failed"] == 1)
    assert team.json("trace", token)["recipients"][0]["reason"] == "the command for it ended with 4"
    first.communicate(timeout=PATIENCE)


def test_filters(team: Team, started: Started) -> None:
    """--type and --from choose what `watch` and `wait` take."""
    info = team.send("info")
    carols = team.send("hers", by="carol", to="bob", kind="task")
    task = team.send("mine", kind="task")
    assert team.json("wait", "--type", "task", by="bob")["id"] == carols
    assert team.json("wait", "--type", "task", "--from", "alice", by="bob")["id"] == task
    assert team.json("wait", "--from", "alice", by="bob")["id"] == info
    assert team.run("wait", "--type", "reply", "--timeout", "0", by="bob").code == 4
    watch = team.start("watch", "--claim", "--from", "carol", "--json", by="bob")
    started.append(watch)
    assert json.loads(_line(watch))["id"] == carols
    assert len(team.pending("bob")) == 2
    plain = team.start("watch", "--type", "task", by="bob")
    started.append(plain)
    assert ageless(_line(plain)) == f"{task[-8:]} task alice (verified) 0s mine\n"


def test_notes_that_mean_nothing(team: Team) -> None:
    """A note beside pending mail, a damaged one, and one of an ended process mislead nobody."""
    token = team.send("job", kind="task")
    name = team.names("bob", "inbox/pending")[0]
    mailbox = _mailbox(team)
    holding.save(mailbox, name, Hold("exec", "abc"))
    assert team.ok("claim", token, by="bob").startswith("claimed")
    holding.save(mailbox, name, Hold("watch", "abc"))
    assert holding.free(mailbox) == [name]
    note = team.box("bob") / "inbox" / "processing" / f"{name}{layout.HELD}"
    for text in (
        "{",
        "[]",
        '{"holder": "nobody"}',
        '{"holder": "watch", "lock": "../../x"}',
        '{"holder": 3}',
    ):
        note.write_text(text)
        assert holding.free(mailbox) == []
        assert holding.standing(mailbox, name) == "claim"
    team.ok("done", token, by="bob")
    assert team.names("bob", "inbox/processing") == []


def test_doctor_names_old_claims(team: Team) -> None:
    """`doctor` counts claims, and names the ways to end one."""
    team.ok("claim", team.send("job", kind="task"), by="bob")
    found = [one for one in team.json("doctor", by="bob")["findings"] if one["code"] == "claimed"]
    assert [one["number"] for one in found] == [1]
