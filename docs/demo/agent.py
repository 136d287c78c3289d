"""A scripted agent for the demo: it knows `xw` only as a command, as a real agent does.

`python agent.py NAME`, in a directory with an xw.json. It waits for mail,
answers by its nature, shows each command that it runs, and stops when all that
it expects is handled.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten

Mail = dict[str, str]


class Agent:
    """A name, and the one tool that it has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._environ = {**os.environ, "XW_NAME": name}

    def xw(self, *words: str) -> str:
        """Run `xw` and return what it prints; leave with its error where it fails."""
        shown = shlex.join(shorten(word, 48, placeholder=" …") for word in words)
        # One write for the line and its end: three agents print at once.
        os.write(1, f"  {self.name:4} $ xw {shown}\n".encode())
        ended = subprocess.run(["xw", *words], env=self._environ, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise SystemExit(f"{self.name}: xw {shown} ended with {ended.returncode}: {ended.stderr}")
        return ended.stdout.strip()

    def mail(self, *selected: str) -> Mail:
        """Return the oldest pending message, or the selected one; wait for it."""
        message = json.loads(self.xw("wait", *selected, "--json"))
        return {**message, "id": message["id"].rpartition("-")[2]}

    def answer(self, mail: Mail, text: str) -> None:
        """Reply, and say that the message is handled."""
        self.xw("reply", mail["id"], text)
        self.xw("done", mail["id"])


def orla(me: Agent) -> None:
    """Order and method: gives a task, judges the result, tells everybody."""
    task = me.xw(
        "send", "--to", "vex", "task", "Words for the studio door. Rules attached.", "--attach", "rules.md"
    )
    reply = me.mail("--re", task.split()[0])
    me.answer(reply, "Rule 2 allows no flames. Otherwise approved, and filed under D.")
    verdict = me.xw("ask", "--to", "puck", "May the door be painted? Yes or no.")
    me.xw("send", "--to", "all", "info", f"The door is settled. For the record, puck said: {verdict}")


def vex(me: Agent) -> None:
    """Art and chaos: does the task its own way."""
    task = me.mail()
    file = json.loads(me.xw("read", task["id"], "--json"))["files"][0]
    rules = len(Path(file["path"]).read_text(encoding="utf-8").splitlines())
    me.answer(task, f"ENTER, WILD THING! (Your {rules} rules I read, then set on fire.)")
    for _ in ("the verdict", "the announcement"):
        me.xw("done", me.mail()["id"])


def puck(me: Agent) -> None:
    """A trickster: answers a yes-or-no question with neither."""
    me.answer(me.mail(), "Yes, if nobody looks. I have hidden the brushes.")
    me.xw("done", me.mail()["id"])


PLAYS: dict[str, Callable[[Agent], None]] = {"orla": orla, "vex": vex, "puck": puck}

if __name__ == "__main__":
    PLAYS[sys.argv[1]](Agent(sys.argv[1]))
