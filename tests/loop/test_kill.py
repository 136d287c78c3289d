"""kill -9 of the bridge's process at random moments, again and again, with real chats."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team, until
from tests.loop.processes import Running, bridge, script
from tests.programs.natives import Codex, OpenCode
from tests.programs.running import Claude, noting
from xw.files.local import LocalFiles
from xw.journal import Journal
from xw.mailbox import Mailbox

Seen = Callable[[], list[str]]
"""The short ids of the messages that the chat program was shown, in order, as often as it was."""

Record = Callable[[str, object], None]
"""pytest's `record_property`: what the table of docs/torture.md is made of."""

PROGRAM = r"""
id=$(sed -n 's/^\[end \([0-9a-z]*\)\] answer .*/\1/p')
echo "$id" >>{log}
echo "the answer to $id"
"""


@contextmanager
def command_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield a command that logs each text it gets."""
    log = folder / "shown"
    log.touch()
    program = script(folder, PROGRAM.format(log=log))
    yield ["command", "--", program], lambda: log.read_text().split()


@contextmanager
def lines_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield a long-lived program that logs each text it gets."""
    log = folder / "shown"
    log.touch()
    code = (
        "import json,re,sys\n"
        "for line in sys.stdin:\n"
        "    said = json.loads(line)\n"
        "    short = re.search(r'^\\[end (\\w+)\\] answer', said['text'], re.M)[1]\n"
        f"    open({str(log)!r}, 'a').write(short + '\\n')\n"
        "    print(json.dumps({'id': said['id'], 'text': 'the answer to ' + short}), flush=True)\n"
    )
    (folder / "program.py").write_text(code)
    target = f"python3 {folder}/program.py"
    yield ["command", "--target", target, "--option", "lines=yes"], lambda: log.read_text().split()


@contextmanager
def socket_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield a WibWob with its wire's limits; its history has each text it gets."""
    server = WibWob(folder / "chat.sock")

    def seen() -> list[str]:
        return short_ids([one["content"] for one in list(server.messages) if one["role"] == "user"])

    try:
        yield ["socket", "--target", str(server.path), "--option", "settle=0.05"], seen
    finally:
        server.stop()


def short_ids(texts: list[str]) -> list[str]:
    """Return the short ids of the messages in these texts."""
    return [text.rpartition("[end ")[2].partition("]")[0] for text in texts if "[end " in text]


@contextmanager
def codex_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield a session of Codex; its record has each text it gets."""
    program = Codex(folder / "codex", "hello")
    try:
        until(lambda: program.turns)
        target = ["--target", str(program.process.pid)]
        yield ["codex", *target], lambda: short_ids(program.heard())
    finally:
        program.end()


@contextmanager
def opencode_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield an opencode with its server; its sessions have each text they get."""
    program = OpenCode(folder / "opencode")
    try:
        until(lambda: program.ask("/session") is not None)
        yield ["opencode", "--target", program.url], lambda: short_ids(program.heard())
    finally:
        program.end()


@contextmanager
def claude_chat(folder: Path) -> Iterator[tuple[list[str], Seen]]:
    """Yield a session of Claude Code; its transcript has each text that its model got."""
    claude = Claude(folder, folder, "--settings", noting(folder / ".xw/hub", "bob"))
    until(lambda: claude.idle)

    try:
        target = ["--target", str(claude.process.pid)]
        yield ["claude", *target], lambda: short_ids(claude.entries("user"))
    finally:
        claude.end()
        claude.scratch.cleanup()


NATIVE = {"codex": codex_chat, "opencode": opencode_chat, "claude": claude_chat}
CHATS = {"command": command_chat, "lines": lines_chat, "socket": socket_chat, **NATIVE}


def _campaign(team: Team, chat: str, kills: int, seed: int, record: Record) -> None:
    """Send a message, kill the bridge some milliseconds later, start another; the last one comes to rest."""
    dice, killed = random.Random(seed), 0
    with CHATS[chat](team.folder) as (arguments, seen):
        sent: list[str] = []
        course = _course(team, arguments, sent) if chat in NATIVE else 0.08
        for _ in range(kills):
            running = bridge(team, "bob", *arguments)
            sent.append(team.send("what is up?", kind="question"))
            time.sleep(dice.uniform(0.0, course))  # the moment of the kill is what is random here
            running.kill()
            killed += 1
            if dice.random() < 0.3:  # also while it starts and goes on with what it finds
                running = Running(team, "bob", "bridge", *arguments)
                time.sleep(dice.uniform(0.2, 0.7))
                running.kill()
                killed += 1
        running = bridge(team, "bob", *arguments)
        _rest(team)
        running.end()
        shown = seen()
    _check(team, sent, shown, chat)
    record("campaign", ("random kills of a bridge", chat, killed, 0))


