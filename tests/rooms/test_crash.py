"""A coordinator that is cut off: at every step it takes, and by kill -9 at random moments.

No turn is lost, none is given twice, and the transcript is whole.
"""

import errno
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from tests.guarantees.sample import of_each_kind
from tests.rooms.stage import Stage
from xw import layout
from xw.actions import rooms
from xw.files.local import LocalFiles
from xw.files.walk import Walk
from xw.layout import INBOX
from xw.mailbox import Mailbox, Place
from xw.message import Message
from xw.rooms import payload

Record = Callable[[str, object], None]
"""pytest's `record_property`: what the table of docs/torture.md is made of."""


STILL_S = 60.0
"""A coordinator that gives no turn for so long stands still, on the busiest machine."""


class Cut(BaseException):
    """The process ends here."""


class Fragile(LocalFiles):
    """Files whose process dies before their n-th change, also between two links of one publish.

    Or, with `full`, whose disk has no room for that change.
    """

    left = 1 << 60
    full = False
    hit = False  # whether it came to that change
    steps: ClassVar[list[str]] = []
    """All changes, each as what is done in which folder."""

    def _count(self, change: str, path: str) -> None:
        Fragile.steps.append(f"{change} {path.rpartition('/')[0]}")
        Fragile.left -= 1
        if Fragile.left < 0:
            Fragile.hit = True
            if not Fragile.full:
                raise Cut
            Fragile.left = 1 << 60  # what follows is tidying up
            raise OSError(errno.ENOSPC, "No space left on device")

    def _link(self, walk: Walk, temporary: str, target: str, data: bytes, made: list[str]) -> None:
        self._count("link", target)
        super()._link(walk, temporary, target, data, made)

    def _rename(self, walk: Walk, source: str, target: str) -> None:
        self._count("move", target)
        super()._rename(walk, source, target)

    def _remove(self, path: str) -> None:
        self._count("remove", path)
        super()._remove(path)

    def replace(self, data: bytes, scratch: str, path: str) -> None:
        self._count("replace", path)
        super().replace(data, scratch, path)


def everywhere(files: LocalFiles, name: str) -> list[Message]:
    """All messages that an instance has received, in whatever state."""
    mailbox = Mailbox(files, name)
    places = [
        Place(INBOX[state], file)
        for state in ("pending", "processing", "done")
        for file in mailbox.names(INBOX[state])
    ]
    return [mailbox.read(place) for place in sorted(places, key=lambda place: place.name)]


def check_room(files: LocalFiles, room: str, members: Sequence[str], reminded: Sequence[str] = ()) -> None:
    """Turns are numbered without a gap or a repeat, each lies with its member once, each line is shown once.

    Those who came back are reminded of lines that they were shown before.
    """
    mailbox = Mailbox(files, room)
    sent = [mailbox.read(Place(layout.SENT, name)) for name in mailbox.names(layout.SENT)]
    turns = [message for message in sent if message.type == "question"]
    numbers = [own.fields["turn"] for message in turns if (own := payload.read(message))]
    assert numbers == list(range(1, len(turns) + 1))
    given: Counter[str] = Counter()
    for member in members:
        given.update(one.id for one in everywhere(files, member) if one.type == "question")
    assert given == Counter(message.id for message in turns)
    for member in members:
        for one in everywhere(files, member):
            assert Mailbox(files, member).missing(one.id, one.attachments) == {}
    for member in set(members) - set(reminded):
        shown = [line for one in everywhere(files, member) for line in one.body.split("\n")]
        for line, count in Counter(line for line in shown if ": says " in line).items():
            assert count == 1, (member, line)
    taken = [line for message in sent if (own := payload.read(message)) for line in own.took]
    assert len(taken) == len(set(taken)), "no line is taken twice"


def play(stage: Stage, cut: int) -> bool:
    """Play a conversation of three, with a crash before change `cut`; return True if it was reached."""
    stage.room("talk", "a b c", seed="go", turns=8, answer_s=5)
    stage.add("zoe")
    stage.add("anna", "human")
    at_step, room = 0, None
    Fragile.left, Fragile.hit, Fragile.steps = cut, False, []
    while at_step < 14:
        try:
            if room is None:
                room = stage.run("talk")
                if at_step == 2 and room.state.members["b"].open:
                    stage.wait(6)  # a new coordinator gives it its whole time again
            room.step()
        except OSError:
            continue  # the same coordinator goes on
        except Cut:
            room = None
            Fragile.left = 1 << 60
            continue
        # The others' steps are not what is cut.
        left, steps = Fragile.left, Fragile.steps
        Fragile.left, Fragile.steps = 1 << 60, []
        for name in "abc":
            if stage.turn(name) and not (name == "b" and at_step < 6):
                stage.answer(name, f"says {name}{at_step}")
        happens(stage, at_step)
        Fragile.left, Fragile.steps = left, steps
        at_step += 1
    Fragile.left = 1 << 60
    return Fragile.hit


