"""The chat of kind `best`: which way it takes, when it waits for a better one, and what it remembers."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xw import processes
from xw.bridges import best, kinds
from xw.bridges.chat import ChatGone, Later, Overheard, Reply, Unusable
from xw.bridges.kinds import Kind
from xw.errors import Usage
from xw.runs import RunNote


class Way:
    """A way in, as a chat; the test decides what it says."""

    limit = 0

    def __init__(self, kind: str, target: str, options: Mapping[str, str]) -> None:
        self.kind, self.target, self.options = kind, target, dict(options)
        self.why: str | Exception | None = None
        self.busy: str | None = None
        self.shown: list[tuple[str, str]] = []
        self.closed = False
        self.hears = True
        self.memory = f"memory of {kind}"

    def unusable(self) -> str | None:
        if isinstance(self.why, Exception):
            raise self.why
        return self.why

    def ready(self) -> str | None:
        return self.busy

    def mark(self) -> str:
        return f"mark of {self.kind}"

    def present(self, mark: str, text: str) -> None:
        self.shown.append((mark, text))

    def seen(self, mark: str, text: str) -> bool | None:
        return (mark, text) in self.shown

    def capture(self, mark: str, text: str) -> Reply | None:
        return Reply(f"{self.kind} answers {mark}")

    def here(self) -> str:
        return f"place of {self.kind}"

    def overhear(self, place: str) -> Overheard | None:
        return Overheard("typed", "said", f"after {place}")

    def close(self) -> None:
        self.closed = True


class Stage:
    """A program that runs, with the ways `one`, `two` and `three`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.now = 0.0
        self.ways: dict[str, Way] = {}
        self.refuses: dict[str, Exception] = {}

    def open(self, kind: str, target: str, options: Mapping[str, str]) -> Way:
        if kind in self.refuses:
            raise self.refuses[kind]
        self.ways.setdefault(kind, Way(kind, target, options))
        return self.ways[kind]

    def chat(self, *ways: str, **more: Any) -> best.BestChat:
        note = RunNote(
            "bob",
            "generic",
            "program",
            process=processes.mark(os.getpid()),
            ways=ways or ("one", "two"),
            **more,
        )
        made = best.BestChat(str(self.folder), note, self.folder / "bridge/best", clock=lambda: self.now)
        made.tells(self.said.append)
        return made


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Three kinds of chats that the test makes."""
    made = Stage(tmp_path)
    (tmp_path / "bridge").mkdir()
    for kind in ("one", "two", "three"):

        def open_it(target: str, options: Mapping[str, str], state: Path, kind: str = kind) -> Way:
            return made.open(kind, target, options)

        module = SimpleNamespace(OPTIONS=("run", "speed"), open_chat=open_it, discover=lambda options: [])
        monkeypatch.setitem(kinds.KINDS, kind, Kind(f"tests.launch.{kind}", kind))
        monkeypatch.setitem(sys.modules, f"tests.launch.{kind}", module)
    return made


def test_the_best_way_that_works(stage: Stage) -> None:
    """The first way is taken, with the options that it knows; no other one is opened."""
    chat = stage.chat(options={"speed": "9", "profile": "x"}, targets={"two": "there"})
    assert chat.ready() is None and chat.way == ("one", "")
    assert stage.ways["one"].options == {"speed": "9", "run": str(stage.folder)}
    assert stage.ways["one"].target.isdigit() and list(stage.ways) == ["one"] and stage.said == []
    assert chat.memory == "memory of one"


def test_a_way_that_never_works(stage: Stage) -> None:
    """The next one is taken at once, which is reported once, with the reason; the first is closed."""
    chat = stage.chat(targets={"two": "there"})
    stage.open("one", "", {}).why = Unusable("version 1 is too old")
    assert chat.ready() is None and chat.ready() is None
    assert stage.said == ["mail goes in by two; not by one: version 1 is too old"]
    assert chat.way == ("two", "not by one: version 1 is too old")
    assert stage.ways["one"].closed and stage.ways["two"].target == "there"


def test_a_way_that_cannot_be_opened(stage: Stage) -> None:
    """An error in its making is its reason."""
    stage.refuses["one"] = Usage("needs a package")
    chat = stage.chat()
    assert chat.ready() is None and chat.way == ("two", "not by one: needs a package")


def test_a_way_that_is_not_there_yet(stage: Stage) -> None:
    """It is waited for while the program starts; then the next one serves, until the better one is there."""
    chat = stage.chat()
    stage.open("one", "", {}).why = "no socket yet"
    assert chat.ready() == "one: no socket yet" and stage.said == []
    stage.now += best.SETTLES_S
    assert chat.ready() is None and chat.way.kind == "two"
    stage.ways["one"].why = None
    chat.look()
    assert chat.way == ("one", "")
    stage.ways["one"].why = "closed"
    assert chat.ready() is None
    stage.ways["one"].why = None
    assert chat.ready() is None
    assert stage.said == [
        "mail goes in by two; not by one: no socket yet",
        "mail goes in by one",
        "mail goes in by two; not by one: closed",
        "mail goes in by one again",
    ]


def test_a_way_that_needs_a_prompt_first(stage: Stage) -> None:
    """It is not waited for, for it does not come up by itself: the next one takes the first text."""
    chat = stage.chat()
    stage.open("one", "", {}).why = Later("no turn yet")
    assert chat.ready() is None and chat.way == ("two", "not by one: no turn yet")
    stage.ways["one"].why = None
    assert chat.ready() is None and chat.way == ("one", "")


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("opened", OSError(28, "No space left")),
        ("opened", ChatGone("a link")),
        ("probed", OSError(28, "No space left")),
        ("probed", RecursionError("a bug")),
    ],
)
def test_a_way_that_breaks(stage: Stage, when: str, error: Exception) -> None:
    """What breaks in one way, also by a bug, keeps no mail from the next; that way is tried again."""
    chat, way = stage.chat(), stage.open("one", "", {})
    if when == "opened":
        stage.refuses["one"] = error
    else:
        way.why = error
    assert str(chat.ready()).startswith("one: ")
    stage.now += best.SETTLES_S
    assert chat.ready() is None and chat.way.kind == "two"
    stage.refuses, way.why = {}, None
    assert chat.ready() is None and chat.way == ("one", "")


def test_a_busy_program_is_waited_for(stage: Stage) -> None:
    """A better way that is busy is usable: no other one types into the busy program."""
    chat = stage.chat()
    stage.open("one", "", {}).busy = "a dialog is open"
    stage.now += best.SETTLES_S
    assert chat.ready() == "a dialog is open" and list(stage.ways) == ["one"]


def test_the_mark_names_the_way(stage: Stage) -> None:
    """The answer is asked of the way that showed the text, also by a later process, whatever works then."""
    first = stage.chat()
    stage.open("one", "", {}).why = Unusable("closed")
    assert first.ready() is None
    mark = first.mark()
    first.present(mark, "hello")
    stage.ways.pop("one")  # a later process, for which the better way works
    later = stage.chat()
    assert later.ready() is None and later.way.kind == "one"
    assert later.seen(mark, "hello") is True and later.seen(later.mark(), "hello") is False
    assert later.capture(mark, "hello") == Reply("two answers mark of two")
    assert stage.ways["two"].shown == [("mark of two", "hello")] and stage.ways["one"].shown == []


def test_the_way_of_a_mark_is_gone(stage: Stage) -> None:
    """Nobody can tell then whether the text went in, and no answer will come."""
    stage.refuses["two"] = Usage("no longer here")
    chat = stage.chat()
    mark = json.dumps({"way": "two", "mark": "m"})
    assert chat.seen(mark, "hello") is None
    with pytest.raises(ChatGone, match="no longer here"):
        chat.capture(mark, "hello")


def test_no_way_works(stage: Stage) -> None:
    """If none can ever work, the bridge ends with all reasons; if one may, mail waits."""
    chat = stage.chat()
    stage.open("one", "", {}).why = Unusable("too old")
    stage.open("two", "", {}).why = "not yet"
    assert chat.ready() == "no way into program: one: too old; two: not yet"
    stage.ways["two"].why = Unusable("never")
    with pytest.raises(Unusable, match="one: too old; two: never"):
        chat.ready()


def test_what_is_typed_is_heard_by_the_way_in_use(stage: Stage) -> None:
    """A place belongs to its way; after a change of ways only the new place counts."""
    chat = stage.chat()
    assert chat.hears and chat.ready() is None
    place = chat.here()
    assert chat.overhear(place) == Overheard("typed", "said", place.replace("place of", "after place of"))
    stage.ways["one"].why = Unusable("closed")
    assert chat.ready() is None
    moved = chat.overhear(place)
    assert moved is not None and (moved.words, json.loads(moved.place)["way"]) == ("", "two")
    stage.ways["two"].hears = False
    with pytest.raises(ChatGone, match="cannot be heard"):
        chat.here()


def test_turns_are_told_by_the_way_in_use(stage: Stage) -> None:
    """A way that cannot tell leaves the bridge to look whether the program is busy."""
    chat = stage.chat()
    assert chat.last_turn() is None and chat.ready() is None and chat.last_turn() is None
    stage.ways["one"].last_turn = lambda: "7"  # type: ignore[attr-defined]
    assert chat.last_turn() == "one: 7"


def test_the_end(stage: Stage) -> None:
    """Closing closes every way that was opened; a program that has ended takes no mail."""
    chat = stage.chat()
    assert chat.ready() is None
    chat.close()
    assert stage.ways["one"].closed
    gone = best.BestChat(
        "", RunNote("bob", "generic", "program", process="1-1"), stage.folder / "bridge/best"
    )
    assert gone.ready() == "program has ended"
