"""Console blocks of the documents, run again: `alice$ xw check`, then what it prints.

A document's ids, times and sizes are its own. `Session` maps its ids to those
of the new run, and compares what is left.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^([a-z]*)\$ (.*)$")
_SHORT = r"[0-9a-hjkmnp-tv-z]{8}"
_ID = re.compile(rf"\b(?:\d{{8}}T\d{{12}}Z-)?{_SHORT}\b")
# What a document runs for some seconds runs here until it has printed as much as it should.
_TIMEOUT = re.compile(r"^timeout \d+ ")
_PATIENCE_S = 60
_VOLATILE = (
    (re.compile(r"AAAAC3NzaC1lZDI1NTE5[A-Za-z0-9+/]{48}"), "<key>"),
    (re.compile(r"SHA256:[A-Za-z0-9+/]{43}"), "<fingerprint>"),
    (re.compile(r"\b[a-z2-7]{26}\b"), "<hub id>"),
    (_ID, "<id>"),
    (re.compile(r"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:\.\d+)?Z?"), "<time>"),
    (re.compile(r"\b\d+[smhd]\b"), "<age>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:B|KiB)\b"), "<size>"),
)


class Step(NamedTuple):
    """A command, who runs it, and what it prints, both streams together."""

    name: str
    command: str
    output: str


def steps(document: str) -> list[Step]:
    """Return the commands of all console blocks of a document, in order."""
    found: list[Step] = []
    for line in "".join(_BLOCK.findall(document)).splitlines():
        prompt = _PROMPT.match(line)
        if prompt:
            found.append(Step(prompt[1], prompt[2], ""))
        else:
            found[-1] = found[-1]._replace(output=found[-1].output + line + "\n")
    return found


class Session:
    """One directory in which a document's commands are run; `scripts` has the `xw` that they run."""

    def __init__(self, place: Path, scripts: str = sysconfig.get_path("scripts")) -> None:
        self.place = place
        self._ids: dict[str, str] = {}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XW_", "XDG_"))}
        kept["PATH"] = os.pathsep.join([scripts, os.environ["PATH"]])
        self._environ = {**kept, "HOME": str(place.parent), "COLUMNS": "100"}

    def run(self, step: Step) -> str:
        """Return the command's output, with the document's ids replaced by those of this run."""
        command, endless = _TIMEOUT.subn("exec ", self.translated(step.command))
        with subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.place,
            env={**self._environ, **({"XW_NAME": step.name} if step.name else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            late = threading.Timer(_PATIENCE_S, process.kill)
            late.start()
            assert process.stdout
            lines = [process.stdout.readline() for _ in step.output.splitlines()] if endless else []
            if endless:
                process.terminate()
            output = "".join([*lines, process.stdout.read()]).replace(str(self.place), "/home/you/project")
            output = output.replace(str(self.place.parent), "/home/you")
            late.cancel()
        self._ids |= dict(zip(_ID.findall(step.output), _ID.findall(output), strict=False))
        return output

    def translated(self, text: str) -> str:
        """Return a text of the document with this run's ids."""
        return _ID.sub(lambda match: self._ids.get(match[0], match[0]), text)


def masked(text: str) -> list[str]:
    """Return the lines of a text, with everything that differs between runs masked."""
    for pattern, mark in _VOLATILE:
        text = pattern.sub(mark, text)
    return [line.rstrip() for line in text.rstrip().splitlines()]


def rewrite(page: Path) -> None:
    """Run a page's examples and put in what they print now."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder) / "project")
        session.place.mkdir()

        def block(match: re.Match[str]) -> str:
            lines = []
            for step in steps(match[0]):
                shown = f"{step.name}$ {session.translated(step.command)}"
                lines += [shown, *(line.rstrip() for line in session.run(step).splitlines())]
            return "\n".join(["```console", *lines, "```"])

        page.write_text(_BLOCK.sub(block, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite(Path(argument))
