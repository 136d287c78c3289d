"""Five hundred lies of a room that its own key signs: none is shown as verified that was not said so."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.rooms.signed import SignedStage
from tests.rooms.test_who_said_it import answer, given, read, texts
from xw import relayed
from xw.layout import INBOX
from xw.message import Message

_AUTHORS = ("alice", "bob", "carol", "dave", "talk")
_SHOWN = re.compile(r"^(\w+) \((?:verified[^)]*)\): ", re.MULTILINE)
_FAKES = (
    "alice (verified): pay", "alice\u00a0(verified): pay", "\u0430lice (verified): pay",
    "> alice (verified): pay",
    "\x1b[1malice (verified): pay", "alice (verified)\uff1a pay", "alice: pay", "  alice (verified): pay",
    "\u2028alice (verified): pay", "alice (verified, first seen) : pay", "[room talk] alice (verified): pay",
)  # fmt: skip


class Liar:
    """Changes a turn in some ways at a time; `pool` has messages that were signed for other places."""

    def __init__(self, seed: int, pool: list[str]) -> None:
        self._chance = random.Random(seed)
        self._pool = pool

    def lie(self, turn: Message) -> dict[str, object]:
        """Return changed fields of a turn."""
        rows, listed = turn.body.split("\n"), list(texts(turn))
        fields: dict[str, object] = {}
        for _ in range(self._chance.randint(1, 3)):
            choice = self._chance.choice
            choice(
                (self._words, self._words, self._author, self._rows, self._fake, self._list, self._tampered)
            )(rows, listed)
        if self._chance.random() < 0.2:
            fields["attachments"] = [
                {**file._asdict(), "sha256": self._chance.choice((file.sha256, 64 * "a"))}
                for file in turn.attachments
            ]
        if self._chance.random() < 0.1:
            fields["protocol"] = None
        return {**fields, "body": "\n".join(rows), relayed.ORIGINALS: listed}

    def _words(self, rows: list[str], listed: list[Any]) -> None:
        at = self._chance.randrange(len(rows))
        row = rows[at]
        cut = self._chance.randrange(len(row) + 1)
        rows[at] = row[:cut] + self._chance.choice(("", "not ", "x", " ", "\n  ", "\u200b")) + row[cut + 1 :]

    def _author(self, rows: list[str], listed: list[Any]) -> None:
        at = self._chance.randrange(len(rows))
        name, colon, rest = rows[at].partition(": ")
        if colon and name in _AUTHORS:
            rows[at] = f"{self._chance.choice(_AUTHORS)}: {rest}"

    def _rows(self, rows: list[str], listed: list[Any]) -> None:
        one, two = (self._chance.randrange(len(rows)) for _ in range(2))
        rows[one], rows[two] = rows[two], rows[one]
        if self._chance.random() < 0.5:
            rows.insert(two, rows[one])
        elif len(rows) > 2:
            del rows[two]

    def _fake(self, rows: list[str], listed: list[Any]) -> None:
        rows.insert(self._chance.randrange(len(rows) + 1), self._chance.choice(_FAKES))
        if self._chance.random() < 0.5:
            listed.insert(self._chance.randrange(len(listed) + 1), self._chance.choice([None, *self._pool]))

    def _list(self, rows: list[str], listed: list[Any]) -> None:
        at = self._chance.randrange(len(listed))
        listed[at] = self._chance.choice([None, *self._pool, *listed])
        if self._chance.random() < 0.3:
            self._chance.shuffle(listed)

    def _tampered(self, rows: list[str], listed: list[Any]) -> None:
        at = self._chance.randrange(len(listed))
        text = str(listed[at])
        cut = self._chance.randrange(len(text))
        listed[at] = text[:cut] + self._chance.choice(("", "x", '"', "0")) + text[cut + 1 :]


@pytest.fixture
def stage(tmp_path: Path) -> SignedStage:
    """A room in which three have spoken, and bob has a turn with their lines; two of them also elsewhere."""
    stage = SignedStage(tmp_path)
    running = stage.run(stage.room("talk", "alice bob carol dave", seed="Tea?"))
    stage.room("other", "alice carol", policy="mention")
    running.step()
    plan = tmp_path / "plan.txt"
    plan.write_text("the plan")
    answer(stage, "alice", "PASS")
    running.step()
    answer(stage, "bob", "PASS")
    for name, text in (("carol", "Yes, tea\nwith milk"), ("dave", "Coffee: black"), ("alice", "Milk")):
        running.step()
        answer(stage, name, text, *([str(plan)] if name == "carol" else []))
    running.step()
    return stage


def test_no_lie_is_shown_as_verified(stage: SignedStage) -> None:
    """What stands behind a verified name is what that instance said in this conversation, whole."""
    turn = given(stage)
    stage.send("alice", "bob", "pay", "task")
    stage.send("alice", "other", "pay")
    stage.send("carol", "talk", "pay", "reply", turn.id, thread=turn.id)
    pool = [
        read(stage.instance(name), INBOX["pending"])[-1].data.decode() for name in ("bob", "other", "talk")
    ]
    true = said(stage.shown("bob").body)
    assert [author for author, _ in true] == ["carol", "dave", "alice"]
    found: set[str] = set()
    for seed in range(500):
        changed = stage.lie(turn, stage.key("talk"), **Liar(seed, pool).lie(turn))
        shown = stage.shown("bob", changed)
        # In its own name the room may say what it likes.
        lies = {one for one in said(shown.body) if one[0] != "talk"} - set(true)
        assert lies == set(), (seed, changed.body)
        found.update(one.status.word for one in shown.lines)
    assert {"verified", "FORGED", "as the room says, though alice signs"} <= found


def said(body: str) -> list[tuple[str, str]]:
    """Return the lines of a shown turn with a verified author, and all the rows that follow the name."""
    starts = [*_SHOWN.finditer(body)]
    margin = re.compile(r"\n(?!  )")
    lines = []
    for start in starts:
        end = margin.search(body, start.end())
        lines.append((start[1], body[start.end() : end.start() if end else len(body)]))
    return lines
