"""When mail is shown by itself: the value in force, which moments it allows, and a hold."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.team import Team, call, plain
from xw import delivery, layout
from xw.instance import Instance, Options, open_instance

MOMENTS = ("start", "prompt", "end", "idle")
SHOWN = {
    "asked": (False, False, False, False),
    "start": (True, False, False, False),
    "turn": (True, True, True, False),
    "push": (True, True, True, True),
}


def opened(team: Team, name: str = "bob") -> Instance:
    """Return an instance of the team."""
    return open_instance(Options(name, config=str(team.folder / "xw.json")), plain())


def choose(team: Team, value: str, name: str = "bob") -> None:
    """Set `delivery` in xw.json as a person does, with an editor."""
    path = team.folder / "xw.json"
    data = json.loads(path.read_text())
    data["instances"][name]["delivery"] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize("value", SHOWN)
def test_each_value_has_its_moments(team: Team, value: str) -> None:
    """Every value of xw.json allows exactly its moments; the reason names the value and its source."""
    choose(team, value)
    found = [delivery.may_show(opened(team), moment, {}) for moment in MOMENTS]  # type: ignore[arg-type]
    assert tuple(found) == SHOWN[value]
    if value != "push":
        reason = delivery.reason(delivery.effective(opened(team), {}))
        assert f"delivery is {value} (set in xw.json)" in reason
    assert tuple(delivery.SHOWN_AT) == tuple(SHOWN) == layout.DELIVERIES


def test_without_a_choice_the_door_decides(team: Team) -> None:
    """`start` by default, `push` for a program of `xw launch` and for one that a bridge serves."""
    bob = opened(team)
    launched = {"XW_RUN": "/run/x", "XW_NAME": "bob"}
    assert delivery.effective(bob, {}) == ("start", "default")
    assert delivery.effective(bob, launched) == ("push", "started by xw launch")
    assert delivery.effective(bob, {**launched, "XW_NAME": "alice"}) == ("start", "default")
    with bob.mailbox.files.locked(bob.mailbox.at(layout.BRIDGE_LOCK), timeout=1.0):
        assert delivery.effective(bob, {}) == ("push", "served by a bridge")
        choose(team, "asked")
        assert delivery.effective(opened(team), launched) == ("asked", "set in xw.json")


def test_a_hold_stops_every_moment(team: Team) -> None:
    """On hold, nothing is shown by itself, whatever the value; it lasts until it is let go."""
    choose(team, "push")
    mailbox = opened(team).mailbox
    assert [delivery.hold(mailbox, 0), delivery.hold(mailbox, 0)] == [True, False]
    for moment in MOMENTS:
        assert not delivery.may_show(opened(team), moment, {})  # type: ignore[arg-type]
    assert [delivery.resume(mailbox), delivery.resume(mailbox)] == [True, False]
    assert delivery.may_show(opened(team), "idle", {})


@pytest.mark.parametrize("value", [*SHOWN, None])
def test_prompt_and_hooks_say_what_the_doors_do(
    team: Team, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system prompt and a session's first lines have the words of the value in force, or of a hold."""
    if value:
        choose(team, value)
    mailbox = opened(team).mailbox
    for held in (False, True):
        if held:
            delivery.hold(mailbox, 0)
        for door in ("", "launch", "bridge"):
            with ExitStack() as stack:
                patch = stack.enter_context(monkeypatch.context())
                if door == "launch":
                    patch.setenv("XW_RUN", "/run/x")
                if door == "bridge":
                    stack.enter_context(mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK), timeout=1.0))
                now = value or ("push" if door else "start")
                prompt, start = team.ok("prompt", by="bob"), _start(team)
                said = [one for one, words in PROMPT.items() if words in prompt]
                assert said == ["asked" if held else now], (door, held)
                said = [one for one, words in FIRST.items() if words in start]
                assert said == ["hold" if held else now], (door, held)


PROMPT = {
    "asked": "`xw check` only when the user asks",
    "start": "`xw check` when you start work and when the user asks",
    "turn": "`xw check` when you start work, have finished a task, and",
    "push": "Mail is shown to you as it arrives",
}
FIRST = {
    "asked": "You are shown mail only when you run `xw check`",
    "start": "After this, you are shown mail only when you run `xw check`",
    "turn": "New mail is shown with your turns",
    "push": "New mail is shown by itself",
    "hold": "Mail is on hold: you are shown it only when you run `xw check`",
}


def _start(team: Team) -> str:
    return team.ok("hook", "SessionStart", "--program", "codex", by="bob", stdin=b'{"session_id": "s1"}')


def test_an_edit_is_followed(team: Team) -> None:
    """A process that runs sees the next value; half a file changes nothing."""
    bob = delivery.Followed(opened(team))
    assert delivery.effective(bob, {}).value == "start"
    choose(team, "push")
    assert delivery.may_show(bob, "idle", {})
    (team.folder / "xw.json").write_text('{"format": 1, "hub')
    assert delivery.may_show(bob, "idle", {})
    choose_anew(team.folder / "xw.json")
    assert delivery.effective(bob, {}) == ("asked", "set in xw.json")


def choose_anew(path: Path) -> None:
    """Write an xw.json in which bob is only shown what is asked for."""
    path.write_text(json.dumps({"format": 1, "hub": ".xw/hub", "instances": {"bob": {"delivery": "asked"}}}))


