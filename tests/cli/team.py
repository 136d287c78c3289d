"""A checkout with three instances, and the ways to run `xw` in it: in this process, or as a real one."""

import io
import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from tests.schemas import validate
from xw import clock, layout
from xw.__main__ import run
from xw.instance import Options, open_instance
from xw.message import encode, unsigned

NAMES = ("alice", "bob", "carol")
XW = str(Path(sys.executable).with_name("xw"))  # the installed console script
PATIENCE = 60.0  # seconds until a condition that does not come is a failure


class Result(NamedTuple):
    """A command's exit code and output."""

    code: int
    out: str
    err: str


class Team:
    """`folder` holds `xw.json` with alice, bob and carol, and their hub in `.xw/hub`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = folder / ".xw" / "hub"

    def run(self, *arguments: str, by: str | None = "alice", stdin: bytes = b"") -> Result:
        """Run a command line in this process, as `by`."""
        return call(self.folder, *arguments, environ=_environ(by), stdin=stdin)

    def ok(self, *arguments: str, by: str | None = "alice", stdin: bytes = b"") -> str:
        """Return the output of a command that must succeed, with nothing on stderr."""
        result = self.run(*arguments, by=by, stdin=stdin)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def json(self, *arguments: str, by: str | None = "alice", stdin: bytes = b"") -> Any:
        """Return the value that a command printed with `--json`."""
        return json.loads(self.ok(*arguments, "--json", by=by, stdin=stdin))

    def send(self, body: str, *more: str, by: str = "alice", to: str = "bob", kind: str = "info") -> str:
        """Send a message; its id."""
        sent = self.json("send", kind, body, "--to", to, *more, by=by)
        return str(sent["id"])

    def box(self, name: str) -> Path:
        """Return an instance's mailbox."""
        return self.hub / name

    def names(self, owner: str, folder: str) -> list[str]:
        """Return the names in a folder of a mailbox, sorted."""
        return sorted(os.listdir(self.box(owner) / folder))

    def pending(self, owner: str) -> list[str]:
        """Return the ids that wait for an instance."""
        return [name.partition(".")[0] for name in self.names(owner, "inbox/pending")]

    def start(self, *arguments: str, by: str = "alice", **options: Any) -> "subprocess.Popen[str]":
        """Start the installed `xw` as a process of its own, with text pipes unless `options` say other."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environ = {**os.environ, "XW_NAME": by}
        return subprocess.Popen(
            [XW, *arguments], **{"cwd": self.folder, "env": environ, "text": True, **pipes, **options}
        )


def sign(team: Team, name: str) -> Callable[[bytes], bytes]:
    """Return the function that signs an instance's messages."""
    return open_instance(Options(name, config=str(team.folder / "xw.json"))).mailbox.sign


def forge(team: Team, owner: str, folder: str = "inbox/pending", signer: Any = "", **fields: Any) -> str:
    """Put a well-formed message into a folder of a mailbox, as a hand-made one would lie there; its id.

    With `signer`, a name, it has the signature of that instance's key.
    """
    whole: dict[str, Any] = {"from": "alice", "type": "info", "to": [owner], "body": "forged", **fields}
    name, data = encode(whole, clock.now(), sign(team, signer) if signer else unsigned)
    (team.box(owner) / folder / name).write_bytes(data)
    return name.partition(".")[0]


def plain() -> dict[str, str]:
    """Return the environment with the place of the keys, and nothing else of xw's."""
    return {name: value for name, value in os.environ.items() if name == "XDG_CONFIG_HOME"}


def alike(team: Team, owner: str, *folders: str) -> list[str]:
    """Put a message into each of these folders, all with short ids of one beginning; their ids."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for number in count():
        fields: dict[str, Any] = {"from": "alice", "type": "task", "to": [owner], "body": f"job {number}"}
        name, data = encode(fields, clock.now())
        fitting = found.setdefault(layout.short_id(name)[:4], [])
        fitting.append((name, data))
        if len(fitting) == len(folders):
            break
    for folder, (name, data) in zip(folders, fitting, strict=True):
        at = folder if folder == "sent" else f"inbox/{folder}"
        (team.box(owner) / at / name).write_bytes(data)
    return [name.partition(".")[0] for name, _ in fitting]


def call(folder: Path, *arguments: str, environ: dict[str, str] | None = None, stdin: bytes = b"") -> Result:
    """Run a command line in this process, in a directory, with these variables set besides."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    source = io.TextIOWrapper(io.BytesIO(stdin))
    with (
        chdir(folder),
        _set(environ or {}),
        mock.patch.object(sys, "stdin", source),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(list(arguments))
        out.flush()
        err.flush()
    printed = _text(out)
    validate.output(arguments, printed)
    return Result(code, printed, _text(err))


def ageless(text: str) -> str:
    """Return the text with the age of a new message as `0s`, however slow the machine."""
    return re.sub(r"\b[0-5]?[0-9]s\b", "0s", text)


def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail if it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def watches(pid: int, folder: Path) -> bool:
    """Return True if a process has asked the kernel to watch a folder."""
    inode = f"ino:{folder.stat().st_ino:x} "
    with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended
        for descriptor in os.listdir(f"/proc/{pid}/fdinfo"):
            with suppress(FileNotFoundError):  # closed meanwhile
                if inode in Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text():
                    return True
    return False


def shown_on(terminal: int) -> bytes:
    """All that is written to a terminal, read at its leader's end, until nobody has it open any more."""
    written = b""
    with suppress(OSError):  # EIO: nobody has
        while select.select([terminal], [], [], PATIENCE)[0] and (piece := os.read(terminal, 65536)):
            written += piece
    os.close(terminal)
    return written


def ended(process: "subprocess.Popen[str]") -> Result:
    """Return a process's exit code and output, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    return Result(process.returncode, out, err)


@contextmanager
def _set(environ: dict[str, str]) -> Iterator[None]:
    """Environment variables set for a while; `mock.patch.dict` writes all the others anew each time."""
    before = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _environ(by: str | None) -> dict[str, str]:
    return {"XW_NAME": by} if by else {}


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
