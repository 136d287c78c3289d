"""The five programs of `docs/python-api.md`, run as they are printed there, on both kinds of hub."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from threading import Thread

import pytest

import xw
from tests.api.conftest import Open
from tests.cli.team import PATIENCE, until

PAGE = (Path(__file__).parent.parent.parent / "docs" / "python-api.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```python (\w+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


class Stage:
    """Runs programs of the page, each as an instance, in the directory of its `xw.json`."""

    def __init__(self, agents: Open, started: ExitStack) -> None:
        self.agent = agents
        self._started = started

    def start(self, program: str, name: str) -> "subprocess.Popen[str]":
        """Start a program as this instance; it is ended after the test at the latest."""
        folder = Path(str(self.agent(name).config)).parent
        (folder / program).write_text(PROGRAMS[program], encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, program],
            cwd=folder,
            env={**os.environ, "XW_NAME": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.enter_context(process)
        self._started.callback(process.kill)
        return process

    def run(self, program: str, name: str) -> str:
        """Return what a program prints that ends by itself."""
        process = self.start(program, name)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, printed
        return printed


@pytest.fixture
def stage(either: Open) -> Iterator[Stage]:
    """The programs' instances alice, bob, carol and dave, on a hub of either kind."""
    with ExitStack() as started:
        for name in ("alice", "bob", "carol", "dave"):
            either(name).sync()
        yield Stage(either, started)


def test_these_are_the_programs() -> None:
    """The page has the five, and no other."""
    assert list(PROGRAMS) == ["worker.py", "orchestrator.py", "watcher.py", "files.py", "gather.py"]


def test_the_worker(stage: Stage) -> None:
    """A worker answers a task that waited for it and a question that comes, and both are done."""
    alice = stage.agent("alice")
    task = alice.send("bob", "task", "count")
    stage.start("worker.py", "bob")
    assert alice.wait(re=task.id, timeout=PATIENCE).body == "COUNT"
    assert alice.ask("bob", "ready?", timeout=PATIENCE).body == "READY?"
    until(lambda: alice.trace(task.id).recipients[0].where == "done")


def test_the_orchestrator(stage: Stage) -> None:
    """Three workers are asked at once, and each answer is printed."""
    for name in ("bob", "carol", "dave"):
        stage.start("worker.py", name)
    printed = stage.run("orchestrator.py", "alice")
    assert sorted(printed.splitlines()) == [f"{name} says READY?" for name in ("bob", "carol", "dave")]


def test_the_watcher(stage: Stage) -> None:
    """What arrives is printed, and stays pending."""
    bob = stage.agent("bob")
    bob.send("alice", "info", "first\nsecond")
    watcher = stage.start("watcher.py", "alice")
    assert watcher.stdout
    assert watcher.stdout.readline() == "info from bob: first\n"
    bob.send("alice", "task", "third")
    assert watcher.stdout.readline() == "task from bob: third\n"
    assert len(stage.agent("alice").check()) == 2


def test_the_program_with_attachments(stage: Stage) -> None:
    """Its files get to bob, also the one that is added later, and his gets to it."""
    bob = stage.agent("bob")
    adding = Thread(target=_add_up, args=(bob,))
    adding.start()
    printed = stage.run("files.py", "alice")
    adding.join()
    assert printed == "got sum.txt of 2 bytes\n"
    assert (Path(str(stage.agent("alice").config)).parent / "sum.txt").read_text() == "10"


def _add_up(bob: xw.Agent) -> None:
    paths: list[str] = []
    for message in islice(bob.arrivals(), 2):
        paths += [file.path for file in bob.read(message).enclosed if file.problem is None]
        if message.type == "task":
            task = message
    numbers = [int(word) for path in paths for word in Path(path).read_text().split()]
    made = Path(str(bob.config)).parent / "sum.txt"
    made.write_text(str(sum(numbers)))
    bob.reply(task, "Here it is.", attach=str(made))


def test_the_asyncio_program(stage: Stage) -> None:
    """Two workers are asked at once by one event loop."""
    for name in ("bob", "carol"):
        stage.start("worker.py", name)
    assert stage.run("gather.py", "alice") == "['bob says READY?', 'carol says READY?']\n"
