"""A task with a file and a reply, both ways, by each program and each way in: the proof of the front doors.

Alice gives bob a task with a file. Bob's model, which the test plays, sends alice a
task with a file by running `xw` itself, and answers hers. Alice answers his.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.agents.doors import CASES, DOORS, SHELL, Door
from tests.agents.home import end_all
from tests.agents.model import Make, Model
from tests.agents.programs import install
from tests.agents.stage import ANSWER_S, Stage
from tests.bridges.helpers import until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(900)]

IN, OUT, DONE = b"numbers: 1 2 3\n", b"sum: 6\n", "All of it is done."


@pytest.fixture(params=CASES, ids="-".join)
def bob(request: pytest.FixtureRequest, model: Model) -> Iterator[tuple[Door, Stage]]:
    """A program that one of the ways serves."""
    way, name = request.param
    install([name])
    door = DOORS[way]
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        stage, start = door.make(home, name, model)
        try:
            start()
            yield door, stage
        finally:
            stage.end()
            end_all(home)


def test_task_with_a_file_and_a_reply_both_ways(bob: tuple[Door, Stage]) -> None:
    """Each side's task arrives with its file, and each side's reply reaches the other."""
    door, agent = bob
    question, back, thanks = (agent.marker() for _ in range(3))
    (agent.work / "in.txt").write_bytes(IN)
    (agent.work / "out.txt").write_bytes(OUT)
    short: Future[str] = Future()
    agent.model.says(question, DONE, calls=_calls(door, agent.name, back, short))
    short.set_result(agent.send(f"{question}: add them", "task", "in.txt"))
    if not door.wakes(agent.name):
        agent.prompt("is there any mail?")
    assert agent.answer(short.result()).endswith(DONE)
    assert _read(agent.model, question) == IN
    if agent.name not in SHELL:
        return  # it runs no commands
    task = json.loads(agent.xw("wait", "--json", "--type", "task", "--timeout", f"{ANSWER_S:g}"))
    assert back in task["body"]
    assert agent.attached(task) == [OUT]
    agent.xw("reply", task["id"], f"{thanks}: right")
    if not door.wakes(agent.name):
        agent.prompt("is there any more?")
    until(lambda: any(thanks in request for request in agent.model.requests), ANSWER_S)


def _calls(door: Door, name: str, back: str, short: "Future[str]") -> list[Make]:
    """Return what bob's model does: it sends a task, and answers hers where the way only tells of it."""
    if name not in SHELL:
        return []
    shell = SHELL[name]
    send = shell(f"xw send --to alice task 'please check {back}' --attach out.txt")

    def on(command: str) -> Make:
        return lambda: shell(command.replace("ID", short.result(ANSWER_S)))

    told: list[Make] = [on("xw read ID"), on(f"xw reply ID '{DONE}'"), on("xw done ID")]
    return [*told, send] if door.tells else [send]


def _read(model: Model, marker: str) -> bytes:
    """Return the file that the model was told the path of, beside this marker."""
    asked = [request for request in model.requests if marker in request]
    paths = [path for request in asked for path in re.findall(r"(/[^\s\"'\\]+/in\.txt)", request)]
    return Path(paths[-1]).read_bytes() if paths else b""
