"""What people type into a member's own window, and the answers, as lines of the member's room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from tests.bridges.wibwob_server import WibWob
from tests.cli.team import Team
from tests.loop.processes import bridge
from tests.loop.world import Crash, CrashingFiles
from tests.rooms.stage import Stage
from xw.bridges.loop import Bridge
from xw.bridges.overheard import POLL_S, Ears
from xw.bridges.serve import _Attentive
from xw.bridges.socket import SocketChat, open_chat
from xw.errors import Usage
from xw.rooms.coordinator import Coordinator

Hear = Callable[..., Ears]


@pytest.fixture
def window(tmp_path: Path) -> Iterator[WibWob]:
    """The window of bob's program."""
    server = WibWob(tmp_path / "wibwob_1.sock")
    yield server
    server.stop()


def listen(stage: Stage, window: WibWob, told: list[str] | None = None) -> Ears:
    """Return what hears bob's window, as a new bridge has it."""
    state = Path(stage.root, "bob/bridge/socket")
    state.mkdir(parents=True, exist_ok=True)
    chat = SocketChat(str(window.path), settle_s=0.0)
    return Ears(stage.instance("bob"), chat, state, (told if told is not None else []).append)


def present(stage: Stage, window: WibWob, room: Coordinator) -> Ears:
    """Let bob's bridge show its program the first turn; return what hears the window since."""
    room.step()
    bob = stage.instance("bob")
    chat = SocketChat(str(window.path), settle_s=0.0)
    ears = listen(stage, window)
    both = _Attentive(Bridge(bob, chat), ears)
    until(lambda: both.step() is not None and any(author == "bob" for author, _ in _heard(stage, room)))
    return ears


def _heard(stage: Stage, room: Coordinator) -> list[tuple[str, str]]:
    room.step()
    return stage.said(room.state.name)


def hear(ears: Ears) -> None:
    """Let the ears take everything that is there."""
    while ears.step() == 0.0:
        pass


def lines(stage: Stage, room: Coordinator) -> list[str]:
    """Return what bob's mailbox said in the room after its first turn."""
    return [text for author, text in _heard(stage, room) if author == "bob"][1:]


def test_words_and_answer_become_lines(stage: Stage, window: WibWob) -> None:
    """Both are lines of the member, once each; a person's @name in them counts, and no rate of messages."""
    room = stage.run(stage.room("talk", "bob carol dave", seed="x", per_minute=2))
    ears = present(stage, window, room)
    assert ears.step() == POLL_S
    window.auto = False
    said: list[str] = []
    for words, answer in (("What of tea, @dave?", "Tea is fine."), ("And water?", "Too soon.")):
        window.input(words)
        assert ears.step() == POLL_S and lines(stage, room) == said, "it is not answered yet"
        window.say(answer)
        window.finish()
        hear(ears)
        hear(ears)
        said += [f"(typed in bob's own window) {words}", answer]
        assert lines(stage, room) == said[:3], "the second answer is over the member's rate"
    stage.answer("carol", "well")
    room.step()
    assert stage.floor("bob", "carol", "dave") == ["dave"]
    turn = stage.turn("dave")
    assert turn and "bob: (typed in bob's own window) What of tea, @dave?" in turn.body


def test_only_since_its_turn_and_only_while_a_member(stage: Stage, window: WibWob) -> None:
    """Nothing is passed on before the first turn, nor after leaving, nor the mail that the bridge shows."""
    window.input("a private word")
    room = stage.run(stage.room("talk", "bob carol", seed="x"))
    ears = listen(stage, window)
    assert ears.step() is None
    ears = present(stage, window, room)
    hear(ears)
    assert lines(stage, room) == []
    stage.ask("bob", "talk", "leave")
    room.step()
    window.input("another private word")
    assert ears.step() is None
    assert lines(stage, room) == []


def test_an_orderly_end_forgets_the_place(stage: Stage, window: WibWob) -> None:
    """What is typed while no bridge runs is not for the room; after a kill it is."""
    room = stage.run(stage.room("talk", "bob carol", seed="x", per_minute=0))
    ears = present(stage, window, room)
    hear(ears)
    window.input("after a kill")
    ears = listen(stage, window)
    hear(ears)
    assert lines(stage, room)[0].endswith("after a kill") and len(lines(stage, room)) == 2
    ears.close()
    window.input("without a bridge")
    ears = listen(stage, window)
    hear(ears)
    window.input("with a bridge")
    hear(ears)
    assert [text for text in lines(stage, room) if "bridge" in text] == [
        "(typed in bob's own window) with a bridge"
    ]


def test_a_cleared_history(stage: Stage, window: WibWob) -> None:
    """After the person has cleared the window, what follows is heard."""
    room = stage.run(stage.room("talk", "bob carol", seed="x", per_minute=0))
    ears = present(stage, window, room)
    hear(ears)
    window.input("/clear")
    hear(ears)
    window.input("fresh")
    hear(ears)
    assert lines(stage, room)[0] == "(typed in bob's own window) fresh"


def test_killed_at_any_step(tmp_path: Path, window: WibWob) -> None:
    """Wherever the bridge dies, the next one sends each line once."""
    fatal = 0
    while True:
        fatal += 1
        for when in ("before", "after"):
            folder = tmp_path / f"{fatal}{when}"
            folder.mkdir()
            stage = Stage(folder, CrashingFiles)
            window.messages.clear()
            room = stage.run(stage.room("talk", "bob carol", seed="x", per_minute=0))
            ears = present(stage, window, room)
            hear(ears)
            window.input("typed")
            ears = listen(stage, window)
            assert isinstance(stage.files, CrashingFiles)
            files = ears._own.files = CrashingFiles(ears._own.files.root)
            files.steps = stage.files.steps = 0
            target = files if fatal % 2 else stage.files
            target.fatal = ((fatal + 1) // 2, when)
            died = False
            try:
                hear(ears)
            except Crash:
                died = True
            stage.files.fatal = (0, "")
            hear(listen(stage, window))
            words, answer = lines(stage, room)
            assert words.endswith("typed") and answer.startswith("You said")
        if fatal > 12 and not died:
            return


def test_the_option(tmp_path: Path) -> None:
    """`hear=no` turns it off; another value is an error that names the known ones."""
    assert open_chat("1", {}, tmp_path).hears and not open_chat("1", {"hear": "no"}, tmp_path).hears
    with pytest.raises(Usage, match="use own or no"):
        open_chat("1", {"hear": "all"}, tmp_path)


def test_a_real_bridge_hears(team: Team, window: WibWob) -> None:
    """`xw bridge socket` passes on what is typed beside the room's turn, while a real coordinator runs."""
    bridge(team, "bob", "socket", "--target", str(window.path), "--option", "settle=0.1")
    team.ok("room", "create", "salon", "--members", "bob", "--seed", "x")
    running = team.start("room", "run", "salon")
    until(lambda: "bob (verified): You said" in team.ok("log", "--room", "salon"))
    window.input("Is it typed?")
    until(lambda: team.ok("log", "--room", "salon").count("bob (verified): You said") == 2, 30)
    assert "bob (verified): (typed in bob's own window) Is it typed?" in team.ok("log", "--room", "salon")
    team.ok("room", "close", "salon")
    running.communicate(timeout=30)
