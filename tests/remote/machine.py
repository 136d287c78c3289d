"""A machine with one instance on a hub elsewhere, and the ways to run `xw` there."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.team import XW, Result, call, plain
from xw import config
from xw.files.ssh import link
from xw.instance import Instance, Options, open_instance
from xw.mailbox import Mailbox

PATIENT_S = 30.0
"""Seconds for automatic syncs in tests of other things: a busy machine exceeds the default."""


def disconnect() -> None:
    """End the connections of this process."""
    for made in link._links.values():
        made.close()


class Machine:
    """`folder` holds `xw.json` and the mirror of `name` on the hub at `url`."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.name = name
        self.url = url
        self.started: list[subprocess.Popen[str]] = []

    @property
    def environ(self) -> dict[str, str]:
        """Additional environment variables of its commands."""
        return {"XW_NAME": self.name}

    @property
    def mirror(self) -> Path:
        """The directory of its mirror."""
        return Path(config.mirror(self.url, config.load(str(self.folder / "xw.json")), {})) / self.name

    def instance(self) -> Instance:
        """Return the instance, as its commands see it."""
        return open_instance(Options(self.name, config=str(self.folder / "xw.json")), plain())

    @property
    def mailbox(self) -> Mailbox:
        """Its mailbox, as its commands see it."""
        return self.instance().mailbox

    def join(self) -> str:
        """Join the hub, and be patient with it from then on; what `init` printed."""
        said = self.ok("init", "--name", self.name, "--hub", self.url)
        self.set(offline_s=PATIENT_S)
        return said

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run a command line in this process; connections stay from one to the next."""
        return call(self.folder, *arguments, environ=self.environ, stdin=stdin)

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        """Return the output of a command that must succeed, with nothing on stderr."""
        result = self.run(*arguments, stdin=stdin)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def json(self, *arguments: str) -> Any:
        """Return the value that a command printed with `--json`."""
        return json.loads(self.ok(*arguments, "--json"))

    def send(self, to: str, body: str, *more: str, kind: str = "task") -> str:
        """Send a message that must be delivered at once; its id."""
        sent = self.json("send", kind, body, "--to", to, *more)
        assert sent["delivered"] == [to], sent
        return str(sent["id"])

    def pending(self) -> list[str]:
        """Return the ids that wait in the mirror."""
        return sorted(name.partition(".")[0] for name in os.listdir(self.mirror / "inbox/pending"))

    def set(self, **keys: object) -> None:
        """Set keys of xw.json."""
        path = self.folder / "xw.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start the installed `xw` as a process of its own; it is ended after the test at the latest."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environ = {**os.environ, **self.environ}
        process = subprocess.Popen(
            [XW, *arguments], **{"cwd": self.folder, "env": environ, "text": True, **pipes, **options}
        )
        self.started.append(process)
        return process

    def process(self, *arguments: str) -> Result:
        """Run the installed `xw` as a process of its own, to its end."""
        out, err = (process := self.start(*arguments)).communicate(timeout=60)
        return Result(process.returncode, out, err)
