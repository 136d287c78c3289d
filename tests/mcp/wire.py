"""A client of MCP that knows only lines of JSON, for what the SDK's client does not send."""

import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cli.team import PATIENCE, XW

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.332"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What each request of the newer protocol carries."""


class Wire:
    """A server's process, its input and its output."""

    def __init__(self, folder: Path, arguments: Sequence[str], name: str = "bob", config: str = "") -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("XW_")}
        environ |= {"XW_NAME": name} if name else {}
        self.process = subprocess.Popen(
            [XW, "mcp", *arguments],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._read = b""
        self._last = 0

    def write(self, line: bytes) -> None:
        """Write a line."""
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    def send(self, method: str, **params: Any) -> int:
        """Send a request; its id."""
        self._last += 1
        request = {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}
        self.write(json.dumps(request).encode())
        return self._last

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request, and return the message that answers it; others before it are passed over."""
        wanted = self.send(method, **params)
        while (message := self.next()).get("id") != wanted:
            pass
        return message

    def tool(self, tool: str, **arguments: Any) -> Any:
        """Call a tool; its result."""
        return self.ask("tools/call", name=tool, arguments=arguments)["result"]

    def next(self) -> Any:
        """Return the next message: each line of the output must be one."""
        assert self.process.stdout
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            assert left > 0, "no answer"
            if select.select([self.process.stdout], [], [], left)[0]:
                piece = os.read(self.process.stdout.fileno(), 1 << 20)
                assert piece, "the server has ended"
                self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    def initialize(self) -> Any:
        """Begin a session of the older protocol; what the server says of itself."""
        answer = self.ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "wire", "version": "1"},
        )
        self.notify("notifications/initialized")
        return answer["result"]

    def end(self) -> tuple[int, str, str]:
        """Close the input; the exit code, the rest of the output, and stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()

    def close(self) -> None:
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE)
