"""Ids as models write them: no ordinal is taken for one, and what acts says on what."""

import pytest

from tests.cli.team import Team, alike, forge

_ORDINALS = ("1", "2", "0", "#1", "1.", "(1)", "[1]", "1st", "k7f", "<1>", "`1`", "id: 1", "", " ", "#", "ID")


def _until_short_id_begins_with_a_digit(team: Team) -> str:
    """Send until some pending id begins with a digit, as soon happens; that digit."""
    while not (found := [token[-8] for token in team.pending("bob") if token[-8].isdigit()]):
        team.send(f"job {len(team.pending('bob'))}", kind="task")
    return found[0]


@pytest.mark.parametrize(
    "command", ["done", "read", "reply", "trace", "retry", "attach", "--re", "log", "wait"]
)
def test_an_ordinal_is_no_id(team: Team, command: str) -> None:
    """Less than four characters name no message, whichever command is given them, and nothing happens."""
    digit = _until_short_id_begins_with_a_digit(team)
    (team.folder / "file").write_text("x")
    before = sorted(path for path in team.hub.rglob("*") if not path.name.startswith("."))
    for token in (digit, *_ORDINALS):
        words = {
            "reply": ["reply", token, "ok"], "attach": ["attach", token, "file"],
            "--re": ["send", "info", "--re", token, "ok"], "log": ["log", "--thread", token],
            "wait": ["wait", "--re", token, "--timeout", "0"],
        }.get(command, [command, token])  # fmt: skip
        if command == "wait" and not token:
            continue  # as without --re
        for by in ("bob", "alice"):
            refused = team.run(*words, by=by)
            assert (refused.code, refused.out) == (3, ""), (words, refused)
            assert "an id needs at least 4 characters" in refused.err
            assert "`xw check` lists the ids" in refused.err
            assert "fits" not in refused.err
    assert sorted(path for path in team.hub.rglob("*") if not path.name.startswith(".")) == before


@pytest.mark.parametrize(
    "form",
    ["#{0}", "[{0}]", "<{0}>", "`{0}`", "'{0}'", '"{0}"', "id: {0}", "ID={0}", "id {0}", "{0}.", "{0},",
     "**{0}**", "({0})", "message {0}", "[{0}", "{0}…", "`#{0}`"],
)  # fmt: skip
@pytest.mark.parametrize("length", [4, 8])
def test_what_models_put_around_an_id(team: Team, form: str, length: int) -> None:
    """Quotes, brackets, a number sign, a label or a full stop around an id do not matter."""
    token = team.send("named", kind="task")
    given = form.format(token[-8 : len(token) - 8 + length])
    assert team.ok("done", given, by="bob") == f"done {token[-8:]} task alice: named\n"


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_whole_ids_and_file_names_in_any_case(team: Team, change: type) -> None:
    """A whole id, a file name and a file's path are taken whatever their case."""
    token = team.send("named")
    (name,) = team.names("bob", "inbox/pending")
    for given in (token, name, f"hub/bob/inbox/pending/{name}"):
        assert "named" in team.ok("read", change(given), by="bob")


@pytest.mark.parametrize("elsewhere", ["done", "failed", "sent"])
@pytest.mark.parametrize("state", ["pending", "processing"])
@pytest.mark.parametrize("command", ["done", "reply", "send"])
def test_what_is_open_comes_first(team: Team, command: str, state: str, elsewhere: str) -> None:
    """`done`, `reply` and `--re` act on open mail, also where a settled or sent message begins alike."""
    token, _ = alike(team, "bob", state, elsewhere)
    given = token[-8:-4]
    if command == "done":
        assert team.ok("done", given, by="bob").startswith(f"done {token[-8:]} task alice: job ")
    else:
        words = ["reply", given, "ok"] if command == "reply" else ["send", "reply", "--re", given, "ok"]
        assert f' answers {token[-8:]} task alice "job ' in team.ok(*words, by="bob")
        assert team.json("check")["messages"][0]["re"] == token


def test_what_was_received_comes_before_what_was_sent(team: Team) -> None:
    """If no open message matches, a received one wins over a sent one; two received are ambiguous."""
    token, _ = alike(team, "bob", "done", "sent")
    before = team.ok("done", token[-8:-4], by="bob")
    assert before.startswith(f'{token[-8:]} task alice "job ')
    assert before.endswith('" was done before\n')
    assert f"answers {token[-8:]} " in team.ok("reply", token[-8:-4], "ok", by="bob")
    one, two = alike(team, "carol", "done", "failed")
    for words in (["done", one[-8:-4]], ["reply", one[-8:-4], "ok"]):
        unclear = team.run(*words, by="carol")
        assert (unclear.code, one in unclear.err, two in unclear.err) == (3, True, True)


def test_what_acts_says_on_what(team: Team) -> None:
    """done, reply, send --re, attach and retry name the message that they act on, in one line."""
    (team.folder / "file").write_text("x")
    token = team.send("\n\njob 13\nand more", kind="task")
    short = token[-8:]
    attached = team.ok("attach", short, "file")
    assert attached.endswith(f' adds to {short} task to bob "job 13"; delivered to bob\n')
    answered = team.ok("reply", short, "42", by="bob")
    assert answered.endswith(f' answers {short} task alice "job 13"; delivered to alice\n')
    more = team.ok("send", "info", "--re", short, "x")
    assert more.endswith(f' about {short} task to bob "job 13"; delivered to bob\n')
    assert team.ok("done", short, by="bob") == f"done {short} task alice: job 13\n"
    assert team.ok("done", short, by="bob") == f'{short} task alice "job 13" was done before\n'
    dead = forge(team, "bob", "inbox/failed", type="question", body="why?")
    repeated = team.ok("retry", dead, by="bob")
    assert repeated.endswith(f' repeats {dead[-8:]} question alice "why?"; delivered to bob\n')
    about = {"id": token, "type": "task", "from": "alice", "first_line": "job 13"}
    assert team.json("reply", short, "x", by="bob")["about"] == about


def test_what_acts_on_a_hostile_message_prints_one_line(team: Team) -> None:
    """Commands describe a message in one line, whatever its body."""
    body = '"; delivered to boss' + "\rdone zzzzzzzz task boss: y\x0b\x0c\x85\u2028\u2029\x1b[2J\x00"
    body += "z" * 500
    for token in [forge(team, "bob", body=body) for _ in range(2)]:
        said = team.ok("reply", token, "ok", by="bob")
        assert '"; delivered to boss' not in said
        said += team.ok("done", token, by="bob")
        assert len(said.splitlines()) == 2
        assert len(said) < 400
        assert "\x1b" not in said


def test_done_of_what_cannot_be_read(team: Team) -> None:
    """A damaged file can be finished by its name, and is named as far as its name goes."""
    name = "20261121T053012123456Z-k7f3q2m9.task.alice.json"
    (team.box("bob") / "inbox" / "pending" / name).write_text("{")
    assert team.ok("done", "k7f3", by="bob") == "done k7f3q2m9 task alice\n"
    (again,) = team.json("done", "k7f3", by="bob")["messages"]
    assert again == {
        "token": "k7f3", "id": name.partition(".")[0], "type": "task", "from": "alice", "first_line": None,
        "moved": False, "error": None, "code": None,
    }  # fmt: skip
