"""`xw mcp` as a process on standard input and output, as programs start it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.cli.team import PATIENCE, XW, Team
from tests.idle import cost, restless, settled, tree
from tests.mcp.wire import ENVELOPE, Wire

Serve = Callable[..., Wire]
_QUIET_S = 3.0


def test_claudes_probe_and_what_no_server_knows(team: Team, serve: Serve) -> None:
    """Garbage, unknown methods and a probe do not keep it from serving; it sends the project's files only."""
    team.send("Do it", kind="task")
    wire = serve()
    for line in (b"", b"hello", b"{", b'{"jsonrpc":"2.0"}', b"[1]", b"\xff\xfe", b'{"method":1}'):
        wire.write(line)
    assert wire.ask("server/discover")["error"]["code"] == -32601
    assert wire.ask("xw/destroy")["error"]["code"] == -32601
    said = wire.initialize()
    assert said["serverInfo"]["name"] == "xw"
    assert "you are bob" in said["instructions"]
    wire.write(b"garbage")
    wire.notify("notifications/unknown", a=1)
    assert wire.ask("ping")["result"] == {}
    (listed,) = wire.tool("check")["structuredContent"]["messages"]
    assert listed["from"] == "alice"
    assert all("outputSchema" not in one for one in wire.ask("tools/list")["result"]["tools"])
    assert wire.tool("read", ids=["zzzz"])["isError"]
    (team.folder / "inside.txt").write_text("x")
    sent = {"to": ["alice"], "type": "info", "body": "x"}
    assert not wire.tool("send", **sent, attach=["inside.txt"])["isError"]
    for outside in ("/etc/hostname", "../checkout/.xw/hub/hub.json"):
        refused = wire.tool("send", **sent, attach=[outside])
        assert refused["structuredContent"]["exit_code"] == 6
        assert f"{outside} is not in the project" in refused["content"][0]["text"]
    assert len(team.pending("alice")) == 1
    assert wire.end() == (0, "", "")


_UNREADABLE = [
    (rb'{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"check","x":"\ud800"}}', -32700),
    (b'{"jsonrpc":"2.0","id":"q","method":"ping","params":{"x":"\t"}}', -32700),
    (b'{"jsonrpc":"2.0","id":"q","method":7}', -32600),
]
"""Requests with an unpaired surrogate, a control character and a wrong type, and the code of their errors."""


def test_a_request_that_cannot_be_read_is_answered(team: Team, serve: Serve) -> None:
    """It is an error for the one who waits, before and after the handshake."""
    wire = serve()
    wire.write(rb'{"jsonrpc":"2.0","id":"\ud800","method":"ping"}')
    wire.write(rb'{"jsonrpc":"2.0","id":"q","result":"\ud800"}')
    for begin in (lambda: None, wire.initialize):
        begin()
        for line, code in _UNREADABLE:
            wire.write(line)
            answer = wire.next()
            assert (answer["id"], answer["error"]["code"]) == ("q", code), line
    assert wire.end() == (0, "", "")