def _course(team: Team, arguments: list[str], sent: list[str]) -> float:
    """Return the seconds that a message takes which nothing disturbs, on this machine at this moment."""
    running, began = bridge(team, "bob", *arguments), time.monotonic()
    sent.append(team.send("what is up?", kind="question"))
    until(lambda: team.names("bob", "inbox/done"))
    running.end()
    return time.monotonic() - began


def _rest(team: Team) -> None:
    """Wait until bob has no mail left, as long as it becomes less."""

    def left() -> list[str]:
        return team.names("bob", "inbox/pending") + team.names("bob", "inbox/processing")

    while now := left():
        until(lambda now=now: left() != now)  # type: ignore[misc]


def _kill_programs(team: Team, kills: int, seed: int, record: Record) -> None:
    """Send a message, kill Claude Code some milliseconds later, resume its session; the bridge stays."""
    dice, sent, answers = random.Random(seed), [], set()
    resumed: list[str] = []
    settings = ("--settings", noting(team.hub, "bob"))
    running = bridge(team, "bob", "claude", "--target", "auto")
    for number in range(kills + 1):
        claude = Claude(team.folder, team.folder, *settings, *resumed)
        until(lambda one=claude: one.idle)  # type: ignore[misc]
        resumed = ["--resume", claude.session["sessionId"]]
        kept = Journal(Mailbox(LocalFiles(str(team.hub)), "bob"), "claude", resumed[1])
        sent.append(team.send("what is up?", kind="question"))
        if number < kills:
            time.sleep(dice.uniform(0.0, 0.8))  # the moment of the kill is what is random here
            claude.kill()
            claude.scratch.cleanup()
        answers |= {event.number for event in kept.events() if event.kind == "answer"}
    _rest(team)
    running.end()
    shown = short_ids(claude.entries("user"))
    claude.end()
    claude.scratch.cleanup()
    _check(team, sent, shown, "claude, killed")
    answers |= {event.number for event in kept.events() if event.kind == "answer"}
    assert len(answers) <= len(team.names("bob", "inbox/done")), "an answer was lost"
    record("campaign", ("random kills of a program", "claude", kills, 0))


def _check(team: Team, sent: list[str], shown: list[str], chat: str) -> None:
    assert max(Counter(shown).values(), default=0) <= 1, "a text was shown twice"
    told: Counter[str] = Counter()
    replies: Counter[str] = Counter()
    for line in team.ok("log", "--format", "json", by="alice").splitlines():
        message = json.loads(line)
        if message["from"] == "alice":
            continue
        (replies if message["type"] == "reply" else told)[message["re"]] += 1
    done = {name.partition(".")[0] for name in team.names("bob", "inbox/done")}
    failed = {name.partition(".")[0] for name in team.names("bob", "inbox/failed")}
    for message_id in sent:
        where = f"{message_id} ({chat})"
        if message_id in done:
            assert (replies[message_id], told[message_id]) == (1, 0), where
        else:
            assert message_id in failed and (replies[message_id], told[message_id]) == (0, 1), where
            why = team.json("check", "--failed", by="bob")["dead_letters"]
            assert {one["kind"] for one in why} <= {"uncertain", "gone"}, why
    # The others can tell after any crash whether a text went in, and keep the answer.
    if chat not in ("lines", "opencode", "claude, killed"):
        assert not failed and len(shown) == len(sent)
    if chat == "opencode":  # noted as sent, and killed before it was
        assert len(failed) <= 2 and len(shown) == len(sent) - len(failed)


@pytest.mark.parametrize("chat", CHATS)
def test_killed_at_random(team: Team, chat: str, record_property: Record) -> None:
    """Some kills: nothing shown twice, no answer lost that the chat gave, every message accounted for."""
    _campaign(team, chat, 3 if chat in NATIVE else 5, seed=4, record=record_property)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chat", CHATS)
def test_killed_200_times(team: Team, chat: str, record_property: Record) -> None:
    """The same with 200 kills."""
    _campaign(team, chat, 200, seed=int(time.time()), record=record_property)


def test_program_killed_at_random(team: Team, record_property: Record) -> None:
    """3 kills of the program under a bridge: nothing shown twice, no answer lost, and it goes on."""
    _kill_programs(team, 3, 5, record_property)


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_program_killed_200_times(team: Team, record_property: Record) -> None:
    """The same with 200 kills."""
    _kill_programs(team, 200, int(time.time()), record_property)


def test_one_bridge_per_instance(team: Team) -> None:
    """A second bridge for an instance is refused, and one may start the moment the first is killed."""
    first = bridge(team, "bob", "command", "--", "cat")
    second = Running(team, "bob", "bridge", "command", "--", "cat")
    assert second.process.wait(30) == 1 and "another bridge runs for bob" in second.said
    first.kill()
    bridge(team, "bob", "command", "--", "cat").end()
