"""A long conversation of five behind real bridges, two of them on mirrors of the hub over a real sshd.

One of those two machines is killed and started again, and one member is mute.
Each member's program keeps what it was shown: order, attribution and limits
hold, and nothing is lost between the room's files and the programs.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridges.helpers import until as until_true
from tests.loop.processes import script

# A hub on a host with sshd, and machines that have joined it.
from tests.remote.conftest import Join, hub, join  # noqa: F401
from tests.remote.machine import disconnect
from tests.rooms.stage import Stage
from tests.rooms.test_crash import Record, check_room, everywhere, start
from tests.rooms.test_long import turns, until
from tests.ssh.conftest import home, keys, known, server  # noqa: F401

NAMES = ("a", "far", "b", "frail", "mute")
ANSWER_S = 6  # long beside an answer over SSH on a busy machine: only who is mute or dead is passed over
PATIENCE = 60.0

# What was shown is kept before it is answered; N counts the answers.
_ANSWERER = """
{{ cat; echo; }} >>"$0.shown"
number=$(cat "$0.count" 2>/dev/null || echo 0)
echo $((number + 1)) >"$0.count"
echo "says {name} $number"
"""
_MUTE = '{ cat; echo; } >>"$0.shown"; exec sleep 1000'


class Member:
    """One who talks: a program, and the processes that bring it its mail, which can be killed."""

    def __init__(self, folder: Path, name: str, *options: str, watched: bool = False) -> None:
        self.name = name
        self._folder = folder
        self._program = script(folder, _MUTE if name == "mute" else _ANSWERER.format(name=name))
        command = ["bridge", "command", "--as", name, *options, "--option", "remembers=yes"]
        self._commands = [[*command, "--", self._program]]
        if watched:
            self._commands.append(["sync", "--watch", "--as", name])
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the bridge, and on a mirror what keeps it fresh."""
        with (self._folder / f"reports-{self.name}").open("ab") as reports:
            self._running = [
                subprocess.Popen(
                    [sys.executable, "-m", "xw", *command],
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=reports,
                    stderr=reports,
                )
                for command in self._commands
            ]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End its processes; at SIGTERM a bridge ends its program too."""
        for process in self._running:
            process.send_signal(number)
        for process in self._running:
            process.wait(30)

    @property
    def ready(self) -> bool:
        """Return True once its processes have begun to serve it, which takes long on a busy machine."""
        signs = ("ready", "connected: ")[: len(self._commands)]
        return all(sign in self.said for sign in signs)

    @property
    def said(self) -> str:
        """Return the reports of its processes."""
        return (self._folder / f"reports-{self.name}").read_text()

    @property
    def shown(self) -> list[str]:
        """The short ids of the turns that its program was shown, in order."""
        text = Path(f"{self._program}.shown").read_text()
        return re.findall(r"^\[mail (\w+)\] question from talk \(verified\),", text, re.MULTILINE)


def gather(stage: Stage, join: Join, folder: Path) -> dict[str, Member]:  # noqa: F811  # a fixture
    """Return the five; `far` and `frail` have machines of their own."""
    members = {}
    for name in NAMES:
        if name in ("far", "frail"):
            members[name] = Member(join(name).folder, name, watched=True)
        else:
            stage.add(name)
            members[name] = Member(folder, name, "--hub", stage.root)
    disconnect()
    return members


def restart(stage: Stage, member: Member) -> None:
    """Start a member again in a pause of the room, until its late answer is there: turns pass quickly."""
    stage.ask("anna", "talk", "pause")
    until_true(lambda: any("paused" in text for _, text in stage.said("talk")))
    spoken = [author for author, _ in stage.said("talk")].count(member.name)
    member.start()
    until_true(lambda: [author for author, _ in stage.said("talk")].count(member.name) > spoken)
    stage.ask("anna", "talk", "resume")


def converse(stage: Stage, members: dict[str, Member], most: int) -> None:
    """`most` turns, with all that may happen in them."""
    limit = PATIENCE + most / 2
    frail = members["frail"]
    stage.room("talk", " ".join(NAMES), seed="go", turns=most, per_minute=0, words=0, answer_s=ANSWER_S)
    stage.add("anna", "human")
    for member in members.values():
        member.start()
    until_true(lambda: all(member.ready for member in members.values()))
    room = start(stage.root, "talk")
    try:
        until(stage, most // 3, limit)
        frail.end(signal.SIGKILL)
        until(stage, most // 2, limit)
        restart(stage, frail)
        _, problem = room.communicate(timeout=limit)
        assert room.returncode == 0, problem.decode()
    finally:
        room.kill()
        room.communicate()
        for member in members.values():
            member.end()


def check(stage: Stage, members: dict[str, Member], most: int) -> None:
    """Check the whole conversation."""
    check_room(stage.files, "talk", NAMES, reminded=["frail", "mute"])
    said = stage.said("talk")
    lines = [(author, text) for author, text in said if author in NAMES]
    events = [text for author, text in said if author == "talk"]
    assert turns(stage) == most
    assert events[-1].startswith(f"the room is closed: the limit of {most} turns is reached; ")
    passed_over = [text.split()[0] for text in events if "did not answer" in text]
    assert passed_over.count("mute") == 1 and set(passed_over) <= {"mute", "frail"}, members["far"].said
    for name, member in members.items():
        given = [one.short for one in everywhere(stage.files, name) if one.type == "question"]
        assert member.shown == given, f"each turn was shown once, in order: {member.said}"
        own = [text for author, text in lines if author == name]
        # Attribution, order and nothing lost: each answer is one line, under its author.
        answers = 0 if name == "mute" else len(given)
        assert own == [f"says {name} {number}" for number in range(answers)], member.said
    # Round robin: those who are always there have the same share, give or take one.
    shares = [sum(author == name for author, _ in lines) for name in ("a", "b", "far")]
    assert max(shares) - min(shares) <= 1
    back = max(number for number, (author, _) in enumerate(lines) if author == "frail")
    assert back > len(lines) // 2, "the restarted member took part again"


def run(stage: Stage, join: Join, folder: Path, most: int, record: Record) -> None:  # noqa: F811  # a fixture
    """The whole conversation, and what must be true of it."""
    members = gather(stage, join, folder)
    converse(stage, members, most)
    check(stage, members, most)
    what = "a mirror's bridge and sync killed and started again, one mute"
    record("campaign", ("turns of a room of bridges", what, turns(stage), 0))


@pytest.mark.long
def test_five_bridged_members_40_turns(
    stage: Stage,
    join: Join,  # noqa: F811
    tmp_path: Path,
    record_property: Record,
) -> None:
    """In 40 turns, the room has what the programs saw and said, once and in order."""
    run(stage, join, tmp_path, 40, record_property)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_five_bridged_members_1000_turns(
    stage: Stage,
    join: Join,  # noqa: F811
    tmp_path: Path,
    record_property: Record,
) -> None:
    """The same with 1,000 turns."""
    run(stage, join, tmp_path, 1000, record_property)
