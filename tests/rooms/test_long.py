"""A long conversation of five, one killed and restarted, one silent: order, attribution, limits."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rooms import crowd
from tests.rooms.stage import Stage
from tests.rooms.test_crash import Record, check_room, start
from xw import layout
from xw.layout import INBOX
from xw.mailbox import Mailbox

NAMES = ("a", "b", "c", "mute", "frail")
ANSWER_S = 6  # long beside an answer on a busy machine: only who is mute or dead is passed over
PATIENCE = 60.0


def join(stage: Stage, *names: str) -> "subprocess.Popen[bytes]":
    """Start a process in which these members answer their turns, and return it."""
    return subprocess.Popen([sys.executable, crowd.__file__, stage.root, *names], stdin=subprocess.PIPE)


def turns(stage: Stage) -> int:
    """Return the number of turns that the room has given."""
    names = Mailbox(stage.files, "talk").names(layout.SENT)
    return sum(".question." in name for name in names)


def until(stage: Stage, count: int, limit: float) -> None:
    """Wait until the room has given so many turns."""
    deadline = time.monotonic() + limit
    while turns(stage) < count:
        assert time.monotonic() < deadline, f"only {turns(stage)} turns of {count}"
        time.sleep(0.005)


def answered(stage: Stage, name: str, limit: float) -> None:
    """Wait until a member has answered all turns that it was given."""
    deadline = time.monotonic() + limit
    while any(".question." in turn for turn in Mailbox(stage.files, name).names(INBOX["pending"])):
        assert time.monotonic() < deadline, f"{name} does not answer"
        time.sleep(0.005)


def converse(tmp_path: Path, most: int, record_property: Record) -> None:
    """Five members and `most` turns, with all that may happen to them."""
    stage = Stage(tmp_path)
    stage.now = lambda: time.time_ns() // 1000  # type: ignore[method-assign]  # processes have the real clock
    stage.room("talk", " ".join(NAMES), seed="go", turns=most, per_minute=0, words=0, answer_s=ANSWER_S)
    limit = PATIENCE + most / 10
    steady, frail = join(stage, "a", "b", "c"), join(stage, "frail")
    room = start(stage.root, "talk")
    try:
        until(stage, most // 3, limit)
        frail.kill()
        frail.communicate()
        until(stage, most // 2, limit)
        room.send_signal(signal.SIGSTOP)  # else the others could be through before the new process is up
        frail = join(stage, "frail")
        answered(stage, "frail", limit)
        room.send_signal(signal.SIGCONT)
        _, problem = room.communicate(timeout=limit)
        assert room.returncode == 0, problem.decode()
    finally:
        for process in (steady, frail, room):
            process.kill()
            process.communicate()
    check(stage, most)
    what = "one of five killed and started again, one mute"
    record_property("campaign", ("turns of a room", what, turns(stage), 0))


def check(stage: Stage, most: int) -> None:
    """Check the whole conversation."""
    check_room(stage.files, "talk", NAMES, reminded=["frail", "mute"])
    said = stage.said("talk")
    lines = [(author, text) for author, text in said if author in NAMES]
    events = [text for author, text in said if author == "talk"]
    assert turns(stage) == most
    assert events[-1].startswith(f"the room is closed: the limit of {most} turns is reached; ")
    assert sum("mute did not answer" in text for text in events) == 1
    # Attribution and order: each line under its author, each author's lines in the order it said them.
    for name in set(NAMES) - {"mute"}:
        own = [text for author, text in lines if author == name]
        assert own == [f"{name} {number}" for number in range(len(own))]
    passed_over = sum("did not answer" in text for text in events)
    assert most - passed_over <= len(lines) <= most
    # Round robin: those who are always there have the same share, give or take one.
    shares = [sum(author == name for author, _ in lines) for name in "abc"]
    assert max(shares) - min(shares) <= 1
    back = max(number for number, (author, _) in enumerate(lines) if author == "frail")
    assert back > len(lines) // 2, "the restarted member took part again"


@pytest.mark.long
def test_five_members_50_turns(tmp_path: Path, record_property: Record) -> None:
    """50 turns: nothing lost, nothing twice, limits and order hold."""
    converse(tmp_path, 50, record_property)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_five_members_1000_turns(tmp_path: Path, record_property: Record) -> None:
    """The same with 1,000 turns."""
    converse(tmp_path, 1000, record_property)