def test_init_sets_it_and_the_others_see_it(team: Team) -> None:
    """`init --delivery` changes an existing entry; `who` and `peers NAME` show the value and its reason."""
    assert "delivery start: at the start of a session (default)" in team.ok("who", by="bob")
    team.ok("init", "--name", "bob", "--delivery", "turn", by=None)
    entry = json.loads((team.folder / "xw.json").read_text())["instances"]["bob"]
    assert entry == {"description": "bob's description", "delivery": "turn"}
    assert json.loads((team.box("bob") / "card.json").read_text())["delivery"] == "turn"
    assert "delivery turn: at each turn (set in xw.json)" in team.ok("who", by="bob")
    assert "delivery     turn: at each turn (set in xw.json)" in team.ok("peers", "bob")
    choose(team, "asked")
    peer = team.json("peers", "bob")["peers"][0]
    assert (peer["delivery"], peer["delivery_why"], peer["on_hold"]) == ("asked", "set in xw.json", False)
    assert team.run("init", "--delivery", "often").code == 2


def test_a_launched_agent_says_so(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `xw launch` started reports it with its status; others see `push`, also after another choice."""
    team.ok("init", "--name", "bob", "--delivery", "turn", by=None)
    monkeypatch.setenv("XW_RUN", str(team.folder))
    team.ok("notify", "status", "working", by="bob")
    monkeypatch.delenv("XW_RUN")
    assert team.json("peers", "bob")["peers"][0]["delivery_why"] == "set in xw.json"
    config = team.folder / "xw.json"
    config.write_text(config.read_text().replace('"turn"', "null"))
    peer = team.json("peers", "bob")["peers"][0]
    assert (peer["delivery"], peer["delivery_why"]) == ("push", "started by xw launch")


def test_hold_and_resume(team: Team) -> None:
    """A hold is in everybody's view, outlives a status of the agent's, and keeps what else that says."""
    team.ok("notify", "heartbeat", "busy", "--task", "the tests", by="bob")
    assert "bob is on hold: `xw resume bob`" in team.ok("hold", "bob")
    assert "as before" in team.ok("hold", by="bob")
    assert "on hold" not in team.ok("peers", "alice", by="bob")
    assert ", on hold (`xw resume bob`); the tests; " in team.ok("peers").replace("; seen 0s ago", "")
    team.ok("notify", "heartbeat", by="bob")
    assert "on hold until `xw resume bob`" in team.ok("peers", "bob")
    assert "on hold" in team.ok("who", by="bob")
    team.send("hello", kind="task")
    findings = {one["code"]: one for one in team.json("doctor", by="bob")["findings"]}
    assert (findings["on-hold"]["number"], findings["on-hold"]["fix"]) == (1, "xw resume bob")
    assert "hello" in team.ok("check", by="bob")
    assert team.json("resume", by="bob") == {"format": 1, "name": "bob", "on_hold": False, "changed": True}
    assert team.ok("resume", "bob") == "bob was not on hold\n"
    team.ok("hold", "bob")
    assert team.ok("resume", "bob") == "bob is off hold: its mail is shown again\n"
    assert not team.json("peers", "bob")["peers"][0]["on_hold"]


def test_a_hold_is_for_this_machine(team: Team, tmp_path: Path) -> None:
    """Who is not here, works elsewhere or is a room cannot be held: one line, exit 3, nothing is written."""
    (tmp_path / "other").mkdir()
    call(tmp_path / "other", "init", "--name", "dave", "--hub", str(team.hub))
    team.ok("room", "create", "tea", "--members", "alice,bob")
    for name, expected in (
        ("dave", "dave does not work on this machine"),
        ("tea", "tea is a room"),
        ("bobb", "no peer 'bobb' (did you mean bob?); `xw peers` lists them; try `xw hold bob`"),
        ("nosuch", "no peer 'nosuch'; `xw peers` lists them\n"),
    ):
        result = team.run("hold", name)
        assert (result.code, result.err.count("\n")) == (3, 1), result
        assert expected in result.err
    assert not list(team.hub.rglob(".hold.json"))
    call(tmp_path / "other", "notify", "heartbeat", environ={"XW_NAME": "dave"})
    assert "dave is on hold" in team.ok("hold", "dave")


def test_a_hold_is_for_an_agent(team: Team) -> None:
    """A person is shown nothing by itself; of an unknown acting name, the calls for those there are."""
    team.ok("init", "--name", "dana", "--kind", "human", by=None)
    for words, by in ((["hold"], "dana"), (["hold", "dana"], "alice")):
        refused = team.run(*words, by=by)
        assert refused.code == 6 and "dana is a person, who is shown nothing by itself" in refused.err
    assert not list(team.hub.rglob(".hold.json"))
    calls = "try `xw hold alice` or `xw hold bob` or `xw hold carol`\n"
    assert team.run("hold", "--as", "zoe", by=None).err.endswith(calls)
    assert "try" not in team.run("check", "--as", "zoe", by=None).err


def test_trace_tells_of_a_hold(team: Team) -> None:
    """Who asks where a message is reads that its recipient is on hold, and what ends that."""
    token = team.send("hello", kind="task")
    assert not team.json("trace", token)["recipients"][0]["on_hold"]
    team.ok("hold", "bob")
    assert team.ok("trace", token).endswith("): bob is on hold (`xw resume bob`)\n")
    assert team.json("trace", token)["recipients"][0]["on_hold"]


def test_a_wrong_value_is_named(team: Team) -> None:
    """xw.json with another word is refused, with the key and the four values."""
    choose(team, "pushy")
    result = team.run("who", by="bob")
    assert result.code == 2
    assert "instances.bob.delivery" in result.err
    assert "push" in result.err
