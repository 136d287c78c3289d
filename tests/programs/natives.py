"""Run the imitations of Codex and opencode in homes of their own, with a person at their input."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.programs.typed import Typed

HERE = Path(__file__).parent


class Native(Typed):
    """A program, as a process."""

    def __init__(self, name: str, home: Path, *argv: str, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        own = {"HOME": str(home), "PATH": f"{HERE}:{os.environ['PATH']}", **(environ or {})}
        self.environ = own
        with (home / "screen").open("ab") as screen:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / name), *argv],
                cwd=home, env=own, stdin=subprocess.PIPE, stdout=screen, stderr=screen, text=True,
            )  # fmt: skip

    @property
    def screen(self) -> str:
        """Return all that its window has shown."""
        return (self.home / "screen").read_text("utf-8")


class Codex(Native):
    """The imitation of Codex, without the shared server."""

    def __init__(self, home: Path, *argv: str, environ: Mapping[str, str] | None = None) -> None:
        super().__init__("codex", home, "--no-daemon", *argv, environ=environ)

    @property
    def thread(self) -> str:
        """Return the thread's id; empty until it runs."""
        shown = [line for line in self.screen.splitlines() if line.startswith("thread ")]
        return shown[-1].removeprefix("thread ") if shown else ""

    def events(self) -> list[dict[str, Any]]:
        """Return the events of all records."""
        lines = [
            json.loads(line)
            for path in sorted((self.home / ".codex/sessions").glob("*/*/*/*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
        ]
        return [line["payload"] for line in lines if line["type"] == "event_msg"]

    def heard(self) -> list[str]:
        """Return the texts that went in, in order."""
        items = [event["item"] for event in self.events() if event["type"] == "item_completed"]
        return [item["content"][0]["text"] for item in items if item["type"] == "UserMessage"]

    @property
    def turns(self) -> int:
        """Return the number of turns that are over."""
        return sum(event["type"] in ("task_complete", "turn_aborted") for event in self.events())


class OpenCode(Native):
    """The imitation of opencode, with its server."""

    def __init__(self, home: Path, *argv: str, environ: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.password = (environ or {}).get("OPENCODE_SERVER_PASSWORD", "")
        super().__init__("opencode", home, "--port", str(self.port), *argv, environ=environ)

    @property
    def url(self) -> str:
        """Return the address of its server."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str) -> Any:
        """Return the answer to a GET; None while nobody listens."""
        asked = urllib.request.Request(self.url + path)
        if self.password:
            import base64

            word = base64.b64encode(f"opencode:{self.password}".encode()).decode()
            asked.add_header("Authorization", f"Basic {word}")
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read() or b"{}")
        except OSError:
            return None

    def heard(self) -> list[str]:
        """Return the texts that went in, in order."""
        messages = [
            message
            for session in reversed(self.ask("/session") or [])
            for message in self.ask(f"/session/{session['id']}/message")
        ]
        return [
            part["text"]
            for message in messages
            if message["info"]["role"] == "user"
            for part in message["parts"]
        ]


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
