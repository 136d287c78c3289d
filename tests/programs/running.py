"""Run the imitations of agent programs in a home of their own."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.programs.typed import Typed

HERE = Path(__file__).parent
EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd")


def noting(root: Path, owner: str) -> str:
    """Return settings whose hooks keep the journal of an instance."""
    command = shlex.join([sys.executable, str(HERE / "note_hook.py"), str(root), owner])
    hook = {"hooks": [{"type": "command", "command": command, "timeout": 60}]}
    return json.dumps({"hooks": {event: [hook] for event in EVENTS}})


class Claude(Typed):
    """The imitation of Claude Code, as a process with a person at its standard input."""

    def __init__(self, home: Path, cwd: Path, *argv: str, environ: Mapping[str, str] | None = None) -> None:
        self.home, self.cwd = home, cwd
        self.scratch = TemporaryDirectory(prefix="xw-")  # a short path: a socket's has at most 107 bytes
        own = {"HOME": str(home), "TMPDIR": self.scratch.name, "PATH": os.environ["PATH"]}
        self.environ = {**own, **(environ or {})}
        command = [sys.executable, str(HERE / "claude"), *argv]
        self.process = subprocess.Popen(
            command, cwd=cwd, env=self.environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    @property
    def session(self) -> dict[str, Any]:
        """Return the fields of its session file; empty until it is there, and after its end."""
        path = self.home / ".claude/sessions" / f"{self.process.pid}.json"
        try:
            return dict(json.loads(path.read_text()))
        except FileNotFoundError:
            return {}

    @property
    def idle(self) -> bool:
        """Return True while it waits for a prompt."""
        return self.session.get("status") == "idle"

    def entries(self, kind: str) -> list[str]:
        """Return the texts that its conversations have from `user` or `assistant`, in order for each."""
        found = []
        for path in sorted((self.home / ".claude/projects").glob("*/*.jsonl")):
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            contents = [entry["message"]["content"] for entry in entries if entry["type"] == kind]
            found += [text if isinstance(text, str) else text[0]["text"] for text in contents]
        return found
