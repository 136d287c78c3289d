"""`xw mcp --http`: who may connect, and where the token is."""

import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import anyio
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.cli.team import PATIENCE, Team, call
from tests.idle import cost, restless, settled
from xw import XwError
from xw.mcp.http import listen, token_in

pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

_FIRST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "wire", "version": "1"},
    },
}


class Served(NamedTuple):
    process: "subprocess.Popen[str]"
    port: int
    token: str
    said: str

    def status(self, token: str | None = None, path: str = "/mcp", **headers: str) -> int:
        """Return the status of a first request with these headers, `_` for `-`; None leaves the token out."""
        found = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        found |= {} if token is None else {"Authorization": token}
        found |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", path, json.dumps(_FIRST), found)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def served(team: Team) -> Iterator[Served]:
    """Bob's mail over HTTP, on some port."""
    process = team.start("mcp", "--http", "--port", "0", by="bob")
    assert process.stderr
    said = process.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+)/mcp.*token: (\S+)$", said)
    assert found, said
    yield Served(process, int(found[1]), found[2], said)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (-signal.SIGTERM, "", "")


def test_who_may_connect(served: Served) -> None:
    """Only a request with the token is served, and none that a web page made under a name of its own."""
    good = f"Bearer {served.token}"
    assert len(served.token) >= 32
    assert served.status(good) == 200
    assert served.status(good, Host=f"localhost:{served.port}") == 200
    assert served.status(good, Origin=f"http://localhost:{served.port}") == 200
    for wrong in (None, "", "Bearer ", f"{good}x", good[:-1], served.token):
        assert served.status(wrong) == 401
    assert served.status(None, path="/other") == 401
    assert served.status(good, path="/other") == 404
    port = served.port
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "127.0.0.1:1"):
        assert served.status(good, Host=host) == 421, host
    for origin in ("http://evil.example", "null", "http://localhost:1", f"http://127.0.0.1.evil:{port}"):
        assert served.status(good, Origin=origin) == 403, origin
    everywhere = f"00000000:{served.port:04X} "
    assert everywhere not in Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()


def test_two_programs_at_once(team: Team, served: Served) -> None:
    """Several clients, of either protocol, share the server; between their calls it sleeps."""
    path = team.folder / "xw.json"
    found = json.loads(path.read_text())
    found["instances"]["bob"]["delivery"] = "push"
    path.write_text(json.dumps(found))
    anyio.run(partial(_two, team, served))


async def _two(team: Team, served: Served) -> None:
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(getattr(message, "method", ""))

    def transport(session: httpx2.AsyncClient) -> Any:
        return streamable_http_client(f"http://127.0.0.1:{served.port}/mcp", http_client=session)

    headers = {"Authorization": f"Bearer {served.token}"}
    with anyio.fail_after(PATIENCE):
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as one,
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as two,
            Client(transport(one), mode="legacy", message_handler=hear) as older,
            Client(transport(two), mode="auto") as newer,
        ):
            offered = older.server_capabilities.resources
            assert offered and offered.list_changed, "else a client need not listen"
            while "notifications/resources/list_changed" not in heard:
                # What is notified before the client has opened its stream is lost, as the protocol has it.
                await older.call_tool("send", {"to": ["bob"], "type": "task", "body": "note to self"})
                await anyio.sleep(0.5)
            listed = (await newer.call_tool("check", {})).structured_content
            assert listed["messages"][0]["written_by"] == "you"
            processes = [served.process.pid]
            await anyio.to_thread.run_sync(settled, lambda: cost(processes).cpu)
            assert await anyio.to_thread.run_sync(restless, {"xw": processes}, 3) == {}


def test_a_token_in_a_file(tmp_path: Path) -> None:
    """The file is made with a token for its owner alone, and kept; one that others can read is refused."""
    file = tmp_path / "token"
    before = os.umask(0)
    try:
        token = token_in(str(file))
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert token_in(str(file)) == token
    file.chmod(0o640)
    with pytest.raises(XwError, match="others may read this token") as refused:
        token_in(str(file))
    assert refused.value.code == 6
    file.chmod(0o600)
    for text in ("", "short", "x" * 20 + "\n" + "y" * 20, "é" * 40):
        file.write_text(text)
        with pytest.raises(XwError, match="no token: remove the file"):
            token_in(str(file))
    with pytest.raises(XwError):
        token_in(str(tmp_path / "none" / "token"))


def test_calls_that_cannot_work(team: Team) -> None:
    """A taken port, a file for the token without HTTP, and an unknown instance are errors at the start."""
    taken = listen(0)
    for arguments, said, code in (
        (("--http", "--port", str(taken.getsockname()[1])), "--port", 2),
        (("--http", "--port", "99999"), "--port", 2),
        (("--token-file", "x"), "--token-file belongs to --http", 2),
        (("--http", "--as", "nobody"), "no mailbox for 'nobody'", 3),
    ):
        with mock.patch.dict(os.environ):  # the command confines its process
            result = team.run("mcp", *arguments, by="bob")
        assert (result.code, result.out) == (code, "")
        assert said in result.err
    confined = call(team.folder, "mcp", "--http", environ={"XW_NAME": "bob", "XW_CONFINED": "1"})
    assert (confined.code, "--http" in confined.err) == (6, True)
    taken.close()
