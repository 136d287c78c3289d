"""The imitation of Claude Code keeps the traps that were seen with the real one."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import until
from tests.programs.running import Claude

EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "SessionEnd")


class Watched(Claude):
    """A session whose hooks note what they get."""

    def __init__(self, home: Path, *argv: str) -> None:
        self.notes = home / "notes.jsonl"
        hook = {"hooks": [{"type": "command", "command": f"{{ cat; echo; }} >> {self.notes}"}]}
        settings = json.dumps({"hooks": {event: [hook] for event in EVENTS}})
        super().__init__(home, home, "--settings", settings, *argv)

    def fired(self, event: str) -> list[dict[str, Any]]:
        """Return what the hooks of an event got."""
        text = self.notes.read_text() if self.notes.exists() else ""
        return [note for note in map(json.loads, text.splitlines()) if note["hook_event_name"] == event]

    def send(self, *texts: str) -> None:
        """Put texts into the inbox socket, and wait until they are read."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.session["messagingSocketPath"])
            for text in texts:
                entry = {"type": "user", "message": {"role": "user", "content": text}}
                connection.sendall(json.dumps(entry).encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""


Start = Callable[..., Watched]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts sessions in one home, waits until they are idle, and ends them."""
    started: list[Watched] = []

    def begin(*argv: str) -> Watched:
        started.append(Watched(tmp_path, *argv))
        until(lambda: started[-1].idle)
        return started[-1]

    yield begin
    for one in started:
        one.end()
        one.scratch.cleanup()


def test_texts_that_wait_are_joined(start: Start) -> None:
    """Texts that come under a dialog wait, and become one turn whose Stop names the last."""
    claude = start()
    claude.send("a [[dialog]]")
    until(lambda: claude.session["status"] == "waiting")
    claude.send("b", "c")
    assert len(claude.fired("UserPromptSubmit")) == 1
    claude.type("/yes")
    until(lambda: len(claude.fired("Stop")) == 2 and claude.idle)
    prompts, stops = claude.fired("UserPromptSubmit"), claude.fired("Stop")
    assert [one["prompt"] for one in prompts] == ["a [[dialog]]", "b", "c"]
    assert [one["prompt_id"] for one in stops] == [prompts[0]["prompt_id"], prompts[2]["prompt_id"]]


def test_typed_during_a_turn(start: Start) -> None:
    """A prompt typed during a turn has that turn's id, and its answer another that no prompt has."""
    claude = start()
    claude.send("a [[dialog]]")
    until(lambda: claude.session["status"] == "waiting")
    claude.type("mine")
    until(lambda: len(claude.fired("UserPromptSubmit")) == 2)
    claude.type("/yes")
    until(lambda: len(claude.fired("Stop")) == 2 and claude.idle)
    first, second = claude.fired("Stop")
    assert {one["prompt_id"] for one in claude.fired("UserPromptSubmit")} == {first["prompt_id"]}
    assert second["prompt_id"] != first["prompt_id"] and second["last_assistant_message"].endswith("mine")


def test_ends_without_an_answer(start: Start) -> None:
    """Esc fires no Stop, an API error StopFailure; `/clear` changes the session in its process."""
    claude = start()
    claude.send("a [[dialog]]")
    until(lambda: claude.session["status"] == "waiting")
    claude.type("/esc")
    until(lambda: claude.idle)
    claude.send("b [[error]]")
    until(lambda: claude.fired("StopFailure") and claude.idle)
    session = claude.session["sessionId"]
    claude.type("/clear")
    until(lambda: claude.session["sessionId"] != session and claude.idle)
    claude.end()
    assert claude.fired("Stop") == [] and claude.session == {}
    assert [one["reason"] for one in claude.fired("SessionEnd")] == ["clear", "prompt_input_exit"]


def test_killed_and_resumed(start: Start) -> None:
    """A killed one leaves its files and forgets what waited; resumed, it keeps its session's id."""
    claude = start()
    claude.send("a [[dialog]]")
    until(lambda: claude.session["status"] == "waiting")
    claude.send("b")
    claude.kill()
    session = claude.session["sessionId"]
    again = start("--resume", session)
    assert again.session["sessionId"] == session and again.fired("SessionStart")[-1]["source"] == "resume"
    assert again.entries("user") == ["a [[dialog]]"]
