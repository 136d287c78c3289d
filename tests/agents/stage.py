"""A stage for one agent program: a home, a hub with alice and bob, and a bridge that is bob's."""

import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.agents.home import environ, prepare
from tests.agents.model import Model
from tests.bridges.helpers import until

XW = os.path.join(sysconfig.get_path("scripts"), "xw")
ANSWER_S = 180.0


class Stage:
    """Alice writes to bob, whose mail a bridge takes to the program, which works in the directory `work`."""

    def __init__(self, home: Path, model: Model, *names: str, rules: bool = True) -> None:
        self.name = names[0]
        self.home = home
        self.model = model
        self.work = home / "work"
        prepare(home, self.work, model.port, rules)
        self.environ = environ(home, names, model.port)
        self._log = home / "bridge.log"
        self._bridge: subprocess.Popen[bytes] | None = None
        for name in ("alice", "bob"):
            self.xw("init", "--name", name)

    def xw(self, *arguments: str, name: str = "alice", status: int = 0) -> str:
        """Return the output of an `xw` command."""
        done = subprocess.run(
            [XW, *arguments],
            cwd=self.work,
            env={**self.environ, "XW_NAME": name},
            capture_output=True,
            text=True,
            timeout=ANSWER_S + 60,
            check=False,
        )
        assert done.returncode == status, (arguments, done, self.told())
        return done.stdout

    def run(self, *command: str) -> str:
        """Return the output of a command of the program, run as bob."""
        done = subprocess.run(
            command,
            cwd=self.work,
            env={**self.environ, "XW_NAME": "bob"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def bridge(self, kind: str, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        """Start bob's bridge, and wait until it takes mail."""
        with self._log.open("wb") as log:
            self._bridge = subprocess.Popen(
                [XW, "bridge", kind, *arguments],
                cwd=self.work,
                env={**self.environ, **(environ or {}), "XW_NAME": "bob"},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        until(lambda: "ready" in self.told(), 30)

    def told(self) -> str:
        """Return the bridge's reports so far."""
        return self._log.read_text("utf-8") if self._log.exists() else ""

    def marker(self) -> str:
        """Return a word that no other message has."""
        return self.model.marker()

    def send(self, body: str, kind: str = "question", *files: str) -> str:
        """Alice asks bob; the message's short id."""
        attached = [word for file in files for word in ("--attach", file)]
        return self.xw("send", "--to", "bob", kind, body, *attached).split()[0]

    def ask(self, body: str, timeout_s: float = ANSWER_S) -> str:
        """Alice asks and waits; the answer."""
        return self.xw("ask", "--to", "bob", "--timeout", f"{timeout_s:g}", body).rstrip("\n")

    def answer(self, short: str) -> str:
        """Return the body of the reply to a message of alice's, once it is there."""
        reply = json.loads(self.xw("wait", "--json", "--re", short, "--timeout", f"{ANSWER_S:g}"))
        return str(reply["body"])

    def prompt(self, text: str) -> None:
        """Let a person type a prompt, where there is a terminal for it."""
        raise NotImplementedError

    def attached(self, message: Mapping[str, Any]) -> list[bytes]:
        """Return the contents of the files that came to alice with a message."""
        shown = self.xw("read", str(message["id"]))
        names = [file["name"] for file in message["attachments"]]
        paths = [re.search(rf"(/\S+/{re.escape(name)})", shown) for name in names]
        return [Path(path[1]).read_bytes() for path in paths if path]

    def proves(self) -> None:
        """Check what else the way in promises, once the exchange is over."""

    def stop(self) -> None:
        """End the bridge, which ends what it started."""
        if self._bridge:
            self._bridge.terminate()
            self._bridge.wait(20)
            self._bridge = None

    def end(self) -> None:
        """End all that this stage has started, as far as it knows."""
        self.stop()