def test_the_newer_protocol(team: Team, serve: Serve) -> None:
    """A client that begins with `server/discover` of 2026-07-28 needs no handshake; SIGTERM ends it."""
    before = set(team.folder.rglob("*"))
    wire = serve()
    found = wire.ask("server/discover", _meta=ENVELOPE)["result"]
    assert "2026-07-28" in found["supportedVersions"]
    assert found["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    result = wire.ask("tools/call", name="check", arguments={}, _meta=ENVELOPE)["result"]
    assert result["structuredContent"] == {"messages": [], "total": 0}
    refused = wire.ask(
        "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "x", "version": "1"}
    )
    assert refused["error"]["code"] == -32022
    assert len(tree(wire.process.pid)) == 1
    wire.process.send_signal(signal.SIGTERM)
    assert wire.process.wait(PATIENCE) == -signal.SIGTERM
    assert set(team.folder.rglob("*")) == before


def test_the_end_of_the_input_ends_it(team: Team, serve: Serve) -> None:
    """When its input ends, the process ends, whatever waits; a question's answer stays pending."""
    wire = serve()
    wire.initialize()
    wire.send("tools/call", name="ask", arguments={"to": ["alice"], "body": "Well?", "timeout": 600})
    while not team.pending("alice"):
        wire.ask("ping")
    code, _, errors = wire.end()
    assert (code, errors) == (0, "")
    team.ok("reply", team.pending("alice")[0][-8:], "yes", by="alice")
    assert len(team.pending("bob")) == 1


def test_without_a_name(team: Team, serve: Serve) -> None:
    """A server that cannot know whose it is starts all the same, and each call says what to set."""
    wire = serve(name="")
    wire.initialize()
    failed = wire.tool("check")
    assert failed["isError"]
    assert failed["structuredContent"]["exit_code"] == 2
    sentence = failed["structuredContent"]["error"]
    assert sentence == "which of alice, bob, carol are you? Set XW_NAME or give --as"
    assert wire.end() == (2, "", f"xw: {sentence}\n")


def test_a_name_from_its_arguments(team: Team, tmp_path: Path) -> None:
    """Programs that pass no environment on give name and configuration as arguments, from any folder."""
    anyio.run(partial(_from_arguments, team, tmp_path))


async def _from_arguments(team: Team, folder: Path) -> None:
    """Two programs at once, by the SDK's own client: each acts as its own instance, in either protocol."""
    config = str(team.folder / "xw.json")

    def server(name: str) -> StdioServerParameters:
        return StdioServerParameters(
            command=XW, args=["mcp", "--as", name, "--config", config], env={}, cwd=folder
        )

    with anyio.fail_after(PATIENCE):
        async with (
            Client(stdio_client(server("alice"), errlog=subprocess.DEVNULL), mode="legacy") as alice,  # type: ignore[arg-type]
            Client(stdio_client(server("bob"), errlog=subprocess.DEVNULL), mode="auto") as bob,  # type: ignore[arg-type]
        ):
            sent = await alice.call_tool("send", {"to": ["bob"], "type": "question", "body": "Well?"})
            question = sent.structured_content["id"]
            file = {"id": question, "files": [config]}
            assert not (await alice.call_tool("attach", file)).is_error
            await bob.call_tool("reply", {"id": question, "body": "yes"})
            await bob.call_tool("done", {"ids": [question]})
            listed = await alice.call_tool("check", {})
            assert listed.structured_content["messages"][0]["re"] == question


def test_an_idle_server_costs_nothing(team: Team, serve: Serve) -> None:
    """While nobody calls, it sleeps, also when it waits for mail to notify of; ^C ends it."""
    path = team.folder / "xw.json"
    found = json.loads(path.read_text())
    found["instances"]["bob"]["delivery"] = "push"
    path.write_text(json.dumps(found))
    wire = serve()
    wire.initialize()
    team.send("Do it", kind="task")
    while wire.next().get("method") != "notifications/resources/list_changed":
        pass
    processes = [wire.process.pid]
    settled(lambda: cost(processes).cpu)
    assert restless({"xw": processes}, _QUIET_S) == {}
    assert wire.process.poll() is None
    wire.process.send_signal(signal.SIGINT)
    assert wire.process.wait(PATIENCE) == -signal.SIGINT


def test_the_exit_code_without_a_mailbox(tmp_path: Path) -> None:
    """It serves until its input ends, so that each call says what to set; the exit code is the error's."""
    ended = subprocess.run(
        [XW, "mcp"], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, "there is no xw.json here" in ended.stderr) == (2, True), ended


def test_without_the_package(team: Team) -> None:
    """Without the SDK, one line says how to install it."""
    hidden = "import sys; sys.modules['mcp'] = None; sys.argv = ['xw', 'mcp']"
    hidden += "; from xw.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", hidden], cwd=team.folder, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"xw: xw mcp needs the package mcp: {sys.executable} -m pip install 'xw[mcp]'\n"
