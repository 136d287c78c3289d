"""A task with a file and a reply, both ways, by each program and each way in: the proof of the front doors.

Alice gives bob a task with a file. Bob's model, which the test plays, sends alice a
task with a file by running `xw` itself, and answers hers. Alice answers his.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.agents.acts import HIDDEN, MCP, SHELL, Acts
from tests.agents.doors import CASES, DOORS, SERVED
from tests.agents.home import end_all
from tests.agents.model import Make, Model
from tests.agents.programs import install
from tests.agents.stage import ANSWER_S, Stage
from tests.bridges.helpers import until

pytestmark = [pytest.mark.agents, pytest.mark.timeout(900)]

_PLUGGED = ("1 new message for bob, from other agents", "Mail with other ")
"""What a plugin's hooks and instructions show of themselves, beside its server."""
IN, OUT, DONE = b"numbers: 1 2 3\n", b"sum: 6\n", "All of it is done."


@pytest.fixture(params=CASES, ids="-".join)
def bob(request: pytest.FixtureRequest, model: Model) -> Iterator[tuple[str, Stage]]:
    """A program, and the way in that serves it."""
    way, name = request.param
    install([name])
    with tempfile.TemporaryDirectory(prefix="xw-", ignore_cleanup_errors=True) as folder:
        home = Path(folder).resolve()
        stage, start = DOORS[way].make(home, name, model)
        try:
            start()
            yield way, stage
        finally:
            stage.end()
            end_all(home)


def test_task_with_a_file_and_a_reply_both_ways(bob: tuple[str, Stage]) -> None:
    """Each side's task arrives with its file, and each side's reply reaches the other."""
    way, agent = bob
    woken = DOORS[way].wakes(agent.name)
    question, back, thanks, asked, again = (agent.marker() for _ in range(5))
    (agent.work / "in.txt").write_bytes(IN)
    (agent.work / "out.txt").write_bytes(OUT)
    short: Future[str] = Future()
    calls = _calls(way, agent, back, short)
    agent.model.says(question, DONE, calls=calls)
    if way in SERVED:  # nothing but a person's prompt makes the model look
        agent.model.says(asked, DONE, calls=calls)
        agent.model.says(again, DONE, calls=[_acts(way, agent.name).check()])
    short.set_result(agent.send(f"{question}: add them", "task", "in.txt"))
    if not woken:
        _prompt(way, agent, f"is there any mail? {asked}", asked)
    assert DONE in agent.answer(short.result())  # a program without a profile shows more around it
    assert _read(agent.model, question) == IN
    for words in _PLUGGED if way == "plugin" else ():
        assert any(words in request for request in agent.model.requests if asked in request)
    if agent.name in SHELL:  # else it runs no commands
        more = "" if woken else f"is there any more? {again}"
        _back(agent, back, thanks, lambda: _prompt(way, agent, more, again) if more else None)
    agent.proves()


def _back(agent: Stage, back: str, thanks: str, ask: Callable[[], object]) -> None:
    """Bob's task reaches alice with its file, and her reply reaches bob's model, once a person asks."""
    task = json.loads(agent.xw("wait", "--json", "--type", "task", "--timeout", f"{ANSWER_S:g}"))
    assert back in task["body"]
    assert agent.attached(task) == [OUT]
    agent.xw("reply", task["id"], f"{thanks}: right")
    ask()
    until(lambda: any(thanks in request for request in agent.model.requests), ANSWER_S)


def _prompt(way: str, agent: Stage, text: str, marker: str) -> None:
    """Let a person ask; again where the program did not offer its MCP server's tools yet."""
    agent.prompt(text)
    for _ in range(5):
        if way not in SERVED or not _toolless(agent, marker):
            return
        agent.prompt(text)


def _toolless(agent: Stage, marker: str) -> bool:
    """Wait until the model was asked; return True if the program offered it no tool to call."""
    until(lambda: agent.model.asked(marker), ANSWER_S)
    return all(called != marker for called, _ in agent.model.called)


def _acts(way: str, name: str) -> Acts:
    if way not in SERVED:
        return SHELL[name]
    return HIDDEN if name == "qwen" else MCP


def _calls(way: str, agent: Stage, back: str, short: "Future[str]") -> list[Make]:
    """Return what bob's model does: it sends a task, and answers hers where the way only tells of it."""
    if agent.name not in SHELL:
        return []
    acts = _acts(way, agent.name)
    send = acts.send(f"please check {back}", agent.work / "out.txt")
    if not DOORS[way].tells:
        return [send]
    return [
        acts.check(),
        lambda: acts.read(short.result(ANSWER_S)),
        lambda: acts.reply(short.result(ANSWER_S), DONE),
        lambda: acts.done(short.result(ANSWER_S)),
        send,
    ]


def _read(model: Model, marker: str) -> bytes:
    """Return the file that the model was told the path of, beside this marker."""
    asked = [request for request in model.requests if marker in request]
    paths = [path for request in asked for path in re.findall(r"(/[^\s\"'\\]+/in\.txt)", request)]
    return Path(paths[-1]).read_bytes() if paths else b""