def happens(stage: Stage, at_step: int) -> None:
    """Run the other events while the three talk."""
    if at_step == 1:
        stage.send("zoe", "talk", "let me in")
        stage.wait(6)
    if at_step == 3:
        stage.ask("zoe", "talk", "join")
        stage.send("anna", "talk", "says anna", files=(__file__,))
    if at_step == 4:
        stage.ask("anna", "talk", "pause")
    if at_step == 5:
        stage.ask("anna", "talk", "resume")
        stage.ask("zoe", "talk", "leave")


def outcome(stage: Stage) -> list[tuple[str, str]]:
    """Return what was said and done, without times."""
    return stage.said("talk")


def cut_off(tmp_path: Path, every: int, name: str) -> int:
    """Play it once for each kind of change, and for one change in `every`, cut off before it; how often."""
    calm = Stage(tmp_path / "calm", Fragile)
    assert not play(calm, 1 << 60)
    expected, steps = outcome(calm), Fragile.steps
    assert len(expected) > 12
    assert len(steps) > 80
    cuts = of_each_kind(range(len(steps)), steps.__getitem__, every, name)
    for cut in cuts:
        stage = Stage(tmp_path / str(cut), Fragile)
        assert play(stage, cut)
        assert outcome(stage) == expected, f"cut before change {cut}"
        check_room(stage.files, "talk", ["a", "b", "c"], reminded=["b"])
        for name in "abc":
            given = [one for one in everywhere(stage.files, name) if "says anna" in one.body]
            assert [len(one.attachments) for one in given] == [1], f"cut before change {cut}"
        assert not stage.hub.rooms().is_open("talk")
        refusals = [one for one in everywhere(stage.files, "zoe") if "refused: " in one.body]
        assert len(refusals) == 1
    return len(cuts)


@pytest.mark.parametrize("full", [False, True])
def test_cut_off_at_every_kind_of_change(tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the coordinator dies, or the disk is full, the conversation is the same."""
    monkeypatch.setattr(Fragile, "full", full)
    cut_off(tmp_path, 15, "full" if full else "cut")


@pytest.mark.torture
@pytest.mark.parametrize("full", [False, True])
def test_cut_off_at_every_change(
    tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    """At full size: before every change."""
    monkeypatch.setattr(Fragile, "full", full)
    count = cut_off(tmp_path, 1, "")
    record_property("campaign", ("a coordinator cut off", "disk full" if full else "killed", count, 0))


def start(root: str, room: str) -> "subprocess.Popen[bytes]":
    """Return a real coordinator, as a process."""
    command = [sys.executable, "-m", "xw", "room", "run", room, "--hub", root]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_and_talk(tmp_path: Path, kills: int, seed: int) -> int:
    """Members answer at once while the coordinator is killed again and again; how often it was."""
    stage = Stage(tmp_path)
    stage.now = lambda: time.time_ns() // 1000  # type: ignore[method-assign]  # the process has the real clock
    members, turns = ["a", "b", "c"], kills * 12
    stage.room("talk", " ".join(members), seed="go", turns=turns, per_minute=0, words=0)
    chance = random.Random(seed)
    done = killed = 0
    for number in range(kills + 1):
        process = start(stage.root, "talk")
        # Counted from its first sign of life, so that kills fall into its work and not into its start.
        before, moved, die_at = done, time.monotonic(), None
        while process.poll() is None and time.monotonic() < moved + STILL_S:
            answered = [stage.answer(name, f"says {name}{done}") for name in stage.floor(*members)]
            done += len(answered)
            if answered:
                moved = time.monotonic()
            if done > before and number < kills and die_at is None:
                die_at = time.monotonic() + chance.uniform(0.0, 0.03)
            if die_at and time.monotonic() >= die_at:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += process.returncode == -signal.SIGKILL
            if not answered:
                time.sleep(0.0005)  # a member looks this often; nothing depends on it
        if process.poll() is None:
            process.kill()
        _, problem = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), problem.decode()
    state = rooms.look(stage.instance("talk")).state
    assert (state.status, state.turns, done) == ("closed", turns, turns)
    check_room(stage.files, "talk", members)
    lines = [text for author, text in stage.said("talk") if author in members]
    assert lines == [f"says {'abc'[number % 3]}{number}" for number in range(turns)]
    return killed


def test_killed_at_random(tmp_path: Path, record_property: Record) -> None:
    """5 times kill -9 of the real coordinator: every turn once, every line once, in order."""
    killed = kill_and_talk(tmp_path, 5, 1)
    record_property("campaign", ("random kills of a coordinator", "turns, lines", killed, 0))


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_killed_200_times(tmp_path: Path, record_property: Record) -> None:
    """The same with 200 kills."""
    killed = kill_and_talk(tmp_path, 200, 2)
    record_property("campaign", ("random kills of a coordinator", "turns, lines", killed, 0))
