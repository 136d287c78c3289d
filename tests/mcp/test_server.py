"""The server with the SDK's client in this process: notifications, resources, calls side by side."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from tests.cli.team import PATIENCE, Team
from xw import clock, delivery, layout
from xw.agent import Options
from xw.mcp.server import MailServer
from xw.mcp.shared_agent import SharedAgent

INBOX = "xw://inbox"

# Subscribing and pinging belong to the older protocol, which the programs speak.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


def server(team: Team, name: str = "bob") -> MailServer:
    return MailServer(SharedAgent(Options(name, config=str(team.folder / "xw.json"))), name)


def choose(team: Team, delivery: str, name: str = "bob") -> None:
    """Write when an instance is told of mail."""
    path = team.folder / "xw.json"
    found = json.loads(path.read_text())
    found["instances"][name]["delivery"] = delivery
    path.write_text(json.dumps(found))


class Heard(list[str]):
    """The notifications that a client got."""

    async def __call__(self, message: Any) -> None:
        method = getattr(message, "method", "")
        if method.startswith("notifications/resources/"):
            uri = getattr(message.params, "uri", "")
            self.append(f"{method.rpartition('/')[2]} {uri}".strip())


@asynccontextmanager
async def connected(served: MailServer, heard: Heard | None = None) -> AsyncIterator[Client]:
    """Be a client of the older protocol, which gets its notifications unasked."""
    with anyio.fail_after(PATIENCE):
        async with Client(served.sdk, mode="legacy", message_handler=heard) as client:
            yield client


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await anyio.sleep(0.01)


def run(test: Callable[..., Awaitable[None]], *arguments: Any) -> None:
    anyio.run(partial(test, *arguments))


def test_a_client_is_notified_of_each_message_once(team: Team) -> None:
    """With `push`, mail that waits and mail that comes are each notified, and no message twice."""
    choose(team, "push")
    run(_notified, team)


async def _notified(team: Team) -> None:
    first, heard = team.send("one", kind="task")[-8:], Heard()
    async with connected(server(team), heard) as client:
        await client.session.subscribe_resource(INBOX)
        await until(lambda: heard)
        await client.session.subscribe_resource(f"xw://thread/{first}")
        heard.clear()
        team.ok("reply", first, "on it", by="bob")
        second = team.send("more", "--re", first, kind="info")[-8:]
        await until(lambda: len(heard) == 3)
        assert sorted(heard) == ["list_changed", f"updated {INBOX}", f"updated xw://thread/{first}"]
        listed = (await client.list_resources()).resources
        assert [one.uri for one in listed] == [INBOX, f"xw://thread/{first}"]
        heard.clear()
        team.send("third", kind="task")
        await until(lambda: len(heard) == 2)  # another thread, to which nobody has subscribed
        assert second in (await client.read_resource(f"xw://thread/{first}")).contents[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("delivery", ["asked", "start", "turn"])
def test_nobody_is_notified_unasked(team: Team, delivery: str) -> None:
    """With any other value nothing is notified, until the person chooses `push`; no watch runs before."""
    choose(team, delivery)
    run(_unasked, team)


async def _unasked(team: Team) -> None:
    heard, served = Heard(), server(team)
    async with connected(served, heard) as client:
        team.send("one", kind="task")
        await client.call_tool("check", {})
        assert served._arrivals._thread is None
        choose(team, "push")
        await client.call_tool("check", {})
        await until(lambda: heard)
        mailbox = served._shared.agent()._instance.mailbox
        delivery.hold(mailbox, clock.now())
        heard.clear()
        team.send("two", kind="task")
        await until(served._arrivals.waiting)
        await client.call_tool("check", {})
        await anyio.sleep(0.5)
        assert heard == []
        delivery.resume(mailbox)
        with mailbox.files.locked(mailbox.at(layout.BRIDGE_LOCK)):  # a bridge shows it
            await client.call_tool("check", {})
            await anyio.sleep(0.5)
            assert heard == []
        await client.call_tool("check", {})
        await until(lambda: heard)


def test_after_a_hold_nobody_has_to_ask(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail that came on hold is notified once the hold has ended, without a call of the client."""
    choose(team, "push")
    monkeypatch.setattr("xw.mcp.server._HELD_S", 0.01)
    run(_held, team)


async def _held(team: Team) -> None:
    heard, served = Heard(), server(team)
    async with connected(served, heard) as client:
        await client.call_tool("check", {})
        mailbox = served._shared.agent()._instance.mailbox
        delivery.hold(mailbox, clock.now())
        team.send("one", kind="task")
        await until(served._arrivals.waiting)
        await anyio.sleep(0.3)
        assert heard == []
        delivery.resume(mailbox)
        await until(lambda: heard)


def test_a_stream_of_the_newer_protocol(team: Team) -> None:
    """A client of 2026 that asks for a stream gets what it named there."""
    choose(team, "push")
    run(_stream, team)


async def _stream(team: Team) -> None:
    with anyio.fail_after(PATIENCE):
        async with (
            Client(server(team).sdk, mode="2026-07-28") as client,
            client.listen(resource_subscriptions=[INBOX]) as events,
        ):
            team.send("one", kind="task")
            event = await anext(aiter(events))
            assert getattr(event, "uri", "") == INBOX


def test_a_call_that_waits_holds_up_no_other(team: Team) -> None:
    """While questions wait, other calls and pings are answered; each gets its answer, which is done."""
    run(_waits, team)


async def _waits(team: Team) -> None:
    results: list[Any] = []
    async with connected(server(team)) as client:

        async def ask() -> None:
            results.append(await client.call_tool("ask", {"to": "alice", "body": "Well?", "timeout": 60}))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)
            await until(lambda: len(team.pending("alice")) == 20)
            await client.session.send_ping()
            assert (await client.call_tool("check", {})).structured_content == {"messages": [], "total": 0}
            for number, question in enumerate(team.pending("alice")):
                team.ok("reply", question[-8:], f"answer {number}", by="alice")
    bodies = {one.structured_content["messages"][0]["body"] for one in results}
    assert bodies == {f"answer {number}" for number in range(20)}
    assert team.pending("bob") == []


def test_a_cancelled_question(team: Team) -> None:
    """Nobody gets the answer to a question whose call was cancelled, so it stays pending."""
    run(_cancelled, team)


async def _cancelled(team: Team) -> None:
    async with connected(server(team)) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "ask", {"to": "alice", "body": "Well?", "timeout": 60})
            await until(lambda: team.pending("alice"))
            tasks.cancel_scope.cancel()
        await client.session.send_ping()
        team.ok("reply", team.pending("alice")[0][-8:], "late", by="alice")
        await anyio.sleep(1.5)
        listed = (await client.call_tool("check", {})).structured_content
        assert [one["first_line"] for one in listed["messages"]] == ["late"]


def test_a_hub_that_vanishes(team: Team) -> None:
    """Without its hub a server answers each call with the error; when it is back, it works as before."""
    run(_vanishes, team)


async def _vanishes(team: Team) -> None:
    away = team.hub.with_name("away")
    async with connected(server(team)) as client:
        team.send("one", kind="task")
        team.hub.rename(away)
        failed = await client.call_tool("check", {})
        assert (failed.is_error, failed.structured_content["exit_code"]) == (True, 5), failed
        with pytest.raises(MCPError, match="unreachable"):
            await client.read_resource(INBOX)
        away.rename(team.hub)
        assert (await client.call_tool("check", {})).structured_content["total"] == 1


def test_a_mailbox_that_is_made_later(team: Team) -> None:
    """A server whose instance does not exist yet says how it is made, and serves it from then on."""
    run(_later, team)


async def _later(team: Team) -> None:
    async with connected(server(team, "dave")) as client:
        failed = await client.call_tool("check", {})
        assert "`xw init --name dave` makes one" in failed.content[0].text  # type: ignore[union-attr]
        team.ok("init", "--name", "dave", by=None)
        assert not (await client.call_tool("check", {})).is_error


def test_names_that_are_not_there(team: Team) -> None:
    """A tool or resource that does not exist is an error of the protocol, as it says; the server goes on."""
    run(_not_there, team)


async def _not_there(team: Team) -> None:
    async with connected(server(team)) as client:
        with pytest.raises(MCPError, match="unknown tool: 'destroy'"):
            await client.call_tool("destroy", {})
        for uri in ("xw://other", "file:///etc/passwd", "xw://thread/zzzz"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == ["xw://thread/{id}"]
